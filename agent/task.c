// SPDX-License-Identifier: Apache-2.0
#include "task.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "os/io.h"
#include "rpc.h"

#define TASKS_MAX 64

struct task {
	struct list link;
	struct agent *agent;
	struct ttrpc_call *call;
	task_done_fn done;
	struct event_timer *timer;
	struct err *err; /* a page in common with the child */
	int output;	 /* a file in memory */
	pid_t pid;
	bool expired;
};

static int memory_file(const uint8_t *data, size_t n)
{
	cleanup_close int fd = (int)syscall(SYS_memfd_create, "task",
					    1u); /* MFD_CLOEXEC */

	if (fd < 0 || (n && write_full(fd, data, n) < 0) ||
	    lseek(fd, 0, SEEK_SET) < 0)
		return -1;
	return TAKE_FD(fd);
}

static void child(const struct task *t, task_fn fn, const void *arg, int input)
	__attribute__((noreturn));

static void child(const struct task *t, task_fn fn, const void *arg, int input)
{
	const struct rlimit size = {TASK_OUTPUT_MAX, TASK_OUTPUT_MAX};
	int signo;

	for (signo = 1; signo < NSIG; signo++)
		(void)signal(signo, SIG_DFL);
	event_restore_signals();
	if (dup2(input, 0) < 0 || dup2(t->output, 1) < 0 ||
	    dup2(t->output, 2) < 0)
		_exit(126);
	/* The channel must not live on in it. */
	(void)syscall(SYS_close_range, 3, ~0u, 0);
	(void)setrlimit(RLIMIT_FSIZE, &size);
	_exit(fn(arg, t->err) < 0 ? 1 : 0);
}

static void task_free(struct task *t)
{
	list_del(&t->link);
	event_timer_free(t->timer);
	if (t->err)
		(void)munmap(t->err, sizeof(*t->err));
	close_fd(&t->output);
	free(t);
}

static void finish(struct task *t, int r)
{
	cleanup_free uint8_t *data = NULL;
	off_t size = lseek(t->output, 0, SEEK_END);
	size_t n = size > 0 && (size_t)size <= TASK_OUTPUT_MAX ? (size_t)size
							       : 0;

	data = malloc(n + 1);
	if (!data || lseek(t->output, 0, SEEK_SET) < 0 ||
	    (n && read_full(t->output, data, n) != (ssize_t)n))
		r = err_set(t->err, -EIO, "the result was lost");
	if (data)
		data[n] = '\0';
	t->done(t->call, r, t->err, data, r == -EIO ? 0 : n);
	task_free(t);
}

static void on_exit_(void *arg, pid_t pid UNUSED, int status)
{
	struct task *t = arg;
	int r = 0;

	if (t->expired)
		r = err_set(t->err, -ETIMEDOUT, "it took too long");
	else if (!WIFEXITED(status))
		r = err_set(t->err, -EIO, "killed by signal %d",
			    WTERMSIG(status));
	else if (t->err->code < 0)
		r = t->err->code;
	else if (WEXITSTATUS(status))
		r = err_set(t->err, -EINVAL, "exit status %d",
			    WEXITSTATUS(status));
	t->err->text[sizeof(t->err->text) - 1] = '\0';
	finish(t, r);
}

static void on_timeout(void *arg)
{
	struct task *t = arg;

	t->expired = true;
	(void)kill(t->pid, SIGKILL);
}

static struct task *task_new(struct agent *agent)
{
	struct task *t = calloc(1, sizeof(*t));
	void *page;

	if (!t)
		return NULL;
	t->agent = agent;
	list_init(&t->link);
	t->output = memory_file(NULL, 0);
	t->timer = event_timer_new(agent->loop, on_timeout, t);
	page = mmap(NULL, sizeof(*t->err), PROT_READ | PROT_WRITE,
		    MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (page != MAP_FAILED)
		t->err = page;
	if (t->output < 0 || !t->timer || !t->err) {
		task_free(t);
		return NULL;
	}
	return t;
}

void task_run(struct agent *agent, struct ttrpc_call *call, task_fn fn,
	      const void *arg, const uint8_t *input, size_t n,
	      uint32_t timeout_ms, task_done_fn done)
{
	cleanup_close int in = memory_file(input, n);
	struct task *t = NULL;
	struct list *pos;
	size_t count = 0;

	list_foreach(pos, &agent->tasks)
		count++;
	if (in >= 0 && count < TASKS_MAX)
		t = task_new(agent);
	if (t)
		t->pid = fork();
	if (t && !t->pid)
		child(t, fn, arg, in);
	if (t && t->pid > 0 &&
	    event_child(agent->loop, t->pid, on_exit_, t) < 0) {
		(void)kill(t->pid, SIGKILL);
		(void)waitpid(t->pid, NULL, 0);
		t->pid = -1;
	}
	if (!t || t->pid < 0) {
		if (t)
			task_free(t);
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "no process can be made");
		return;
	}
	t->call = call;
	t->done = done;
	list_append(&agent->tasks, &t->link);
	event_timer_set(t->timer, timeout_ms);
}

void task_reply_empty(struct ttrpc_call *call, int r, const struct err *e,
		      uint8_t *output UNUSED, size_t n UNUSED)
{
	if (r < 0)
		rpc_reply_err(call, r, e);
	else
		rpc_reply_empty(call);
}

void task_cancel_all(struct agent *agent)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &agent->tasks) {
		struct task *t = list_entry(pos, struct task, link);

		(void)kill(t->pid, SIGKILL);
		event_child_cancel(agent->loop, t->pid);
		ttrpc_reply_error(t->call, TTRPC_CANCELLED, "the sandbox ends");
		task_free(t);
	}
}
