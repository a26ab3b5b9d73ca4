// SPDX-License-Identifier: Apache-2.0
#include "spawn.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/strv.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/proc.h"
#include "runtime/engine/sock.h"
#include "runtime/engine/wire.h"

extern char **environ;

struct sockets {
	int task, stub;
};

/* What belongs to the caller's conversation with its own parent. */
static int build_env(struct strv *env)
{
	char **e;

	for (e = environ; *e; e++)
		if (strncmp(*e, "_OCI_", 5) && strncmp(*e, "LISTEN_", 7))
			(void)strv_add(env, *e);
	return strv_error(env);
}

static int build_argv(struct strv *argv, const struct spawn_options *o)
{
	(void)strv_add(argv, "kiln");
	(void)strv_add(argv, "supervisor");
	(void)strv_add(argv, "--root");
	(void)strv_add(argv, o->root);
	(void)strv_add(argv, "--id");
	(void)strv_add(argv, o->id);
	if (o->arch) {
		(void)strv_add(argv, "--arch");
		(void)strv_add(argv, o->arch);
	}
	if (o->debug)
		(void)strv_add(argv, "--debug");
	return strv_error(argv);
}

static void close_from(int first)
{
	cleanup_closedir DIR *dir = opendir("/proc/self/fd");
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir))) {
		uint32_t fd;

		if (parse_u32(e->d_name, 10, &fd) == 0 && (int)fd >= first &&
		    (int)fd != dirfd(dir))
			(void)close((int)fd);
	}
}

/* Puts FD at number TO, inheritable; what was there is lost. */
static void place(int fd, int to)
{
	if (fd < 0 || dup2(fd, to) < 0)
		_exit(127);
}

static _Noreturn void supervisor_child(const struct spawn_options *o,
				       const struct sockets *s, char **argv,
				       char **env)
{
	const int high = 64;
	int null = open("/dev/null", O_RDWR), log, task, stub;
	sigset_t none;
	int i;

	log = openat(o->dirfd, SPAWN_LOG_NAME,
		     O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW, 0600);
	/* Out of the way of the numbers that they shall get. */
	null = fcntl(null, F_DUPFD, high);
	log = fcntl(log, F_DUPFD, high);
	task = fcntl(s->task, F_DUPFD, high);
	stub = fcntl(s->stub, F_DUPFD, high);
	place(null, 0);
	place(null, 1);
	place(log, 2);
	place(task, SPAWN_FD_TASK);
	place(stub, SPAWN_FD_STUB);
	close_from(SPAWN_FD_STUB + 1);
	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	for (i = 1; i < NSIG; i++)
		(void)signal(i, SIG_DFL);
	(void)setsid();
	if (chdir("/") < 0)
		_exit(127);
	(void)execve("/proc/self/exe", argv, env);
	_exit(127);
}

static int open_sockets(const struct spawn_options *o, struct sockets *s,
			struct err *reterr)
{
	struct journal j = JOURNAL_INIT;
	int r = journal_open(&j, o->dirfd, reterr);

	if (r < 0)
		return r;
	r = journal_path(&j, "file", WIRE_TASK_SOCKET);
	if (!r)
		r = journal_path(&j, "file", WIRE_STUB_SOCKET);
	if (!r)
		r = journal_process(&j, "supervisor", 0);
	journal_close(&j);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	s->task = sock_listen(o->dirfd, WIRE_TASK_SOCKET, SOCK_STREAM);
	s->stub = sock_listen(o->dirfd, WIRE_STUB_SOCKET, SOCK_SEQPACKET);
	if (s->task < 0 || s->stub < 0)
		return err_code(reterr, s->task < 0 ? s->task : s->stub,
				"listen in '%s/%s'", o->root, o->id);
	return 0;
}

static int note_supervisor(const struct spawn_options *o, pid_t pid,
			   struct err *reterr)
{
	struct journal j = JOURNAL_INIT;
	int r = journal_open(&j, o->dirfd, reterr);

	if (r < 0)
		return r;
	r = journal_process(&j, "supervisor", pid);
	journal_close(&j);
	return r < 0 ? err_code(reterr, r, "write journal") : 0;
}

int spawn_supervisor(const struct spawn_options *o, pid_t *ret,
		     struct err *reterr)
{
	cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
	cleanup_gate struct gate gate = GATE_INIT;
	struct sockets s = {-1, -1};
	pid_t pid = -1;
	int r;

	if (build_argv(&argv, o) < 0 || build_env(&env) < 0)
		return err_code(reterr, -ENOMEM, "supervisor");
	r = open_sockets(o, &s, reterr);
	if (!r && gate_open(&gate) < 0)
		r = err_errno(reterr, "make a pipe");
	if (!r) {
		pid = fork();
		if (!pid) {
			gate_wait(&gate);
			supervisor_child(o, &s, strv_argv(&argv),
					 strv_argv(&env));
		}
		if (pid < 0)
			r = err_errno(reterr, "fork supervisor");
	}
	/* Its end must be seen at the sockets: none stays with us. */
	close_fd(&s.task);
	close_fd(&s.stub);
	if (r < 0)
		return r;
	*ret = pid;
	r = note_supervisor(o, pid, reterr);
	if (!r)
		gate_let_go(&gate);
	return r;
}
