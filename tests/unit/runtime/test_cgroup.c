// SPDX-License-Identifier: Apache-2.0
//
// Where the host's control groups are, and what is written to them.
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/cgroup.h"

#define HYBRID                                                                 \
	"22 1 0:20 / / rw - ext4 /dev/vda rw\n"                                \
	"32 31 0:29 / /sys/fs/cgroup/cpu,cpuacct rw shared:5 - cgroup cgroup " \
	"rw,cpu,cpuacct\n"                                                     \
	"33 31 0:30 /docker/x /sys/fs/cgroup/memory rw - cgroup cgroup "       \
	"rw,memory\n"                                                          \
	"34 31 0:31 / /sys/fs/my\\040cpuset rw - cgroup cgroup rw,cpuset\n"    \
	"35 31 0:32 / /sys/fs/cgroup/systemd rw - cgroup cgroup "              \
	"rw,name=systemd\n"                                                    \
	"36 31 0:33 / /sys/fs/cgroup/unified rw - cgroup2 cgroup2 rw\n"
#define HYBRID_OWN                                                             \
	"6:pids:/not/mounted\n5:memory:/docker/x/in\n4:cpuset:/\n"             \
	"3:cpu,cpuacct:/user\n2:name=systemd:/user/s\n0::/user/s\n"
#define UNIFIED "30 1 0:29 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw\n"

static const char *path_of(const struct cgroup *g, const char *controllers)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		if (!strcmp(g->v[i].controllers, controllers))
			return g->v[i].path;
	return NULL;
}

static void place(struct cgroup *g, const char *mountinfo, const char *own,
		  const char *wanted)
{
	struct err err = {0};

	assert_int_equal(cgroup_parse(mountinfo, own, g), 0);
	assert_int_equal(cgroup_place(g, wanted, "c1", &err), 0);
}

static void test_hybrid(void **state UNUSED)
{
	struct cgroup g;

	place(&g, HYBRID, HYBRID_OWN, "/a//b/../c/");
	assert_int_equal(g.n, 5);
	assert_string_equal(path_of(&g, "cpu,cpuacct"),
			    "/sys/fs/cgroup/cpu,cpuacct/a/c");
	assert_string_equal(path_of(&g, "cpuset"), "/sys/fs/my cpuset/a/c");
	assert_string_equal(path_of(&g, ""), "/sys/fs/cgroup/unified/a/c");
	cgroup_release(&g);
	place(&g, HYBRID, HYBRID_OWN, "");
	assert_string_equal(path_of(&g, "cpu,cpuacct"),
			    "/sys/fs/cgroup/cpu,cpuacct/user/c1");
	assert_string_equal(path_of(&g, "memory"),
			    "/sys/fs/cgroup/memory/in/c1");
	assert_string_equal(path_of(&g, "name=systemd"),
			    "/sys/fs/cgroup/systemd/user/s/c1");
	assert_string_equal(path_of(&g, ""),
			    "/sys/fs/cgroup/unified/user/s/c1");
	cgroup_release(&g);
}

static void test_unified(void **state UNUSED)
{
	struct cgroup g;

	/* Beside the caller's scope, which has processes. */
	place(&g, UNIFIED, "0::/user.slice/s.scope\n", "pod/x");
	assert_int_equal(g.n, 1);
	assert_string_equal(g.v[0].path, "/sys/fs/cgroup/user.slice/pod/x");
	cgroup_release(&g);
	place(&g, UNIFIED, "0::/\n", "");
	assert_string_equal(g.v[0].path, "/sys/fs/cgroup/c1");
	cgroup_release(&g);
	assert_int_equal(cgroup_parse("", "0::/\n", &g), 0);
	assert_int_equal(g.n, 0);
	cgroup_release(&g);
}

static void test_hostile_paths(void **state UNUSED)
{
	static const char *const bad[] = {"/", "/..", "/a/..", "..", ".",
					  "/a\nb"};
	char longest[5000];
	struct cgroup g;
	struct err err;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		assert_int_equal(cgroup_parse(UNIFIED, "0::/u/s\n", &g), 0);
		assert_int_equal(cgroup_place(&g, bad[i], "c1", &err), -EINVAL);
		cgroup_release(&g);
	}
	memset(longest, 'a', sizeof(longest));
	longest[0] = '/';
	longest[sizeof(longest) - 1] = '\0';
	assert_int_equal(cgroup_parse(UNIFIED, "0::/\n", &g), 0);
	assert_int_equal(cgroup_place(&g, longest, "c1", &err), -ENAMETOOLONG);
	cgroup_release(&g);
	/* ".." leads nowhere but to the root. */
	place(&g, UNIFIED, "0::/u/s\n", "/../../../a");
	assert_string_equal(g.v[0].path, "/sys/fs/cgroup/a");
	cgroup_release(&g);
	place(&g, UNIFIED, "0::/u/s\n", "../../../a");
	assert_string_equal(g.v[0].path, "/sys/fs/cgroup/u/a");
	cgroup_release(&g);
}

static void test_remove_refuses(void **state UNUSED)
{
	char dir[] = "/tmp/kiln-cgroup.XXXXXX";
	unsigned int patience = 100;

	assert_non_null(mkdtemp(dir));
	assert_int_equal(cgroup_remove(dir, true, &patience), -EINVAL);
	assert_int_equal(cgroup_remove("relative", true, &patience), -EINVAL);
	assert_int_equal(cgroup_remove("/sys/fs/cgroup/../x", true, &patience),
			 -EINVAL);
	assert_int_equal(cgroup_remove("/nowhere/at/all", true, &patience), 0);
	assert_int_equal(access(dir, F_OK), 0);
	assert_int_equal(rmdir(dir), 0);
	assert_int_equal(patience, 100);
}

/* --- limits, in folders that look like groups --- */

struct fake {
	char dir[64];
	struct cgroup_group group;
	struct cgroup g;
};

static void fake_init(struct fake *f, const char *controllers)
{
	strcpy(f->dir, "/tmp/kiln-cgroup.XXXXXX");
	assert_non_null(mkdtemp(f->dir));
	f->group = (struct cgroup_group){
		.controllers = (char *)(uintptr_t)controllers, .path = f->dir};
	f->g = (struct cgroup){&f->group, 1};
}

static void fake_file(const struct fake *f, const char *name, const char *text)
{
	char path[128];
	FILE *file;

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	file = fopen(path, "w");
	assert_non_null(file);
	(void)fputs(text, file);
	assert_int_equal(fclose(file), 0);
}

/* The file holds TEXT; it is emptied for the next write. */
static void has(const struct fake *f, const char *name, const char *text)
{
	cleanup_free char *is = NULL;
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", f->dir, name);
	assert_int_equal(read_file(AT_FDCWD, path, 4096, &is, NULL), 0);
	assert_string_equal(is, text);
	fake_file(f, name, "");
}

static void fake_release(struct fake *f)
{
	char command[128];

	(void)snprintf(command, sizeof(command), "rm -r %s", f->dir);
	assert_int_equal(system(command), 0);
}

static const struct cgroup_vm vm = {.memory = 1000 << 20, .pids = 256};

static void set(const struct fake *f, const Grpc__LinuxResources *r,
		const struct cgroup_vm *v)
{
	struct err err = {0};

	assert_int_equal(cgroup_set(&f->g, r, v, &err), 0);
}

static void test_limits_v1(void **state UNUSED)
{
	Grpc__LinuxResources r = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	Grpc__LinuxPids pids = GRPC__LINUX_PIDS__INIT;
	static const char *const files[] = {
		"cpu.shares", "cpu.cfs_quota_us", "cpu.cfs_period_us",
		"memory.limit_in_bytes", "memory.memsw.limit_in_bytes",
		"memory.soft_limit_in_bytes", "pids.max"};
	struct fake f;
	size_t i;

	fake_init(&f, "cpu,memory,pids");
	for (i = 0; i < ARRAY_SIZE(files); i++)
		fake_file(&f, files[i], "");
	r.cpu = &cpu;
	r.memory = &memory;
	r.pids = &pids;
	cpu.shares = 100;
	cpu.quota = 5000;
	cpu.cpus = (char *)(uintptr_t)"0"; /* no cpuset in this hierarchy */
	memory.limit = 32 << 20;
	memory.swap = 48 << 20;
	memory.reservation = 24 << 20;
	pids.limit = 20;
	set(&f, &r, &vm);
	has(&f, "cpu.shares", "100");
	has(&f, "cpu.cfs_quota_us", "5000");
	has(&f, "cpu.cfs_period_us", "");
	/* The VM's own on top; what is soft is as asked for. */
	has(&f, "memory.limit_in_bytes", "1048576000");
	has(&f, "memory.memsw.limit_in_bytes", "1065353216");
	has(&f, "memory.soft_limit_in_bytes", "25165824");
	has(&f, "pids.max", "276");
	set(&f, &r, NULL);
	has(&f, "memory.limit_in_bytes", "33554432");
	has(&f, "memory.memsw.limit_in_bytes", "50331648");
	has(&f, "pids.max", "20");
	memory.limit = -1;
	memory.swap = 0;
	pids.limit = -1;
	set(&f, &r, &vm);
	has(&f, "memory.limit_in_bytes", "-1");
	has(&f, "memory.memsw.limit_in_bytes", "-1");
	has(&f, "pids.max", "max");
	fake_release(&f);
}

static void test_limits_v2(void **state UNUSED)
{
	Grpc__LinuxResources r = GRPC__LINUX_RESOURCES__INIT;
	Grpc__LinuxCPU cpu = GRPC__LINUX_CPU__INIT;
	Grpc__LinuxMemory memory = GRPC__LINUX_MEMORY__INIT;
	struct fake f;

	fake_init(&f, "");
	fake_file(&f, "cpu.max", "1 100000");
	fake_file(&f, "cpu.weight", "");
	fake_file(&f, "memory.max", "");
	fake_file(&f, "memory.swap.max", "");
	r.cpu = &cpu;
	r.memory = &memory;
	cpu.shares = 1024;
	cpu.quota = 5000;
	memory.limit = 32 << 20;
	memory.swap = 48 << 20;
	set(&f, &r, &vm);
	has(&f, "cpu.max", "5000 100000"); /* the period stays */
	has(&f, "cpu.weight", "39");
	has(&f, "memory.max", "1048576000");
	has(&f, "memory.swap.max", "16777216");
	/* What is not given stays as it is. */
	fake_file(&f, "cpu.max", "5000 50000");
	cpu.quota = 0;
	cpu.period = 20000;
	set(&f, &r, &vm);
	has(&f, "cpu.max", "5000 20000");
	/* (As long: files of a group are not cut before a write.) */
	fake_file(&f, "cpu.max", "999 5000");
	cpu.quota = -1;
	cpu.period = 0;
	set(&f, &r, &vm);
	has(&f, "cpu.max", "max 5000");
	fake_release(&f);
}

static void test_saved(void **state UNUSED)
{
	char dir[] = "/tmp/kiln-cgroup.XXXXXX", path[64];
	struct cgroup g, back;
	int fd;
	size_t i;

	assert_non_null(mkdtemp(dir));
	fd = open(dir, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	place(&g, HYBRID, HYBRID_OWN, "/a b/c");
	assert_int_equal(cgroup_save(&g, fd, "g"), 0);
	assert_int_equal(cgroup_load(&back, fd, "g"), 0);
	assert_int_equal(back.n, g.n);
	for (i = 0; i < g.n; i++) {
		assert_string_equal(back.v[i].path, g.v[i].path);
		assert_string_equal(back.v[i].controllers,
				    g.v[i].controllers);
	}
	cgroup_release(&back);
	assert_int_equal(cgroup_load(&back, fd, "none"), 0);
	assert_int_equal(back.n, 0);
	cgroup_release(&g);
	(void)close(fd);
	(void)snprintf(path, sizeof(path), "%s/g", dir);
	assert_int_equal(unlink(path), 0);
	assert_int_equal(rmdir(dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_hybrid),
		cmocka_unit_test(test_unified),
		cmocka_unit_test(test_hostile_paths),
		cmocka_unit_test(test_remove_refuses),
		cmocka_unit_test(test_limits_v1),
		cmocka_unit_test(test_limits_v2),
		cmocka_unit_test(test_saved),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
