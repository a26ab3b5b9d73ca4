// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_SYSFILTER_H
#define AGENT_SYSFILTER_H

#include "base/err.h"
#include "proto/oci.pb-c.h"

/* A system call filter, compiled and ready to be loaded. */
struct sysfilter;

/*
 * Compiles SPEC; ERROR is the errno of its default action, should that have
 * one, or -1 when the caller named none. System calls that this kernel does not
 * know are left out, as are architectures of the other byte order; other
 * nonsense is -EINVAL.
 *
 * With no ERROR given, calls that are newer than all that SPEC names fail with
 * ENOSYS, on which programs fall back: who wrote SPEC cannot have meant them.
 */
int sysfilter_new(const Grpc__LinuxSeccomp *spec, int error,
		  struct sysfilter **ret, struct err *reterr);
void sysfilter_free(struct sysfilter *filter);

/* Puts the calling process under the filter. Needs CAP_SYS_ADMIN or
 * no_new_privs, neither of which it sets. */
int sysfilter_load(const struct sysfilter *filter, struct err *reterr);

#endif
