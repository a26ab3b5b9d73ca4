// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of a foreign image, given to the reader and to what prints it. Images
 * of several MiB are mostly zeros: an input that begins with SPARSE is a list
 * of pieces, each a position and a length in 32 bits and the bytes there. What
 * checksums protect is read once as it is and once with them put right,
 * which no mutation finds.
 */
#include <stdlib.h>
#include <string.h>

#include <sanitizer/asan_interface.h>

#include "base/endian.h"
#include "osbuilder/diff.h"
#include "osbuilder/erofs.h"
#include "osbuilder/ext4.h"
#include "osbuilder/image.h"

#define SPARSE "KSPARSE1"
#define SPARSE_MAX (8u << 20)
#define GUARD 65536
#define PIECE 4096

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void touch(const struct tree *t)
{
	volatile uint8_t sink = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].size)
			sink ^= t->v[i].data[0] ^
				t->v[i].data[t->v[i].size - 1];
}

static void look(const uint8_t *data, size_t size)
{
	struct image image;
	struct err err;

	if (image_open(&image, data, size, &err) == 0) {
		touch(&image.tree);
		(void)json_object_put(image_to_json(&image));
		for (size_t i = 0; i < image.tree.n && i < 64; i++)
			(void)json_object_put(
				node_to_json(&image, &image.tree,
					     &image.tree.v[i]));
		if (diff_images(&image, &image))
			abort();
	}
	image_release(&image);
}

/* Of a partition table: of its entries where they are within bounds, and then
 * of its header. */
static bool mend_gpt(uint8_t *p, size_t n)
{
	uint8_t *h = p + GPT_SECTOR;
	uint64_t pos;
	size_t bytes;

	if (n < 2 * GPT_SECTOR || memcmp(h, "EFI PART", 8) != 0 ||
	    get_le32(h + GH_SIZE) > GPT_SECTOR)
		return false;
	pos = get_le64(h + GH_ENTRIES) % (n / GPT_SECTOR) * GPT_SECTOR;
	bytes = get_le32(h + GH_COUNT) % (GPT_ENTRIES_MAX + 1) * GPT_ENTRY_SIZE;
	if (bytes <= n - pos)
		put_le32(h + GH_ENTRIES_CRC, gpt_crc32(p + pos, bytes));
	put_le32(h + GH_CRC, 0);
	put_le32(h + GH_CRC, gpt_crc32(h, get_le32(h + GH_SIZE)));
	return true;
}

/* Puts right what checksums there are; false when there are none. */
static bool mend(uint8_t *p, size_t n)
{
	bool any = mend_gpt(p, n);
	struct layout l;
	uint8_t *fs;

	if (n >= PFN_POS + PFN_SIZE &&
	    !memcmp(p + PFN_POS, "NVDIMM_PFN_INFO", 16)) {
		put_le64(p + PFN_POS + PFN_CHECKSUM, 0);
		put_le64(p + PFN_POS + PFN_CHECKSUM,
			 fletcher64(p + PFN_POS, PFN_SIZE));
		any = true;
	}
	layout_find(p, n, &l);
	fs = p + l.fs_pos;
	if (l.fs_size >= EROFS_BLOCK && erofs_probe(fs, l.fs_size)) {
		put_le32(fs + EROFS_SUPER_POS + SB_CHECKSUM,
			 erofs_checksum(fs));
		any = true;
	}
	if (ext4_probe(fs, l.fs_size)) {
		put_le32(fs + EXT4_SUPER_POS + ES_CHECKSUM, ext4_checksum(fs));
		any = true;
	}
	return any;
}

/*
 * The image that a list of pieces stands for, in a place that is zero between
 * inputs: asking the system for so many pages anew costs more than reading
 * them. What follows the image is out of bounds.
 */
static uint8_t sparse[SPARSE_MAX + GUARD];
static bool dirty[SPARSE_MAX / PIECE + 2];

static size_t expand(const uint8_t *data, size_t size)
{
	size_t pos = sizeof(SPARSE) - 1, n = 0;

	while (size - pos >= 8) {
		size_t to = get_le32(data + pos) % SPARSE_MAX;
		size_t len = get_le32(data + pos + 4);

		pos += 8;
		if (len > size - pos)
			len = size - pos;
		if (len > SPARSE_MAX - to)
			len = SPARSE_MAX - to;
		memcpy(sparse + to, data + pos, len);
		for (size_t i = to / PIECE; i <= (to + len) / PIECE; i++)
			dirty[i] = true;
		pos += len;
		n = to + len > n ? to + len : n;
	}
	ASAN_POISON_MEMORY_REGION(sparse + n, GUARD);
	return n;
}

/* What mend() wrote is beside what was there. */
static void forget(size_t n)
{
	ASAN_UNPOISON_MEMORY_REGION(sparse + n, GUARD);
	for (size_t i = 0; i <= n / PIECE; i++) {
		if (!dirty[i])
			continue;
		memset(sparse + i * PIECE, 0, 2 * PIECE);
		dirty[i] = false;
	}
}

static void look_twice(uint8_t *p, size_t n)
{
	look(p, n);
	if (mend(p, n))
		look(p, n);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	size_t n;

	if (size >= 8 && !memcmp(data, SPARSE, 8)) {
		n = expand(data, size);
		look_twice(sparse, n);
		forget(n);
		return 0;
	}
	copy = malloc(size ? size : 1);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	look_twice(copy, size);
	free(copy);
	return 0;
}
