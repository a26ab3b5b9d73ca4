// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/engine/engine.h"

/* A stub's connection; it lives until the stub closes it. */
struct stub_link {
	struct list link; /* in engine->stubs */
	struct engine *eng;
	int fd; /* owned */
	struct event_io *io;
	struct process *p; /* NULL: not claimed, or told to end */
	bool ready;	   /* has said hello */
	bool ended;
	pid_t pid;
	struct wire_hello hello;
	int fds[3]; /* owned until taken */
};

static void link_free(struct stub_link *s)
{
	size_t i;

	list_del(&s->link);
	event_io_free(s->io);
	close_fd(&s->fd);
	for (i = 0; i < ARRAY_SIZE(s->fds); i++)
		close_fd(&s->fds[i]);
	journal_trim(&s->eng->journal, s->eng->dirfd);
	free(s);
}

static void link_send(struct stub_link *s, uint32_t type, uint32_t a)
{
	struct wire_message m = {type, a, 0};

	/* A stub that is gone is noticed by the loop. */
	(void)send(s->fd, &m, sizeof(m), MSG_NOSIGNAL | MSG_DONTWAIT);
}

static bool hello_is_valid(const struct wire_hello *h, ssize_t n, size_t nfds)
{
	bool terminal = h->flags & WIRE_FLAG_TERMINAL;

	if (n != (ssize_t)sizeof(*h) || h->magic != WIRE_MAGIC ||
	    nfds != (terminal ? 2U : 3U))
		return false;
	if (!memchr(h->id, 0, sizeof(h->id)) ||
	    !memchr(h->exec_id, 0, sizeof(h->exec_id)))
		return false;
	return id_is_valid(h->id) && (!*h->exec_id || id_is_valid(h->exec_id));
}

static int on_hello(struct stub_link *s)
{
	size_t nfds = ARRAY_SIZE(s->fds), i;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	ssize_t n;

	n = recv_fds(s->fd, &s->hello, sizeof(s->hello), s->fds, &nfds);
	if (n == -EAGAIN)
		return 0;
	if (n < 0 || !hello_is_valid(&s->hello, n, nfds))
		return -EPROTO;
	if (getsockopt(s->fd, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0)
		return -errno;
	for (i = 0; i < nfds; i++)
		if (set_nonblock(s->fds[i]) < 0)
			return -EPROTO;
	s->pid = peer.pid;
	s->ready = true;
	(void)journal_process(&s->eng->journal, "stub", s->pid);
	link_send(s, WIRE_ATTACHED, 0);
	return 0;
}

static int on_message(struct stub_link *s)
{
	struct wire_message m;
	ssize_t n = recv(s->fd, &m, sizeof(m), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return 0;
	if (n != (ssize_t)sizeof(m))
		return -EPIPE;
	if (s->p)
		process_stub_message(s->p, &m);
	return 0;
}

static void on_link(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	struct stub_link *s = arg;
	struct process *p;

	if ((s->ready ? on_message(s) : on_hello(s)) == 0)
		return;
	p = s->p;
	link_free(s);
	if (p)
		process_stub_gone(p);
}

static void on_listener(void *arg, int fd, uint32_t events UNUSED)
{
	struct engine *eng = arg;
	struct stub_link *s;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (conn < 0)
		return;
	if (getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &size) < 0 ||
	    (peer.uid != 0 && peer.uid != geteuid())) {
		close_fd(&conn);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (s) {
		list_init(&s->link);
		s->eng = eng;
		s->fd = conn;
		s->fds[0] = s->fds[1] = s->fds[2] = -1;
		s->io = event_io_new(eng->loop, conn, EPOLLIN, on_link, s);
	}
	if (!s || !s->io) {
		close_fd(&conn);
		free(s);
		return;
	}
	list_append(&eng->stubs, &s->link);
}

int stubs_listen(struct engine *eng, int fd)
{
	int r = set_nonblock(fd);

	if (r < 0)
		return r;
	return event_io_new(eng->loop, fd, EPOLLIN, on_listener, eng) ? 0
								      : -errno;
}

struct stub_link *stub_claim(struct engine *eng, const char *id,
			     const char *exec_id, struct process *p)
{
	struct list *pos;

	list_foreach(pos, &eng->stubs) {
		struct stub_link *s = list_entry(pos, struct stub_link, link);

		if (!s->ready || s->p || s->ended ||
		    strcmp(s->hello.id, id) ||
		    strcmp(s->hello.exec_id, exec_id))
			continue;
		s->p = p;
		return s;
	}
	return NULL;
}

pid_t stub_pid(const struct stub_link *s)
{
	return s->pid;
}

void stub_size(const struct stub_link *s, uint32_t *rows, uint32_t *columns)
{
	*rows = s->hello.rows;
	*columns = s->hello.columns;
}

int stub_take_fd(struct stub_link *s, unsigned int i)
{
	return TAKE_FD(s->fds[i]);
}

void stub_end(struct stub_link *s, int status, bool drop)
{
	size_t i;

	if (!s)
		return;
	s->p = NULL;
	if (s->ended)
		return;
	s->ended = true;
	for (i = 0; i < ARRAY_SIZE(s->fds); i++)
		close_fd(&s->fds[i]);
	link_send(s, drop ? WIRE_DROP : WIRE_EXIT, (uint32_t)status);
}

void stubs_end_all(struct engine *eng, int status)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &eng->stubs)
		stub_end(list_entry(pos, struct stub_link, link), status,
			 false);
}

void stubs_close_all(struct engine *eng)
{
	while (!list_empty(&eng->stubs))
		link_free(list_entry(eng->stubs.next, struct stub_link, link));
}
