// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>

#include "agent/mount.h"
#include "base/macros.h"

static struct mount_options o;

static int parse(const char *text)
{
	char *list[] = {(char *)(uintptr_t)text};

	return mount_options_parse(&o, list, 1);
}

static void test_flags(void **state UNUSED)
{
	assert_int_equal(parse("ro,nosuid,nodev,noexec,size=64k,mode=755"), 0);
	assert_int_equal(o.flags, MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC);
	assert_string_equal(o.data, "size=64k,mode=755");
	assert_int_equal(parse("defaults"), 0);
	assert_int_equal(o.flags, 0);
	assert_string_equal(o.data, "");
	assert_int_equal(parse("rbind"), 0);
	assert_int_equal(o.flags, MS_BIND | MS_REC);
}

static void test_last_counts(void **state UNUSED)
{
	assert_int_equal(parse("ro,rw"), 0);
	assert_int_equal(o.flags & MS_RDONLY, 0);
	assert_int_equal(o.clear & MS_RDONLY, MS_RDONLY);
	assert_int_equal(parse("suid,nosuid"), 0);
	assert_int_equal(o.flags & MS_NOSUID, MS_NOSUID);
	assert_int_equal(o.clear & MS_NOSUID, 0);
}

static void test_propagation(void **state UNUSED)
{
	assert_int_equal(parse("rbind,rslave"), 0);
	assert_int_equal(o.propagation, MS_SLAVE | MS_REC);
	assert_int_equal(mount_propagation("shared"), MS_SHARED);
	assert_int_equal(mount_propagation("nonsense"), 0);
}

static void test_recursive(void **state UNUSED)
{
	assert_int_equal(parse("rro,rnosuid"), 0);
	assert_int_equal(o.rec_set, 0x1 | 0x2);
	assert_int_equal(parse("rro,rrw"), 0);
	assert_int_equal(o.rec_set, 0);
	assert_int_equal(o.rec_clear, 1);
	assert_int_equal(parse("rnoatime"), 0);
	assert_int_equal(o.rec_set, 0x10);
	assert_int_equal(o.rec_clear & 0x70, 0x70);
}

static void test_several_elements(void **state UNUSED)
{
	char *list[] = {(char *)(uintptr_t)"ro", (char *)(uintptr_t)"a=b",
			(char *)(uintptr_t)"", (char *)(uintptr_t)"c,nodev"};

	assert_int_equal(mount_options_parse(&o, list, ARRAY_SIZE(list)), 0);
	assert_int_equal(o.flags, MS_RDONLY | MS_NODEV);
	assert_string_equal(o.data, "a=b,c");
}

static void test_too_long(void **state UNUSED)
{
	char *text = malloc(5001);

	memset(text, 'x', 5000);
	text[5000] = '\0';
	assert_int_equal(parse(text), -E2BIG);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_flags),
		cmocka_unit_test(test_last_counts),
		cmocka_unit_test(test_propagation),
		cmocka_unit_test(test_recursive),
		cmocka_unit_test(test_several_elements),
		cmocka_unit_test(test_too_long),
	};

	return cmocka_run_group_tests_name("agent/mount", tests, NULL, NULL);
}
