// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include <zstd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "fileio.h"

/* The highest level whose window any kernel's decompressor accepts. */
#define LEVEL 19

/* ZSTD_freeCCtx() and ZSTD_freeDCtx() return a value, hence by hand. */
static void cctx_free(ZSTD_CCtx **c)
{
	(void)ZSTD_freeCCtx(*c);
}

static void dctx_free(ZSTD_DCtx **d)
{
	(void)ZSTD_freeDCtx(*d);
}

int zstd_compress(const void *data, size_t n, struct buf *out,
		  struct err *reterr)
{
	cleanup(cctx_free) ZSTD_CCtx *c = ZSTD_createCCtx();
	uint8_t *to;
	size_t r;

	to = buf_reserve(out, ZSTD_compressBound(n));
	if (!c || !to)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* No worker threads is the default, and what makes it repeatable. */
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_compressionLevel, LEVEL);
	(void)ZSTD_CCtx_setParameter(c, ZSTD_c_checksumFlag, 1);
	r = ZSTD_compress2(c, to, ZSTD_compressBound(n), data, n);
	if (ZSTD_isError(r))
		return err_set(reterr, -EIO, "zstd: %s", ZSTD_getErrorName(r));
	buf_commit(out, r);
	return 0;
}

int zstd_decompress(const void *data, size_t n, struct buf *out,
		    struct err *reterr)
{
	cleanup(dctx_free) ZSTD_DCtx *d = ZSTD_createDCtx();
	ZSTD_inBuffer in = {.src = data, .size = n};
	ZSTD_outBuffer to;
	size_t r = 1;

	if (!d)
		return err_set(reterr, -ENOMEM, "out of memory");
	while (r != 0) {
		size_t room = MIN(ZSTD_DStreamOutSize(), out->max - out->len);
		size_t before = in.pos;

		to = (ZSTD_outBuffer){.size = room};
		to.dst = buf_reserve(out, room);
		if (!to.dst)
			return err_set(reterr, -ENOMEM, "out of memory");
		r = ZSTD_decompressStream(d, &to, &in);
		if (ZSTD_isError(r))
			return err_set(reterr, -EINVAL, "zstd: %s",
				       ZSTD_getErrorName(r));
		buf_commit(out, to.pos);
		if (r != 0 && to.pos == 0 && in.pos == before)
			return err_set(reterr, room ? -EINVAL : -EFBIG,
				       room ? "zstd: data ends early" :
					      "zstd: more than %zu bytes",
				       out->max);
	}
	return 0;
}
