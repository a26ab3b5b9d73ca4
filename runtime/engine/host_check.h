// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_HOST_CHECK_H
#define ENGINE_HOST_CHECK_H

#include <stdbool.h>

#include "base/err.h"
#include "runtime/oci/spec.h"

/*
 * What a specification asks of the host, or of a guest that cannot have it,
 * looked at before anything is made: the root file system, sources of bind
 * mounts, the network namespace, seccomp's listener (SECCOMP: filters are
 * used), the size of the whole. 0 or -errno, the error names the field.
 */
int host_check(const struct spec *s, bool seccomp, struct err *reterr);

#endif
