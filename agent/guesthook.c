// SPDX-License-Identifier: Apache-2.0
#include "guesthook.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "bundle.h"
#include "container.h"
#include "os/io.h"
#include "os/safe_path.h"

#define HOOKS_MAX 64
#define TIMEOUT_MS 10000
#define OUTPUT_MAX 1000

static const char *const kinds[GUESTHOOK_KINDS] = {"prestart", "poststart",
						   "poststop"};
static const char *const states[GUESTHOOK_KINDS] = {"created", "running",
						    "stopped"};

/* The hooks of one kind that run for one container. */
struct hook_run {
	struct container *c;
	enum guesthook_kind kind;
	struct ttrpc_call *call;
	guesthook_done_fn done;
	size_t next;
	pid_t pid;
	struct event_timer *timer;
	struct event_io *io;
	int output;
	size_t n;
	bool expired;
	char text[OUTPUT_MAX + 1]; /* what the hook says, its beginning */
};

/* --- which there are --- */

/* Executed as the agent: nobody but root may have written it. */
static bool is_hook(int dirfd, const char *name)
{
	struct stat st;

	if (*name == '.' ||
	    fstatat(dirfd, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return false;
	if (S_ISREG(st.st_mode) && st.st_mode & 0111 && !st.st_uid &&
	    !(st.st_mode & 022))
		return true;
	log_warn("guest hook '%s' left out: not a program that only root can "
		 "write", name);
	return false;
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static int load_kind(struct strv *to, const char *path, const char *kind,
		     struct err *reterr)
{
	cleanup_free char *dir_path = path_join(path, kind);
	const struct dirent *d;
	DIR *dir = dir_path ? opendir(dir_path) : NULL;

	if (!dir_path)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!dir)
		return 0; /* there need not be any */
	while (to->n <= HOOKS_MAX && (d = readdir(dir)))
		if (is_hook(dirfd(dir), d->d_name))
			(void)strv_addf(to, "%s/%s", dir_path, d->d_name);
	(void)closedir(dir);
	if (strv_error(to))
		return err_set(reterr, -ENOMEM, "out of memory");
	if (to->n > HOOKS_MAX)
		return err_set(reterr, -E2BIG, "more than %d hooks in '%.200s'",
			       HOOKS_MAX, dir_path);
	if (to->n)
		qsort(to->v, to->n, sizeof(*to->v), compare);
	return 0;
}

int guesthooks_load(struct guesthooks *h, const struct agent *agent,
		    const char *path, struct err *reterr)
{
	size_t i;
	int r = 0;

	guesthooks_release(h); /* of an attempt that has failed */
	if (!*path)
		return 0;
	/* Below the agent's root is what the host and containers share. */
	if (!path_is_normal(path) || path_is_within(agent->root, path))
		return err_set(reterr, -EINVAL, "guest_hook_path '%.200s' is "
			       "no directory of the guest's image", path);
	if (access(path, F_OK) < 0)
		log_warn("guest_hook_path '%s': %s", path, strerror(errno));
	for (i = 0; !r && i < GUESTHOOK_KINDS; i++)
		r = load_kind(&h->programs[i], path, kinds[i], reterr);
	if (r < 0)
		guesthooks_release(h);
	return r;
}

void guesthooks_release(struct guesthooks *h)
{
	size_t i;

	for (i = 0; i < GUESTHOOK_KINDS; i++)
		strv_release(&h->programs[i]);
}

bool guesthooks_any(const struct guesthooks *h)
{
	size_t i, n = 0;

	for (i = 0; i < GUESTHOOK_KINDS; i++)
		n += h->programs[i].n;
	return n > 0;
}

int guesthook_bundle(struct container *c, const Grpc__Spec *spec,
		     struct err *reterr)
{
	if (!guesthooks_any(&c->agent->sandbox.hooks))
		return 0;
	c->bundle = path_join(c->agent->root, c->id);
	c->annotations = bundle_annotations(spec);
	if (!c->bundle || !c->annotations)
		return err_set(reterr, -ENOMEM, "out of memory");
	return bundle_write(c->bundle, spec, reterr);
}

/* --- one at a time --- */

/* A file in memory with the state: it may be larger than a pipe. */
static int state_file(const struct hook_run *run)
{
	const struct container *c = run->c;
	cleanup_close int fd = (int)syscall(SYS_memfd_create, "state",
					    1u); /* MFD_CLOEXEC */
	bool stopped = run->kind == GUESTHOOK_POSTSTOP;

	if (fd < 0 ||
	    dprintf(fd, "{\"ociVersion\":\"1.2.0\",\"id\":\"%s\","
		    "\"status\":\"%s\",\"pid\":%d,\"bundle\":\"%s\","
		    "\"annotations\":%s}\n", c->id, states[run->kind],
		    stopped ? 0 : (int)c->init->pid, c->bundle,
		    c->annotations) < 0 ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void execute(const char *program, const char *kind, int in, int out)
	__attribute__((noreturn));

static void execute(const char *program, const char *kind, int in, int out)
{
	char *argv[] = {(char *)(uintptr_t)path_base(program),
			(char *)(uintptr_t)kind, NULL};
	char path[] = "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		      "/sbin:/bin";
	char *env[] = {path, NULL};
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	event_restore_signals();
	(void)setpgid(0, 0); /* to be killed with its descendants */
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0 || dup2(out, 2) < 0)
		_exit(126);
	(void)syscall(SYS_close_range, 3, ~0u, 0);
	(void)execve(program, argv, env);
	_exit(127);
}

static void run_free(struct hook_run *run)
{
	event_io_free(run->io);
	close_fd(&run->output);
	event_timer_free(run->timer);
	run->c->hooks = NULL;
	free(run);
}

static void on_output(void *arg, int fd, uint32_t events UNUSED)
{
	struct hook_run *run = arg;
	char rest[512];
	ssize_t got = 1;

	while (got > 0) {
		bool full = run->n == OUTPUT_MAX;

		got = read(fd, full ? rest : run->text + run->n,
			   full ? sizeof(rest) : OUTPUT_MAX - run->n);
		if (got > 0 && !full)
			run->n += (size_t)got;
	}
	if (!got)
		(void)event_io_set(run->io, 0); /* closed by all */
}

static void step(struct hook_run *run);

static void on_end(void *arg, pid_t pid, int status)
{
	struct hook_run *run = arg;
	const char *program =
		run->c->agent->sandbox.hooks.programs[run->kind].v[run->next];

	event_timer_stop(run->timer);
	on_output(run, run->output, 0);
	event_io_free(run->io);
	run->io = NULL;
	close_fd(&run->output);
	(void)kill(-pid, SIGKILL); /* what it has left behind */
	run->text[run->n] = '\0';
	if (run->expired)
		log_err("guest hook '%s' of container '%s' did not end in %d s",
			program, run->c->id, TIMEOUT_MS / 1000);
	else if (status)
		log_err("guest hook '%s' of container '%s' failed with %s %d: "
			"%s", program, run->c->id,
			WIFSIGNALED(status) ? "signal" : "status",
			WIFSIGNALED(status) ? WTERMSIG(status)
					    : WEXITSTATUS(status), run->text);
	else
		log_debug("guest hook '%s' of container '%s': %s", program,
			  run->c->id, run->text);
	run->pid = 0;
	run->next++;
	step(run);
}

static void on_timeout(void *arg)
{
	struct hook_run *run = arg;

	run->expired = true;
	(void)kill(-run->pid, SIGKILL);
	(void)kill(run->pid, SIGKILL); /* before it has made its group */
}

/* The child of one hook, watched. */
static int spawn(struct hook_run *run, const char *program)
{
	struct event_loop *loop = run->c->agent->loop;
	cleanup_close int in = state_file(run), out = -1;
	int fds[2];

	if (in < 0 || pipe2(fds, O_CLOEXEC) < 0)
		return -errno;
	run->output = fds[0];
	out = fds[1];
	run->io = event_io_new(loop, run->output, EPOLLIN, on_output, run);
	if (!run->io || set_nonblock(run->output) < 0)
		return -EIO;
	run->n = 0;
	run->expired = false;
	run->pid = fork();
	if (!run->pid)
		execute(program, kinds[run->kind], in, out);
	if (run->pid < 0)
		return -errno;
	if (event_child(loop, run->pid, on_end, run) < 0) {
		(void)kill(run->pid, SIGKILL);
		(void)waitpid(run->pid, NULL, 0);
		return -ENOMEM;
	}
	event_timer_set(run->timer, TIMEOUT_MS);
	return 0;
}

static void step(struct hook_run *run)
{
	const struct strv *list =
		&run->c->agent->sandbox.hooks.programs[run->kind];
	struct container *c = run->c;
	struct ttrpc_call *call;
	guesthook_done_fn done = run->done;

	while (run->next < list->n) {
		int r = spawn(run, list->v[run->next]);

		if (!r)
			return;
		log_err("guest hook '%s': %s", list->v[run->next],
			strerror(-r));
		event_io_free(run->io);
		run->io = NULL;
		close_fd(&run->output);
		run->pid = 0;
		run->next++;
	}
	call = TAKE_PTR(run->call);
	run_free(run);
	done(c, call);
}

void guesthook_start(struct container *c, enum guesthook_kind kind,
		     struct ttrpc_call *call, guesthook_done_fn done)
{
	struct hook_run *run;

	/* Made without hooks, or those before it still run: the process has
	 * ended meanwhile. */
	if (!c->bundle || !c->agent->sandbox.hooks.programs[kind].n) {
		done(c, call);
		return;
	}
	guesthook_cancel(c);
	run = calloc(1, sizeof(*run));
	if (run)
		run->timer = event_timer_new(c->agent->loop, on_timeout, run);
	if (!run || !run->timer) {
		free(run);
		log_err("guest hooks of container '%s': out of memory", c->id);
		done(c, call);
		return;
	}
	run->c = c;
	run->kind = kind;
	run->call = call;
	run->done = done;
	run->output = -1;
	c->hooks = run;
	step(run);
}

void guesthook_cancel(struct container *c)
{
	struct hook_run *run = c->hooks;

	if (!run)
		return;
	if (run->pid > 0) {
		event_child_cancel(c->agent->loop, run->pid);
		on_timeout(run);
	}
	if (run->call)
		ttrpc_reply_error(run->call, TTRPC_CANCELLED,
				  "the container was removed");
	run_free(run);
}
