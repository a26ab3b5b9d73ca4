// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/oci/spec_tables.h"

static const struct decode_table box_table = {
	.desc = &grpc__box__descriptor,
	.fields =
		(const struct decode_field[]){
			/* struct winsize has no more */
			{.key = "height",
			 .name = "Height",
			 .flags = DECODE_RANGE,
			 .max = UINT16_MAX},
			{.key = "width",
			 .name = "Width",
			 .flags = DECODE_RANGE,
			 .max = UINT16_MAX},
			{0},
		},
};

static int user_finish(struct decoder *d, json_object *o, void *msg UNUSED)
{
	int64_t umask;
	int r = decode_get_i64(d, o, "umask", 0, 0777, &umask);

	if (r <= 0)
		return r;
	return spec_add_extra(d, "process.umask", "%04o", (unsigned int)umask);
}

/* The last one is -1, which is nobody: the kernel takes it for "unchanged". */
#define ID(k, n)                                                               \
	{                                                                      \
		.key = (k), .name = (n), .flags = DECODE_RANGE,                \
		.max = UINT32_MAX - 1,                                         \
	}

static const struct decode_table user_table = {
	.desc = &grpc__user__descriptor,
	.fields =
		(const struct decode_field[]){
			ID("uid", "UID"),
			ID("gid", "GID"),
			ID("additionalGids", "AdditionalGids"),
			{.key = "username", .name = "Username"},
			{0},
		},
	.finish = user_finish,
};

static const struct decode_table capabilities_table = {
	.desc = &grpc__linux_capabilities__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "bounding", .name = "Bounding"},
			{.key = "effective", .name = "Effective"},
			{.key = "inheritable", .name = "Inheritable"},
			{.key = "permitted", .name = "Permitted"},
			{.key = "ambient", .name = "Ambient"},
			{0},
		},
};

static const char *const rlimit_types[] = {
	"RLIMIT_AS",	 "RLIMIT_CORE",	      "RLIMIT_CPU",
	"RLIMIT_DATA",	 "RLIMIT_FSIZE",      "RLIMIT_LOCKS",
	"RLIMIT_MEMLOCK", "RLIMIT_MSGQUEUE",  "RLIMIT_NICE",
	"RLIMIT_NOFILE", "RLIMIT_NPROC",      "RLIMIT_RSS",
	"RLIMIT_RTPRIO", "RLIMIT_RTTIME",     "RLIMIT_SIGPENDING",
	"RLIMIT_STACK",	 NULL,
};

static int rlimit_finish(struct decoder *d, json_object *o UNUSED, void *msg)
{
	const Grpc__POSIXRlimit *l = msg;

	if (l->soft > l->hard)
		return decode_fail(d, -EINVAL, "soft",
				   "%" PRIu64 " is above the hard limit %" PRIu64,
				   l->soft, l->hard);
	return 0;
}

static const struct decode_table rlimit_table = {
	.desc = &grpc__posixrlimit__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "type",
			 .name = "Type",
			 .flags = DECODE_REQUIRED,
			 .one_of = rlimit_types},
			{.key = "hard", .name = "Hard", .flags = DECODE_REQUIRED},
			{.key = "soft", .name = "Soft", .flags = DECODE_REQUIRED},
			{0},
		},
	.finish = rlimit_finish,
};

static int take_io_priority(struct decoder *d, json_object *o)
{
	json_object *io;
	const char *class;
	int64_t priority = 0;
	size_t mark;
	int r = decode_get(d, o, "ioPriority", json_type_object, &io);

	if (r <= 0)
		return r;
	mark = decode_enter(d, "ioPriority");
	r = decode_get_str(d, io, "class", &class);
	if (r == 0)
		return decode_fail(d, -EINVAL, "class", "missing");
	if (r < 0)
		return r;
	if (strcmp(class, "IOPRIO_CLASS_RT") &&
	    strcmp(class, "IOPRIO_CLASS_BE") &&
	    strcmp(class, "IOPRIO_CLASS_IDLE"))
		return decode_fail(d, -EINVAL, "class", "unknown value '%.128s'",
				   class);
	r = decode_get_i64(d, io, "priority", 0, 7, &priority);
	if (r < 0)
		return r;
	decode_leave(d, mark);
	return spec_add_extra(d, "process.ioprio", "%s:%" PRId64, class,
			      priority);
}

static bool is_one_of(const char *const *names, const char *name)
{
	for (; *names; names++)
		if (!strcmp(*names, name))
			return true;
	return false;
}

static int check_sched_flags(struct decoder *d, json_object *sched)
{
	static const char *const names[] = {
		"SCHED_FLAG_RESET_ON_FORK", "SCHED_FLAG_RECLAIM",
		"SCHED_FLAG_DL_OVERRUN",    "SCHED_FLAG_KEEP_POLICY",
		"SCHED_FLAG_KEEP_PARAMS",   "SCHED_FLAG_UTIL_CLAMP_MIN",
		"SCHED_FLAG_UTIL_CLAMP_MAX", NULL,
	};
	json_object *list;
	size_t i;
	int r = decode_get(d, sched, "flags", json_type_array, &list);

	for (i = 0; r > 0 && i < json_object_array_length(list); i++) {
		const char *name =
			json_to_str(json_object_array_get_idx(list, i));

		if (name && is_one_of(names, name))
			continue;
		(void)decode_enter(d, "flags");
		(void)decode_enter_index(d, i);
		return decode_fail(d, -EINVAL, NULL, "unknown value '%.128s'",
				   name ? name : "");
	}
	return r < 0 ? r : 0;
}

static int check_scheduler(struct decoder *d, json_object *sched)
{
	static const char *const policies[] = {
		"SCHED_OTHER", "SCHED_FIFO", "SCHED_RR",       "SCHED_BATCH",
		"SCHED_ISO",   "SCHED_IDLE", "SCHED_DEADLINE", NULL,
	};
	static const struct {
		const char *key;
		int64_t min, max;
	} numbers[] = {
		{"nice", -20, 19},	   {"priority", 0, 99},
		{"runtime", 0, INT64_MAX}, {"deadline", 0, INT64_MAX},
		{"period", 0, INT64_MAX},
	};
	const char *policy;
	int64_t v;
	size_t i;
	int r = decode_get_str(d, sched, "policy", &policy);

	if (r == 0)
		return decode_fail(d, -EINVAL, "policy", "missing");
	if (r > 0 && !is_one_of(policies, policy))
		return decode_fail(d, -EINVAL, "policy",
				   "unknown value '%.128s'", policy);
	for (i = 0; r >= 0 && i < ARRAY_SIZE(numbers); i++)
		r = decode_get_i64(d, sched, numbers[i].key, numbers[i].min,
				   numbers[i].max, &v);
	return r < 0 ? r : check_sched_flags(d, sched);
}

static int take_scheduler(struct decoder *d, json_object *o)
{
	json_object *sched;
	int r = decode_get(d, o, "scheduler", json_type_object, &sched);
	size_t mark;

	if (r <= 0)
		return r;
	mark = decode_enter(d, "scheduler");
	r = check_scheduler(d, sched);
	if (r < 0)
		return r;
	decode_leave(d, mark);
	return spec_add_extra(
		d, "process.scheduler", "%s",
		json_object_to_json_string_ext(sched, JSON_C_TO_STRING_PLAIN));
}

static int check_rlimits(struct decoder *d, const Grpc__Process *p)
{
	size_t i, k;

	for (i = 0; i < p->n_rlimits; i++)
		for (k = 0; k < i; k++)
			if (!strcmp(p->rlimits[i]->type, p->rlimits[k]->type))
				return decode_fail(d, -EINVAL, "rlimits",
						   "%s is given twice",
						   p->rlimits[i]->type);
	return 0;
}

static int check_env(struct decoder *d, const Grpc__Process *p)
{
	size_t i;

	for (i = 0; i < p->n_env; i++) {
		const char *text = p->env[i];

		if (*text != '=' && strchr(text, '='))
			continue;
		(void)decode_enter(d, "env");
		(void)decode_enter_index(d, i);
		return decode_fail(d, -EINVAL, NULL,
				   "'%.128s' is not NAME=VALUE", text);
	}
	return 0;
}

static int process_finish(struct decoder *d, json_object *o, void *msg)
{
	Grpc__Process *p = msg;
	int r;

	if (!*p->args[0])
		return decode_fail(d, -EINVAL, "args[0]", "must not be empty");
	if (!p->user) {
		p->user = arena_alloc(d->arena, sizeof(*p->user));
		if (!p->user)
			return decode_fail(d, -ENOMEM, NULL, "out of memory");
		grpc__user__init(p->user);
	}
	r = check_env(d, p);
	if (r == 0)
		r = check_rlimits(d, p);
	if (r < 0)
		return r;
	r = take_io_priority(d, o);
	if (r < 0)
		return r;
	return take_scheduler(d, o);
}

const struct decode_table process_table = {
	.desc = &grpc__process__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "terminal", .name = "Terminal"},
			{.key = "consoleSize",
			 .name = "ConsoleSize",
			 .sub = &box_table},
			{.key = "user", .name = "User", .sub = &user_table},
			{.key = "args",
			 .name = "Args",
			 .flags = DECODE_REQUIRED | DECODE_WORD},
			{.key = "env", .name = "Env", .flags = DECODE_WORD},
			{.key = "cwd",
			 .name = "Cwd",
			 .flags = DECODE_REQUIRED | DECODE_ABSOLUTE},
			{.key = "capabilities",
			 .name = "Capabilities",
			 .sub = &capabilities_table},
			{.key = "rlimits",
			 .name = "Rlimits",
			 .sub = &rlimit_table},
			{.key = "noNewPrivileges", .name = "NoNewPrivileges"},
			{.key = "apparmorProfile", .name = "ApparmorProfile"},
			{.key = "oomScoreAdj",
			 .name = "OOMScoreAdj",
			 .flags = DECODE_RANGE,
			 .min = -1000,
			 .max = 1000},
			{.key = "selinuxLabel", .name = "SelinuxLabel"},
			{0},
		},
	.finish = process_finish,
};
