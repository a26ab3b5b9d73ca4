// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_DEVGROUP_H
#define AGENT_DEVGROUP_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/oci.pb-c.h"

struct bpf_insn;

/*
 * Which devices the processes of a cgroup may use. Version 2 has no files for
 * that; a BPF program of the group decides on every open() and mknod().
 */

#define DEVGROUP_RULES_MAX 1024
#define DEVGROUP_INSNS_MAX (DEVGROUP_RULES_MAX * 8 + 16)

/*
 * Writes the program for N rules of a specification, of which the last that
 * matches counts, and anything else is denied. *RET_N instructions, at most
 * DEVGROUP_INSNS_MAX. -EINVAL for a malformed rule, -E2BIG for too many.
 */
int devgroup_build(Grpc__LinuxDeviceCgroup *const *rules, size_t n,
		   struct bpf_insn *ret, size_t *ret_n, struct err *reterr);

/*
 * Puts the cgroup under the rules of SPEC, after those that every container has
 * (null, zero, full, random, urandom, tty, console, ptmx, pts; making nodes).
 * Without rules in SPEC the devices it lists may be used; a container that may
 * do raw I/O is not restricted then, as it can do without nodes. *PROG is the
 * program in force (-1: none yet); it is replaced, and stays the caller's.
 */
int devgroup_apply(int cgroupfd, const Grpc__Spec *spec, int *prog,
		   struct err *reterr);

/* As devgroup_apply(), for new rules of a running container. */
int devgroup_update(int cgroupfd, const Grpc__LinuxResources *resources,
		    int *prog, struct err *reterr);

#endif
