// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_FS_H
#define OSBUILDER_FS_H

#include "base/buf.h"
#include "tree.h"

#define FS_LABEL_MAX 16
#define FS_PMD_SIZE (UINT64_C(2) << 20)

/* What a writer is told beside the tree. */
struct fs_params {
	const char *label; /* shorter than FS_LABEL_MAX */
	int64_t time;
	const char *compress; /* NULL for what the format does by itself */
};

/* What a reader found beside the tree. */
struct fs_info {
	uint8_t uuid[16];
	char label[FS_LABEL_MAX + 1];
	uint32_t block_size;
	uint64_t blocks;
	uint64_t inodes;
	uint64_t root; /* number of the root's inode */
	int64_t time;
	uint32_t feature_compat;
	uint32_t feature_incompat;
	bool checksum; /* there is one; a wrong one is an error */
	const char *compress; /* what files may be compressed by, or NULL */
};

/*
 * A read-only filesystem format. Writing takes a finished tree and appends to
 * an empty buffer; the same tree and parameters give the same bytes. Reading
 * takes hostile bytes and yields a finished tree that refers to them.
 */
struct fs_ops {
	const char *name;
	int (*write)(const struct tree *tree, const struct fs_params *params,
		     struct buf *out, struct err *reterr);
	bool (*probe)(const uint8_t *data, size_t n);
	int (*read)(const uint8_t *data, size_t n, struct tree *tree,
		    struct fs_info *info, struct err *reterr);
};

extern const struct fs_ops fs_erofs, fs_ext4, fs_squashfs;

/* By name, and by content; NULL when there is none. */
const struct fs_ops *fs_by_name(const char *name);
const struct fs_ops *fs_probe(const uint8_t *data, size_t n);

#endif
