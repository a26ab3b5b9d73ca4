// SPDX-License-Identifier: Apache-2.0
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"
#include "runtime/oci/spec.h"

/* The sections that a flag may be for, made when missing. */
static int add_sections(Grpc__LinuxResources *r, struct arena *arena)
{
	if (!r->memory) {
		r->memory = arena_alloc(arena, sizeof(*r->memory));
		if (r->memory)
			grpc__linux_memory__init(r->memory);
	}
	if (!r->cpu) {
		r->cpu = arena_alloc(arena, sizeof(*r->cpu));
		if (r->cpu)
			grpc__linux_cpu__init(r->cpu);
	}
	if (!r->pids) {
		r->pids = arena_alloc(arena, sizeof(*r->pids));
		if (r->pids)
			grpc__linux_pids__init(r->pids);
	}
	if (!r->blockio) {
		r->blockio = arena_alloc(arena, sizeof(*r->blockio));
		if (r->blockio)
			grpc__linux_block_io__init(r->blockio);
	}
	return r->memory && r->cpu && r->pids && r->blockio ? 0 : -ENOMEM;
}

static int fail_value(const char *name, const char *text, struct err *reterr)
{
	return err_set(reterr, -EINVAL, "option --%s: bad value '%s'", name,
		       text);
}

/* Bytes with a suffix in either case, or -1 for no limit. */
static int set_bytes(const char *name, const char *text, int64_t *ret,
		     struct err *reterr)
{
	char upper[32];
	uint64_t v;
	size_t i;

	if (!text)
		return 0;
	if (!strcmp(text, "-1")) {
		*ret = -1;
		return 0;
	}
	if (strlen(text) >= sizeof(upper))
		return fail_value(name, text, reterr);
	for (i = 0; text[i]; i++)
		upper[i] = (char)toupper((unsigned char)text[i]);
	upper[i] = '\0';
	if (parse_size(upper, &v) < 0 || v > INT64_MAX)
		return fail_value(name, text, reterr);
	*ret = (int64_t)v;
	return 0;
}

static int set_i64(const char *name, const char *text, int64_t *ret,
		   struct err *reterr)
{
	if (text && parse_i64(text, ret) < 0)
		return fail_value(name, text, reterr);
	return 0;
}

static int set_u64(const char *name, const char *text, uint64_t *ret,
		   struct err *reterr)
{
	if (text && parse_u64(text, 10, ret) < 0)
		return fail_value(name, text, reterr);
	return 0;
}

static int apply_flags(const struct verb_options *o, Grpc__LinuxResources *res,
		       struct arena *arena, struct err *reterr)
{
	Grpc__LinuxMemory *m = res->memory;
	Grpc__LinuxCPU *c = res->cpu;
	int r = set_bytes("memory", o->memory, &m->limit, reterr);

	if (r == 0)
		r = set_bytes("memory-reservation", o->memory_reservation,
			      &m->reservation, reterr);
	if (r == 0)
		r = set_bytes("memory-swap", o->memory_swap, &m->swap, reterr);
	if (r == 0)
		r = set_u64("cpu-share", o->cpu_shares, &c->shares, reterr);
	if (r == 0)
		r = set_i64("cpu-quota", o->cpu_quota, &c->quota, reterr);
	if (r == 0)
		r = set_u64("cpu-period", o->cpu_period, &c->period, reterr);
	if (r == 0)
		r = set_u64("cpu-rt-period", o->cpu_rt_period,
			    &c->realtimeperiod, reterr);
	if (r == 0)
		r = set_i64("cpu-rt-runtime", o->cpu_rt_runtime,
			    &c->realtimeruntime, reterr);
	if (r == 0)
		r = set_i64("pids-limit", o->pids_limit, &res->pids->limit,
			    reterr);
	if (r == 0 && o->blkio_weight &&
	    parse_u32(o->blkio_weight, 10, &res->blockio->weight) < 0)
		r = fail_value("blkio-weight", o->blkio_weight, reterr);
	if (r < 0)
		return r;
	if (o->cpuset_cpus)
		c->cpus = arena_strdup(arena, o->cpuset_cpus);
	if (o->cpuset_mems)
		c->mems = arena_strdup(arena, o->cpuset_mems);
	return c->cpus && c->mems ? 0 : err_set(reterr, -ENOMEM,
						"out of memory");
}

int verb_update(const struct cli *cli, const struct verb_options *o,
		int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_arena struct arena arena = {0};
	Grpc__LinuxResources *res = NULL;
	cleanup_free uint8_t *packed = NULL;
	size_t n;
	int r = cli_check_id(argv[0], reterr);

	if (r < 0)
		return r;
	if (o->resources) {
		r = spec_resources_load(o->resources, &arena, &res, reterr);
		if (r < 0)
			return r;
	} else {
		res = arena_alloc(&arena, sizeof(*res));
		if (!res)
			return err_set(reterr, -ENOMEM, "out of memory");
		grpc__linux_resources__init(res);
		if (add_sections(res, &arena) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
		r = apply_flags(o, res, &arena, reterr);
		if (r < 0)
			return r;
	}
	n = grpc__linux_resources__get_packed_size(res);
	packed = malloc(n + 1);
	if (!packed)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)grpc__linux_resources__pack(res, packed);
	return client_update(cli->root, argv[0], packed, n, reterr);
}
