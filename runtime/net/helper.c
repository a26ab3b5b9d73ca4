// SPDX-License-Identifier: Apache-2.0
/*
 * A process enters a network namespace for good, so a child does it: what it
 * has found and made comes back over a socket, and the caller's own namespace
 * is never in doubt.
 */
#include "runtime/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"

#define CLEAN_TRIES 50

struct net_job {
	struct event_loop *loop;
	pid_t pid;
	int sock; /* owned */
	net_done_fn done;
	void *arg;
};

static int enter(int nsfd, struct err *reterr)
{
	if (setns(nsfd, CLONE_NEWNET) < 0)
		return err_errno(reterr, "enter the network namespace");
	return 0;
}

static void note_failure(struct net_plan *plan, const struct err *e)
{
	(void)snprintf(plan->unreached, sizeof(plan->unreached), "%s", e->text);
}

static int join(struct net_plan *plan, size_t i, int *tap)
{
	struct err err = {0};
	int r = net_join(&plan->links[i], tap, &plan->err);

	if (!r && net_reach(plan, i, &err) < 0)
		note_failure(plan, &err);
	return r;
}

static int work(int nsfd, bool near, struct net_plan *plan, int *taps)
{
	struct err err = {0};
	size_t i;
	int r = enter(nsfd, &plan->err);

	if (!r)
		r = net_scan(plan, &plan->err);
	for (i = 0; !r && i < plan->n_links; i++)
		r = join(plan, i, &taps[i]);
	if (!r && near && net_near(plan, &err) < 0)
		note_failure(plan, &err);
	if (r < 0) {
		struct err ignored;

		/* Taps go first: then what led to them is known as stale. */
		for (i = 0; i < NET_LINKS_MAX; i++)
			close_fd(&taps[i]);
		(void)net_clean(&ignored);
	}
	return r;
}

static _Noreturn void child(int nsfd, bool near, int sock)
{
	struct net_plan *plan = calloc(1, sizeof(*plan));
	int taps[NET_LINKS_MAX], r;
	size_t i;

	(void)prctl(PR_SET_NAME, "kiln-net", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!plan)
		_exit(1);
	for (i = 0; i < NET_LINKS_MAX; i++)
		taps[i] = -1;
	r = work(nsfd, near, plan, taps);
	r = send_fds(sock, plan, sizeof(*plan), taps,
		     r < 0 ? 0 : plan->n_links);
	_exit(r < 0 ? 1 : 0);
}

static void close_all(int *fds, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		close_fd(&fds[i]);
}

static void job_free(struct net_job *job)
{
	close_fd(&job->sock);
	free(job);
}

static void on_exit_of_child(void *arg, pid_t pid UNUSED, int status)
{
	struct net_job *job = arg;
	cleanup_free struct net_plan *plan = calloc(1, sizeof(*plan));
	size_t n_taps = NET_LINKS_MAX;
	net_done_fn done = job->done;
	void *done_arg = job->arg;
	int taps[NET_LINKS_MAX];
	struct err err = {0};
	ssize_t n = -ENOMEM;
	int r = 0;

	if (plan)
		n = recv_fds(job->sock, plan, sizeof(*plan), taps, &n_taps);
	job_free(job);
	if (!plan || n != (ssize_t)sizeof(*plan)) {
		if (n < 0)
			n_taps = 0;
		r = err_set(&err, -EIO, "the network could not be looked at "
			    "(status 0x%x)", (unsigned int)status);
	} else if (plan->err.code < 0) {
		r = err_set(&err, plan->err.code, "%s", plan->err.text);
	} else if (n_taps != plan->n_links) {
		r = err_set(&err, -EIO, "%zu taps for %zu interfaces", n_taps,
			    plan->n_links);
	}
	if (r < 0)
		close_all(taps, n_taps);
	done(done_arg, r, r < 0 ? NULL : plan, r < 0 ? NULL : taps, &err);
}

struct net_job *net_start(struct event_loop *loop, int nsfd, bool near,
			  net_done_fn done, void *arg, struct err *reterr)
{
	struct net_job *job = calloc(1, sizeof(*job));
	int pair[2], r;

	if (!job) {
		(void)err_code(reterr, -ENOMEM, "network");
		return NULL;
	}
	*job = (struct net_job){.loop = loop, .sock = -1, .done = done,
				.arg = arg};
	/* The plan is one message, and fits: nobody reads before the end. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)err_errno(reterr, "socket for the network");
		job_free(job);
		return NULL;
	}
	job->sock = pair[0];
	job->pid = fork();
	if (!job->pid)
		child(nsfd, near, pair[1]);
	close_fd(&pair[1]);
	r = job->pid < 0 ? err_errno(reterr, "fork")
			 : event_child(loop, job->pid, on_exit_of_child, job);
	if (r < 0) {
		(void)err_code(reterr, r, "network");
		job_free(job);
		return NULL;
	}
	return job;
}

void net_cancel(struct net_job *job)
{
	siginfo_t ignored;

	if (!job)
		return;
	event_child_cancel(job->loop, job->pid);
	(void)kill(job->pid, SIGKILL);
	/* What it is at still comes about: undone it may be only afterwards.
	 * The loop reaps it. */
	while (waitid(P_PID, (id_t)job->pid, &ignored, WEXITED | WNOWAIT) < 0 &&
	       errno == EINTR)
		;
	job_free(job);
}

pid_t net_pid(const struct net_job *job)
{
	return job->pid;
}

/* A VMM's descriptors may outlive its first thread for a moment; links of
 * another VM, should there be any, are not waited for any longer. */
static int clean_all(int nsfd)
{
	const struct timespec pause = {0, 20 * 1000000};
	struct err err = {0};
	int i, r = enter(nsfd, &err);

	for (i = 0; !r && i < CLEAN_TRIES; i++) {
		r = net_clean(&err);
		if (r <= 0)
			return r;
		(void)nanosleep(&pause, NULL);
		r = 0;
	}
	return r;
}

int net_undo(const char *path, uint64_t inode)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat st;
	int status = 0;
	pid_t pid;

	if (fd < 0)
		return errno == ENOENT || errno == EACCES ? 0 : -errno;
	if (fstat(fd, &st) < 0 || (uint64_t)st.st_ino != inode)
		return 0; /* another by now */
	pid = fork();
	if (pid < 0)
		return -errno;
	if (!pid)
		_exit(-clean_all(fd) & 0xff);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EIO;
}
