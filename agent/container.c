// SPDX-License-Identifier: Apache-2.0
/* A container from its creation to its removal. */
#include "container.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "bundle.h"
#include "devgroup.h"
#include "ns.h"
#include "rootfs.h"
#include "spec.h"
#include "storage/storage.h"

#define REMOVE_RETRY_MS 10
#define UNIFIED "linux.unified."
#define TERMINATION_PATH "io.kubernetes.container.terminationMessagePath"
#define EXECS_MAX 1024
#define EXECS_KEPT 64
#define CGROUP_ATTEMPTS 200

DEFINE_CLEANUP(struct container, container_free)

static void launch_release(struct launch *l)
{
	unsigned int i;

	for (i = 0; i < l->n_ns_fds; i++)
		close_fd(&l->ns_fds[i]);
	close_fd(&l->pidns);
	close_fd(&l->target);
	idmaps_close(&l->idmaps);
	cleanup_freep(&l->cgroup_dir);
}

static struct container *container_new(struct agent *agent, const char *id)
{
	struct container *c = calloc(1, sizeof(*c));

	if (!c)
		return NULL;
	c->agent = agent;
	c->cgroupfd = c->devprog = -1;
	c->is_unhooked = true; /* until it is set up */
	oom_watch_init(&c->oom);
	list_init(&c->link);
	list_init(&c->execs);
	c->id = strdup(id);
	c->init = process_new(agent->loop, c, id, true);
	if (!c->id || !c->init) {
		container_free(c);
		return NULL;
	}
	c->init->hold = true;
	return c;
}

/* The directories that storages leave behind. */
static void remove_dirs(const struct container *c)
{
	cleanup_free char *dir = path_join(c->agent->root, c->id);
	cleanup_free char *rootfs = dir ? path_join(dir, "rootfs") : NULL;

	if (rootfs) {
		(void)rmdir(rootfs);
		if (c->bundle)
			bundle_remove(c->bundle);
		(void)rmdir(dir);
	}
}

/* The killed need a moment to go; after the removal of a container, which has
 * seen them go, none. */
static void remove_cgroup(const struct container *c)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int i;

	if (!*c->cgroup)
		return;
	for (i = 0; i < CGROUP_ATTEMPTS; i++) {
		if (cgroup_remove(c->agent->cgroup_root, c->cgroup) != -EBUSY)
			return;
		(void)nanosleep(&pause, NULL);
	}
	log_warn("cgroup '%s' is still in use", c->cgroup);
}

void container_free(struct container *c)
{
	struct list *pos, *tmp;

	if (!c)
		return;
	guesthook_cancel(c);
	if (c->remove_call)
		ttrpc_reply_error(TAKE_PTR(c->remove_call), TTRPC_CANCELLED,
				  "the sandbox ends");
	if (c->cgroupfd >= 0)
		(void)cgroup_kill(c->cgroupfd);
	list_foreach_safe(pos, tmp, &c->execs)
		process_free(list_entry(pos, struct process, link));
	process_free(c->init);
	event_timer_free(c->remove_timer);
	oom_watch_end(c->agent, &c->oom);
	close_fd(&c->cgroupfd);
	close_fd(&c->devprog);
	remove_cgroup(c);
	storage_drop_all(c->agent, &c->storages);
	strv_release(&c->storages);
	remove_dirs(c);
	proto_free(c->seccomp);
	if (!list_empty(&c->link)) {
		list_del(&c->link);
		c->agent->sandbox.ncontainers--;
	}
	free(c->termination_root);
	free(c->termination_path);
	free(c->annotations);
	free(c->bundle);
	free(c->id);
	free(c);
}

static int make_cgroup(struct container *c, const Grpc__Linux *l,
		       struct err *reterr)
{
	const char *root = c->agent->cgroup_root;
	int r = cgroup_path(l->cgroupspath, c->id, c->cgroup);

	if (r < 0) {
		*c->cgroup = '\0';
		return err_set(reterr, r, "cgroup path '%.500s'",
			       l->cgroupspath);
	}
	if (!c->agent->has_cgroups) {
		*c->cgroup = '\0';
		log_warn("container '%s' runs without a cgroup", c->id);
		return 0;
	}
	c->cgroupfd = cgroup_create(root, c->cgroup, reterr);
	if (c->cgroupfd < 0) {
		*c->cgroup = '\0'; /* not ours to remove */
		return c->cgroupfd;
	}
	return l->resources ? cgroup_apply(c->cgroupfd, l->resources, reterr)
			    : 0;
}

static int join_path(struct launch *l, unsigned int flag, const char *path,
		     struct err *reterr)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);

	if (fd < 0)
		return err_errno(reterr, "open namespace '%.500s'", path);
	if (flag == CLONE_NEWPID) {
		close_fd(&l->pidns);
		l->pidns = TAKE_FD(fd);
		return 0;
	}
	if (l->n_ns_fds == ARRAY_SIZE(l->ns_fds))
		return err_set(reterr, -EINVAL, "too many namespaces");
	l->joined_userns |= flag == CLONE_NEWUSER;
	l->ns_fds[l->n_ns_fds++] = TAKE_FD(fd);
	return 0;
}

/* The namespaces that the containers of a pod have in common are those of its
 * first container. */
static int share_namespaces(struct container *c, struct launch *l,
			    struct err *reterr)
{
	const unsigned int shared = CLONE_NEWIPC | CLONE_NEWUTS;
	struct list *containers = &c->agent->sandbox.containers;
	struct container *first;

	if (list_empty(containers))
		return 0; /* this is the first */
	first = list_entry(containers->next, struct container, link);
	if (first->init->state == PROCESS_EXITED)
		return err_set(reterr, -EBUSY, "the first container '%s' of "
			       "the sandbox has ended", first->id);
	l->clone_flags &= ~(shared | CLONE_NEWPID);
	l->join_flags = shared & first->namespaces;
	l->target = fcntl(first->init->pidfd, F_DUPFD_CLOEXEC, 3);
	l->pidns = fcntl(first->init->pidfd, F_DUPFD_CLOEXEC, 3);
	if (l->target < 0 || l->pidns < 0)
		return err_errno(reterr, "duplicate a pidfd");
	c->namespaces |= l->join_flags;
	return 0;
}

static int plan_namespaces(struct container *c, const Grpc__Linux *linux_spec,
			   bool share, struct launch *l, struct err *reterr)
{
	size_t i;
	int r = 0;

	/* Never the agent's own: */
	c->namespaces = CLONE_NEWNS | CLONE_NEWPID;
	l->clone_flags = CLONE_NEWNS | CLONE_NEWPID;
	for (i = 0; !r && i < linux_spec->n_namespaces; i++) {
		const Grpc__LinuxNamespace *n = linux_spec->namespaces[i];
		unsigned int flag = ns_flag_of_type(n->type);

		if (!flag)
			return err_set(reterr, -EINVAL, "namespace '%.64s'",
				       n->type);
		c->namespaces |= flag;
		if (*n->path) {
			l->clone_flags &= ~flag;
			r = join_path(l, flag, n->path, reterr);
		} else if (flag == CLONE_NEWCGROUP) {
			l->new_cgroupns = true;
		} else if (flag == NS_NEWTIME) {
			l->new_timens = true;
		} else {
			l->clone_flags |= flag;
		}
	}
	if (c->extras.monotonic.is_set || c->extras.boottime.is_set) {
		c->namespaces |= NS_NEWTIME;
		l->new_timens = true;
	}
	if (!r && share)
		r = share_namespaces(c, l, reterr);
	/* A mount namespace of others is not for a root of one's own. */
	l->clone_flags |= CLONE_NEWNS;
	return r;
}

static int keep_seccomp(struct container *c, const Grpc__LinuxSeccomp *s,
			struct err *reterr)
{
	cleanup_free uint8_t *packed = NULL;
	size_t n;

	if (!s)
		return 0;
	n = protobuf_c_message_get_packed_size(&s->base);
	packed = malloc(n ? n : 1);
	if (packed)
		(void)protobuf_c_message_pack(&s->base, packed);
	if (packed)
		c->seccomp = proto_unpack(s->base.descriptor, n, packed);
	if (!c->seccomp)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

/* The extras that are files of the cgroup. */
static int set_extras(struct container *c, const Grpc__Spec *spec,
		      struct err *reterr)
{
	static const struct {
		const char *key, *file;
	} files[] = {
		{"linux.cpu.burst", "cpu.max.burst"},
		{"linux.cpu.idle", "cpu.idle"},
	};
	const size_t prefix = strlen(SPEC_EXTRA_PREFIX UNIFIED);
	size_t i;
	int r = 0;

	if (c->cgroupfd < 0)
		return 0;
	for (i = 0; !r && i < spec->n_annotations; i++) {
		const Grpc__Spec__AnnotationsEntry *a = spec->annotations[i];

		if (!strncmp(a->key, SPEC_EXTRA_PREFIX UNIFIED, prefix))
			r = cgroup_set(c->cgroupfd, a->key + prefix, a->value,
				       reterr);
	}
	for (i = 0; !r && i < ARRAY_SIZE(files); i++) {
		const char *value = spec_extra(spec, files[i].key);

		if (value)
			r = cgroup_set(c->cgroupfd, files[i].file, value,
				       reterr);
	}
	return r;
}

/*
 * Kubernetes' file for last words. It is read when the container's own view of
 * files is gone: so by what is mounted there, or else in its root.
 */
static int keep_termination(struct container *c, const Grpc__Spec *spec,
			    struct err *reterr)
{
	const char *root = spec->root->path, *path = NULL, *rest;
	size_t i;

	for (i = 0; i < spec->n_annotations; i++)
		if (!strcmp(spec->annotations[i]->key, TERMINATION_PATH))
			path = spec->annotations[i]->value;
	if (!path)
		return 0;
	rest = path;
	for (i = 0; i < spec->n_mounts; i++) {
		if (strcmp(spec->mounts[i]->destination, path) ||
		    *spec->mounts[i]->source != '/')
			continue;
		root = spec->mounts[i]->source;
		rest = "";
	}
	c->termination_root = strdup(root);
	c->termination_path = strdup(rest);
	if (!c->termination_root || !c->termination_path)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

static int prepare(struct container *c, const Grpc__CreateContainerRequest *rq,
		   struct launch *l, struct err *reterr)
{
	const Grpc__Spec *spec = rq->oci;
	bool share = rq->sandbox_pidns || c->agent->sandbox.shared_pidns;
	int r;

	r = extras_parse(spec, &c->extras, reterr);
	if (!r)
		r = storage_add_all(c->agent, rq->storages, rq->n_storages,
				    &c->storages, reterr);
	if (!r)
		r = spec_add_devices(c->agent, rq, reterr);
	if (!r)
		r = make_cgroup(c, spec->linux, reterr);
	if (!r)
		r = plan_namespaces(c, spec->linux, share, l, reterr);
	if (!r)
		r = set_extras(c, spec, reterr);
	if (!r && c->cgroupfd >= 0)
		r = devgroup_apply(c->cgroupfd, spec, &c->devprog, reterr);
	if (!r)
		r = idmaps_open(c->agent, spec, &l->idmaps, reterr);
	if (!r)
		r = keep_seccomp(c, spec->linux->seccomp, reterr);
	if (!r)
		r = keep_termination(c, spec, reterr);
	if (!r)
		r = guesthook_bundle(c, spec, reterr);
	if (r < 0)
		return r;
	if (c->agent->is_init)
		rootfs_spare_devices(spec->linux);
	l->spec = spec;
	l->process = spec->process;
	l->container = c;
	l->seccomp = spec->linux->seccomp;
	l->extras = &c->extras;
	l->cgroupfd = c->cgroupfd;
	if (*c->cgroup) {
		l->cgroup_dir = path_join(c->agent->cgroup_root, c->cgroup);
		if (!l->cgroup_dir)
			return err_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

int container_create(struct agent *agent,
		     const Grpc__CreateContainerRequest *request,
		     struct ttrpc_call *call, struct err *reterr)
{
	cleanup(launch_release) struct launch l = {.target = -1, .pidns = -1};
	cleanup(container_freep) struct container *c = NULL;
	struct sandbox *s = &agent->sandbox;
	int r;

	if (!id_is_valid(request->container_id))
		return err_set(reterr, -EINVAL, "container id '%.200s'",
			       request->container_id);
	if (sandbox_find(agent, request->container_id))
		return err_set(reterr, -EEXIST, "container '%s' exists",
			       request->container_id);
	if (s->ncontainers >= CONTAINERS_MAX)
		return err_set(reterr, -ENOSPC, "too many containers");
	r = spec_check(request->oci, reterr);
	if (r < 0)
		return r;
	c = container_new(agent, request->container_id);
	if (!c)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = prepare(c, request, &l, reterr);
	if (!r)
		r = process_spawn(c->init, &l, call, reterr);
	if (r < 0)
		return err_wrap(reterr, "container '%s'", c->id);
	list_append(&s->containers, &c->link);
	s->ncontainers++;
	(void)TAKE_PTR(c);
	return 0;
}

/* Nobody will ask for it again. */
static bool is_over(const struct process *p)
{
	return p->state == PROCESS_EXITED && p->waited;
}

/*
 * Room for one more process, by that name. Those that are over are kept for a
 * while, as their output may still be read; a name can be used again.
 */
static int make_room(struct container *c, const char *exec_id,
		     struct err *reterr)
{
	struct process *same = container_find(c, exec_id), *oldest = NULL;
	struct list *pos;
	size_t n = 0;

	if (same && (same == c->init || !is_over(same)))
		return err_set(reterr, -EEXIST, "process '%s' exists", exec_id);
	process_free(same);
	list_foreach(pos, &c->execs) {
		struct process *p = list_entry(pos, struct process, link);

		if (!oldest && is_over(p))
			oldest = p;
		n++;
	}
	if (n >= EXECS_MAX && !oldest)
		return err_set(reterr, -ENOSPC, "too many processes");
	if (n >= EXECS_KEPT)
		process_free(oldest);
	return 0;
}

int container_exec(struct container *c, const Grpc__ExecProcessRequest *request,
		   struct ttrpc_call *call, struct err *reterr)
{
	cleanup(launch_release) struct launch l = {.target = -1, .pidns = -1};
	cleanup_close int group = -1;
	struct process *p;
	int r;

	if (!id_is_valid(request->exec_id))
		return err_set(reterr, -EINVAL, "exec id '%.200s'",
			       request->exec_id);
	r = spec_check_process(request->process, reterr);
	if (!r)
		r = make_room(c, request->exec_id, reterr);
	if (r < 0)
		return r;
	if (c->init->state != PROCESS_RUNNING &&
	    c->init->state != PROCESS_READY)
		return err_set(reterr, -EBUSY, "container '%s' does not run",
			       c->id);
	if (!request->ignore_paused && c->cgroupfd >= 0 &&
	    cgroup_is_frozen(c->cgroupfd))
		return err_set(reterr, -EBUSY, "container '%s' is paused",
			       c->id);
	l.process = request->process;
	l.container = c;
	l.seccomp = (const Grpc__LinuxSeccomp *)c->seccomp;
	l.extras = &c->extras;
	l.join_flags = c->namespaces & ~(unsigned int)CLONE_NEWPID;
	l.joined_userns = c->namespaces & CLONE_NEWUSER;
	if (*request->cgroup)
		group = cgroup_below(c->cgroupfd, request->cgroup, reterr);
	if (*request->cgroup && group < 0)
		return group;
	l.cgroupfd = group >= 0 ? group : c->cgroupfd;
	l.target = fcntl(c->init->pidfd, F_DUPFD_CLOEXEC, 3);
	l.pidns = fcntl(c->init->pidfd, F_DUPFD_CLOEXEC, 3);
	if (l.target < 0 || l.pidns < 0)
		return err_errno(reterr, "duplicate a pidfd");
	p = process_new(c->agent->loop, c, request->exec_id, false);
	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	list_append(&c->execs, &p->link);
	r = process_spawn(p, &l, call, reterr);
	/* Processes in the inner nodes of the tree are refused: an init system
	 * in there has made groups of its own, and is in one. */
	if (r == -EBUSY && c->cgroupfd >= 0 && group < 0) {
		cleanup_close int inner = cgroup_of_pid(c->agent->cgroup_root,
							c->init->pid);

		l.cgroupfd = inner;
		if (inner >= 0)
			r = process_spawn(p, &l, call, reterr);
	}
	if (r < 0)
		process_free(p);
	return r;
}

struct process *container_find(struct container *c, const char *exec_id)
{
	struct list *pos;

	if (!*exec_id || !strcmp(exec_id, c->id))
		return c->init;
	list_foreach(pos, &c->execs) {
		struct process *p = list_entry(pos, struct process, link);

		if (!strcmp(p->id, exec_id))
			return p;
	}
	return NULL;
}

int container_kill_all(struct container *c)
{
	struct list *pos;
	int r = -ESRCH;

	if (c->cgroupfd >= 0)
		r = cgroup_kill(c->cgroupfd);
	if (r < 0) {
		/* The end of the first one ends its pid namespace; those of the
		 * sandbox's are left to the cgroup. */
		r = process_signal(c->init, SIGKILL);
		list_foreach(pos, &c->execs)
			(void)process_signal(
				list_entry(pos, struct process, link), SIGKILL);
	}
	return r;
}

static bool all_exited(const struct container *c)
{
	struct list *pos;

	if (c->init->pid && c->init->state != PROCESS_EXITED)
		return false;
	list_foreach(pos, &c->execs) {
		const struct process *p =
			list_entry(pos, struct process, link);

		if (p->pid && p->state != PROCESS_EXITED)
			return false;
	}
	return c->cgroupfd < 0 || cgroup_is_empty(c->cgroupfd);
}

static void reply_empty(struct ttrpc_call *call)
{
	Grpc__Empty empty = GRPC__EMPTY__INIT;

	ttrpc_reply(call, &empty.base);
}

static void on_unhooked(struct container *c, struct ttrpc_call *call UNUSED)
{
	c->is_unhooked = true;
	event_timer_set(c->remove_timer, 0);
}

static void try_remove(void *arg)
{
	struct container *c = arg;
	struct ttrpc_call *call;
	bool is_over = all_exited(c);

	/* Those of poststop have their counterparts in those of prestart. */
	if (is_over && !c->is_unhooked && !c->is_unhooking) {
		c->is_unhooking = true;
		guesthook_start(c, GUESTHOOK_POSTSTOP, NULL, on_unhooked);
	}
	if (is_over && c->is_unhooked) {
		call = TAKE_PTR(c->remove_call);
		log_debug("container '%s' removed", c->id);
		container_free(c);
		if (call)
			reply_empty(call);
		return;
	}
	if (c->remove_call && c->remove_deadline_ms &&
	    event_now_ms() >= c->remove_deadline_ms)
		ttrpc_reply_error(TAKE_PTR(c->remove_call),
				  TTRPC_DEADLINE_EXCEEDED,
				  "container '%s' does not end: ETIME", c->id);
	event_timer_set(c->remove_timer, REMOVE_RETRY_MS);
}

void container_remove(struct container *c, uint32_t timeout_s,
		      struct ttrpc_call *call)
{
	if (c->state == CONTAINER_REMOVING && c->remove_call) {
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "container '%s' is being removed", c->id);
		return;
	}
	if (!c->remove_timer)
		c->remove_timer = event_timer_new(c->agent->loop, try_remove,
						  c);
	if (!c->remove_timer) {
		if (call)
			ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
					  "out of memory");
		return;
	}
	c->state = CONTAINER_REMOVING;
	c->remove_call = call;
	c->remove_deadline_ms =
		timeout_s ? event_now_ms() + (uint64_t)timeout_s * 1000 : 0;
	(void)container_kill_all(c); /* gone already, or tried again below */
	try_remove(c);
}

static void on_hooked(struct container *c, struct ttrpc_call *call UNUSED)
{
	if (c->state == CONTAINER_CREATING)
		c->state = CONTAINER_CREATED;
	oom_watch_start(c->agent, &c->oom, c->cgroupfd, c->id);
	process_ready(c->init);
}

void container_process_ready(struct container *c)
{
	/* Should it not come to run, these are over all the same. */
	c->is_unhooked = c->bundle == NULL;
	guesthook_start(c, GUESTHOOK_PRESTART, NULL, on_hooked);
}

static void reply_started(struct container *c UNUSED, struct ttrpc_call *call)
{
	if (call)
		reply_empty(call);
}

void container_process_started(struct container *c, struct ttrpc_call *call)
{
	guesthook_start(c, GUESTHOOK_POSTSTART, call, reply_started);
}

void container_process_ending(struct container *c)
{
	oom_watch_look(c->agent, &c->oom);
}

void container_process_exited(struct container *c, struct process *p)
{
	if (p != c->init) {
		if (p->failed)
			process_free(p);
		return;
	}
	log_debug("container '%s' ended with %d", c->id, p->status);
	/* Never created: nobody will remove it. */
	if (c->state == CONTAINER_CREATING)
		container_remove(c, 0, NULL);
}
