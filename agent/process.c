// SPDX-License-Identifier: Apache-2.0
/*
 * A process seen from the agent: made, watched, waited for. What the child
 * does before it executes its program is in child.c.
 */
#include "process.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cgroup.h"
#include "container.h"
#include "ns.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"
#include "userns.h"

struct waiter {
	struct list link;
	struct ttrpc_call *call;
};

static void reply_empty(struct ttrpc_call *call)
{
	Grpc__Empty empty = GRPC__EMPTY__INIT;

	ttrpc_reply(call, &empty.base);
}

static void reply_status(struct process *p, struct ttrpc_call *call)
{
	Grpc__WaitProcessResponse response = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	p->waited |= ttrpc_call_is_live(call);
	response.status = p->status;
	ttrpc_reply(call, &response.base);
}

struct process *process_new(struct event_loop *loop, struct container *c,
			    const char *id, bool is_init)
{
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->id = strdup(id);
	if (!p->id) {
		cleanup_freep(&p);
		return NULL;
	}
	p->container = c;
	p->loop = loop;
	p->is_init = is_init;
	p->pidfd = p->sync = -1;
	list_init(&p->link);
	list_init(&p->waiters);
	stream_in_init(&p->in, loop);
	stream_out_init(&p->out, loop);
	stream_out_init(&p->err, loop);
	return p;
}

static void sync_close(struct process *p)
{
	event_io_free(p->sync_io);
	p->sync_io = NULL;
	close_fd(&p->sync);
}

static void answer_waiters(struct process *p)
{
	while (!list_empty(&p->waiters)) {
		struct waiter *w =
			list_entry(p->waiters.next, struct waiter, link);

		list_del(&w->link);
		reply_status(p, w->call);
		free(w);
	}
}

void process_free(struct process *p)
{
	struct ttrpc_call *call;

	if (!p)
		return;
	if (p->state != PROCESS_EXITED && p->pid > 0) {
		(void)process_signal(p, SIGKILL);
		event_child_cancel(p->loop, p->pid);
		p->status = 128 + SIGKILL;
	}
	call = TAKE_PTR(p->call);
	if (call)
		ttrpc_reply_error(call, TTRPC_CANCELLED,
				  "the process was removed");
	answer_waiters(p);
	list_del(&p->link);
	sync_close(p);
	stream_in_release(&p->in);
	stream_out_release(&p->out);
	stream_out_release(&p->err);
	close_fd(&p->pidfd);
	free(p->failure);
	free(p->id);
	free(p);
}

/* The child has closed its end: it executes, or it is dead. */
static void on_sync_end(struct process *p)
{
	struct ttrpc_call *call;

	sync_close(p);
	if (p->state != PROCESS_STARTING || p->failure)
		return;
	p->state = PROCESS_RUNNING;
	call = TAKE_PTR(p->call);
	if (p->is_init)
		container_process_started(p->container, call);
	else if (call)
		reply_empty(call);
}

static void on_ready(struct process *p)
{
	if (!p->hold) {
		p->state = PROCESS_STARTING;
		(void)send(p->sync, "", 1, MSG_NOSIGNAL); /* its death shows */
		return;
	}
	container_process_ready(p->container);
}

void process_ready(struct process *p)
{
	struct ttrpc_call *call = TAKE_PTR(p->call);

	p->state = PROCESS_READY;
	if (call)
		reply_empty(call);
}

static void on_tty(struct process *p, int *master)
{
	int copy;

	if (*master < 0 || p->out.fd >= 0)
		return;
	copy = fcntl(*master, F_DUPFD_CLOEXEC, 3);
	if (copy < 0 || stream_in_open(&p->in, copy) < 0 ||
	    stream_out_open(&p->out, TAKE_FD(*master)) < 0)
		log_warn("process '%s': terminal: %s", p->id, strerror(errno));
}

static void on_message(struct process *p, struct process_msg *msg, int *fd)
{
	switch (msg->kind) {
	case PROCESS_MSG_TTY:
		on_tty(p, fd);
		break;
	case PROCESS_MSG_READY:
		on_ready(p);
		break;
	case PROCESS_MSG_ERROR:
		/* Told to the host when the process is gone, so that its id is
		 * free again by then. */
		msg->err.text[sizeof(msg->err.text) - 1] = '\0';
		if (!p->failure)
			p->failure = strdup(msg->err.text);
		p->failure_code = msg->err.code;
		break;
	default:
		break;
	}
}

static void on_sync(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	struct process *p = arg;

	while (p->sync >= 0) {
		struct process_msg msg = {0};
		cleanup_close int sent = -1;
		size_t nfds = 1;
		ssize_t n = recv_fds(p->sync, &msg, sizeof(msg), &sent, &nfds);

		if (n == -EAGAIN)
			return;
		if (n <= 0)
			on_sync_end(p);
		else if ((size_t)n == sizeof(msg))
			on_message(p, &msg, &sent);
	}
}

/* A limit below what the set-up takes is a mistake worth its name. */
static bool is_oom_killed(const struct process *p, int status)
{
	uint64_t kills = 0;

	return WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL &&
	       cgroup_read(p->container->cgroupfd, "memory.events", "oom_kill",
			   &kills) == 0 &&
	       kills;
}

static void on_child_exit(void *arg, pid_t pid UNUSED, int status)
{
	struct process *p = arg;
	cleanup_free char *failure = NULL;
	bool oom = is_oom_killed(p, status);
	struct ttrpc_call *call;
	int code;

	on_sync(p, -1, 0); /* its last words */
	p->state = PROCESS_EXITED;
	p->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					: WEXITSTATUS(status);
	sync_close(p);
	stream_in_release(&p->in);
	stream_out_exited(&p->out);
	stream_out_exited(&p->err);
	container_process_ending(p->container);
	answer_waiters(p);
	call = TAKE_PTR(p->call);
	code = p->failure ? p->failure_code : -EIO;
	failure = TAKE_PTR(p->failure);
	p->failed = failure != NULL;
	container_process_exited(p->container, p); /* may free it */
	if (call && failure)
		ttrpc_reply_error(call, ttrpc_code_of_errno(code), "%s",
				  failure);
	else if (call)
		ttrpc_reply_error(call, TTRPC_INTERNAL, "the process died in "
				  "its set-up, of %s %d%s",
				  WIFSIGNALED(status) ? "signal" : "exit",
				  WIFSIGNALED(status) ? WTERMSIG(status)
						      : WEXITSTATUS(status),
				  oom ? ": its container's memory limit is too "
					"low"
				      : "");
}

/* Both ends of the three streams, for the child and for the agent. */
struct stdio {
	int child[3], agent[3];
};

static void stdio_closep(struct stdio *io)
{
	size_t i;

	for (i = 0; i < 3; i++) {
		close_fd(&io->child[i]);
		close_fd(&io->agent[i]);
	}
}

static int stdio_open(struct stdio *io, bool tty)
{
	int i, fds[2];

	for (i = 0; i < 3; i++) {
		if (tty) {
			/* Until the child has opened its terminal. */
			io->child[i] = open("/dev/null", O_RDWR | O_CLOEXEC);
			if (io->child[i] < 0)
				return -errno;
			continue;
		}
		if (pipe2(fds, O_CLOEXEC) < 0)
			return -errno;
		io->child[i] = fds[i != 0];
		io->agent[i] = fds[i == 0];
	}
	return 0;
}

/* Moves what the child keeps to the fds it expects and closes the rest: none
 * of the agent's may live on in it, the channel above all, which the agent
 * could not open again. */
static void child_fds(const struct stdio *io, int sync,
		      const struct launch *launch)
{
	int keep[CHILD_NS_FDS + ARRAY_SIZE(launch->ns_fds) + IDMAPS_MAX];
	unsigned int i, k, n = CHILD_NS_FDS + launch->n_ns_fds;
	int base;

	for (i = 0; i < n; i++)
		keep[i] = -1;
	for (i = 0; i < 3; i++)
		keep[i] = io->child[i];
	keep[CHILD_SYNC_FD] = sync;
	keep[CHILD_TARGET_FD] = launch->target;
	for (i = 0; i < launch->n_ns_fds; i++)
		keep[CHILD_NS_FDS + i] = launch->ns_fds[i];
	for (k = 0; k < launch->idmaps.n; k++)
		keep[n + k] = launch->idmaps.at[k].tree;
	n += launch->idmaps.n;
	/* First out of the way of one another. */
	base = 64;
	for (i = 0; i < n; i++)
		if (keep[i] >= 0)
			keep[i] = fcntl(keep[i], F_DUPFD, base);
	for (i = 0; i < n; i++)
		if (keep[i] >= 0 &&
		    dup3(keep[i], (int)i, i < 3 ? 0 : O_CLOEXEC) < 0)
			_exit(126);
	if (syscall(SYS_close_range, n, ~0u, 0) < 0)
		_exit(126);
}

static void kill_child(struct process *p)
{
	(void)process_signal(p, SIGKILL);
	(void)waitpid(p->pid, NULL, 0);
	p->pid = 0;
	close_fd(&p->pidfd);
}

static int watch(struct process *p, const struct launch *launch, int *sync,
		 struct stdio *io, struct err *reterr)
{
	int r;

	r = userns_map(p->pid, launch, reterr);
	if (r < 0)
		return r;
	p->sync = TAKE_FD(*sync);
	p->sync_io = event_io_new(p->loop, p->sync, EPOLLIN, on_sync, p);
	if (!p->sync_io)
		return err_errno(reterr, "watch the process");
	if (!p->tty) {
		r = stream_in_open(&p->in, TAKE_FD(io->agent[0]));
		if (!r)
			r = stream_out_open(&p->out, TAKE_FD(io->agent[1]));
		if (!r)
			r = stream_out_open(&p->err, TAKE_FD(io->agent[2]));
	}
	if (!r)
		r = event_child(p->loop, p->pid, on_child_exit, p);
	if (!r && send(p->sync, "", 1, MSG_NOSIGNAL) < 0)
		r = -errno;
	if (r < 0)
		return err_code(reterr, r, "watch the process");
	return 0;
}

int process_spawn(struct process *p, const struct launch *launch,
		  struct ttrpc_call *call, struct err *reterr)
{
	cleanup(stdio_closep) struct stdio io = {{-1, -1, -1}, {-1, -1, -1}};
	cleanup_close int ours = -1, theirs = -1;
	int r, pair[2];

	p->tty = launch->process->terminal;
	r = stdio_open(&io, p->tty);
	if (r < 0)
		return err_code(reterr, r, "make pipes");
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, pair) < 0)
		return err_errno(reterr, "make a socket");
	ours = pair[0];
	theirs = pair[1];
	if (set_nonblock(ours) < 0)
		return err_errno(reterr, "make a socket");
	p->pid = ns_clone(launch->clone_flags, launch->pidns, launch->cgroupfd,
			  &p->pidfd);
	if (p->pid < 0)
		return err_code(reterr, p->pid, "clone the process");
	if (!p->pid) {
		child_fds(&io, theirs, launch);
		child_main(launch);
	}
	r = watch(p, launch, &ours, &io, reterr);
	if (r < 0) {
		event_child_cancel(p->loop, p->pid);
		kill_child(p);
		sync_close(p);
		return r;
	}
	p->state = PROCESS_SETTING_UP;
	p->call = call;
	return 0;
}

void process_start(struct process *p, struct ttrpc_call *call)
{
	if (p->state != PROCESS_READY) {
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "container '%s' is %s", p->id,
				  p->state == PROCESS_EXITED ? "stopped"
				  : p->state < PROCESS_READY ? "being created"
							     : "running");
		return;
	}
	p->state = PROCESS_STARTING;
	p->call = call;
	(void)send(p->sync, "", 1, MSG_NOSIGNAL); /* its death shows */
}

void process_wait(struct process *p, struct ttrpc_call *call)
{
	struct waiter *w;

	if (p->state == PROCESS_EXITED) {
		reply_status(p, call);
		return;
	}
	w = malloc(sizeof(*w));
	if (!w) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
		return;
	}
	w->call = call;
	list_append(&p->waiters, &w->link);
}

int process_signal(const struct process *p, int signo)
{
	if (p->pidfd < 0 || p->state == PROCESS_EXITED)
		return -ESRCH;
	if (syscall(SYS_pidfd_send_signal, p->pidfd, signo, NULL, 0) < 0)
		return -errno;
	return 0;
}

int process_resize(const struct process *p, uint16_t rows, uint16_t columns)
{
	struct winsize size = {.ws_row = rows, .ws_col = columns};

	if (!p->tty)
		return -ENOTTY;
	if (p->out.fd < 0)
		return -ESRCH;
	return ioctl(p->out.fd, TIOCSWINSZ, &size) < 0 ? -errno : 0;
}
