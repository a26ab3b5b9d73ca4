// SPDX-License-Identifier: Apache-2.0
//
// The limits of linux.resources in the files of both versions of control
// groups.
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "runtime/cgroup_file.h"

#define PERIOD_DEFAULT 100000
#define VALUE_MAX 128

/* A limit being written: the first failure counts. */
struct writer {
	const struct cgroup_group *g;
	const struct cgroup_vm *vm;
	struct err *err;
	int error;
};

static int put_once(const struct writer *w, const char *file, const char *value)
{
	int r = cgroup_write(w->g->path, file, value);

	if (r != -ENOENT)
		return r;
	log_debug("no '%s' in '%s'", file, w->g->path);
	return 0;
}

static void fail(struct writer *w, int code, const char *file,
		 const char *value)
{
	if (!w->error)
		w->error = err_code(w->err, code, "write '%s' to '%s/%s'",
				    value, w->g->path, file);
}

static void put(struct writer *w, const char *file, const char *value)
{
	int r = put_once(w, file, value);

	if (r < 0)
		fail(w, r, file, value);
}

static void put_i64(struct writer *w, const char *file, int64_t value)
{
	char text[32];

	(void)snprintf(text, sizeof(text), "%" PRId64, value);
	put(w, file, text);
}

/* -1 is no limit. */
static void put_max(struct writer *w, const char *file, int64_t value)
{
	if (value < 0)
		put(w, file, "max");
	else
		put_i64(w, file, value);
}

/* --- CPU time --- */

/* Two values that only together may make sense: each may have to be the first,
 * as the kernel looks at every step. */
static void put_pair(struct writer *w, const char *file_a, int64_t a,
		     const char *file_b, int64_t b)
{
	char text[32];
	int r = 0;

	(void)snprintf(text, sizeof(text), "%" PRId64, a);
	if (a)
		r = put_once(w, file_a, text);
	if (r < 0 && !b)
		fail(w, r, file_a, text);
	if (b)
		put_i64(w, file_b, b);
	if (r < 0 && b)
		put(w, file_a, text);
}

static void cpu_v1(struct writer *w, const Grpc__LinuxCPU *c)
{
	if (c->shares)
		put_i64(w, "cpu.shares", (int64_t)c->shares);
	put_pair(w, "cpu.rt_period_us", (int64_t)c->realtimeperiod,
		 "cpu.rt_runtime_us", c->realtimeruntime);
	put_pair(w, "cpu.cfs_period_us", (int64_t)c->period,
		 "cpu.cfs_quota_us", c->quota);
}

static void cpu_v2(struct writer *w, const Grpc__LinuxCPU *c)
{
	char now[VALUE_MAX] = "max", text[VALUE_MAX];
	uint64_t period = PERIOD_DEFAULT;
	char *space;

	if (c->shares) {
		uint64_t shares = MIN(MAX(c->shares, 2U), 262144U);

		put_i64(w, "cpu.weight",
			(int64_t)(1 + (shares - 2) * 9999 / 262142));
	}
	if (!c->quota && !c->period)
		return;
	/* What is not given stays. */
	if (!cgroup_read(w->g->path, "cpu.max", now, sizeof(now))) {
		space = strchr(now, ' ');
		if (space && sscanf(space, "%" SCNu64, &period) != 1)
			period = PERIOD_DEFAULT;
		if (space)
			*space = '\0';
	}
	if (c->period)
		period = c->period;
	if (c->quota > 0)
		(void)snprintf(now, sizeof(now), "%" PRId64, c->quota);
	else if (c->quota < 0)
		(void)snprintf(now, sizeof(now), "max");
	(void)snprintf(text, sizeof(text), "%.32s %" PRIu64, now, period);
	put(w, "cpu.max", text);
}

static void cpuset(struct writer *w, const Grpc__LinuxCPU *c)
{
	if (*c->cpus)
		put(w, "cpuset.cpus", c->cpus);
	if (*c->mems)
		put(w, "cpuset.mems", c->mems);
}

/* --- memory --- */

/* The host's limit of what the container may have: all that its VM may. */
static int64_t memory_limit(const struct writer *w, int64_t limit)
{
	if (limit <= 0 || !w->vm)
		return limit;
	return (int64_t)w->vm->memory;
}

/* Memory and swap of version 1. */
static int64_t memory_and_swap(const struct writer *w,
			       const Grpc__LinuxMemory *m)
{
	if (m->swap <= 0 || !w->vm)
		return m->swap;
	if (m->limit <= 0 || !w->vm->memory || m->swap < m->limit)
		return 0;
	return (int64_t)w->vm->memory + m->swap - m->limit;
}

static void memory_v1(struct writer *w, const Grpc__LinuxMemory *m)
{
	int64_t limit = memory_limit(w, m->limit);
	int64_t both = memory_and_swap(w, m);

	/* No memory limit above that of both, so none of both first. */
	if (limit < 0 && !both)
		both = -1;
	if (limit < 0)
		put_pair(w, "memory.memsw.limit_in_bytes", both,
			 "memory.limit_in_bytes", limit);
	else
		put_pair(w, "memory.limit_in_bytes", limit,
			 "memory.memsw.limit_in_bytes", both);
	if (m->reservation)
		put_i64(w, "memory.soft_limit_in_bytes", m->reservation);
}

static void memory_v2(struct writer *w, const Grpc__LinuxMemory *m)
{
	int64_t limit = memory_limit(w, m->limit);

	if (m->swap < 0)
		put(w, "memory.swap.max", "max");
	else if (m->swap && m->limit > 0 && m->swap >= m->limit)
		put_i64(w, "memory.swap.max", m->swap - m->limit);
	if (limit)
		put_max(w, "memory.max", limit);
	if (m->reservation)
		put_max(w, "memory.low", m->reservation);
}

/* --- block devices --- */

static void put_devices(struct writer *w, const char *file, const char *key,
			Grpc__LinuxThrottleDevice **v, size_t n)
{
	char text[VALUE_MAX];
	size_t i;

	for (i = 0; i < n; i++) {
		(void)snprintf(text, sizeof(text),
			       "%" PRId64 ":%" PRId64 " %s%" PRIu64,
			       v[i]->major, v[i]->minor, key, v[i]->rate);
		put(w, file, text);
	}
}

static void throttle(struct writer *w, const Grpc__LinuxBlockIO *b, bool v2)
{
	put_devices(w, v2 ? "io.max" : "blkio.throttle.read_bps_device",
		    v2 ? "rbps=" : "", b->throttlereadbpsdevice,
		    b->n_throttlereadbpsdevice);
	put_devices(w, v2 ? "io.max" : "blkio.throttle.write_bps_device",
		    v2 ? "wbps=" : "", b->throttlewritebpsdevice,
		    b->n_throttlewritebpsdevice);
	put_devices(w, v2 ? "io.max" : "blkio.throttle.read_iops_device",
		    v2 ? "riops=" : "", b->throttlereadiopsdevice,
		    b->n_throttlereadiopsdevice);
	put_devices(w, v2 ? "io.max" : "blkio.throttle.write_iops_device",
		    v2 ? "wiops=" : "", b->throttlewriteiopsdevice,
		    b->n_throttlewriteiopsdevice);
}

/* Which scheduler's files are there depends on the kernel. */
static void io_weights(struct writer *w, const Grpc__LinuxBlockIO *b, bool v2)
{
	char text[VALUE_MAX];
	size_t i;

	if (b->weight) {
		put_i64(w, v2 ? "io.bfq.weight" : "blkio.bfq.weight",
			b->weight);
		if (v2)
			put_i64(w, "io.weight",
				1 + (MAX(b->weight, 10U) - 10) * 9999 / 990);
		else
			put_i64(w, "blkio.weight", b->weight);
	}
	for (i = 0; i < b->n_weightdevice; i++) {
		const Grpc__LinuxWeightDevice *d = b->weightdevice[i];

		(void)snprintf(text, sizeof(text),
			       "%" PRId64 ":%" PRId64 " %u", d->major,
			       d->minor, d->weight);
		put(w, v2 ? "io.bfq.weight" : "blkio.bfq.weight_device", text);
	}
}

static void set_one(struct writer *w, const Grpc__LinuxResources *r)
{
	const struct cgroup_group *g = w->g;
	bool v2 = cgroup_is_v2(g);

	if (r->cpu && cgroup_has(g, "cpu")) {
		if (v2)
			cpu_v2(w, r->cpu);
		else
			cpu_v1(w, r->cpu);
	}
	if (r->cpu && cgroup_has(g, "cpuset"))
		cpuset(w, r->cpu);
	if (r->memory && cgroup_has(g, "memory")) {
		if (v2)
			memory_v2(w, r->memory);
		else
			memory_v1(w, r->memory);
	}
	if (r->pids && r->pids->limit && cgroup_has(g, "pids"))
		put_max(w, "pids.max",
			r->pids->limit > 0 && w->vm
				? r->pids->limit + (int64_t)w->vm->pids
				: r->pids->limit);
	if (r->blockio && cgroup_has(g, v2 ? "io" : "blkio")) {
		io_weights(w, r->blockio, v2);
		throttle(w, r->blockio, v2);
	}
}

int cgroup_set(const struct cgroup *g, const Grpc__LinuxResources *r,
	       const struct cgroup_vm *vm, struct err *reterr)
{
	size_t i;

	for (i = 0; r && i < g->n; i++) {
		struct writer w = {&g->v[i], vm, reterr, 0};

		set_one(&w, r);
		if (w.error)
			return w.error;
	}
	return 0;
}

void cgroup_lift(const struct cgroup *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		(void)cgroup_write(g->v[i].path,
				   cgroup_is_v2(&g->v[i]) ? "cpu.max"
							  : "cpu.cfs_quota_us",
				   cgroup_is_v2(&g->v[i]) ? "max" : "-1");
}
