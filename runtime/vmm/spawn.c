// SPDX-License-Identifier: Apache-2.0
#include "runtime/vmm/spawn.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/close_range.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/event.h"
#include "os/io.h"

/* Above every number that a helper gets. */
#define PARK_FD 64

static void child_fail(const char *what, const char *object)
{
	(void)dprintf(STDERR_FILENO, "kiln: %s '%s': %s\n", what, object,
		      strerror(errno));
	_exit(127);
}

static void child_signals(void)
{
	/* Ignored signals would stay ignored in the program. */
	for (int s = 1; s < NSIG; s++)
		if (s != SIGKILL && s != SIGSTOP)
			(void)signal(s, SIG_DFL);
	event_restore_signals();
}

/* From a pid namespace of its own a child cannot see the parent's pid, nor that
 * it has become another one's. A pidfd polls readable once its process ended. */
static bool has_ended(int pidfd)
{
	struct pollfd pfd = {.fd = pidfd, .events = POLLIN};

	return poll(&pfd, 1, 0) != 0;
}

static void __attribute__((noreturn))
child_main(char *const argv[], const int *fds, size_t n_fds, int output,
	   const struct jail *jail, int gate, int parent)
{
	int parked[SPAWN_FDS_MAX];
	int null;

	if (dup2(output, STDOUT_FILENO) < 0 || dup2(output, STDERR_FILENO) < 0)
		_exit(127);
	if (jail)
		jail_enter(jail, gate, argv[0]);
	/* Now, as a change of credentials takes it back. */
	if (prctl(PR_SET_PDEATHSIG, SIGKILL) < 0)
		child_fail("helper's death signal", argv[0]);
	/* The parent may have died before the signal was asked for. */
	if (has_ended(parent))
		_exit(127);
	(void)setsid(); /* fails only for a leader, which is as good */
	child_signals();
	null = open("/dev/null", O_RDONLY | O_CLOEXEC);
	if (null < 0 || dup2(null, STDIN_FILENO) < 0)
		child_fail("open", "/dev/null");
	/* In two steps, so that no source is overwritten by a target. */
	for (size_t i = 0; i < n_fds; i++) {
		parked[i] = fds[i] < 0 ? -1
				       : fcntl(fds[i], F_DUPFD_CLOEXEC, PARK_FD);
		if (fds[i] >= 0 && parked[i] < 0)
			child_fail("file descriptor for", argv[0]);
	}
	for (size_t i = 0; i < n_fds; i++) {
		if (parked[i] < 0)
			(void)close(3 + (int)i);
		else if (dup2(parked[i], 3 + (int)i) < 0)
			child_fail("file descriptor for", argv[0]);
	}
	if (close_range(3 + (unsigned int)n_fds, UINT_MAX,
			CLOSE_RANGE_CLOEXEC) < 0)
		for (int fd = 3 + (int)n_fds; fd < 1024; fd++)
			(void)fcntl(fd, F_SETFD, FD_CLOEXEC);
	(void)execvp(argv[0], argv);
	child_fail("run", argv[0]);
	_exit(127);
}

int spawn_helper(char *const argv[], const int *fds, size_t n_fds,
		 const struct jail *jail, pid_t *ret_pid, int *ret_output,
		 struct err *reterr)
{
	cleanup_close int rd = -1;
	cleanup_close int wr = -1;
	cleanup_close int self = (int)syscall(SYS_pidfd_open, getpid(), 0);
	int gate = -1;
	pid_t pid;
	int p[2];
	int r;

	if (n_fds > SPAWN_FDS_MAX)
		return err_set(reterr, -EINVAL, "too many file descriptors");
	if (self < 0)
		return err_errno(reterr, "watch the parent of '%s'", argv[0]);
	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(reterr, "pipe for '%s'", argv[0]);
	rd = p[0];
	wr = p[1];
	r = set_nonblock(rd);
	if (r < 0)
		return err_code(reterr, r, "pipe for '%s'", argv[0]);
	pid = jail ? jail_fork(&gate) : fork();
	if (pid < 0)
		return err_code(reterr, jail ? (int)pid : -errno,
				"fork for '%s'", argv[0]);
	if (pid == 0)
		child_main(argv, fds, n_fds, wr, jail, gate, self);
	if (jail) {
		r = jail_open_gate(pid, gate, reterr);
		if (r < 0) {
			(void)kill(pid, SIGKILL);
			(void)waitpid(pid, NULL, 0);
			return r;
		}
	}
	*ret_pid = pid;
	*ret_output = TAKE_FD(rd);
	return 0;
}
