// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_LAYOUT_H
#define OSBUILDER_LAYOUT_H

#include "base/buf.h"
#include "tree.h"

/*
 * Where a filesystem lies in an image file. There are two views of an image: a
 * block device shows the whole, a pmem device with an info block what follows
 * it. Today the filesystem is all there is and both views are the same; what
 * comes later (info block, verity tree) changes these numbers and nothing else.
 *
 * Sizes are multiples of 2 MiB, as Linux demands of what it maps with struct
 * pages (memremap_compat_align() in mm/memremap.c), and so is the filesystem's
 * place in either view: else no file could be mapped by huge pages.
 */
#define LAYOUT_ALIGN (UINT64_C(2) << 20)

struct layout {
	uint64_t size;	   /* of the image */
	uint64_t fs_pos;   /* of the filesystem, in the image */
	uint64_t fs_size;  /* of the filesystem with its padding */
	uint64_t pmem_pos; /* where the pmem view begins, in the image */
};

/* Makes an image of the filesystem in IMAGE, in place. */
int layout_wrap(struct buf *image, struct layout *ret);

/* Finds the filesystem in the N bytes of an image; they may be hostile. The
 * numbers are within N. */
void layout_find(const uint8_t *data, size_t n, struct layout *ret);

/* Whether a file's data can be mapped by DAX, and that by huge pages. */
bool layout_dax(const struct layout *l, const struct node *n);
bool layout_pmd(const struct layout *l, const struct node *n);

#endif
