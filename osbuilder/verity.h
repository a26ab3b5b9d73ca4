// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_VERITY_H
#define OSBUILDER_VERITY_H

#include "base/buf.h"
#include "base/err.h"

/*
 * dm-verity: a tree of SHA-256 hashes over a filesystem, whose root hash goes
 * on the kernel's command line. Behind the filesystem's last block come a
 * superblock, as cryptsetup has it, and the tree, its top first.
 */
#define VERITY_BLOCK 4096
#define VERITY_SALT_MAX 256
#define VERITY_LEVELS_MAX 8

struct verity {
	uint64_t data_blocks;
	uint64_t hash_start; /* first block of the tree, from the data's */
	uint64_t tree_blocks;
	uint8_t uuid[16];
	uint8_t salt[VERITY_SALT_MAX];
	size_t salt_size;
	uint8_t root[32];
	bool intact; /* the tree is that of the data */
};

/* Appends superblock and tree to IMAGE, which is whole blocks. The salt is made
 * of the content: the same data give the same bytes. */
int verity_write(struct buf *image, struct verity *ret, struct err *reterr);

/* Looks for a superblock at POS of the N hostile bytes at DATA and hashes what
 * is before it. False when there is none that this code can check. */
bool verity_read(const uint8_t *data, size_t n, uint64_t pos,
		 struct verity *ret);

/* The table of a device of this tree, both parts on DEVICE. A block that is not
 * what it was stops the guest. */
int verity_table(const struct verity *v, const char *device, struct buf *out);

/* Kernel parameters that make such a device the root, of type FSTYPE. */
int verity_cmdline(const struct verity *v, const char *device,
		   const char *fstype, struct buf *out);

#endif
