// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_POD_H
#define ENGINE_POD_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/oci/spec.h"

/*
 * Containers of a pod, which share a sandbox: the first, of type "sandbox", has
 * its folder; the others have one each, whose sockets are links to the first's,
 * so that all calls about them reach its supervisor.
 */

/*
 * The sandbox that container ID with SPEC belongs to, by the annotations of
 * containerd, CRI-O and Podman, or by the pid in its network namespace's path;
 * NULL: one of its own. *RET is to be freed.
 * -ENOENT when it is not there (any more).
 */
int pod_sandbox(const char *root, const char *id, const struct spec *spec,
		char **ret, struct err *reterr);

/* 0 when a container for ARCH can be in SANDBOX: its VM has but one kernel. */
int pod_check_arch(const char *root, const char *sandbox, const char *arch,
		   struct err *reterr);

/* Makes the links to SANDBOX in the folder DIRFD of a container. */
int pod_join(int dirfd, const char *sandbox, struct err *reterr);

/* Ends container ID when it is a member: false when it is not. */
bool pod_leave(const char *root, const char *id);

#endif
