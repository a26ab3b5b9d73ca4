// SPDX-License-Identifier: Apache-2.0
#include "sandbox.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "base/buf.h"
#include "base/log.h"
#include "base/path.h"
#include "container.h"
#include "module.h"
#include "oom.h"
#include "os/io.h"
#include "rpc.h"
#include "storage/storage.h"
#include "task.h"

#define HOSTNAME_LEN_MAX 64
#define RESOLV_MAX 65536
#define END_RETRY_MS 10
#define END_TIMEOUT_MS 30000
#define MODULES_DIR "/lib/modules"
#define MODULES_DISABLED "/proc/sys/kernel/modules_disabled"
#define MODULES_MOUNT "modules" /* below the agent's root */

void sandbox_init(struct sandbox *s)
{
	*s = (struct sandbox){0};
	list_init(&s->containers);
	list_init(&s->storages);
	list_init(&s->watches);
}

/* The empty folders that hosts take for granted. */
static int make_tree(const char *root, struct err *reterr)
{
	static const char *const dirs[] = {"shared/containers", "sandbox/shm"};
	cleanup_free char *shm = path_join(root, "sandbox/shm");
	size_t i;

	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		cleanup_free char *path = path_join(root, dirs[i]);
		int r = path ? make_dirs(path, 0755) : -ENOMEM;

		if (r < 0)
			return err_code(reterr, r, "make '%s/%s'", root,
					dirs[i]);
	}
	/* Usually the host has a storage of its own mounted there. */
	if (shm && chmod(shm, 01777) < 0)
		return err_errno(reterr, "change the mode of '%s'", shm);
	return 0;
}

/* Written for containers to be given by a bind mount, and for the guest. */
static int write_dns(const struct agent *agent,
		     const Grpc__CreateSandboxRequest *request,
		     struct err *reterr)
{
	cleanup_free char *path = path_join(agent->root, "sandbox/resolv.conf");
	cleanup_buf struct buf b = BUF_INIT(RESOLV_MAX);
	size_t i;
	int r;

	if (!request->n_dns)
		return 0;
	for (i = 0; i < request->n_dns; i++)
		(void)buf_printf(&b, "%s\n", request->dns[i]);
	r = buf_error(&b);
	if (!r)
		r = path ? write_file_atomic(AT_FDCWD, path, buf_data(&b),
					     b.len, 0644) : -ENOMEM;
	if (r < 0)
		return err_code(reterr, r, "write resolv.conf");
	if (agent->is_init && access("/etc", W_OK) == 0)
		(void)write_file_atomic(AT_FDCWD, "/etc/resolv.conf",
					buf_data(&b), b.len, 0644);
	return 0;
}

/* A guest whose image brings no modules loads none later, be it from the files of a
 * container that has the right to. The kernel takes that back for nobody. */
static void close_modules(const struct agent *agent)
{
	int r;

	if (!agent->is_init || access(MODULES_DIR, F_OK) == 0)
		return;
	r = write_file(AT_FDCWD, MODULES_DISABLED, "1");
	if (r < 0 && r != -ENOENT)
		log_warn("%s: %s", MODULES_DISABLED, strerror(-r));
}

/* An image of modules, if there is one, is the first storage, and there for as
 * long as they are loaded. */
static int load_modules(struct agent *agent,
			const Grpc__CreateSandboxRequest *rq, bool *has_image,
			struct err *reterr)
{
	cleanup_free char *mount_point = path_join(agent->root, MODULES_MOUNT);
	cleanup_strv struct strv used = STRV_INIT;
	int r = 0;

	if (!mount_point)
		return err_set(reterr, -ENOMEM, "out of memory");
	*has_image = rq->n_storages &&
		     !strcmp(rq->storages[0]->mount_point, mount_point);
	if (*has_image)
		r = storage_add_all(agent, rq->storages, 1, &used, reterr);
	if (!r)
		r = module_load_all(*has_image ? mount_point : MODULES_DIR,
				    rq->kernel_modules, rq->n_kernel_modules,
				    reterr);
	storage_drop_all(agent, &used);
	if (!r)
		close_modules(agent);
	return r;
}

static int set_names(struct sandbox *s, const Grpc__CreateSandboxRequest *rq,
		     struct err *reterr)
{
	free(s->id); /* of an attempt that has failed */
	free(s->hostname);
	s->id = strdup(rq->sandbox_id);
	s->hostname = strdup(rq->hostname);
	if (!s->id || !s->hostname)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

int sandbox_create(struct agent *agent,
		   const Grpc__CreateSandboxRequest *request,
		   struct err *reterr)
{
	struct sandbox *s = &agent->sandbox;
	bool has_image;
	int r;

	if (s->end_call)
		return err_set(reterr, -EBUSY, "sandbox '%s' is being "
			       "destroyed", s->id);
	if (s->created)
		return err_set(reterr, -EEXIST, "sandbox '%s' exists", s->id);
	if (*request->sandbox_id && !id_is_valid(request->sandbox_id))
		return err_set(reterr, -EINVAL, "sandbox id '%.200s'",
			       request->sandbox_id);
	if (strlen(request->hostname) > HOSTNAME_LEN_MAX)
		return err_set(reterr, -EINVAL, "host name '%.200s'",
			       request->hostname);
	r = set_names(s, request, reterr);
	if (!r)
		r = guesthooks_load(&s->hooks, agent,
				    request->guest_hook_path, reterr);
	if (!r)
		r = make_tree(agent->root, reterr);
	if (!r)
		r = load_modules(agent, request, &has_image, reterr);
	if (!r)
		r = write_dns(agent, request, reterr);
	if (!r)
		r = storage_add_all(agent, request->storages + has_image,
				    request->n_storages - has_image,
				    &s->own_storages, reterr);
	if (r < 0)
		return r;
	if (*s->hostname && agent->is_init &&
	    sethostname(s->hostname, strlen(s->hostname)) < 0)
		log_warn("set the host name: %s", strerror(errno));
	s->shared_pidns = request->sandbox_pidns;
	s->created = true;
	return 0;
}

void sandbox_destroy(struct agent *agent)
{
	struct sandbox *s = &agent->sandbox;
	struct list *pos, *tmp;

	rpc_cancel_deferred(agent);
	task_cancel_all(agent);
	list_foreach_safe(pos, tmp, &s->containers)
		container_free(list_entry(pos, struct container, link));
	if (s->end_call)
		ttrpc_reply_error(s->end_call, TTRPC_CANCELLED,
				  "the sandbox has ended");
	event_timer_free(s->end_timer);
	guesthooks_release(&s->hooks);
	oom_end(agent);
	storage_drop_all(agent, &s->own_storages);
	strv_release(&s->own_storages);
	free(s->id);
	free(s->hostname);
	sandbox_init(s);
}

static void finish(struct agent *agent, struct ttrpc_call *call)
{
	Grpc__Empty empty = GRPC__EMPTY__INIT;

	sandbox_destroy(agent);
	log_debug("sandbox destroyed");
	ttrpc_reply(call, &empty.base);
	/* The VM ends with its sandbox; on a host only the sandbox does. */
	if (agent->is_init)
		agent_shutdown(agent);
}

static void on_end_timer(void *arg)
{
	struct agent *agent = arg;
	struct sandbox *s = &agent->sandbox;

	if (!list_empty(&s->containers) && event_now_ms() < s->end_deadline_ms)
		event_timer_set(s->end_timer, END_RETRY_MS);
	else
		finish(agent, TAKE_PTR(s->end_call));
}

/* Poststop hooks want their containers removed one by one. */
static bool end_slowly(struct agent *agent)
{
	struct sandbox *s = &agent->sandbox;
	struct list *pos, *tmp;

	if (!s->hooks.programs[GUESTHOOK_POSTSTOP].n ||
	    list_empty(&s->containers))
		return false;
	s->end_timer = event_timer_new(agent->loop, on_end_timer, agent);
	if (!s->end_timer)
		return false;
	list_foreach_safe(pos, tmp, &s->containers) {
		struct container *c = list_entry(pos, struct container, link);

		if (c->state != CONTAINER_REMOVING)
			container_remove(c, 0, NULL);
	}
	return true;
}

void sandbox_end(struct agent *agent, struct ttrpc_call *call)
{
	struct sandbox *s = &agent->sandbox;

	if (s->end_call) {
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "sandbox '%s' is being destroyed", s->id);
		return;
	}
	if (!end_slowly(agent)) {
		finish(agent, call);
		return;
	}
	s->created = false; /* for no more calls */
	s->end_call = call;
	s->end_deadline_ms = event_now_ms() + END_TIMEOUT_MS;
	event_timer_set(s->end_timer, 0);
}

struct container *sandbox_find(const struct agent *agent, const char *id)
{
	struct list *pos;

	list_foreach(pos, &agent->sandbox.containers) {
		struct container *c = list_entry(pos, struct container, link);

		if (!strcmp(c->id, id))
			return c;
	}
	return NULL;
}
