// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_EROFS_H
#define OSBUILDER_EROFS_H

#include <stdint.h>

#include "fs.h"

/*
 * EROFS on disk: facts of Linux fs/erofs/erofs_fs.h. Integers are little
 * endian. The fields are given as offsets, since they are read and written
 * byte by byte.
 */
#define EROFS_BLOCK_BITS 12
#define EROFS_BLOCK (1u << EROFS_BLOCK_BITS)
#define EROFS_SLOT 32 /* inode numbers count these */

#define EROFS_SUPER_POS 1024
#define EROFS_SUPER_SIZE 128
#define EROFS_MAGIC 0xe0f5e1e2

enum erofs_super {
	SB_MAGIC = 0,
	SB_CHECKSUM = 4,
	SB_FEATURE_COMPAT = 8,
	SB_BLOCK_BITS = 12,
	SB_ROOT_NID = 14,
	SB_INODES = 16,
	SB_TIME = 24,
	SB_TIME_NSEC = 32,
	SB_BLOCKS = 36,
	SB_META_BLOCK = 40,
	SB_XATTR_BLOCK = 44,
	SB_UUID = 48,
	SB_LABEL = 64,
	SB_FEATURE_INCOMPAT = 80,
	SB_ALGORITHMS = 84,
	SB_DIR_BLOCK_BITS = 90,
};

#define EROFS_COMPAT_CHECKSUM 0x1
#define EROFS_COMPAT_MTIME 0x2

/* Both sizes of inode begin alike. */
enum erofs_inode {
	IN_FORMAT = 0,
	IN_XATTR_COUNT = 2,
	IN_MODE = 4,
	IN_COMPACT_NLINK = 6,
	IN_SIZE = 8, /* 4 bytes compact, 8 extended */
	IN_UNION = 16, /* first block or device number */
	IN_INO = 20,
	IN_COMPACT_UID = 24,
	IN_COMPACT_GID = 26,
	IN_UID = 24,
	IN_GID = 28,
	IN_MTIME = 32,
	IN_NLINK = 44,
};

#define EROFS_COMPACT_SIZE 32
#define EROFS_EXTENDED_SIZE 64

/* Of IN_FORMAT: bit 0 says extended, the next three where the data is. */
#define EROFS_EXTENDED 0x1
#define EROFS_DATA_SHIFT 1
#define EROFS_DATA_MASK 0x7
#define EROFS_DATA_PLAIN 0   /* whole blocks */
#define EROFS_DATA_PACKED 1  /* compressed, with a full index */
#define EROFS_DATA_INLINE 2  /* whole blocks, the rest after the inode */
#define EROFS_DATA_COMPACT 3 /* compressed, with a compact index */

/* Extended attributes follow the inode: a header, numbers of attributes that
 * inodes share, then entries at multiples of 4. IN_XATTR_COUNT is what all of it
 * takes but for the header, in units of 4, and one. */
#define EROFS_XATTR_HEAD 12
#define EROFS_XATTR_SHARED 4 /* in the header: the count, one byte */
#define EROFS_XATTR_ENTRY 4
enum erofs_xattr {
	XE_NAME_SIZE = 0,
	XE_SPACE = 1, /* enum xattr_space */
	XE_SIZE = 2,
};

#define EROFS_DIRENT 12
enum erofs_dirent {
	DE_NID = 0,
	DE_NAME_POS = 8,
	DE_TYPE = 10,
};

/* As d_type in directory entries: Linux include/linux/fs_types.h, FT_*. */
uint8_t erofs_file_type(enum node_type type);

int erofs_write(const struct tree *tree, const struct fs_params *params,
		struct buf *out, struct err *reterr);
bool erofs_probe(const uint8_t *data, size_t n);
int erofs_read(const uint8_t *data, size_t n, struct tree *tree,
	       struct fs_info *info, struct err *reterr);

/* What the attributes of a file take after its inode, a multiple of 4; and
 * written, to P which is zero. */
size_t erofs_xattr_size(const struct xattrs *x);
void erofs_xattr_write(const struct xattrs *x, uint8_t *p);

/*
 * The SIZE bytes of attributes at P, with the shared ones from byte SHARED of
 * the N bytes of a filesystem on. What is of no space that is carried is left
 * out, and *UNREAD set. -EINVAL.
 */
int erofs_xattr_read(const uint8_t *fs, size_t n, uint64_t shared,
		     const uint8_t *p, size_t size, struct xattrs **ret,
		     bool *unread, struct err *reterr);

/* The checksum of the superblock in a filesystem of at least one block. */
uint32_t erofs_checksum(const uint8_t *fs);

#endif
