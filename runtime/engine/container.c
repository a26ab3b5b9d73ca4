// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <json-c/json.h>
#include <pwd.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "os/userns.h"
#include "runtime/config.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/container.h"
#include "runtime/engine/hooks.h"
#include "runtime/engine/proc.h"
#include "runtime/engine/resize.h"
#include "runtime/engine/share.h"
#include "runtime/engine/state.h"
#include "runtime/engine/stream.h"
#include "runtime/oci/spec.h"

/* Protocol structs have no const members; requests are only read. */
#define TEXT(s) ((char *)(uintptr_t)(s))
#define STATUS_KILLED 137

static struct ttrpc_conn *agent_of(const struct container *c)
{
	return c->sandbox->agent;
}

void container_answer(struct container *c, int code, const struct err *e)
{
	engine_done_fn done = c->done;
	void *arg = c->done_arg;

	c->done = NULL;
	if (done)
		done(arg, code, e);
}

const char *container_guest_id(const struct container *c)
{
	return c->guest_id ? c->guest_id : c->id;
}

uint32_t container_timeout_ms(const struct container *c)
{
	return c->sandbox->eng->config->runtime.create_container_timeout * 1000;
}

/* --- what is shown of it --- */

static char *owner_name(void)
{
	uid_t uid = userns_outer_uid(getuid());
	const struct passwd *pw = getpwuid(uid);
	char *text = NULL;

	if (pw)
		return strdup(pw->pw_name);
	return asprintf(&text, "%u", (unsigned int)uid) < 0 ? NULL : text;
}

void container_save(struct container *c)
{
	cleanup_free char *owner = owner_name();
	struct state_record r = {0};
	int code;

	r.s.id = c->id;
	r.s.bundle = c->bundle;
	r.s.status = (char *)(uintptr_t)container_status_name(c->status);
	r.s.rootfs = c->spec ? (char *)(uintptr_t)c->spec->rootfs : NULL;
	r.s.owner = owner;
	r.s.created = c->created;
	r.s.arch = (char *)(uintptr_t)c->sandbox->arch;
	r.s.annotations_json = c->annotations;
	r.s.exit_status = -1;
	if (c->init) {
		r.s.pid = c->init->stub_pid;
		(void)proc_start_time(r.s.pid, &r.pid_start);
		if (c->init->state == PROCESS_STOPPED)
			r.s.exit_status = c->init->exit_status;
	}
	r.supervisor = getpid();
	(void)proc_start_time(r.supervisor, &r.supervisor_start);
	code = state_write(c->dirfd, &r);
	if (code < 0)
		log_err("write state of '%s': %s", c->id, strerror(-code));
}

char *container_hook_state(const struct container *c, const char *status)
{
	struct json_object *o = json_object_new_object();
	char *text;

	if (!o)
		return NULL;
	(void)json_object_object_add(o, "ociVersion",
				     json_object_new_string("1.0.2"));
	(void)json_object_object_add(o, "id", json_object_new_string(c->id));
	(void)json_object_object_add(o, "status",
				     json_object_new_string(status));
	(void)json_object_object_add(
		o, "pid", json_object_new_int(c->init->stub_pid));
	(void)json_object_object_add(o, "bundle",
				     json_object_new_string(c->bundle));
	(void)json_object_object_add(o, "annotations",
				     json_tokener_parse(c->annotations));
	text = strdup(json_object_to_json_string_ext(o,
						     JSON_C_TO_STRING_PLAIN));
	(void)json_object_put(o);
	return text;
}

/* --- its limits on the host --- */

/* What bounds the VM: the needs of one come on top of the container's. */
static const struct cgroup_vm *vm_in_group(const struct container *c)
{
	const struct sandbox *sb = c->sandbox;

	/* The VM is where the supervisor is: with the first container. */
	return sb->cgroup.n || strcmp(c->id, sb->id) ? NULL : &sb->vm_needs;
}

/* A VM in a group of its own shares only the CPUs with its container. */
static int pin_vm(const struct container *c, const Grpc__LinuxResources *r,
		  struct err *reterr)
{
	Grpc__LinuxResources pin = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;

	if (!r->cpu || !c->sandbox->cgroup.n)
		return 0;
	cpu.cpus = r->cpu->cpus;
	cpu.mems = r->cpu->mems;
	pin.cpu = &cpu;
	return cgroup_set(&c->sandbox->cgroup, &pin, NULL, reterr);
}

int container_limit_on_host(const struct container *c,
			    const Grpc__LinuxResources *r, struct err *reterr)
{
	int code;

	if (!r)
		return 0;
	code = cgroup_set(&c->cgroup, r, vm_in_group(c), reterr);
	if (!code)
		code = pin_vm(c, r, reterr);
	/* Who may not limit on the host still limits in the guest. */
	if (code == -EACCES || code == -EPERM || code == -EROFS) {
		log_debug("container '%s': %s", c->id, reterr->text);
		code = 0;
	}
	return code;
}

void container_free(struct container *c)
{
	if (!c)
		return;
	list_del(&c->link);
	hooks_cancel(c->hooks);
	if (agent_of(c))
		ttrpc_forget(agent_of(c), c);
	while (!list_empty(&c->processes))
		process_free(list_entry(c->processes.next, struct process,
					link));
	spec_free(c->spec);
	if (c->dirfd != c->sandbox->eng->dirfd)
		close_fd(&c->dirfd);
	proto_free(c->limits);
	resize_cancel(c->sandbox, c);
	update_free(c->update);
	cgroup_release(&c->cgroup);
	free(c->host_hooks);
	free(c->resolv_conf);
	free(c->guest_rootfs);
	free(c->guest_id);
	checkpoint_free(c->restore);
	free(c->annotations);
	free(c->created);
	free(c->bundle);
	free(c->id);
	free(c);
}

/* --- acting on it --- */

struct process *container_find(struct container *c, const char *exec_id)
{
	struct list *pos;

	list_foreach(pos, &c->processes) {
		struct process *p = list_entry(pos, struct process, link);

		if (!strcmp(p->exec_id, exec_id))
			return p;
	}
	return NULL;
}

static void on_poststart(void *arg, int code, const struct err *e)
{
	struct container *c = arg;

	c->hooks = NULL;
	if (code < 0)
		log_warn("container '%s': %s", c->id, e->text);
	container_answer(c, 0, e);
}

void container_poststart(struct container *c)
{
	Grpc__Hooks *h = &c->host_hooks->hooks;
	cleanup_free char *state = container_hook_state(c, "running");
	struct err none = {0};

	if (h->n_poststart && state)
		c->hooks = hooks_run(c->sandbox->eng, "poststart",
				     h->poststart, h->n_poststart, state,
				     on_poststart, c);
	if (!c->hooks)
		container_answer(c, 0, &none);
}

static void on_started(void *arg, int code, const char *text,
		       const ProtobufCMessage *response UNUSED)
{
	struct container *c = arg;
	struct err err = {0};
	int r;

	if (sandbox_is_dying(c->sandbox, code))
		return;
	if (code != TTRPC_OK) {
		r = agent_error(&err, AGENT_START_CONTAINER, code, text);
		container_answer(c, r, &err);
		return;
	}
	/* It may have run and ended before the answer was here. */
	if (c->status == CONTAINER_CREATED) {
		(void)container_step(&c->status, CONTAINER_OP_START, c->id,
				     &err);
		(void)process_step(&c->init->state, PROCESS_OP_START, c->id,
				   &err);
		container_save(c);
		engine_phase(c->sandbox->eng, "container started");
	}
	container_poststart(c);
}

void container_start(struct container *c, engine_done_fn done, void *arg)
{
	Grpc__StartContainerRequest request =
		GRPC__START_CONTAINER_REQUEST__INIT;
	struct err err = {0};
	int r = container_may(c->status, CONTAINER_OP_START, c->id, &err);

	if (!r && c->done)
		r = err_set(&err, -EBUSY, "container '%s' is busy", c->id);
	if (r < 0) {
		done(arg, r, &err);
		return;
	}
	c->done = done;
	c->done_arg = arg;
	request.container_id = TEXT(container_guest_id(c));
	agent_call_within(agent_of(c), AGENT_START_CONTAINER,
			  container_timeout_ms(c), &request.base, on_started,
			  c);
}

void container_kill(struct container *c, const char *exec_id, uint32_t signo,
		    bool all, engine_done_fn done, void *arg)
{
	struct process *p = container_find(c, exec_id);
	struct err err = {0};
	int r;

	if (!p)
		r = err_set(&err, -ENOENT, "no process '%s' in container '%s'",
			    exec_id, c->id);
	else
		r = container_may(c->status, CONTAINER_OP_KILL, c->id, &err);
	if (!r)
		r = process_may(p->state, PROCESS_OP_SIGNAL, exec_id, &err);
	if (!r && (!signo || signo >= NSIG))
		r = err_set(&err, -EINVAL, "no such signal: %u", signo);
	if (r < 0) {
		done(arg, r, &err);
		return;
	}
	/* The end of its first process ends a container. */
	if (signo == SIGKILL && process_is_init(p))
		all = true;
	process_signal(p, signo, all, done, arg);
}

static void pause_answered(struct container *c, enum container_op op,
			   enum agent_method method, int code, const char *text)
{
	struct err err = {0};
	int r;

	if (sandbox_is_dying(c->sandbox, code))
		return;
	if (code != TTRPC_OK)
		r = agent_error(&err, method, code, text);
	else
		r = container_step(&c->status, op, c->id, &err);
	if (!r)
		container_save(c);
	container_answer(c, r, &err);
}

static void on_paused(void *arg, int code, const char *text,
		      const ProtobufCMessage *response UNUSED)
{
	pause_answered(arg, CONTAINER_OP_PAUSE, AGENT_PAUSE, code, text);
}

static void on_resumed(void *arg, int code, const char *text,
		       const ProtobufCMessage *response UNUSED)
{
	pause_answered(arg, CONTAINER_OP_RESUME, AGENT_RESUME, code, text);
}

bool container_begin(struct container *c, enum container_op op,
		     engine_done_fn done, void *arg)
{
	struct err err = {0};
	int r = container_may(c->status, op, c->id, &err);

	if (!r && c->done)
		r = err_set(&err, -EBUSY, "container '%s' is busy", c->id);
	if (r < 0) {
		done(arg, r, &err);
		return false;
	}
	c->done = done;
	c->done_arg = arg;
	return true;
}

void container_pause(struct container *c, bool resume, engine_done_fn done,
		     void *arg)
{
	Grpc__PauseContainerRequest pause = GRPC__PAUSE_CONTAINER_REQUEST__INIT;
	Grpc__ResumeContainerRequest cont =
		GRPC__RESUME_CONTAINER_REQUEST__INIT;

	if (!container_begin(c,
			     resume ? CONTAINER_OP_RESUME : CONTAINER_OP_PAUSE,
			     done, arg))
		return;
	pause.container_id = cont.container_id = TEXT(container_guest_id(c));
	if (resume)
		agent_call(agent_of(c), AGENT_RESUME, &cont.base, on_resumed,
			   c);
	else
		agent_call(agent_of(c), AGENT_PAUSE, &pause.base, on_paused, c);
}

int container_exec(struct container *c, const char *exec_id, bool terminal,
		   const void *spec, size_t n, struct err *reterr)
{
	struct process *p;
	Grpc__ExecProcessRequest *rq;
	int r;

	if (!id_is_valid(exec_id))
		return err_set(reterr, -EINVAL, "invalid exec id");
	if (container_find(c, exec_id) || !strcmp(exec_id, c->id))
		return err_set(reterr, -EEXIST, "exec id '%s' is in use",
			       exec_id);
	p = process_new(c, exec_id, terminal);
	if (!p)
		return err_code(reterr, -ENOMEM, "exec");
	p->spec = proto_unpack(&grpc__exec_process_request__descriptor, n,
			       spec);
	rq = p->spec;
	if (!rq || !rq->process)
		r = err_set(reterr, -EINVAL, "malformed process");
	else
		r = process_may_exec(p, reterr);
	if (r < 0) {
		process_free(p);
		return r;
	}
	rq->process->terminal = terminal;
	return 0;
}

int container_delete(struct container *c, struct err *reterr)
{
	int r = container_step(&c->status, CONTAINER_OP_DELETE, c->id, reterr);

	if (r < 0)
		return r;
	c->deleted = true;
	if (c->sandbox->share)
		share_remove_container(c->sandbox->share, c->id);
	return 0;
}

/* --- its end --- */

void container_process_exited(struct container *c, struct process *p)
{
	struct err err;

	if (!process_is_init(p))
		return;
	(void)container_step(&c->status, CONTAINER_OP_EXIT, c->id, &err);
	container_save(c);
	engine_phase(c->sandbox->eng, "container exited");
	/* What the guest still has to write back is not its workload. */
	if (vm_in_group(c))
		cgroup_lift(&c->cgroup);
}

static void on_removed(void *arg, int code, const char *text,
		       const ProtobufCMessage *response UNUSED)
{
	struct container *c = arg;
	struct err err = {0};
	struct list *pos;

	if (sandbox_is_dying(c->sandbox, code))
		return;
	if (code != TTRPC_OK) {
		(void)agent_error(&err, AGENT_REMOVE_CONTAINER, code, text);
		log_warn("container '%s': %s", c->id, err.text);
	}
	c->in_guest = false;
	list_foreach(pos, &c->sandbox->containers)
		if (list_entry(pos, struct container, link)->in_guest)
			break;
	if (pos == &c->sandbox->containers)
		sandbox_stop(c->sandbox); /* reports, once all is written */
	else
		process_report(c->init);
}

void container_process_finished(struct container *c, struct process *p)
{
	Grpc__RemoveContainerRequest request =
		GRPC__REMOVE_CONTAINER_REQUEST__INIT;

	if (!process_is_init(p) || !c->in_guest || !agent_of(c)) {
		process_report(p);
		return;
	}
	request.container_id = TEXT(container_guest_id(c));
	agent_call(agent_of(c), AGENT_REMOVE_CONTAINER, &request.base,
		   on_removed, c);
}

/* The user of the container learns on its stderr why it ended. */
static void tell_failure(struct process *p, const struct err *why)
{
	int fd = p->terminal ? p->out.fd : p->err.fd;

	if (!*why->text || fd < 0)
		return;
	(void)!write(fd, "kiln: ", 6);
	(void)!write(fd, why->text, strlen(why->text));
	(void)!write(fd, "\n", 1);
}

/* What was asked for and will not be answered any more. */
static void fail_requests(struct container *c)
{
	struct err why = c->sandbox->failure;

	if (!*why.text)
		(void)err_set(&why, -EIO, "the guest of container '%s' has "
			      "ended", c->id);
	if (why.code >= 0)
		why.code = -EIO;
	hooks_cancel(c->hooks);
	c->hooks = NULL;
	if (c->done && c->status == CONTAINER_CREATING)
		container_fail(c, why.code, &why);
	else
		container_answer(c, why.code, &why);
}

void container_guest_gone(struct container *c)
{
	struct list *pos, *tmp;

	c->in_guest = false;
	fail_requests(c);
	list_foreach_safe(pos, tmp, &c->processes) {
		struct process *p = list_entry(pos, struct process, link);

		if (p->reported)
			continue;
		if (process_is_init(p) && p->state != PROCESS_STOPPED)
			tell_failure(p, &c->sandbox->failure);
		process_exited(p, STATUS_KILLED);
		stream_abort_output(&p->out);
		stream_abort_output(&p->err);
		stream_check_finished(p);
		if (p->finished)
			process_report(p);
	}
}
