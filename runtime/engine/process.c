// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "proto/task.pb-c.h"
#include "runtime/config.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/stream.h"
#include "runtime/vmm/vm.h"

/* After the end of a process its output must come to an end as well: so long
 * may the guest say nothing about it. */
#define DRAIN_IDLE_MS 10000
#define STATUS_KILLED 137

struct waiter {
	struct list link;
	struct ttrpc_call *call;
};

static struct ttrpc_conn *agent_of(const struct process *p)
{
	return p->container->sandbox->agent;
}

bool process_is_init(const struct process *p)
{
	return !*p->exec_id;
}

const char *process_agent_id(const struct process *p)
{
	/* The init process goes by the container's id, as with Kata. */
	return process_is_init(p) ? container_guest_id(p->container)
				   : p->exec_id;
}

static void on_drain_idle(void *arg)
{
	struct process *p = arg;

	log_warn("container '%s': the guest does not end the output",
		 p->container->id);
	stream_abort_output(&p->out);
	stream_abort_output(&p->err);
	stream_check_finished(p);
}

static void on_finish(void *arg)
{
	struct process *p = arg;

	container_process_finished(p->container, p);
}

struct process *process_new(struct container *c, const char *exec_id,
			    bool terminal)
{
	struct engine *eng = c->sandbox->eng;
	struct process *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	list_init(&p->link);
	list_init(&p->waiters);
	p->container = c;
	p->terminal = terminal;
	p->state = PROCESS_NEW;
	stream_init(p);
	p->exec_id = strdup(exec_id);
	p->drain = event_timer_new(eng->loop, on_drain_idle, p);
	p->finish = event_timer_new(eng->loop, on_finish, p);
	if (!p->exec_id || !p->drain || !p->finish) {
		process_free(p);
		return NULL;
	}
	p->stub = stub_claim(eng, c->id, exec_id, p);
	if (p->stub) {
		p->stub_pid = stub_pid(p->stub);
		p->in.fd = stub_take_fd(p->stub, 0);
		p->out.fd = stub_take_fd(p->stub, 1);
		p->err.fd = stub_take_fd(p->stub, 2);
	}
	list_append(&c->processes, &p->link);
	return p;
}

static void answer_waiter(struct process *p, struct ttrpc_call *call)
{
	Containerd__Task__V2__WaitResponse response =
		CONTAINERD__TASK__V2__WAIT_RESPONSE__INIT;
	Containerd__Task__V2__Timestamp at =
		CONTAINERD__TASK__V2__TIMESTAMP__INIT;

	at.seconds = p->exited_sec;
	at.nanos = p->exited_nsec;
	response.exit_status = (uint32_t)p->exit_status;
	response.exited_at = &at;
	ttrpc_reply(call, &response.base);
}

static void answer_waiters(struct process *p)
{
	while (!list_empty(&p->waiters)) {
		struct waiter *w =
			list_entry(p->waiters.next, struct waiter, link);

		list_del(&w->link);
		answer_waiter(p, w->call);
		free(w);
	}
}

void process_free(struct process *p)
{
	if (!p)
		return;
	list_del(&p->link);
	if (p->container && agent_of(p))
		ttrpc_forget(agent_of(p), p);
	stream_release(p);
	stub_end(p->stub, STATUS_KILLED, true);
	p->stub = NULL;
	answer_waiters(p);
	event_timer_free(p->drain);
	event_timer_free(p->finish);
	proto_free(p->spec);
	free(p->exec_id);
	free(p);
}

static void on_waited(void *arg, int code, const char *text UNUSED,
		      const ProtobufCMessage *response)
{
	struct process *p = arg;
	int status = STATUS_KILLED;

	if (sandbox_is_dying(p->container->sandbox, code))
		return;
	if (code == TTRPC_OK)
		status = ((const Grpc__WaitProcessResponse *)response)->status;
	process_exited(p, status & 0xff);
}

void process_resize(struct process *p, uint32_t rows, uint32_t columns)
{
	Grpc__TtyWinResizeRequest request = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;
	struct err err;

	if (!p->terminal || (!rows && !columns) ||
	    process_may(p->state, PROCESS_OP_RESIZE, p->exec_id, &err) < 0)
		return;
	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.exec_id = (char *)(uintptr_t)process_agent_id(p);
	request.row = rows;
	request.column = columns;
	agent_tell(agent_of(p), AGENT_RESIZE, &request.base);
}

void process_run(struct process *p)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;
	uint32_t rows = 0, columns = 0;

	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.exec_id = (char *)(uintptr_t)process_agent_id(p);
	if (p->stub)
		stub_size(p->stub, &rows, &columns);
	process_resize(p, rows, columns);
	agent_call(agent_of(p), AGENT_WAIT, &request.base, on_waited, p);
	stream_start(p);
}

void process_adopt(struct process *p, const struct checkpoint *ck)
{
	Grpc__WaitProcessRequest request = GRPC__WAIT_PROCESS_REQUEST__INIT;
	uint32_t rows = 0, columns = 0;

	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.exec_id = (char *)(uintptr_t)process_agent_id(p);
	if (p->stub)
		stub_size(p->stub, &rows, &columns);
	process_resize(p, rows, columns);
	if (!agent_adopt(agent_of(p), AGENT_WAIT, ck->calls.wait, on_waited, p))
		agent_call(agent_of(p), AGENT_WAIT, &request.base, on_waited,
			   p);
	stream_adopt(p, ck);
}

static void exec_done(struct process *p, int code, const struct err *e)
{
	engine_done_fn done = p->done;
	void *arg = p->done_arg;

	p->done = NULL;
	if (done)
		done(arg, code, e);
}

static void on_exec_started(void *arg, int code, const char *text,
			    const ProtobufCMessage *response UNUSED)
{
	struct process *p = arg;
	struct err err = {0};
	int r = 0;

	if (sandbox_is_dying(p->container->sandbox, code))
		return;
	if (code != TTRPC_OK)
		r = agent_error(&err, AGENT_EXEC, code, text);
	else
		r = process_step(&p->state, PROCESS_OP_START,
				 p->exec_id, &err);
	exec_done(p, r, &err);
	if (r < 0) {
		stub_end(p->stub, STATUS_KILLED, true);
		p->stub = NULL;
		process_free(p);
		return;
	}
	process_run(p);
}

int process_may_exec(const struct process *p, struct err *reterr)
{
	const Grpc__ExecProcessRequest *rq = p->spec;
	const struct container *c = p->container;

	if (c->status == CONTAINER_PAUSED && rq->ignore_paused)
		return 0;
	return container_may(c->status, CONTAINER_OP_EXEC, c->id, reterr);
}

void process_start_exec(struct process *p, engine_done_fn done, void *arg)
{
	const struct config *config = p->container->sandbox->eng->config;
	Grpc__ExecProcessRequest request = GRPC__EXEC_PROCESS_REQUEST__INIT;
	const Grpc__ExecProcessRequest *asked = p->spec;
	struct err err = {0};
	int r;

	r = process_may_exec(p, &err);
	if (!r)
		r = process_step(&p->state, PROCESS_OP_MADE, p->exec_id, &err);
	if (r < 0) {
		done(arg, r, &err);
		return;
	}
	p->done = done;
	p->done_arg = arg;
	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.exec_id = p->exec_id;
	request.process = asked->process;
	request.cgroup = asked->cgroup;
	request.ignore_paused = asked->ignore_paused;
	/* In a paused container it starts when that is resumed. */
	if (asked->ignore_paused)
		agent_call(agent_of(p), AGENT_EXEC_PAUSED, &request.base,
			   on_exec_started, p);
	else
		agent_call_within(agent_of(p), AGENT_EXEC,
				  config->runtime.create_container_timeout *
					  1000,
				  &request.base, on_exec_started, p);
}

/* A signal under way; the process may be gone when it is answered. */
struct signal_call {
	engine_done_fn done; /* or NULL */
	void *arg;
	struct sandbox *sandbox;
	bool deadly; /* the container ends, whether the guest wants or not */
};

static void on_signalled(void *arg, int code, const char *text,
			 const ProtobufCMessage *response UNUSED)
{
	struct signal_call *call = arg;
	struct sandbox *sb = call->sandbox;
	struct err err = {0};
	int r = 0;

	if (code == TTRPC_DEADLINE_EXCEEDED && call->deadly && sb->vm) {
		(void)err_set(&sb->failure, -ETIMEDOUT,
			      "the agent did not answer to SIGKILL: the VM is "
			      "killed");
		log_warn("sandbox '%s': %s", sb->id, sb->failure.text);
		vm_kill(sb->vm);
	} else if (code != TTRPC_OK) {
		r = agent_error(&err, AGENT_SIGNAL, code, text);
	}
	if (call->done)
		call->done(call->arg, r, &err);
	free(call);
}

void process_signal(struct process *p, uint32_t signo, bool all,
		    engine_done_fn done, void *arg)
{
	Grpc__SignalProcessRequest request =
		GRPC__SIGNAL_PROCESS_REQUEST__INIT;
	struct signal_call *call = malloc(sizeof(*call));

	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.signal = signo;
	/* No process named means all of them. */
	if (!all)
		request.exec_id = (char *)(uintptr_t)process_agent_id(p);
	if (!call) {
		struct err err = {0};

		agent_tell(agent_of(p), AGENT_SIGNAL, &request.base);
		if (done)
			done(arg, err_code(&err, -ENOMEM, "signal"), &err);
		return;
	}
	*call = (struct signal_call){
		.done = done, .arg = arg, .sandbox = p->container->sandbox,
		.deadly = signo == SIGKILL && process_is_init(p)};
	agent_call(agent_of(p), AGENT_SIGNAL, &request.base, on_signalled,
		   call);
}

void process_close_stdin(struct process *p)
{
	stream_close_input(p);
}

void process_exited(struct process *p, int status)
{
	struct timespec now;
	struct err err;

	if (process_step(&p->state, PROCESS_OP_EXIT, p->exec_id, &err) < 0)
		return; /* is known already */
	(void)err_set(&err, -EIO, "process '%s' has ended", p->exec_id);
	exec_done(p, -EIO, &err); /* a start that was never answered */
	(void)clock_gettime(CLOCK_REALTIME, &now);
	p->exited_sec = now.tv_sec;
	p->exited_nsec = (int32_t)now.tv_nsec;
	p->exit_status = status;
	log_info("container '%s' process '%s': exit status %d",
		 p->container->id, p->exec_id, status);
	stream_stop_input(p);
	event_timer_set(p->drain, DRAIN_IDLE_MS);
	container_process_exited(p->container, p);
	stream_check_finished(p);
}

void process_report(struct process *p)
{
	if (p->reported)
		return;
	p->reported = true;
	event_timer_stop(p->drain);
	stream_release(p);
	if (p->stub)
		stub_end(p->stub, p->exit_status, false);
	p->stub = NULL;
	answer_waiters(p);
	/* Nobody names an exec of the command line again once its stub knows;
	 * one without a stub stays until Task.Delete. */
	if (!process_is_init(p) && p->stub_pid)
		process_free(p);
}

void process_wait(struct process *p, struct ttrpc_call *call)
{
	struct waiter *w;

	if (p->reported) {
		answer_waiter(p, call);
		return;
	}
	w = calloc(1, sizeof(*w));
	if (!w) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	w->call = call;
	list_append(&p->waiters, &w->link);
}

void process_stub_message(struct process *p, const struct wire_message *m)
{
	struct err err;

	if (m->type == WIRE_RESIZE)
		process_resize(p, m->a, m->b);
	else if (m->type == WIRE_SIGNAL && m->a > 0 && m->a < NSIG &&
		 process_may(p->state, PROCESS_OP_SIGNAL, p->exec_id,
			     &err) == 0)
		process_signal(p, m->a, false, NULL, NULL);
}

void process_stub_gone(struct process *p)
{
	struct err err;

	p->stub = NULL;
	if (process_may(p->state, PROCESS_OP_SIGNAL, p->exec_id, &err) == 0) {
		log_info("container '%s' process '%s': its stub is gone, "
			 "killing it", p->container->id, p->exec_id);
		process_signal(p, SIGKILL, process_is_init(p), NULL, NULL);
	}
	stream_lose_reader(p);
}
