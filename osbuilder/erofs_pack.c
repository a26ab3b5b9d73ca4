// SPDX-License-Identifier: Apache-2.0
#include "erofs_pack.h"

#include <errno.h>
#include <lz4hc.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "erofs.h"

#define BLOCK EROFS_BLOCK
#define LEVEL LZ4HC_CLEVEL_MAX
#define TARGET ((int)(EROFS_PACK_BLOCKS_MAX * BLOCK))

void erofs_packed_release(struct erofs_packed *p)
{
	free(p->v);
	buf_release(&p->blocks);
	p->v = NULL;
	p->n = 0;
}

static uint64_t blocks_of(uint64_t size)
{
	return (size + BLOCK - 1) / BLOCK;
}

static int add_extent(struct erofs_packed *p, uint64_t size, uint64_t blocks,
		      bool plain)
{
	if (p->n == p->room) {
		size_t room = p->room ? p->room * 2 : 64;
		struct erofs_extent *v = reallocarray(p->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		p->v = v;
		p->room = room;
	}
	p->v[p->n++] = (struct erofs_extent){(uint32_t)size, (uint16_t)blocks,
					     plain};
	return 0;
}

/* What does not compress: each block by itself. A few at a time, for what
 * follows may compress. */
static int put_plain(struct erofs_packed *p, const uint8_t *data, uint64_t size)
{
	int r = 0;

	for (uint64_t at = 0; at < size && r == 0; at += BLOCK) {
		uint64_t n = MIN(size - at, (uint64_t)BLOCK);

		r = add_extent(p, n, 1, true);
		(void)buf_put(&p->blocks, data + at, n);
		(void)buf_put_zero(&p->blocks, BLOCK - n);
	}
	return r;
}

/* The decoder takes zeros before the data for no part of it. */
static int put_packed(struct erofs_packed *p, const uint8_t *packed, int n,
		      int size)
{
	uint64_t blocks = blocks_of((uint64_t)n);

	(void)buf_put_zero(&p->blocks, blocks * BLOCK - (uint64_t)n);
	(void)buf_put(&p->blocks, packed, (size_t)n);
	return add_extent(p, (uint64_t)size, blocks, false);
}

/* That a compressor has a bug must not be found out in a guest. */
static bool comes_back(const uint8_t *packed, int n, const uint8_t *data,
		       int size, uint8_t *room)
{
	return LZ4_decompress_safe((const char *)packed, (char *)room, n,
				   size) == size &&
	       !memcmp(room, data, (size_t)size);
}

/* An extent's first entry must be the only one in its cluster: so each is a
 * block or more, but for the last. */
static bool worthwhile(int n, int size)
{
	return n > 0 && (uint64_t)size > blocks_of((uint64_t)n) * BLOCK;
}

struct packer {
	void *state;
	uint8_t out[EROFS_PACK_BLOCKS_MAX * BLOCK];
	uint8_t back[EROFS_PACK_SIZE_MAX];
};

static int pack(struct packer *k, const uint8_t *data, uint64_t size,
		struct erofs_packed *ret)
{
	int r = 0;

	for (uint64_t at = 0; at < size && r == 0;) {
		int took = (int)MIN(size - at, (uint64_t)EROFS_PACK_SIZE_MAX);
		int n = LZ4_compress_HC_destSize(
			k->state, (const char *)data + at, (char *)k->out,
			&took, TARGET, LEVEL);

		if (!worthwhile(n, took)) {
			uint64_t plain = MIN(size - at, (uint64_t)TARGET);

			r = put_plain(ret, data + at, plain);
			at += plain;
			continue;
		}
		if (!comes_back(k->out, n, data + at, took, k->back))
			return -EILSEQ;
		r = put_packed(ret, k->out, n, took);
		at += (uint64_t)took;
	}
	return r < 0 ? r : buf_error(&ret->blocks);
}

int erofs_pack(const uint8_t *data, uint64_t size, struct erofs_packed *ret)
{
	struct packer *k;
	int r = -ENOMEM;

	if (size <= BLOCK)
		return 0;
	k = malloc(sizeof(*k));
	if (!k)
		return -ENOMEM;
	k->state = malloc((size_t)LZ4_sizeofStateHC());
	if (k->state)
		r = pack(k, data, size, ret);
	free(k->state);
	free(k);
	if (r == 0 && ret->blocks.len < blocks_of(size) * BLOCK)
		return 1;
	erofs_packed_release(ret);
	return r;
}

/* There is an entry more than clusters: what reads the last looks for the one
 * that follows. */
uint64_t erofs_index_size(uint64_t size)
{
	return EROFS_FULL_INDEX + (blocks_of(size) + 1) * EROFS_FULL_ENTRY;
}

static void entry(uint8_t *p, uint16_t type, uint16_t offset)
{
	put_le16(p + LC_TYPE, type);
	put_le16(p + LC_OFFSET, offset);
}

void erofs_index_write(const struct erofs_packed *p, uint32_t block,
		       uint8_t *ret)
{
	uint8_t *index = ret + EROFS_FULL_INDEX;
	uint64_t pos = 0;

	put_le16(ret + MH_ADVISE, EROFS_ADVISE_MANY_BLOCKS);
	for (size_t i = 0; i < p->n; i++) {
		const struct erofs_extent *x = &p->v[i];
		uint64_t head = pos / BLOCK, next;
		uint8_t *e = index + head * EROFS_FULL_ENTRY;

		entry(e, x->plain ? LCLUSTER_PLAIN : LCLUSTER_HEAD,
		      (uint16_t)(pos % BLOCK));
		put_le32(e + LC_BLOCK, block);
		pos += x->size;
		/* The last one ends where the clusters do. */
		next = i + 1 < p->n ? pos / BLOCK : blocks_of(pos);
		for (uint64_t k = head + 1; k < next; k++) {
			e = index + k * EROFS_FULL_ENTRY;
			entry(e, LCLUSTER_NONHEAD, 0);
			put_le16(e + LC_BACK,
				 k == head + 1 ?
					 (uint16_t)(EROFS_BACK_BLOCKS |
						    x->blocks) :
					 (uint16_t)(k - head));
			put_le16(e + LC_FORTH, (uint16_t)(next - k));
		}
		block += x->blocks;
	}
}
