// SPDX-License-Identifier: Apache-2.0
//
// Single-threaded poll() loop; forked from a client, never executed anew, so
// that the stdio, the parent and the place in the process tree are right.
#include "stub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/sched.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/signalfd.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "os/event.h"
#include "os/io.h"
#include "runtime/engine/pump.h"
#include "runtime/engine/sock.h"
#include "runtime/engine/tty.h"
#include "runtime/engine/view.h"
#include "runtime/engine/wire.h"

#define STATUS_SUPERVISOR_DIED 137
#define PIPE_SIZE (1 << 20)
/* How long output may take to reach its reader once the process has ended and
 * nothing moves; a reader that never reads must not keep the stub. */
#define FLUSH_IDLE_MS 60000

/* What a process gets from outside and a stub can pass on. */
static const int forwarded[] = {
	SIGHUP,	 SIGINT,  SIGQUIT, SIGUSR1, SIGUSR2,  SIGTERM,
	SIGCONT, SIGALRM, SIGURG,  SIGIO,   SIGWINCH, SIGVTALRM,
};

struct stub {
	int control, signals; /* owned */
	int size_fd;	      /* the terminal whose size counts, or -1 */
	bool terminal;
	struct pump in, out, err;
	int status; /* -1 until known */
};

static void close_all_but(const int *keep, size_t n)
{
	cleanup_closedir DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		uint32_t fd;
		size_t i;

		if (parse_u32(e->d_name, 10, &fd) < 0 || fd <= 2 ||
		    (int)fd == dirfd(dir))
			continue;
		for (i = 0; i < n; i++)
			if (keep[i] == (int)fd)
				break;
		if (i == n)
			(void)close((int)fd);
	}
}

static int open_signals(void)
{
	sigset_t set;
	size_t i;

	sigemptyset(&set);
	for (i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	if (sigprocmask(SIG_SETMASK, &set, NULL) < 0)
		return -errno;
	(void)signal(SIGPIPE, SIG_IGN);
	(void)signal(SIGTTOU, SIG_IGN);
	return signalfd(-1, &set, SFD_CLOEXEC | SFD_NONBLOCK);
}

static int make_pipe(int fds[2], struct err *reterr)
{
	if (pipe2(fds, O_CLOEXEC) < 0)
		return err_errno(reterr, "make a pipe");
	/* More than the default, if root's quota still allows it. */
	(void)fcntl(fds[0], F_SETPIPE_SZ, PIPE_SIZE);
	return 0;
}

/* Says hello with the supervisor's ends of the pipes. */
static int attach(struct stub *s, const struct stub_options *o,
		  const int theirs[3], struct err *reterr)
{
	struct wire_hello hello = {.magic = WIRE_MAGIC};
	struct wire_message answer;
	ssize_t n;
	int r;

	if (o->terminal)
		hello.flags |= WIRE_FLAG_TERMINAL;
	if (s->size_fd >= 0)
		tty_size(s->size_fd, &hello.rows, &hello.columns);
	(void)snprintf(hello.id, sizeof(hello.id), "%s", o->id);
	(void)snprintf(hello.exec_id, sizeof(hello.exec_id), "%s",
		       o->exec_id ? o->exec_id : "");
	s->control = sock_connect(o->dirfd, WIRE_STUB_SOCKET, SOCK_SEQPACKET);
	if (s->control < 0)
		return err_code(reterr, s->control, "connect to supervisor");
	r = send_fds(s->control, &hello, sizeof(hello), theirs,
		     o->terminal ? 2 : 3);
	if (r < 0)
		return err_code(reterr, r, "attach to supervisor");
	n = recv(s->control, &answer, sizeof(answer), 0);
	if (n != (ssize_t)sizeof(answer) || answer.type != WIRE_ATTACHED)
		return err_set(reterr, -ECONNREFUSED,
			       "the supervisor refused the stub of '%s'",
			       o->id);
	return 0;
}

/* Inherited stdio, or the console; what is taken is moved away from 0, 1, 2. */
static int take_stdio(struct stub *s, const struct stub_options *o, int ret[3],
		      struct err *reterr)
{
	int slave = -1, i, r;

	for (i = 0; i < 3; i++)
		ret[i] = -1;
	if (o->console_socket) {
		r = tty_make_console(o->console_socket, &slave, reterr);
		if (r < 0)
			return r;
		ret[0] = slave;
		ret[1] = fcntl(slave, F_DUPFD_CLOEXEC, 3);
		s->size_fd = ret[0];
		return 0;
	}
	for (i = 0; i < 3; i++)
		ret[i] = fcntl(i, F_DUPFD_CLOEXEC, 3);
	if (o->terminal && isatty(0))
		s->size_fd = ret[0];
	else if (o->terminal && isatty(1))
		s->size_fd = ret[1];
	else if (o->terminal)
		s->size_fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (o->terminal && o->foreground && isatty(0))
		(void)tty_make_raw(0); /* who waits for us restores it */
	return 0;
}

/* Hooks of the caller set up the network by the pid they are given. It must
 * never be the host's own that they find. */
static int enter_netns(const char *path, struct err *reterr)
{
	cleanup_close int fd = -1;

	if (!path)
		return 0;
	if (!*path && (unshare(CLONE_NEWNET) == 0 ||
		       (errno == EPERM && geteuid())))
		return 0;
	if (!*path)
		return err_errno(reterr, "make a network namespace");
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0 || setns(fd, CLONE_NEWNET) < 0)
		return err_errno(reterr, "enter network namespace '%s'", path);
	return 0;
}

static int stub_set_up(struct stub *s, const struct stub_options *o,
		       struct err *reterr)
{
	int in[2] = {-1, -1}, out[2] = {-1, -1}, err[2] = {-1, -1};
	int stdio[3], theirs[3], r;

	r = enter_netns(o->netns, reterr);
	if (!r)
		r = make_pipe(in, reterr);
	if (!r)
		r = make_pipe(out, reterr);
	if (!r)
		r = make_pipe(err, reterr);
	if (!r)
		r = take_stdio(s, o, stdio, reterr);
	if (r < 0)
		return r;
	theirs[0] = in[0];
	theirs[1] = out[1];
	theirs[2] = err[1];
	r = attach(s, o, theirs, reterr);
	(void)close(o->dirfd); /* whose lock is not the stub's to hold */
	close_fd(&in[0]);
	close_fd(&out[1]);
	close_fd(&err[1]);
	pump_init(&s->in, stdio[0], in[1], false);
	pump_init(&s->out, out[0], stdio[1], true);
	pump_init(&s->err, err[0], stdio[2], true);
	return r;
}

static void send_control(struct stub *s, uint32_t type, uint32_t a, uint32_t b)
{
	struct wire_message m = {type, a, b};

	/* When the supervisor is gone the poll loop notices by itself. */
	(void)send(s->control, &m, sizeof(m), MSG_NOSIGNAL);
}

static void on_signals(struct stub *s)
{
	struct signalfd_siginfo si;

	while (read(s->signals, &si, sizeof(si)) == (ssize_t)sizeof(si)) {
		uint32_t rows, columns;

		if (si.ssi_signo == SIGWINCH && s->terminal) {
			tty_size(s->size_fd, &rows, &columns);
			if (rows || columns)
				send_control(s, WIRE_RESIZE, rows, columns);
			continue;
		}
		send_control(s, WIRE_SIGNAL, si.ssi_signo, 0);
	}
}

static void complain(struct stub *s)
{
	static const char text[] =
		"kiln: the supervisor of this container has died\n";
	int fd = s->err.to >= 0 ? s->err.to : s->out.to;

	s->status = STATUS_SUPERVISOR_DIED;
	if (fd >= 0)
		(void)!write(fd, text, sizeof(text) - 1);
}

static void on_control(struct stub *s)
{
	struct wire_message m = {0};
	ssize_t n = recv(s->control, &m, sizeof(m), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n != (ssize_t)sizeof(m)) {
		complain(s);
	} else if (m.type == WIRE_EXIT || m.type == WIRE_DROP) {
		s->status = (int)(m.a & 0xff);
		if (m.type == WIRE_DROP) {
			pump_release(&s->out);
			pump_release(&s->err);
		}
	} else {
		return;
	}
	close_fd(&s->control);
}

/* One turn: false when poll() failed or nothing happened for TIMEOUT_MS. */
static bool turn(struct stub *s, int timeout_ms)
{
	struct pollfd fds[8];
	int n;

	fds[0] = (struct pollfd){.fd = s->control, .events = POLLIN};
	fds[1] = (struct pollfd){.fd = s->signals, .events = POLLIN};
	pump_want(&s->in, fds + 2);
	pump_want(&s->out, fds + 4);
	pump_want(&s->err, fds + 6);
	if (s->status >= 0) {
		fds[2].fd = fds[3].fd = -1; /* nobody there to read it */
		fds[1].fd = -1;
	}
	n = poll(fds, ARRAY_SIZE(fds), timeout_ms);
	if (n <= 0)
		return n < 0 && errno == EINTR;
	if (fds[1].fd >= 0 && fds[1].revents)
		on_signals(s);
	if (s->status < 0)
		pump_move(&s->in, fds + 2);
	pump_move(&s->out, fds + 4);
	pump_move(&s->err, fds + 6);
	/* Last: the end is told after the output has been written. */
	if (fds[0].fd >= 0 && fds[0].revents)
		on_control(s);
	return true;
}

static int stub_loop(struct stub *s)
{
	while (s->status < 0)
		if (!turn(s, -1))
			return STATUS_SUPERVISOR_DIED;
	while (!pump_is_done(&s->out) || !pump_is_done(&s->err))
		if (!turn(s, FLUSH_IDLE_MS))
			break;
	return s->status;
}

/* The caller's stdio at 0, 1, 2 is held by the pumps; others get nothing. */
static void hide_stdio(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC), i;

	if (null < 0)
		return;
	for (i = 0; i < 3; i++)
		(void)dup2(null, i);
	if (null > 2)
		close_fd(&null);
}

static _Noreturn void stub_main(const struct stub_options *o, int ready)
{
	struct stub *s = calloc(1, sizeof(*s));
	const int keep[] = {o->dirfd, ready};
	struct err err = {0};
	int r = -ENOMEM;

	close_all_but(keep, ARRAY_SIZE(keep));
	(void)prctl(PR_SET_NAME, "kiln-stub", 0, 0, 0);
	if (o->foreground)
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL, 0, 0, 0);
	if (s) {
		s->control = s->size_fd = -1;
		s->status = -1;
		s->terminal = o->terminal;
		s->signals = open_signals();
		r = stub_set_up(s, o, &err);
	}
	if (!r) {
		hide_stdio();
		if (chdir("/") < 0) /* keeps no file system busy */
			r = err_errno(&err, "change to /");
	}
	if (!r && o->spec)
		r = view_enter(o->spec, &err);
	if (r < 0) {
		(void)write_full(ready, &err, sizeof(err));
		_exit(1);
	}
	(void)write_full(ready, "", 1);
	close_fd(&ready);
	_exit(stub_loop(s));
}

/* In a process namespace of its own: callers without root enter that together
 * with the mounts (podman cp), and may only if it is not the host's. There the
 * stub is the first; its signals are blocked and read, so that none is lost.
 * Who may not make one goes without. */
static pid_t fork_apart(void)
{
	struct clone_args args = {.flags = CLONE_NEWPID,
				  .exit_signal = SIGCHLD};
	pid_t pid = (pid_t)syscall(SYS_clone3, &args, sizeof(args));

	return pid < 0 ? fork() : pid;
}

int stub_spawn(const struct stub_options *o, pid_t *ret, struct err *reterr)
{
	int ready[2];
	struct err err = {0};
	ssize_t n;
	pid_t pid;

	if (pipe2(ready, O_CLOEXEC) < 0)
		return err_errno(reterr, "make a pipe");
	pid = o->spec ? fork_apart() : fork();
	if (pid < 0) {
		int r = err_errno(reterr, "fork stub");

		close_fd(&ready[0]);
		close_fd(&ready[1]);
		return r;
	}
	if (!pid)
		stub_main(o, ready[1]);
	close_fd(&ready[1]);
	n = read_full(ready[0], &err, sizeof(err));
	close_fd(&ready[0]);
	if (n == 1) {
		*ret = pid;
		return 0;
	}
	(void)waitpid(pid, NULL, 0);
	if (n != (ssize_t)sizeof(err))
		return err_set(reterr, -EIO, "the stub died at its start");
	err.text[sizeof(err.text) - 1] = '\0';
	return err_set(reterr, err.code, "%s", err.text);
}

/* A signal from the terminal reached the stub, in the same group, by itself. */
static void forward(pid_t pid, const siginfo_t *si)
{
	if (si->si_code <= 0)
		(void)kill(pid, si->si_signo);
}

static int status_of(int status)
{
	return WIFSIGNALED(status) ? 128 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

int stub_wait(pid_t pid)
{
	sigset_t set, old;
	siginfo_t si;
	size_t i;
	int status, r;

	sigemptyset(&set);
	sigaddset(&set, SIGCHLD);
	for (i = 0; i < ARRAY_SIZE(forwarded); i++)
		sigaddset(&set, forwarded[i]);
	if (sigprocmask(SIG_BLOCK, &set, &old) < 0)
		return -errno;
	for (;;) {
		pid_t got = waitpid(pid, &status, WNOHANG);

		if (got == pid || (got < 0 && errno != EINTR)) {
			r = got == pid ? status_of(status) : -errno;
			break;
		}
		if (sigwaitinfo(&set, &si) > 0 && si.si_signo != SIGCHLD)
			forward(pid, &si);
	}
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	return r;
}
