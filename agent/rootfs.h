// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_ROOTFS_H
#define AGENT_ROOTFS_H

#include "base/err.h"
#include "process.h"

struct agent;

/*
 * The container's view of files. Everything is done in the child, in its own
 * mount namespace; the image is hostile and each path in it is resolved within
 * it.
 */

/*
 * An O_PATH fd of PATH, which the host names as the source of a bind mount;
 * -errno, -EXDEV for a link that leads out of what the host shares.
 */
int rootfs_open_source(const struct agent *agent, const char *path);

/* Binds the root, mounts and makes all that belongs in it; an fd of it. */
int rootfs_prepare(const struct launch *launch, struct err *reterr);

/* Makes ROOTFD the root of the mount namespace and lets the old one go. */
int rootfs_enter(int rootfd, const struct launch *launch, struct err *reterr);

/* Binds the terminal TTYFD as /dev/console. */
int rootfs_console(int rootfd, int ttyfd, struct err *reterr);

/* Devices and links of /dev, see rootfs_dev.c. */
int rootfs_devices(int rootfd, const struct launch *launch,
		   struct err *reterr);

/* Makes, in the guest's /dev, the devices of a container whose user namespace
 * may make none: with their owners there, for rootfs_devices() to bind. The
 * agent itself does it, when it is a guest's. */
void rootfs_spare_devices(const Grpc__Linux *l);

/* Hides what the specification says. */
int rootfs_restrict(int rootfd, const Grpc__Linux *l, struct err *reterr);

#endif
