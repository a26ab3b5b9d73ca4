// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_ENGINE_FAKE_QEMU_H
#define TESTS_UNIT_ENGINE_FAKE_QEMU_H

/*
 * A program that takes QEMU's place: it answers QMP and is the guest's agent
 * itself, whose containers are plain processes of the host. Beside its own
 * name, the file "fault" says what shall go wrong.
 */
#include <errno.h>
#include <fcntl.h>
#include <libgen.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "codec/ttrpc.h"
#include "os/event.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

#define FAKE_QMP_FD 3
#define FAKE_CONSOLE_FD 4
#define FAKE_AGENT_FD 5

struct fake_read {
	struct ttrpc_call *call; /* waits for data; NULL: nobody */
	struct event_io *io;
	int fd;
	uint32_t len;
};

struct fake_write {
	struct ttrpc_call *call;
	uint8_t data[1 << 17];
	size_t done, len;
};

struct fake_process {
	struct list link;
	char id[130];
	pid_t pid;
	int in;
	struct event_io *in_io;
	struct fake_write writes[4]; /* in their order, wait for the pipe */
	size_t n_writes;
	bool in_ends;
	struct fake_read out[2];
	char **argv;
	struct ttrpc_call *waiter;
	int status; /* -1: runs, or is not started */
};

static struct {
	struct event_loop *loop;
	struct list processes;
	char fault[64];
	char container[130];
} fake;

/* The stream that the agent serves; a test may put itself between. */
static int fake_plain_stream(void)
{
	return FAKE_AGENT_FD;
}

static int (*fake_stream)(void) = fake_plain_stream;

static bool fault_is(const char *name)
{
	return !strcmp(fake.fault, name);
}

static void fake_empty(struct ttrpc_call *call)
{
	Grpc__Empty empty = GRPC__EMPTY__INIT;

	ttrpc_reply(call, &empty.base);
}

static struct fake_process *fake_find(const char *id)
{
	struct list *pos;

	if (!*id)
		id = fake.container;
	list_foreach(pos, &fake.processes) {
		struct fake_process *p =
			list_entry(pos, struct fake_process, link);

		if (!strcmp(p->id, id))
			return p;
	}
	return NULL;
}

static void fake_answer_read(struct fake_read *r)
{
	Grpc__ReadStreamResponse response = GRPC__READ_STREAM_RESPONSE__INIT;
	cleanup_free uint8_t *data = malloc(r->len + 1);
	ssize_t n = 0;

	if (r->fd >= 0)
		n = read(r->fd, data, r->len);
	if (n < 0 && errno == EAGAIN) {
		(void)event_io_set(r->io, EPOLLIN);
		return;
	}
	if (r->io)
		(void)event_io_set(r->io, 0);
	response.data.data = data;
	response.data.len = n > 0 ? (size_t)n : 0;
	ttrpc_reply(r->call, &response.base);
	r->call = NULL;
}

static void fake_on_readable(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	fake_answer_read(arg);
}

static void fake_read_stream(struct ttrpc_call *call,
			     const ProtobufCMessage *m, int which)
{
	const Grpc__ReadStreamRequest *request =
		(const Grpc__ReadStreamRequest *)m;
	struct fake_process *p = fake_find(request->exec_id);

	if (!p || p->out[which].call) {
		ttrpc_reply_error(call, TTRPC_NOT_FOUND, "no such stream");
		return;
	}
	p->out[which].call = call;
	p->out[which].len = request->len;
	fake_answer_read(&p->out[which]);
}

static void fake_stdout(void *arg UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *m)
{
	fake_read_stream(call, m, 0);
}

static void fake_stderr(void *arg UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *m)
{
	fake_read_stream(call, m, 1);
}

static void fake_writes(struct fake_process *p)
{
	while (p->n_writes) {
		Grpc__WriteStreamResponse response =
			GRPC__WRITE_STREAM_RESPONSE__INIT;
		struct fake_write *w = &p->writes[0];
		ssize_t n = write(p->in, w->data + w->done, w->len - w->done);

		if (n < 0 && errno == EAGAIN) {
			(void)event_io_set(p->in_io, EPOLLOUT);
			return;
		}
		w->done += n > 0 ? (size_t)n : 0;
		if (n >= 0 && w->done < w->len)
			continue;
		response.len = (uint32_t)w->len;
		if (n < 0)
			ttrpc_reply_error(w->call, TTRPC_UNAVAILABLE, "closed");
		else
			ttrpc_reply(w->call, &response.base);
		p->n_writes--;
		memmove(p->writes, p->writes + 1,
			p->n_writes * sizeof(p->writes[0]));
	}
	(void)event_io_set(p->in_io, 0);
	if (p->in_ends) {
		event_io_free(p->in_io);
		close_fd(&p->in);
	}
}

static void fake_on_writable(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	fake_writes(arg);
}

static void fake_stdin(void *arg UNUSED, struct ttrpc_call *call,
		       const ProtobufCMessage *m)
{
	const Grpc__WriteStreamRequest *request =
		(const Grpc__WriteStreamRequest *)m;
	struct fake_process *p = fake_find(request->exec_id);
	struct fake_write *w;

	if (!p || p->in < 0 || p->in_ends ||
	    p->n_writes == ARRAY_SIZE(p->writes) ||
	    request->data.len > sizeof(p->writes[0].data)) {
		ttrpc_reply_error(call, TTRPC_UNAVAILABLE, "closed");
		return;
	}
	w = &p->writes[p->n_writes++];
	*w = (struct fake_write){.call = call, .len = request->data.len};
	memcpy(w->data, request->data.data, w->len);
	fake_writes(p);
}

static void fake_close_stdin(void *arg UNUSED, struct ttrpc_call *call,
			     const ProtobufCMessage *m)
{
	const Grpc__CloseStdinRequest *request =
		(const Grpc__CloseStdinRequest *)m;
	struct fake_process *p = fake_find(request->exec_id);

	if (p && p->in >= 0) {
		p->in_ends = true; /* after what waits */
		fake_writes(p);
	}
	fake_empty(call);
}

static void fake_answer_wait(struct fake_process *p)
{
	Grpc__WaitProcessResponse response = GRPC__WAIT_PROCESS_RESPONSE__INIT;

	if (!p->waiter || p->status < 0)
		return;
	response.status = p->status;
	ttrpc_reply(p->waiter, &response.base);
	p->waiter = NULL;
}

static void fake_on_exit(void *arg, pid_t pid UNUSED, int status)
{
	struct fake_process *p = arg;

	p->status = WIFSIGNALED(status) ? 128 + WTERMSIG(status)
					: WEXITSTATUS(status);
	fake_answer_wait(p);
}

static void fake_wait(void *arg UNUSED, struct ttrpc_call *call,
		      const ProtobufCMessage *m)
{
	const Grpc__WaitProcessRequest *request =
		(const Grpc__WaitProcessRequest *)m;
	struct fake_process *p = fake_find(request->exec_id);

	if (!p) {
		ttrpc_reply_error(call, TTRPC_NOT_FOUND, "no process");
		return;
	}
	p->waiter = call;
	fake_answer_wait(p);
}

static struct fake_process *fake_new(const char *id, const Grpc__Process *spec)
{
	struct fake_process *p = calloc(1, sizeof(*p));
	size_t i;

	(void)snprintf(p->id, sizeof(p->id), "%s", id);
	p->status = -1;
	p->in = p->out[0].fd = p->out[1].fd = -1;
	p->argv = calloc(spec->n_args + 1, sizeof(*p->argv));
	for (i = 0; i < spec->n_args; i++)
		p->argv[i] = strdup(spec->args[i]);
	list_append(&fake.processes, &p->link);
	return p;
}

/* The streams exist from the creation on, as in a real guest. */
static int fake_pipes[3][2];

static void fake_open(struct fake_process *p)
{
	int i;

	for (i = 0; i < 3; i++)
		if (pipe2(fake_pipes[i], O_CLOEXEC) < 0)
			abort();
	p->in = fake_pipes[0][1];
	(void)set_nonblock(p->in);
	p->in_io = event_io_new(fake.loop, p->in, 0, fake_on_writable, p);
	for (i = 0; i < 2; i++) {
		p->out[i].fd = fake_pipes[i + 1][0];
		(void)set_nonblock(p->out[i].fd);
		p->out[i].io = event_io_new(fake.loop, p->out[i].fd, 0,
					    fake_on_readable, &p->out[i]);
	}
}

static void fake_start(struct fake_process *p)
{
	pid_t parent = getpid();
	int i;

	p->pid = fork();
	if (!p->pid) {
		event_restore_signals();
		(void)signal(SIGPIPE, SIG_DFL);
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
		/* The machine may have been killed before this was asked. */
		if (getppid() != parent)
			_exit(127);
		for (i = 0; i < 3; i++)
			(void)dup2(fake_pipes[i][i ? 1 : 0], i);
		/* What is the machine's, taps above all, is not the guest's. */
		(void)close_range(3, ~0U, 0);
		(void)execvp(p->argv[0], p->argv);
		_exit(127);
	}
	for (i = 0; i < 3; i++)
		close_fd(&fake_pipes[i][i ? 1 : 0]);
	(void)event_child(fake.loop, p->pid, fake_on_exit, p);
}

static void fake_create(void *arg UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *m)
{
	const Grpc__CreateContainerRequest *request =
		(const Grpc__CreateContainerRequest *)m;

	if (fault_is("create")) {
		ttrpc_reply_error(call, TTRPC_INTERNAL,
				  "no such \033[31mprogram\n in the guest");
		return;
	}
	(void)snprintf(fake.container, sizeof(fake.container), "%s",
		       request->container_id);
	fake_open(fake_new(request->container_id, request->oci->process));
	fake_empty(call);
}

static void fake_start_container(void *arg UNUSED, struct ttrpc_call *call,
				 const ProtobufCMessage *m UNUSED)
{
	fake_start(fake_find(""));
	fake_empty(call);
}

static void fake_exec(void *arg UNUSED, struct ttrpc_call *call,
		      const ProtobufCMessage *m)
{
	const Grpc__ExecProcessRequest *request =
		(const Grpc__ExecProcessRequest *)m;
	struct fake_process *p = fake_new(request->exec_id, request->process);

	fake_open(p);
	fake_start(p);
	fake_empty(call);
}

static void fake_signal(void *arg UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *m)
{
	const Grpc__SignalProcessRequest *request =
		(const Grpc__SignalProcessRequest *)m;
	struct fake_process *p = fake_find(request->exec_id);

	if (p && p->pid > 0 && p->status < 0) {
		(void)kill(p->pid, (int)request->signal);
	} else if (p && !p->pid) {
		/* Made, not started: nothing but its death can happen. */
		p->status = 128 + (int)request->signal;
		fake_answer_wait(p);
		close_fd(&fake_pipes[1][1]);
		close_fd(&fake_pipes[2][1]);
	}
	fake_empty(call);
}

static void fake_check(void *arg UNUSED, struct ttrpc_call *call,
		       const ProtobufCMessage *m UNUSED)
{
	Grpc__HealthCheckResponse response = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	if (fault_is("silent"))
		return;
	if (fault_is("panic")) {
		static const char text[] =
			"Linux version 0\nKernel panic - not syncing: test\n";

		(void)!write(FAKE_CONSOLE_FD, text, sizeof(text) - 1);
		_exit(1);
	}
	response.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &response.base);
}

static void fake_ok(void *arg UNUSED, struct ttrpc_call *call,
		    const ProtobufCMessage *m UNUSED)
{
	fake_empty(call);
}

static void fake_interface(void *arg UNUSED, struct ttrpc_call *call,
			   const ProtobufCMessage *m UNUSED)
{
	Types__Interface response = TYPES__INTERFACE__INIT;

	ttrpc_reply(call, &response.base);
}

static void fake_routes(void *arg UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *m UNUSED)
{
	Grpc__Routes response = GRPC__ROUTES__INIT;

	ttrpc_reply(call, &response.base);
}

static void fake_quit(void *arg UNUSED)
{
	event_loop_quit(fake.loop, 0);
}

static void fake_destroy(void *arg UNUSED, struct ttrpc_call *call,
			 const ProtobufCMessage *m UNUSED)
{
	struct event_timer *t = event_timer_new(fake.loop, fake_quit, NULL);

	fake_empty(call);
	if (!fault_is("stays"))
		event_timer_set(t, 10);
}

static void fake_closed(void *arg UNUSED, struct ttrpc_conn *conn UNUSED,
			int reason UNUSED)
{
	event_loop_quit(fake.loop, 0);
}

#define FAKE(n, type, fn)                                                      \
	{                                                                      \
		"grpc.AgentService", n, &grpc__##type##__descriptor, fn        \
	}

static const struct ttrpc_method fake_methods[] = {
	{"grpc.Health", "Check", &grpc__check_request__descriptor, fake_check},
	FAKE("CreateSandbox", create_sandbox_request, fake_ok),
	FAKE("DestroySandbox", destroy_sandbox_request, fake_destroy),
	FAKE("SetGuestDateTime", set_guest_date_time_request, fake_ok),
	FAKE("ReseedRandomDev", reseed_random_dev_request, fake_ok),
	FAKE("CreateContainer", create_container_request, fake_create),
	FAKE("StartContainer", start_container_request, fake_start_container),
	FAKE("RemoveContainer", remove_container_request, fake_ok),
	FAKE("ExecProcess", exec_process_request, fake_exec),
	FAKE("SignalProcess", signal_process_request, fake_signal),
	FAKE("WaitProcess", wait_process_request, fake_wait),
	FAKE("PauseContainer", pause_container_request, fake_ok),
	FAKE("ResumeContainer", resume_container_request, fake_ok),
	FAKE("WriteStdin", write_stream_request, fake_stdin),
	FAKE("ReadStdout", read_stream_request, fake_stdout),
	FAKE("ReadStderr", read_stream_request, fake_stderr),
	FAKE("UpdateInterface", update_interface_request, fake_interface),
	FAKE("UpdateRoutes", update_routes_request, fake_routes),
	FAKE("AddARPNeighbors", add_arpneighbors_request, fake_ok),
	FAKE("CloseStdin", close_stdin_request, fake_close_stdin),
};

/* QMP, as far as anybody asks: every command succeeds with nothing. */
static void fake_on_qmp(void *arg UNUSED, int fd, uint32_t events UNUSED)
{
	static char line[65536];
	static size_t len;
	ssize_t n = read(fd, line + len, sizeof(line) - 1 - len);
	char *end, *id;

	if (n <= 0) {
		event_loop_quit(fake.loop, 0);
		return;
	}
	len += (size_t)n;
	line[len] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		id = strstr(line, "\"id\"");
		id = id ? strpbrk(id + 4, "0123456789") : NULL;
		dprintf(fd, "{\"return\":{\"running\":true}%s%ld}\r\n",
			id ? ",\"id\":" : "", id ? strtol(id, NULL, 10) : 0);
		if (!id)
			abort();
		if (strstr(line, "\"quit\""))
			event_loop_quit(fake.loop, 0);
		len -= (size_t)(end + 1 - line);
		memmove(line, end + 1, len + 1);
	}
}

static void fake_read_fault(const char *self)
{
	cleanup_free char *copy = strdup(self), *path = NULL, *text = NULL;

	if (asprintf(&path, "%s/fault", dirname(copy)) < 0 ||
	    read_file(AT_FDCWD, path, 60, &text, NULL) < 0)
		return;
	(void)snprintf(fake.fault, sizeof(fake.fault), "%s", text);
}

static int fake_qemu_main(int argc, char **argv)
{
	static const char greeting[] =
		"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,"
		"\"major\":7},\"package\":\"\"},\"capabilities\":[]}}\r\n";

	if (argc > 1 && !strcmp(argv[argc - 1], "-version")) {
		puts("QEMU emulator version 7.2.0 (fake)");
		return 0;
	}
	fake_read_fault(argv[0]);
	if (fault_is("refuse")) {
		fputs("fake: -machine: no such thing\n", stderr);
		return 1;
	}
	(void)signal(SIGPIPE, SIG_IGN);
	list_init(&fake.processes);
	fake.loop = event_loop_new();
	if (!fake.loop || write(FAKE_QMP_FD, greeting, sizeof(greeting) - 1) < 0)
		return 1;
	if (!event_io_new(fake.loop, FAKE_QMP_FD, EPOLLIN, fake_on_qmp, NULL) ||
	    !ttrpc_conn_new(fake.loop, fake_stream(), fake_methods,
			    ARRAY_SIZE(fake_methods), fake_closed, NULL))
		return 1;
	return event_loop_run(fake.loop);
}

#endif
