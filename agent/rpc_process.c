// SPDX-License-Identifier: Apache-2.0
/* Calls that concern a process and its streams. */
#include <errno.h>
#include <signal.h>
#include <string.h>

#include "base/log.h"
#include "container.h"
#include "rpc.h"

void rpc_exec_process(struct agent *agent, struct ttrpc_call *call,
		      const ProtobufCMessage *request)
{
	const Grpc__ExecProcessRequest *rq =
		(const Grpc__ExecProcessRequest *)request;
	struct container *c = rpc_find(agent, rq->container_id, call);
	struct err e = {0};
	int r;

	if (!c)
		return;
	r = container_exec(c, rq, call, &e);
	if (r < 0) {
		log_debug("exec in container '%s': %s", c->id, e.text);
		rpc_reply_err(call, r, &e);
	}
}

void rpc_signal_process(struct agent *agent, struct ttrpc_call *call,
			const ProtobufCMessage *request)
{
	const Grpc__SignalProcessRequest *rq =
		(const Grpc__SignalProcessRequest *)request;
	struct process *p = rpc_find_process(agent, rq->container_id,
					     rq->exec_id, call);
	int r;

	if (!p)
		return;
	if (rq->signal >= NSIG) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT, "signal %u",
				  rq->signal);
		return;
	}
	if (!*rq->exec_id && rq->signal == SIGKILL)
		r = container_kill_all(p->container);
	else
		r = process_signal(p, (int)rq->signal);
	/* That it has gone meanwhile is no failure: its exit tells. */
	if (r < 0 && r != -ESRCH)
		ttrpc_reply_error(call, ttrpc_code_of_errno(r),
				  "signal process '%s': %s", p->id,
				  strerror(-r));
	else
		rpc_reply_empty(call);
}

void rpc_wait_process(struct agent *agent, struct ttrpc_call *call,
		      const ProtobufCMessage *request)
{
	const Grpc__WaitProcessRequest *rq =
		(const Grpc__WaitProcessRequest *)request;
	struct process *p = rpc_find_process(agent, rq->container_id,
					     rq->exec_id, call);

	if (p)
		process_wait(p, call);
}

void rpc_write_stdin(struct agent *agent, struct ttrpc_call *call,
		     const ProtobufCMessage *request)
{
	const Grpc__WriteStreamRequest *rq =
		(const Grpc__WriteStreamRequest *)request;
	struct process *p = rpc_find_process(agent, rq->container_id,
					     rq->exec_id, call);

	if (p)
		stream_in_write(&p->in, call, rq->data.data, rq->data.len);
}

static void read_stream(struct agent *agent, struct ttrpc_call *call,
			const ProtobufCMessage *request, bool is_err)
{
	const Grpc__ReadStreamRequest *rq =
		(const Grpc__ReadStreamRequest *)request;
	struct process *p = rpc_find_process(agent, rq->container_id,
					     rq->exec_id, call);

	if (p)
		stream_out_read(is_err ? &p->err : &p->out, call, rq->len);
}

void rpc_read_stdout(struct agent *agent, struct ttrpc_call *call,
		     const ProtobufCMessage *request)
{
	read_stream(agent, call, request, false);
}

void rpc_read_stderr(struct agent *agent, struct ttrpc_call *call,
		     const ProtobufCMessage *request)
{
	read_stream(agent, call, request, true);
}

void rpc_close_stdin(struct agent *agent, struct ttrpc_call *call,
		     const ProtobufCMessage *request)
{
	const Grpc__CloseStdinRequest *rq =
		(const Grpc__CloseStdinRequest *)request;
	struct process *p = rpc_find_process(agent, rq->container_id,
					     rq->exec_id, call);

	if (!p)
		return;
	stream_in_close(&p->in);
	rpc_reply_empty(call);
}

void rpc_resize_tty(struct agent *agent, struct ttrpc_call *call,
		    const ProtobufCMessage *request)
{
	const Grpc__TtyWinResizeRequest *rq =
		(const Grpc__TtyWinResizeRequest *)request;
	struct process *p = rpc_find_process(agent, rq->container_id,
					     rq->exec_id, call);
	int r;

	if (!p)
		return;
	if (rq->row > UINT16_MAX || rq->column > UINT16_MAX) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT, "size %u x %u",
				  rq->row, rq->column);
		return;
	}
	r = process_resize(p, (uint16_t)rq->row, (uint16_t)rq->column);
	if (r == -ENOTTY)
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "process '%s' has no terminal", p->id);
	else if (r < 0 && r != -ESRCH)
		ttrpc_reply_error(call, ttrpc_code_of_errno(r),
				  "resize the terminal of '%s': %s", p->id,
				  strerror(-r));
	else
		rpc_reply_empty(call);
}
