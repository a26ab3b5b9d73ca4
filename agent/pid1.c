// SPDX-License-Identifier: Apache-2.0
/*
 * An init for containers. An engine has one for the host's own architecture,
 * which a guest of another cannot execute (podman run --init --platform).
 */
#include "pid1.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#define EXIT_NOT_EXECUTABLE 126
#define EXIT_NOT_FOUND 127

bool pid1_is_wanted(int argc, char **argv)
{
	return argc > 2 && !strcmp(argv[1], "--");
}

static void execute(char **command) __attribute__((noreturn));

static void execute(char **command)
{
	int e;

	(void)execvp(command[0], command);
	e = errno;
	(void)fprintf(stderr, "init: exec: \"%.200s\": %s\n", command[0],
		      strerror(e));
	_exit(e == ENOENT ? EXIT_NOT_FOUND : EXIT_NOT_EXECUTABLE);
}

/* The child has the signals as they were, and a terminal if there is one. */
static pid_t start(char **command, const sigset_t *old)
{
	pid_t pid = fork();

	if (pid)
		return pid;
	(void)setpgid(0, 0);
	if (isatty(STDIN_FILENO))
		(void)tcsetpgrp(STDIN_FILENO, getpid());
	(void)sigprocmask(SIG_SETMASK, old, NULL);
	execute(command);
}

/* Waits for all that have ended. True when CHILD is one, with its *STATUS. */
static bool reap(pid_t child, int *status)
{
	bool over = false;
	pid_t pid;
	int s;

	while ((pid = waitpid(-1, &s, WNOHANG)) > 0) {
		if (pid != child)
			continue;
		over = true;
		*status = WIFSIGNALED(s) ? 128 + WTERMSIG(s) : WEXITSTATUS(s);
	}
	return over;
}

int pid1_run(char **command)
{
	sigset_t all, old;
	int status = EXIT_FAILURE, signo;
	pid_t child;

	/* Blocked, so that sigwait() has them all; what the child does with its
	 * terminal must not stop us. */
	(void)sigfillset(&all);
	(void)sigprocmask(SIG_SETMASK, &all, &old);
	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	child = start(command, &old);
	if (child < 0) {
		perror("init: fork");
		return EXIT_FAILURE;
	}
	for (;;) {
		if (sigwait(&all, &signo) != 0)
			continue;
		if (signo == SIGCHLD) {
			if (reap(child, &status))
				return status;
		} else if (signo != SIGTTIN && signo != SIGTTOU) {
			(void)kill(child, signo);
		}
	}
}
