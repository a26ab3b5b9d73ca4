// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/resize.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/config.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/translate.h"
#include "runtime/engine/vmspec.h"
#include "runtime/oci/spec.h"
#include "runtime/vmm/resize.h"
#include "runtime/vmm/vm.h"

struct resizing {
	struct list link; /* in sandbox->resizings; the first is under way */
	struct sandbox *sb;
	struct vm_size want;
	engine_done_fn done; /* NULL: whoever asked is gone */
	void *arg;
	bool checks_memory; /* in the guest */
	struct err err; /* the first that went wrong */
};

/* --- what is needed --- */

static bool counts(const struct container *c)
{
	return !c->deleted && c->status != CONTAINER_STOPPED;
}

void resize_wish(const struct sandbox *sb, const struct container *c,
		 const Grpc__LinuxResources *limits, struct resize_wish *ret)
{
	const struct config_qemu *q = &sb->eng->config->qemu;
	struct limits_sum sum = {0};
	struct list *pos;

	list_foreach(pos, &sb->containers) {
		const struct container *v =
			list_entry(pos, struct container, link);

		if (v != c && counts(v))
			translate_add_limits(&sum, v->limits);
	}
	if (c)
		translate_add_limits(&sum, limits);
	*ret = (struct resize_wish){
		.size = {
			.vcpus = vmspec_sum_vcpus(q, &sum),
			.memory_mib = vmspec_memory_mib(
				q, vm_limits(sb->vm)->arch, &sum),
		},
		.least_mib = (uint32_t)MIN(sum.memory_mib,
					   (uint64_t)UINT32_MAX),
	};
}

int resize_check(const struct sandbox *sb, const struct resize_wish *wish,
		 struct vm_size *ret, struct err *reterr)
{
	return resize_plan(vm_limits(sb->vm), &wish->size, wish->least_mib,
			   ret, reterr);
}

void resize_fit(const struct sandbox *sb, struct resize_wish wish,
		struct vm_size *ret)
{
	const struct resize_limits *l = vm_limits(sb->vm);
	struct err ignored;

	wish.size.vcpus = MIN(wish.size.vcpus, l->max.vcpus);
	/* Within what there can be nothing is refused. */
	(void)resize_plan(l, &wish.size, 0, ret, &ignored);
}

bool resize_is_changed(const struct sandbox *sb)
{
	const struct resize_limits *l = vm_limits(sb->vm);
	const struct vm_size *now = vm_size(sb->vm);

	return !list_empty(&sb->resizings) ||
	       now->vcpus != l->first.vcpus ||
	       now->memory_mib > l->first.memory_mib;
}

/* --- the steps --- */

static void next(struct sandbox *sb);

static void end(struct resizing *r)
{
	struct sandbox *sb = r->sb;
	engine_done_fn done = r->done;
	void *arg = r->arg;
	struct err err = r->err;

	list_del(&r->link);
	free(r);
	sb->resizing = false;
	if (done)
		done(arg, err.code, &err);
	/* Its owner may have made a further request, which has begun then. */
	next(sb);
}

static void keep_error(struct resizing *r, const struct err *e)
{
	if (!r->err.code)
		r->err = *e;
}

/* The VM may not be larger than its group allows; nor, for long, smaller. */
static void settle(struct resizing *r)
{
	struct sandbox *sb = r->sb;
	struct err err = {0};

	sb->size.memory_mib = vm_size(sb->vm)->memory_mib;
	if (sandbox_limit_vm(sb, sb->size.memory_mib, &err) < 0)
		keep_error(r, &err);
	log_info("sandbox '%s': VM has %u CPUs, %u MiB", sb->id,
		 sb->size.vcpus, sb->size.memory_mib);
	end(r);
}

static void on_online(void *arg, int code, const char *text,
		      const ProtobufCMessage *response UNUSED)
{
	struct resizing *r = arg;
	struct err err = {0};

	if (sandbox_is_dying(r->sb, code))
		return;
	if (code == TTRPC_OK) {
		r->sb->size.vcpus = r->want.vcpus;
	} else {
		(void)agent_error(&err, AGENT_ONLINE, code, text);
		keep_error(r, &err);
		/* What it has is not what the VMM thinks: a balloon would take
		 * from the memory that it has. */
		r->sb->memory_stuck |= r->checks_memory;
		r->sb->size.vcpus = 0; /* whatever it is */
	}
	settle(r);
}

/* MiB that the guest must have on line, or 0. Of DIMMs the VMM does not know
 * whether the guest took them; in blocks that are as large. */
static uint64_t guest_memory(const struct resizing *r)
{
	const struct resize_limits *l = vm_limits(r->sb->vm);
	uint32_t first = l->first.memory_mib;

	if (l->memory != RESIZE_MEMORY_DIMM || r->err.code ||
	    r->want.memory_mib <= first ||
	    r->want.memory_mib <= r->sb->size.memory_mib)
		return 0;
	return ALIGN_UP((uint64_t)first, l->step_mib) + r->want.memory_mib -
	       first;
}

/* The guest's part: CPUs on line, and off; memory that it takes. */
static void step_guest(struct resizing *r)
{
	Grpc__OnlineCPUMemRequest request = GRPC__ONLINE_CPUMEM_REQUEST__INIT;

	request.memory_mib = guest_memory(r);
	if (r->want.vcpus != r->sb->size.vcpus)
		request.cpus = r->want.vcpus;
	r->checks_memory = request.memory_mib != 0;
	if (!request.memory_mib && !request.cpus) {
		settle(r);
		return;
	}
	request.cpu_only = true;
	agent_call(r->sb->agent, AGENT_ONLINE, &request.base, on_online, r);
}

static void on_resized(void *arg, int status, const char *text)
{
	struct resizing *r = arg;
	struct err err = {0};

	if (status < 0) {
		(void)err_set(&err, status, "the VM's size: %s", text);
		keep_error(r, &err);
		if (vm_limits(r->sb->vm)->cpu != RESIZE_CPU_ONLINE)
			r->want.vcpus = MIN(r->want.vcpus,
					    vm_size(r->sb->vm)->vcpus);
	}
	step_guest(r);
}

static int step_vm(struct resizing *r, struct err *reterr)
{
	struct sandbox *sb = r->sb;
	uint32_t now = sb->size.memory_mib;
	int code = 0;

	if (sb->memory_stuck && r->want.memory_mib != now)
		return err_set(reterr, -EIO,
			       "the guest did not take the memory that was "
			       "added to its VM: it is not changed any more");
	if (r->want.memory_mib > now)
		code = sandbox_limit_vm(sb, r->want.memory_mib, reterr);
	return code ? code
		    : vm_resize(sb->vm, &r->want, on_resized, r, reterr);
}

/* Begins the first request, if none is under way. */
static void next(struct sandbox *sb)
{
	struct resizing *r;
	struct err err = {0};

	if (list_empty(&sb->resizings) || sb->resizing)
		return;
	r = list_entry(sb->resizings.next, struct resizing, link);
	sb->resizing = true;
	if (!sb->vm || !sb->agent)
		return; /* the end of the guest ends it */
	if (r->want.vcpus == sb->size.vcpus &&
	    r->want.memory_mib == sb->size.memory_mib) {
		end(r);
		return;
	}
	if (step_vm(r, &err) < 0) {
		keep_error(r, &err);
		settle(r);
	}
}

void resize_begin(struct sandbox *sb, const struct vm_size *size,
		  engine_done_fn done, void *arg)
{
	struct resizing *r = calloc(1, sizeof(*r));
	struct err err = {0};

	if (!r) {
		done(arg, err_code(&err, -ENOMEM, "resize"), &err);
		return;
	}
	*r = (struct resizing){
		.sb = sb, .want = *size, .done = done, .arg = arg,
	};
	list_append(&sb->resizings, &r->link);
	next(sb);
}

void resize_cancel(struct sandbox *sb, const void *arg)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &sb->resizings) {
		struct resizing *r = list_entry(pos, struct resizing, link);

		if (arg && r->arg == arg)
			r->done = NULL; /* the VM's part goes on */
		if (arg)
			continue;
		if (sb->agent)
			ttrpc_forget(sb->agent, r);
		list_del(&r->link);
		free(r);
	}
	if (!arg)
		sb->resizing = false;
}
