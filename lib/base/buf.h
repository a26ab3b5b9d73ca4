// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_BUF_H
#define BASE_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "cleanup.h"
#include "macros.h"

/*
 * A growable byte buffer with a hard cap. Writers are sticky: after a failure
 * every further write fails with the same -errno, so a sequence of writes may
 * be checked once, with buf_error(). Consuming from the front is cheap, which
 * makes it serve as a queue between file descriptors as well.
 */
struct buf {
	uint8_t *data; /* start of allocation, owned */
	size_t head;   /* first live byte */
	size_t len;    /* live bytes */
	size_t size;   /* allocated */
	size_t max;    /* cap on len */
	int error;     /* 0 or sticky -errno */
};

#define BUF_INIT(cap) {.max = (cap)}
#define cleanup_buf cleanup(buf_release)

void buf_init(struct buf *b, size_t max);
void buf_release(struct buf *b);

/* Forgets contents and error, keeps the allocation. */
void buf_clear(struct buf *b);

static inline int buf_error(const struct buf *b)
{
	return b->error;
}

/* The live bytes; valid until the next write. NULL when nothing was written. */
static inline uint8_t *buf_data(const struct buf *b)
{
	return b->data ? b->data + b->head : NULL;
}

/* Room for N more bytes at the end, not yet part of len. NULL on failure. */
uint8_t *buf_reserve(struct buf *b, size_t n);

/* Counts N bytes, written to a reserved place, as live. */
void buf_commit(struct buf *b, size_t n);

/* Appends; 0, -ENOMEM, or -EMSGSIZE beyond the cap. */
int buf_put(struct buf *b, const void *p, size_t n);
int buf_put_zero(struct buf *b, size_t n);

/* Makes the contents SIZE bytes, zero but for the present ones at BEFORE. What
 * is zero costs no memory until it is written. -EINVAL when they do not fit. */
int buf_widen(struct buf *b, size_t before, size_t size);
int buf_put_u8(struct buf *b, uint8_t v);
int buf_put_le16(struct buf *b, uint16_t v);
int buf_put_le32(struct buf *b, uint32_t v);
int buf_put_le64(struct buf *b, uint64_t v);
int buf_put_be32(struct buf *b, uint32_t v);
int buf_put_str(struct buf *b, const char *s); /* without its NUL */
int buf_printf(struct buf *b, const char *fmt, ...) PRINTF(2, 3);

/* Makes the contents a C string (the NUL is not counted) and returns it; NULL
 * when the buffer is in error. */
char *buf_cstr(struct buf *b);

/* Hands over the contents as a C string to be freed; NULL when in error. */
char *buf_take_cstr(struct buf *b);

/* Drops N bytes from the front; N <= len. */
void buf_consume(struct buf *b, size_t n);

/* A bounded view for decoders. Getters past the end fail and stay failed. */
struct buf_reader {
	const uint8_t *data;
	size_t len;
	size_t pos;
	bool failed;
};

static inline struct buf_reader buf_reader_of(const void *p, size_t n)
{
	return (struct buf_reader){.data = p, .len = n};
}

/* N bytes at the position, which moves; NULL past the end. */
const uint8_t *buf_reader_get(struct buf_reader *r, size_t n);
uint8_t buf_reader_u8(struct buf_reader *r);
uint16_t buf_reader_le16(struct buf_reader *r);
uint32_t buf_reader_le32(struct buf_reader *r);
uint64_t buf_reader_le64(struct buf_reader *r);
uint32_t buf_reader_be32(struct buf_reader *r);

#endif
