// SPDX-License-Identifier: Apache-2.0
#include "sysfilter.h"

#include <errno.h>
#include <seccomp.h>
#include <stdbool.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/macros.h"

#define ARGS_MAX 6

DEFINE_CLEANUP(struct sysfilter, sysfilter_free)

/* The library's handle is a pointer to void; ours has a type. */
static scmp_filter_ctx ctx_of(const struct sysfilter *s)
{
	return (scmp_filter_ctx)(uintptr_t)s;
}

void sysfilter_free(struct sysfilter *filter)
{
	if (filter)
		seccomp_release(ctx_of(filter));
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

static int add_arch(scmp_filter_ctx ctx, const char *name, struct err *reterr)
{
	char lower[32];
	uint32_t arch;
	size_t i, n = strlen(name);
	int r;

	if (strncmp(name, "SCMP_ARCH_", 10) || n - 10 >= sizeof(lower))
		return err_set(reterr, -EINVAL, "seccomp: architecture '%.64s'",
			       name);
	for (i = 10; i <= n; i++)
		lower[i - 10] = (char)(name[i] >= 'A' && name[i] <= 'Z'
					       ? name[i] - 'A' + 'a' : name[i]);
	arch = seccomp_arch_resolve_name(lower);
	if (!arch)
		return err_set(reterr, -EINVAL, "seccomp: architecture '%.64s'",
			       name);
	r = seccomp_arch_add(ctx, arch);
	/* -EDOM: of the other byte order, so no program of it can run here. */
	if (r < 0 && r != -EEXIST && r != -EDOM)
		return err_code(reterr, r, "seccomp: architecture '%s'", name);
	return 0;
}

static int set_flag(scmp_filter_ctx ctx, const char *name, struct err *reterr)
{
	int r;

	/* There is one thread, and there are no notifications to wait for. */
	if (!strcmp(name, "SECCOMP_FILTER_FLAG_TSYNC") ||
	    !strcmp(name, "SECCOMP_FILTER_FLAG_WAIT_KILLABLE_RECV"))
		return 0;
	if (!strcmp(name, "SECCOMP_FILTER_FLAG_LOG"))
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_LOG, 1);
	else if (!strcmp(name, "SECCOMP_FILTER_FLAG_SPEC_ALLOW"))
		r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_SSB, 1);
	else
		return err_set(reterr, -EINVAL, "seccomp: flag '%.64s'", name);
	if (r < 0)
		return err_code(reterr, r, "seccomp: flag '%s'", name);
	return 0;
}

int sysfilter_new(const Grpc__LinuxSeccomp *spec, int error,
		  struct sysfilter **ret,
		struct err *reterr)
{
	cleanup(sysfilter_freep) struct sysfilter *filter = NULL;
	scmp_filter_ctx ctx;
	uint32_t action;
	size_t i;
	int r;

	r = action_of(spec->defaultaction, true, (uint32_t)error, &action,
		      reterr);
	if (r < 0)
		return r;
	filter = seccomp_init(action);
	if (!filter)
		return err_set(reterr, -ENOMEM, "seccomp: out of memory");
	ctx = ctx_of(filter);
	/* The program runs under the policy of the caller; no_new_privs is set,
	 * or not, by the specification alone. */
	r = seccomp_attr_set(ctx, SCMP_FLTATR_CTL_NNP, 0);
	if (r < 0)
		return err_code(reterr, r, "seccomp: attribute");
	for (i = 0; !r && i < spec->n_architectures; i++)
		r = add_arch(ctx, spec->architectures[i], reterr);
	for (i = 0; !r && i < spec->n_flags; i++)
		r = set_flag(ctx, spec->flags[i], reterr);
	for (i = 0; !r && i < spec->n_syscalls; i++)
		r = add_syscall(ctx, action, spec->syscalls[i], reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(filter);
	return 0;
}

int sysfilter_load(const struct sysfilter *filter, struct err *reterr)
{
	int r = seccomp_load(ctx_of(filter));

	if (r < 0)
		return err_code(reterr, r, "seccomp: load the filter");
	return 0;
}
