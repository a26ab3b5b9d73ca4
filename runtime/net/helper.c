// SPDX-License-Identifier: Apache-2.0
/*
 * A process enters a network namespace for good, so a child does it: what it
 * has found and made comes back over a socket, and the caller's own namespace
 * is never in doubt.
 */
#include "runtime/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/rtnetlink.h>
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
#define FDS_MAX (1 + NET_CARDS_MAX * VM_QUEUES_MAX)

/* Of all cards; -1: none, or made before. */
typedef int taps_t[NET_CARDS_MAX][VM_QUEUES_MAX];

struct net_job {
	struct event_loop *loop;
	pid_t pid;
	int sock; /* owned */
	net_done_fn done;
	void *arg;
	bool watch; /* is asked for */
	bool had_tap[NET_CARDS_MAX];
};

static int enter(int nsfd, struct err *reterr)
{
	if (setns(nsfd, CLONE_NEWNET) < 0)
		return err_errno(reterr, "enter the network namespace");
	return 0;
}

void net_close_taps(taps_t taps)
{
	size_t i, k;

	for (i = 0; i < NET_CARDS_MAX; i++)
		for (k = 0; k < VM_QUEUES_MAX; k++)
			close_fd(&taps[i][k]);
}

static void note_failure(struct net_plan *plan, const struct err *e)
{
	(void)snprintf(plan->unreached, sizeof(plan->unreached), "%s", e->text);
}

static bool is_served(const struct net_plan *plan, int index)
{
	size_t i;

	for (i = 0; i < plan->n_links; i++)
		if (plan->links[i].index == index)
			return true;
	return false;
}

/* The card that serves link INDEX, or else (INDEX 0) one that serves none. */
static bool find_card(const struct net_plan *plan, int index, unsigned int *ret)
{
	unsigned int i;

	for (i = 0; i < plan->cards_max; i++)
		if (plan->cards[i].link == index) {
			*ret = i;
			return true;
		}
	return false;
}

static void part(const struct net_plan *plan, struct net_card *c)
{
	if (plan->macvtap) {
		net_macvtap_delete(c->tap);
		c->link = -1; /* what QEMU has open is of no use now */
	} else {
		net_part(c);
	}
}

static bool is_whole(const struct net_plan *plan, const struct net_card *c)
{
	return plan->macvtap ? if_nametoindex(c->tap) != 0
			     : net_is_joined(c->link);
}

/* Link L gets a card, and is joined to its tap: 1; 0 when it has been already.
 * Taps that are made go to TAPS. */
static int serve(struct net_plan *plan, struct net_link *l, taps_t taps,
		 struct err *reterr)
{
	struct net_card *c;
	int r = 0;

	if (find_card(plan, l->index, &l->card)) {
		c = &plan->cards[l->card];
		if (c->refused)
			return err_set(reterr, -EAGAIN,
				       "the VM has refused a card for it");
		if (is_whole(plan, c))
			return 0;
		/* It was in another namespace, and has come back. */
		part(plan, c);
	}
	if (!find_card(plan, 0, &l->card))
		return err_set(reterr, -ENOSPC, "no card of the VM is free");
	c = &plan->cards[l->card];
	if (plan->macvtap) {
		r = net_macvtap_join(plan, c, l, taps[l->card], reterr);
		return r < 0 ? r : 1;
	}
	if (!*c->tap)
		r = net_card_make(c, plan->queues, taps[l->card], reterr);
	if (!r)
		r = net_join(c, l, reterr);
	return r < 0 ? r : 1;
}

static const struct net_link *link_before(const struct net_plan *before,
					  int index)
{
	size_t i;

	for (i = 0; before && i < before->n_links; i++)
		if (before->links[i].index == index)
			return &before->links[i];
	return NULL;
}

/* What else there is to do at a link with a card; it is no loss of it. */
static void finish_link(struct net_plan *plan, const struct net_plan *before,
			const struct net_link *l, bool is_new)
{
	const struct net_link *old = link_before(before, l->index);
	struct err err = {0};
	int r = 0;

	if (is_new) {
		r = net_reach(plan, l, &err);
		if (!r)
			r = net_near(plan, l, &err);
	} else if (old && old->mtu != l->mtu) {
		r = net_resize(&plan->cards[l->card], l->mtu, &err);
	}
	if (r < 0)
		note_failure(plan, &err);
}

/* At the start all links get cards, or there is no VM; later those that can. */
static int serve_all(struct net_plan *plan, const struct net_plan *before,
		     taps_t taps, struct err *reterr)
{
	size_t i = 0;

	while (i < plan->n_links) {
		struct net_link *l = &plan->links[i];
		struct err err = {0};
		int r = serve(plan, l, taps, before ? &err : reterr);

		if (r < 0 && !before)
			return r;
		if (r < 0) {
			net_skip(plan, l->name, err.text);
			net_drop_link(plan, i);
			continue;
		}
		finish_link(plan, before, l, r > 0);
		i++;
	}
	return 0;
}

/* A VM may get further links only where another one was made for it. */
static int add_spares(struct net_plan *plan, size_t n, taps_t taps,
		      struct err *reterr)
{
	size_t i = plan->n_links;
	int r = 0;

	if (!i || plan->links[0].is_tun || plan->macvtap)
		return 0;
	for (; !r && n > 0 && i < NET_CARDS_MAX; i++, n--)
		r = net_card_make(&plan->cards[i], plan->queues, taps[i],
				  reterr);
	return r;
}

/* Its link is the host's again, at least until it is tried anew. */
static void part_refused(struct net_plan *plan, struct net_card *c, bool retry)
{
	int link = c->link;

	if (*c->tap && plan->macvtap)
		net_macvtap_delete(c->tap);
	else if (*c->tap)
		net_part(c);
	c->tap[0] = '\0';
	c->refused = !retry && link > 0 && is_served(plan, link);
	c->link = c->refused ? link : 0;
}

static void part_gone(struct net_plan *plan, bool retry)
{
	size_t i;

	for (i = 0; i < NET_CARDS_MAX; i++) {
		struct net_card *c = &plan->cards[i];

		if (c->refused) {
			part_refused(plan, c, retry);
			continue;
		}
		if (c->link > 0 && !is_served(plan, c->link))
			part(plan, c);
	}
}

static int work(const struct net_order *o, struct net_plan *plan, taps_t taps)
{
	struct err err = {0};
	int r = net_scan_links(plan, &plan->err);

	/* What may fail comes before anything is changed: what has been made
	 * while following is undone by nobody but the next look. */
	if (!r)
		r = net_scan_rest(plan, &plan->err);
	if (!r && o->before)
		part_gone(plan, o->retry);
	if (!r)
		r = serve_all(plan, o->before, taps, &plan->err);
	if (!r && !o->before)
		r = add_spares(plan, o->spares, taps, &plan->err);
	if (!r && net_tell_near(plan, &err) < 0)
		note_failure(plan, &err);
	if (r < 0 && !o->before) {
		struct err ignored;
		size_t i;

		for (i = 0; plan->macvtap && i < NET_CARDS_MAX; i++)
			if (*plan->cards[i].tap)
				net_macvtap_delete(plan->cards[i].tap);
		/* Taps go first: then what led to them is known as stale. */
		net_close_taps(taps);
		(void)net_clean(&ignored);
	}
	return r;
}

/* Tells of changes in the namespace the caller is in: the callee's. */
static int open_watch(struct err *reterr)
{
	const struct sockaddr_nl all = {
		.nl_family = AF_NETLINK,
		.nl_groups = RTMGRP_LINK | RTMGRP_IPV4_IFADDR |
			     RTMGRP_IPV6_IFADDR | RTMGRP_IPV4_ROUTE |
			     RTMGRP_IPV6_ROUTE,
	};
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC |
						  SOCK_NONBLOCK,
				      NETLINK_ROUTE);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&all, sizeof(all)) < 0)
		return err_errno(reterr, "watch the network namespace");
	return TAKE_FD(fd);
}

/* One message: the plan; with it the watch, if any, and the taps that were
 * made, in the order of their cards. */
static int answer(int sock, const struct net_plan *plan, int watch,
		  taps_t taps)
{
	int fds[FDS_MAX];
	size_t n = 0, i, k;

	if (watch >= 0)
		fds[n++] = watch;
	for (i = 0; i < NET_CARDS_MAX; i++)
		for (k = 0; k < plan->queues && taps[i][k] >= 0; k++)
			fds[n++] = taps[i][k];
	return send_fds(sock, plan, sizeof(*plan), fds,
			plan->err.code < 0 ? 0 : n);
}

static void begin(struct net_plan *plan, const struct net_order *o)
{
	if (!o->before) {
		plan->cards_max = NET_CARDS_MAX;
		plan->queues = o->queues;
		plan->macvtap = o->macvtap;
		plan->want_near = o->near && !o->macvtap;
		return;
	}
	memcpy(plan->cards, o->before->cards, sizeof(plan->cards));
	plan->cards_max = o->before->cards_max;
	plan->queues = o->before->queues;
	plan->macvtap = o->before->macvtap;
	plan->want_near = o->before->want_near;
	plan->is_near = o->before->is_near;
}

static _Noreturn void child(const struct net_order *o, int sock, pid_t parent)
{
	struct net_plan *plan = calloc(1, sizeof(*plan));
	int taps[NET_CARDS_MAX][VM_QUEUES_MAX], watch = -1, r;

	(void)prctl(PR_SET_NAME, "kiln-net", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (!plan || getppid() != parent) /* it has ended before that */
		_exit(1);
	memset(taps, 0xff, sizeof(taps));
	begin(plan, o);
	plan->owner = parent;
	r = enter(o->nsfd, &plan->err);
	/* Before it is looked at: whatever comes later will be told. */
	if (!r && o->watch) {
		watch = open_watch(&plan->err);
		r = MIN(watch, 0);
	}
	if (!r)
		r = work(o, plan, taps);
	if (r >= 0)
		r = answer(sock, plan, watch, taps);
	else
		(void)answer(sock, plan, -1, taps);
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

/* FDS to where they belong. 0, or -EIO when there are not as many as said. */
static int sort_out(const struct net_job *job, const struct net_plan *plan,
		    const int *fds, size_t n_fds, struct net_result *res)
{
	size_t i, k, n = 0;

	*res = (struct net_result){.plan = plan, .watch = -1};
	memset(res->taps, 0xff, sizeof(res->taps));
	if (job->watch && n < n_fds)
		res->watch = fds[n++];
	for (i = 0; i < NET_CARDS_MAX; i++) {
		if (!*plan->cards[i].tap || job->had_tap[i])
			continue;
		for (k = 0; k < MIN(plan->queues, VM_QUEUES_MAX); k++) {
			if (n == n_fds)
				return -EIO;
			res->taps[i][k] = fds[n++];
		}
	}
	return n == n_fds ? 0 : -EIO;
}

static void on_exit_of_child(void *arg, pid_t pid UNUSED, int status)
{
	struct net_job *job = arg;
	cleanup_free struct net_plan *plan = calloc(1, sizeof(*plan));
	int fds[FDS_MAX];
	size_t n_fds = ARRAY_SIZE(fds);
	net_done_fn done = job->done;
	void *done_arg = job->arg;
	struct net_result res;
	struct err err = {0};
	ssize_t n = -ENOMEM;
	int r = 0;

	if (plan)
		n = recv_fds(job->sock, plan, sizeof(*plan), fds, &n_fds);
	if (n < 0)
		n_fds = 0;
	if (!plan || n != (ssize_t)sizeof(*plan))
		r = err_set(&err, -EIO, "the network could not be looked at "
			    "(status 0x%x)", (unsigned int)status);
	else if (plan->err.code < 0)
		r = err_set(&err, plan->err.code, "%s", plan->err.text);
	else if (sort_out(job, plan, fds, n_fds, &res) < 0)
		r = err_set(&err, -EIO, "%zu descriptors came of the network",
			    n_fds);
	job_free(job);
	if (r < 0)
		close_all(fds, n_fds);
	done(done_arg, r, r < 0 ? NULL : &res, &err);
}

struct net_job *net_start(struct event_loop *loop,
			  const struct net_order *order, net_done_fn done,
			  void *arg, struct err *reterr)
{
	struct net_job *job = calloc(1, sizeof(*job));
	pid_t parent = getpid();
	int pair[2], r;
	size_t i;

	if (!job) {
		(void)err_code(reterr, -ENOMEM, "network");
		return NULL;
	}
	*job = (struct net_job){.loop = loop, .sock = -1, .done = done,
				.arg = arg, .watch = order->watch};
	for (i = 0; order->before && i < NET_CARDS_MAX; i++)
		job->had_tap[i] = *order->before->cards[i].tap &&
				  !order->before->cards[i].refused;
	/* The plan is one message, and fits: nobody reads before the end. */
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0) {
		(void)err_errno(reterr, "socket for the network");
		job_free(job);
		return NULL;
	}
	job->sock = pair[0];
	job->pid = fork();
	if (!job->pid)
		child(order, pair[1], parent);
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
