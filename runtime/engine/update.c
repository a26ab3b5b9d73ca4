// SPDX-License-Identifier: Apache-2.0
/*
 * New limits of a container. What needs a larger VM comes after the VM has
 * grown, and the VM shrinks after the limits: at no time may a container use
 * what is not there.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/resize.h"
#include "runtime/engine/translate.h"

struct update {
	Grpc__LinuxResources *asked;  /* owned, by proto_free() */
	Grpc__LinuxResources *merged; /* what holds afterwards; owned */
};

void update_free(struct update *u)
{
	if (!u)
		return;
	proto_free((ProtobufCMessage *)u->asked);
	proto_free((ProtobufCMessage *)u->merged);
	free(u);
}

static Grpc__LinuxResources *copy(const Grpc__LinuxResources *r)
{
	size_t n = grpc__linux_resources__get_packed_size(r);
	cleanup_free uint8_t *packed = malloc(n + 1);

	if (!packed)
		return NULL;
	(void)grpc__linux_resources__pack(r, packed);
	return (Grpc__LinuxResources *)proto_unpack(
		&grpc__linux_resources__descriptor, n, packed);
}

/* The limits OLD (NULL: none) with those of NEW that size a VM; 0 is not
 * given, as on the wire. The rest is of the container's start. */
static Grpc__LinuxResources *merge(const Grpc__LinuxResources *old,
				   const Grpc__LinuxResources *new)
{
	Grpc__LinuxResources r = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;

	if (old)
		r = *old;
	if (r.memory)
		memory = *r.memory;
	if (r.cpu)
		cpu = *r.cpu;
	if (new->memory && new->memory->limit)
		memory.limit = new->memory->limit;
	if (new->memory && new->memory->swap)
		memory.swap = new->memory->swap;
	if (new->cpu && new->cpu->quota)
		cpu.quota = new->cpu->quota;
	if (new->cpu && new->cpu->period)
		cpu.period = new->cpu->period;
	r.memory = &memory;
	r.cpu = &cpu;
	return copy(&r);
}

static void finish(struct container *c, int code, const struct err *e)
{
	update_free(c->update);
	c->update = NULL;
	container_answer(c, code, e);
}

static void on_shrunk(void *arg, int code, const struct err *e)
{
	struct container *c = arg;
	struct err none = {0};

	if (code < 0)
		log_warn("container '%s' has its new limits, but its VM not "
			 "the size for them: %s", c->id, e->text);
	finish(c, 0, &none);
}

/* The limits hold: what is more than they need goes. */
static void shrink(struct container *c)
{
	struct sandbox *sb = c->sandbox;
	struct resize_wish wish;
	struct vm_size size;

	resize_wish(sb, NULL, NULL, &wish);
	resize_fit(sb, wish, &size);
	resize_begin(sb, &size, on_shrunk, c);
}

static void on_updated(void *arg, int code, const char *text,
		       const ProtobufCMessage *response UNUSED)
{
	struct container *c = arg;
	struct err err = {0};

	if (sandbox_is_dying(c->sandbox, code))
		return;
	if (code != TTRPC_OK) {
		int r = agent_error(&err, AGENT_UPDATE, code, text);

		finish(c, r, &err);
		return;
	}
	proto_free(c->limits);
	c->limits = c->update->merged;
	c->update->merged = NULL;
	shrink(c);
}

static void apply(struct container *c)
{
	Grpc__UpdateContainerRequest request =
		GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	static char none[] = "";
	Grpc__LinuxResources guest = *c->update->asked;
	Grpc__LinuxCPU cpu;
	struct err err = {0};
	int r = container_limit_on_host(c, c->update->asked, &err);

	if (r < 0) {
		finish(c, r, &err);
		return;
	}
	if (guest.cpu) {
		cpu = *guest.cpu;
		guest.cpu = &cpu;
	}
	translate_resources(&guest, none);
	request.container_id = (char *)(uintptr_t)container_guest_id(c);
	request.resources = &guest;
	agent_call(c->sandbox->agent, AGENT_UPDATE, &request.base, on_updated,
		   c);
}

static void on_grown(void *arg, int code, const struct err *e)
{
	struct container *c = arg;
	struct err err = *e;

	if (code < 0) {
		(void)err_wrap(&err, "container '%s' keeps its limits", c->id);
		finish(c, code, &err);
		return;
	}
	apply(c);
}

/* As large as both the old and the new limits need. Only what is asked for now
 * is refused: that a VM was too small before is nothing new. */
static int grown_size(const struct container *c, struct vm_size *ret,
		      struct err *reterr)
{
	const struct sandbox *sb = c->sandbox;
	struct resize_wish old, new;
	int r = 0;

	resize_wish(sb, c, c->limits, &old);
	resize_wish(sb, c, c->update->merged, &new);
	if (new.size.vcpus > old.size.vcpus || new.least_mib > old.least_mib)
		r = resize_check(sb, &new, ret, reterr);
	else
		resize_fit(sb, new, ret);
	ret->vcpus = MAX(ret->vcpus, sb->size.vcpus);
	ret->memory_mib = MAX(ret->memory_mib, sb->size.memory_mib);
	return r < 0 ? err_wrap(reterr, "container '%s'", c->id) : 0;
}

void container_update(struct container *c,
		      const Grpc__LinuxResources *resources,
		      engine_done_fn done, void *arg)
{
	struct update *u;
	struct vm_size size;
	struct err err = {0};
	int r;

	if (!container_begin(c, CONTAINER_OP_UPDATE, done, arg))
		return;
	u = c->update = calloc(1, sizeof(*u));
	if (u) {
		u->asked = copy(resources);
		u->merged = merge(c->limits, resources);
	}
	if (!u || !u->asked || !u->merged)
		r = err_code(&err, -ENOMEM, "update");
	else
		r = grown_size(c, &size, &err);
	if (r < 0)
		finish(c, r, &err);
	else
		resize_begin(c->sandbox, &size, on_grown, c);
}
