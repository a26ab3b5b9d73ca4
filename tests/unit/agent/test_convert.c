// SPDX-License-Identifier: Apache-2.0
/* Names and numbers: capabilities, limits, namespaces, sysctls, cgroups. */
#include "test.h"

#include <errno.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "agent/caps.h"
#include "agent/cgroup.h"
#include "agent/ns.h"
#include "agent/rlimit.h"
#include "agent/sysctl.h"
#include "agent/user.h"
#include "base/macros.h"

static void test_caps(void **state UNUSED)
{
	char *names[] = {(char *)(uintptr_t)"CAP_CHOWN",
			 (char *)(uintptr_t)"cap_kill"};
	char *bad[] = {(char *)(uintptr_t)"KILL"};
	struct err e;
	uint64_t set;

	assert_int_equal(cap_of_name("CAP_CHOWN"), 0);
	assert_int_equal(cap_of_name("CAP_CHECKPOINT_RESTORE"), 40);
	assert_int_equal(cap_of_name("CAP_"), -EINVAL);
	assert_int_equal(caps_of_names(names, 2, &set, &e), 0);
	assert_int_equal(set, 1 | 1 << 5);
	assert_int_equal(caps_of_names(bad, 1, &set, &e), -EINVAL);
}

static void test_names(void **state UNUSED)
{
	assert_int_equal(rlimit_of_name("RLIMIT_NOFILE"), RLIMIT_NOFILE);
	assert_int_equal(rlimit_of_name("NOFILE"), -EINVAL);
	assert_int_equal(ns_flag_of_type("network"), CLONE_NEWNET);
	assert_int_equal(ns_flag_of_type("net"), 0);
	assert_string_equal(ns_proc_name(CLONE_NEWNS), "mnt");
}

static void test_weights(void **state UNUSED)
{
	assert_int_equal(cgroup_weight_of_shares(0), 1);
	assert_int_equal(cgroup_weight_of_shares(2), 1);
	assert_int_equal(cgroup_weight_of_shares(1024), 39);
	assert_int_equal(cgroup_weight_of_shares(262144), 10000);
	assert_int_equal(cgroup_weight_of_shares(UINT64_MAX), 10000);
	assert_int_equal(cgroup_weight_of_blkio(10), 1);
	assert_int_equal(cgroup_weight_of_blkio(1000), 10000);
	assert_int_equal(cgroup_weight_of_blkio(65535), 10000);
}

static void test_swap(void **state UNUSED)
{
	assert_int_equal(cgroup_swap_of_memsw(-1, 100), -1);
	assert_int_equal(cgroup_swap_of_memsw(150, 100), 50);
	assert_int_equal(cgroup_swap_of_memsw(100, 100), 0);
	assert_int_equal(cgroup_swap_of_memsw(100, -1), 100);
	assert_true(cgroup_swap_of_memsw(99, 100) == INT64_MIN);
}

static void test_cgroup_path(void **state UNUSED)
{
	static const struct {
		const char *path, *want;
	} good[] = {
		{"", "kiln/id"},     {"/", "kiln/id"},
		{"/a/b", "a/b"},     {"a/b/", "a/b"},
		{"system.slice:kiln:x", "system.slice/kiln-x.scope"},
	};
	static const char *const bad[] = {
		"..",	 "/a/../b", "/a//b", "/a/./b", "a:b:..:c", "a:b",
		"a:b:c/../../d", "/kiln-agent", "kiln-agent/x", "..:a:b",
	};
	char path[CGROUP_PATH_MAX], *text = malloc(2000);
	size_t i;

	for (i = 0; i < ARRAY_SIZE(good); i++) {
		assert_int_equal(cgroup_path(good[i].path, "id", path), 0);
		assert_string_equal(path, good[i].want);
	}
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(cgroup_path(bad[i], "id", path), -EINVAL);
	memset(text, 'x', 1999);
	text[1999] = '\0';
	assert_int_equal(cgroup_path(text, "id", path), -EINVAL);
	text[1000] = text[500] = ':';
	assert_int_equal(cgroup_path(text, "id", path), -EINVAL);
	free(text);
}

static void test_sysctl(void **state UNUSED)
{
	char path[SYSCTL_PATH_MAX];

	assert_int_equal(sysctl_path("net.ipv4.ip_forward", 0, path), 0);
	assert_string_equal(path, "net/ipv4/ip_forward");
	assert_int_equal(sysctl_path("net/ipv4/conf/eth0.1/forwarding", 0,
				     path), 0);
	assert_string_equal(path, "net/ipv4/conf/eth0.1/forwarding");
	assert_int_equal(sysctl_path("net.ipv4.conf.eth0/1.forwarding", 0,
				     path), 0);
	assert_string_equal(path, "net/ipv4/conf/eth0.1/forwarding");
	assert_int_equal(sysctl_path("kernel.shmmax", 0, path), -EPERM);
	assert_int_equal(sysctl_path("kernel.shmmax", CLONE_NEWIPC, path), 0);
	assert_int_equal(sysctl_path("kernel.shmmaxx", CLONE_NEWIPC, path),
			 -EPERM);
	assert_int_equal(sysctl_path("fs.mqueue.msg_max", CLONE_NEWIPC, path),
			 0);
	assert_int_equal(sysctl_path("kernel.core_pattern", ~0u, path), -EPERM);
	assert_int_equal(sysctl_path("net/../kernel/panic", 0, path), -EINVAL);
	assert_int_equal(sysctl_path("/net/x", 0, path), -EINVAL);
	assert_int_equal(sysctl_path("net.", 0, path), -EINVAL);
	assert_int_equal(sysctl_path("net", 0, path), -EINVAL);
	assert_int_equal(sysctl_path("", 0, path), -EINVAL);
}

static void test_home(void **state UNUSED)
{
	static const char text[] = "a:x:0:0:c:/root:/bin/sh\nbroken\n"
				   "b:x:7:7::/home/b:\nc:x:8:8:::\n"
				   "d:x:7x:0:c:/bad:/bin/sh\ne:x:9:9:c:/e";
	char *home = user_home_in(text, 7);

	assert_string_equal(home, "/home/b");
	free(home);
	home = user_home_in(text, 9);
	assert_string_equal(home, "/e");
	free(home);
	assert_null(user_home_in(text, 8));
	assert_null(user_home_in(text, 1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_caps),	    cmocka_unit_test(test_names),
		cmocka_unit_test(test_weights),	    cmocka_unit_test(test_swap),
		cmocka_unit_test(test_cgroup_path), cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_home),
	};

	return cmocka_run_group_tests_name("agent/convert", tests, NULL, NULL);
}
