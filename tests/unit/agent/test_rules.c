// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <linux/bpf.h>
#include <string.h>

#include "base/macros.h"
#include "agent/devgroup.h"
#include "agent/extras.h"
#include "agent/idmap.h"
#include "agent/policy.h"
#include "agent/rpc.h"

#define READ BPF_DEVCG_ACC_READ
#define WRITE BPF_DEVCG_ACC_WRITE
#define MKNOD BPF_DEVCG_ACC_MKNOD

/* The few instructions that the rules are made of, carried out. */
static int run(const struct bpf_insn *p, size_t n, uint32_t type,
	       uint32_t access, uint32_t major, uint32_t minor)
{
	const uint32_t ctx[3] = {access << 16 | type, major, minor};
	uint64_t r[16] = {0};
	size_t i, steps;

	for (i = steps = 0; i < n && steps < 10000; i++, steps++) {
		const struct bpf_insn *x = &p[i];
		uint64_t imm = (uint64_t)(int64_t)x->imm;

		switch (x->code) {
		case BPF_LDX | BPF_MEM | BPF_W:
			r[x->dst_reg] = ctx[x->off / 4];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_X:
			r[x->dst_reg] = r[x->src_reg];
			break;
		case BPF_ALU64 | BPF_MOV | BPF_K:
			r[x->dst_reg] = imm;
			break;
		case BPF_ALU64 | BPF_AND | BPF_K:
			r[x->dst_reg] &= imm;
			break;
		case BPF_ALU64 | BPF_RSH | BPF_K:
			r[x->dst_reg] >>= imm;
			break;
		case BPF_JMP | BPF_JNE | BPF_K:
			i += r[x->dst_reg] != imm ? (size_t)x->off : 0;
			break;
		case BPF_JMP | BPF_JSET | BPF_K:
			i += r[x->dst_reg] & imm ? (size_t)x->off : 0;
			break;
		case BPF_JMP | BPF_JA:
			i += (size_t)x->off;
			break;
		case BPF_JMP | BPF_EXIT:
			return (int)r[0];
		default:
			fail_msg("instruction 0x%x", x->code);
		}
	}
	fail_msg("no end");
	return -1;
}

static void test_devices(void **state UNUSED)
{
	static struct bpf_insn p[DEVGROUP_INSNS_MAX];
	static const struct {
		bool allow;
		const char *type, *access;
		int64_t major, minor;
	} rules[] = {
		{false, "a", "rwm", 0, 0},  {true, "c", "r", 1, 3},
		{true, "c", "w", 1, 3},	    {true, "b", "rwm", 8, -1},
		{false, "b", "w", 8, 1},    {true, "c", "m", -1, -1},
	};
	Grpc__LinuxDeviceCgroup d[ARRAY_SIZE(rules)], *list[ARRAY_SIZE(rules)];
	const uint32_t chr = BPF_DEVCG_DEV_CHAR, blk = BPF_DEVCG_DEV_BLOCK;
	struct err e;
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(rules); i++) {
		grpc__linux_device_cgroup__init(&d[i]);
		d[i].allow = rules[i].allow;
		d[i].type = (char *)(uintptr_t)rules[i].type;
		d[i].access = (char *)(uintptr_t)rules[i].access;
		d[i].major = rules[i].major;
		d[i].minor = rules[i].minor;
		list[i] = &d[i];
	}
	assert_int_equal(devgroup_build(list, i, p, &n, &e), 0);
	/* What two rules allow together is allowed together. */
	assert_int_equal(run(p, n, chr, READ | WRITE, 1, 3), 1);
	assert_int_equal(run(p, n, chr, READ | WRITE | MKNOD, 1, 3), 1);
	assert_int_equal(run(p, n, chr, READ, 1, 4), 0);
	assert_int_equal(run(p, n, chr, MKNOD, 99, 4), 1);
	assert_int_equal(run(p, n, blk, READ | WRITE, 8, 2), 1);
	/* One kind that is denied denies the whole. */
	assert_int_equal(run(p, n, blk, READ | WRITE, 8, 1), 0);
	assert_int_equal(run(p, n, blk, READ, 8, 1), 1);
	assert_int_equal(run(p, n, blk, MKNOD, 99, 1), 0);
	d[0].type = (char *)(uintptr_t)"x";
	assert_int_equal(devgroup_build(list, i, p, &n, &e), -EINVAL);
	d[0].type = (char *)(uintptr_t)"c";
	d[0].major = INT64_MIN;
	assert_int_equal(devgroup_build(list, i, p, &n, &e), -EINVAL);
}

static void test_sched(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "{", "[]", "{\"policy\":}", "{\"policy\":\"SCHED_FIFO\",}",
		"{\"priority\":100}", "{\"nice\":-21}", "{\"flags\":[\"X\"]}",
		"{\"flags\":[", "{\"runtime\":-1}", "{\"a\\\"b\":1}",
		"{\"policy\":\"SCHED_FIFO\"} x", "{\"policy\" \"x\"}",
	};
	struct extras_sched s;
	size_t i;

	assert_int_equal(extras_parse_sched(
		"{\"policy\":\"SCHED_DEADLINE\",\"flags\":["
		"\"SCHED_FLAG_RECLAIM\",\"SCHED_FLAG_DL_OVERRUN\"],"
		"\"runtime\":1,\"deadline\":2,\"period\":3}", &s), 0);
	assert_int_equal(s.policy, 6);
	assert_int_equal(s.flags, 6);
	assert_int_equal(s.period, 3);
	assert_int_equal(extras_parse_sched("{}", &s), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (extras_parse_sched(bad[i], &s) != -EINVAL)
			fail_msg("'%s' was taken", bad[i]);
}

static void test_idmap(void **state UNUSED)
{
	static const char *const bad[] = {"", "1", "1:2", "1:2:0", "1:2:3:4",
					  "a:b:c", ",", "1:2:3,,"};
	char lines[64];
	size_t i;

	assert_int_equal(idmap_parse("0:1000:1,5:7:2", lines, sizeof(lines)),
			 0);
	assert_string_equal(lines, "0 1000 1\n5 7 2\n");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(idmap_parse(bad[i], lines, sizeof(lines)),
				 -EINVAL);
	assert_int_equal(idmap_parse("0:1000000:1000000", lines, 10), -E2BIG);
}

static void test_policy(void **state UNUSED)
{
	Grpc__ExecProcessRequest rq = GRPC__EXEC_PROCESS_REQUEST__INIT;
	Grpc__Process process = GRPC__PROCESS__INIT;
	char ps[] = "/bin/ps", aux[] = "aux", *args[] = {ps, aux};
	struct policy *p = NULL;
	struct err e;

	assert_int_equal(policy_parse("allow ExecProcess "
				      "process.Args[*]=/bin/*\r\n"
				      "deny ExecProcess process.User.UID=0 "
				      "process.Args[*]=aux # no\n"
				      "default allow", rpc_methods,
				      rpc_nmethods, &p, &e), 0);
	rq.process = &process;
	process.args = args;
	process.n_args = 2;
	/* Not all are below /bin; and user 0 is who is not named. */
	assert_int_equal(policy_check(p, "ExecProcess", &rq.base, &e), -EPERM);
	process.n_args = 1;
	assert_int_equal(policy_check(p, "ExecProcess", &rq.base, &e), 0);
	assert_int_equal(policy_check(p, "AddSwap", &rq.base, &e), 0);
	assert_int_equal(policy_check(NULL, "AddSwap", &rq.base, &e), 0);
	policy_free(p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_devices),
		cmocka_unit_test(test_sched),
		cmocka_unit_test(test_idmap),
		cmocka_unit_test(test_policy),
	};

	return cmocka_run_group_tests_name("rules", tests, NULL, NULL);
}
