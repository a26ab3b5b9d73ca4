// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_LAYOUT_H
#define OSBUILDER_LAYOUT_H

#include "base/buf.h"
#include "gpt.h"
#include "nvdimm.h"
#include "tree.h"
#include "verity.h"

/*
 * Where a filesystem lies in an image file. There are two views of an image: a
 * block device shows the whole, a pmem device with an info block what follows
 * it. In a plain image the filesystem is all there is and both are the same.
 * Else there is a partition table for either view:
 *
 *	0	partition table of the whole	4 KiB	info block
 *	2 MiB	partition table of the pmem view, which begins here
 *	4 MiB	the one partition: the filesystem, and verity's tree behind it
 *
 * Sizes are multiples of 2 MiB, as Linux demands of what it maps with struct
 * pages (memremap_compat_align() in mm/memremap.c), and so is the filesystem's
 * place in either view: else no file could be mapped by huge pages.
 */
#define LAYOUT_ALIGN (UINT64_C(2) << 20)

enum layout_kind {
	LAYOUT_PLAIN,
	LAYOUT_PMEM, /* with info block and partitions */
	LAYOUT_PAPR, /* the same for pseries, with labels at its end */
};

struct partition {
	uint64_t start, size; /* bytes of its view; size 0: there is none */
	uint8_t type;
};

struct layout {
	enum layout_kind kind;
	uint64_t size;	   /* of the image */
	uint64_t fs_pos;   /* of the filesystem, in the image */
	uint64_t fs_size;  /* of the filesystem and what follows it */
	uint64_t pmem_pos; /* where the pmem view begins, in the image */
	struct partition whole, pmem; /* first partition of either view */
	struct gpt gpt;	   /* of the whole, in images of others */
	struct pfn pfn;	   /* unless plain: the info block */
	bool has_verity;
	struct verity verity;
};

/* The UUID that pseries' NVDIMM is to have, for labels to be those of it. */
#define LAYOUT_PAPR_UUID "6b696c6e-0000-8000-8000-726f6f746673"

/* By name; -EINVAL. */
int layout_kind_by_name(const char *name, enum layout_kind *ret);
const char *layout_kind_name(enum layout_kind kind);

/* Makes an image of the filesystem in IMAGE, in place. */
int layout_wrap(struct buf *image, enum layout_kind kind, bool verity,
		struct layout *ret, struct err *reterr);

/* Finds the filesystem in the N bytes of an image; they may be hostile. The
 * numbers are within N. Verity is not looked for. */
void layout_find(const uint8_t *data, size_t n, struct layout *ret);

/* What the guest calls the block device with the filesystem. */
const char *layout_device(const struct layout *l);

/* Whether a file's data can be mapped by DAX, and that by huge pages. */
bool layout_dax(const struct layout *l, const struct node *n);
bool layout_pmd(const struct layout *l, const struct node *n);

#endif
