// SPDX-License-Identifier: Apache-2.0
#include "stream.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"

#define PIPE_SIZE ((size_t)64 << 10) /* more than this no read returns */

struct reader {
	struct list link;
	struct ttrpc_call *call;
	uint32_t n;
};

struct writer {
	struct list link;
	struct ttrpc_call *call;
	size_t n, done;
	uint8_t data[];
};

static void reply_data(struct ttrpc_call *call, uint8_t *data, size_t n)
{
	Grpc__ReadStreamResponse response = GRPC__READ_STREAM_RESPONSE__INIT;

	response.data.data = data;
	response.data.len = n;
	ttrpc_reply(call, &response.base);
}

static void reader_free(struct reader *r)
{
	list_del(&r->link);
	free(r);
}

static struct reader *first_reader(struct stream_out *s)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &s->readers) {
		struct reader *r = list_entry(pos, struct reader, link);

		if (ttrpc_call_is_live(r->call))
			return r;
		/* Its host is gone: what it asked for is for another one. */
		reply_data(r->call, NULL, 0);
		reader_free(r);
	}
	return NULL;
}

static void out_close(struct stream_out *s)
{
	struct reader *r;

	event_io_free(s->io);
	s->io = NULL;
	close_fd(&s->fd);
	while ((r = first_reader(s))) {
		reply_data(r->call, NULL, 0);
		reader_free(r);
	}
}

/* One read for the reader R: true when it was answered, false when there is
 * nothing to read now. At the end the stream is closed. */
static bool serve(struct stream_out *s, struct reader *r)
{
	size_t want = MIN(r->n, STREAM_READ_MAX);
	cleanup_free uint8_t *data = NULL;
	ssize_t n;

	want = MIN(want, PIPE_SIZE);
	data = malloc(want);
	if (!data) {
		ttrpc_reply_error(r->call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
		reader_free(r);
		return true;
	}
	do {
		n = read(s->fd, data, want);
	} while (n < 0 && errno == EINTR);
	if (n < 0 && errno == EAGAIN && !s->expired)
		return false;
	if (n <= 0) {
		/* EIO is a terminal whose last user has left. */
		out_close(s);
		return true;
	}
	reply_data(r->call, data, (size_t)n);
	reader_free(r);
	return true;
}

static void out_serve(struct stream_out *s)
{
	struct reader *r;

	while (s->fd >= 0 && (r = first_reader(s)))
		if (!serve(s, r))
			break;
	if (s->io)
		(void)event_io_set(s->io,
				   list_empty(&s->readers) ? 0 : EPOLLIN);
}

static void on_readable(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	out_serve(arg);
}

void stream_out_init(struct stream_out *s, struct event_loop *loop)
{
	*s = (struct stream_out){.loop = loop, .fd = -1};
	list_init(&s->readers);
}

int stream_out_open(struct stream_out *s, int fd)
{
	s->fd = fd;
	if (set_nonblock(fd) < 0)
		return -errno;
	s->io = event_io_new(s->loop, fd, 0, on_readable, s);
	return s->io ? 0 : -errno;
}

void stream_out_release(struct stream_out *s)
{
	out_close(s);
	event_timer_free(s->drain);
	s->drain = NULL;
}

void stream_out_read(struct stream_out *s, struct ttrpc_call *call, uint32_t n)
{
	struct reader *r;

	if (s->fd < 0) {
		reply_data(call, NULL, 0);
		return;
	}
	if (!n) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "read of no bytes");
		return;
	}
	r = malloc(sizeof(*r));
	if (!r) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
		return;
	}
	r->call = call;
	r->n = n;
	list_append(&s->readers, &r->link);
	out_serve(s);
}

static void on_drained(void *arg)
{
	struct stream_out *s = arg;

	s->expired = true;
	out_serve(s);
}

void stream_out_exited(struct stream_out *s)
{
	if (s->ended || s->fd < 0)
		return;
	s->ended = true;
	s->drain = event_timer_new(s->loop, on_drained, s);
	if (s->drain)
		event_timer_set(s->drain, STREAM_DRAIN_MS);
	else
		s->expired = true;
}

static void writer_end(struct stream_in *s, struct writer *w, int code)
{
	Grpc__WriteStreamResponse response = GRPC__WRITE_STREAM_RESPONSE__INIT;

	list_del(&w->link);
	s->pending -= w->n - w->done;
	response.len = (uint32_t)w->n;
	if (!code)
		ttrpc_reply(w->call, &response.base);
	else
		ttrpc_reply_error(w->call, TTRPC_FAILED_PRECONDITION,
				  "write to standard input: EPIPE: %s",
				  strerror(-code));
	free(w);
}

static void in_close(struct stream_in *s, int code)
{
	event_io_free(s->io);
	s->io = NULL;
	close_fd(&s->fd);
	while (!list_empty(&s->writers))
		writer_end(s, list_entry(s->writers.next, struct writer, link),
			   code);
}

static void in_flush(struct stream_in *s)
{
	while (!list_empty(&s->writers)) {
		struct writer *w =
			list_entry(s->writers.next, struct writer, link);
		ssize_t n = write(s->fd, w->data + w->done, w->n - w->done);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0 && errno == EAGAIN)
			break;
		if (n < 0) {
			in_close(s, -EPIPE);
			return;
		}
		w->done += (size_t)n;
		s->pending -= (size_t)n;
		if (w->done == w->n)
			writer_end(s, w, 0);
	}
	if (list_empty(&s->writers) && s->closing)
		in_close(s, -EPIPE);
	else
		(void)event_io_set(s->io,
				   list_empty(&s->writers) ? 0 : EPOLLOUT);
}

static void on_writable(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	in_flush(arg);
}

void stream_in_init(struct stream_in *s, struct event_loop *loop)
{
	*s = (struct stream_in){.loop = loop, .fd = -1};
	list_init(&s->writers);
}

int stream_in_open(struct stream_in *s, int fd)
{
	s->fd = fd;
	if (set_nonblock(fd) < 0)
		return -errno;
	s->io = event_io_new(s->loop, fd, 0, on_writable, s);
	return s->io ? 0 : -errno;
}

void stream_in_release(struct stream_in *s)
{
	in_close(s, -EPIPE);
}

void stream_in_write(struct stream_in *s, struct ttrpc_call *call,
		     const uint8_t *data, size_t n)
{
	struct writer *w;

	if (s->fd < 0 || s->closing) {
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "standard input is closed: EPIPE");
		return;
	}
	w = NULL;
	if (n <= STREAM_PENDING_MAX - s->pending)
		w = malloc(sizeof(*w) + n);
	if (!w) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "too much unread standard input");
		return;
	}
	w->call = call;
	w->n = n;
	w->done = 0;
	if (n)
		memcpy(w->data, data, n);
	list_append(&s->writers, &w->link);
	s->pending += n;
	in_flush(s);
}

void stream_in_close(struct stream_in *s)
{
	if (s->fd < 0)
		return;
	s->closing = true;
	in_flush(s);
}
