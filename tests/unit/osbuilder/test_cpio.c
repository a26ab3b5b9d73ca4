// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "osbuilder/cpio.h"
#include "osbuilder/fileio.h"
#include "sample.h"

static void a_tree_comes_back_as_it_was(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT, back = TREE_INIT;
	struct err err;

	(void)state;
	sample_tree(&t);
	assert_int_equal(cpio_write(&t, &out, &err), 0);
	assert_int_equal(out.len % 4, 0);
	assert_true(cpio_probe(buf_data(&out), out.len));
	assert_int_equal(cpio_read(buf_data(&out), out.len, &back, &err), 0);
	assert_int_equal(back.n, t.n);
	for (size_t i = 1; i < t.n; i++)
		same_node(&t.v[i], &back.v[i]);
}

static void the_bytes_are_those_of_the_format(void **state)
{
	/* From Linux Documentation/driver-api/early-userspace/
	 * buffer-format.rst, by hand. */
	static const char expected[] =
		"070701" "00000001" "000081A4" "00000001" "00000002"
		"00000001" "00000010" "00000003" "00000000" "00000000"
		"00000000" "00000000" "00000002" "00000000"
		"a\0" "abc\0"
		"070701" "00000000" "00000000" "00000000" "00000000"
		"00000001" "00000000" "00000000" "00000000" "00000000"
		"00000000" "00000000" "0000000B" "00000000"
		"TRAILER!!!\0\0\0";
	cleanup_buf struct buf out = BUF_INIT(4096);
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE, .mode = 0644, .uid = 1,
				     .gid = 2, .mtime = 16},
		   "/a", "abc", 3);
	assert_int_equal(tree_finish(&t, 0, &err), 0);
	assert_int_equal(cpio_write(&t, &out, &err), 0);
	assert_int_equal(out.len, sizeof(expected));
	assert_memory_equal(buf_data(&out), expected, out.len);
}

static void every_early_end_is_seen(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(4096);
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE}, "/a", "abcdef", 6);
	assert_int_equal(tree_finish(&t, 0, &err), 0);
	assert_int_equal(cpio_write(&t, &out, &err), 0);
	for (size_t n = 0; n < out.len - 4; n++) {
		cleanup_tree struct tree back = TREE_INIT;
		uint8_t *exact = malloc(n + 1); /* for the sanitizer to see */

		assert_non_null(exact);
		memcpy(exact, buf_data(&out), n);
		assert_int_equal(cpio_read(exact, n, &back, &err), -EINVAL);
		free(exact);
	}
}

static void hostile_archives_are_refused(void **state)
{
	static const struct {
		size_t pos;
		const char *text;
	} bad[] = {
		{14, "00000000"},  /* mode: no type that is known */
		{54, "FFFFFFFF"},  /* size */
		{94, "FFFFFFFF"},  /* name size */
		{94, "00000000"},
		{54, "0000000g"},
		{110, ".."},
		{110, "\0\0"},
	};
	cleanup_buf struct buf out = BUF_INIT(4096);
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE}, "/ab", "abcdef", 6);
	assert_int_equal(tree_finish(&t, 0, &err), 0);
	assert_int_equal(cpio_write(&t, &out, &err), 0);
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		cleanup_tree struct tree back = TREE_INIT;
		uint8_t image[4096];

		memcpy(image, buf_data(&out), out.len);
		memcpy(image + bad[i].pos, bad[i].text,
		       bad[i].pos == 110 ? 2 : 8);
		assert_int_equal(cpio_read(image, out.len, &back, &err),
				 -EINVAL);
	}
}

static void a_time_that_does_not_fit_is_refused(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(4096);
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE, .mtime = 1LL << 32},
		   "/a", NULL, 0);
	assert_int_equal(tree_finish(&t, 0, &err), 0);
	assert_int_equal(cpio_write(&t, &out, &err), -ERANGE);
}

static void the_cap_of_the_buffer_holds(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(300);
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE}, "/a", "abcdef", 6);
	sample_add(&t, (struct node){.type = NODE_FILE}, "/b", "abcdef", 6);
	assert_int_equal(tree_finish(&t, 0, &err), 0);
	assert_int_equal(cpio_write(&t, &out, &err), -EMSGSIZE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_comes_back_as_it_was),
		cmocka_unit_test(the_bytes_are_those_of_the_format),
		cmocka_unit_test(every_early_end_is_seen),
		cmocka_unit_test(hostile_archives_are_refused),
		cmocka_unit_test(a_time_that_does_not_fit_is_refused),
		cmocka_unit_test(the_cap_of_the_buffer_holds),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
