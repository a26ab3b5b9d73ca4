// SPDX-License-Identifier: Apache-2.0
#include "event.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/signalfd.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/macros.h"

#define EVENTS_AT_ONCE 32
#define SIGNALS_MAX 65

struct event_io {
	struct event_loop *loop;
	struct list link; /* in loop->ios, or loop->dead after free */
	int fd;
	bool added; /* known to epoll */
	bool dead;
	uint32_t events;
	event_io_fn fn;
	void *arg;
};

struct event_timer {
	struct event_loop *loop;
	struct list link; /* in loop->timers while armed */
	uint64_t due_ms;
	event_timer_fn fn;
	void *arg;
};

struct event_child {
	struct list link;
	pid_t pid;
	event_child_fn fn;
	void *arg;
};

struct event_loop {
	int epoll_fd, signal_fd;
	struct event_io *signal_io;
	struct list ios, dead, timers, children;
	struct {
		event_signal_fn fn;
		void *arg;
	} signals[SIGNALS_MAX];
	sigset_t mask;
	event_child_fn orphan_fn;
	void *orphan_arg;
	bool quit;
	int code;
};

/* The mask at the start of the process, for its children. */
static sigset_t original_mask;
static bool original_mask_known;

uint64_t event_now_ms(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts);
	return (uint64_t)ts.tv_sec * 1000 + (uint64_t)ts.tv_nsec / 1000000;
}

void event_restore_signals(void)
{
	if (original_mask_known)
		(void)sigprocmask(SIG_SETMASK, &original_mask, NULL);
}

static void reap(struct event_loop *loop)
{
	int status;
	pid_t pid;

	while ((pid = waitpid(-1, &status, WNOHANG)) > 0) {
		event_child_fn fn = loop->orphan_fn;
		void *arg = loop->orphan_arg;
		struct list *pos, *tmp;

		list_foreach_safe(pos, tmp, &loop->children) {
			struct event_child *c =
				list_entry(pos, struct event_child, link);

			if (c->pid != pid)
				continue;
			fn = c->fn;
			arg = c->arg;
			list_del(&c->link);
			free(c);
			break;
		}
		if (fn)
			fn(arg, pid, status);
	}
}

static void on_signal(void *arg, int fd, uint32_t events UNUSED)
{
	struct event_loop *loop = arg;
	struct signalfd_siginfo si;

	while (read(fd, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		struct event_siginfo info = {(int)si.ssi_signo,
					     (pid_t)si.ssi_pid};

		if (info.signo == SIGCHLD)
			reap(loop);
		else if (si.ssi_signo < SIGNALS_MAX &&
			 loop->signals[si.ssi_signo].fn)
			loop->signals[si.ssi_signo].fn(
				loop->signals[si.ssi_signo].arg, &info);
	}
}

static int catch_signal(struct event_loop *loop, int signo)
{
	sigaddset(&loop->mask, signo);
	if (sigprocmask(SIG_BLOCK, &loop->mask, NULL) < 0)
		return -errno;
	if (signalfd(loop->signal_fd, &loop->mask, 0) < 0)
		return -errno;
	return 0;
}

struct event_loop *event_loop_new(void)
{
	struct event_loop *loop = calloc(1, sizeof(*loop));

	if (!loop)
		return NULL;
	list_init(&loop->ios);
	list_init(&loop->dead);
	list_init(&loop->timers);
	list_init(&loop->children);
	loop->signal_fd = -1;
	if (!original_mask_known)
		original_mask_known =
			sigprocmask(SIG_SETMASK, NULL, &original_mask) == 0;
	loop->epoll_fd = epoll_create1(EPOLL_CLOEXEC);
	if (loop->epoll_fd < 0)
		goto fail;
	sigemptyset(&loop->mask);
	sigaddset(&loop->mask, SIGCHLD);
	loop->signal_fd = signalfd(-1, &loop->mask, SFD_CLOEXEC | SFD_NONBLOCK);
	if (loop->signal_fd < 0 || catch_signal(loop, SIGCHLD) < 0)
		goto fail;
	loop->signal_io = event_io_new(loop, loop->signal_fd, EPOLLIN,
				       on_signal, loop);
	if (!loop->signal_io)
		goto fail;
	return loop;
fail:
	event_loop_free(loop);
	return NULL;
}

static void free_dead(struct event_loop *loop)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &loop->dead)
		free(list_entry(pos, struct event_io, link));
	list_init(&loop->dead);
}

void event_loop_free(struct event_loop *loop)
{
	struct list *pos, *tmp;
	int saved_errno = errno;

	if (!loop)
		return;
	list_foreach_safe(pos, tmp, &loop->ios)
		event_io_free(list_entry(pos, struct event_io, link));
	list_foreach_safe(pos, tmp, &loop->timers)
		list_del(pos); /* the timer itself is its owner's */
	list_foreach_safe(pos, tmp, &loop->children)
		free(list_entry(pos, struct event_child, link));
	free_dead(loop);
	close_fd(&loop->signal_fd);
	close_fd(&loop->epoll_fd);
	free(loop);
	errno = saved_errno;
}

struct event_io *event_io_new(struct event_loop *loop, int fd, uint32_t events,
			      event_io_fn fn, void *arg)
{
	struct event_io *io = calloc(1, sizeof(*io));
	int r;

	if (!io)
		return NULL;
	io->loop = loop;
	io->fd = fd;
	io->fn = fn;
	io->arg = arg;
	list_append(&loop->ios, &io->link);
	r = event_io_set(io, events);
	if (r < 0) {
		list_del(&io->link);
		free(io);
		errno = -r;
		return NULL;
	}
	return io;
}

int event_io_set(struct event_io *io, uint32_t events)
{
	struct epoll_event ev = {.events = events, .data = {.ptr = io}};
	int op = io->added ? EPOLL_CTL_MOD : EPOLL_CTL_ADD;

	if (events == io->events)
		return 0;
	if (!events)
		op = EPOLL_CTL_DEL;
	if (epoll_ctl(io->loop->epoll_fd, op, io->fd, &ev) < 0)
		return -errno;
	io->added = events != 0;
	io->events = events;
	return 0;
}

void event_io_free(struct event_io *io)
{
	if (!io || io->dead)
		return;
	(void)event_io_set(io, 0); /* fails only for an fd already closed */
	io->dead = true;
	/* A batch of events may still name it: freed after the batch. */
	list_del(&io->link);
	list_append(&io->loop->dead, &io->link);
}

struct event_timer *event_timer_new(struct event_loop *loop, event_timer_fn fn,
				    void *arg)
{
	struct event_timer *timer = calloc(1, sizeof(*timer));

	if (!timer)
		return NULL;
	timer->loop = loop;
	timer->fn = fn;
	timer->arg = arg;
	list_init(&timer->link);
	return timer;
}

void event_timer_set(struct event_timer *timer, uint32_t delay_ms)
{
	timer->due_ms = event_now_ms() + delay_ms;
	list_del(&timer->link);
	list_append(&timer->loop->timers, &timer->link);
}

void event_timer_stop(struct event_timer *timer)
{
	list_del(&timer->link);
}

void event_timer_free(struct event_timer *timer)
{
	if (!timer)
		return;
	list_del(&timer->link);
	free(timer);
}

static struct event_timer *next_timer(struct event_loop *loop)
{
	struct event_timer *next = NULL;
	struct list *pos;

	list_foreach(pos, &loop->timers) {
		struct event_timer *t =
			list_entry(pos, struct event_timer, link);

		if (!next || t->due_ms < next->due_ms)
			next = t;
	}
	return next;
}

/* Fires what is due now; a timer set again meanwhile waits its turn. */
static void fire_timers(struct event_loop *loop)
{
	uint64_t now = event_now_ms();
	struct event_timer *t;

	while ((t = next_timer(loop)) && t->due_ms <= now) {
		list_del(&t->link);
		t->fn(t->arg);
		if (loop->quit)
			return;
	}
}

static int wait_ms(struct event_loop *loop, int timeout_ms)
{
	struct event_timer *t = next_timer(loop);
	uint64_t now, left;

	if (!t)
		return timeout_ms;
	now = event_now_ms();
	left = t->due_ms > now ? t->due_ms - now : 0;
	left = MIN(left, (uint64_t)60000);
	if (timeout_ms >= 0 && left > (uint64_t)timeout_ms)
		return timeout_ms;
	return (int)left;
}

int event_loop_once(struct event_loop *loop, int timeout_ms)
{
	struct epoll_event events[EVENTS_AT_ONCE];
	int i, n;

	n = epoll_wait(loop->epoll_fd, events, EVENTS_AT_ONCE,
		       wait_ms(loop, timeout_ms));
	if (n < 0 && errno != EINTR)
		return -errno;
	for (i = 0; i < n && !loop->quit; i++) {
		struct event_io *io = events[i].data.ptr;

		if (!io->dead)
			io->fn(io->arg, io->fd, events[i].events);
	}
	if (!loop->quit)
		fire_timers(loop);
	free_dead(loop);
	return 0;
}

int event_loop_run(struct event_loop *loop)
{
	while (!loop->quit) {
		int r = event_loop_once(loop, -1);

		if (r < 0)
			return r;
	}
	loop->quit = false;
	return loop->code;
}

void event_loop_quit(struct event_loop *loop, int code)
{
	loop->quit = true;
	loop->code = code;
}

int event_signal(struct event_loop *loop, int signo, event_signal_fn fn,
		 void *arg)
{
	if (signo <= 0 || signo >= SIGNALS_MAX || signo == SIGCHLD)
		return -EINVAL;
	loop->signals[signo].fn = fn;
	loop->signals[signo].arg = arg;
	return catch_signal(loop, signo);
}

int event_child(struct event_loop *loop, pid_t pid, event_child_fn fn,
		void *arg)
{
	struct event_child *c;

	if (pid == -1) {
		loop->orphan_fn = fn;
		loop->orphan_arg = arg;
		return 0;
	}
	c = calloc(1, sizeof(*c));
	if (!c)
		return -ENOMEM;
	c->pid = pid;
	c->fn = fn;
	c->arg = arg;
	list_append(&loop->children, &c->link);
	return 0;
}

void event_child_cancel(struct event_loop *loop, pid_t pid)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &loop->children) {
		struct event_child *c =
			list_entry(pos, struct event_child, link);

		if (c->pid == pid) {
			list_del(&c->link);
			free(c);
		}
	}
}
