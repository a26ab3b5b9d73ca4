// SPDX-License-Identifier: Apache-2.0
/*
 * The order is the same for more and for less: CPUs, memory that was added,
 * balloon. What the guest does not give back of added memory, because something
 * in it cannot be moved, the balloon takes instead. All that QEMU tells may be
 * the guest's doing, or a QEMU's that it has taken over: it decides when this
 * ends and what vm_size() says, within the limits of the VM.
 */
#include "runtime/vmm/qemu_resize.h"

#include <errno.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "os/event.h"
#include "runtime/vmm/qmp.h"

#define POLL_MS 50
/* So long the guest may seem to do nothing: an emulated one on a busy host
 * works for seconds at a block of memory. */
#define PATIENCE 120
/* DIMMs that one request adds. */
#define CHUNKS_MAX 4
#define CPU_PREFIX "cpu-"
#define DIMM_PREFIX "dimm-"
#define PERIPHERAL "/machine/peripheral/"
#define MIB_SHIFT 20
/* Requests to QEMU for one of ours: four minutes of looking. */
#define ASKS_MAX 5000

struct qemu_resize {
	struct vm *vm;
	struct qmp *qmp;
	struct event_timer *poll;
	struct vm_size want; /* of the VMM: CPUs that are there */
	vm_done_fn done;
	void *arg;
	void (*look)(struct qemu_resize *r); /* when the timer ends */
	uint64_t seen; /* at the last look; see waits() */
	unsigned int looks, asks;
	bool asked; /* the guest has been told */
	uint64_t dimms, virtio_mem, balloon; /* MiB */
	uint32_t chunks[CHUNKS_MAX];
	size_t n_chunks, chunk;
	unsigned int dimm; /* number of the one that is being added */
	uint64_t address;  /* for it; 0: the first there is */
	char leaving[32]; /* id of what is being removed */
	char why[160]; /* the first that did not go as wanted */
};

void qemu_resize_cancel(struct vm *vm)
{
	struct qemu_resize *r = vm->resize_op;

	if (!r)
		return;
	vm->resize_op = NULL;
	event_timer_free(r->poll);
	free(r);
}

static void finish(struct qemu_resize *r, int status, const char *text)
{
	vm_done_fn done = r->done;
	void *arg = r->arg;
	char why[sizeof(r->why)];

	(void)snprintf(why, sizeof(why), "%s", text);
	qemu_resize_cancel(r->vm);
	/* Its end is told otherwise. */
	if (status != -ECONNRESET)
		done(arg, status, why);
}

static void ask(struct qemu_resize *r, const char *command,
		struct json_object *arguments, qmp_reply_fn fn)
{
	int code = -EPROTO;

	if (r->asks++ < ASKS_MAX)
		code = qmp_execute(r->qmp, command, arguments, fn, r);
	else
		(void)json_object_put(arguments);
	if (code < 0)
		finish(r, code, "QEMU takes no command");
}

/* Remembers what did not go as wanted; the rest is still tried. */
static void fall_short(struct qemu_resize *r, const char *what,
		       const char *text)
{
	if (!*r->why)
		(void)snprintf(r->why, sizeof(r->why), "%s: %.100s", what,
			       text);
	log_debug("VM '%s': resize: %s: %s", r->vm->name, what, text);
}

/* True when a command has failed: then NEXT has been taken, or all is over. */
static bool failed(struct qemu_resize *r, int status, const char *what,
		   const char *text, void (*next)(struct qemu_resize *r))
{
	if (status >= 0)
		return false;
	if (status == -ECONNRESET) {
		finish(r, status, text);
		return true;
	}
	fall_short(r, what, text);
	next(r);
	return true;
}

/* A new thing is being waited for. */
static void begin(struct qemu_resize *r)
{
	r->asked = false;
	r->looks = 0;
	r->seen = UINT64_MAX;
}

/* True when LOOK shall be called again: what is there, NOW, may still change,
 * since it did not long ago. */
static bool waits(struct qemu_resize *r, uint64_t now,
		  void (*look)(struct qemu_resize *r))
{
	if (now != r->seen)
		r->looks = 0;
	r->seen = now;
	if (r->looks++ == PATIENCE)
		return false;
	r->look = look;
	event_timer_set(r->poll, POLL_MS);
	return true;
}

static void on_poll(void *arg)
{
	struct qemu_resize *r = arg;

	r->look(r);
}

/* --- JSON --- */

static struct json_object *member(struct json_object *o, const char *key,
				  enum json_type type)
{
	struct json_object *v = NULL;

	if (!o || !json_object_is_type(o, json_type_object) ||
	    !json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, type))
		return NULL;
	return v;
}

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key, json_type_string);

	return v ? json_object_get_string(v) : "";
}

static uint64_t bytes_of(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key, json_type_int);
	int64_t n = v ? json_object_get_int64(v) : 0;

	return n > 0 ? (uint64_t)n : 0;
}

static size_t length_of(struct json_object *list)
{
	return json_object_is_type(list, json_type_array)
		       ? json_object_array_length(list)
		       : 0;
}

static void put_text(struct json_object *o, const char *key, const char *text)
{
	(void)json_object_object_add(o, key, json_object_new_string(text));
}

static void put_number(struct json_object *o, const char *key, uint64_t n)
{
	(void)json_object_object_add(o, key, json_object_new_uint64(n));
}

static struct json_object *id_only(const char *id)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "id", id);
	return o;
}

/* --- the end --- */

static void conclude(struct qemu_resize *r)
{
	const struct resize_limits *l = &r->vm->limits;
	uint64_t mib = l->first.memory_mib + r->dimms + r->virtio_mem;
	struct vm_size *now = &r->vm->size;
	char text[sizeof(r->why)];

	mib -= MIN(r->balloon, mib - 1);
	now->memory_mib = (uint32_t)MIN(mib, (uint64_t)l->max.memory_mib);
	if (now->memory_mib == r->want.memory_mib && !*r->why) {
		finish(r, 0, "");
		return;
	}
	/* The balloon has made up for it. */
	if (now->memory_mib == r->want.memory_mib &&
	    now->vcpus == r->want.vcpus) {
		finish(r, 0, "");
		return;
	}
	(void)snprintf(text, sizeof(text),
		       "the guest has %" PRIu32 " instead of %" PRIu32
		       " MiB, %" PRIu32 " instead of %" PRIu32 " CPUs%s%.60s",
		       now->memory_mib, r->want.memory_mib, now->vcpus,
		       r->want.vcpus, *r->why ? ": " : "", r->why);
	finish(r, -EBUSY, text);
}

/* --- balloon --- */

/* Of the guest's memory: virtio-mem's is none to QEMU's balloon. */
static uint64_t balloon_base(const struct qemu_resize *r)
{
	return r->vm->limits.first.memory_mib + r->dimms;
}

static uint64_t balloon_wanted(const struct qemu_resize *r)
{
	uint64_t base = balloon_base(r), all = base + r->virtio_mem;
	uint64_t take = all > r->want.memory_mib ? all - r->want.memory_mib : 0;

	return MIN(take, base - 1);
}

static void look_at_balloon(struct qemu_resize *r);

static void on_balloon(void *arg, int status, struct json_object *result,
		       const char *text)
{
	struct qemu_resize *r = arg;
	uint64_t base = balloon_base(r);
	uint64_t actual = bytes_of(result, "actual") >> MIB_SHIFT;

	if (failed(r, status, "balloon", text, conclude))
		return;
	r->balloon = base - MIN(actual, base);
	if (r->balloon != balloon_wanted(r) &&
	    waits(r, actual, look_at_balloon))
		return;
	conclude(r);
}

static void look_at_balloon(struct qemu_resize *r)
{
	ask(r, "query-balloon", NULL, on_balloon);
}

static void on_balloon_told(void *arg, int status,
			    struct json_object *result UNUSED,
			    const char *text)
{
	struct qemu_resize *r = arg;

	if (failed(r, status, "balloon", text, conclude))
		return;
	look_at_balloon(r);
}

static void step_balloon(struct qemu_resize *r)
{
	struct json_object *o;

	begin(r);
	if (!r->vm->limits.balloon) {
		conclude(r);
		return;
	}
	o = json_object_new_object();
	put_number(o, "value", (balloon_base(r) - balloon_wanted(r))
				       << MIB_SHIFT);
	ask(r, "balloon", o, on_balloon_told);
}

/* --- memory above the first --- */

static uint64_t plugged_wanted(const struct qemu_resize *r)
{
	uint32_t first = r->vm->limits.first.memory_mib;

	return r->want.memory_mib > first ? r->want.memory_mib - first : 0;
}

static void look_at_memory(struct qemu_resize *r);

static void on_told(void *arg, int status, struct json_object *result UNUSED,
		    const char *text)
{
	struct qemu_resize *r = arg;

	if (failed(r, status, "memory", text, step_balloon))
		return;
	look_at_memory(r);
}

static void request_virtio_mem(struct qemu_resize *r)
{
	struct json_object *o = json_object_new_object();

	put_text(o, "path", PERIPHERAL RESIZE_VIRTIO_MEM_ID);
	put_text(o, "property", "requested-size");
	put_number(o, "value", plugged_wanted(r) << MIB_SHIFT);
	ask(r, "qom-set", o, on_told);
}

static void adjust_virtio_mem(struct qemu_resize *r)
{
	if (!r->asked) {
		r->asked = true;
		request_virtio_mem(r);
	} else if (r->virtio_mem == plugged_wanted(r) ||
		   !waits(r, r->virtio_mem, look_at_memory)) {
		step_balloon(r);
	}
}

/* One that is still in use is left; the DIMM is what counts. */
static void on_backend_gone(void *arg, int status,
			    struct json_object *result UNUSED,
			    const char *text)
{
	if (status == -ECONNRESET)
		finish(arg, status, text);
	else
		look_at_memory(arg);
}

static void on_dimm_added(void *arg, int status,
			  struct json_object *result UNUSED, const char *text)
{
	struct qemu_resize *r = arg;
	char id[40];

	if (status < 0 && status != -ECONNRESET) {
		(void)snprintf(id, sizeof(id), RESIZE_BACKEND_ID "-%u",
			       r->dimm);
		(void)qmp_execute(r->qmp, "object-del", id_only(id), NULL,
				  NULL);
	}
	if (failed(r, status, "memory", text, step_balloon))
		return;
	look_at_memory(r);
}

static void on_backend_added(void *arg, int status,
			     struct json_object *result UNUSED,
			     const char *text)
{
	struct qemu_resize *r = arg;
	struct json_object *o;
	char id[40], backend[40];

	if (failed(r, status, "memory", text, step_balloon))
		return;
	(void)snprintf(id, sizeof(id), DIMM_PREFIX "%u", r->dimm);
	(void)snprintf(backend, sizeof(backend), RESIZE_BACKEND_ID "-%u",
		       r->dimm);
	o = id_only(id);
	put_text(o, "driver", "pc-dimm");
	put_text(o, "memdev", backend);
	if (r->address)
		put_number(o, "addr", r->address);
	ask(r, "device_add", o, on_dimm_added);
}

static void add_dimm(struct qemu_resize *r, uint32_t mib)
{
	bool shared = r->vm->limits.shared;
	char id[40];
	struct json_object *o;

	(void)snprintf(id, sizeof(id), RESIZE_BACKEND_ID "-%u", r->dimm);
	o = id_only(id);
	put_text(o, "qom-type",
		 shared ? "memory-backend-memfd" : "memory-backend-ram");
	put_number(o, "size", (uint64_t)mib << MIB_SHIFT);
	if (shared)
		(void)json_object_object_add(o, "share",
					     json_object_new_boolean(true));
	ask(r, "object-add", o, on_backend_added);
}

static void on_dimm_leaves(void *arg, int status,
			   struct json_object *result UNUSED, const char *text)
{
	struct qemu_resize *r = arg;

	if (failed(r, status, "memory", text, step_balloon))
		return;
	look_at_memory(r);
}

/* The DIMMs among what QEMU lists. */
struct dimms {
	uint64_t mib, spare; /* all; the largest that may go */
	unsigned int free;   /* a number that none has */
	uint64_t end;	     /* of the addresses of all that is there */
	char leave[32];	     /* id of the SPARE one */
	bool leaving;	     /* the one that was told to go is there */
};

/* Adds up what there is. */
static void count_device(struct qemu_resize *r, struct dimms *d,
			 struct json_object *device)
{
	struct json_object *m = member(device, "data", json_type_object);
	uint64_t size = bytes_of(m, "size");
	uint64_t at = MAX(bytes_of(m, "addr"), bytes_of(m, "memaddr"));
	const char *id = text_of(m, "id");
	unsigned int n;

	d->end = MAX(d->end, at + size);
	if (!strcmp(id, RESIZE_VIRTIO_MEM_ID))
		r->virtio_mem = size >> MIB_SHIFT;
	if (sscanf(id, DIMM_PREFIX "%u", &n) != 1)
		return;
	d->mib += size >> MIB_SHIFT;
	d->free = MAX(d->free, n + 1);
	d->leaving |= !strcmp(id, r->leaving);
}

/* The largest that is not more than what there is too much. */
static void find_spare(struct dimms *d, struct json_object *device,
		       uint64_t excess)
{
	struct json_object *m = member(device, "data", json_type_object);
	uint64_t mib = bytes_of(m, "size") >> MIB_SHIFT;
	const char *id = text_of(m, "id");

	if (strncmp(id, DIMM_PREFIX, strlen(DIMM_PREFIX)) || mib > excess ||
	    mib < d->spare)
		return;
	d->spare = mib;
	(void)snprintf(d->leave, sizeof(d->leave), "%s", id);
}

static void shrink_dimms(struct qemu_resize *r, const struct dimms *d)
{
	char backend[40];

	if (*r->leaving && d->leaving) {
		if (waits(r, r->dimms, look_at_memory))
			return;
		fall_short(r, "memory", "the guest needs what is in it");
	} else if (*r->leaving) {
		(void)snprintf(backend, sizeof(backend), RESIZE_BACKEND_ID
			       "-%s", r->leaving + strlen(DIMM_PREFIX));
		*r->leaving = '\0';
		begin(r);
		ask(r, "object-del", id_only(backend), on_backend_gone);
		return;
	} else if (d->spare) {
		(void)snprintf(r->leaving, sizeof(r->leaving), "%s", d->leave);
		begin(r);
		ask(r, "device_del", id_only(r->leaving), on_dimm_leaves);
		return;
	}
	step_balloon(r);
}

static void adjust_dimms(struct qemu_resize *r, const struct dimms *d)
{
	uint64_t want = plugged_wanted(r);

	if (want <= r->dimms) {
		shrink_dimms(r, d);
		return;
	}
	if (!r->asked) {
		r->asked = true;
		r->n_chunks = resize_dimms(&r->vm->limits,
					   (uint32_t)(want - r->dimms),
					   r->chunks, CHUNKS_MAX);
	}
	if (r->chunk == r->n_chunks) {
		step_balloon(r);
		return;
	}
	r->dimm = d->free;
	/* Behind a root image that is mapped the guest's blocks do not begin
	 * where QEMU would put it. */
	r->address = ALIGN_UP(d->end, (uint64_t)r->vm->limits.step_mib
					      << MIB_SHIFT);
	add_dimm(r, r->chunks[r->chunk++]);
}

static void on_memory(void *arg, int status, struct json_object *result,
		      const char *text)
{
	struct qemu_resize *r = arg;
	uint64_t want = plugged_wanted(r);
	struct dimms d = {0};
	size_t i, n = length_of(result);

	if (failed(r, status, "memory", text, step_balloon))
		return;
	for (i = 0; i < n; i++)
		count_device(r, &d, json_object_array_get_idx(result, i));
	r->dimms = d.mib;
	for (i = 0; i < n && d.mib > want; i++)
		find_spare(&d, json_object_array_get_idx(result, i),
			   d.mib - want);
	if (r->vm->limits.memory == RESIZE_MEMORY_VIRTIO_MEM)
		adjust_virtio_mem(r);
	else
		adjust_dimms(r, &d);
}

static void look_at_memory(struct qemu_resize *r)
{
	ask(r, "query-memory-devices", NULL, on_memory);
}

static void step_memory(struct qemu_resize *r)
{
	begin(r);
	if (r->vm->limits.memory == RESIZE_MEMORY_BALLOON)
		step_balloon(r);
	else
		look_at_memory(r);
}

/* --- CPUs --- */

static void look_at_cpus(struct qemu_resize *r);

static void on_cpu_told(void *arg, int status,
			struct json_object *result UNUSED, const char *text)
{
	struct qemu_resize *r = arg;

	if (failed(r, status, "CPU", text, step_memory))
		return;
	look_at_cpus(r);
}

/* PLACE is one of QEMU's list where no CPU is, the I-th. */
static void add_cpu(struct qemu_resize *r, struct json_object *place, size_t i)
{
	struct json_object *props = member(place, "props", json_type_object);
	struct json_object *o;
	char id[40];

	(void)snprintf(id, sizeof(id), CPU_PREFIX "%zu", i);
	o = id_only(id);
	put_text(o, "driver", text_of(place, "type"));
	if (props) {
		json_object_object_foreach(props, key, value)
			(void)json_object_object_add(o, key,
						     json_object_get(value));
	}
	ask(r, "device_add", o, on_cpu_told);
}

static void remove_cpu(struct qemu_resize *r, const char *id)
{
	/* Told once; the guest may take its time. */
	if (!strcmp(r->leaving, id)) {
		if (!waits(r, r->vm->size.vcpus, look_at_cpus)) {
			fall_short(r, "CPU", "the guest keeps it");
			*r->leaving = '\0';
			step_memory(r);
		}
		return;
	}
	(void)snprintf(r->leaving, sizeof(r->leaving), "%s", id);
	begin(r);
	ask(r, "device_del", id_only(id), on_cpu_told);
}

static void on_cpus(void *arg, int status, struct json_object *result,
		    const char *text)
{
	static const char ours[] = PERIPHERAL CPU_PREFIX;
	struct qemu_resize *r = arg;
	struct json_object *place = NULL;
	const char *last = NULL;
	size_t i, at = 0;
	uint32_t n = 0;

	if (failed(r, status, "CPU", text, step_memory))
		return;
	/* The highest comes first. */
	for (i = 0; i < length_of(result); i++) {
		struct json_object *v = json_object_array_get_idx(result, i);
		const char *path = text_of(v, "qom-path");

		n += *path != '\0';
		if (!*path) {
			place = v;
			at = i;
		} else if (!last && !strncmp(path, ours, sizeof(ours) - 1)) {
			last = path + strlen(PERIPHERAL);
		}
	}
	r->vm->size.vcpus = MIN(n, r->vm->limits.max.vcpus);
	if (n < r->want.vcpus && place) {
		add_cpu(r, place, at);
	} else if (n > r->want.vcpus && last &&
		   r->vm->limits.cpu == RESIZE_CPU_PLUG) {
		remove_cpu(r, last);
	} else {
		*r->leaving = '\0';
		step_memory(r);
	}
}

static void look_at_cpus(struct qemu_resize *r)
{
	ask(r, "query-hotpluggable-cpus", NULL, on_cpus);
}

int qemu_resize_begin(struct vm *vm, struct qmp *qmp,
		      const struct vm_size *want, vm_done_fn done, void *arg,
		      struct err *reterr)
{
	struct qemu_resize *r;

	if (!qmp || vm->resize_op || vm->state_op)
		return err_set(reterr, qmp ? -EBUSY : -ENOTCONN, "QEMU %s",
			       qmp ? "is being resized, or saved"
				   : "has ended");
	r = calloc(1, sizeof(*r));
	if (!r)
		return err_code(reterr, -ENOMEM, "resize");
	*r = (struct qemu_resize){
		.vm = vm, .qmp = qmp, .want = *want, .done = done, .arg = arg,
	};
	/* What was there from the start stays; it goes off line. */
	r->want.vcpus = MAX(want->vcpus, vm->limits.first.vcpus);
	if (vm->limits.cpu == RESIZE_CPU_ADD)
		r->want.vcpus = MAX(r->want.vcpus, vm->size.vcpus);
	/* All are there; how many are on line is between host and guest. */
	if (vm->limits.cpu == RESIZE_CPU_ONLINE)
		r->want.vcpus = vm->size.vcpus;
	r->poll = event_timer_new(vm->loop, on_poll, r);
	if (!r->poll) {
		free(r);
		return err_code(reterr, -ENOMEM, "resize");
	}
	vm->resize_op = r;
	begin(r);
	if (vm->limits.cpu == RESIZE_CPU_ONLINE)
		step_memory(r);
	else
		look_at_cpus(r);
	return 0;
}
