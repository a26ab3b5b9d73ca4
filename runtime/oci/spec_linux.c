// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/oci/spec_tables.h"

static int id_mapping_finish(struct decoder *d, json_object *o UNUSED,
			     void *msg)
{
	const Grpc__LinuxIDMapping *m = msg;
	const uint64_t end = UINT32_MAX;

	if (!m->size)
		return decode_fail(d, -EINVAL, "size", "must not be 0");
	if (m->containerid + (uint64_t)m->size > end)
		return decode_fail(d, -ERANGE, "size",
				   "leads containerID past the last id");
	if (m->hostid + (uint64_t)m->size > end)
		return decode_fail(d, -ERANGE, "size",
				   "leads hostID past the last id");
	return 0;
}

const struct decode_table id_mapping_table = {
	.desc = &grpc__linux_idmapping__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "hostID",
			 .name = "HostID",
			 .flags = DECODE_REQUIRED},
			{.key = "containerID",
			 .name = "ContainerID",
			 .flags = DECODE_REQUIRED},
			{.key = "size", .name = "Size", .flags = DECODE_REQUIRED},
			{0},
		},
	.finish = id_mapping_finish,
};

static const char *const namespace_types[] = {
	"pid",	"network", "mount", "ipc", "uts",
	"user", "cgroup",  "time",  NULL,
};

static int namespace_finish(struct decoder *d, json_object *o UNUSED, void *msg)
{
	const Grpc__LinuxNamespace *ns = msg;

	if (*ns->path && *ns->path != '/')
		return decode_fail(d, -EINVAL, "path",
				   "'%.128s' is not an absolute path", ns->path);
	return 0;
}

static const struct decode_table namespace_table = {
	.desc = &grpc__linux_namespace__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "type",
			 .name = "Type",
			 .flags = DECODE_REQUIRED,
			 .one_of = namespace_types},
			{.key = "path", .name = "Path", .flags = DECODE_PATH},
			{0},
		},
	.finish = namespace_finish,
};

static const char *const device_types[] = {"c", "b", "u", "p", NULL};

static int device_finish(struct decoder *d, json_object *o, void *msg)
{
	const Grpc__LinuxDevice *dev = msg;

	if (*dev->type == 'p')
		return 0;
	if (!json_member(o, "major"))
		return decode_fail(d, -EINVAL, "major", "missing");
	if (!json_member(o, "minor"))
		return decode_fail(d, -EINVAL, "minor", "missing");
	return 0;
}

static const struct decode_table device_table = {
	.desc = &grpc__linux_device__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "path",
			 .name = "Path",
			 .flags = DECODE_REQUIRED | DECODE_ABSOLUTE},
			{.key = "type",
			 .name = "Type",
			 .flags = DECODE_REQUIRED,
			 .one_of = device_types},
			{.key = "major",
			 .name = "Major",
			 .flags = DECODE_RANGE,
			 .max = UINT32_MAX},
			{.key = "minor",
			 .name = "Minor",
			 .flags = DECODE_RANGE,
			 .max = UINT32_MAX},
			/* callers may leave the file type in */
			{.key = "fileMode",
			 .name = "FileMode",
			 .flags = DECODE_DEFAULT | DECODE_RANGE,
			 .missing = 0666,
			 .max = 0177777},
			{.key = "uid",
			 .name = "UID",
			 .flags = DECODE_RANGE,
			 .max = UINT32_MAX - 1},
			{.key = "gid",
			 .name = "GID",
			 .flags = DECODE_RANGE,
			 .max = UINT32_MAX - 1},
			{0},
		},
	.finish = device_finish,
};

static const struct decode_table intel_rdt_table = {
	.desc = &grpc__linux_intel_rdt__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "l3CacheSchema", .name = "L3CacheSchema"},
			{0},
		},
};

static int check_namespaces(struct decoder *d, const Grpc__Linux *l)
{
	size_t i, k;

	for (i = 0; i < l->n_namespaces; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(l->namespaces[i]->type,
				    l->namespaces[k]->type))
				return decode_fail(d, -EINVAL, "namespaces",
						   "'%s' is given twice",
						   l->namespaces[i]->type);
	return 0;
}

static int take_time_offset(struct decoder *d, json_object *offsets,
			    const char *clock)
{
	json_object *o;
	char key[64];
	int64_t secs = 0, nanos = 0;
	int r = decode_get(d, offsets, clock, json_type_object, &o);
	size_t mark;

	if (r <= 0)
		return r;
	mark = decode_enter(d, clock);
	r = decode_get_i64(d, o, "secs", INT64_MIN, INT64_MAX, &secs);
	if (r < 0)
		return r;
	r = decode_get_i64(d, o, "nanosecs", 0, 999999999, &nanos);
	if (r < 0)
		return r;
	decode_leave(d, mark);
	(void)snprintf(key, sizeof(key), "linux.timeoffset.%s", clock);
	return spec_add_extra(d, key, "%" PRId64 ":%" PRId64, secs, nanos);
}

static int take_time_offsets(struct decoder *d, json_object *o)
{
	json_object *offsets;
	int r = decode_get(d, o, "timeOffsets", json_type_object, &offsets);
	size_t mark;

	if (r <= 0)
		return r;
	mark = decode_enter(d, "timeOffsets");
	r = take_time_offset(d, offsets, "boottime");
	if (r < 0)
		return r;
	r = take_time_offset(d, offsets, "monotonic");
	if (r < 0)
		return r;
	decode_leave(d, mark);
	return 0;
}

static int take_personality(struct decoder *d, json_object *o)
{
	json_object *personality;
	const char *domain;
	int r = decode_get(d, o, "personality", json_type_object, &personality);
	size_t mark;

	if (r <= 0)
		return r;
	mark = decode_enter(d, "personality");
	r = decode_get_str(d, personality, "domain", &domain);
	if (r == 0)
		return decode_fail(d, -EINVAL, "domain", "missing");
	if (r < 0)
		return r;
	if (strcmp(domain, "LINUX") && strcmp(domain, "LINUX32"))
		return decode_fail(d, -EINVAL, "domain", "unknown value '%.128s'",
				   domain);
	decode_leave(d, mark);
	return spec_add_extra(d, "linux.personality", "%s", domain);
}

static bool has_namespace(const Grpc__Linux *l, const char *type)
{
	size_t i;

	for (i = 0; i < l->n_namespaces; i++)
		if (!strcmp(l->namespaces[i]->type, type))
			return true;
	return false;
}

static bool overlap(uint32_t a, uint32_t b, uint32_t na, uint32_t nb)
{
	return a < b + (uint64_t)nb && b < a + (uint64_t)na;
}

/* No id twice, on neither side; the kernel takes 340 lines. */
static int check_mappings(struct decoder *d, Grpc__LinuxIDMapping *const *v,
			  size_t n, bool user, const char *key)
{
	const size_t max = 340;
	size_t i, k;

	if (n && !user)
		return decode_fail(d, -EINVAL, key, "given without a namespace "
				   "of type user");
	if (n > max)
		return decode_fail(d, -E2BIG, key, "more than %zu mappings",
				   max);
	for (i = 0; i < n; i++) {
		for (k = 0; k < i; k++) {
			if (!overlap(v[i]->containerid, v[k]->containerid,
				     v[i]->size, v[k]->size) &&
			    !overlap(v[i]->hostid, v[k]->hostid, v[i]->size,
				     v[k]->size))
				continue;
			(void)decode_enter(d, key);
			(void)decode_enter_index(d, i);
			return decode_fail(d, -EINVAL, NULL,
					   "has ids of mapping %zu", k);
		}
	}
	return 0;
}

/* As in /proc/sys, with dots or slashes: no way out of there. */
static bool is_sysctl(const char *key)
{
	size_t n = strlen(key);

	return n && n < 256 && strpbrk(key, "./") &&
	       strspn(key, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXY"
			   "Z0123456789_-./:@") == n &&
	       !strchr("./", key[0]) && !strchr("./", key[n - 1]) &&
	       !strstr(key, "..") && !strstr(key, "//") &&
	       !strstr(key, "/.") && !strstr(key, "./");
}

/* It would be lost to the name that the container is given, or change another
 * one's. */
static int check_sysctl(struct decoder *d, const Grpc__Linux *l)
{
	size_t i;

	for (i = 0; i < l->n_sysctl; i++) {
		const char *key = l->sysctl[i]->key;

		if (!is_sysctl(key))
			return decode_fail(d, -EINVAL, "sysctl",
					   "'%.128s' is no name of one", key);
		if (!strcmp(key, "kernel.hostname"))
			return decode_fail(d, -EINVAL, "sysctl",
					   "kernel.hostname is not allowed, "
					   "use hostname");
	}
	return 0;
}

static int linux_finish(struct decoder *d, json_object *o, void *msg)
{
	const Grpc__Linux *l = msg;
	bool user = has_namespace(l, "user");
	int r = check_namespaces(d, l);

	if (r == 0)
		r = check_mappings(d, l->uidmappings, l->n_uidmappings, user,
				   "uidMappings");
	if (r == 0)
		r = check_mappings(d, l->gidmappings, l->n_gidmappings, user,
				   "gidMappings");
	if (r == 0)
		r = check_sysctl(d, l);
	if (r < 0)
		return r;
	r = take_time_offsets(d, o);
	if (r < 0)
		return r;
	return take_personality(d, o);
}

static const char *const propagations[] = {
	"",	    "private",	"rprivate",   "shared",	     "rshared",
	"slave",    "rslave",	"unbindable", "runbindable", NULL,
};

const struct decode_table linux_table = {
	.desc = &grpc__linux__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "uidMappings",
			 .name = "UIDMappings",
			 .sub = &id_mapping_table},
			{.key = "gidMappings",
			 .name = "GIDMappings",
			 .sub = &id_mapping_table},
			{.key = "sysctl", .name = "Sysctl", .flags = DECODE_MAP},
			{.key = "resources",
			 .name = "Resources",
			 .sub = &resources_table},
			{.key = "cgroupsPath", .name = "CgroupsPath"},
			{.key = "namespaces",
			 .name = "Namespaces",
			 .sub = &namespace_table},
			{.key = "devices",
			 .name = "Devices",
			 .sub = &device_table},
			{.key = "seccomp",
			 .name = "Seccomp",
			 .sub = &seccomp_table},
			{.key = "rootfsPropagation",
			 .name = "RootfsPropagation",
			 .one_of = propagations},
			{.key = "maskedPaths",
			 .name = "MaskedPaths",
			 .flags = DECODE_ABSOLUTE},
			{.key = "readonlyPaths",
			 .name = "ReadonlyPaths",
			 .flags = DECODE_ABSOLUTE},
			{.key = "mountLabel", .name = "MountLabel"},
			{.key = "intelRdt",
			 .name = "IntelRdt",
			 .sub = &intel_rdt_table},
			{0},
		},
	.finish = linux_finish,
};
