// SPDX-License-Identifier: Apache-2.0
#include "console.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/vm_sockets.h>
#include <poll.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "boot.h"
#include "channel.h"
#include "os/io.h"

#define PORT_NAME "kiln.console.0"
#define PORT_PATH_MAX 512
#define PIECE 4096
#define LOOK_MS 200
#define LOOKS_MAX 50
#define SHELLS_MAX 8

struct console {
	struct agent *agent;
	int shell_fd, log_fd, log_peer;
	struct event_io *log_io;
	struct event_timer *timer;
	unsigned int looks, shells;
};

static const char *find_shell(void)
{
	static const char *const shells[] = {"/bin/bash", "/bin/sh"};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(shells); i++)
		if (access(shells[i], X_OK) == 0)
			return shells[i];
	return NULL;
}

static void shell(const char *path, int tty) __attribute__((noreturn));

static void shell(const char *path, int tty)
{
	char *argv[] = {(char *)(uintptr_t)path, NULL};

	(void)setsid();
	if (dup2(tty, 0) < 0 || dup2(tty, 1) < 0 || dup2(tty, 2) < 0)
		_exit(126);
	(void)ioctl(0, TIOCSCTTY, 0);
	(void)syscall(SYS_close_range, 3, ~0u, 0);
	(void)setenv("TERM", "vt102", 0);
	(void)execv(path, argv);
	_exit(127);
}

static bool copy(int from, int to)
{
	char data[PIECE];
	ssize_t n = read(from, data, sizeof(data));

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return true;
	return n > 0 && write_full(to, data, (size_t)n) == 0;
}

/* Until either side ends. PEER is blocking. */
static void relay(int peer, int master)
{
	struct pollfd p[2] = {{.fd = peer, .events = POLLIN},
			      {.fd = master, .events = POLLIN}};

	for (;;) {
		if (poll(p, 2, -1) < 0 && errno != EINTR)
			return;
		if (p[1].revents && !copy(master, peer))
			return;
		if (p[0].revents & POLLIN && !copy(peer, master))
			return;
		if (!(p[0].revents & POLLIN) && p[0].revents)
			return;
	}
}

/* One shell on a terminal of its own, for the host at PEER. */
static void session(int peer)
{
	const char *path = find_shell();
	cleanup_close int master = open("/dev/ptmx", O_RDWR | O_NOCTTY |
					O_CLOEXEC);
	cleanup_close int tty = -1;
	int zero = 0;
	pid_t pid;

	if (!path || master < 0 || ioctl(master, TIOCSPTLCK, &zero) < 0)
		return;
	tty = ioctl(master, TIOCGPTPEER, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (tty < 0)
		return;
	pid = fork();
	if (!pid)
		shell(path, tty);
	close_fd(&tty);
	relay(peer, master);
	close_fd(&master); /* hangs up */
	if (pid > 0) {
		(void)kill(pid, SIGHUP);
		(void)waitpid(pid, NULL, 0);
	}
}

/* A child of the agent that keeps nothing of it but PEER, as fd 3. */
static pid_t fork_apart(int peer)
{
	pid_t pid = fork();
	int signo;

	if (pid)
		return pid;
	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	event_restore_signals();
	(void)signal(SIGPIPE, SIG_IGN);
	if (peer != 3 && dup2(peer, 3) < 0)
		_exit(126);
	(void)syscall(SYS_close_range, 4, ~0u, 0);
	(void)fcntl(3, F_SETFD, FD_CLOEXEC);
	(void)fcntl(3, F_SETFL, 0);
	return 0;
}

/* The port says that it is hung up while nobody is at its other end. */
static void serve_port(int port) __attribute__((noreturn));

static void serve_port(int port)
{
	const struct timespec pause = {.tv_nsec = LOOK_MS * 1000000l};

	for (;;) {
		struct pollfd p = {.fd = port, .events = POLLOUT};

		if (poll(&p, 1, -1) > 0 && !(p.revents & POLLHUP))
			session(port);
		(void)nanosleep(&pause, NULL);
	}
}

static void on_shell_end(void *arg, pid_t pid UNUSED, int status UNUSED)
{
	struct console *c = arg;

	c->shells--;
}

static void on_shell_peer(void *arg, int fd, uint32_t events UNUSED)
{
	struct console *c = arg;
	cleanup_close int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC);
	pid_t pid;

	if (peer < 0 || c->shells >= SHELLS_MAX)
		return;
	pid = fork_apart(peer);
	if (!pid) {
		session(3);
		_exit(0);
	}
	if (pid > 0 &&
	    event_child(c->agent->loop, pid, on_shell_end, c) == 0)
		c->shells++;
}

/* The log goes to the console again. */
static void log_end(struct console *c)
{
	event_io_free(c->log_io);
	c->log_io = NULL;
	log_setup(STDERR_FILENO, LOG_FORMAT_TEXT, c->agent->config.log_level,
		  "kiln-agent");
	close_fd(&c->log_peer);
}

static void on_log_hangup(void *arg, int fd, uint32_t events UNUSED)
{
	char data[PIECE];
	ssize_t n = read(fd, data, sizeof(data)); /* has nothing to say */

	if (n == 0 || (n < 0 && errno != EAGAIN && errno != EINTR))
		log_end(arg);
}

/* One reader, the newest. Lines that it is too slow for are lost: the agent
 * waits for nobody. */
static void on_log_peer(void *arg, int fd, uint32_t events UNUSED)
{
	struct console *c = arg;
	int peer = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

	if (peer < 0)
		return;
	log_end(c);
	c->log_peer = peer;
	c->log_io = event_io_new(c->agent->loop, peer, EPOLLIN, on_log_hangup,
				 c);
	if (!c->log_io) {
		close_fd(&c->log_peer);
		return;
	}
	log_setup(peer, LOG_FORMAT_JSON, c->agent->config.log_level,
		  "kiln-agent");
	log_info("log stream begins");
}

static void listen_on(struct console *c, uint32_t port, int *ret,
		      event_io_fn fn)
{
	const struct sockaddr_vm address = {
		.svm_family = AF_VSOCK,
		.svm_port = port,
		.svm_cid = VMADDR_CID_ANY,
	};
	cleanup_close int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC |
				      SOCK_NONBLOCK, 0);

	if (fd < 0 ||
	    bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    listen(fd, 4) < 0 ||
	    !event_io_new(c->agent->loop, fd, EPOLLIN, fn, c)) {
		log_warn("listen on vsock port %u: %s", port, strerror(errno));
		return;
	}
	*ret = TAKE_FD(fd);
}

/* The port may be found by the kernel a little later than the agent starts. */
static void look_for_port(void *arg)
{
	struct console *c = arg;
	char path[PORT_PATH_MAX];
	cleanup_close int port = -1;

	if (channel_find_port(c->agent, PORT_NAME, path, sizeof(path)) == 0)
		port = open(path, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (port >= 0) {
		if (!fork_apart(port))
			serve_port(3);
		return;
	}
	if (++c->looks < LOOKS_MAX)
		event_timer_set(c->timer, LOOK_MS);
	else if (c->shell_fd < 0)
		boot_debug_console();
}

void console_start(struct agent *agent)
{
	static struct console console = {
		.shell_fd = -1, .log_fd = -1, .log_peer = -1,
	};
	const struct config *config = &agent->config;

	console.agent = agent;
	if (config->log_port)
		listen_on(&console, config->log_port, &console.log_fd,
			  on_log_peer);
	if (!config->debug_console)
		return;
	if (!find_shell()) {
		log_warn("debug console: the image has no shell");
		return;
	}
	if (config->console_port)
		listen_on(&console, config->console_port, &console.shell_fd,
			  on_shell_peer);
	console.timer = event_timer_new(agent->loop, look_for_port, &console);
	if (console.timer)
		look_for_port(&console);
}
