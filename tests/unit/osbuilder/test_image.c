// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "osbuilder/cpio.h"
#include "osbuilder/fileio.h"
#include "osbuilder/image.h"
#include "osbuilder/meta.h"
#include "sample.h"

static char dir[] = "/tmp/test_image.XXXXXX";

static void in_dir(char *path, size_t size, const char *name)
{
	(void)snprintf(path, size, "%s/%s", dir, name);
}

static void an_initrd_is_opened_packed_and_plain(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_buf struct buf packed = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT;
	struct image image;
	struct err err;

	(void)state;
	sample_tree(&t);
	assert_int_equal(cpio_write(&t, &out, &err), 0);
	assert_int_equal(zstd_compress(buf_data(&out), out.len, &packed, &err),
			 0);
	assert_int_equal(image_open(&image, buf_data(&packed), packed.len,
				    &err),
			 0);
	assert_true(image.compressed);
	assert_int_equal(image.size, out.len);
	assert_int_equal(image.tree.n, t.n);
	image_release(&image);
	assert_int_equal(image_open(&image, buf_data(&out), out.len, &err), 0);
	assert_false(image.compressed);
	image_release(&image);
	/* Cut short, the packed one must not be taken for a whole. */
	assert_int_equal(image_open(&image, buf_data(&packed), packed.len - 5,
				    &err),
			 -EINVAL);
	image_release(&image);
}

static void a_bomb_stops_at_the_cap(void **state)
{
	cleanup_buf struct buf packed = BUF_INIT(16 << 20);
	cleanup_buf struct buf back = BUF_INIT(1 << 20);
	uint8_t *zero = calloc(1, 8 << 20);
	struct err err;

	(void)state;
	assert_non_null(zero);
	assert_int_equal(zstd_compress(zero, 8 << 20, &packed, &err), 0);
	assert_int_equal(zstd_decompress(buf_data(&packed), packed.len, &back,
					 &err),
			 -EFBIG);
	free(zero);
}

static void what_is_no_image_is_refused(void **state)
{
	uint8_t junk[8192] = {0};
	struct image image;
	struct err err;

	(void)state;
	assert_int_equal(image_open(&image, junk, sizeof(junk), &err),
			 -EINVAL);
	image_release(&image);
	assert_int_equal(image_open(&image, junk, 0, &err), -EINVAL);
	image_release(&image);
}

static void files_are_written_whole_with_holes(void **state)
{
	uint8_t data[3 * 4096 + 5] = {1}, *back;
	char path[128];
	struct err err;
	size_t n;

	(void)state;
	data[sizeof(data) - 1] = 9;
	in_dir(path, sizeof(path), "file");
	assert_int_equal(file_write(path, data, sizeof(data), &err), 0);
	assert_int_equal(file_read(path, sizeof(data), &back, &n, &err), 0);
	assert_int_equal(n, sizeof(data));
	assert_memory_equal(back, data, n);
	free(back);
	assert_int_equal(file_read(path, n - 1, &back, &n, &err), -EFBIG);
	assert_int_equal(file_read(dir, 1, &back, &n, &err), -EINVAL);
	assert_int_equal(file_write("/nonexistent/x", data, 1, &err), -ENOENT);
}

static void put(const char *name, const char *text)
{
	char path[128];
	struct err err;

	in_dir(path, sizeof(path), name);
	assert_int_equal(file_write(path, text, strlen(text), &err), 0);
}

static const char *text_at(struct json_object *o, const char *key)
{
	return json_object_get_string(json_object_object_get(o, key));
}

static void a_guest_is_described(void **state)
{
	cleanup_strv struct strv artifacts = STRV_INIT, features = STRV_INIT;
	cleanup_strv struct strv cmdlines = STRV_INIT, lists = STRV_INIT;
	char inputs[128], kernel_json[128];
	struct meta_params p = {.arch = "s390x",
				.version = "1.2",
				.inputs = &lists,
				.kernel_json = kernel_json,
				.cmdlines = &cmdlines,
				.artifacts = &artifacts,
				.features = &features};
	struct json_object *o, *a;
	struct err err;

	(void)state;
	put("abc", "abc");
	put("cmd1", "# Comment.\nquiet\t# says little\n\n");
	put("cmd2", "a=b # c\n");
	put("inputs", "deb musl-dev s390x 1.2.3-1 00ff musl.deb\n");
	put("kernel.json", "{\"release\": \"6.12\"}");
	in_dir(inputs, sizeof(inputs), "inputs");
	(void)strv_add(&lists, inputs);
	in_dir(kernel_json, sizeof(kernel_json), "kernel.json");
	(void)strv_addf(&cmdlines, "%s/cmd1", dir);
	(void)strv_addf(&cmdlines, "%s/cmd2", dir);
	(void)strv_addf(&artifacts, "agent=%s/abc", dir);
	(void)strv_add(&features, "dax");
	assert_int_equal(meta_build(&p, &o, &err), 0);
	assert_string_equal(text_at(o, "schema"), "kiln.image/1");
	assert_string_equal(
		json_object_to_json_string_ext(
			json_object_object_get(o, "cmdline"),
			JSON_C_TO_STRING_PLAIN),
		"[\"quiet\",\"a=b\"]");
	a = json_object_array_get_idx(json_object_object_get(o, "artifacts"),
				      0);
	assert_string_equal(text_at(a, "name"), "agent");
	/* The example of FIPS 180-2. */
	assert_string_equal(text_at(a, "sha256"),
			    "ba7816bf8f01cfea414140de5dae2223"
			    "b00361a396177a9cb410ff61f20015ad");
	a = json_object_array_get_idx(json_object_object_get(o, "inputs"), 0);
	assert_string_equal(text_at(a, "version"), "1.2.3-1");
	assert_string_equal(
		text_at(json_object_object_get(o, "versions"), "kernel"),
		"6.12");
	(void)json_object_put(o);
	(void)strv_addf(&artifacts, "gone=%s/gone", dir);
	assert_int_equal(meta_build(&p, &o, &err), -ENOENT);
	put("kernel.json", "[1]");
	assert_int_equal(meta_build(&p, &o, &err), -EINVAL);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"file", "abc", "cmd1", "cmd2",
					    "inputs", "kernel.json"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		in_dir(path, sizeof(path), names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_initrd_is_opened_packed_and_plain),
		cmocka_unit_test(a_bomb_stops_at_the_cap),
		cmocka_unit_test(what_is_no_image_is_refused),
		cmocka_unit_test(files_are_written_whole_with_holes),
		cmocka_unit_test(a_guest_is_described),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
