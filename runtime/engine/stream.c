// SPDX-License-Identifier: Apache-2.0
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/checkpoint.h"

/* The guest may have the next part before it is done with the last. The agent
 * writes them in the order of the calls. */
#define INPUT_CHUNK ((size_t)128 << 10)
#define INPUT_CALLS 2
#define OUTPUT_CHUNK ((uint32_t)256 << 10)
/* The next part is asked for while so much of the last waits for the reader. */
#define OUTPUT_AHEAD ((size_t)256 << 10)
#define DRAIN_IDLE_MS 10000

static void input_wait(struct process *p);
static void output_ask(struct process_output *o);

static struct ttrpc_conn *agent_of(const struct process *p)
{
	return p->container->sandbox->agent;
}

void stream_init(struct process *p)
{
	p->in.fd = p->out.fd = p->err.fd = -1;
	p->out.p = p->err.p = p;
	p->err.is_stderr = true;
}

static void output_close(struct process_output *o)
{
	event_io_free(o->io);
	o->io = NULL;
	close_fd(&o->fd);
	if (o->pending)
		buf_release(o->pending);
	free(o->pending);
	o->pending = NULL;
}

static void input_close(struct process *p)
{
	event_io_free(p->in.io);
	p->in.io = NULL;
	close_fd(&p->in.fd);
	free(p->in.data);
	p->in.data = NULL;
	p->in.len = 0;
	p->in.calls = 0;
}

void stream_release(struct process *p)
{
	if (agent_of(p)) {
		ttrpc_forget(agent_of(p), &p->in);
		ttrpc_forget(agent_of(p), &p->out);
		ttrpc_forget(agent_of(p), &p->err);
	}
	input_close(p);
	output_close(&p->out);
	output_close(&p->err);
}

/* --- input --- */

static void tell_end_of_input(struct process *p)
{
	Grpc__CloseStdinRequest request = GRPC__CLOSE_STDIN_REQUEST__INIT;

	if (p->in.closed)
		return;
	p->in.closed = true;
	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.exec_id = (char *)(uintptr_t)process_agent_id(p);
	agent_tell(agent_of(p), AGENT_CLOSE_STDIN, &request.base);
}

static void on_written(void *arg, int code, const char *text UNUSED,
		       const ProtobufCMessage *response)
{
	struct process_input *in = arg;
	struct process *p = container_of(in, struct process, in);
	size_t taken = 0;

	if (!in->data)
		return; /* the input has ended since */
	if (code == TTRPC_OK)
		taken = ((const Grpc__WriteStreamResponse *)response)->len;
	in->calls--;
	/* A call takes all of its data or fails. */
	if (!taken || taken > in->len || (!in->calls && taken != in->len)) {
		/* The process does not read any more, as after its end of the
		 * pipe is closed: the caller gets the same. */
		input_close(p);
		return;
	}
	in->len -= taken;
	input_wait(p);
}

static void input_send(struct process *p, size_t n)
{
	Grpc__WriteStreamRequest request = GRPC__WRITE_STREAM_REQUEST__INIT;

	request.container_id =
		(char *)(uintptr_t)container_guest_id(p->container);
	request.exec_id = (char *)(uintptr_t)process_agent_id(p);
	request.data.data = p->in.data;
	request.data.len = n;
	p->in.len += n;
	p->in.calls++;
	agent_call(agent_of(p), AGENT_WRITE_STDIN, &request.base, on_written,
		   &p->in);
}

static void on_input(void *arg, int fd, uint32_t events UNUSED)
{
	struct process *p = arg;
	ssize_t n = read(fd, p->in.data, INPUT_CHUNK);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		input_close(p);
		tell_end_of_input(p);
		return;
	}
	input_send(p, (size_t)n);
	if (p->in.calls == INPUT_CALLS)
		(void)event_io_set(p->in.io, 0);
}

static void input_wait(struct process *p)
{
	if (p->in.eof) {
		if (p->in.calls)
			return;
		input_close(p);
		tell_end_of_input(p);
	} else if (event_io_set(p->in.io, EPOLLIN) < 0) {
		input_close(p);
	}
}

static void input_start(struct process *p)
{
	if (p->in.fd < 0) {
		tell_end_of_input(p);
		return;
	}
	p->in.data = malloc(INPUT_CHUNK);
	if (p->in.data)
		p->in.io = event_io_new(p->container->sandbox->eng->loop,
					p->in.fd, EPOLLIN, on_input, p);
	if (!p->in.io) {
		input_close(p);
		tell_end_of_input(p);
	}
}

void stream_close_input(struct process *p)
{
	if (p->in.calls) {
		p->in.eof = true; /* after what is under way */
		(void)event_io_set(p->in.io, 0);
		return;
	}
	input_close(p);
	tell_end_of_input(p);
}

void stream_stop_input(struct process *p)
{
	if (agent_of(p))
		ttrpc_forget(agent_of(p), &p->in);
	input_close(p);
	p->in.closed = true;
}

/* --- output --- */

static bool output_is_done(const struct process_output *o)
{
	return o->eof && (!o->pending || !o->pending->len);
}

void stream_check_finished(struct process *p)
{
	if (p->state != PROCESS_STOPPED || p->finished ||
	    !output_is_done(&p->out) || !output_is_done(&p->err))
		return;
	p->finished = true;
	event_timer_stop(p->drain);
	/* In a turn of its own: who tells us here still uses the process. */
	event_timer_set(p->finish, 0);
}

static void output_ended(struct process_output *o)
{
	o->eof = true;
	if (!o->pending || !o->pending->len)
		output_close(o);
	stream_check_finished(o->p);
}

/* Writes what the pipe takes; nobody to read it means nobody wants it. */
static void output_flush(struct process_output *o)
{
	while (o->pending->len) {
		ssize_t n;

		if (o->fd < 0) {
			buf_clear(o->pending);
			break;
		}
		n = write(o->fd, buf_data(o->pending), o->pending->len);
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			event_io_free(o->io);
			o->io = NULL;
			close_fd(&o->fd);
			continue;
		}
		buf_consume(o->pending, (size_t)n);
	}
	if (o->io)
		(void)event_io_set(o->io, o->pending->len ? EPOLLOUT : 0);
}

/* The clock for a silent guest stands while the reader is the slow one. */
static void note_progress(struct process *p)
{
	bool waiting = (p->out.pending && p->out.pending->len) ||
		       (p->err.pending && p->err.pending->len);

	if (p->state != PROCESS_STOPPED)
		return;
	if (waiting)
		event_timer_stop(p->drain);
	else
		event_timer_set(p->drain, DRAIN_IDLE_MS);
}

static void output_moved(struct process_output *o)
{
	output_flush(o);
	note_progress(o->p);
	if (!o->eof && !o->asked && o->pending->len < OUTPUT_AHEAD)
		output_ask(o);
	else if (output_is_done(o))
		output_ended(o);
}

static void on_output(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	output_moved(arg);
}

static void on_read(void *arg, int code, const char *text UNUSED,
		    const ProtobufCMessage *response)
{
	struct process_output *o = arg;
	const Grpc__ReadStreamResponse *answer =
		(const Grpc__ReadStreamResponse *)response;

	o->asked = false;
	if (sandbox_is_dying(o->p->container->sandbox, code))
		return;
	/* The guest gets no more memory of ours than it was offered. */
	if (code != TTRPC_OK || !answer->data.len ||
	    answer->data.len > OUTPUT_CHUNK ||
	    buf_put(o->pending, answer->data.data, answer->data.len) < 0) {
		output_ended(o);
		return;
	}
	output_moved(o);
}

static void output_ask(struct process_output *o)
{
	Grpc__ReadStreamRequest request = GRPC__READ_STREAM_REQUEST__INIT;

	o->asked = true;
	request.container_id =
		(char *)(uintptr_t)container_guest_id(o->p->container);
	request.exec_id = (char *)(uintptr_t)process_agent_id(o->p);
	request.len = OUTPUT_CHUNK;
	agent_call(agent_of(o->p),
		   o->is_stderr ? AGENT_READ_STDERR : AGENT_READ_STDOUT,
		   &request.base, on_read, o);
}

/* CALL is a ReadStdout or ReadStderr that is under way already, or 0. */
static void output_start(struct process_output *o, uint32_t call)
{
	struct event_loop *loop = o->p->container->sandbox->eng->loop;

	o->pending = calloc(1, sizeof(*o->pending));
	if (!o->pending) {
		output_ended(o);
		return;
	}
	buf_init(o->pending, OUTPUT_AHEAD + OUTPUT_CHUNK);
	if (o->fd >= 0)
		o->io = event_io_new(loop, o->fd, 0, on_output, o);
	o->asked = agent_adopt(agent_of(o->p),
			       o->is_stderr ? AGENT_READ_STDERR
					    : AGENT_READ_STDOUT,
			       call, on_read, o);
	if (!o->asked)
		output_ask(o);
}

void stream_abort_output(struct process_output *o)
{
	if (agent_of(o->p))
		ttrpc_forget(agent_of(o->p), o);
	o->asked = false;
	o->eof = true;
	output_close(o);
}

void stream_lose_reader(struct process *p)
{
	struct process_output *const outputs[] = {&p->out, &p->err};
	size_t i;

	input_close(p);
	for (i = 0; i < ARRAY_SIZE(outputs); i++) {
		struct process_output *o = outputs[i];

		event_io_free(o->io);
		o->io = NULL;
		close_fd(&o->fd);
		if (o->pending)
			buf_clear(o->pending);
		if (o->pending && !o->eof && !o->asked)
			output_ask(o);
	}
	stream_check_finished(p);
}

void stream_start(struct process *p)
{
	input_start(p);
	if (p->terminal)
		p->err.eof = true; /* a terminal has one output */
	else
		output_start(&p->err, 0);
	output_start(&p->out, 0);
}

void stream_adopt(struct process *p, const struct checkpoint *ck)
{
	p->in.closed = ck->in_closed;
	if (ck->in_closed)
		input_close(p);
	else
		input_start(p);
	p->err.eof = ck->err_ended || p->terminal;
	p->out.eof = ck->out_ended;
	if (p->err.eof)
		output_close(&p->err);
	else
		output_start(&p->err, ck->calls.err);
	if (p->out.eof)
		output_close(&p->out);
	else
		output_start(&p->out, ck->calls.out);
}
