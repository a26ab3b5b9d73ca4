// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SQUASHFS_H
#define OSBUILDER_SQUASHFS_H

#include "fs.h"

/* The superblock on disk: facts of Linux fs/squashfs/squashfs_fs.h. */
#define SQUASHFS_MAGIC 0x73717368
#define SQUASHFS_SUPER_SIZE 96
#define SQUASHFS_ZSTD 6
#define SQ_BLOCK_BITS 17 /* of what is written */
#define SQ_BLOCK (1u << SQ_BLOCK_BITS)
#define SQ_META 8192u
#define SQ_STORED (1u << 24) /* of a data block's size: not compressed */
#define SQ_NO_FRAGMENT 0xffffffffu
#define SQ_NO_XATTRS 0xffffffffu
#define SQ_NO_TABLE UINT64_MAX
#define SQ_FLAG_NO_XATTRS 0x200

enum squashfs_type {
	SQ_DIR = 1,
	SQ_FILE,
	SQ_LINK,
	SQ_BLOCK_DEVICE,
	SQ_CHAR,
	SQ_FIFO,
	SQ_SOCKET,
};
#define SQ_EXTENDED 7 /* added to one of these */

/* The name spaces of extended attributes. */
enum squashfs_xattr {
	SQ_XATTR_USER,
	SQ_XATTR_TRUSTED,
	SQ_XATTR_SECURITY,
};
#define SQ_XATTR_SPACE 0xff
#define SQ_XATTR_ELSEWHERE 0x100 /* the value is the place of the value */

enum squashfs_super {
	SQ_MAGIC = 0,
	SQ_INODES = 4,
	SQ_TIME = 8,
	SQ_BLOCK_SIZE = 12,
	SQ_FRAGMENTS = 16,
	SQ_COMPRESSION = 20,
	SQ_BLOCK_LOG = 22,
	SQ_FLAGS = 24,
	SQ_IDS = 26,
	SQ_MAJOR = 28,
	SQ_MINOR = 30,
	SQ_ROOT = 32,
	SQ_BYTES_USED = 40,
	SQ_ID_TABLE = 48,
	SQ_XATTR_TABLE = 56,
	SQ_INODE_TABLE = 64,
	SQ_DIR_TABLE = 72,
	SQ_FRAGMENT_TABLE = 80,
	SQ_EXPORT_TABLE = 88,
};

/* Compressed by zstd in blocks of 128 KiB. It has no label. -ERANGE for times
 * beyond 32 bits. */
int squashfs_write(const struct tree *tree, const struct fs_params *params,
		   struct buf *out, struct err *reterr);

/* Read by own code, for the bytes may be hostile: version 4.0, compressed by
 * zstd or not at all. */
bool squashfs_probe(const uint8_t *data, size_t n);
int squashfs_read(const uint8_t *data, size_t n, struct tree *tree,
		  struct fs_info *info, struct err *reterr);

#endif
