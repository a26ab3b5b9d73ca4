// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SQUASHFS_H
#define OSBUILDER_SQUASHFS_H

#include "fs.h"

/* The superblock on disk: facts of Linux fs/squashfs/squashfs_fs.h. */
#define SQUASHFS_MAGIC 0x73717368
#define SQUASHFS_SUPER_SIZE 96
#define SQUASHFS_ZSTD 6

enum squashfs_super {
	SQ_MAGIC = 0,
	SQ_INODES = 4,
	SQ_TIME = 8,
	SQ_BLOCK_SIZE = 12,
	SQ_FRAGMENTS = 16,
	SQ_COMPRESSION = 20,
	SQ_FLAGS = 24,
	SQ_IDS = 26,
	SQ_MAJOR = 28,
	SQ_MINOR = 30,
	SQ_ROOT = 32,
	SQ_BYTES_USED = 40,
	SQ_ID_TABLE = 48,
	SQ_INODE_TABLE = 64,
	SQ_DIR_TABLE = 72,
	SQ_FRAGMENT_TABLE = 80,
};

/* Written by mksquashfs(1) of squashfs-tools, which is told of each file by a
 * pseudo file definition: nothing of the host is in it. It has no label.
 * -ENOENT when there is no such program, -EINVAL for what it cannot be told. */
int squashfs_write(const struct tree *tree, const struct fs_params *params,
		   struct buf *out, struct err *reterr);

/* Read by own code, for the bytes may be hostile: version 4.0, compressed by
 * zstd or not at all. */
bool squashfs_probe(const uint8_t *data, size_t n);
int squashfs_read(const uint8_t *data, size_t n, struct tree *tree,
		  struct fs_info *info, struct err *reterr);

#endif
