// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SPAWN_H
#define ENGINE_SPAWN_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"

/* What a supervisor finds at its start, and where. */
#define SPAWN_FD_TASK 3 /* listening sockets */
#define SPAWN_FD_STUB 4
#define SPAWN_CONFIG_NAME "config.toml"
#define SPAWN_LOG_NAME "supervisor.log"
/* The control groups of the container, and of the VM when it has its own. */
#define SPAWN_CGROUP_NAME "cgroup"
#define SPAWN_CGROUP_VM_NAME "cgroup.vm"

struct spawn_options {
	const char *root, *id; /* ROOT is absolute */
	const char *arch;      /* or NULL */
	bool debug;
	int dirfd;
};

/*
 * Starts the supervisor of a new sandbox: this program anew, with the argument
 * "supervisor", in a session of its own. *RET is its pid, a child. On failure
 * the caller removes the folder.
 */
int spawn_supervisor(const struct spawn_options *o, pid_t *ret,
		     struct err *reterr);

#endif
