// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STUB_H
#define ENGINE_STUB_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/oci/spec.h"

/*
 * The stub: the process on the host that stands for one process in the guest.
 * Callers supervise its pid; it holds the stdio it inherited, forwards the
 * signals it gets and exits with the status of the process.
 */
struct stub_options {
	int dirfd; /* of the sandbox, to reach stub.sock */
	const char *id;
	const char *exec_id; /* NULL: the init process */
	bool terminal;
	const char *console_socket; /* gets the pty's master; or NULL */
	/* The caller waits, and the terminal at stdin, if any, is lent. */
	bool foreground;
	/* The network namespace that whoever is given the stub's pid shall
	 * find: NULL the caller's, "" a new one (the caller's, for who may
	 * not make any), else the path of one. */
	const char *netns;
	/* Whose root and mounts shall be found there; NULL: the caller's. */
	const struct spec *spec;
};

/*
 * Forks the stub, a child of the caller, and waits until the supervisor has
 * it. 0 with its pid, or -errno; then there is no child.
 */
int stub_spawn(const struct stub_options *o, pid_t *ret, struct err *reterr);

/*
 * Waits for stub PID as a foreground command does: signals sent to the caller
 * go to it, and the terminal is as before afterwards. Returns the exit status,
 * 128+n for signal n, or -errno.
 */
int stub_wait(pid_t pid);

#endif
