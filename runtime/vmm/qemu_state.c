// SPDX-License-Identifier: Apache-2.0
#include "runtime/vmm/qemu_state.h"

#include <errno.h>
#include <json-c/json.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "os/event.h"
#include "runtime/vmm/qmp.h"

/* QEMU tells the end of it to who asks. */
#define POLL_MS 20
#define FD_NAME "state"
/* By default QEMU leaves some of a network's bandwidth to others. */
#define BYTES_A_SECOND (INT64_C(16) << 30)

struct qemu_state {
	struct vm *vm;
	struct qmp *qmp;
	struct event_timer *poll;
	bool load;
	vm_done_fn done;
	void *arg;
};

void qemu_state_cancel(struct vm *vm)
{
	struct qemu_state *s = vm->state_op;

	if (!s)
		return;
	vm->state_op = NULL;
	event_timer_free(s->poll);
	free(s);
}

static void finish(struct qemu_state *s, int status, const char *text)
{
	vm_done_fn done = s->done;
	void *arg = s->arg;

	qemu_state_cancel(s->vm);
	/* Its end is told otherwise. */
	if (status != -ECONNRESET)
		done(arg, status, text ? text : "");
}

/* Asks for the next step; what was asked for before has been answered. */
static void ask(struct qemu_state *s, const char *command,
		struct json_object *arguments, qmp_reply_fn fn)
{
	int r = qmp_execute(s->qmp, command, arguments, fn, s);

	if (r < 0)
		finish(s, r, "QEMU takes no command");
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = NULL;

	return o && json_object_object_get_ex(o, key, &v) &&
			       json_object_is_type(v, json_type_string)
		       ? json_object_get_string(v)
		       : "";
}

static void on_progress(void *arg, int status, struct json_object *result,
			const char *text)
{
	struct qemu_state *s = arg;
	const char *is = text_of(result, "status");
	char why[256];

	if (status < 0) {
		finish(s, status, text);
	} else if (!strcmp(is, "completed")) {
		finish(s, 0, NULL);
	} else if (!strcmp(is, "failed") || !strcmp(is, "cancelled")) {
		text = text_of(result, "error-desc");
		if (!*text)
			text = s->load ? "QEMU cannot load the state"
				       : "QEMU cannot write the state";
		finish(s, -EIO, log_escape(why, sizeof(why), text,
					   MIN(strlen(text), (size_t)60)));
	} else {
		event_timer_set(s->poll, POLL_MS);
	}
}

static void on_poll(void *arg)
{
	ask(arg, "query-migrate", NULL, on_progress);
}

static void on_begun(void *arg, int status, struct json_object *result UNUSED,
		     const char *text)
{
	struct qemu_state *s = arg;

	if (status < 0)
		finish(s, status, text);
	else
		on_poll(s);
}

static void on_set(void *arg, int status, struct json_object *result UNUSED,
		   const char *text)
{
	struct qemu_state *s = arg;
	struct json_object *o;

	if (status < 0) {
		finish(s, status, text);
		return;
	}
	o = json_object_new_object();
	(void)json_object_object_add(o, "uri",
				     json_object_new_string("fd:" FD_NAME));
	ask(s, s->load ? "migrate-incoming" : "migrate", o, on_begun);
}

static void on_given(void *arg, int status, struct json_object *result,
		     const char *text)
{
	struct qemu_state *s = arg;
	struct json_object *o;

	if (status < 0 || s->load) {
		on_set(s, status, result, text);
		return;
	}
	o = json_object_new_object();
	(void)json_object_object_add(o, "max-bandwidth",
				     json_object_new_int64(BYTES_A_SECOND));
	ask(s, "migrate-set-parameters", o, on_set);
}

static struct qemu_state *state_new(struct vm *vm, struct qmp *qmp,
				    vm_done_fn done, void *arg,
				    struct err *reterr)
{
	struct qemu_state *s;

	if (!qmp || vm->state_op) {
		(void)err_set(reterr, qmp ? -EBUSY : -ENOTCONN, "QEMU %s",
			      qmp ? "is saving or loading" : "has ended");
		return NULL;
	}
	s = calloc(1, sizeof(*s));
	if (!s) {
		(void)err_code(reterr, -ENOMEM, "VM's state");
		return NULL;
	}
	*s = (struct qemu_state){
		.vm = vm, .qmp = qmp, .done = done, .arg = arg,
	};
	vm->state_op = s;
	return s;
}

static int transfer(struct vm *vm, struct qmp *qmp, int fd, bool load,
		    vm_done_fn done, void *arg, struct err *reterr)
{
	struct qemu_state *s = state_new(vm, qmp, done, arg, reterr);
	int r;

	if (!s)
		return reterr->code;
	s->load = load;
	s->poll = event_timer_new(vm->loop, on_poll, s);
	r = s->poll ? qmp_give_fd(qmp, FD_NAME, fd, on_given, s) : -ENOMEM;
	if (r < 0) {
		qemu_state_cancel(vm);
		return err_code(reterr, r, "hand a file to QEMU");
	}
	return 0;
}

int qemu_state_save(struct vm *vm, struct qmp *qmp, int fd, vm_done_fn done,
		    void *arg, struct err *reterr)
{
	return transfer(vm, qmp, fd, false, done, arg, reterr);
}

int qemu_state_load(struct vm *vm, struct qmp *qmp, int fd, vm_done_fn done,
		    void *arg, struct err *reterr)
{
	return transfer(vm, qmp, fd, true, done, arg, reterr);
}

static void on_run(void *arg, int status, struct json_object *result UNUSED,
		   const char *text)
{
	finish(arg, status, text);
}

int qemu_state_run(struct vm *vm, struct qmp *qmp, bool run, vm_done_fn done,
		   void *arg, struct err *reterr)
{
	struct qemu_state *s = state_new(vm, qmp, done, arg, reterr);
	int r;

	if (!s)
		return reterr->code;
	r = qmp_execute(qmp, run ? "cont" : "stop", NULL, on_run, s);
	if (r < 0) {
		qemu_state_cancel(vm);
		return err_code(reterr, r, "QEMU takes no command");
	}
	return 0;
}
