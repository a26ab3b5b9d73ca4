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

#include "base/endian.h"
#include "osbuilder/diff.h"
#include "osbuilder/erofs.h"
#include "osbuilder/ext4.h"
#include "osbuilder/image.h"

#define SPARSE "KSPARSE1"
#define SPARSE_MAX (8u << 20)

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
				node_to_json(&image, &image.tree.v[i]));
		if (diff_images(&image, &image))
			abort();
	}
	image_release(&image);
}

/* Puts right what checksums there are; false when there are none. */
static bool mend(uint8_t *p, size_t n)
{
	bool any = false;
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

/* The image that a list of pieces stands for. */
static uint8_t *expand(const uint8_t *data, size_t size, size_t *ret_size)
{
	size_t pos = sizeof(SPARSE) - 1, n = 0;
	uint8_t *p = calloc(1, SPARSE_MAX);

	while (p && size - pos >= 8) {
		size_t to = get_le32(data + pos) % SPARSE_MAX;
		size_t len = get_le32(data + pos + 4);

		pos += 8;
		if (len > size - pos)
			len = size - pos;
		if (len > SPARSE_MAX - to)
			len = SPARSE_MAX - to;
		memcpy(p + to, data + pos, len);
		pos += len;
		n = to + len > n ? to + len : n;
	}
	*ret_size = n;
	return p;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;
	size_t n = size;

	if (size >= 8 && !memcmp(data, SPARSE, 8)) {
		copy = expand(data, size, &n);
	} else {
		copy = malloc(size ? size : 1);
		if (copy)
			memcpy(copy, data, size);
	}
	if (!copy)
		return 0;
	look(copy, n);
	if (mend(copy, n))
		look(copy, n);
	free(copy);
	return 0;
}
