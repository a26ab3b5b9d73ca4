// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/oci/spec_tables.h"

static const struct decode_table box_table = {
	.desc = &grpc__box__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "height", .name = "Height"},
			{.key = "width", .name = "Width"},
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

static const struct decode_table user_table = {
	.desc = &grpc__user__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "uid", .name = "UID"},
			{.key = "gid", .name = "GID"},
			{.key = "additionalGids", .name = "AdditionalGids"},
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
		return decode_fail(d, -EINVAL, "class", "unknown value '%s'",
				   class);
	r = decode_get_i64(d, io, "priority", 0, 7, &priority);
	if (r < 0)
		return r;
	decode_leave(d, mark);
	return spec_add_extra(d, "process.ioprio", "%s:%" PRId64, class,
			      priority);
}

static int take_scheduler(struct decoder *d, json_object *o)
{
	json_object *sched;
	const char *policy;
	int r = decode_get(d, o, "scheduler", json_type_object, &sched);
	size_t mark;

	if (r <= 0)
		return r;
	mark = decode_enter(d, "scheduler");
	r = decode_get_str(d, sched, "policy", &policy);
	if (r == 0)
		return decode_fail(d, -EINVAL, "policy", "missing");
	if (r < 0)
		return r;
	if (strncmp(policy, "SCHED_", 6))
		return decode_fail(d, -EINVAL, "policy", "unknown value '%s'",
				   policy);
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
			{.key = "args", .name = "Args", .flags = DECODE_REQUIRED},
			{.key = "env", .name = "Env"},
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
