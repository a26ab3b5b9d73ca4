// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/oci/spec_tables.h"

#define CHECKED_TABLE(descriptor, check, ...)                                  \
	{                                                                      \
		.desc = &(descriptor),                                         \
		.fields = (const struct decode_field[]){__VA_ARGS__, {0}},     \
		.finish = (check),                                             \
	}
#define TABLE(descriptor, ...) CHECKED_TABLE(descriptor, NULL, __VA_ARGS__)

static const char *const cgroup_device_types[] = {"a", "c", "b", "", NULL};

/* A missing number is a wildcard, as -1 is. */
#define DEVICE_NUMBER(k, n)                                                    \
	{                                                                      \
		.key = (k), .name = (n),                                       \
		.flags = DECODE_DEFAULT | DECODE_RANGE, .min = -1,             \
		.missing = -1, .max = UINT32_MAX,                              \
	}

static int cgroup_device_finish(struct decoder *d, json_object *o UNUSED,
				void *msg)
{
	const Grpc__LinuxDeviceCgroup *rule = msg;

	char *all = strchr(rule->access, 'a');

	/* Some write "all" as in the type; the other letters count, as with
	 * runc. */
	if (all && strspn(rule->access, "rwma") == strlen(rule->access))
		memmove(all, all + 1, strlen(all));
	if (strspn(rule->access, "rwm") != strlen(rule->access))
		return decode_fail(d, -EINVAL, "access",
				   "'%.128s' is not of the letters r, w and m",
				   rule->access);
	return 0;
}

static const struct decode_table cgroup_device_table = {
	.desc = &grpc__linux_device_cgroup__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "allow",
			 .name = "Allow",
			 .flags = DECODE_REQUIRED},
			{.key = "type",
			 .name = "Type",
			 .one_of = cgroup_device_types},
			DEVICE_NUMBER("major", "Major"),
			DEVICE_NUMBER("minor", "Minor"),
			{.key = "access", .name = "Access"},
			{0},
		},
	.finish = cgroup_device_finish,
};

/* Bytes, or -1: as much as there is. */
#define BYTES(k, n)                                                            \
	{                                                                      \
		.key = (k), .name = (n), .flags = DECODE_RANGE, .min = -1,     \
		.max = INT64_MAX,                                              \
	}

static int memory_finish(struct decoder *d, json_object *o UNUSED, void *msg)
{
	const Grpc__LinuxMemory *m = msg;

	/* -1 as callers write it that know of unsigned numbers only */
	if (m->swappiness > 100 && m->swappiness != UINT64_MAX)
		return decode_fail(d, -ERANGE, "swappiness",
				   "number out of range");
	if (m->limit > 0 && m->swap > 0 && m->swap < m->limit)
		return decode_fail(d, -EINVAL, "swap",
				   "%" PRId64 " is below the limit %" PRId64
				   ": it is the sum of memory and swap",
				   m->swap, m->limit);
	return 0;
}

static const struct decode_table memory_table = {
	.desc = &grpc__linux_memory__descriptor,
	.fields =
		(const struct decode_field[]){
			BYTES("limit", "Limit"),
			BYTES("reservation", "Reservation"),
			BYTES("swap", "Swap"),
			BYTES("kernel", "Kernel"),
			BYTES("kernelTCP", "KernelTCP"),
			{.key = "swappiness", .name = "Swappiness"},
			{.key = "disableOOMKiller",
			 .name = "DisableOOMKiller"},
			{0},
		},
	.finish = memory_finish,
};

/* "0-3,7": a list of processors or memory nodes. */
static bool is_list(const char *text)
{
	static const char digits[] = "0123456789";

	while (*text) {
		size_t n = strspn(text, digits);

		if (!n || n > 5)
			return false;
		text += n;
		if (*text == '-') {
			n = strspn(++text, digits);
			if (!n || n > 5)
				return false;
			text += n;
		}
		if (*text == ',' && text[1])
			text++;
		else if (*text && strcmp(text, "\n") != 0)
			return false;
		else
			break;
	}
	return true;
}

static int check_cpu(struct decoder *d, const Grpc__LinuxCPU *c)
{
	/* What the kernel's cpu.max takes, 0 being "not given". */
	if (c->period && (c->period < 1000 || c->period > 1000000))
		return decode_fail(d, -ERANGE, "period", "%" PRIu64 " is not "
				   "of 1000 to 1000000 microseconds",
				   c->period);
	if (c->quota < -1 || (c->quota > 0 && c->quota < 1000))
		return decode_fail(d, -ERANGE, "quota", "%" PRId64 " is below "
				   "1000 microseconds and not -1", c->quota);
	if (!is_list(c->cpus))
		return decode_fail(d, -EINVAL, "cpus", "'%.128s' is not a list "
				   "like 0-3,7", c->cpus);
	if (!is_list(c->mems))
		return decode_fail(d, -EINVAL, "mems", "'%.128s' is not a list "
				   "like 0-3,7", c->mems);
	return 0;
}

static int cpu_finish(struct decoder *d, json_object *o, void *msg)
{
	int64_t v;
	int r = check_cpu(d, msg);

	if (r == 0)
		r = decode_get_i64(d, o, "idle", 0, 1, &v);
	if (r > 0)
		r = spec_add_extra(d, "linux.cpu.idle", "%" PRId64, v);
	if (r < 0)
		return r;
	r = decode_get_i64(d, o, "burst", 0, INT64_MAX, &v);
	if (r > 0)
		r = spec_add_extra(d, "linux.cpu.burst", "%" PRId64, v);
	return r;
}

static const struct decode_table cpu_table = {
	.desc = &grpc__linux_cpu__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "shares", .name = "Shares"},
			{.key = "quota", .name = "Quota"},
			{.key = "period", .name = "Period"},
			{.key = "realtimeRuntime", .name = "RealtimeRuntime"},
			{.key = "realtimePeriod", .name = "RealtimePeriod"},
			{.key = "cpus", .name = "Cpus"},
			{.key = "mems", .name = "Mems"},
			{0},
		},
	.finish = cpu_finish,
};

static const struct decode_table pids_table =
	TABLE(grpc__linux_pids__descriptor,
	      {.key = "limit", .name = "Limit", .flags = DECODE_REQUIRED});

#define MAJOR_MINOR                                                            \
	{.key = "major", .name = "Major",                                      \
	 .flags = DECODE_REQUIRED | DECODE_RANGE, .max = UINT32_MAX},          \
	{                                                                      \
		.key = "minor", .name = "Minor",                               \
		.flags = DECODE_REQUIRED | DECODE_RANGE, .max = UINT32_MAX,    \
	}

/* 0 is "not given". */
static int check_weight(struct decoder *d, const char *key, uint32_t v)
{
	if (!v || (v >= 10 && v <= 1000))
		return 0;
	return decode_fail(d, -ERANGE, key, "%" PRIu32 " is not of 10 to 1000",
			   v);
}

static int weight_device_finish(struct decoder *d, json_object *o UNUSED,
				void *msg)
{
	const Grpc__LinuxWeightDevice *w = msg;
	int r = check_weight(d, "weight", w->weight);

	return r < 0 ? r : check_weight(d, "leafWeight", w->leafweight);
}

static int block_io_finish(struct decoder *d, json_object *o UNUSED, void *msg)
{
	const Grpc__LinuxBlockIO *b = msg;
	int r = check_weight(d, "weight", b->weight);

	return r < 0 ? r : check_weight(d, "leafWeight", b->leafweight);
}

/* "2MB", "64KB": as the kernel names its files. */
static int hugepage_finish(struct decoder *d, json_object *o UNUSED, void *msg)
{
	const Grpc__LinuxHugepageLimit *h = msg;
	size_t n = strspn(h->pagesize, "0123456789");

	if (n && n < 10 && *h->pagesize != '0' && h->pagesize[n] &&
	    strchr("KMG", h->pagesize[n]) && !strcmp(h->pagesize + n + 1, "B"))
		return 0;
	return decode_fail(d, -EINVAL, "pageSize",
			   "'%.128s' is not a size like 2MB", h->pagesize);
}

static const struct decode_table weight_device_table =
	CHECKED_TABLE(grpc__linux_weight_device__descriptor,
		      weight_device_finish, MAJOR_MINOR,
	      {.key = "weight", .name = "Weight"},
	      {.key = "leafWeight", .name = "LeafWeight"});

static const struct decode_table throttle_device_table =
	TABLE(grpc__linux_throttle_device__descriptor, MAJOR_MINOR,
	      {.key = "rate", .name = "Rate", .flags = DECODE_REQUIRED});

#define THROTTLE(k, n)                                                         \
	{                                                                      \
		.key = (k), .name = (n), .sub = &throttle_device_table,        \
	}

static const struct decode_table block_io_table =
	CHECKED_TABLE(grpc__linux_block_io__descriptor, block_io_finish,
	      {.key = "weight", .name = "Weight"},
	      {.key = "leafWeight", .name = "LeafWeight"},
	      {.key = "weightDevice",
	       .name = "WeightDevice",
	       .sub = &weight_device_table},
	      THROTTLE("throttleReadBpsDevice", "ThrottleReadBpsDevice"),
	      THROTTLE("throttleWriteBpsDevice", "ThrottleWriteBpsDevice"),
	      THROTTLE("throttleReadIOPSDevice", "ThrottleReadIOPSDevice"),
	      THROTTLE("throttleWriteIOPSDevice", "ThrottleWriteIOPSDevice"));

static const struct decode_table hugepage_table =
	CHECKED_TABLE(grpc__linux_hugepage_limit__descriptor, hugepage_finish,
	      {.key = "pageSize",
	       .name = "Pagesize",
	       .flags = DECODE_REQUIRED | DECODE_NONEMPTY},
	      {.key = "limit", .name = "Limit", .flags = DECODE_REQUIRED});

static const struct decode_table priority_table =
	TABLE(grpc__linux_interface_priority__descriptor,
	      {.key = "name",
	       .name = "Name",
	       .flags = DECODE_REQUIRED | DECODE_NONEMPTY},
	      {.key = "priority", .name = "Priority", .flags = DECODE_REQUIRED});

static const struct decode_table network_table =
	TABLE(grpc__linux_network__descriptor,
	      {.key = "classID", .name = "ClassID"},
	      {.key = "priorities",
	       .name = "Priorities",
	       .sub = &priority_table});

/* Those that a guest's kernel may have. */
static bool is_controller(const char *key)
{
	static const char *const names[] = {
		"cgroup", "cpu", "cpuset", "hugetlb", "io", "memory", "misc",
		"pids",
	};
	size_t n = strcspn(key, "."), i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (strlen(names[i]) == n && !strncmp(names[i], key, n))
			return true;
	return false;
}

/* Files of cgroup v2, by name: a name must not lead anywhere else. */
static int take_unified(struct decoder *d, json_object *o)
{
	json_object *unified;
	struct json_object_iterator it, end;
	int r = decode_get(d, o, "unified", json_type_object, &unified);
	size_t mark;

	if (r <= 0)
		return r;
	mark = decode_enter(d, "unified");
	it = json_object_iter_begin(unified);
	end = json_object_iter_end(unified);
	for (; !json_object_iter_equal(&it, &end);
	     json_object_iter_next(&it)) {
		const char *key = json_object_iter_peek_name(&it), *value;
		char extra[160];

		if (strchr(key, '/') || *key == '.' || strlen(key) > 128)
			return decode_fail(d, -EINVAL, NULL,
					   "'%.128s' is no cgroup file", key);
		if (!strchr(key, '.'))
			return decode_fail(d, -EINVAL, NULL,
					   "the specified key has not the form "
					   "CONTROLLER.VALUE `%s`", key);
		if (!is_controller(key))
			return decode_fail(d, -EINVAL, NULL,
					   "the requested cgroup controller "
					   "`%.*s` is not available",
					   (int)strcspn(key, "."), key);
		r = decode_get_str(d, unified, key, &value);
		if (r == 0)
			return decode_fail(d, -EINVAL, key,
					   "expected string, got null");
		if (r < 0)
			return r;
		(void)snprintf(extra, sizeof(extra), "linux.unified.%s", key);
		r = spec_add_extra(d, extra, "%s", value);
		if (r < 0)
			return r;
	}
	decode_leave(d, mark);
	return 0;
}

static int resources_finish(struct decoder *d, json_object *o,
			    void *msg UNUSED)
{
	json_object *rdma;
	int r = decode_get(d, o, "rdma", json_type_object, &rdma);

	if (r < 0)
		return r;
	if (r > 0)
		d->extra_ignored = true; /* no RDMA device reaches a guest */
	return take_unified(d, o);
}

const struct decode_table resources_table = {
	.desc = &grpc__linux_resources__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "devices",
			 .name = "Devices",
			 .sub = &cgroup_device_table},
			{.key = "memory",
			 .name = "Memory",
			 .sub = &memory_table},
			{.key = "cpu", .name = "CPU", .sub = &cpu_table},
			{.key = "pids", .name = "Pids", .sub = &pids_table},
			{.key = "blockIO",
			 .name = "BlockIO",
			 .sub = &block_io_table},
			{.key = "hugepageLimits",
			 .name = "HugepageLimits",
			 .sub = &hugepage_table},
			{.key = "network",
			 .name = "Network",
			 .sub = &network_table},
			{0},
		},
	.finish = resources_finish,
};
