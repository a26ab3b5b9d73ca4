// SPDX-License-Identifier: Apache-2.0
/* Bytes of a foreign image, given to the reader and to what prints it. */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "osbuilder/erofs.h"
#include "osbuilder/image.h"

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
	}
	image_release(&image);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t *copy;

	look(data, size);
	if (size < EROFS_BLOCK || !erofs_probe(data, size))
		return 0;
	/* Once more with the checksum put right, which no mutation finds. */
	copy = malloc(size);
	if (!copy)
		return 0;
	memcpy(copy, data, size);
	put_le32(copy + EROFS_SUPER_POS + SB_CHECKSUM, erofs_checksum(copy));
	look(copy, size);
	free(copy);
	return 0;
}
