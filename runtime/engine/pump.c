// SPDX-License-Identifier: Apache-2.0
#include "pump.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "os/io.h"

/* A description of our own for a pipe or terminal, which may then be
 * non-blocking; -1 where the kernel does not give one. */
static int reopen_for_write(int fd)
{
	char path[64];

	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", fd);
	return open(path, O_WRONLY | O_NONBLOCK | O_NOCTTY | O_CLOEXEC);
}

static enum pump_mode prepare_inherited(int *to)
{
	struct stat st;
	int own;

	if (*to < 0 || fstat(*to, &st) < 0)
		return PUMP_SHARED;
	if (S_ISSOCK(st.st_mode))
		return PUMP_SOCKET;
	if (!S_ISFIFO(st.st_mode) && !isatty(*to))
		return PUMP_SHARED;
	own = reopen_for_write(*to);
	if (own < 0)
		return PUMP_SHARED;
	close_fd(to);
	*to = own;
	return PUMP_OWN;
}

void pump_init(struct pump *p, int from, int to, bool to_inherited)
{
	p->from = from;
	p->to = to;
	p->start = p->len = 0;
	p->discard = to < 0;
	p->mode = PUMP_OWN;
	if (to_inherited)
		p->mode = prepare_inherited(&p->to);
	else if (to >= 0)
		(void)set_nonblock(to); /* a pipe just made: cannot fail */
}

void pump_release(struct pump *p)
{
	close_fd(&p->from);
	close_fd(&p->to);
	p->len = 0;
}

bool pump_is_done(const struct pump *p)
{
	return p->from < 0 && !p->len;
}

void pump_want(const struct pump *p, struct pollfd slots[2])
{
	slots[0] = (struct pollfd){.fd = p->len ? -1 : p->from,
				   .events = POLLIN};
	slots[1] = (struct pollfd){.fd = p->len ? p->to : -1,
				   .events = POLLOUT};
}

static ssize_t write_some(struct pump *p)
{
	const uint8_t *data = p->data + p->start;

	if (p->mode == PUMP_SOCKET)
		return send(p->to, data, p->len, MSG_DONTWAIT | MSG_NOSIGNAL);
	if (p->mode == PUMP_SHARED)
		return write(p->to, data, MIN(p->len, (size_t)PIPE_BUF));
	return write(p->to, data, p->len);
}

static void drain(struct pump *p)
{
	ssize_t n;

	if (p->discard) {
		p->len = 0;
		return;
	}
	n = write_some(p);
	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n < 0) {
		/* Nobody reads any more. The process in the guest cannot be
		 * told, so its output goes nowhere rather than stop it. */
		p->discard = true;
		p->len = 0;
		close_fd(&p->to);
		return;
	}
	p->start += (size_t)n;
	p->len -= (size_t)n;
}

static void fill(struct pump *p)
{
	ssize_t n = read(p->from, p->data, sizeof(p->data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	/* EIO is how a terminal says that its other side is gone. */
	if (n <= 0) {
		close_fd(&p->from);
		return;
	}
	p->start = 0;
	p->len = (size_t)n;
}

void pump_move(struct pump *p, const struct pollfd slots[2])
{
	if (slots[0].fd >= 0 && slots[0].revents && !p->len)
		fill(p);
	if (p->len && (slots[1].revents || slots[0].revents || p->discard) &&
	    (p->mode != PUMP_SHARED || slots[1].revents || p->discard))
		drain(p);
	/* The end of the input is passed on, after the last byte. */
	if (p->from < 0 && !p->len)
		close_fd(&p->to);
}
