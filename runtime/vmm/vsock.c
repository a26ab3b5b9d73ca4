// SPDX-License-Identifier: Apache-2.0
/*
 * The way to an agent that listens on vsock. Nothing tells when it does, so
 * connecting is repeated; a refused attempt costs the guest little.
 */
#include <errno.h>
#include <linux/vm_sockets.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/event.h"
#include "runtime/vmm/vm_priv.h"

#define RETRY_MS 20

struct vm_dial {
	struct event_loop *loop;
	struct event_timer *timer;
	struct event_io *io;
	int fd;
	uint32_t cid, port;
	void (*done)(void *arg, int fd);
	void *arg;
};

static void drop(struct vm_dial *d)
{
	event_io_free(d->io);
	d->io = NULL;
	close_fd(&d->fd);
}

void vm_dial_free(struct vm_dial *dial)
{
	if (!dial)
		return;
	drop(dial);
	event_timer_free(dial->timer);
	free(dial);
}

/* The attempt is over: D may be gone afterwards. */
static void settle(struct vm_dial *d, int error)
{
	if (error) {
		drop(d);
		event_timer_set(d->timer, RETRY_MS);
		return;
	}
	event_io_free(d->io);
	d->io = NULL;
	d->done(d->arg, TAKE_FD(d->fd));
}

static void on_connected(void *arg, int fd, uint32_t events UNUSED)
{
	struct vm_dial *d = arg;
	int error = 0;
	socklen_t n = sizeof(error);

	if (getsockopt(fd, SOL_SOCKET, SO_ERROR, &error, &n) < 0)
		error = errno;
	settle(d, error);
}

static void attempt(void *arg)
{
	struct vm_dial *d = arg;
	struct sockaddr_vm sa = {
		.svm_family = AF_VSOCK,
		.svm_cid = d->cid,
		.svm_port = d->port,
	};
	int r;

	d->fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (d->fd < 0) {
		event_timer_set(d->timer, RETRY_MS);
		return;
	}
	r = connect(d->fd, (struct sockaddr *)&sa, sizeof(sa));
	if (r < 0 && errno != EINPROGRESS) {
		settle(d, errno);
		return;
	}
	if (r == 0) {
		settle(d, 0);
		return;
	}
	d->io = event_io_new(d->loop, d->fd, EPOLLOUT, on_connected, d);
	if (!d->io)
		settle(d, ENOMEM);
}

struct vm_dial *vm_dial_new(struct event_loop *loop, uint32_t cid,
			    uint32_t port, void (*done)(void *arg, int fd),
			    void *arg)
{
	struct vm_dial *d = calloc(1, sizeof(*d));

	if (!d)
		return NULL;
	*d = (struct vm_dial){
		.loop = loop, .fd = -1, .cid = cid, .port = port,
		.done = done, .arg = arg,
	};
	d->timer = event_timer_new(loop, attempt, d);
	if (!d->timer) {
		free(d);
		return NULL;
	}
	event_timer_set(d->timer, 0);
	return d;
}
