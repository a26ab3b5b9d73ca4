// SPDX-License-Identifier: Apache-2.0
#include "hook.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strv.h"

#define TIMEOUT_MAX_S 86400

static void execute(const Grpc__Hook *hook, int input)
	__attribute__((noreturn));

static void execute(const Grpc__Hook *hook, int input)
{
	struct strv argv = STRV_INIT, env = STRV_INIT;
	size_t i;

	for (i = 0; i < hook->n_args; i++)
		(void)strv_add(&argv, hook->args[i]);
	if (!hook->n_args)
		(void)strv_add(&argv, hook->path);
	for (i = 0; i < hook->n_env; i++)
		(void)strv_add(&env, hook->env[i]);
	if (dup2(input, 0) >= 0 && !strv_error(&argv) && !strv_error(&env))
		(void)execve(hook->path, strv_argv(&argv), strv_argv(&env));
	_exit(127);
}

/* The state, in a pipe that holds it whole. */
static int state_pipe(const char *id)
{
	cleanup_close int in = -1, out = -1;
	int fds[2];

	if (pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	in = fds[0];
	out = fds[1];
	if (dprintf(out, "{\"ociVersion\":\"1.0.2\",\"id\":\"%s\","
			 "\"status\":\"created\",\"pid\":1,"
			 "\"bundle\":\"/\"}\n", id) < 0)
		return -errno;
	return TAKE_FD(in);
}

static int await(const Grpc__Hook *hook, pid_t pid, int *status)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd p = {.fd = fd, .events = POLLIN};
	bool limited = hook->timeout > 0 && hook->timeout <= TIMEOUT_MAX_S;
	int r = 1;

	if (fd >= 0)
		do {
			r = poll(&p, 1, limited ? (int)hook->timeout * 1000
						: -1);
		} while (r < 0 && errno == EINTR);
	if (!r)
		(void)kill(pid, SIGKILL);
	if (waitpid(pid, status, 0) < 0)
		return -errno;
	return r ? 0 : -ETIMEDOUT;
}

int hook_run(const Grpc__Hook *hook, const char *id, struct err *reterr)
{
	cleanup_close int input = state_pipe(id);
	int r, status = 0;
	pid_t pid;

	if (input < 0)
		return err_code(reterr, input, "hook '%.200s'", hook->path);
	pid = fork();
	if (pid < 0)
		return err_errno(reterr, "hook '%.200s'", hook->path);
	if (!pid)
		execute(hook, input);
	r = await(hook, pid, &status);
	if (r < 0)
		return err_code(reterr, r, "hook '%.200s'", hook->path);
	if (WIFSIGNALED(status))
		return err_set(reterr, -EIO,
			       "error running hook '%.200s': signal %d%s",
			       hook->path, WTERMSIG(status),
			       WTERMSIG(status) == SIGSYS ? ": bad system call"
							  : "");
	if (WEXITSTATUS(status))
		return err_set(reterr, -EIO,
			       "error running hook '%.200s': exit status %d",
			       hook->path, WEXITSTATUS(status));
	return 0;
}
