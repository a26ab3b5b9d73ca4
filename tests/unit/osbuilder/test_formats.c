// SPDX-License-Identifier: Apache-2.0
/* What holds for every filesystem format alike. */
#include <errno.h>
#include <unistd.h>

#include "base/endian.h"
#include "osbuilder/ext4.h"
#include "osbuilder/fileio.h"
#include "osbuilder/fs.h"
#include "sample.h"

static const char *const names[] = {"erofs", "ext4", "squashfs"};

/* False where the host lacks what a format is written with. */
static bool build(const char *name, const struct tree *t, struct buf *out)
{
	const struct fs_params p = {.label = "kiln", .time = SAMPLE_TIME};
	struct err err;
	int r = fs_by_name(name)->write(t, &p, out, &err);

	if (r == -ENOENT)
		return false;
	if (r < 0)
		print_error("%s: %s\n", name, err.text);
	assert_int_equal(r, 0);
	return true;
}

static void a_tree_comes_back_from_each(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;

	(void)state;
	sample_tree(&t);
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
		cleanup_tree struct tree back = TREE_INIT;
		struct fs_info info;
		struct err err = {0};

		if (!build(names[i], &t, &out))
			continue;
		assert_ptr_equal(fs_probe(buf_data(&out), out.len),
				 fs_by_name(names[i]));
		if (fs_by_name(names[i])->read(buf_data(&out), out.len, &back,
					       &info, &err) < 0)
			fail_msg("%s: %s", names[i], err.text);
		assert_int_equal(info.time, SAMPLE_TIME);
		assert_int_equal(back.n, t.n);
		for (size_t k = 0; k < t.n; k++)
			same_node(&t.v[k], &back.v[k]);
	}
}

static void the_same_tree_gives_the_same_bytes(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;

	(void)state;
	sample_tree(&t);
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf one = BUF_INIT(IMAGE_MAX);
		cleanup_buf struct buf two = BUF_INIT(IMAGE_MAX);

		if (!build(names[i], &t, &one))
			continue;
		sleep(i == 0); /* the clock must not show */
		assert_true(build(names[i], &t, &two));
		assert_int_equal(one.len, two.len);
		assert_memory_equal(buf_data(&one), buf_data(&two), one.len);
	}
}

static void large_files_are_whole_and_aligned(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree back = TREE_INIT, t = TREE_INIT;
	const struct node *n;
	struct fs_info info;
	struct err err;

	(void)state;
	sample_tree(&t);
	assert_true(build("ext4", &t, &out));
	assert_int_equal(ext4_read(buf_data(&out), out.len, &back, &info, &err),
			 0);
	n = tree_find(&back, "/files/2097157");
	assert_non_null(n);
	assert_int_equal(n->pos % FS_PMD_SIZE, 0);
	assert_true(n->plain && !n->pieces);
}

static uint32_t next(uint32_t *seed)
{
	return *seed = *seed * 1664525 + 1013904223;
}

/* Damage where it hurts, with ext4's checksum put right again. */
static void damage(const char *name, const struct buf *whole, uint32_t seed)
{
	cleanup_tree struct tree back = TREE_INIT;
	size_t n = whole->len, span = n < 1u << 18 ? n : 1u << 18;
	uint8_t *copy = malloc(n);
	struct fs_info info;
	struct err err;

	assert_non_null(copy);
	memcpy(copy, buf_data(whole), n);
	for (int k = 0; k < 8; k++) {
		uint32_t where = next(&seed) >> 4;

		where = k & 1 ? where % 2048 : where % span;
		copy[where] = (uint8_t)(next(&seed) >> 24);
	}
	if (!strcmp(name, "ext4"))
		put_le32(copy + EXT4_SUPER_POS + ES_CHECKSUM,
			 ext4_checksum(copy));
	if (seed & 0x10000)
		n = next(&seed) % n;
	(void)fs_by_name(name)->read(copy, n, &back, &info, &err);
	free(copy);
}

static void damage_is_survived(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE, .mode = 0644}, "/a/b/c",
		   "some text", 9);
	sample_add(&t, (struct node){.type = NODE_LINK, .mode = 0777}, "/a/l",
		   "b/c", 3);
	assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);

		if (!build(names[i], &t, &out))
			continue;
		for (uint32_t seed = 1; seed < 400; seed++)
			damage(names[i], &out, seed);
	}
}

static void set(struct tree *t, size_t i, const char *name, const void *value,
		size_t size)
{
	struct err err;

	assert_int_equal(xattrs_set(&t->v[i].xattrs, name, value, size, &err),
			 0);
}

/* A file of two names with attributes, small ones and one of 3000 bytes. */
static void odd_tree(struct tree *t)
{
	static const uint8_t caps[20] = {1, 0, 0, 2, 0, 0x20};
	char value[3000];
	struct err err;

	memset(value, 'v', sizeof(value));
	sample_add(t, (struct node){.type = NODE_FILE, .mode = 0755, .file = 7},
		   "/b/f", "text", 4);
	set(t, 0, "security.capability", caps, sizeof(caps));
	set(t, 0, "user.long", value, sizeof(value));
	sample_add(t, (struct node){.type = NODE_FILE, .mode = 0755, .file = 7},
		   "/a", "text", 4);
	set(t, 1, "user.long", value, sizeof(value));
	set(t, 1, "security.capability", caps, sizeof(caps));
	sample_add(t, (struct node){.type = NODE_LINK, .mode = 0777}, "/b/l",
		   "f", 1);
	set(t, 2, "trusted.x", "", 0);
	sample_add(t, (struct node){.type = NODE_DIR, .mode = 0700}, "/b", "",
		   0);
	set(t, 3, "user.d", "d", 1);
	assert_int_equal(tree_finish(t, SAMPLE_TIME, &err), 0);
}

static void names_and_attributes_come_back(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;

	(void)state;
	odd_tree(&t);
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
		cleanup_tree struct tree back = TREE_INIT;
		struct fs_info info;
		struct err err = {0};

		assert_true(build(names[i], &t, &out));
		if (fs_by_name(names[i])->read(buf_data(&out), out.len, &back,
					       &info, &err) < 0)
			fail_msg("%s: %s", names[i], err.text);
		assert_int_equal(back.n, t.n);
		for (size_t k = 0; k < t.n; k++) {
			same_node(&t.v[k], &back.v[k]);
			assert_true(xattrs_equal(t.v[k].xattrs,
						 back.v[k].xattrs));
			assert_int_equal(t.v[k].first, back.v[k].first);
			assert_int_equal(t.v[k].names, back.v[k].names);
			assert_false(back.v[k].unread);
		}
		assert_int_equal(tree_find(&back, "/b/f")->names, 2);
		for (uint32_t seed = 1; seed < 400; seed++)
			damage(names[i], &out, seed);
	}
}

/* More than the caps of the readers could take, if each small file cost a block
 * that it shares with others. */
static void many_small_files_come_back(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	uint32_t seed = 1;
	struct err err;

	(void)state;
	for (unsigned int i = 0; i < 9000; i++) {
		char path[32], text[160];

		(void)snprintf(path, sizeof(path), "/d%u/%u", i % 7, i);
		memset(text, 'a' + (int)(next(&seed) % 26), sizeof(text));
		sample_add(&t, (struct node){.type = NODE_FILE, .mode = 0644},
			   path, text, sizeof(text));
	}
	assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
	for (size_t i = 0; i < 3; i++) {
		cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
		cleanup_tree struct tree back = TREE_INIT;
		struct fs_info info;

		assert_true(build(names[i], &t, &out));
		if (fs_by_name(names[i])->read(buf_data(&out), out.len, &back,
					       &info, &err) < 0)
			fail_msg("%s: %s", names[i], err.text);
		assert_int_equal(back.n, t.n);
		for (size_t k = 0; k < t.n; k++)
			same_node(&t.v[k], &back.v[k]);
	}
}

static void what_does_not_fit_is_refused(void **state)
{
	const struct fs_params p = {.label = "kiln", .time = SAMPLE_TIME};
	cleanup_buf struct buf one = BUF_INIT(IMAGE_MAX);
	cleanup_buf struct buf two = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT;
	char value[5000] = "";
	struct err err;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_FILE, .mtime = INT64_C(1) << 33},
		   "/a\nb", "x", 1);
	assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
	assert_int_equal(fs_squashfs.write(&t, &p, &one, &err), -ERANGE);
	/* ext4 has one block for what is not in the inode. */
	set(&t, 1, "user.long", value, sizeof(value));
	assert_true(fs_ext4.write(&t, &p, &two, &err) < 0);
	assert_non_null(strstr(err.text, "/a\nb"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_comes_back_from_each),
		cmocka_unit_test(the_same_tree_gives_the_same_bytes),
		cmocka_unit_test(large_files_are_whole_and_aligned),
		cmocka_unit_test(damage_is_survived),
		cmocka_unit_test(names_and_attributes_come_back),
		cmocka_unit_test(many_small_files_come_back),
		cmocka_unit_test(what_does_not_fit_is_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
