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
	int fd;			 /* of the folder, writable; owned */
	struct journal *journal; /* borrowed */
	char *path; /* absolute; here it is as the guest sees it; owned */
	bool mounted;
};

/* Gives the process its own mount namespace and makes the folder. To be ended
 * by share_release() in any case. */
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

/* Whether there are mounts below <cid>/<name>. */
bool share_has_submounts(const struct share *s, const char *cid,
			 const char *name);

/* Undoes all of container CID's that is below the folder. */
void share_remove_container(struct share *s, const char *cid);

#endif
