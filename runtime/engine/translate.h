// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_TRANSLATE_H
#define ENGINE_TRANSLATE_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/oci/spec.h"

/*
 * From the caller's spec, written for the host, to the guest's: what names
 * things of the host goes, paths become those of the guest. No system calls.
 */

/* Where a mount of the caller comes from in the guest. */
enum mount_origin {
	MOUNT_GUEST,  /* made by the agent as the spec says */
	MOUNT_SHARED, /* a file or folder of the host: through the share */
	MOUNT_SHM,    /* the sandbox's shared memory */
};

#define TRANSLATE_SHM_PATH "/run/kata-containers/sandbox/shm"
/* On the container of `kiln shell`, by the value "true": it has the guest's
 * processes in view. */
#define TRANSLATE_SHELL_ANNOTATION "io.kiln.shell"
#define TRANSLATE_SHM_DEFAULT (64U << 20)

enum mount_origin translate_mount_origin(const struct spec_mount *m);

bool translate_is_shell(const struct spec *s);

/* Points a bind mount at SOURCE, a path of the guest. 0 or -ENOMEM. */
int translate_mount(struct spec *s, struct spec_mount *m, const char *source);

/* Takes out of R what is for the host; EMPTY becomes a member. */
void translate_resources(Grpc__LinuxResources *r, char *empty);

/* A read-only mount with writable ones below it: the host keeps them apart, the
 * guest, to which they are one, must not. 0 or -ENOMEM. */
int translate_partly_readonly(struct spec *s, struct spec_mount *m);

/* The rest: ROOTFS is the guest's path of the root file system, CGROUP the
 * path of the container's control group there. */
int translate_spec(struct spec *s, const char *rootfs, const char *cgroup,
		   bool seccomp, struct err *reterr);

/* What several containers may use together. */
struct limits_sum {
	uint64_t millicpus;  /* of those that have a limit */
	uint64_t memory_mib; /* of those that have a limit */
	bool unlimited;	     /* one has no limit of memory */
};

/* Adds the limits R (NULL: none) of one more. */
void translate_add_limits(struct limits_sum *sum,
			  const Grpc__LinuxResources *r);

#endif
