// SPDX-License-Identifier: Apache-2.0
#include "buf.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "endian.h"

void buf_init(struct buf *b, size_t max)
{
	*b = (struct buf)BUF_INIT(max);
}

void buf_release(struct buf *b)
{
	free(b->data);
	buf_init(b, b->max);
}

void buf_clear(struct buf *b)
{
	b->head = b->len = 0;
	b->error = 0;
}

static int buf_fail(struct buf *b, int code)
{
	if (!b->error)
		b->error = code;
	return b->error;
}

/* Makes room for N bytes and a spare one after the live ones, by moving them to
 * the front or by growing. */
static int buf_grow(struct buf *b, size_t n)
{
	size_t want, size;
	uint8_t *data;

	if (b->error)
		return b->error;
	if (add_overflows(b->len, n, &want) || want > b->max)
		return buf_fail(b, -EMSGSIZE);
	if (b->head + want < b->size)
		return 0;
	if (want < b->size && b->head >= b->len) {
		/* The parts do not overlap and the move is paid for by the
		 * bytes consumed before it. */
		memcpy(b->data, b->data + b->head, b->len);
		b->head = 0;
		return 0;
	}
	if (add_overflows(want, want / 2 + 1, &size))
		return buf_fail(b, -ENOMEM);
	size = MAX(size, (size_t)256);
	data = malloc(size);
	if (!data)
		return buf_fail(b, -ENOMEM);
	if (b->len)
		memcpy(data, b->data + b->head, b->len);
	free(b->data);
	b->data = data;
	b->head = 0;
	b->size = size;
	return 0;
}

int buf_widen(struct buf *b, size_t before, size_t size)
{
	size_t end, alloc;
	uint8_t *data;

	if (b->error)
		return b->error;
	if (add_overflows(before, b->len, &end) || end > size)
		return buf_fail(b, -EINVAL);
	if (size > b->max || add_overflows(size, 1, &alloc))
		return buf_fail(b, -EMSGSIZE);
	data = calloc(alloc, 1);
	if (!data)
		return buf_fail(b, -ENOMEM);
	if (b->len)
		memcpy(data + before, buf_data(b), b->len);
	free(b->data);
	b->data = data;
	b->head = 0;
	b->len = size;
	b->size = alloc;
	return 0;
}

uint8_t *buf_reserve(struct buf *b, size_t n)
{
	/* The spare byte, for a NUL, makes even N = 0 give a place. It does not
	 * count against the cap. */
	if (buf_grow(b, n) < 0)
		return NULL;
	return b->data + b->head + b->len;
}

void buf_commit(struct buf *b, size_t n)
{
	b->len += n;
}

int buf_put(struct buf *b, const void *p, size_t n)
{
	uint8_t *to;

	if (!n)
		return b->error;
	to = buf_reserve(b, n);
	if (!to)
		return b->error;
	memcpy(to, p, n);
	buf_commit(b, n);
	return 0;
}

int buf_put_zero(struct buf *b, size_t n)
{
	uint8_t *to = buf_reserve(b, n);

	if (!to)
		return b->error;
	memset(to, 0, n);
	buf_commit(b, n);
	return 0;
}

int buf_put_u8(struct buf *b, uint8_t v)
{
	return buf_put(b, &v, 1);
}

int buf_put_le16(struct buf *b, uint16_t v)
{
	uint8_t p[2];

	put_le16(p, v);
	return buf_put(b, p, sizeof(p));
}

int buf_put_le32(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	put_le32(p, v);
	return buf_put(b, p, sizeof(p));
}

int buf_put_le64(struct buf *b, uint64_t v)
{
	uint8_t p[8];

	put_le64(p, v);
	return buf_put(b, p, sizeof(p));
}

int buf_put_be32(struct buf *b, uint32_t v)
{
	uint8_t p[4];

	put_be32(p, v);
	return buf_put(b, p, sizeof(p));
}

int buf_put_str(struct buf *b, const char *s)
{
	return buf_put(b, s, strlen(s));
}

int buf_printf(struct buf *b, const char *fmt, ...)
{
	va_list ap;
	uint8_t *to;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return buf_fail(b, -EINVAL);
	to = buf_reserve(b, (size_t)n); /* has a spare byte for the NUL */
	if (!to)
		return b->error;
	va_start(ap, fmt);
	(void)vsnprintf((char *)to, (size_t)n + 1, fmt, ap);
	va_end(ap);
	buf_commit(b, (size_t)n);
	return 0;
}

char *buf_cstr(struct buf *b)
{
	uint8_t *end = buf_reserve(b, 0);

	if (!end)
		return NULL;
	*end = '\0';
	return (char *)buf_data(b);
}

char *buf_take_cstr(struct buf *b)
{
	char *s = buf_cstr(b);

	if (!s)
		return NULL;
	if (b->head)
		memmove(b->data, s, b->len + 1);
	s = (char *)TAKE_PTR(b->data);
	buf_init(b, b->max);
	return s;
}

void buf_consume(struct buf *b, size_t n)
{
	b->head += n;
	b->len -= n;
	if (!b->len)
		b->head = 0;
}

const uint8_t *buf_reader_get(struct buf_reader *r, size_t n)
{
	const uint8_t *p;

	if (r->failed || n > r->len - r->pos) {
		r->failed = true;
		return NULL;
	}
	p = r->data + r->pos;
	r->pos += n;
	return p;
}

uint8_t buf_reader_u8(struct buf_reader *r)
{
	const uint8_t *p = buf_reader_get(r, 1);

	return p ? *p : 0;
}

uint16_t buf_reader_le16(struct buf_reader *r)
{
	const uint8_t *p = buf_reader_get(r, 2);

	return p ? get_le16(p) : 0;
}

uint32_t buf_reader_le32(struct buf_reader *r)
{
	const uint8_t *p = buf_reader_get(r, 4);

	return p ? get_le32(p) : 0;
}

uint64_t buf_reader_le64(struct buf_reader *r)
{
	const uint8_t *p = buf_reader_get(r, 8);

	return p ? get_le64(p) : 0;
}

uint32_t buf_reader_be32(struct buf_reader *r)
{
	const uint8_t *p = buf_reader_get(r, 4);

	return p ? get_be32(p) : 0;
}
