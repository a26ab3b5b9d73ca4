// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_SPAWN_H
#define VMM_SPAWN_H

#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/vmm/jail.h"

/*
 * Starts a helper program (VMM, file server): own session, killed when this
 * process dies, default signals, stdin from /dev/null, stdout and stderr into
 * a pipe; it inherits FDS[i] as descriptor 3 + i (-1: a hole) and nothing else.
 * 0 with *RET_PID and *RET_OUTPUT (the pipe's reading end, non-blocking,
 * close-on-exec, the caller's), or -errno. A program that cannot be executed
 * says so in the pipe and exits 127. With JAIL (may be NULL) it runs in there.
 */
#define SPAWN_FDS_MAX 96

int spawn_helper(char *const argv[], const int *fds, size_t n_fds,
		 const struct jail *jail, pid_t *ret_pid, int *ret_output,
		 struct err *reterr);

#endif
