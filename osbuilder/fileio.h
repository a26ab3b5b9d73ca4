// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_FILEIO_H
#define OSBUILDER_FILEIO_H

#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define SHA256_HEX_SIZE 65

/* Images are built and read in memory, up to this size. */
#define IMAGE_MAX ((size_t)1 << 30)

/* Reads the regular file PATH to *RET (to be freed, never NULL on success, a
 * NUL follows). -EFBIG beyond MAX bytes, -EINVAL for what is no file. */
int file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_size,
	      struct err *reterr);

/* The same of the SIZE bytes at the start of an open file. */
int fd_read(int fd, uint64_t size, uint8_t **ret, size_t *ret_size,
	    struct err *reterr);

/* Makes PATH hold N bytes, by way of a file of another name beside it, so that
 * no half of it is ever seen. Blocks of zeros become holes. Mode 0644 whatever
 * the umask. A PATH of "-" is standard output; a device or pipe is written to
 * as it is. */
int file_write(const char *path, const void *data, size_t n,
	       struct err *reterr);

/* SHA-256 as 32 bytes, and as text. -EIO when libcrypto fails. */
int sha256(const void *data, size_t n, uint8_t ret[32]);
int sha256_hex(const void *data, size_t n, char ret[SHA256_HEX_SIZE]);

/* Size and hash of a file that need not fit in memory. */
int file_sha256(const char *path, uint64_t *ret_size,
		char ret[SHA256_HEX_SIZE], struct err *reterr);

/* CRC-32C (Castagnoli) of N bytes, continued from CRC; neither the start nor
 * the result is inverted here. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n);

/* zstd at a fixed level in one thread, so that the same bytes come out
 * anywhere; the version of libzstd is part of what determines them. */
int zstd_compress(const void *data, size_t n, struct buf *out,
		  struct err *reterr);

/* At most what OUT may hold; -EINVAL for what is no zstd. */
int zstd_decompress(const void *data, size_t n, struct buf *out,
		    struct err *reterr);

#endif
