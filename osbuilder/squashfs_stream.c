// SPDX-License-Identifier: Apache-2.0
#include "squashfs_stream.h"

#include <errno.h>
#include <stdlib.h>

#include <zstd.h>

#include "fileio.h"
#include "squashfs.h"

/* What mksquashfs takes; more costs time and saves little in blocks this
 * small. */
#define LEVEL 15
#define STORED_META 0x8000

struct sq_packer {
	ZSTD_CCtx *zstd;
	int error;
	uint8_t room[2 * SQ_BLOCK];
};

struct sq_packer *sq_packer_new(void)
{
	struct sq_packer *p = calloc(1, sizeof(*p));

	if (!p)
		return NULL;
	p->zstd = ZSTD_createCCtx();
	if (p->zstd)
		return p;
	free(p);
	return NULL;
}

void sq_packer_free(struct sq_packer *p)
{
	if (!p)
		return;
	(void)ZSTD_freeCCtx(p->zstd);
	free(p);
}

int sq_error(const struct sq_packer *p)
{
	return p->error;
}

void sq_pack(struct sq_packer *p, const uint8_t *data, size_t n,
	     struct buf *out, bool *ret_stored)
{
	size_t got = ZSTD_compressCCtx(p->zstd, p->room, sizeof(p->room), data,
				       n, LEVEL);

	if (ZSTD_isError(got))
		p->error = -EIO;
	*ret_stored = ZSTD_isError(got) || got >= n;
	(void)buf_put(out, *ret_stored ? data : p->room,
		      *ret_stored ? n : got);
	if (buf_error(out))
		p->error = buf_error(out);
}

void sq_init(struct sq_stream *s)
{
	buf_init(&s->done, IMAGE_MAX);
	buf_init(&s->block, SQ_META);
}

void sq_release(struct sq_stream *s)
{
	buf_release(&s->done);
	buf_release(&s->block);
}

uint64_t sq_place(const struct sq_stream *s)
{
	return (uint64_t)s->done.len << 16 | s->block.len;
}

static void end_block(struct sq_stream *s, struct sq_packer *p)
{
	cleanup_buf struct buf packed = BUF_INIT(SQ_META);
	bool stored;

	if (!s->block.len)
		return;
	sq_pack(p, buf_data(&s->block), s->block.len, &packed, &stored);
	(void)buf_put_le16(&s->done, (uint16_t)(packed.len |
						(stored ? STORED_META : 0)));
	if (buf_put(&s->done, buf_data(&packed), packed.len) < 0)
		p->error = -ENOMEM;
	buf_clear(&s->block);
}

void sq_put(struct sq_stream *s, struct sq_packer *p, const void *data,
	    size_t n)
{
	const uint8_t *from = data;

	while (n) {
		size_t part = MIN(n, SQ_META - s->block.len);

		if (buf_put(&s->block, from, part) < 0)
			p->error = -ENOMEM;
		if (s->block.len == SQ_META)
			end_block(s, p);
		from += part;
		n -= part;
		if (p->error)
			return;
	}
}

uint64_t sq_append(struct sq_stream *s, struct sq_packer *p, struct buf *out)
{
	uint64_t pos = out->len;

	end_block(s, p);
	if (s->done.len)
		(void)buf_put(out, buf_data(&s->done), s->done.len);
	return pos;
}

uint64_t sq_table(const struct buf *entries, const uint64_t *values,
		  struct sq_packer *p, struct buf *out)
{
	cleanup_buf struct buf index = BUF_INIT(IMAGE_MAX);
	uint64_t pos;

	for (size_t at = 0; at < entries->len; at += SQ_META) {
		struct sq_stream one;

		sq_init(&one);
		sq_put(&one, p, buf_data(entries) + at,
		       MIN(entries->len - at, (size_t)SQ_META));
		(void)buf_put_le64(&index, sq_append(&one, p, out));
		sq_release(&one);
	}
	pos = out->len;
	if (values) {
		(void)buf_put_le64(out, *values);
		(void)buf_put_le32(out, (uint32_t)(entries->len / 16));
		(void)buf_put_le32(out, 0);
	}
	if (buf_put(out, buf_data(&index), index.len) < 0)
		p->error = -ENOMEM;
	return pos;
}
