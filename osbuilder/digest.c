// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "base/endian.h"
#include "fileio.h"
#include "tree.h"

static void to_hex(const uint8_t raw[32], char ret[SHA256_HEX_SIZE])
{
	static const char digits[] = "0123456789abcdef";

	for (int i = 0; i < 32; i++) {
		ret[2 * i] = digits[raw[i] >> 4];
		ret[2 * i + 1] = digits[raw[i] & 15];
	}
	ret[64] = '\0';
}

int sha256(const void *data, size_t n, uint8_t ret[32])
{
	return EVP_Digest(data, n, ret, NULL, EVP_sha256(), NULL) ? 0 : -EIO;
}

int sha256_hex(const void *data, size_t n, char ret[SHA256_HEX_SIZE])
{
	uint8_t raw[32];

	if (sha256(data, n, raw) < 0)
		return -EIO;
	to_hex(raw, ret);
	return 0;
}

static int hash_fd(int fd, EVP_MD_CTX *ctx, uint64_t *ret_size)
{
	uint8_t block[16384];
	ssize_t n;

	*ret_size = 0;
	while ((n = read(fd, block, sizeof(block))) != 0) {
		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return -errno;
		if (!EVP_DigestUpdate(ctx, block, (size_t)n))
			return -EIO;
		*ret_size += (uint64_t)n;
	}
	return 0;
}

DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)

int file_sha256(const char *path, uint64_t *ret_size,
		char ret[SHA256_HEX_SIZE], struct err *reterr)
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = NULL;
	cleanup_close int fd = -1;
	uint8_t raw[32];
	int r;

	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOCTTY);
	if (fd < 0)
		return err_errno(reterr, "open '%s'", path);
	ctx = EVP_MD_CTX_new();
	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL))
		return err_set(reterr, -ENOMEM, "no SHA-256");
	r = hash_fd(fd, ctx, ret_size);
	if (r < 0)
		return err_code(reterr, r, "read '%s'", path);
	if (!EVP_DigestFinal_ex(ctx, raw, NULL))
		return err_set(reterr, -EIO, "no SHA-256");
	to_hex(raw, ret);
	return 0;
}

static bool hash_node(EVP_MD_CTX *ctx, const struct node *n)
{
	uint8_t f[48] = {0};

	put_le32(f, (uint32_t)n->type);
	put_le32(f + 4, n->mode);
	put_le32(f + 8, n->uid);
	put_le32(f + 12, n->gid);
	put_le32(f + 16, n->major);
	put_le32(f + 20, n->minor);
	put_le64(f + 24, (uint64_t)n->mtime);
	put_le64(f + 32, n->size);
	put_le64(f + 40, strlen(n->path));
	return EVP_DigestUpdate(ctx, f, sizeof(f)) &&
	       EVP_DigestUpdate(ctx, n->path, strlen(n->path)) &&
	       EVP_DigestUpdate(ctx, n->data, n->size);
}

/* What few files have; the digest of the others does not change by it. */
static bool hash_extras(EVP_MD_CTX *ctx, const struct tree *t, size_t i)
{
	const struct xattrs *x = t->v[i].xattrs;
	bool ok = true;
	uint8_t f[16];

	if (!tree_is_first(t, i)) {
		put_le64(f, UINT64_MAX);
		put_le64(f + 8, t->v[i].first);
		ok = EVP_DigestUpdate(ctx, f, sizeof(f));
	}
	for (size_t k = 0; x && k < x->n && ok; k++) {
		put_le64(f, strlen(x->v[k].name));
		put_le64(f + 8, x->v[k].size);
		ok = EVP_DigestUpdate(ctx, f, sizeof(f)) &&
		     EVP_DigestUpdate(ctx, x->v[k].name,
				      strlen(x->v[k].name)) &&
		     EVP_DigestUpdate(ctx, x->v[k].value, x->v[k].size);
	}
	return ok;
}

int tree_digest(const struct tree *t, int64_t time, uint8_t ret[32])
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t f[8];

	put_le64(f, (uint64_t)time);
	if (!ctx || !EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) ||
	    !EVP_DigestUpdate(ctx, f, sizeof(f)))
		return -EIO;
	for (size_t i = 0; i < t->n; i++)
		if (!hash_node(ctx, &t->v[i]) || !hash_extras(ctx, t, i))
			return -EIO;
	return EVP_DigestFinal_ex(ctx, ret, NULL) ? 0 : -EIO;
}

/* Four bits at a time: a table that is in the cache at once. */
uint32_t crc32c(uint32_t crc, const void *data, size_t n)
{
	static const uint32_t table[16] = {
		0x00000000, 0x105ec76f, 0x20bd8ede, 0x30e349b1,
		0x417b1dbc, 0x5125dad3, 0x61c69362, 0x7198540d,
		0x82f63b78, 0x92a8fc17, 0xa24bb5a6, 0xb21572c9,
		0xc38d26c4, 0xd3d3e1ab, 0xe330a81a, 0xf36e6f75,
	};
	const uint8_t *p = data;

	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return crc;
}
