// SPDX-License-Identifier: Apache-2.0
#include "hooks.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/strv.h"
#include "os/io.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/proc.h"

/* What a hook says on stderr is part of the error, so much of it. */
#define COMPLAINT_MAX 400
#define TIMEOUT_DEFAULT_S 120

struct hooks_run {
	struct event_loop *loop;
	struct journal *journal; /* or NULL */
	struct event_timer *timer;
	const char *kind;
	Grpc__Hook *const *hooks;
	size_t n, next;
	char *state; /* owned */
	int log;     /* stderr of the present hook; owned */
	pid_t pid;   /* 0: none */
	bool timed_out;
	hooks_done_fn done;
	void *arg;
};

/* An unnamed file with TEXT, at its start; or -errno. */
static int text_file(const char *text)
{
	cleanup_close int fd = memfd_create("kiln-hook", MFD_CLOEXEC);
	int r;

	if (fd < 0)
		return -errno;
	r = write_full(fd, text, strlen(text));
	if (!r && lseek(fd, 0, SEEK_SET) < 0)
		r = -errno;
	return r < 0 ? r : TAKE_FD(fd);
}

static _Noreturn void hook_child(const Grpc__Hook *hook, char **argv,
				 char **env, int in, int out)
{
	sigset_t none;

	sigemptyset(&none);
	(void)sigprocmask(SIG_SETMASK, &none, NULL);
	(void)signal(SIGPIPE, SIG_DFL);
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(127);
	/* Without an environment of its own it has ours, as with others. */
	(void)execve(hook->path, argv, hook->n_env ? env : environ);
	dprintf(2, "execute '%s': %m", hook->path);
	_exit(127);
}

/* Forks one hook; *RET_LOG gets what it prints. It runs once it is noted in
 * JOURNAL, if there is one: nobody else would know of it. */
static int hook_spawn(const Grpc__Hook *hook, const char *state,
		      struct journal *journal, pid_t *ret, int *ret_log,
		      struct err *reterr)
{
	cleanup_gate struct gate gate = GATE_INIT;
	cleanup_strv struct strv argv = STRV_INIT, env = STRV_INIT;
	cleanup_close int in = text_file(state);
	cleanup_close int log = memfd_create("kiln-hook-log", MFD_CLOEXEC);
	size_t i;
	pid_t pid;

	if (in < 0 || log < 0 || gate_open(&gate) < 0)
		return err_set(reterr, -EIO, "no files for a hook");
	for (i = 0; i < hook->n_args; i++)
		(void)strv_add(&argv, hook->args[i]);
	if (!hook->n_args)
		(void)strv_add(&argv, hook->path);
	for (i = 0; i < hook->n_env; i++)
		(void)strv_add(&env, hook->env[i]);
	if (strv_error(&argv) < 0 || strv_error(&env) < 0)
		return err_code(reterr, -ENOMEM, "hook");
	pid = fork();
	if (pid < 0)
		return err_errno(reterr, "fork hook");
	if (!pid) {
		(void)setpgid(0, 0);
		gate_wait(&gate);
		hook_child(hook, strv_argv(&argv), strv_argv(&env), in, log);
	}
	if (journal)
		(void)journal_process(journal, "hook", pid);
	gate_let_go(&gate);
	*ret = pid;
	*ret_log = TAKE_FD(log);
	return 0;
}

static uint32_t timeout_ms(const Grpc__Hook *hook)
{
	int64_t s = hook->timeout > 0 ? hook->timeout : TIMEOUT_DEFAULT_S;

	return (uint32_t)MIN(s, (int64_t)86400) * 1000;
}

static int hook_result(const char *kind, const Grpc__Hook *hook, int status,
		       bool timed_out, int log, struct err *reterr)
{
	char text[COMPLAINT_MAX], escaped[2 * COMPLAINT_MAX];
	ssize_t n = pread(log, text, sizeof(text), 0);
	const char *colon = n > 0 ? ": " : "";

	if (!timed_out && WIFEXITED(status) && !WEXITSTATUS(status))
		return 0;
	(void)log_escape(escaped, sizeof(escaped), text,
			 n > 0 ? (size_t)n : 0);
	if (timed_out)
		return err_set(reterr, -ETIMEDOUT,
			       "%s hook '%s' took longer than %u s%s%s", kind,
			       hook->path, timeout_ms(hook) / 1000, colon,
			       escaped);
	return err_set(reterr, -EIO, "%s hook '%s' failed with %s %d%s%s", kind,
		       hook->path, WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status)
					 : WTERMSIG(status),
		       colon, escaped);
}

static void run_free(struct hooks_run *run)
{
	event_timer_free(run->timer);
	close_fd(&run->log);
	free(run->state);
	free(run);
}

static void run_end(struct hooks_run *run, int code, const struct err *e)
{
	hooks_done_fn done = run->done;
	void *arg = run->arg;

	run_free(run);
	done(arg, code, e);
}

static void run_next(void *arg);

/*
 * A failure ends the run, but for poststart hooks (OCI runtime 1.2,
 * "Lifecycle", 9): it is warned of, and the rest continues.
 */
static void hook_ended(struct hooks_run *run, int r, const struct err *e)
{
	if (r < 0 && strcmp(run->kind, "poststart") != 0) {
		run_end(run, r, e);
		return;
	}
	if (r < 0)
		log_warn("%s", e->text);
	run->next++;
	event_timer_set(run->timer, 0);
}

static void on_hook_exit(void *arg, pid_t pid UNUSED, int status)
{
	struct hooks_run *run = arg;
	struct err err = {0};
	int r;

	event_timer_stop(run->timer);
	run->pid = 0;
	r = hook_result(run->kind, run->hooks[run->next], status,
			run->timed_out, run->log, &err);
	close_fd(&run->log);
	run->timed_out = false;
	hook_ended(run, r, &err);
}

/* The timer serves the start of the run as well, with no hook running. */
static void run_next(void *arg)
{
	struct hooks_run *run = arg;
	struct err err = {0};
	int r;

	if (run->pid) {
		run->timed_out = true;
		(void)kill(-run->pid, SIGKILL);
		(void)kill(run->pid, SIGKILL);
		return;
	}
	if (run->next == run->n) {
		run_end(run, 0, &err);
		return;
	}
	r = hook_spawn(run->hooks[run->next], run->state, run->journal,
		       &run->pid, &run->log, &err);
	if (!r)
		r = event_child(run->loop, run->pid, on_hook_exit, run);
	if (r < 0) {
		run->pid = 0;
		close_fd(&run->log);
		hook_ended(run, r, &err);
		return;
	}
	event_timer_set(run->timer, timeout_ms(run->hooks[run->next]));
}

struct hooks_run *hooks_run(struct engine *eng, const char *kind,
			    Grpc__Hook *const *hooks, size_t n,
			    const char *state, hooks_done_fn done, void *arg)
{
	struct hooks_run *run = calloc(1, sizeof(*run));

	if (!run)
		return NULL;
	*run = (struct hooks_run){.loop = eng->loop, .journal = &eng->journal,
				  .kind = kind, .hooks = hooks, .n = n,
				  .log = -1, .done = done, .arg = arg};
	run->state = strdup(state);
	run->timer = event_timer_new(eng->loop, run_next, run);
	if (!run->state || !run->timer) {
		run_free(run);
		return NULL;
	}
	event_timer_set(run->timer, 0);
	return run;
}

void hooks_cancel(struct hooks_run *run)
{
	if (!run)
		return;
	if (run->pid) {
		event_child_cancel(run->loop, run->pid);
		(void)kill(-run->pid, SIGKILL);
		(void)kill(run->pid, SIGKILL);
	}
	run_free(run);
}

/* Waits for a child with a deadline; its status. */
static int wait_child(pid_t pid, uint32_t ms, bool *timed_out)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	int status = 0;

	if (fd >= 0 && poll(&pfd, 1, (int)ms) == 0) {
		*timed_out = true;
		(void)kill(-pid, SIGKILL);
		(void)kill(pid, SIGKILL);
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	return status;
}

void hooks_run_now(const char *kind, Grpc__Hook *const *hooks, size_t n,
		   const char *state)
{
	size_t i;

	for (i = 0; i < n; i++) {
		bool timed_out = false;
		struct err err = {0};
		int log = -1, status, r;
		pid_t pid;

		r = hook_spawn(hooks[i], state, NULL, &pid, &log, &err);
		if (!r) {
			status = wait_child(pid, timeout_ms(hooks[i]),
					    &timed_out);
			r = hook_result(kind, hooks[i], status, timed_out, log,
					&err);
		}
		close_fd(&log);
		if (r < 0)
			log_warn("%s", err.text);
	}
}
