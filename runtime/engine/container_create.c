// SPDX-License-Identifier: Apache-2.0
/* Making a container: its folder is read, the host's hooks run, its files are
 * shared, the first one's guest boots, and the agent makes it. */
#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "runtime/config.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/container.h"
#include "runtime/engine/hooks.h"
#include "runtime/engine/network.h"
#include "runtime/engine/resize.h"
#include "runtime/engine/rootimage.h"
#include "runtime/engine/share.h"
#include "runtime/engine/snapshot.h"
#include "runtime/engine/spawn.h"
#include "runtime/engine/state.h"
#include "runtime/engine/stream.h"
#include "runtime/engine/translate.h"
#include "runtime/oci/spec.h"

/* Protocol structs have no const members; requests are only read. */
#define TEXT(s) ((char *)(uintptr_t)(s))
#define STATUS_FAILED 255

static char *annotations_json(const struct spec *s)
{
	struct json_object *o = json_object_new_object();
	char *text = NULL;
	size_t i;

	for (i = 0; o && i < s->wire->n_annotations; i++) {
		const Grpc__Spec__AnnotationsEntry *a = s->wire->annotations[i];

		(void)json_object_object_add(o, a->key,
					     json_object_new_string(a->value));
	}
	if (o)
		text = strdup(json_object_to_json_string_ext(
			o, JSON_C_TO_STRING_PLAIN));
	(void)json_object_put(o);
	return text;
}

/* The limits as asked for, before they become the guest's. */
static int keep_limits(struct container *c, struct err *reterr)
{
	const Grpc__LinuxResources *r = c->spec->wire->linux->resources;
	size_t n = r ? grpc__linux_resources__get_packed_size(r) : 0;
	cleanup_free uint8_t *packed = malloc(n + 1);

	if (!r)
		return 0;
	if (packed) {
		(void)grpc__linux_resources__pack(r, packed);
		c->limits = proto_unpack(&grpc__linux_resources__descriptor, n,
					 packed);
	}
	return c->limits ? 0 : err_code(reterr, -ENOMEM, "limits");
}

void container_fail(struct container *c, int code, const struct err *e)
{
	struct err ignored;

	if (container_step(&c->status, CONTAINER_OP_EXIT, c->id, &ignored) == 0)
		container_save(c);
	if (code < 0)
		journal_failure(&c->sandbox->eng->journal, e->text);
	if (c->init) {
		(void)process_step(&c->init->state, PROCESS_OP_EXIT, "",
				   &ignored);
		c->init->exit_status = STATUS_FAILED;
		c->init->reported = true;
		stub_end(c->init->stub, STATUS_FAILED, true);
		c->init->stub = NULL;
	}
	container_answer(c, code, e);
}

static void on_created(void *arg, int code, const char *text,
		       const ProtobufCMessage *response UNUSED)
{
	struct container *c = arg;
	struct err err = {0};
	int r = 0;

	if (sandbox_is_dying(c->sandbox, code))
		return;
	if (code != TTRPC_OK)
		r = agent_error(&err, AGENT_CREATE_CONTAINER, code, text);
	c->in_guest = !r;
	if (!r)
		r = container_step(&c->status, CONTAINER_OP_MADE, c->id, &err);
	if (!r)
		r = process_step(&c->init->state, PROCESS_OP_MADE, c->id, &err);
	/* Only now: a guest that boots is nobody's workload yet. */
	if (!r)
		r = container_limit_on_host(c, c->limits, &err);
	if (r < 0) {
		container_fail(c, r, &err);
		return;
	}
	container_save(c);
	engine_phase(c->sandbox->eng, "container created");
	process_run(c->init);
	container_answer(c, 0, &err);
}

static bool is_packed(const struct container *c)
{
	return c->sandbox->eng->config->qemu.shared_fs == CONFIG_SHARED_FS_NONE;
}

/* A copy is as good as what is only read; and as what callers put in place,
 * writable for want of a reason, such as /etc/hosts. */
static int may_pack(const struct spec_mount *m, struct err *reterr)
{
	struct stat st;

	if (stat(m->source, &st) < 0)
		return err_errno(reterr, "mount source '%s'", m->source);
	if (S_ISREG(st.st_mode) || (S_ISDIR(st.st_mode) && m->readonly))
		return 0;
	if (S_ISDIR(st.st_mode))
		return err_set(reterr, -EOPNOTSUPP,
			       "mount '%s': with shared_fs = \"none\" the "
			       "guest has a copy, and what is written to it "
			       "would be lost: mount it read-only, or share "
			       "it by shared_fs = \"auto\"",
			       m->wire->destination);
	return err_set(reterr, -EOPNOTSUPP,
		       "mount '%s': '%s' is neither a file nor a folder: "
		       "with shared_fs = \"none\" it cannot be copied",
		       m->wire->destination, m->source);
}

static int share_mounts(struct container *c, struct err *reterr)
{
	struct spec *s = c->spec;
	size_t i;

	for (i = 0; i < s->wire->n_mounts; i++) {
		struct spec_mount *m = &s->mounts[i];
		cleanup_free char *guest = NULL;
		char name[32];
		int r;

		switch (translate_mount_origin(m)) {
		case MOUNT_GUEST:
			continue;
		case MOUNT_SHM:
			r = translate_mount(s, m, TRANSLATE_SHM_PATH);
			break;
		case MOUNT_SHARED:
		default:
			r = is_packed(c) ? may_pack(m, reterr) : 0;
			if (r < 0)
				return r;
			(void)snprintf(name, sizeof(name), "mount-%zu", i);
			r = share_bind(c->sandbox->share, c->id, name,
				       m->source, m->recursive, m->readonly,
				       &guest, reterr);
			if (r < 0)
				return r;
			r = translate_mount(s, m, guest);
			if (!r && m->recursive && m->readonly &&
			    share_has_submounts(c->sandbox->share, c->id, name))
				r = translate_partly_readonly(s, m);
			break;
		}
		if (r < 0)
			return err_code(reterr, r, "mount '%s'",
					m->wire->destination);
	}
	return 0;
}

/* Its files below the shared folder. */
static int share_files(struct container *c, struct err *reterr)
{
	struct share *share = c->sandbox->share;
	/* Many guests may have one toolbox: none of them may write to it. */
	bool read_only = translate_is_shell(c->spec);
	int r = share_add_container(share, c->id, reterr);

	if (!r)
		r = share_bind(share, c->id, "rootfs", c->spec->rootfs, true,
			       read_only, &c->guest_rootfs, reterr);
	if (!r)
		r = container_replace_init(c, reterr);
	if (!r)
		r = resolver_replace(c, reterr);
	return r ? r : share_mounts(c, reterr);
}

static int prepare(struct container *c, struct err *reterr)
{
	const struct config *config = c->sandbox->eng->config;
	cleanup_free char *cgroup = NULL;
	int r = c->guest_rootfs ? 0 : share_files(c, reterr);

	if (r < 0)
		return r;
	cgroup = path_join("/kiln", c->id);
	if (!cgroup)
		return err_code(reterr, -ENOMEM, "prepare");
	return translate_spec(c->spec, c->guest_rootfs, cgroup,
			      !config->runtime.disable_guest_seccomp, reterr);
}

static void make_in_guest(struct container *c)
{
	Grpc__CreateContainerRequest request =
		GRPC__CREATE_CONTAINER_REQUEST__INIT;
	struct err err = {0};
	int r = prepare(c, &err);

	if (r < 0) {
		container_fail(c, r, &err);
		return;
	}
	request.container_id = TEXT(container_guest_id(c));
	request.exec_id = c->id;
	request.sandbox_pidns = c->share_pids;
	request.oci = c->spec->wire;
	agent_call_within(c->sandbox->agent, AGENT_CREATE_CONTAINER,
			  container_timeout_ms(c), &request.base, on_created,
			  c);
}

/* It runs already; what is left is the host's part. */
static void finish_restore(struct container *c)
{
	struct err err = {0};
	int r = container_limit_on_host(c, c->limits, &err);

	if (r < 0) {
		container_fail(c, r, &err);
		return;
	}
	container_save(c);
	engine_phase(c->sandbox->eng, "container restored");
	container_poststart(c);
}

static void on_booted(void *arg, int code, const struct err *e)
{
	struct container *c = arg;

	if (code < 0)
		container_fail(c, code, e);
	else if (c->restore)
		finish_restore(c);
	else
		make_in_guest(c);
}

int container_adopt(struct container *c, struct err *reterr)
{
	int r = container_step(&c->status, CONTAINER_OP_MADE, c->id, reterr);

	if (!r)
		r = container_step(&c->status, CONTAINER_OP_START, c->id,
				   reterr);
	if (!r && c->restore->paused)
		r = container_step(&c->status, CONTAINER_OP_PAUSE, c->id,
				   reterr);
	if (!r)
		r = process_step(&c->init->state, PROCESS_OP_MADE, c->id,
				 reterr);
	if (!r)
		r = process_step(&c->init->state, PROCESS_OP_START, c->id,
				 reterr);
	if (r < 0)
		return r;
	c->in_guest = true;
	process_adopt(c->init, c->restore);
	return 0;
}

static void on_packed(void *arg, int code, const struct err *e)
{
	struct container *c = arg;

	if (code < 0)
		container_fail(c, code, e);
	else
		sandbox_boot(c->sandbox, c, on_booted, c);
}

/* What the disk shall hold must be there before the VM has it. */
static void pack(struct container *c)
{
	struct err err = {0};
	int r = share_files(c, &err);

	if (r < 0)
		container_fail(c, r, &err);
	else
		rootimage_make(c->sandbox, on_packed, c);
}

static void on_network(void *arg, int code, const struct err *e)
{
	struct container *c = arg;

	if (code < 0)
		container_fail(c, code, e);
	else if (is_packed(c) && !c->restore)
		pack(c);
	else
		sandbox_boot(c->sandbox, c, on_booted, c);
}

static void refuse_second(struct container *c)
{
	struct err err = {0};
	int r = err_set(&err, -EOPNOTSUPP,
			"container '%s': with shared_fs = \"none\" a sandbox "
			"has one container: use \"auto\" for pods", c->id);

	container_fail(c, r, &err);
}

static void on_room(void *arg, int code, const struct err *e)
{
	struct container *c = arg;

	if (code < 0)
		log_warn("container '%s': its VM did not grow by its limits: "
			 "%s", c->id, e->text);
	make_in_guest(c);
}

/* Another container in the VM: room for what it may use, too, as far as the
 * machine can. Pods are made with less than their containers' sum on purpose,
 * too. */
static void make_room(struct container *c)
{
	struct sandbox *sb = c->sandbox;
	struct resize_wish wish;
	struct vm_size size;
	struct err why = {0};

	resize_wish(sb, c, c->limits, &wish);
	if (resize_check(sb, &wish, &size, &why) < 0) {
		log_info("container '%s': %s", c->id, why.text);
		resize_fit(sb, wish, &size);
	}
	size.vcpus = MAX(size.vcpus, sb->size.vcpus);
	size.memory_mib = MAX(size.memory_mib, sb->size.memory_mib);
	resize_begin(sb, &size, on_room, c);
}

/* The first container brings the guest. Hooks may have filled its network
 * namespace only now (Docker's do). */
static void enter_guest(struct container *c)
{
	if (c->sandbox->state == SANDBOX_READY && is_packed(c))
		refuse_second(c);
	else if (c->sandbox->state == SANDBOX_READY)
		make_room(c);
	else
		network_prepare(c->sandbox, c, on_network, c);
}

/* The host's hooks before the container is made, in their order. */
static void next_hooks(struct container *c);

static void on_hooks(void *arg, int code, const struct err *e)
{
	struct container *c = arg;

	c->hooks = NULL;
	if (code < 0)
		container_fail(c, code, e);
	else
		next_hooks(c);
}

static void next_hooks(struct container *c)
{
	struct container_hooks *h = c->host_hooks;
	cleanup_free char *state = container_hook_state(c, "creating");
	const struct {
		const char *kind;
		Grpc__Hook **v;
		size_t n;
	} stages[] = {
		{"prestart", h->hooks.prestart, h->hooks.n_prestart},
		{"createRuntime", h->hooks.createruntime,
		 h->hooks.n_createruntime},
		{"createContainer", h->hooks.createcontainer,
		 h->hooks.n_createcontainer},
	};

	while (h->stage < ARRAY_SIZE(stages) && !stages[h->stage].n)
		h->stage++;
	if (h->stage == ARRAY_SIZE(stages)) {
		enter_guest(c);
		return;
	}
	if (state)
		c->hooks = hooks_run(c->sandbox->eng,
				     stages[h->stage].kind, stages[h->stage].v,
				     stages[h->stage].n, state, on_hooks, c);
	h->stage++;
	if (!c->hooks) {
		struct err err = {0};
		int r = err_code(&err, -ENOMEM, "hooks");

		container_fail(c, r, &err);
	}
}

static int load_groups(struct container *c, struct err *reterr)
{
	struct sandbox *sb = c->sandbox;
	int r = cgroup_load(&c->cgroup, c->dirfd, SPAWN_CGROUP_NAME);

	if (!r && !sb->cgroup.n)
		r = cgroup_load(&sb->cgroup, sb->eng->dirfd,
				SPAWN_CGROUP_VM_NAME);
	return r < 0 ? err_code(reterr, r, "control groups") : 0;
}

/* The first container's state is the sandbox's; others have a folder beside. */
static int open_dir(struct container *c, struct err *reterr)
{
	const struct engine *eng = c->sandbox->eng;
	char path[PATH_MAX];

	if (!strcmp(c->id, eng->id)) {
		c->dirfd = eng->dirfd;
		return 0;
	}
	(void)snprintf(path, sizeof(path), "../%s", c->id);
	c->dirfd = openat(eng->dirfd, path,
			  O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	return c->dirfd < 0 ? err_errno(reterr, "open '%s'", path) : 0;
}

static int container_load(struct container *c, const char *bundle,
			  struct err *reterr)
{
	int r = open_dir(c, reterr);

	if (!r)
		r = snapshot_load(c->dirfd, bundle, &c->spec, reterr);
	if (r < 0)
		return r;
	c->share_pids = *(spec_namespace(c->spec, "pid") ?: "") != '\0';
	c->bundle = strdup(c->spec->bundle);
	c->annotations = annotations_json(c->spec);
	c->created = state_timestamp();
	c->host_hooks = calloc(1, sizeof(*c->host_hooks));
	if (!c->bundle || !c->annotations || !c->created || !c->host_hooks)
		return err_code(reterr, -ENOMEM, "create");
	if (c->spec->wire->hooks)
		c->host_hooks->hooks = *c->spec->wire->hooks;
	r = keep_limits(c, reterr);
	if (!r)
		r = load_groups(c, reterr);
	if (r < 0)
		return r;
	c->init = process_new(c, "", c->spec->terminal);
	if (!c->init)
		return err_code(reterr, -ENOMEM, "create");
	if (!c->init->stub)
		return err_set(reterr, -EBUSY,
			       "no stub is attached for container '%s'", c->id);
	return 0;
}

/* What the container goes on from. */
static int load_checkpoint(struct container *c, const char *path,
			   struct err *reterr)
{
	int r = checkpoint_read(path, &c->restore, reterr);

	if (r < 0)
		return r;
	c->guest_id = strdup(c->restore->id);
	if (!c->guest_id)
		return err_code(reterr, -ENOMEM, "restore");
	if (!is_packed(c))
		return err_set(reterr, -EINVAL,
			       "the checkpoint's configuration has no "
			       "shared_fs = \"none\"");
	if (c->restore->terminal != c->spec->terminal)
		return err_set(reterr, -EINVAL,
			       "process.terminal is %s, and was %s when the "
			       "checkpoint was made",
			       c->spec->terminal ? "true" : "false",
			       c->restore->terminal ? "true" : "false");
	return 0;
}

void container_create(struct sandbox *sb, const char *id, const char *bundle,
		      const char *checkpoint, engine_done_fn done, void *arg)
{
	struct container *c;
	struct err err = {0};
	int r;

	if (!id_is_valid(id) || sandbox_find(sb, id)) {
		r = err_set(&err, -EEXIST, "container id '%.128s' is %s", id,
			    id_is_valid(id) ? "in use" : "not valid");
		done(arg, r, &err);
		return;
	}
	c = calloc(1, sizeof(*c));
	if (!c) {
		done(arg, err_code(&err, -ENOMEM, "create"), &err);
		return;
	}
	c->sandbox = sb;
	c->dirfd = -1;
	list_init(&c->processes);
	list_append(&sb->containers, &c->link);
	c->done = done;
	c->done_arg = arg;
	c->id = strdup(id);
	r = c->id ? container_load(c, bundle, &err) : -ENOMEM;
	if (!r && *checkpoint)
		r = load_checkpoint(c, checkpoint, &err);
	if (r < 0) {
		container_answer(c, r, &err);
		container_free(c);
		return;
	}
	container_save(c);
	next_hooks(c);
}
