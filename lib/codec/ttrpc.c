// SPDX-License-Identifier: Apache-2.0
#include "ttrpc.h"

#include <errno.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <linux/sockios.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/list.h"
#include "os/io.h"
#include "proto/ttrpc.pb-c.h"

#define FRAME_REQUEST 1
#define FRAME_RESPONSE 2

/* A peer that does not read costs this much before it is cut off. */
#define OUT_MAX ((size_t)64 << 20)
#define READ_CHUNK ((size_t)64 << 10)
#define READ_SMALLEST 4096
#define CALLS_MAX 4096

/* A request of the peer, until answered. */
struct ttrpc_call {
	struct list link;	 /* in conn->calls */
	struct ttrpc_conn *conn; /* NULL once the connection is gone */
	uint32_t stream;
};

/* A request to the peer, until answered. */
struct pending {
	struct list link; /* in conn->pending */
	uint32_t stream;
	const ProtobufCMessageDescriptor *response;
	ttrpc_done_fn done;
	void *arg;
	struct event_timer *timer;
	struct ttrpc_conn *conn;
};

struct ttrpc_conn {
	struct event_loop *loop;
	int fd;
	struct event_io *io;
	const struct ttrpc_method *methods;
	size_t nmethods;
	ttrpc_closed_fn closed;
	void *arg;
	struct buf in, out;
	size_t skip;	     /* bytes of an oversized payload to throw away */
	uint32_t next_stream;
	size_t ncalls;
	struct list calls, pending;
	unsigned int depth; /* of callbacks that may free the connection */
	bool dead, freed, held;
};

static const struct {
	int err;
	enum ttrpc_code code;
} errno_codes[] = {
	{ENOENT, TTRPC_NOT_FOUND},	    {ESRCH, TTRPC_NOT_FOUND},
	{EEXIST, TTRPC_ALREADY_EXISTS},	    {EINVAL, TTRPC_INVALID_ARGUMENT},
	{EPERM, TTRPC_PERMISSION_DENIED},   {EACCES, TTRPC_PERMISSION_DENIED},
	{ETIMEDOUT, TTRPC_DEADLINE_EXCEEDED},
	{EBUSY, TTRPC_FAILED_PRECONDITION}, {ENOSYS, TTRPC_UNIMPLEMENTED},
	{EOPNOTSUPP, TTRPC_UNIMPLEMENTED},  {ENOMEM, TTRPC_RESOURCE_EXHAUSTED},
	{ENOSPC, TTRPC_RESOURCE_EXHAUSTED}, {ERANGE, TTRPC_OUT_OF_RANGE},
	{ECANCELED, TTRPC_CANCELLED},	    {EPIPE, TTRPC_UNAVAILABLE},
	{ECONNRESET, TTRPC_UNAVAILABLE},
};

enum ttrpc_code ttrpc_code_of_errno(int code)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(errno_codes); i++)
		if (errno_codes[i].err == -code)
			return errno_codes[i].code;
	return TTRPC_INTERNAL;
}

int ttrpc_code_to_errno(int code)
{
	size_t i;

	if (code == TTRPC_OK)
		return 0;
	for (i = 0; i < ARRAY_SIZE(errno_codes); i++)
		if ((int)errno_codes[i].code == code)
			return -errno_codes[i].err;
	return -EIO;
}

int ttrpc_conn_fd(const struct ttrpc_conn *conn)
{
	return conn->fd;
}

int ttrpc_call_is_live(const struct ttrpc_call *call)
{
	return call->conn && !call->conn->dead;
}

void *ttrpc_call_arg(const struct ttrpc_call *call)
{
	return call->conn ? call->conn->arg : NULL;
}

static void pending_free(struct pending *p)
{
	list_del(&p->link);
	event_timer_free(p->timer);
	free(p);
}

static void pending_end(struct pending *p, int code, const char *text,
			const ProtobufCMessage *response)
{
	ttrpc_done_fn done = p->done;
	void *arg = p->arg;

	pending_free(p);
	done(arg, code, text, response);
}

/* Lets go of everything that waits for the peer. */
static void conn_fail_pending(struct ttrpc_conn *conn)
{
	while (!list_empty(&conn->calls)) {
		struct ttrpc_call *call =
			list_entry(conn->calls.next, struct ttrpc_call, link);

		list_del(&call->link);
		call->conn = NULL; /* its owner will still reply, into void */
	}
	while (!list_empty(&conn->pending))
		pending_end(list_entry(conn->pending.next, struct pending, link),
			    TTRPC_UNAVAILABLE, "connection closed", NULL);
}

static void conn_release(struct ttrpc_conn *conn)
{
	buf_release(&conn->in);
	buf_release(&conn->out);
	free(conn);
}

/* The connection is over: no more I/O; the owner is told, once. */
static void conn_die(struct ttrpc_conn *conn, int reason)
{
	if (conn->dead)
		return;
	conn->dead = true;
	event_io_free(conn->io);
	conn->io = NULL;
	conn->depth++;
	conn_fail_pending(conn);
	if (!conn->freed && conn->closed)
		conn->closed(conn->arg, conn, reason);
	if (!--conn->depth && conn->freed)
		conn_release(conn);
}

void ttrpc_conn_free(struct ttrpc_conn *conn)
{
	if (!conn || conn->freed)
		return;
	conn->freed = true;
	conn->depth++;
	if (!conn->dead) {
		conn->dead = true;
		event_io_free(conn->io);
		conn->io = NULL;
		conn_fail_pending(conn);
	}
	close_fd(&conn->fd);
	if (!--conn->depth)
		conn_release(conn);
}

static int conn_flush(struct ttrpc_conn *conn)
{
	if (conn->held)
		return 0;
	while (conn->out.len) {
		ssize_t n = write(conn->fd, buf_data(&conn->out),
				  conn->out.len);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0)
			return -errno;
		buf_consume(&conn->out, (size_t)n);
	}
	return event_io_set(conn->io,
			    EPOLLIN | (conn->out.len ? (uint32_t)EPOLLOUT : 0));
}

/* Queues one frame with MESSAGE as its payload. */
static int conn_send(struct ttrpc_conn *conn, uint32_t stream, uint8_t type,
		     const ProtobufCMessage *message)
{
	size_t n = protobuf_c_message_get_packed_size(message);
	uint8_t *to;

	if (n > TTRPC_PAYLOAD_MAX)
		return -EMSGSIZE;
	to = buf_reserve(&conn->out, TTRPC_HEADER_SIZE + n);
	if (!to)
		return -ENOBUFS;
	put_be32(to, (uint32_t)n);
	put_be32(to + 4, stream);
	to[8] = type;
	to[9] = 0;
	(void)protobuf_c_message_pack(message, to + TTRPC_HEADER_SIZE);
	buf_commit(&conn->out, TTRPC_HEADER_SIZE + n);
	return conn_flush(conn);
}

static void send_response(struct ttrpc_conn *conn, uint32_t stream,
			  enum ttrpc_code code, const char *text,
			  const ProtobufCMessage *message)
{
	Ttrpc__Response response = TTRPC__RESPONSE__INIT;
	Ttrpc__Status status = TTRPC__STATUS__INIT;
	cleanup_free uint8_t *packed = NULL;
	int r;

	if (message) {
		size_t n = protobuf_c_message_get_packed_size(message);

		packed = malloc(n ? n : 1);
		if (packed)
			(void)protobuf_c_message_pack(message, packed);
		else
			code = TTRPC_RESOURCE_EXHAUSTED;
		response.payload.data = packed;
		response.payload.len = packed ? n : 0;
	}
	if (code != TTRPC_OK) {
		status.code = (int32_t)code;
		status.message = (char *)(uintptr_t)text;
		response.status = &status;
	}
	r = conn_send(conn, stream, FRAME_RESPONSE, &response.base);
	if (r == -EMSGSIZE) {
		response = (Ttrpc__Response)TTRPC__RESPONSE__INIT;
		status.code = TTRPC_RESOURCE_EXHAUSTED;
		status.message = (char *)(uintptr_t) "reply exceeds a frame";
		response.status = &status;
		r = conn_send(conn, stream, FRAME_RESPONSE, &response.base);
	}
	if (r < 0)
		conn_die(conn, r);
}

static void call_end(struct ttrpc_call *call, enum ttrpc_code code,
		     const char *text, const ProtobufCMessage *message)
{
	struct ttrpc_conn *conn = call->conn;
	uint32_t stream = call->stream;

	if (conn) {
		list_del(&call->link);
		conn->ncalls--;
	}
	free(call);
	if (conn && !conn->dead)
		send_response(conn, stream, code, text, message);
}

void ttrpc_reply(struct ttrpc_call *call, const ProtobufCMessage *message)
{
	call_end(call, TTRPC_OK, "", message);
}

void ttrpc_reply_error(struct ttrpc_call *call, enum ttrpc_code code,
		       const char *fmt, ...)
{
	char text[2048];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	call_end(call, code, text, NULL);
}

static const struct ttrpc_method *find_method(const struct ttrpc_conn *conn,
					      const Ttrpc__Request *request)
{
	size_t i;

	for (i = 0; i < conn->nmethods; i++)
		if (!strcmp(conn->methods[i].service, request->service) &&
		    !strcmp(conn->methods[i].name, request->method))
			return &conn->methods[i];
	return NULL;
}

static bool stream_in_use(struct ttrpc_conn *conn, uint32_t stream)
{
	struct list *pos;

	list_foreach(pos, &conn->calls)
		if (list_entry(pos, struct ttrpc_call, link)->stream == stream)
			return true;
	return false;
}

static void dispatch(struct ttrpc_conn *conn, uint32_t stream,
		     const Ttrpc__Request *request)
{
	const struct ttrpc_method *method = find_method(conn, request);
	ProtobufCMessage *message;
	struct ttrpc_call *call;

	if (!method || !method->handler) {
		char text[256];

		(void)snprintf(text, sizeof(text), "%.100s/%.100s: unimplemented",
			       request->service, request->method);
		send_response(conn, stream, TTRPC_UNIMPLEMENTED, text, NULL);
		return;
	}
	message = proto_unpack(method->request, request->payload.len,
			       request->payload.data);
	if (!message) {
		send_response(conn, stream, TTRPC_INVALID_ARGUMENT,
			      "malformed request message", NULL);
		return;
	}
	call = conn->ncalls < CALLS_MAX ? calloc(1, sizeof(*call)) : NULL;
	if (!call) {
		proto_free(message);
		send_response(conn, stream, TTRPC_RESOURCE_EXHAUSTED,
			      "too many calls", NULL);
		return;
	}
	call->conn = conn;
	call->stream = stream;
	list_append(&conn->calls, &call->link);
	conn->ncalls++;
	method->handler(conn->arg, call, message);
	proto_free(message);
}

static void on_request(struct ttrpc_conn *conn, uint32_t stream,
		       const uint8_t *payload, size_t n)
{
	ProtobufCMessage *m;

	if (!(stream & 1) || stream_in_use(conn, stream)) {
		send_response(conn, stream, TTRPC_INVALID_ARGUMENT,
			      "stream id not odd or in use", NULL);
		return;
	}
	m = proto_unpack(&ttrpc__request__descriptor, n, payload);
	if (!m) {
		send_response(conn, stream, TTRPC_INVALID_ARGUMENT,
			      "malformed request", NULL);
		return;
	}
	dispatch(conn, stream, (Ttrpc__Request *)m);
	proto_free(m);
}

static struct pending *find_pending(struct ttrpc_conn *conn, uint32_t stream)
{
	struct list *pos;

	list_foreach(pos, &conn->pending) {
		struct pending *p = list_entry(pos, struct pending, link);

		if (p->stream == stream)
			return p;
	}
	return NULL;
}

static void on_response(struct ttrpc_conn *conn, uint32_t stream,
			const uint8_t *payload, size_t n)
{
	struct pending *p = find_pending(conn, stream);
	const ProtobufCMessageDescriptor *descriptor;
	ProtobufCMessage *m, *message = NULL;
	Ttrpc__Response *response;

	if (!p)
		return; /* came after its deadline */
	descriptor = p->response;
	m = proto_unpack(&ttrpc__response__descriptor, n, payload);
	response = (Ttrpc__Response *)m;
	if (response && (!response->status || !response->status->code))
		message = proto_unpack(descriptor, response->payload.len,
				       response->payload.data);
	if (message)
		pending_end(p, TTRPC_OK, "", message);
	else if (response && response->status && response->status->code)
		/* UNAVAILABLE is what we say of a connection that is gone; a
		 * peer that is there cannot. */
		pending_end(p, response->status->code == TTRPC_UNAVAILABLE
				       ? TTRPC_UNKNOWN
				       : response->status->code,
			    response->status->message, NULL);
	else
		pending_end(p, TTRPC_INTERNAL, "malformed response", NULL);
	proto_free(message);
	proto_free(m);
}

/* Handles the first whole frame of the input; false when there is none. */
static bool conn_take_frame(struct ttrpc_conn *conn)
{
	const uint8_t *p = buf_data(&conn->in);
	struct pending *pending;
	uint32_t n, stream;
	uint8_t type;

	if (conn->skip) {
		size_t drop = MIN(conn->skip, conn->in.len);

		buf_consume(&conn->in, drop);
		conn->skip -= drop;
		return drop > 0;
	}
	if (conn->in.len < TTRPC_HEADER_SIZE)
		return false;
	n = get_be32(p);
	stream = get_be32(p + 4);
	type = p[8];
	if (n > TTRPC_PAYLOAD_MAX) {
		buf_consume(&conn->in, TTRPC_HEADER_SIZE);
		conn->skip = n;
		if (type == FRAME_REQUEST)
			send_response(conn, stream, TTRPC_RESOURCE_EXHAUSTED,
				      "request exceeds a frame", NULL);
		else if (type == FRAME_RESPONSE &&
			 (pending = find_pending(conn, stream)))
			pending_end(pending, TTRPC_RESOURCE_EXHAUSTED,
				    "response exceeds a frame", NULL);
		return true;
	}
	if (conn->in.len - TTRPC_HEADER_SIZE < n)
		return false;
	if (type == FRAME_REQUEST)
		on_request(conn, stream, p + TTRPC_HEADER_SIZE, n);
	else if (type == FRAME_RESPONSE)
		on_response(conn, stream, p + TTRPC_HEADER_SIZE, n);
	/* Stream data and unknown frames are of no meaning to unary calls. */
	buf_consume(&conn->in, TTRPC_HEADER_SIZE + n);
	return true;
}

/* *RET is set to the bytes that came. */
static int conn_read(struct ttrpc_conn *conn, size_t *ret)
{
	uint8_t *to = buf_reserve(&conn->in, READ_CHUNK);
	size_t got = 0;
	ssize_t n;

	if (!to)
		return buf_error(&conn->in);
	/* A virtio port gives no more than a page at a time, and waiting in
	 * between costs as much again. Less than a page was the last. */
	do {
		n = read(conn->fd, to + got, READ_CHUNK - got);
		if (n > 0)
			got += (size_t)n;
	} while (n >= READ_SMALLEST && got < READ_CHUNK);
	buf_commit(&conn->in, got);
	*ret = got;
	/* What came before an end is told first; the end comes again. */
	if (n > 0 || got)
		return 0;
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -errno;
	return -EPIPE;
}

static void on_io(void *arg, int fd UNUSED, uint32_t events)
{
	struct ttrpc_conn *conn = arg;
	size_t got = 0;
	int r = 0;

	conn->depth++;
	if (events & EPOLLOUT)
		r = conn_flush(conn);
	if (!r && events & (EPOLLIN | EPOLLHUP | EPOLLERR))
		r = conn_read(conn, &got);
	while (!conn->dead && conn_take_frame(conn))
		;
	if (r < 0 && !conn->dead)
		conn_die(conn, r == -EPIPE ? 0 : r);
	if (!--conn->depth && conn->freed)
		conn_release(conn);
}

struct ttrpc_conn *ttrpc_conn_new(struct event_loop *loop, int fd,
				  const struct ttrpc_method *methods, size_t n,
				  ttrpc_closed_fn closed, void *arg)
{
	struct ttrpc_conn *conn = calloc(1, sizeof(*conn));
	int r = set_nonblock(fd);

	if (!conn)
		return NULL;
	conn->loop = loop;
	conn->fd = fd;
	conn->methods = methods;
	conn->nmethods = n;
	conn->closed = closed;
	conn->arg = arg;
	conn->next_stream = 1;
	buf_init(&conn->in, TTRPC_HEADER_SIZE + TTRPC_PAYLOAD_MAX + READ_CHUNK);
	buf_init(&conn->out, OUT_MAX);
	list_init(&conn->calls);
	list_init(&conn->pending);
	if (!r)
		conn->io = event_io_new(loop, fd, EPOLLIN, on_io, conn);
	if (!conn->io) {
		if (r < 0)
			errno = -r;
		cleanup_freep(&conn);
		return NULL;
	}
	return conn;
}

static void on_deadline(void *arg)
{
	pending_end(arg, TTRPC_DEADLINE_EXCEEDED, "no answer in time", NULL);
}

static int send_request(struct ttrpc_conn *conn, uint32_t stream,
			const char *service, const char *name,
			const ProtobufCMessage *message, uint32_t timeout_ms)
{
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	size_t n = protobuf_c_message_get_packed_size(message);
	cleanup_free uint8_t *packed = malloc(n ? n : 1);

	if (!packed)
		return -ENOMEM;
	(void)protobuf_c_message_pack(message, packed);
	request.service = (char *)(uintptr_t)service;
	request.method = (char *)(uintptr_t)name;
	request.payload.data = packed;
	request.payload.len = n;
	request.timeout_nano = (int64_t)timeout_ms * 1000000;
	return conn_send(conn, stream, FRAME_REQUEST, &request.base);
}

int ttrpc_call(struct ttrpc_conn *conn, const char *service, const char *name,
	       const ProtobufCMessage *request,
	       const ProtobufCMessageDescriptor *response, uint32_t timeout_ms,
	       ttrpc_done_fn done, void *arg)
{
	struct pending *p;
	int r;

	if (conn->dead)
		return -EPIPE;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	list_init(&p->link);
	if (timeout_ms) {
		p->timer = event_timer_new(conn->loop, on_deadline, p);
		if (!p->timer) {
			free(p);
			return -ENOMEM;
		}
		event_timer_set(p->timer, timeout_ms);
	}
	p->stream = conn->next_stream;
	p->response = response;
	p->done = done;
	p->arg = arg;
	p->conn = conn;
	conn->next_stream += 2;
	r = send_request(conn, p->stream, service, name, request, timeout_ms);
	if (r < 0) {
		/* The stream is damaged only when writing itself failed; that
		 * shows again, and ends the connection, at its next event. */
		pending_free(p);
		return r;
	}
	list_append(&conn->pending, &p->link);
	return 0;
}

void ttrpc_forget(struct ttrpc_conn *conn, const void *arg)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &conn->pending) {
		struct pending *p = list_entry(pos, struct pending, link);

		if (p->arg == arg)
			pending_free(p);
	}
}

/* --- moving to another process --- */

void ttrpc_hold(struct ttrpc_conn *conn, bool hold)
{
	conn->held = hold;
	if (conn->dead)
		return;
	if (hold)
		(void)event_io_set(conn->io, 0);
	else if (conn_flush(conn) < 0)
		/* Writing fails again, and ends it, in a turn of its own. */
		(void)event_io_set(conn->io, EPOLLIN | EPOLLOUT);
}

ssize_t ttrpc_drain(struct ttrpc_conn *conn)
{
	size_t got = 0, all = 0;
	int r = 0;

	conn->depth++;
	while (!conn->dead && !r) {
		r = conn_read(conn, &got);
		while (!conn->dead && conn_take_frame(conn))
			;
		all += got;
		if (!got)
			break;
	}
	if (!r && conn->dead)
		r = -EPIPE;
	if (!--conn->depth && conn->freed) {
		conn_release(conn);
		return -EPIPE;
	}
	return r < 0 ? r : (ssize_t)all;
}

size_t ttrpc_unsent(const struct ttrpc_conn *conn)
{
	int queued = 0;

	/* Of a socket alone; others have no such count. */
	if (ioctl(conn->fd, SIOCOUTQ, &queued) < 0)
		queued = 0;
	return conn->out.len + (size_t)queued;
}

uint32_t ttrpc_next_stream(const struct ttrpc_conn *conn)
{
	return conn->next_stream;
}

uint32_t ttrpc_pending_stream(const struct ttrpc_conn *conn, const void *arg)
{
	struct list *pos;

	list_foreach(pos, &conn->pending) {
		struct pending *p = list_entry(pos, struct pending, link);

		if (p->arg == arg)
			return p->stream;
	}
	return 0;
}

int ttrpc_partial(const struct ttrpc_conn *conn, const uint8_t **ret,
		  size_t *ret_n)
{
	if (conn->skip)
		return -EBUSY;
	*ret = buf_data(&conn->in);
	*ret_n = conn->in.len;
	return 0;
}

int ttrpc_take_over(struct ttrpc_conn *conn, uint32_t next_stream,
		    const uint8_t *p, size_t n)
{
	if (!(next_stream & 1) || next_stream < conn->next_stream)
		return -EINVAL;
	conn->next_stream = next_stream;
	return buf_put(&conn->in, p, n);
}

int ttrpc_adopt(struct ttrpc_conn *conn, uint32_t stream,
		const ProtobufCMessageDescriptor *response, ttrpc_done_fn done,
		void *arg)
{
	struct pending *p;

	if (conn->dead)
		return -EPIPE;
	if (!(stream & 1) || stream >= conn->next_stream ||
	    find_pending(conn, stream))
		return -EINVAL;
	p = calloc(1, sizeof(*p));
	if (!p)
		return -ENOMEM;
	list_init(&p->link);
	p->stream = stream;
	p->response = response;
	p->done = done;
	p->arg = arg;
	p->conn = conn;
	list_append(&conn->pending, &p->link);
	return 0;
}
