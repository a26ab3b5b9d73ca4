// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SQUASHFS_STREAM_H
#define OSBUILDER_SQUASHFS_STREAM_H

#include "base/buf.h"

/* Compresses blocks by zstd, one by one; its errors stay. */
struct sq_packer;
struct sq_packer *sq_packer_new(void); /* NULL: out of memory */
void sq_packer_free(struct sq_packer *p);
int sq_error(const struct sq_packer *p);

/* Appends the N bytes to OUT, or as they are when that is no more. */
void sq_pack(struct sq_packer *p, const uint8_t *data, size_t n,
	     struct buf *out, bool *ret_stored);

/* Metadata: a stream that is cut in blocks of 8 KiB, each packed and with its
 * size before it. */
struct sq_stream {
	struct buf done;  /* finished blocks */
	struct buf block; /* what is to be the next */
};

void sq_init(struct sq_stream *s);
void sq_release(struct sq_stream *s);

/* Where what comes next will be: the block's position in the packed stream, and
 * in the lowest 16 bits the one in the block. */
uint64_t sq_place(const struct sq_stream *s);
void sq_put(struct sq_stream *s, struct sq_packer *p, const void *data,
	    size_t n);

/* Ends the stream and appends it to OUT; its position there. */
uint64_t sq_append(struct sq_stream *s, struct sq_packer *p, struct buf *out);

/* Appends entries as a stream, and then the positions of its blocks; where
 * those begin. With VALUES, it and the number of entries (of 16 bytes) are
 * between: so the table of attributes. */
uint64_t sq_table(const struct buf *entries, const uint64_t *values,
		  struct sq_packer *p, struct buf *out);

/* Where the tables are. */
struct sq_tables {
	uint64_t inodes, dirs, fragments, ids, xattrs;
};

#endif
