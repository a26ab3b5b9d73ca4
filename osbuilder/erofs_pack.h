// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_EROFS_PACK_H
#define OSBUILDER_EROFS_PACK_H

#include "base/buf.h"
#include "base/err.h"

/*
 * Compressed files of EROFS: facts of Linux fs/erofs/erofs_fs.h and zmap.c. A
 * file is cut into extents. Each is whole blocks on disk: compressed by LZ4 and
 * put to the end of these, or one block as it is. The index after the inode has
 * an entry for each 4 KiB of the file, its logical cluster, and says which
 * extents begin there and where the blocks of an extent are.
 */
#define EROFS_PACK_BLOCKS_MAX 16	/* of an extent, on disk */
#define EROFS_PACK_SIZE_MAX (256u << 10) /* of an extent, in the file */

#define EROFS_INCOMPAT_ZERO_PADDING 0x1
#define EROFS_INCOMPAT_COMPR_CFGS 0x2 /* and extents of many blocks */
#define EROFS_ALGORITHMS_LZ4 0x1

/* What follows the superblock when there are configurations: of LZ4 alone. */
#define EROFS_LZ4_CFG_SIZE 16
enum erofs_lz4_cfg {
	LZ_SIZE = 0, /* of what follows */
	LZ_DISTANCE = 2,
	LZ_BLOCKS = 4,
};

/* The header of an index, 8 bytes, at a multiple of 8 after the inode. */
enum erofs_map_header {
	MH_ADVISE = 4,
	MH_ALGORITHMS = 6,
	MH_CLUSTER_BITS = 7,
};
#define EROFS_MAP_HEADER 8
#define EROFS_FULL_INDEX 16 /* where full entries begin, from the header */
#define EROFS_FULL_ENTRY 8
#define EROFS_ADVISE_COMPACT_2B 0x1
#define EROFS_ADVISE_MANY_BLOCKS 0x2
#define EROFS_ADVISE_MANY_BLOCKS_2 0x4 /* of the second algorithm */

/* A full entry. */
enum erofs_lcluster {
	LC_TYPE = 0,
	LC_OFFSET = 2, /* where the extent begins */
	LC_BLOCK = 4,  /* its first block */
	LC_BACK = 4,   /* or how many entries back it began, */
	LC_FORTH = 6,  /* and how many on the next begins */
};
enum {
	LCLUSTER_PLAIN = 0,
	LCLUSTER_HEAD = 1,
	LCLUSTER_NONHEAD = 2,
	LCLUSTER_HEAD2 = 3,
};
#define EROFS_BACK_BLOCKS 0x800 /* in LC_BACK: a number of blocks follows */

struct erofs_extent {
	uint32_t size;	 /* in the file */
	uint16_t blocks; /* on disk */
	bool plain;
};

/* A file in pieces. */
struct erofs_packed {
	struct erofs_extent *v; /* owned */
	size_t n;
	size_t room;
	struct buf blocks;
};

#define EROFS_PACKED_INIT {.blocks = BUF_INIT(1u << 30)}

void erofs_packed_release(struct erofs_packed *p);

/* Compresses SIZE bytes by LZ4HC. 1 when that takes fewer blocks, 0 when RET
 * holds nothing, -errno. */
int erofs_pack(const uint8_t *data, uint64_t size, struct erofs_packed *ret);

/* The bytes that header and index of a file of SIZE bytes take. */
uint64_t erofs_index_size(uint64_t size);

/* Writes header and index to P, for blocks that begin with BLOCK. */
void erofs_index_write(const struct erofs_packed *p, uint32_t block,
		       uint8_t *ret);

/* What erofs_unpack() reads, all of it hostile. */
struct erofs_file {
	const uint8_t *fs; /* the filesystem, of N bytes */
	size_t n;
	unsigned int bits;   /* of a block */
	uint64_t map;	     /* where the header of the index is */
	bool compact;	     /* how the index is written */
	uint64_t size;	     /* of the file */
	uint64_t first_block; /* returned */
};

/* Fills the SIZE bytes at RET. -EINVAL for what is damaged, -EOPNOTSUPP for
 * what is compressed by something else, or in other ways. */
int erofs_unpack(struct erofs_file *f, uint8_t *ret);

#endif
