// SPDX-License-Identifier: Apache-2.0
/*
 * Hands the guest's questions to a name server that listens on the loopback of
 * the container's namespace on the host, where no guest comes. A process of its
 * own, as it is in that namespace; it understands nothing of what it carries.
 */
#include "runtime/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/capability.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"

#define PORT 53
#define QUESTIONS 64 /* at once by UDP; a further one replaces the oldest */
#define STREAMS 8    /* at once by TCP; further ones wait */
#define PATIENCE_S 5 /* for an end of a stream that does not read */
#define DATAGRAM_MAX 65536

struct question {
	int fd; /* connected to the server; -1: none */
	struct sockaddr_in from;
};

struct stream {
	int guest, server; /* -1: none */
};

struct relay {
	int udp, tcp;
	struct question questions[QUESTIONS];
	struct stream streams[STREAMS];
	size_t next;
	uint8_t data[DATAGRAM_MAX];
};

static int open_end(int type, const char *address, bool listens)
{
	struct sockaddr_in a = {.sin_family = AF_INET, .sin_port = htons(PORT)};
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	cleanup_close int fd = socket(AF_INET, type | SOCK_CLOEXEC, 0);
	int one = 1;

	if (fd < 0 || inet_pton(AF_INET, address, &a.sin_addr) != 1)
		return -1;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience,
			 sizeof(patience));
	if (!listens)
		return connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0
			       ? -1
			       : TAKE_FD(fd);
	(void)setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
	if (bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    (type == SOCK_STREAM && listen(fd, STREAMS) < 0))
		return -1;
	return TAKE_FD(fd);
}

static void on_question(struct relay *r)
{
	struct question *q = &r->questions[r->next];
	socklen_t size = sizeof(q->from);
	ssize_t n;

	close_fd(&q->fd);
	n = recvfrom(r->udp, r->data, sizeof(r->data), 0,
		     (struct sockaddr *)&q->from, &size);
	if (n < 0)
		return;
	q->fd = open_end(SOCK_DGRAM, NET_RESOLVER, false);
	if (q->fd < 0)
		return;
	if (send(q->fd, r->data, (size_t)n, 0) < 0)
		close_fd(&q->fd);
	r->next = (r->next + 1) % QUESTIONS;
}

static void on_answer(struct relay *r, struct question *q)
{
	ssize_t n = recv(q->fd, r->data, sizeof(r->data), 0);

	if (n >= 0)
		(void)sendto(r->udp, r->data, (size_t)n, 0,
			     (struct sockaddr *)&q->from, sizeof(q->from));
	close_fd(&q->fd);
}

static void on_stream(struct relay *r, struct stream *s)
{
	s->guest = accept4(r->tcp, NULL, NULL, SOCK_CLOEXEC);
	if (s->guest < 0)
		return;
	s->server = open_end(SOCK_STREAM, NET_RESOLVER, false);
	if (s->server < 0)
		close_fd(&s->guest);
}

/* What has come at one end goes out at the other; the end of one ends both. */
static void carry(struct relay *r, struct stream *s, bool from_guest)
{
	int from = from_guest ? s->guest : s->server;
	int to = from_guest ? s->server : s->guest;
	ssize_t n = recv(from, r->data, sizeof(r->data), 0);

	if (n > 0 && write_full(to, r->data, (size_t)n) >= 0)
		return;
	close_fd(&s->guest);
	close_fd(&s->server);
}

/* Each in its place: question I at 2 + I, ends of stream I from there on. */
static void turn(struct relay *r)
{
	struct pollfd fds[2 + QUESTIONS + 2 * STREAMS];
	struct pollfd *streams = fds + 2 + QUESTIONS;
	struct stream *spare = NULL;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(fds); i++)
		fds[i] = (struct pollfd){.fd = -1, .events = POLLIN};
	for (i = 0; i < QUESTIONS; i++)
		fds[2 + i].fd = r->questions[i].fd;
	for (i = 0; i < STREAMS; i++) {
		streams[2 * i].fd = r->streams[i].guest;
		streams[2 * i + 1].fd = r->streams[i].server;
		if (r->streams[i].guest < 0)
			spare = &r->streams[i];
	}
	fds[0].fd = r->udp;
	fds[1].fd = spare ? r->tcp : -1;
	if (poll(fds, ARRAY_SIZE(fds), -1) <= 0)
		return;
	for (i = 0; i < QUESTIONS; i++)
		if (fds[2 + i].revents)
			on_answer(r, &r->questions[i]);
	for (i = 0; i < STREAMS; i++) {
		if (streams[2 * i].revents)
			carry(r, &r->streams[i], true);
		else if (streams[2 * i + 1].revents)
			carry(r, &r->streams[i], false);
	}
	if (fds[0].revents)
		on_question(r);
	if (fds[1].revents)
		on_stream(r, spare);
}

/* What it reads is a guest's. */
static int give_up_rights(void)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct none[2] = {0};

	return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0
		       ? -1
		       : (int)syscall(SYS_capset, &head, none);
}

static _Noreturn void relay(int nsfd, pid_t parent)
{
	static struct relay r;
	size_t i;

	(void)prctl(PR_SET_NAME, "kiln-dns", 0, 0, 0);
	(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (getppid() != parent) /* it has ended before that */
		_exit(1);
	(void)signal(SIGPIPE, SIG_IGN);
	/* It lives long: what others wait for the end of is not its to hold. */
	if (dup2(nsfd, 3) < 0 || close_range(4, ~0U, 0) < 0 ||
	    setns(3, CLONE_NEWNET) < 0)
		_exit(1);
	(void)close(3);
	for (i = 0; i < QUESTIONS; i++)
		r.questions[i].fd = -1;
	for (i = 0; i < STREAMS; i++)
		r.streams[i].guest = r.streams[i].server = -1;
	r.udp = open_end(SOCK_DGRAM, NET_NEAR_HOST, true);
	r.tcp = open_end(SOCK_STREAM, NET_NEAR_HOST, true);
	if (r.udp < 0 || r.tcp < 0 || give_up_rights() < 0)
		_exit(1);
	for (;;)
		turn(&r);
}

pid_t net_relay(int nsfd)
{
	pid_t parent = getpid(), pid = fork();

	if (!pid)
		relay(nsfd, parent);
	return pid < 0 ? -errno : pid;
}

void net_relay_end(pid_t pid)
{
	(void)kill(pid, SIGKILL);
	while (waitpid(pid, NULL, 0) < 0 && errno == EINTR)
		;
}
