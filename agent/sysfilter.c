// SPDX-License-Identifier: Apache-2.0
#include "sysfilter.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <seccomp.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "os/io.h"

#define ARGS_MAX 6
#define ARCHES_MAX 24
#define PRELUDE_MAX (1 + 6 * ARCHES_MAX)
#define X32_BIT 0x40000000

/* The kernel's own form: what libseccomp makes, after a part of ours. */
struct sysfilter {
	unsigned int flags; /* SECCOMP_FILTER_FLAG_ */
	unsigned short n;
	struct sock_filter code[];
};

DEFINE_CLEANUP(void, seccomp_release)

void sysfilter_free(struct sysfilter *filter)
{
	free(filter);
}

static int action_of(const char *name, bool has_errno, uint32_t error,
		     uint32_t *ret, struct err *reterr)
{
	static const struct {
		const char *name;
		uint32_t action;
	} actions[] = {
		{"SCMP_ACT_ALLOW", SCMP_ACT_ALLOW},
		{"SCMP_ACT_LOG", SCMP_ACT_LOG},
		{"SCMP_ACT_TRAP", SCMP_ACT_TRAP},
		{"SCMP_ACT_KILL", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_THREAD", SCMP_ACT_KILL_THREAD},
		{"SCMP_ACT_KILL_PROCESS", SCMP_ACT_KILL_PROCESS},
	};
	uint32_t value = has_errno ? error & 0xffff : EPERM;
	size_t i;

	if (!strcmp(name, "SCMP_ACT_NOTIFY"))
		return err_set(reterr, -EOPNOTSUPP, "seccomp: SCMP_ACT_NOTIFY "
			       "needs a listener, which is on the host and "
			       "cannot see the guest's processes");
	for (i = 0; i < ARRAY_SIZE(actions); i++) {
		if (!strcmp(actions[i].name, name)) {
			*ret = actions[i].action;
			return 0;
		}
	}
	if (!strcmp(name, "SCMP_ACT_ERRNO"))
		*ret = SCMP_ACT_ERRNO(value);
	else if (!strcmp(name, "SCMP_ACT_TRACE"))
		*ret = SCMP_ACT_TRACE(value);
	else
		return err_set(reterr, -EINVAL, "seccomp: action '%.64s'",
			       name);
	return 0;
}

static int compare_of(const Grpc__LinuxSeccompArg *arg,
		      struct scmp_arg_cmp *ret, struct err *reterr)
{
	static const struct {
		const char *name;
		enum scmp_compare op;
	} ops[] = {
		{"SCMP_CMP_NE", SCMP_CMP_NE}, {"SCMP_CMP_LT", SCMP_CMP_LT},
		{"SCMP_CMP_LE", SCMP_CMP_LE}, {"SCMP_CMP_EQ", SCMP_CMP_EQ},
		{"SCMP_CMP_GE", SCMP_CMP_GE}, {"SCMP_CMP_GT", SCMP_CMP_GT},
		{"SCMP_CMP_MASKED_EQ", SCMP_CMP_MASKED_EQ},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(ops) && arg->index < ARGS_MAX; i++) {
		if (strcmp(ops[i].name, arg->op))
			continue;
		*ret = (struct scmp_arg_cmp){
			.arg = (unsigned int)arg->index,
			.op = ops[i].op,
			.datum_a = arg->value,
			.datum_b = arg->valuetwo,
		};
		return 0;
	}
	return err_set(reterr, -EINVAL, "seccomp: comparison '%.64s'", arg->op);
}

static int add_rule(scmp_filter_ctx ctx, uint32_t action, int nr,
		    const struct scmp_arg_cmp *cmp, size_t n)
{
	unsigned int seen = 0;
	size_t i;
	int r;

	for (i = 0; i < n; i++) {
		if (seen >> cmp[i].arg & 1)
			break;
		seen |= 1u << cmp[i].arg;
	}
	if (i == n) {
		r = seccomp_rule_add_array(ctx, action, nr, (unsigned int)n,
					   cmp);
		return r == -EEXIST ? 0 : r;
	}
	/* The library takes one comparison an argument in a rule. Several on
	 * one mean "any of them" to the specification's implementations. */
	for (i = 0, r = 0; !r && i < n; i++) {
		r = seccomp_rule_add_array(ctx, action, nr, 1, &cmp[i]);
		r = r == -EEXIST ? 0 : r;
	}
	return r;
}

static int add_syscall(scmp_filter_ctx ctx, uint32_t default_action,
		       const Grpc__LinuxSyscall *s, struct err *reterr)
{
	struct scmp_arg_cmp cmp[ARGS_MAX * 2];
	bool has_errno =
		s->errno_ret_case == GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	uint32_t action;
	size_t i;
	int r;

	r = action_of(s->action, has_errno, has_errno ? s->errnoret : 0,
		      &action, reterr);
	if (r < 0)
		return r;
	if (action == default_action)
		return 0; /* the library refuses what has no effect */
	if (s->n_args > ARRAY_SIZE(cmp))
		return err_set(reterr, -EINVAL, "seccomp: too many arguments");
	for (i = 0; i < s->n_args; i++) {
		r = compare_of(s->args[i], &cmp[i], reterr);
		if (r < 0)
			return r;
	}
	for (i = 0; i < s->n_names; i++) {
		int nr = seccomp_syscall_resolve_name(s->names[i]);

		if (nr == __NR_SCMP_ERROR)
			continue;
		r = add_rule(ctx, action, nr, cmp, s->n_args);
		if (r < 0)
			return err_code(reterr, r, "seccomp: rule for '%.64s'",
					s->names[i]);
	}
	return 0;
}

/* The library's number for the specification's name; -EINVAL. */
static int arch_of(const char *name, uint32_t *ret)
{
	char lower[32];
	size_t i, n = strlen(name);

	if (strncmp(name, "SCMP_ARCH_", 10) || n - 10 >= sizeof(lower))
		return -EINVAL;
	for (i = 10; i <= n; i++)
		lower[i - 10] = (char)(name[i] >= 'A' && name[i] <= 'Z'
					       ? name[i] - 'A' + 'a' : name[i]);
	*ret = seccomp_arch_resolve_name(lower);
	return *ret ? 0 : -EINVAL;
}

static int add_arch(scmp_filter_ctx ctx, const char *name, struct err *reterr)
{
	uint32_t arch;
	int r;

	if (arch_of(name, &arch) < 0)
		return err_set(reterr, -EINVAL, "seccomp: architecture '%.64s'",
			       name);
	r = seccomp_arch_add(ctx, arch);
	/* -EDOM: of the other byte order, so no program of it can run here. */
	if (r < 0 && r != -EEXIST && r != -EDOM)
		return err_code(reterr, r, "seccomp: architecture '%s'", name);
	return 0;
}

static int flag_of(const char *name, unsigned int *ret, struct err *reterr)
{
	/* There is one thread, and there are no notifications to wait for. */
	if (!strcmp(name, "SECCOMP_FILTER_FLAG_TSYNC") ||
	    !strcmp(name, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
		return 0;
	if (!strcmp(name, "SECCOMP_FILTER_FLAG_LOG"))
		*ret |= SECCOMP_FILTER_FLAG_LOG;
	else if (!strcmp(name, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
		*ret |= SECCOMP_FILTER_FLAG_SPEC_ALLOW;
	else
		return err_set(reterr, -EINVAL, "seccomp: flag '%.64s'", name);
	return 0;
}

/* --- calls newer than the profile --- */

/* The highest number of what SPEC names, on architecture TOKEN; -1. */
static int newest_call(const Grpc__LinuxSeccomp *spec, uint32_t token)
{
	int newest = -1;
	size_t i, k;

	for (i = 0; i < spec->n_syscalls; i++) {
		const Grpc__LinuxSyscall *s = spec->syscalls[i];

		for (k = 0; k < s->n_names; k++)
			newest = MAX(newest, seccomp_syscall_resolve_name_arch(
						     token, s->names[k]));
	}
	return newest;
}

/* For one architecture: numbers above NEWEST are unknown. The kernel's number
 * of an architecture is libseccomp's token, but x32's, whose calls come as
 * x86_64's with a bit set and are left to the filter. */
static size_t emit_unknown(struct sock_filter *out, uint32_t token, int newest)
{
	const struct sock_filter code[] = {
		BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, token, 0, 5),
		BPF_STMT(BPF_LD | BPF_W | BPF_ABS,
			 offsetof(struct seccomp_data, nr)),
		BPF_JUMP(BPF_JMP | BPF_JGE | BPF_K, X32_BIT, 2, 0),
		BPF_JUMP(BPF_JMP | BPF_JGT | BPF_K, (uint32_t)newest, 0, 1),
		BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
		BPF_JUMP(BPF_JMP | BPF_JA, 0, 0, 0), /* set by the caller */
	};

	memcpy(out, code, sizeof(code));
	return ARRAY_SIZE(code);
}

static bool is_x32(uint32_t token)
{
	return token == SCMP_ARCH_X32;
}

/* The part before the filter; OUT has room for PRELUDE_MAX. */
static size_t emit_prelude(struct sock_filter *out,
			   const Grpc__LinuxSeccomp *spec)
{
	uint32_t tokens[ARCHES_MAX] = {seccomp_arch_native()};
	size_t n_tokens = 1, n = 0, i, k;

	for (i = 0; i < spec->n_architectures && n_tokens < ARCHES_MAX; i++) {
		uint32_t token = 0;

		(void)arch_of(spec->architectures[i], &token);
		for (k = 0; k < n_tokens && tokens[k] != token; k++)
			;
		if (token && k == n_tokens && !is_x32(token))
			tokens[n_tokens++] = token;
	}
	out[n++] = (struct sock_filter)BPF_STMT(
		BPF_LD | BPF_W | BPF_ABS, offsetof(struct seccomp_data, arch));
	for (i = 0; i < n_tokens; i++) {
		int newest = newest_call(spec, tokens[i]);

		if (newest >= 0)
			n += emit_unknown(out + n, tokens[i], newest);
	}
	/* To the filter, which starts from nothing. */
	for (i = 0; i < n; i++)
		if (out[i].code == (BPF_JMP | BPF_JA))
			out[i].k = (uint32_t)(n - i - 1);
	return n;
}

/* Does the default say no, without saying how? */
static bool wants_prelude(uint32_t action, int error)
{
	uint32_t kind = action & SECCOMP_RET_ACTION_FULL;

	return error < 0 && kind != SECCOMP_RET_ALLOW &&
	       kind != SECCOMP_RET_LOG && kind != SECCOMP_RET_TRACE;
}

/* What CTX compiles to, after N instructions of PRELUDE. */
static int compile(scmp_filter_ctx ctx, const struct sock_filter *prelude,
		   size_t n, struct sysfilter **ret)
{
	const size_t one = sizeof(struct sock_filter);
	cleanup_free struct sysfilter *f =
		malloc(sizeof(*f) + (n + BPF_MAXINSNS + 1) * one);
	cleanup_close int in = -1, out = -1;
	int fds[2], r;
	ssize_t size;

	if (!f || pipe2(fds, O_CLOEXEC | O_NONBLOCK) < 0)
		return -ENOMEM;
	in = fds[0];
	out = fds[1];
	/* It writes all at once: a pipe has room for the largest. */
	r = seccomp_export_bpf(ctx, out);
	if (r < 0)
		return r;
	close_fd(&out);
	size = read_full(in, f->code + n, (BPF_MAXINSNS + 1) * one);
	if (size < 0)
		return (int)size;
	if ((size_t)size % one || n + (size_t)size / one > BPF_MAXINSNS)
		return -E2BIG;
	memcpy(f->code, prelude, n * one);
	f->n = (unsigned short)(n + (size_t)size / one);
	*ret = TAKE_PTR(f);
	return 0;
}

int sysfilter_new(const Grpc__LinuxSeccomp *spec, int error,
		  struct sysfilter **ret, struct err *reterr)
{
	struct sock_filter prelude[PRELUDE_MAX];
	cleanup(seccomp_releasep) void *ctx = NULL;
	unsigned int flags = 0;
	uint32_t action;
	size_t i, n = 0;
	int r;

	r = action_of(spec->defaultaction, error >= 0, (uint32_t)error, &action,
		      reterr);
	if (r < 0)
		return r;
	ctx = seccomp_init(action);
	if (!ctx)
		return err_set(reterr, -ENOMEM, "seccomp: out of memory");
	for (i = 0; !r && i < spec->n_architectures; i++)
		r = add_arch(ctx, spec->architectures[i], reterr);
	for (i = 0; !r && i < spec->n_flags; i++)
		r = flag_of(spec->flags[i], &flags, reterr);
	for (i = 0; !r && i < spec->n_syscalls; i++)
		r = add_syscall(ctx, action, spec->syscalls[i], reterr);
	if (r < 0)
		return r;
	if (wants_prelude(action, error))
		n = emit_prelude(prelude, spec);
	r = compile(ctx, prelude, n, ret);
	if (r < 0)
		return err_code(reterr, r, "seccomp: compile the filter");
	(*ret)->flags = flags;
	return 0;
}

int sysfilter_load(const struct sysfilter *filter, struct err *reterr)
{
	const struct sock_fprog prog = {
		.len = filter->n,
		.filter = (struct sock_filter *)(uintptr_t)filter->code,
	};

	if (syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, filter->flags,
		    &prog) < 0)
		return err_errno(reterr, "seccomp: load the filter");
	return 0;
}
