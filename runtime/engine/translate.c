// SPDX-License-Identifier: Apache-2.0
#include "translate.h"

#include <errno.h>
#include <stdint.h>
#include <string.h>

static bool is_below(const char *path, const char *folder)
{
	size_t n = strlen(folder);

	return !strncmp(path, folder, n) && (!path[n] || path[n] == '/');
}

enum mount_origin translate_mount_origin(const struct spec_mount *m)
{
	if (!m->bind || !m->source)
		return MOUNT_GUEST;
	/* Memory that two guests or a guest and a host would share is none:
	 * each sandbox has its own. */
	if (!strcmp(m->wire->destination, "/dev/shm"))
		return MOUNT_SHM;
	/* What the kernel makes is of the kernel that runs the container. */
	if (is_below(m->source, "/proc") || is_below(m->source, "/sys"))
		return MOUNT_GUEST;
	if (is_below(m->source, "/dev") && !is_below(m->source, "/dev/shm"))
		return MOUNT_GUEST;
	return MOUNT_SHARED;
}

bool translate_is_shell(const struct spec *s)
{
	const char *value = spec_annotation(s, TRANSLATE_SHELL_ANNOTATION);

	return value && !strcmp(value, "true");
}

int translate_mount(struct spec *s, struct spec_mount *m, const char *source)
{
	m->wire->source = arena_strdup(&s->arena, source);
	m->wire->type = arena_strdup(&s->arena, "bind");
	return m->wire->source && m->wire->type ? 0 : -ENOMEM;
}

int translate_partly_readonly(struct spec *s, struct spec_mount *m)
{
	size_t i;

	for (i = 0; i < m->wire->n_options; i++)
		if (!strcmp(m->wire->options[i], "rro"))
			return 0;
	for (i = 0; i < m->wire->n_options; i++) {
		if (strcmp(m->wire->options[i], "ro"))
			continue;
		m->wire->options[i] = arena_strdup(&s->arena, "rw");
		if (!m->wire->options[i])
			return -ENOMEM;
	}
	return 0;
}

/* The guest is the network and the process namespace of its containers'
 * sandbox; a path of the host's names nothing there. */
static void translate_namespaces(Grpc__Linux *l, char *empty, char *pids)
{
	size_t i, n = 0;

	for (i = 0; i < l->n_namespaces; i++) {
		Grpc__LinuxNamespace *ns = l->namespaces[i];

		if (!strcmp(ns->type, "network") || !strcmp(ns->type, "time"))
			continue;
		ns->path = strcmp(ns->type, "pid") ? empty : pids;
		l->namespaces[n++] = ns;
	}
	l->n_namespaces = n;
}

void translate_resources(Grpc__LinuxResources *r, char *empty)
{
	if (!r)
		return;
	/* The guest has disks of its own, none of the host's. */
	r->blockio = NULL;
	r->network = NULL;
	if (r->cpu) {
		r->cpu->cpus = empty;
		r->cpu->mems = empty;
		/* Real-time budgets are the host's to give. */
		r->cpu->realtimeruntime = 0;
		r->cpu->realtimeperiod = 0;
	}
}

int translate_spec(struct spec *s, const char *rootfs, const char *cgroup,
		   bool seccomp, struct err *reterr)
{
	Grpc__Spec *w = s->wire;
	Grpc__Linux *l = w->linux;
	char *empty = arena_strdup(&s->arena, "");
	char *pids = translate_is_shell(s)
			     ? arena_strdup(&s->arena, "/proc/1/ns/pid")
			     : empty;

	w->root->path = arena_strdup(&s->arena, rootfs);
	l->cgroupspath = arena_strdup(&s->arena, cgroup);
	if (!empty || !pids || !w->root->path || !l->cgroupspath)
		return err_code(reterr, -ENOMEM, "translate");
	w->process->terminal = s->terminal;
	/* Only startContainer hooks run in the guest. */
	if (w->hooks) {
		w->hooks->n_prestart = w->hooks->n_poststart = 0;
		w->hooks->n_poststop = w->hooks->n_createruntime = 0;
		w->hooks->n_createcontainer = 0;
	}
	translate_namespaces(l, empty, pids);
	translate_resources(l->resources, empty);
	if (!seccomp)
		l->seccomp = NULL;
	/* Policies of the host's security modules are not in the guest. */
	w->process->apparmorprofile = empty;
	w->process->selinuxlabel = empty;
	l->mountlabel = empty;
	l->intelrdt = NULL;
	if (spec_extra_to_wire(s) < 0)
		return err_code(reterr, -ENOMEM, "translate");
	return 0;
}

/* The kernel's, where only a quota is given. */
#define CPU_PERIOD 100000
/* More is "as much as there is", in whatever number the caller says it. */
#define MEMORY_MAX_MIB (16U << 20)
#define CPUS_MAX 1024

void translate_add_limits(struct limits_sum *sum, const Grpc__LinuxResources *r)
{
	const Grpc__LinuxCPU *cpu = r ? r->cpu : NULL;
	const Grpc__LinuxMemory *memory = r ? r->memory : NULL;
	uint64_t mib = 0;

	if (cpu && cpu->quota > 0) {
		uint64_t period = cpu->period ? cpu->period : CPU_PERIOD;
		uint64_t quota = MIN((uint64_t)cpu->quota,
				     UINT64_MAX / 2000);

		sum->millicpus += MIN((quota * 1000 + period - 1) / period,
				      (uint64_t)CPUS_MAX * 1000);
	}
	if (memory && memory->limit > 0)
		mib = ((uint64_t)memory->limit + (1U << 20) - 1) >> 20;
	if (mib && mib <= MEMORY_MAX_MIB)
		sum->memory_mib += mib;
	else
		sum->unlimited = true;
}
