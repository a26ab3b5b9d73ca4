// SPDX-License-Identifier: Apache-2.0
/* QEMU: docs/interop/qmp-spec.txt. One JSON object a line, both ways. */
#include "runtime/vmm/qmp.h"

#include <errno.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "os/event.h"
#include "os/io.h"

#define READ_SIZE 16384
#define EVENT_NAME_MAX 64

struct pending {
	uint64_t id;
	qmp_reply_fn fn;
	void *arg;
};

struct qmp {
	struct event_loop *loop;
	int fd; /* owned; -1 when the connection has ended */
	struct event_io *io;
	const struct qmp_callbacks *cb;
	void *arg;
	struct buf in, out, held; /* held: commands before `ready` */
	bool greeted, ready;
	uint64_t next_id;
	struct pending pending[QMP_PENDING_MAX];
	size_t n_pending;
	bool *freed; /* set by qmp_free() for the frames below it */
};

static void disconnect(struct qmp *q)
{
	event_io_free(q->io);
	q->io = NULL;
	close_fd(&q->fd);
}

void qmp_free(struct qmp *qmp)
{
	if (!qmp)
		return;
	if (qmp->freed)
		*qmp->freed = true;
	disconnect(qmp);
	buf_release(&qmp->in);
	buf_release(&qmp->out);
	buf_release(&qmp->held);
	free(qmp);
}

/* Ends the connection; Q may be gone afterwards. */
static void fail(struct qmp *q, int code, const char *text)
{
	bool gone = false;
	bool *outer = q->freed;

	disconnect(q);
	q->freed = &gone;
	while (q->n_pending > 0) {
		struct pending p = q->pending[--q->n_pending];

		if (p.fn)
			p.fn(p.arg, -ECONNRESET, NULL, "connection ended");
		if (gone) {
			if (outer)
				*outer = true;
			return;
		}
	}
	q->freed = outer;
	q->cb->closed(q->arg, code, text);
}

/* 0, or -errno after which the connection is to be ended. */
static int flush(struct qmp *q)
{
	while (q->out.len > 0) {
		ssize_t n = send(q->fd, buf_data(&q->out), q->out.len,
				 MSG_NOSIGNAL | MSG_DONTWAIT);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			return event_io_set(q->io, EPOLLIN | EPOLLOUT);
		if (n < 0)
			return -errno;
		buf_consume(&q->out, (size_t)n);
	}
	return event_io_set(q->io, EPOLLIN);
}

static int put_command(struct buf *b, const char *command,
		       struct json_object *arguments, uint64_t id)
{
	struct json_object *o = json_object_new_object();
	const char *text;
	int r = -ENOMEM;

	if (!o) {
		json_object_put(arguments);
		return r;
	}
	(void)json_object_object_add(o, "execute",
				     json_object_new_string(command));
	if (arguments)
		(void)json_object_object_add(o, "arguments", arguments);
	(void)json_object_object_add(o, "id", json_object_new_uint64(id));
	text = json_object_to_json_string_ext(o, JSON_C_TO_STRING_PLAIN);
	if (text) {
		(void)buf_put_str(b, text);
		(void)buf_put_str(b, "\r\n");
		r = buf_error(b);
	}
	json_object_put(o);
	return r;
}

int qmp_execute(struct qmp *q, const char *command,
		struct json_object *arguments, qmp_reply_fn fn, void *arg)
{
	int r;

	if (q->fd < 0 || q->n_pending == QMP_PENDING_MAX) {
		json_object_put(arguments);
		return q->fd < 0 ? -ENOTCONN : -EBUSY;
	}
	r = put_command(q->ready ? &q->out : &q->held, command, arguments,
			q->next_id);
	if (r < 0)
		return r;
	q->pending[q->n_pending++] = (struct pending){
		.id = q->next_id++, .fn = fn, .arg = arg,
	};
	/* A failure to send shows as the end of the connection in the loop;
	 * the caller is not called back from within its own call. */
	if (q->ready && flush(q) < 0)
		(void)event_io_set(q->io, EPOLLIN | EPOLLOUT);
	return 0;
}

int qmp_give_fd(struct qmp *q, const char *name, int fd, qmp_reply_fn fn,
		void *arg)
{
	struct json_object *arguments;
	int r;

	if (q->fd < 0)
		return -ENOTCONN;
	if (!q->ready || q->out.len || q->n_pending == QMP_PENDING_MAX)
		return -EBUSY;
	arguments = json_object_new_object();
	if (!arguments)
		return -ENOMEM;
	(void)json_object_object_add(arguments, "fdname",
				     json_object_new_string(name));
	r = put_command(&q->out, "getfd", arguments, q->next_id);
	if (!r)
		r = send_fds(q->fd, buf_data(&q->out), q->out.len, &fd, 1);
	buf_clear(&q->out);
	if (r < 0)
		return r;
	q->pending[q->n_pending++] = (struct pending){
		.id = q->next_id++, .fn = fn, .arg = arg,
	};
	return 0;
}

static struct json_object *member(struct json_object *o, const char *key,
				  enum json_type type)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, type))
		return NULL;
	return v;
}

static void on_capabilities(void *arg, int status,
			    struct json_object *result UNUSED,
			    const char *text UNUSED)
{
	struct qmp *q = arg;

	if (status < 0)
		return; /* the connection has ended, or QEMU refused: no ready */
	q->ready = true;
	(void)buf_put(&q->out, buf_data(&q->held), q->held.len);
	buf_clear(&q->held);
	if (flush(q) < 0)
		(void)event_io_set(q->io, EPOLLIN | EPOLLOUT);
	q->cb->ready(q->arg);
}

static int on_greeting(struct qmp *q, struct json_object *o)
{
	int r;

	if (!member(o, "QMP", json_type_object))
		return -EPROTO;
	q->greeted = true;
	if (q->n_pending == QMP_PENDING_MAX)
		return -EBUSY;
	r = put_command(&q->out, "qmp_capabilities", NULL, q->next_id);
	if (r < 0)
		return r;
	q->pending[q->n_pending++] = (struct pending){
		.id = q->next_id++, .fn = on_capabilities, .arg = q,
	};
	return flush(q);
}

static int on_reply(struct qmp *q, struct json_object *o, bool failed)
{
	struct json_object *id = member(o, "id", json_type_int);
	struct json_object *err = member(o, "error", json_type_object);
	struct json_object *desc;
	struct pending p = {0};
	char text[QMP_TEXT_MAX] = "";
	uint64_t want;
	size_t i;

	if (!id)
		return -EPROTO;
	want = json_object_get_uint64(id);
	for (i = 0; i < q->n_pending; i++)
		if (q->pending[i].id == want)
			break;
	if (i == q->n_pending)
		return -EPROTO;
	p = q->pending[i];
	q->pending[i] = q->pending[--q->n_pending];
	if (!p.fn)
		return 0;
	if (!failed) {
		struct json_object *result = NULL;

		(void)json_object_object_get_ex(o, "return", &result);
		p.fn(p.arg, 0, result, NULL);
		return 0;
	}
	desc = err ? member(err, "desc", json_type_string) : NULL;
	if (desc)
		(void)log_escape(text, sizeof(text),
				 json_object_get_string(desc),
				 (size_t)json_object_get_string_len(desc));
	p.fn(p.arg, -EIO, NULL, text);
	return 0;
}

/* One message. 0, or -errno to end the connection. */
static int dispatch(struct qmp *q, struct json_object *o)
{
	struct json_object *event;
	char name[EVENT_NAME_MAX];

	if (!json_object_is_type(o, json_type_object))
		return -EPROTO;
	if (!q->greeted)
		return on_greeting(q, o);
	if (json_object_object_get_ex(o, "return", NULL))
		return on_reply(q, o, false);
	if (json_object_object_get_ex(o, "error", NULL))
		return on_reply(q, o, true);
	event = member(o, "event", json_type_string);
	if (!event)
		return -EPROTO;
	(void)log_escape(name, sizeof(name), json_object_get_string(event),
			 (size_t)json_object_get_string_len(event));
	q->cb->event(q->arg, name, member(o, "data", json_type_object));
	return 0;
}

static int parse_line(struct qmp *q, const char *line, size_t n)
{
	struct json_tokener *tok;
	struct json_object *o;
	int r = -EPROTO;

	while (n > 0 && (line[n - 1] == '\r' || line[n - 1] == ' '))
		n--;
	if (n == 0)
		return 0;
	tok = json_tokener_new_ex(QMP_DEPTH_MAX);
	if (!tok)
		return -ENOMEM;
	o = json_tokener_parse_ex(tok, line, (int)n);
	/* A number is complete only when something follows it; an object is
	 * complete with its brace, and nothing may follow. */
	if (o && json_tokener_get_error(tok) == json_tokener_success &&
	    json_tokener_get_parse_end(tok) == n)
		r = dispatch(q, o);
	json_object_put(o);
	json_tokener_free(tok);
	return r;
}

/* Handles the whole lines that have come. False when Q is gone or ended. */
static bool drain_lines(struct qmp *q)
{
	bool gone = false;
	bool *outer = q->freed;

	q->freed = &gone;
	while (q->fd >= 0) {
		const char *data = (const char *)buf_data(&q->in);
		const char *end = data ? memchr(data, '\n', q->in.len) : NULL;
		cleanup_free char *line = NULL;
		size_t n;
		int r;

		if (!end)
			break;
		/* The callbacks of a message may free the buffer it is in. */
		n = (size_t)(end - data);
		line = malloc(n + 1);
		if (!line) {
			r = -ENOMEM;
		} else {
			memcpy(line, data, n);
			line[n] = '\0';
			buf_consume(&q->in, n + 1);
			r = parse_line(q, line, n);
		}
		if (gone) {
			if (outer)
				*outer = true;
			return false;
		}
		if (r < 0) {
			q->freed = outer;
			fail(q, r, "what QEMU said is not QMP");
			return false;
		}
	}
	q->freed = outer;
	return q->fd >= 0;
}

static void on_io(void *arg, int fd, uint32_t events)
{
	struct qmp *q = arg;
	uint8_t *room;
	ssize_t n;

	if ((events & EPOLLOUT) && flush(q) < 0) {
		fail(q, -EPIPE, "QEMU takes no commands");
		return;
	}
	if (!(events & (EPOLLIN | EPOLLHUP | EPOLLERR)))
		return;
	room = buf_reserve(&q->in, READ_SIZE);
	if (!room) {
		fail(q, buf_error(&q->in), "a message of QEMU is too long");
		return;
	}
	n = recv(fd, room, READ_SIZE, MSG_DONTWAIT);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		fail(q, n < 0 ? -errno : 0, "connection ended");
		return;
	}
	buf_commit(&q->in, (size_t)n);
	(void)drain_lines(q);
}

struct qmp *qmp_new(struct event_loop *loop, int fd,
		    const struct qmp_callbacks *cb, void *arg)
{
	cleanup_close int owned = fd;
	cleanup_free struct qmp *q = calloc(1, sizeof(*q));

	if (!q)
		return NULL;
	*q = (struct qmp){.loop = loop, .fd = -1, .cb = cb, .arg = arg};
	buf_init(&q->in, QMP_LINE_MAX);
	buf_init(&q->out, QMP_LINE_MAX);
	buf_init(&q->held, QMP_LINE_MAX);
	if (set_nonblock(fd) < 0)
		return NULL;
	q->io = event_io_new(loop, fd, EPOLLIN, on_io, q);
	if (!q->io)
		return NULL;
	q->fd = TAKE_FD(owned);
	return TAKE_PTR(q);
}
