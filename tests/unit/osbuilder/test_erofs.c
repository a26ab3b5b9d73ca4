// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "osbuilder/erofs.h"
#include "osbuilder/fileio.h"
#include "osbuilder/layout.h"
#include "sample.h"

#define SB EROFS_SUPER_POS

static const struct fs_params params = {.label = "test", .time = SAMPLE_TIME};

static void build(struct buf *out)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	sample_tree(&t);
	assert_int_equal(erofs_write(&t, &params, out, &err), 0);
}

static void a_tree_comes_back_as_it_was(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT, back = TREE_INIT;
	struct fs_info info;
	struct err err;

	(void)state;
	sample_tree(&t);
	assert_int_equal(erofs_write(&t, &params, &out, &err), 0);
	assert_int_equal(erofs_read(buf_data(&out), out.len, &back, &info,
				    &err),
			 0);
	assert_int_equal(back.n, t.n);
	for (size_t i = 0; i < t.n; i++)
		same_node(&t.v[i], &back.v[i]);
	assert_int_equal(info.inodes, t.n);
	assert_int_equal(info.block_size, 4096);
	assert_int_equal(info.blocks * 4096, out.len);
	assert_int_equal(info.time, SAMPLE_TIME);
	assert_true(info.checksum);
	assert_string_equal(info.label, "test");
}

static void every_file_is_fit_for_dax(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT;
	struct layout layout;
	struct fs_info info;
	struct err err;

	(void)state;
	build(&out);
	assert_int_equal(layout_wrap(&out, LAYOUT_PLAIN, false, &layout,
				     &err), 0);
	assert_int_equal(out.len % (2 << 20), 0);
	assert_int_equal(erofs_read(buf_data(&out), out.len, &t, &info, &err),
			 0);
	for (size_t i = 0; i < t.n; i++) {
		if (t.v[i].type != NODE_FILE)
			continue;
		assert_true(layout_dax(&layout, &t.v[i]));
		assert_int_equal(layout_pmd(&layout, &t.v[i]),
				 t.v[i].size >= 2 << 20);
	}
}

static void the_same_tree_gives_the_same_bytes(void **state)
{
	cleanup_buf struct buf a = BUF_INIT(IMAGE_MAX);
	cleanup_buf struct buf b = BUF_INIT(IMAGE_MAX);
	cleanup_buf struct buf c = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	build(&a);
	build(&b);
	assert_int_equal(a.len, b.len);
	assert_memory_equal(buf_data(&a), buf_data(&b), a.len);
	sample_add(&t, (struct node){.type = NODE_FILE}, "/a", "x", 1);
	assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
	assert_int_equal(erofs_write(&t, &params, &c, &err), 0);
	assert_memory_not_equal(buf_data(&a) + SB + SB_UUID,
				buf_data(&c) + SB + SB_UUID, 16);
}

static void the_superblock_is_that_of_the_format(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	const uint8_t *sb, *root;

	(void)state;
	build(&out);
	sb = buf_data(&out) + 1024;
	assert_memory_equal(sb, "\xe2\xe1\xf5\xe0", 4);
	assert_int_equal(get_le32(sb + 8), 3);
	assert_int_equal(sb[12], 12);
	assert_int_equal(get_le32(sb + 80), 0);
	root = buf_data(&out) + get_le16(sb + 14) * 32;
	assert_int_equal(get_le16(root + 4), 0040755);
	/* Links to the root: two, and three directories. */
	assert_int_equal(get_le16(root + 6), 5);
}

static void crc32c_is_castagnoli(void **state)
{
	(void)state;
	/* The check value of CRC-32/ISCSI. */
	assert_int_equal(crc32c(UINT32_MAX, "123456789", 9) ^ UINT32_MAX,
			 0xe3069283);
}

static const struct fs_params packed = {
	.label = "kiln", .time = SAMPLE_TIME, .compress = "lz4hc"};

static void a_compressed_tree_comes_back(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_buf struct buf whole = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT, back = TREE_INIT;
	struct fs_info info;
	struct err err;

	(void)state;
	sample_tree(&t);
	assert_int_equal(erofs_write(&t, &packed, &out, &err), 0);
	assert_int_equal(erofs_write(&t, &params, &whole, &err), 0);
	assert_true(out.len < whole.len / 4);
	assert_int_equal(erofs_read(buf_data(&out), out.len, &back, &info,
				    &err), 0);
	assert_string_equal(info.compress, "lz4");
	assert_int_equal(back.n, t.n);
	for (size_t i = 0; i < t.n; i++)
		same_node(&t.v[i], &back.v[i]);
}

/* Noise between what compresses, at any offset to a block; and their ends. */
static void extents_of_both_kinds_come_back(void **state)
{
	size_t max = 400000;
	uint8_t *data = calloc(max, 1);
	struct err err;

	(void)state;
	assert_non_null(data);
	srand(1);
	for (size_t i = 100001; i < 200003; i++)
		data[i] = (uint8_t)rand();
	for (size_t size = 4095; size < max; size += size / 7 + 4001) {
		cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
		cleanup_tree struct tree t = TREE_INIT, back = TREE_INIT;
		struct fs_info info;

		sample_add(&t, (struct node){.type = NODE_FILE}, "/f",
			   data + (max - size) / 2, size);
		assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
		assert_int_equal(erofs_write(&t, &packed, &out, &err), 0);
		assert_int_equal(erofs_read(buf_data(&out), out.len, &back,
					    &info, &err), 0);
		same_node(&t.v[1], &back.v[1]);
	}
	free(data);
}

/* Whatever one bit is turned: an error or a tree, and no foreign memory. */
static void damage_with(const struct fs_params *p)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT;
	static const uint8_t zero[20000];
	struct fs_info info;
	struct err err;
	uint8_t *image;
	size_t size;

	sample_add(&t, (struct node){.type = NODE_FILE}, "/dir/a", "x", 1);
	sample_add(&t, (struct node){.type = NODE_LINK}, "/dir/l", "/a", 2);
	if (p->compress)
		sample_add(&t, (struct node){.type = NODE_FILE}, "/dir/z", zero,
			   sizeof(zero));
	assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
	assert_int_equal(erofs_write(&t, p, &out, &err), 0);
	size = out.len;
	image = malloc(size);
	assert_non_null(image);
	for (size_t bit = 0; bit < 8 * size; bit++) {
		cleanup_tree struct tree back = TREE_INIT;

		if (bit == SB * 8 + 128 * 8)
			bit = 4096 * 8; /* nothing lies between */
		memcpy(image, buf_data(&out), size);
		image[bit / 8] ^= (uint8_t)(1 << bit % 8);
		put_le32(image + SB + SB_CHECKSUM, erofs_checksum(image));
		(void)erofs_read(image, size, &back, &info, &err);
	}
	free(image);
}

static void damage_never_leads_outside(void **state)
{
	(void)state;
	damage_with(&params);
	damage_with(&packed);
}

static void a_wrong_checksum_is_seen(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT;
	struct fs_info info;
	struct err err;

	(void)state;
	build(&out);
	buf_data(&out)[SB + SB_UUID] ^= 1;
	assert_int_equal(erofs_read(buf_data(&out), out.len, &t, &info, &err),
			 -EBADMSG);
}

static void a_cut_image_is_refused(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	static const size_t sizes[] = {0, 1024, 1151, 1152, 4096, 8192};

	(void)state;
	build(&out);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		cleanup_tree struct tree t = TREE_INIT;
		uint8_t *exact = malloc(sizes[i] + 1);
		struct fs_info info;
		struct err err;

		assert_non_null(exact);
		memcpy(exact, buf_data(&out), sizes[i]);
		assert_int_equal(erofs_read(exact, sizes[i], &t, &info, &err),
				 -EINVAL);
		free(exact);
	}
}

/* A directory that holds itself ends by depth, not by memory. */
static void a_cycle_ends(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_tree struct tree t = TREE_INIT, back = TREE_INIT;
	struct fs_info info;
	struct err err;
	uint8_t *root;

	(void)state;
	sample_add(&t, (struct node){.type = NODE_DIR}, "/d", NULL, 0);
	assert_int_equal(tree_finish(&t, SAMPLE_TIME, &err), 0);
	assert_int_equal(erofs_write(&t, &params, &out, &err), 0);
	/* Entries ".", "..", "d" follow the inode. */
	root = buf_data(&out) + 4096 + EROFS_COMPACT_SIZE;
	put_le64(root + 2 * EROFS_DIRENT, get_le64(root));
	assert_int_equal(erofs_read(buf_data(&out), out.len, &back, &info,
				    &err),
			 -EINVAL);
	assert_non_null(strstr(err.text, "cycle"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_tree_comes_back_as_it_was),
		cmocka_unit_test(every_file_is_fit_for_dax),
		cmocka_unit_test(the_same_tree_gives_the_same_bytes),
		cmocka_unit_test(the_superblock_is_that_of_the_format),
		cmocka_unit_test(crc32c_is_castagnoli),
		cmocka_unit_test(a_compressed_tree_comes_back),
		cmocka_unit_test(extents_of_both_kinds_come_back),
		cmocka_unit_test(damage_never_leads_outside),
		cmocka_unit_test(a_wrong_checksum_is_seen),
		cmocka_unit_test(a_cut_image_is_refused),
		cmocka_unit_test(a_cycle_ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
