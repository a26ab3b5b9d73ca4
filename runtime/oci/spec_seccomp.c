// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "runtime/oci/spec_tables.h"

/* The largest errno a filter may return (the kernel's MAX_ERRNO). */
#define ERRNO_MAX 4095

static const char *const actions[] = {
	"SCMP_ACT_KILL",  "SCMP_ACT_KILL_PROCESS", "SCMP_ACT_KILL_THREAD",
	"SCMP_ACT_TRAP",  "SCMP_ACT_ERRNO",	   "SCMP_ACT_TRACE",
	"SCMP_ACT_ALLOW", "SCMP_ACT_LOG",	   "SCMP_ACT_NOTIFY",
	NULL,
};

/* All that libseccomp knows by name. */
static const char *const architectures[] = {
	"SCMP_ARCH_NATIVE",   "SCMP_ARCH_X86",	    "SCMP_ARCH_X86_64",
	"SCMP_ARCH_X32",      "SCMP_ARCH_ARM",	    "SCMP_ARCH_AARCH64",
	"SCMP_ARCH_MIPS",     "SCMP_ARCH_MIPS64",   "SCMP_ARCH_MIPS64N32",
	"SCMP_ARCH_MIPSEL",   "SCMP_ARCH_MIPSEL64", "SCMP_ARCH_MIPSEL64N32",
	"SCMP_ARCH_PPC",      "SCMP_ARCH_PPC64",    "SCMP_ARCH_PPC64LE",
	"SCMP_ARCH_S390",     "SCMP_ARCH_S390X",    "SCMP_ARCH_PARISC",
	"SCMP_ARCH_PARISC64", "SCMP_ARCH_RISCV64",  "SCMP_ARCH_LOONGARCH64",
	NULL,
};

static const char *const flags[] = {
	"SECCOMP_FILTER_FLAG_TSYNC",	  "SECCOMP_FILTER_FLAG_LOG",
	"SECCOMP_FILTER_FLAG_SPEC_ALLOW", "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_"
					  "RECV",
	NULL,
};

static const char *const operators[] = {
	"SCMP_CMP_NE", "SCMP_CMP_LT", "SCMP_CMP_LE",	    "SCMP_CMP_EQ",
	"SCMP_CMP_GE", "SCMP_CMP_GT", "SCMP_CMP_MASKED_EQ", NULL,
};

static const struct decode_table arg_table = {
	.desc = &grpc__linux_seccomp_arg__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "index",
			 .name = "Index",
			 .flags = DECODE_REQUIRED | DECODE_RANGE,
			 .max = 5},
			{.key = "value",
			 .name = "Value",
			 .flags = DECODE_REQUIRED},
			{.key = "valueTwo", .name = "ValueTwo"},
			{.key = "op",
			 .name = "Op",
			 .flags = DECODE_REQUIRED,
			 .one_of = operators},
			{0},
		},
};

static const struct decode_table syscall_table = {
	.desc = &grpc__linux_syscall__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "names",
			 .name = "Names",
			 .flags = DECODE_REQUIRED | DECODE_NONEMPTY},
			{.key = "action",
			 .name = "Action",
			 .flags = DECODE_REQUIRED,
			 .one_of = actions},
			{.key = "errnoRet",
			 .name = "errnoret",
			 .flags = DECODE_RANGE,
			 .max = ERRNO_MAX},
			{.key = "args", .name = "Args", .sub = &arg_table},
			{0},
		},
};

static int seccomp_finish(struct decoder *d, json_object *o, void *msg UNUSED)
{
	const char *listener;
	int64_t v;
	int r = decode_get_i64(d, o, "defaultErrnoRet", 0, ERRNO_MAX, &v);

	if (r > 0)
		r = spec_add_extra(d, "linux.seccomp.errno", "%" PRId64, v);
	if (r < 0)
		return r;
	r = decode_get_str(d, o, "listenerPath", &listener);
	if (r <= 0 || !d->spec)
		return r;
	d->spec->seccomp_listener = arena_strdup(d->arena, listener);
	return 0;
}

const struct decode_table seccomp_table = {
	.desc = &grpc__linux_seccomp__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "defaultAction",
			 .name = "DefaultAction",
			 .flags = DECODE_REQUIRED,
			 .one_of = actions},
			{.key = "architectures",
			 .name = "Architectures",
			 .one_of = architectures},
			{.key = "flags", .name = "Flags", .one_of = flags},
			{.key = "syscalls",
			 .name = "Syscalls",
			 .sub = &syscall_table},
			{0},
		},
	.finish = seccomp_finish,
};
