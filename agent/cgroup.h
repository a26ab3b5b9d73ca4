// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_CGROUP_H
#define AGENT_CGROUP_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/oci.pb-c.h"

/*
 * Control groups, version 2. The tree at ROOT is the agent's; where there is
 * none (protocol tests on a host with version 1) containers run without, and
 * cgroup_available() says so.
 */

#define CGROUP_PATH_MAX 1024
#define CGROUP_AGENT "kiln-agent" /* the leaf that the agent itself is in */

/* Pure conversions from what OCI says (in terms of version 1). */
uint64_t cgroup_weight_of_shares(uint64_t shares);    /* cpu.weight */
uint64_t cgroup_weight_of_blkio(uint32_t weight);     /* io.weight */
/* memory.swap.max of OCI's memory + swap; -1: unlimited; -EINVAL as INT64_MIN
 * when swap is less than the memory limit. */
int64_t cgroup_swap_of_memsw(int64_t swap, int64_t limit);

/*
 * The path below the root (relative, normal) for OCI's cgroupsPath PATH of
 * container ID: empty gives "kiln/<id>", systemd's "slice:prefix:name" gives
 * "slice/prefix-name.scope". -EINVAL for "..", the agent's own, or overlong.
 */
int cgroup_path(const char *path, const char *id, char ret[CGROUP_PATH_MAX]);

bool cgroup_available(const char *root);

/* Puts this process in its leaf and offers all controllers to the others. */
int cgroup_boot(const char *root, struct err *reterr);

/* Makes the group and its parents, controllers enabled on the way, and opens
 * it: an fd for the functions below. -EBUSY when somebody is in it already. */
int cgroup_create(const char *root, const char *path, struct err *reterr);

/* -EBUSY while processes are left. Empty parents go too. */
int cgroup_remove(const char *root, const char *path);

int cgroup_apply(int fd, const Grpc__LinuxResources *resources,
		 struct err *reterr);

/* Writes VALUE to the controller's file NAME ("memory.high"), which comes from
 * a specification: -EINVAL for what is no such name. */
int cgroup_set(int fd, const char *name, const char *value,
	       struct err *reterr);

/* Kills every process in the group. */
int cgroup_kill(int fd);
/* Stops or resumes all of it; waits a little for the stop to be complete. */
int cgroup_freeze(int fd, bool freeze);
/* The group at PATH below group FD ("/" is itself), as a descriptor; symbolic
 * names and ".." are refused. */
int cgroup_below(int fd, const char *path, struct err *reterr);

bool cgroup_is_frozen(int fd);
/* An fd of the group that process PID is in, below ROOT; -errno. */
int cgroup_of_pid(const char *root, pid_t pid);
/* True when no process is left. */
bool cgroup_is_empty(int fd);

/* A number from a file of the group: a sole one, or that of KEY ("key N"
 * lines). "max" is UINT64_MAX. */
int cgroup_read(int fd, const char *file, const char *key, uint64_t *ret);

#endif
