// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "base/endian.h"
#include "osbuilder/fileio.h"
#include "osbuilder/image.h"
#include "sample.h"

static void build(struct buf *out, enum layout_kind kind, bool verity,
		  struct layout *l)
{
	const struct fs_params p = {.label = "kiln", .time = SAMPLE_TIME};
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	sample_tree(&t);
	assert_int_equal(fs_erofs.write(&t, &p, out, &err), 0);
	assert_int_equal(layout_wrap(out, kind, verity, l, &err), 0);
	assert_int_equal(l->size, out->len);
}

static void each_layout_is_found_again(void **state)
{
	(void)state;
	for (int kind = LAYOUT_PLAIN; kind <= LAYOUT_PAPR; kind++) {
		cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
		struct layout l;
		struct image i;
		struct err err;

		build(&out, (enum layout_kind)kind, true, &l);
		assert_int_equal(image_open(&i, buf_data(&out), out.len, &err),
				 0);
		assert_int_equal(i.layout.kind, kind);
		assert_int_equal(i.layout.fs_pos, l.fs_pos);
		assert_int_equal(i.layout.fs_size, l.fs_size);
		assert_int_equal(i.layout.pmem_pos, l.pmem_pos);
		assert_true(i.layout.has_verity && i.layout.verity.intact);
		assert_memory_equal(i.layout.verity.root, l.verity.root, 32);
		assert_true(layout_pmd(&i.layout,
				       tree_find(&i.tree, "/files/2097157")));
		image_release(&i);
	}
}

/* Offsets and values of drivers/nvdimm/pfn.h, written out once more. */
static void the_info_block_is_what_linux_reads(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	struct layout l;
	const uint8_t *p;

	(void)state;
	build(&out, LAYOUT_PMEM, false, &l);
	p = buf_data(&out) + 4096;
	assert_memory_equal(p, "NVDIMM_PFN_INFO", 16);
	assert_int_equal(get_le64(p + 32) | get_le64(p + 40), 0);
	assert_int_equal(get_le32(p + 48), 0);
	assert_int_equal(get_le16(p + 52), 1);
	assert_int_equal(get_le16(p + 54), 4);
	assert_int_equal(get_le64(p + 56), 2 << 20);
	assert_int_equal(get_le64(p + 64), (out.len - (2 << 20)) / 4096);
	assert_int_equal(get_le32(p + 72), 1);
	assert_int_equal(get_le32(p + 84), 2 << 20);
	assert_int_equal(out.len % (2 << 20), 0);
}

static void the_labels_are_what_linux_reads(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	uint8_t index[256];
	struct layout l;
	const uint8_t *p;
	uint64_t size, sum;

	(void)state;
	build(&out, LAYOUT_PAPR, false, &l);
	assert_true(labels_read(buf_data(&out), out.len, &size));
	assert_int_equal(size % PAPR_BLOCK, 0);
	assert_int_equal(size + LABEL_AREA_SIZE, out.len);
	p = buf_data(&out) + size;
	memcpy(index, p, sizeof(index));
	assert_memory_equal(index, "NAMESPACE_INDEX", 16);
	sum = get_le64(index + 64);
	put_le64(index + 64, 0);
	assert_int_equal(fletcher64(index, sizeof(index)), sum);
	assert_int_equal(get_le32(index + 56), 510);
	assert_int_equal(index[72], 0xfe); /* the first slot is in use */
	/* The namespace's UUID is the parent of the info block. */
	assert_memory_equal(p + 512, l.pfn.parent, 16);
	assert_int_not_equal(get_le64(l.pfn.parent), 0);
}

static void a_fletcher_sum_is_linux_s(void **state)
{
	static const uint8_t v[8] = {1, 0, 0, 0, 2, 0, 0, 0};

	(void)state;
	/* low 1, 3; high 1, 4 */
	assert_true(fletcher64(v, 8) == (UINT64_C(4) << 32 | 3));
}

static void verity_sees_each_damage(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	struct layout l;
	struct verity v;
	uint64_t end;
	uint8_t *p;

	(void)state;
	build(&out, LAYOUT_PLAIN, true, &l);
	end = l.verity.data_blocks * VERITY_BLOCK;
	p = buf_data(&out);
	assert_true(verity_read(p, out.len, end, &v) && v.intact);
	for (uint64_t at = 77; at < end; at += end / 7) {
		p[at] ^= 8;
		assert_true(verity_read(p, out.len, end, &v) && !v.intact);
		p[at] ^= 8;
	}
	p[end + VERITY_BLOCK + 5] ^= 1;
	assert_true(verity_read(p, out.len, end, &v) && !v.intact);
	/* Cut off, it is not intact; elsewhere there is none. */
	assert_true(verity_read(p, end + VERITY_BLOCK, end, &v) && !v.intact);
	assert_false(verity_read(p, out.len, end - VERITY_BLOCK, &v));
	assert_false(verity_read(p, out.len, out.len + VERITY_BLOCK, &v));
}

/* The example of the kernel's documentation has no data; these are the sizes
 * at which a level is added. */
static void a_tree_has_the_levels_it_needs(void **state)
{
	static const struct {
		uint64_t blocks, tree;
	} v[] = {{1, 1}, {128, 1}, {129, 3}, {128 * 128, 129}};

	(void)state;
	for (size_t i = 0; i < 4; i++) {
		cleanup_buf struct buf b = BUF_INIT(IMAGE_MAX);
		struct verity verity;
		struct err err;

		assert_int_equal(buf_put_zero(&b, v[i].blocks * VERITY_BLOCK),
				 0);
		assert_int_equal(verity_write(&b, &verity, &err), 0);
		assert_int_equal(verity.tree_blocks, v[i].tree);
		assert_int_equal(b.len, (v[i].blocks + 1 + v[i].tree) *
						VERITY_BLOCK);
	}
}

static void hostile_tables_stay_inside(void **state)
{
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	uint32_t seed = 7;
	struct layout l;
	struct image i;
	struct err err;

	(void)state;
	build(&out, LAYOUT_PMEM, true, &l);
	for (int round = 0; round < 200; round++) {
		cleanup_free uint8_t *copy = malloc(out.len);

		assert_non_null(copy);
		memcpy(copy, buf_data(&out), out.len);
		for (int k = 0; k < 4; k++) {
			seed = seed * 1664525 + 1013904223;
			copy[(k & 1 ? 446 : 4096 + 48) + (seed >> 8) % 40] =
				(uint8_t)(seed >> 24);
		}
		put_le64(copy + 8184, 0);
		put_le64(copy + 8184, fletcher64(copy + 4096, 4096));
		if (image_open(&i, copy, out.len >> (round % 8), &err) == 0)
			(void)json_object_put(image_to_json(&i));
		image_release(&i);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(each_layout_is_found_again),
		cmocka_unit_test(the_info_block_is_what_linux_reads),
		cmocka_unit_test(the_labels_are_what_linux_reads),
		cmocka_unit_test(a_fletcher_sum_is_linux_s),
		cmocka_unit_test(verity_sees_each_damage),
		cmocka_unit_test(a_tree_has_the_levels_it_needs),
		cmocka_unit_test(hostile_tables_stay_inside),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
