// SPDX-License-Identifier: Apache-2.0
#include "channel.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "codec/ttrpc.h"
#include "os/io.h"
#include "rpc.h"

#define PORT_CLASS "class/virtio-ports"
#define PORT_NAME_SIZE 256
#define SCAN_MS 5	/* for a port that the kernel is still finding */
#define SCAN_SLOW_MS 200 /* for one that may never come */
#define SCAN_FAST_COUNT 400
#define REOPEN_MS 50
#define CONNECTIONS_MAX 64
#define VSOCK_BACKLOG 8

/* One of them serves a vsock peer. */
struct connection {
	struct list link;
	struct channels *channels;
	struct ttrpc_conn *conn;
};

struct channels {
	struct agent *agent;
	void (*opened)(struct agent *);
	bool told, is_fd;
	/* The virtio-serial port: open and waiting for a host, or serving. */
	int port_fd;
	struct event_io *port_io;
	struct event_timer *port_timer;
	struct ttrpc_conn *port_conn;
	unsigned int scans;
	/* vsock */
	int vsock_fd;
	struct event_io *vsock_io;
	struct list connections;
	size_t nconnections;
};

static void port_scan(struct channels *ch);

static void tell_opened(struct channels *ch)
{
	if (!ch->told && ch->opened)
		ch->opened(ch->agent);
	ch->told = true;
}

static void port_close(struct channels *ch)
{
	event_io_free(ch->port_io);
	ch->port_io = NULL;
	close_fd(&ch->port_fd);
}

/* The host has hung up. Closing the port throws away what it has said and
 * nobody has read; then it is opened for the next one. */
static void on_port_closed(void *arg, struct ttrpc_conn *conn, int reason)
{
	struct agent *agent = arg;
	struct channels *ch = agent->channels;

	log_debug("host has left the port: %s", strerror(-reason));
	ch->port_conn = NULL;
	ttrpc_conn_free(conn);
	event_timer_set(ch->port_timer, REOPEN_MS);
}

/* The port with nobody at the other end always says that it is hung up;
 * edge-triggered, it is heard when that changes. */
static void on_port(void *arg, int fd UNUSED, uint32_t events)
{
	struct channels *ch = arg;
	int port;

	if (events & EPOLLHUP)
		return;
	event_io_free(ch->port_io);
	ch->port_io = NULL;
	port = TAKE_FD(ch->port_fd);
	ch->port_conn = ttrpc_conn_new(ch->agent->loop, port, rpc_methods,
				       rpc_nmethods, on_port_closed, ch->agent);
	if (!ch->port_conn) {
		log_err("serve the port: %s", strerror(errno));
		close_fd(&port);
		event_timer_set(ch->port_timer, REOPEN_MS);
	}
}

int channel_find_port(const struct agent *agent, const char *port, char *ret,
		      size_t size)
{
	cleanup_free char *class = path_join(agent->sysfs, PORT_CLASS);
	cleanup_closedir DIR *d = class ? opendir(class) : NULL;
	struct dirent *e;

	while (d && (e = readdir(d))) {
		cleanup_free char *file = NULL, *name = NULL;

		if (*e->d_name == '.' ||
		    asprintf(&file, "%s/name", e->d_name) < 0 ||
		    read_file(dirfd(d), file, PORT_NAME_SIZE, &name, NULL) < 0)
			continue;
		name[strcspn(name, "\n")] = '\0';
		if (strcmp(name, port))
			continue;
		(void)snprintf(ret, size, "%s/%s", agent->dev, e->d_name);
		return 0;
	}
	return -ENOENT;
}

static void port_scan(struct channels *ch)
{
	char path[PORT_NAME_SIZE * 2];

	if (ch->port_fd >= 0 || ch->port_conn)
		return;
	if (channel_find_port(ch->agent, ch->agent->config.port_name, path,
			      sizeof(path)) == 0)
		ch->port_fd = open(path, O_RDWR | O_NONBLOCK | O_CLOEXEC);
	if (ch->port_fd < 0) {
		event_timer_set(ch->port_timer, ch->scans++ < SCAN_FAST_COUNT
							? SCAN_MS
							: SCAN_SLOW_MS);
		return;
	}
	ch->port_io = event_io_new(ch->agent->loop, ch->port_fd,
				   EPOLLIN | EPOLLOUT | (uint32_t)EPOLLET,
				   on_port, ch);
	if (!ch->port_io) {
		log_err("watch the port: %s", strerror(errno));
		port_close(ch);
		event_timer_set(ch->port_timer, SCAN_SLOW_MS);
		return;
	}
	tell_opened(ch);
}

static void on_port_timer(void *arg)
{
	port_scan(arg);
}

static void connection_free(struct connection *c)
{
	list_del(&c->link);
	c->channels->nconnections--;
	ttrpc_conn_free(c->conn);
	free(c);
}

static void on_vsock_closed(void *arg, struct ttrpc_conn *conn,
			    int reason UNUSED)
{
	struct channels *ch = ((struct agent *)arg)->channels;
	struct list *pos;

	list_foreach(pos, &ch->connections) {
		struct connection *c = list_entry(pos, struct connection, link);

		if (c->conn == conn) {
			connection_free(c);
			return;
		}
	}
}

static void on_vsock(void *arg, int fd, uint32_t events UNUSED)
{
	struct channels *ch = arg;
	cleanup_close int peer = accept4(fd, NULL, NULL,
					 SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct connection *c;

	if (peer < 0)
		return;
	c = ch->nconnections < CONNECTIONS_MAX ? calloc(1, sizeof(*c)) : NULL;
	if (c)
		c->conn = ttrpc_conn_new(ch->agent->loop, peer, rpc_methods,
					 rpc_nmethods, on_vsock_closed,
					 ch->agent);
	if (!c || !c->conn) {
		log_warn("connection refused");
		cleanup_freep(&c);
		return;
	}
	(void)TAKE_FD(peer);
	c->channels = ch;
	ch->nconnections++;
	list_append(&ch->connections, &c->link);
}

static void vsock_scan(struct channels *ch)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_port = ch->agent->config.vsock_port,
		.svm_cid = VMADDR_CID_ANY,
	};
	cleanup_close int fd = -1;

	if (ch->vsock_fd >= 0 || access("/dev/vsock", F_OK) < 0)
		return;
	fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, VSOCK_BACKLOG) < 0) {
		log_debug("vsock: %s", strerror(errno));
		return;
	}
	ch->vsock_io = event_io_new(ch->agent->loop, fd, EPOLLIN, on_vsock, ch);
	if (!ch->vsock_io)
		return;
	ch->vsock_fd = TAKE_FD(fd);
	tell_opened(ch);
}

void channels_rescan(struct channels *channels)
{
	if (channels->is_fd)
		return;
	port_scan(channels);
	vsock_scan(channels);
}

static struct channels *channels_new(struct agent *agent)
{
	struct channels *ch = calloc(1, sizeof(*ch));

	if (!ch)
		return NULL;
	ch->agent = agent;
	ch->port_fd = ch->vsock_fd = -1;
	list_init(&ch->connections);
	agent->channels = ch;
	return ch;
}

struct channels *channels_open(struct agent *agent,
			       void (*opened)(struct agent *),
			       struct err *reterr)
{
	struct channels *ch = channels_new(agent);

	if (ch)
		ch->port_timer = event_timer_new(agent->loop, on_port_timer,
						 ch);
	if (!ch || !ch->port_timer) {
		channels_free(ch);
		(void)err_set(reterr, -ENOMEM, "out of memory");
		return NULL;
	}
	ch->opened = opened;
	vsock_scan(ch);
	port_scan(ch);
	return ch;
}

static void on_fd_closed(void *arg, struct ttrpc_conn *conn UNUSED,
			 int reason UNUSED)
{
	struct agent *agent = arg;

	event_loop_quit(agent->loop, 0);
}

struct channels *channels_open_fd(struct agent *agent, int fd,
				  struct err *reterr)
{
	struct channels *ch = channels_new(agent);

	if (ch) {
		ch->is_fd = true;
		ch->port_conn = ttrpc_conn_new(agent->loop, fd, rpc_methods,
					       rpc_nmethods, on_fd_closed,
					       agent);
	}
	if (!ch || !ch->port_conn) {
		(void)err_errno(reterr, "serve fd %d", fd);
		channels_free(ch);
		return NULL;
	}
	return ch;
}

void channels_free(struct channels *channels)
{
	struct list *pos, *tmp;

	if (!channels)
		return;
	list_foreach_safe(pos, tmp, &channels->connections)
		connection_free(list_entry(pos, struct connection, link));
	ttrpc_conn_free(channels->port_conn);
	port_close(channels);
	event_timer_free(channels->port_timer);
	event_io_free(channels->vsock_io);
	close_fd(&channels->vsock_fd);
	channels->agent->channels = NULL;
	free(channels);
}
