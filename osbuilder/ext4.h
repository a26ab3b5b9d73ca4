// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_EXT4_H
#define OSBUILDER_EXT4_H

#include "fs.h"

/* The superblock on disk: facts of Linux fs/ext4/ext4.h, as offsets in it. */
#define EXT4_SUPER_POS 1024
#define EXT4_SUPER_SIZE 1024
#define EXT4_MAGIC 0xef53

enum ext4_super {
	ES_INODES = 0x00,
	ES_BLOCKS = 0x04,
	ES_FIRST_BLOCK = 0x14,
	ES_LOG_BLOCK_SIZE = 0x18, /* above 1024 */
	ES_INODES_PER_GROUP = 0x28,
	ES_WTIME = 0x30,
	ES_MAGIC = 0x38,
	ES_REVISION = 0x4c,
	ES_INODE_SIZE = 0x58,
	ES_COMPAT = 0x5c,
	ES_INCOMPAT = 0x60,
	ES_RO_COMPAT = 0x64,
	ES_UUID = 0x68,
	ES_LABEL = 0x78,
	ES_DESC_SIZE = 0xfe,
	ES_CHECKSUM = 0x3fc,
};

#define EXT4_INCOMPAT_FILETYPE 0x2
#define EXT4_INCOMPAT_EXTENTS 0x40
#define EXT4_INCOMPAT_64BIT 0x80
#define EXT4_INCOMPAT_FLEX_BG 0x200
#define EXT4_INCOMPAT_CSUM_SEED 0x2000
#define EXT4_INCOMPAT_LARGEDIR 0x4000
#define EXT4_RO_COMPAT_METADATA_CSUM 0x400

#define EXT4_ROOT_INO 2

/* Written through libext2fs: no journal, no lost+found, extents, checksums;
 * files in one piece, those of 2 MiB or more at multiples of that. */
int ext4_write(const struct tree *tree, const struct fs_params *params,
	       struct buf *out, struct err *reterr);

/* Read by own code, for the bytes may be hostile: what is mapped by extents. */
bool ext4_probe(const uint8_t *data, size_t n);
int ext4_read(const uint8_t *data, size_t n, struct tree *tree,
	      struct fs_info *info, struct err *reterr);

/* Adds the attributes behind an inode's fields, in the N bytes at P, and those
 * in a block of N bytes. *UNREAD is set for those of other spaces. -EINVAL. */
int ext4_xattr_inode(const uint8_t *p, size_t n, struct xattrs **ret,
		     bool *unread, struct err *reterr);
int ext4_xattr_block(const uint8_t *p, size_t n, struct xattrs **ret,
		     bool *unread, struct err *reterr);

/* The checksum of the superblock, when the features have one. */
uint32_t ext4_checksum(const uint8_t *fs);

#endif
