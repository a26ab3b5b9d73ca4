// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_MOUNT_H
#define AGENT_MOUNT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define MOUNT_DATA_MAX 4000 /* the kernel takes a page, NUL included */

/* The options of a mount, sorted by where the kernel wants them. */
struct mount_options {
	unsigned long flags;	   /* MS_*: file system and mount flags */
	unsigned long clear;	   /* MS_*: explicitly not wanted, for a bind */
	unsigned long propagation; /* MS_SHARED &c. with MS_REC, or 0 */
	uint64_t rec_set;	   /* MOUNT_ATTR_*: "rro" and its family */
	uint64_t rec_clear;
	bool copy_up;		   /* "tmpcopyup" */
	bool idmap, idmap_all;	   /* "idmap", "ridmap" */
	char data[MOUNT_DATA_MAX]; /* what is left, comma separated */
};

/*
 * Sorts N options as the OCI runtime specification names them. Each element may
 * itself hold several, separated by commas. -E2BIG when the rest does not fit.
 */
int mount_options_parse(struct mount_options *ret, char *const *options,
			size_t n);

/* MS_SHARED &c. with MS_REC for "rslave" and its family; 0 when unknown. */
unsigned long mount_propagation(const char *name);

/*
 * Mounts a new file system on the object TARGETFD (O_PATH). SOURCE and TYPE
 * as for mount().
 */
int mount_fs_at(int targetfd, const char *source, const char *type,
		const struct mount_options *options, struct err *reterr);

/*
 * Makes the tree (or, unless MS_REC is among the flags, the one mount) at
 * SOURCEFD appear at TARGETFD, with the flags of OPTIONS in force from the
 * first moment.
 */
int mount_bind_at(int sourcefd, int targetfd,
		  const struct mount_options *options, struct err *reterr);

/*
 * The two halves of mount_bind_at() for a mount with an id mapping: a detached
 * one, mapped by the user namespace USERNSFD, and its attachment.
 */
int mount_open_idmapped(int sourcefd, int usernsfd,
			const struct mount_options *options,
			struct err *reterr);
int mount_attach(int treefd, int targetfd, const struct mount_options *options,
		 struct err *reterr);

/* The mount just made on TARGETFD: that fd still names what lies beneath. An
 * O_PATH fd, or -errno. */
int mount_reopen(int targetfd);

/* Sets MOUNT_ATTR_* bits on the mount that FD is in (or its tree). -errno. */
int mount_attr_set(int fd, bool recursive, uint64_t set, uint64_t clear,
		   uint64_t propagation);

#endif
