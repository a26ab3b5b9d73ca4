// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SHARE_H
#define ENGINE_SHARE_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/engine/journal.h"

/*
 * The folder of a sandbox that its guest sees: below it, bind mounts of root
 * file systems and volumes. The mounts are in the supervisor's own mount
 * namespace and vanish with it, however it ends.
 */
#define SHARE_NAME "shared"
#define SHARE_TAG "kataShared"
#define SHARE_GUEST_PATH "/run/kata-containers/shared/containers"

struct share {
	int dirfd;		 /* of the sandbox; borrowed */
	struct journal *journal; /* borrowed */
	char *path;		 /* absolute host path of the folder; owned */
};

/* Gives the process its own mount namespace and makes the folder. */
int share_init(struct share *s, int dirfd, const char *dir,
	       struct journal *journal, struct err *reterr);
void share_release(struct share *s);

/* Makes the folder of container CID. */
int share_add_container(struct share *s, const char *cid, struct err *reterr);

/*
 * Binds host path SOURCE (a folder or a file; resolved by the kernel, now) as
 * <cid>/<name>. *RET is the guest's path of it, to be freed.
 */
int share_bind(struct share *s, const char *cid, const char *name,
	       const char *source, bool recursive, bool read_only, char **ret,
	       struct err *reterr);

/* Undoes all of container CID's that is below the folder. */
void share_remove_container(struct share *s, const char *cid);

#endif
