// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/modules.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/strv.h"
#include "runtime/guest.h"
#include "runtime/vmm/vmm.h"

#define MODULES_MAX 64 /* as the agent allows */
#define MOUNT_POINT "/run/kata-containers/modules"
#define VERITY "X-kata.dmverity"
#define BLANKS " \t"

struct module {
	Grpc__KernelModule message;
	struct strv words; /* name, parameters */
};

struct modules {
	struct module v[MODULES_MAX];
	Grpc__KernelModule *list[MODULES_MAX];
	size_t n;
	struct vm_addr address;
	struct strv options;
	Grpc__Storage storage; /* without a driver: there is no image */
	char hint[128];
};

static struct vm_disk *find_disk(struct vm_spec *s)
{
	for (size_t i = 0; i < s->n_disks; i++)
		if (!strcmp(s->disks[i].id, MODULES_DISK))
			return &s->disks[i];
	return NULL;
}

int modules_attach(struct vmspec *v, char *const *list, struct err *reterr)
{
	struct vm_spec *s = &v->spec;

	if (!*list || !*v->guest->modules.file.path)
		return 0;
	if (s->n_disks == VM_DISKS_MAX)
		return err_set(reterr, -ENOSPC, "no disk is left for modules");
	s->scsi = true;
	s->disks[s->n_disks++] = (struct vm_disk){
		.id = MODULES_DISK, .path = v->guest->modules.file.path,
		.read_only = true, .bus = VM_DISK_SCSI,
	};
	return 0;
}

static int add_module(struct modules *m, const char *text, struct err *reterr)
{
	struct module *new = &m->v[m->n];
	const char *p = text + strspn(text, BLANKS);

	if (!*p)
		return err_set(reterr, -EINVAL, "kernel_modules: '%.100s' "
			       "names no module", text);
	if (m->n == MODULES_MAX)
		return err_set(reterr, -E2BIG, "kernel_modules: more than %d",
			       MODULES_MAX);
	for (; *p; p += strspn(p, BLANKS)) {
		size_t n = strcspn(p, BLANKS);
		cleanup_free char *word = strndup(p, n);

		(void)strv_add(&new->words, word);
		p += n;
	}
	m->list[m->n++] = &new->message;
	if (strv_error(&new->words))
		return err_code(reterr, -ENOMEM, "kernel_modules");
	grpc__kernel_module__init(&new->message);
	new->message.name = new->words.v[0];
	new->message.parameters = new->words.v + 1;
	new->message.n_parameters = new->words.n - 1;
	return 0;
}

/* The disk as the agent finds and checks it. */
static int set_storage(struct modules *m, struct vmspec *v, struct err *reterr)
{
	const struct guest_modules *g = &v->guest->modules;
	const struct vm_disk *disk = find_disk(&v->spec);
	struct vm_layout layout;
	int r;

	if (!disk)
		return 0;
	r = vm_layout_build(&v->spec, &layout, reterr);
	if (r < 0)
		return r;
	m->address = layout.disks[disk - v->spec.disks];
	(void)strv_add(&m->options, "ro");
	(void)strv_add(&m->options, VERITY "-enabled=true");
	(void)strv_addf(&m->options, VERITY ".roothash=%s", g->root_hash);
	(void)strv_addf(&m->options, VERITY ".salt=%s", g->salt);
	(void)strv_addf(&m->options, VERITY ".hashoffset=%" PRIu64,
			g->hash_offset);
	if (strv_error(&m->options))
		return err_code(reterr, -ENOMEM, "kernel_modules");
	m->storage.driver = (char *)"scsi";
	m->storage.fstype = (char *)"erofs";
	m->storage.source = m->address.text;
	m->storage.mount_point = (char *)MOUNT_POINT;
	m->storage.options = m->options.v;
	m->storage.n_options = m->options.n;
	return 0;
}

int modules_new(struct vmspec *v, char *const *list, struct modules **ret,
		struct err *reterr)
{
	struct modules *m;
	int r = 0;

	*ret = NULL;
	if (!*list)
		return 0;
	m = calloc(1, sizeof(*m));
	if (!m)
		return err_code(reterr, -ENOMEM, "kernel_modules");
	grpc__storage__init(&m->storage);
	for (; !r && *list; list++)
		r = add_module(m, *list, reterr);
	if (!r)
		r = set_storage(m, v, reterr);
	if (r < 0) {
		modules_free(m);
		return r;
	}
	if (!find_disk(&v->spec))
		(void)snprintf(m->hint, sizeof(m->hint), "; 'make image "
			       "ARCH=%s MODULES=1 FEATURES=...' makes a guest "
			       "with modules", v->spec.arch->name);
	*ret = m;
	return 0;
}

void modules_free(struct modules *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		strv_release(&m->v[i].words);
	strv_release(&m->options);
	free(m);
}

Grpc__Storage *modules_storage(struct modules *m)
{
	return m && *m->storage.driver ? &m->storage : NULL;
}

void modules_fill(struct modules *m, Grpc__CreateSandboxRequest *request)
{
	if (!m)
		return;
	request->kernel_modules = m->list;
	request->n_kernel_modules = m->n;
}

const char *modules_hint(const struct modules *m, const char *text)
{
	return m && text && strstr(text, "module '") ? m->hint : "";
}
