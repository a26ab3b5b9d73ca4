// SPDX-License-Identifier: Apache-2.0
#include "devgroup.h"

#include <errno.h>
#include <linux/bpf.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/macros.h"

#define ACCESS_ALL (BPF_DEVCG_ACC_MKNOD | BPF_DEVCG_ACC_READ | \
		    BPF_DEVCG_ACC_WRITE)
#define ANY (-1)

/* What the registers hold while the program runs. */
enum { REG_RESULT, REG_CTX, REG_TYPE, REG_WANTED, REG_MAJOR, REG_MINOR };

struct rule {
	bool allow;
	int32_t type; /* BPF_DEVCG_DEV_*, or ANY */
	int64_t major, minor; /* or ANY */
	int32_t access; /* BPF_DEVCG_ACC_* */
};

struct program {
	struct bpf_insn *insns;
	size_t n;
};

static void emit(struct program *p, uint8_t code, int dst, int src,
		 int16_t off, int32_t imm)
{
	p->insns[p->n++] = (struct bpf_insn){
		.code = code,
		.dst_reg = (uint8_t)dst & 0xf,
		.src_reg = (uint8_t)src & 0xf,
		.off = off,
		.imm = imm,
	};
}

static void emit_load(struct program *p, int reg, size_t offset)
{
	emit(p, BPF_LDX | BPF_MEM | BPF_W, reg, REG_CTX, (int16_t)offset, 0);
}

static void emit_return(struct program *p, int value)
{
	emit(p, BPF_ALU64 | BPF_MOV | BPF_K, REG_RESULT, 0, 0, value);
	emit(p, BPF_JMP | BPF_EXIT, 0, 0, 0, 0);
}

/*
 * The rules are looked at from the last to the first. REG_WANTED holds the
 * kinds of access that no later rule has decided on: one that denies any of
 * them ends it, one that allows takes its own away until none is left.
 */
static void emit_rule(struct program *p, const struct rule *r)
{
	const uint8_t jne = BPF_JMP | BPF_JNE | BPF_K;
	int16_t rest = (int16_t)(4 + (r->type != ANY) + (r->major != ANY) +
				 (r->minor != ANY));

	if (r->type != ANY)
		emit(p, jne, REG_TYPE, 0, --rest, r->type);
	if (r->major != ANY)
		emit(p, jne, REG_MAJOR, 0, --rest, (int32_t)r->major);
	if (r->minor != ANY)
		emit(p, jne, REG_MINOR, 0, --rest, (int32_t)r->minor);
	if (r->allow) {
		emit(p, BPF_ALU64 | BPF_AND | BPF_K, REG_WANTED, 0, 0,
		     ACCESS_ALL & ~r->access);
		emit(p, jne, REG_WANTED, 0, 2, 0);
	} else {
		emit(p, BPF_JMP | BPF_JSET | BPF_K, REG_WANTED, 0, 1,
		     r->access);
		emit(p, BPF_JMP | BPF_JA, 0, 0, 2, 0);
	}
	emit_return(p, r->allow);
}

static void emit_start(struct program *p)
{
	emit_load(p, REG_TYPE,
		  offsetof(struct bpf_cgroup_dev_ctx, access_type));
	emit(p, BPF_ALU64 | BPF_MOV | BPF_X, REG_WANTED, REG_TYPE, 0, 0);
	emit(p, BPF_ALU64 | BPF_AND | BPF_K, REG_TYPE, 0, 0, 0xffff);
	emit(p, BPF_ALU64 | BPF_RSH | BPF_K, REG_WANTED, 0, 0, 16);
	emit_load(p, REG_MAJOR, offsetof(struct bpf_cgroup_dev_ctx, major));
	emit_load(p, REG_MINOR, offsetof(struct bpf_cgroup_dev_ctx, minor));
}

static int parse_access(const char *text, int32_t *ret)
{
	*ret = 0;
	for (; *text; text++) {
		if (*text == 'r')
			*ret |= BPF_DEVCG_ACC_READ;
		else if (*text == 'w')
			*ret |= BPF_DEVCG_ACC_WRITE;
		else if (*text == 'm')
			*ret |= BPF_DEVCG_ACC_MKNOD;
		else
			return -EINVAL;
	}
	return 0;
}

/* The wire has 0 where a rule names no number, hosts also say -1. No device has
 * major 0, so that is any; minor 0 is a number when there is a major. */
static int parse_rule(const Grpc__LinuxDeviceCgroup *d, struct rule *ret)
{
	bool all = !*d->type || !strcmp(d->type, "a");

	if (d->major < ANY || d->major > 0xfff || d->minor < ANY ||
	    d->minor > 0xfffff)
		return -EINVAL;
	ret->allow = d->allow;
	ret->major = d->major ? d->major : ANY;
	ret->minor = ret->major == ANY && !d->minor ? ANY : d->minor;
	if (all)
		ret->type = ANY;
	else if (!strcmp(d->type, "c"))
		ret->type = BPF_DEVCG_DEV_CHAR;
	else if (!strcmp(d->type, "b"))
		ret->type = BPF_DEVCG_DEV_BLOCK;
	else
		return -EINVAL;
	if (!*d->access) {
		ret->access = ACCESS_ALL;
		return 0;
	}
	return parse_access(d->access, &ret->access);
}

int devgroup_build(Grpc__LinuxDeviceCgroup *const *rules, size_t n,
		   struct bpf_insn *ret, size_t *ret_n, struct err *reterr)
{
	struct program p = {ret, 0};
	size_t i;

	if (n > DEVGROUP_RULES_MAX)
		return err_set(reterr, -E2BIG, "too many device rules");
	emit_start(&p);
	for (i = n; i-- > 0;) {
		struct rule rule;
		int r = parse_rule(rules[i], &rule);

		if (r < 0)
			return err_set(reterr, r, "device rule %zu: '%.8s "
				       "%lld:%lld %.8s'", i, rules[i]->type,
				       (long long)rules[i]->major,
				       (long long)rules[i]->minor,
				       rules[i]->access);
		emit_rule(&p, &rule);
	}
	emit_return(&p, 0);
	*ret_n = p.n;
	return 0;
}

static int bpf(int command, union bpf_attr *attr)
{
	long r = syscall(SYS_bpf, command, attr, sizeof(*attr));

	return r < 0 ? -errno : (int)r;
}

/* Loads the program and puts it in the place of *PROG. */
static int install(int cgroupfd, const struct bpf_insn *insns, size_t n,
		   int *prog)
{
	static const char license[] = "Apache-2.0"; /* calls no helpers */
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_CGROUP_DEVICE,
		.insn_cnt = (uint32_t)n,
		.insns = (uint64_t)(uintptr_t)insns,
		.license = (uint64_t)(uintptr_t)license,
	};
	union bpf_attr attach = {
		.target_fd = (uint32_t)cgroupfd,
		.attach_type = BPF_CGROUP_DEVICE,
		/* What the container makes below may be stricter, no more. */
		.attach_flags = BPF_F_ALLOW_MULTI,
	};
	cleanup_close int fd = bpf(BPF_PROG_LOAD, &load);
	int r;

	if (fd < 0)
		return fd;
	attach.attach_bpf_fd = (uint32_t)fd;
	if (*prog >= 0) {
		attach.attach_flags |= BPF_F_REPLACE;
		attach.replace_bpf_fd = (uint32_t)*prog;
	}
	r = bpf(BPF_PROG_ATTACH, &attach);
	if (r < 0)
		return r;
	close_fd(prog);
	*prog = TAKE_FD(fd);
	return 0;
}

static char type_any[] = "a", type_char[] = "c", type_block[] = "b";
static char access_all[] = "rwm", access_make[] = "m";

/* What every container may do: make nodes, and use those of rootfs_dev.c. */
static const struct {
	char *type;
	int64_t major, minor;
	char *access;
} defaults[] = {
	{type_char, ANY, ANY, access_make}, {type_block, ANY, ANY, access_make},
	{type_char, 1, 3, access_all},	    {type_char, 1, 5, access_all},
	{type_char, 1, 7, access_all},	    {type_char, 1, 8, access_all},
	{type_char, 1, 9, access_all},	    {type_char, 5, 0, access_all},
	{type_char, 5, 1, access_all},	    {type_char, 5, 2, access_all},
	{type_char, 136, ANY, access_all},
};

struct list {
	Grpc__LinuxDeviceCgroup *at; /* owned */
	Grpc__LinuxDeviceCgroup **list; /* owned */
	size_t n, size;
};

static void list_release(struct list *l)
{
	cleanup_freep(&l->at);
	cleanup_freep(&l->list);
}

static int list_alloc(struct list *l, size_t n)
{
	size_t i;

	l->size = n + ARRAY_SIZE(defaults) + 1;
	l->at = calloc(l->size, sizeof(*l->at));
	l->list = calloc(l->size, sizeof(*l->list));
	if (!l->at || !l->list)
		return -ENOMEM;
	for (i = 0; i < l->size; i++) {
		grpc__linux_device_cgroup__init(&l->at[i]);
		l->list[i] = &l->at[i];
	}
	return 0;
}

static void list_add(struct list *l, bool allow, char *type, int64_t major,
		     int64_t minor, char *access)
{
	Grpc__LinuxDeviceCgroup *d = &l->at[l->n++];

	d->allow = allow;
	d->type = type;
	d->major = major;
	d->minor = minor;
	d->access = access;
}

/* RULES, then the defaults: a specification starts with "deny everything". */
static int apply(int cgroupfd, const Grpc__LinuxResources *resources,
		 const Grpc__Linux *devices, int *prog, struct err *reterr)
{
	cleanup_free struct bpf_insn *insns = NULL;
	cleanup(list_release) struct list l = {0};
	size_t i, n = resources ? resources->n_devices : 0;
	size_t nodes = devices ? devices->n_devices : 0;
	int r;

	if (n + nodes > DEVGROUP_RULES_MAX - ARRAY_SIZE(defaults) - 1)
		return err_set(reterr, -E2BIG, "too many device rules");
	insns = calloc(DEVGROUP_INSNS_MAX, sizeof(*insns));
	if (!insns || list_alloc(&l, n + nodes) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	list_add(&l, false, type_any, ANY, ANY, access_all);
	for (i = 0; i < n; i++)
		list_add(&l, resources->devices[i]->allow,
			 resources->devices[i]->type,
			 resources->devices[i]->major,
			 resources->devices[i]->minor,
			 resources->devices[i]->access);
	for (i = 0; i < nodes; i++) {
		const Grpc__LinuxDevice *d = devices->devices[i];

		if (strcmp(d->type, "p"))
			list_add(&l, true,
				 !strcmp(d->type, "b") ? type_block : type_char,
				 d->major, d->minor, access_all);
	}
	for (i = 0; i < ARRAY_SIZE(defaults); i++)
		list_add(&l, true, defaults[i].type, defaults[i].major,
			 defaults[i].minor, defaults[i].access);
	r = devgroup_build(l.list, l.n, insns, &n, reterr);
	if (r < 0)
		return r;
	r = install(cgroupfd, insns, n, prog);
	return r < 0 ? err_code(reterr, r, "cgroup: device rules") : 0;
}

static bool may_raw_io(const Grpc__Spec *spec)
{
	const Grpc__LinuxCapabilities *c = spec->process->capabilities;
	size_t i;

	for (i = 0; c && i < c->n_bounding; i++)
		if (!strcasecmp(c->bounding[i], "CAP_SYS_RAWIO"))
			return true;
	return false;
}

int devgroup_apply(int cgroupfd, const Grpc__Spec *spec, int *prog,
		   struct err *reterr)
{
	const Grpc__LinuxResources *resources = spec->linux->resources;
	int r;

	if (resources && resources->n_devices)
		return apply(cgroupfd, resources, NULL, prog, reterr);
	if (may_raw_io(spec))
		return 0;
	r = apply(cgroupfd, NULL, spec->linux, prog, reterr);
	if (r == -ENOSYS || r == -EPERM || r == -EINVAL) {
		/* A kernel without, or not for this user; nobody has asked. */
		log_warn("%s", reterr->text);
		return 0;
	}
	return r;
}

int devgroup_update(int cgroupfd, const Grpc__LinuxResources *resources,
		    int *prog, struct err *reterr)
{
	if (!resources->n_devices)
		return 0;
	return apply(cgroupfd, resources, NULL, prog, reterr);
}
