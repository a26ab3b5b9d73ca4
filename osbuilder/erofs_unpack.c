// SPDX-License-Identifier: Apache-2.0
/*
 * Reads compressed files of EROFS, which may be hostile. The index is read from
 * its begin to its end, so that no entry leads anywhere but on: what entries
 * say about others is not looked at.
 */
#include <errno.h>
#include <lz4.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "erofs_pack.h"

#define CLUSTER_BITS 12
#define CLUSTER (UINT64_C(1) << CLUSTER_BITS)
#define LOW_MASK 0xfffu /* of a compact entry */

/* One entry of an index, however it is written. */
struct cluster {
	unsigned int type;
	unsigned int offset; /* a head's: where the extent begins */
	uint64_t block;	     /* and its first block */
	unsigned int blocks; /* of the head before, 0 when it is not said */
};

struct unpacker {
	struct erofs_file *f;
	unsigned int advise;
	uint64_t clusters;
	uint64_t four_first, twos; /* compact: how many entries of which kind */
	uint64_t next_block;	   /* compact: of the pack's next head */
	uint8_t *out;
};

static const uint8_t *at(const struct erofs_file *f, uint64_t pos, uint64_t n)
{
	return pos <= f->n && n <= f->n - pos ? f->fs + pos : NULL;
}

static int full_entry(const struct unpacker *u, uint64_t i, struct cluster *ret)
{
	const uint8_t *p = at(u->f, u->f->map + EROFS_FULL_INDEX +
					    i * EROFS_FULL_ENTRY,
			      EROFS_FULL_ENTRY);
	unsigned int back;

	if (!p)
		return -EINVAL;
	ret->type = get_le16(p + LC_TYPE);
	if (ret->type > LCLUSTER_NONHEAD)
		return -EOPNOTSUPP; /* a second algorithm, parts of extents */
	back = get_le16(p + LC_BACK);
	ret->offset = get_le16(p + LC_OFFSET);
	ret->block = get_le32(p + LC_BLOCK);
	ret->blocks = back & EROFS_BACK_BLOCKS ? back & ~EROFS_BACK_BLOCKS : 0;
	return 0;
}

/* The place of a compact entry: its pack of 8 or 32 bytes, which holds 2 or 16
 * entries and ends with a block number, and its number in there. */
static const uint8_t *pack_of(const struct unpacker *u, uint64_t i,
			      unsigned int *ret_n, unsigned int *ret_i)
{
	uint64_t pos = u->f->map + EROFS_MAP_HEADER;

	*ret_n = 2;
	if (i >= u->four_first && i < u->four_first + u->twos) {
		i -= u->four_first;
		pos += u->four_first * 4;
		*ret_n = 16;
	} else if (i >= u->four_first + u->twos) {
		i -= u->four_first + u->twos;
		pos += u->four_first * 4 + u->twos * 2;
	}
	*ret_i = (unsigned int)(i % *ret_n);
	return *ret_n == 16 ? at(u->f, pos + i / 16 * 32, 32) :
			      at(u->f, pos + i / 2 * 8, 8);
}

/* Bits of an entry: 12 of a number, 2 of the type. */
static unsigned int compact_bits(const uint8_t *pack, unsigned int n,
				 unsigned int i)
{
	unsigned int bit = i * (n == 16 ? 14 : 16);

	return get_le32(pack + bit / 8) >> bit % 8;
}

static int compact_entry(struct unpacker *u, uint64_t i, struct cluster *ret)
{
	bool many = u->advise & EROFS_ADVISE_MANY_BLOCKS;
	unsigned int n, k, v;
	const uint8_t *p = pack_of(u, i, &n, &k);

	if (!p)
		return -EINVAL;
	if (k == 0)
		u->next_block = (uint64_t)get_le32(p + (n == 16 ? 28 : 4)) +
				!many;
	v = compact_bits(p, n, k);
	*ret = (struct cluster){.type = v >> CLUSTER_BITS & 3};
	if (ret->type > LCLUSTER_NONHEAD)
		return -EOPNOTSUPP;
	if (ret->type != LCLUSTER_NONHEAD) {
		ret->offset = v & LOW_MASK;
		ret->block = u->next_block++;
	} else if (many && v & EROFS_BACK_BLOCKS) {
		ret->blocks = v & LOW_MASK & ~(unsigned int)EROFS_BACK_BLOCKS;
		/* Its head was counted as one, if it is in this pack. */
		u->next_block += ret->blocks - (k > 0);
	}
	return 0;
}

/* How many blocks an extent has that begins with HEAD and goes on with C. */
static unsigned int blocks_of(const struct unpacker *u,
			      const struct cluster *head,
			      const struct cluster *c)
{
	return u->advise & EROFS_ADVISE_MANY_BLOCKS && c->blocks &&
			       head->type != LCLUSTER_PLAIN ?
		       c->blocks : 1;
}

/* The SIZE bytes of the file from POS on, out of the blocks of extent C. */
static int extent(const struct unpacker *u, const struct cluster *c,
		  uint64_t pos, uint64_t size)
{
	uint64_t n = (uint64_t)c->blocks << u->f->bits;
	const uint8_t *p = at(u->f, c->block << u->f->bits, n);
	int got;

	if (!p || c->blocks == 0 || n > (1u << 20) || size > (1u << 30))
		return -EINVAL;
	if (c->type == LCLUSTER_PLAIN) {
		if (size > n)
			return -EINVAL;
		memcpy(u->out + pos, p, size);
		return 0;
	}
	while (n && *p == 0) {
		p++;
		n--;
	}
	got = LZ4_decompress_safe_partial((const char *)p,
					  (char *)u->out + pos, (int)n,
					  (int)size, (int)size);
	return got == (int)size ? 0 : -EINVAL;
}

static int extents(struct unpacker *u)
{
	struct cluster head = {.type = LCLUSTER_NONHEAD}, c;
	uint64_t begin = 0, pos;
	int r = 0;

	for (uint64_t i = 0; i < u->clusters && r == 0; i++) {
		r = u->f->compact ? compact_entry(u, i, &c) :
				    full_entry(u, i, &c);
		if (r < 0)
			return r;
		if (c.type == LCLUSTER_NONHEAD) {
			if (head.blocks == 0)
				head.blocks = blocks_of(u, &head, &c);
			continue;
		}
		pos = (i << CLUSTER_BITS) + c.offset;
		if (c.offset >= CLUSTER || pos < begin || (i == 0 && c.offset))
			return -EINVAL;
		if (pos >= u->f->size)
			break; /* a closing entry */
		if (i > 0) {
			head.blocks += !head.blocks;
			r = extent(u, &head, begin, pos - begin);
		} else {
			u->f->first_block = c.block;
		}
		head = c;
		head.blocks = 0;
		begin = pos;
	}
	if (r < 0 || head.type == LCLUSTER_NONHEAD)
		return r < 0 ? r : -EINVAL;
	head.blocks += !head.blocks;
	return extent(u, &head, begin, u->f->size - begin);
}

/* Linux fs/erofs/zmap.c: entries of 4 bytes up to a multiple of 32, of 2 bytes
 * as many packs as there are, and again of 4. */
static void count_kinds(struct unpacker *u)
{
	uint64_t base = u->f->map + EROFS_MAP_HEADER;

	u->four_first = (-base & 31) / 4;
	if (u->advise & EROFS_ADVISE_COMPACT_2B && u->four_first < u->clusters)
		u->twos = (u->clusters - u->four_first) / 16 * 16;
	else
		u->four_first = u->clusters;
}

int erofs_unpack(struct erofs_file *f, uint8_t *ret)
{
	struct unpacker u = {.f = f, .out = ret};
	const uint8_t *header = at(f, f->map, EROFS_MAP_HEADER);

	if (!header)
		return -EINVAL;
	u.advise = get_le16(header + MH_ADVISE);
	/* Another algorithm, larger clusters, data in inodes or elsewhere. */
	if (f->bits != CLUSTER_BITS || header[MH_CLUSTER_BITS] ||
	    header[MH_ALGORITHMS] & 0xf ||
	    u.advise & ~(unsigned int)(EROFS_ADVISE_COMPACT_2B |
				       EROFS_ADVISE_MANY_BLOCKS |
				       EROFS_ADVISE_MANY_BLOCKS_2))
		return -EOPNOTSUPP;
	u.clusters = (f->size + CLUSTER - 1) >> CLUSTER_BITS;
	if (f->compact)
		count_kinds(&u);
	return extents(&u);
}
