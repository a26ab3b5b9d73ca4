// SPDX-License-Identifier: Apache-2.0
/*
 * Saving a sandbox. The order is what makes it trustworthy: nothing may be
 * between host and guest when the VM's state is written, or it would come twice
 * or never.
 *
 * 1. A call to the agent is answered, and none was made after it: the guest has
 *    all that was sent. From here on nothing more is.
 * 2. The VM is halted. What the guest had sent is read to the last byte, and
 *    its output is with its reader; calls that the agent still owes an answer
 *    to, and the beginning of a message, are noted.
 * 3. The VMM writes the state. Had anything come meanwhile, all is undone.
 */
#include "runtime/engine/checkpoint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "os/event.h"
#include "proto/health.pb-c.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/resize.h"
#include "runtime/vmm/vm.h"

#define ANSWER_TIMEOUT_MS 10000
#define TURN_MS 10
/* Turns in which what keeps the sandbox busy may come to an end: 10 s. */
#define TURNS_MAX 1000
/* So often in a row must the halted VM have had nothing to say. */
#define SILENCES 3

struct saving {
	struct container *c;
	struct sandbox *sb;
	int dirfd, fd; /* owned */
	bool leave_running, halted;
	uint32_t mark; /* calls below have reached the guest */
	unsigned int turns, silences;
	struct event_timer *timer;
	void (*next)(struct saving *s); /* of the timer */
	struct err why; /* it failed */
};

void checkpoint_cancel(struct sandbox *sb)
{
	struct saving *s = sb->saving;

	if (!s)
		return;
	sb->saving = NULL;
	if (s->fd >= 0)
		(void)unlinkat(s->dirfd, CHECKPOINT_STATE_NAME, 0);
	if (sb->agent)
		ttrpc_forget(sb->agent, s);
	event_timer_free(s->timer);
	close_fd(&s->fd);
	close_fd(&s->dirfd);
	free(s);
}

/* The container's request is over. */
static void finish(struct sandbox *sb, struct container *c, int code,
		   const struct err *e)
{
	checkpoint_cancel(sb);
	container_answer(c, code, e);
}

static void give_up(struct saving *s)
{
	struct sandbox *sb = s->sb;
	struct container *c = s->c;
	struct err why = s->why;

	ttrpc_hold(sb->agent, false);
	finish(sb, c, why.code, &why);
}

static void on_going_on(void *arg, int status, const char *text)
{
	struct saving *s = arg;

	if (status < 0)
		log_err("sandbox '%s' does not go on: %s", s->sb->id, text);
	give_up(s);
}

/* Lets everything go on as if nothing had been asked for. */
static void fail(struct saving *s, const struct err *why)
{
	struct err err;

	s->why = *why;
	if (s->halted && vm_set_running(s->sb->vm, true, on_going_on, s,
					&err) == 0)
		return;
	give_up(s);
}

static void fail_text(struct saving *s, int code, const char *text)
{
	struct err err = {0};

	(void)err_set(&err, code, "container '%s': %s", s->c->id, text);
	fail(s, &err);
}

static void on_timer(void *arg)
{
	struct saving *s = arg;

	s->next(s);
}

/* NEXT in a moment, but not for ever. */
static void later(struct saving *s, void (*next)(struct saving *s),
		  const char *busy)
{
	if (s->turns++ == TURNS_MAX) {
		fail_text(s, -EBUSY, busy);
		return;
	}
	s->next = next;
	event_timer_set(s->timer, TURN_MS);
}

/* --- what can be saved --- */

static int may_save(const struct container *c, struct err *reterr)
{
	struct list *pos;

	if (c->status != CONTAINER_RUNNING && c->status != CONTAINER_PAUSED)
		return err_set(reterr, -EBUSY,
			       "container '%s' is %s: only a running or paused "
			       "one can be saved", c->id,
			       container_status_name(c->status));
	if (*c->sandbox->unsavable)
		return err_set(reterr, -EOPNOTSUPP,
			       "container '%s' cannot be saved: %s", c->id,
			       c->sandbox->unsavable);
	if (resize_is_changed(c->sandbox))
		return err_set(reterr, -EOPNOTSUPP,
			       "container '%s' cannot be saved: CPUs or memory "
			       "were added to its VM, and a new one would not "
			       "have them: give it its first limits back by "
			       "'kiln update'", c->id);
	list_foreach(pos, &c->processes) {
		const struct process *p =
			list_entry(pos, struct process, link);

		if (!process_is_init(p) && p->state != PROCESS_STOPPED)
			return err_set(reterr, -EBUSY,
				       "container '%s': process '%s' of an "
				       "exec runs: its caller could not be "
				       "restored; let it end first", c->id,
				       p->exec_id);
	}
	return 0;
}

/* --- the steps, in order --- */

static void on_resumed(void *arg, int status, const char *text)
{
	struct saving *s = arg;
	struct sandbox *sb = s->sb;
	struct container *c = s->c;
	struct err err = {0};

	if (status < 0)
		(void)err_set(&err, -EIO,
			      "container '%s' is saved, but does not go on: %s",
			      c->id, text);
	ttrpc_hold(sb->agent, false);
	finish(sb, c, status < 0 ? -EIO : 0, &err);
}

static void complete(struct saving *s)
{
	struct sandbox *sb = s->sb;
	struct container *c = s->c;
	struct err err = {0};

	close_fd(&s->fd); /* it stays */
	engine_phase(sb->eng, "checkpoint written");
	if (s->leave_running) {
		if (vm_set_running(sb->vm, true, on_resumed, s, &err) < 0)
			finish(sb, c, -EIO, &err);
		return;
	}
	finish(sb, c, 0, &err);
	sandbox_kill(sb);
}

static uint32_t call_of(const struct saving *s, const void *arg)
{
	uint32_t id = ttrpc_pending_stream(s->sb->agent, arg);

	/* One that was never sent is made anew. */
	return id < s->mark ? id : 0;
}

static int describe(const struct saving *s, struct err *reterr)
{
	const struct sandbox *sb = s->sb;
	const struct container *c = s->c;
	struct checkpoint ck = {
		.paused = c->status == CONTAINER_PAUSED,
		.terminal = c->init->terminal,
		.in_closed = c->init->in.closed,
		.out_ended = c->init->out.eof,
		.err_ended = c->init->err.eof,
		.shape = *sb->shape,
		.calls = {
			.next = s->mark,
			.wait = call_of(s, c->init),
			.out = call_of(s, &c->init->out),
			.err = call_of(s, &c->init->err),
			.oom = call_of(s, sb),
		},
	};
	const uint8_t *partial = NULL;
	int r;

	ck.shape.now = sb->size;
	r = ttrpc_partial(sb->agent, &partial, &ck.n_partial);

	if (r < 0)
		return err_code(reterr, r, "a message of the agent");
	ck.partial = (uint8_t *)(uintptr_t)partial;
	(void)snprintf(ck.id, sizeof(ck.id), "%s", container_guest_id(c));
	(void)snprintf(ck.arch, sizeof(ck.arch), "%s", sb->arch);
	return checkpoint_write(s->dirfd, &ck, reterr);
}

static void on_saved(void *arg, int status, const char *text)
{
	struct saving *s = arg;
	struct err err = {0};
	char why[300];

	if (status < 0) {
		(void)snprintf(why, sizeof(why), "its VM cannot be saved: %s",
			       text);
		fail_text(s, -EIO, why);
	} else if (ttrpc_drain(s->sb->agent) != 0) {
		fail_text(s, -EAGAIN, "the halted guest said something: try "
			  "again");
	} else if (describe(s, &err) < 0) {
		fail(s, &err);
	} else {
		complete(s);
	}
}

static void write_state(struct saving *s)
{
	struct err err = {0};

	s->fd = openat(s->dirfd, CHECKPOINT_STATE_NAME,
		       O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (s->fd < 0)
		(void)err_errno(&err, "make '" CHECKPOINT_STATE_NAME "'");
	else
		(void)vm_save(s->sb->vm, s->fd, on_saved, s, &err);
	if (err.code < 0)
		fail(s, &err);
}

static bool output_waits(const struct process_output *o)
{
	return o->pending && o->pending->len;
}

static void on_halted(void *arg, int status, const char *text);

/* The VM is halted: what it has sent comes, and goes to its reader. */
static void settle(struct saving *s)
{
	struct err err = {0};
	ssize_t n = ttrpc_drain(s->sb->agent);

	if (n < 0) {
		fail_text(s, -EIO, "the agent's connection ended");
		return;
	}
	if (may_save(s->c, &err) < 0) {
		fail(s, &err);
		return;
	}
	s->silences = n ? 0 : s->silences + 1;
	if (output_waits(&s->c->init->out) || output_waits(&s->c->init->err))
		later(s, settle, "nobody reads its output, which must be read "
				 "before it is saved");
	else if (s->silences == SILENCES)
		write_state(s);
	else if (vm_set_running(s->sb->vm, false, on_halted, s, &err) < 0)
		/* A turn of the VMM, in which it sends what it still has. */
		fail(s, &err);
}

static void on_halted(void *arg, int status, const char *text)
{
	struct saving *s = arg;

	if (status < 0) {
		fail_text(s, -EIO, text);
		return;
	}
	s->halted = true;
	settle(s);
}

static void ask(struct saving *s);

static void on_answer(void *arg, int code, const char *text UNUSED,
		      const ProtobufCMessage *response UNUSED)
{
	struct saving *s = arg;
	struct ttrpc_conn *conn = s->sb->agent;
	struct err err = {0};

	if (sandbox_is_dying(s->sb, code))
		return;
	if (code != TTRPC_OK) {
		(void)agent_error(&err, AGENT_CHECK, code, text);
		fail(s, &err);
		return;
	}
	/* What was sent after the question may still be on its way. */
	if (ttrpc_next_stream(conn) != s->mark || ttrpc_unsent(conn)) {
		later(s, ask, "there is no end to what it is sent");
		return;
	}
	ttrpc_hold(conn, true);
	if (vm_set_running(s->sb->vm, false, on_halted, s, &err) < 0)
		fail(s, &err);
}

static void ask(struct saving *s)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	struct err err = {0};

	if (may_save(s->c, &err) < 0) {
		fail(s, &err);
		return;
	}
	if (s->c->init->in.eof && s->c->init->in.calls) {
		later(s, ask, "the end of its input is still to come");
		return;
	}
	/* Answers and further calls come after; see on_answer(). */
	s->mark = ttrpc_next_stream(s->sb->agent) + 2;
	agent_call_within(s->sb->agent, AGENT_CHECK, ANSWER_TIMEOUT_MS,
			  &request.base, on_answer, s);
}

static int begin(struct saving *s, const char *path, struct err *reterr)
{
	s->timer = event_timer_new(s->sb->eng->loop, on_timer, s);
	s->dirfd = open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (s->dirfd < 0)
		return err_errno(reterr, "open '%s'", path);
	if (!s->timer)
		return err_code(reterr, -ENOMEM, "checkpoint");
	if (faccessat(s->dirfd, CHECKPOINT_NAME, F_OK, 0) == 0)
		return err_set(reterr, -EEXIST,
			       "'%s' has a checkpoint already: name another "
			       "folder, or remove it", path);
	return 0;
}

void checkpoint_save(struct container *c, const char *path, bool leave_running,
		     engine_done_fn done, void *arg)
{
	struct sandbox *sb = c->sandbox;
	struct saving *s = NULL;
	struct err err = {0};
	int r = may_save(c, &err);

	if (!r && (c->done || sb->saving || !sb->shape))
		r = err_set(&err, -EBUSY, "container '%s' is busy", c->id);
	if (!r) {
		s = calloc(1, sizeof(*s));
		r = s ? 0 : err_code(&err, -ENOMEM, "checkpoint");
	}
	if (r < 0 || !s) {
		done(arg, r, &err);
		return;
	}
	*s = (struct saving){
		.c = c, .sb = sb, .dirfd = -1, .fd = -1,
		.leave_running = leave_running,
	};
	sb->saving = s;
	c->done = done;
	c->done_arg = arg;
	r = begin(s, path, &err);
	if (r < 0)
		finish(sb, c, r, &err);
	else
		ask(s);
}
