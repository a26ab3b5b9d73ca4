// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/endian.h"
#include "base/err.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "test.h"

static void buf_grows_to_its_cap_and_no_further(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(1000);
	uint8_t chunk[100] = {7};
	int i;

	(void)state;
	for (i = 0; i < 10; i++)
		assert_int_equal(buf_put(&b, chunk, sizeof(chunk)), 0);
	assert_int_equal(b.len, 1000);
	assert_int_equal(buf_put_u8(&b, 1), -EMSGSIZE);
	assert_int_equal(buf_error(&b), -EMSGSIZE);
	buf_consume(&b, 500); /* room again, but the error stays */
	assert_int_equal(buf_put_u8(&b, 1), -EMSGSIZE);
	assert_null(buf_reserve(&b, 1));
	buf_clear(&b);
	assert_int_equal(buf_put_u8(&b, 1), 0);
}

static void buf_consumes_like_a_queue(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(4096);
	unsigned int written = 0, taken = 0, i;

	(void)state;
	for (i = 0; i < 10000; i++) {
		assert_int_equal(buf_put_le32(&b, written++), 0);
		assert_int_equal(buf_put_le32(&b, written++), 0);
		while (b.len > 300) {
			assert_int_equal(get_le32(buf_data(&b)), taken++);
			buf_consume(&b, 4);
		}
	}
	assert_true(b.size <= 3 * 4096);
}

static void buf_text_ends_with_nul(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(5);
	char *s;

	(void)state;
	assert_int_equal(buf_printf(&b, "%s-%d", "abc", 4), 0);
	assert_string_equal(buf_cstr(&b), "abc-4");
	assert_int_equal(buf_printf(&b, "x"), -EMSGSIZE);
	buf_clear(&b);
	(void)buf_put_str(&b, "hello");
	buf_consume(&b, 2);
	s = buf_take_cstr(&b);
	assert_string_equal(s, "llo");
	free(s);
}

static void reader_fails_past_the_end_and_stays_failed(void **state)
{
	const uint8_t bytes[] = {1, 2, 3, 4, 5};
	struct buf_reader r = buf_reader_of(bytes, sizeof(bytes));

	(void)state;
	assert_int_equal(buf_reader_be32(&r), 0x01020304);
	assert_int_equal(buf_reader_le16(&r), 0);
	assert_true(r.failed);
	assert_int_equal(buf_reader_u8(&r), 0);
	r = buf_reader_of(bytes, sizeof(bytes));
	assert_null(buf_reader_get(&r, SIZE_MAX));
}

static void integers_keep_their_byte_order(void **state)
{
	uint8_t p[8];

	(void)state;
	put_le64(p, 0x0102030405060708);
	assert_int_equal(p[0], 8);
	assert_int_equal(get_be64(p), 0x0807060504030201);
	put_be32(p, 0xfffefdfc);
	assert_int_equal(get_le32(p), 0xfcfdfeff);
	assert_int_equal(get_be16(p), 0xfffe);
}

static void numbers_are_whole_strings_in_range(void **state)
{
	uint64_t u64 = 0;
	uint32_t u32 = 0;
	int64_t i64 = 0;

	(void)state;
	assert_int_equal(parse_u64("18446744073709551615", 10, &u64), 0);
	assert_true(u64 == UINT64_MAX);
	assert_int_equal(parse_u64("18446744073709551616", 10, &u64), -ERANGE);
	assert_int_equal(parse_u32("4294967296", 10, &u32), -ERANGE);
	assert_int_equal(parse_u32("ff", 16, &u32), 0);
	assert_int_equal(u32, 255);
	assert_int_equal(parse_u32("", 10, &u32), -EINVAL);
	assert_int_equal(parse_u32(" 1", 10, &u32), -EINVAL);
	assert_int_equal(parse_u32("+1", 10, &u32), -EINVAL);
	assert_int_equal(parse_u32("1x", 10, &u32), -EINVAL);
	assert_int_equal(parse_u32("089", 8, &u32), -EINVAL);
	assert_int_equal(parse_i64("-9223372036854775808", &i64), 0);
	assert_true(i64 == INT64_MIN);
	assert_int_equal(parse_i64("9223372036854775808", &i64), -ERANGE);
	assert_int_equal(parse_i64("-", &i64), -EINVAL);
	assert_int_equal(parse_size("64M", &u64), 0);
	assert_true(u64 == 64u << 20);
	assert_int_equal(parse_size("99999999999T", &u64), -ERANGE);
	assert_int_equal(parse_size("M", &u64), -EINVAL);
}

static void paths_are_normal_or_not(void **state)
{
	static const char *const good[] = {"/", "/a", "/a/b.c", "/..a/b.."};
	static const char *const bad[] = {"",	   "a",	    "/a/",  "//",
					  "/a//b", "/a/./b", "/..", "/a/.."};
	size_t i;
	char *s;

	(void)state;
	for (i = 0; i < ARRAY_SIZE(good); i++)
		assert_true(path_is_normal(good[i]));
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_false(path_is_normal(bad[i]));
	s = path_join("/a//", "/b");
	assert_string_equal(s, "/a/b");
	free(s);
	assert_string_equal(path_base("/a/b"), "b");
}

static void identifiers_are_one_safe_component(void **state)
{
	char longest[130];

	(void)state;
	assert_true(id_is_valid("a"));
	assert_true(id_is_valid("0f_A.b+c-d"));
	assert_false(id_is_valid(""));
	assert_false(id_is_valid("."));
	assert_false(id_is_valid(".."));
	assert_false(id_is_valid("../x"));
	assert_false(id_is_valid("a/b"));
	assert_false(id_is_valid("-a"));
	assert_false(id_is_valid("a\n"));
	assert_false(id_is_valid("\xc3\xa4"));
	memset(longest, 'a', sizeof(longest));
	longest[128] = '\0';
	assert_true(id_is_valid(longest));
	longest[128] = 'a';
	longest[129] = '\0';
	assert_false(id_is_valid(longest));
}

static void errors_wrap_from_the_outside(void **state)
{
	struct err e;

	(void)state;
	errno = ENOENT;
	assert_int_equal(err_errno(&e, "open '%s'", "x"), -ENOENT);
	assert_int_equal(err_wrap(&e, "sandbox '%s'", "s"), -ENOENT);
	assert_string_equal(e.text,
			    "sandbox 's': open 'x': No such file or directory");
}

static void escaped_text_cannot_drive_a_terminal(void **state)
{
	char out[32];

	(void)state;
	assert_string_equal(log_escape(out, sizeof(out), "a\x1b[2J\n\t\x80", 8),
			    "a\\x1b[2J\\x0a \\x80");
	assert_string_equal(log_escape(out, 4, "abc", 3), "abc");
	assert_string_equal(log_escape(out, 4, "abcd", 4), "abc");
	assert_true(strlen(log_escape(out, sizeof(out),
				      "\n\n\n\n\n\n\n\n\n\n\n\n", 12)) < 32);
}

static void strv_is_an_argv(void **state)
{
	cleanup_strv struct strv s = STRV_INIT;

	(void)state;
	assert_null(strv_argv(&s)[0]);
	(void)strv_add(&s, "a");
	(void)strv_addf(&s, "%d", 5);
	assert_int_equal(strv_error(&s), 0);
	assert_string_equal(strv_argv(&s)[1], "5");
	assert_null(strv_argv(&s)[2]);
	assert_true(strv_contains(&s, "a"));
	assert_false(strv_contains(&s, "b"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(buf_grows_to_its_cap_and_no_further),
		cmocka_unit_test(buf_consumes_like_a_queue),
		cmocka_unit_test(buf_text_ends_with_nul),
		cmocka_unit_test(reader_fails_past_the_end_and_stays_failed),
		cmocka_unit_test(integers_keep_their_byte_order),
		cmocka_unit_test(numbers_are_whole_strings_in_range),
		cmocka_unit_test(paths_are_normal_or_not),
		cmocka_unit_test(identifiers_are_one_safe_component),
		cmocka_unit_test(errors_wrap_from_the_outside),
		cmocka_unit_test(escaped_text_cannot_drive_a_terminal),
		cmocka_unit_test(strv_is_an_argv),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
