// SPDX-License-Identifier: Apache-2.0
/* Which files a module needs, in which order, by a made-up modules.dep. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "agent/module.h"
#include "base/macros.h"
#include "os/io.h"

static char dir[64];

static void put(const char *name, const char *text)
{
	char path[128];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, text, strlen(text),
					   0644), 0);
}

static void expect(const char *name, const char *want)
{
	cleanup_strv struct strv files = STRV_INIT;
	char got[256] = "";
	size_t i;

	assert_int_equal(module_resolve(dir, name, &files), 0);
	for (i = 0; i < files.n; i++) {
		(void)strcat(got, i ? " " : "");
		(void)strcat(got, files.v[i]);
	}
	assert_string_equal(got, want);
}

static void expect_error(const char *name, int code)
{
	cleanup_strv struct strv files = STRV_INIT;

	if (module_resolve(dir, name, &files) != code)
		fail_msg("'%s'", name);
}

static void test_resolve(void **state UNUSED)
{
	put("modules.dep",
	    "kernel/fs/a-b.ko.zst: kernel/lib/c.ko.zst kernel/lib/d.ko\n"
	    "kernel/fs/a.ko:\n"
	    "kernel/lib/d.ko:\n"
	    "kernel/evil.ko: ../../../etc/x.ko\n"
	    "/kernel/root.ko:\n"
	    "last.ko: kernel/lib/d.ko");
	put("modules.builtin", "kernel/fs/ext4/ext4.ko\nkernel/x-y.ko\n");
	/* What the others need comes last in the line, and is loaded first. */
	expect("a_b", "kernel/lib/d.ko kernel/lib/c.ko.zst "
		      "kernel/fs/a-b.ko.zst");
	expect("a-b", "kernel/lib/d.ko kernel/lib/c.ko.zst "
		      "kernel/fs/a-b.ko.zst");
	expect("a", "kernel/fs/a.ko");
	expect("last", "kernel/lib/d.ko last.ko");
	expect_error("ext4", -EEXIST);
	expect_error("x_y", -EEXIST);
	expect_error("b", -ENOENT);
	expect_error("evil", -EINVAL);
	expect_error("root", -EINVAL);
}

static void test_names(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "../a", "a.ko", "a/b", "a b", "a\n",
		"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++)
		expect_error(bad[i], -EINVAL);
}

static void test_none(void **state UNUSED)
{
	cleanup_strv struct strv files = STRV_INIT;

	assert_int_equal(module_resolve("/nonexistent", "a", &files), -ENOENT);
}

static int setup(void **state UNUSED)
{
	(void)strcpy(dir, "/tmp/kiln-modules.XXXXXX");
	return mkdtemp(dir) ? 0 : -1;
}

static int teardown(void **state UNUSED)
{
	return remove_tree(AT_FDCWD, dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_resolve),
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_none),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
