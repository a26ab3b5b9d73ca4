// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/safe_path.h"
#include "base/cleanup.h"
#include "base/macros.h"
#include "os/io.h"

static char top[64];
static int rootfd = -1;

static int setup(void **state UNUSED)
{
	char path[128];

	(void)strcpy(top, "/tmp/kiln-path.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	(void)snprintf(path, sizeof(path), "%s/root", top);
	(void)mkdir(path, 0755);
	rootfd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	(void)symlinkat("../../../..", rootfd, "up");
	(void)symlinkat("/dir", rootfd, "abs");
	(void)symlinkat("loop", rootfd, "loop");
	(void)symlinkat("/nowhere", rootfd, "dangling");
	(void)mkdirat(rootfd, "dir", 0755);
	return rootfd < 0;
}

static int teardown(void **state UNUSED)
{
	close_fd(&rootfd);
	return remove_tree(AT_FDCWD, top);
}

/* The object of FD is PATH below the root. */
static void expect(int fd, const char *path)
{
	struct stat a, b;

	assert_true(fd >= 0);
	assert_int_equal(fstat(fd, &a), 0);
	assert_int_equal(fstatat(rootfd, path, &b, 0), 0);
	assert_true(a.st_dev == b.st_dev && a.st_ino == b.st_ino);
	close_fd(&fd);
}

static void test_links_stay_inside(void **state UNUSED)
{
	expect(root_open(rootfd, "up", O_PATH, 0), ".");
	expect(root_open(rootfd, "up/../../dir", O_PATH, 0), "dir");
	expect(root_open(rootfd, "/abs", O_PATH, 0), "dir");
	expect(root_mkdirs(rootfd, "/../../a/b", 0755), "a/b");
	expect(root_mkdirs(rootfd, "up/up/c", 0755), "c");
	expect(root_mkdirs(rootfd, "abs/d", 0755), "dir/d");
	expect(root_touch(rootfd, "up/e/f", 0644), "e/f");
	expect(root_touch(rootfd, "up/e/f", 0644), "e/f");
	assert_int_equal(root_open(rootfd, "loop/x", O_PATH, 0), -ELOOP);
	assert_true(root_mkdirs(rootfd, "dangling/x", 0755) < 0);
	assert_true(root_touch(rootfd, "dangling", 0755) < 0);
	assert_int_equal(root_open_nolinks(rootfd, "abs", O_RDONLY, 0), -ELOOP);
	expect(root_open_nolinks(rootfd, "/dir", O_PATH, 0), "dir");
}

static void test_parent(void **state UNUSED)
{
	const char *name;
	int fd = root_parent(rootfd, "up/p/q", &name);

	assert_string_equal(name, "q");
	expect(fd, "p");
	assert_int_equal(root_parent(rootfd, "x/..", &name), -EINVAL);
	assert_int_equal(root_parent(rootfd, "x/", &name), -EINVAL);
	assert_int_equal(root_parent(rootfd, "", &name), -EINVAL);
}

static void test_within(void **state UNUSED)
{
	assert_true(path_is_within("/run/k", "/run/k"));
	assert_true(path_is_within("/run/k", "/run/k/a"));
	assert_true(path_is_within("/", "/a"));
	assert_false(path_is_within("/run/k", "/run/kk"));
	assert_false(path_is_within("/run/k", "/run"));
	assert_false(path_is_within("/run/k", "/run/k/../x"));
	assert_false(path_is_within("/run/k", "/run/k/"));
	assert_false(path_is_within("/run/k", ""));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_links_stay_inside),
		cmocka_unit_test(test_parent),
		cmocka_unit_test(test_within),
	};

	return cmocka_run_group_tests_name("agent/safe_path", tests, setup,
					   teardown);
}
