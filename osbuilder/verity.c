// SPDX-License-Identifier: Apache-2.0
#include "verity.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/endian.h"
#include "fileio.h"

#define HASH 32
#define PER_BLOCK (VERITY_BLOCK / HASH)
#define SECTORS (VERITY_BLOCK / 512)

/* The superblock: facts of cryptsetup's documentation of the format. */
enum super {
	VS_SIGNATURE = 0,
	VS_VERSION = 8,
	VS_HASH_TYPE = 12,
	VS_UUID = 16,
	VS_ALGORITHM = 32,
	VS_DATA_BLOCK = 64,
	VS_HASH_BLOCK = 68,
	VS_DATA_BLOCKS = 72,
	VS_SALT_SIZE = 80,
	VS_SALT = 88,
};

static const uint8_t signature[8] = "verity\0";

DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)

/* The blocks of each level, the lowest first, and where each begins. */
struct shape {
	unsigned int levels;
	uint64_t count[VERITY_LEVELS_MAX], start[VERITY_LEVELS_MAX];
	uint64_t total;
};

static bool shape_of(uint64_t blocks, struct shape *s)
{
	*s = (struct shape){0};
	do {
		if (s->levels == VERITY_LEVELS_MAX)
			return false;
		blocks = (blocks + PER_BLOCK - 1) / PER_BLOCK;
		s->count[s->levels++] = blocks;
	} while (blocks > 1);
	for (unsigned int i = s->levels; i-- > 0;) {
		s->start[i] = s->total;
		s->total += s->count[i];
	}
	return true;
}

static int hash_block(EVP_MD_CTX *ctx, const struct verity *v,
		      const uint8_t *block, uint8_t ret[HASH])
{
	return EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
	       EVP_DigestUpdate(ctx, v->salt, v->salt_size) &&
	       EVP_DigestUpdate(ctx, block, VERITY_BLOCK) &&
	       EVP_DigestFinal_ex(ctx, ret, NULL) ? 0 : -EIO;
}

/* The tree of V's data, at TREE, which is zero; and its root. */
static int make_tree(struct verity *v, const struct shape *s,
		     const uint8_t *data, uint8_t *tree)
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	const uint8_t *from = data;
	uint64_t n = v->data_blocks;

	if (!ctx)
		return -ENOMEM;
	for (unsigned int level = 0; level < s->levels; level++) {
		uint8_t *to = tree + s->start[level] * VERITY_BLOCK;

		for (uint64_t i = 0; i < n; i++)
			if (hash_block(ctx, v, from + i * VERITY_BLOCK,
				       to + i * HASH) < 0)
				return -EIO;
		from = to;
		n = s->count[level];
	}
	return hash_block(ctx, v, from, v->root);
}

static void put_super(const struct verity *v, uint8_t *p)
{
	memcpy(p + VS_SIGNATURE, signature, sizeof(signature));
	put_le32(p + VS_VERSION, 1);
	put_le32(p + VS_HASH_TYPE, 1);
	memcpy(p + VS_UUID, v->uuid, sizeof(v->uuid));
	memcpy(p + VS_ALGORITHM, "sha256", 6);
	put_le32(p + VS_DATA_BLOCK, VERITY_BLOCK);
	put_le32(p + VS_HASH_BLOCK, VERITY_BLOCK);
	put_le64(p + VS_DATA_BLOCKS, v->data_blocks);
	put_le16(p + VS_SALT_SIZE, (uint16_t)v->salt_size);
	memcpy(p + VS_SALT, v->salt, v->salt_size);
}

int verity_write(struct buf *image, struct verity *ret, struct err *reterr)
{
	size_t size = image->len;
	struct shape s;
	uint8_t *data;

	*ret = (struct verity){.data_blocks = size / VERITY_BLOCK,
			       .salt_size = 32, .intact = true};
	if (!size || size % VERITY_BLOCK || !shape_of(ret->data_blocks, &s))
		return err_set(reterr, -EINVAL, "verity: not whole blocks");
	ret->hash_start = ret->data_blocks + 1;
	ret->tree_blocks = s.total;
	if (sha256(buf_data(image), size, ret->salt) < 0)
		return err_set(reterr, -EIO, "no SHA-256");
	memcpy(ret->uuid, ret->salt, sizeof(ret->uuid));
	ret->uuid[6] = (uint8_t)((ret->uuid[6] & 0x0f) | 0x80);
	ret->uuid[8] = (uint8_t)((ret->uuid[8] & 0x3f) | 0x80);
	if (buf_put_zero(image, (size_t)(1 + s.total) * VERITY_BLOCK) < 0)
		return err_code(reterr, buf_error(image), "verity");
	data = buf_data(image);
	put_super(ret, data + size);
	if (make_tree(ret, &s, data, data + size + VERITY_BLOCK) < 0)
		return err_set(reterr, -EIO, "no SHA-256");
	return 0;
}

bool verity_read(const uint8_t *data, size_t n, uint64_t pos,
		 struct verity *ret)
{
	cleanup_free uint8_t *tree = NULL;
	const uint8_t *p = data + pos;
	struct shape s;

	if (pos % VERITY_BLOCK || pos > n || n - pos < VERITY_BLOCK ||
	    memcmp(p, signature, sizeof(signature)) != 0)
		return false;
	*ret = (struct verity){.data_blocks = get_le64(p + VS_DATA_BLOCKS),
			       .salt_size = get_le16(p + VS_SALT_SIZE)};
	if (get_le32(p + VS_VERSION) != 1 || get_le32(p + VS_HASH_TYPE) != 1 ||
	    memcmp(p + VS_ALGORITHM, "sha256", 7) != 0 ||
	    get_le32(p + VS_DATA_BLOCK) != VERITY_BLOCK ||
	    get_le32(p + VS_HASH_BLOCK) != VERITY_BLOCK ||
	    ret->data_blocks != pos / VERITY_BLOCK || !pos ||
	    ret->salt_size > VERITY_SALT_MAX || !shape_of(ret->data_blocks, &s))
		return false;
	ret->hash_start = ret->data_blocks + 1;
	ret->tree_blocks = s.total;
	memcpy(ret->uuid, p + VS_UUID, sizeof(ret->uuid));
	memcpy(ret->salt, p + VS_SALT, ret->salt_size);
	p += VERITY_BLOCK;
	if (s.total > (n - pos) / VERITY_BLOCK - 1)
		return true; /* cut off: not intact */
	tree = calloc(s.total, VERITY_BLOCK);
	if (!tree || make_tree(ret, &s, data, tree) < 0)
		return true;
	ret->intact = !memcmp(p, tree, s.total * VERITY_BLOCK);
	return true;
}

static int put_hex(struct buf *out, const uint8_t *p, size_t n)
{
	for (size_t i = 0; i < n; i++)
		(void)buf_printf(out, "%02x", p[i]);
	return buf_put_str(out, n ? "" : "-");
}

int verity_table(const struct verity *v, const char *device, struct buf *out)
{
	(void)buf_printf(out, "0 %" PRIu64 " verity 1 %s %s %d %d %" PRIu64
			 " %" PRIu64 " sha256 ", v->data_blocks * SECTORS,
			 device, device, VERITY_BLOCK, VERITY_BLOCK,
			 v->data_blocks, v->hash_start);
	(void)put_hex(out, v->root, sizeof(v->root));
	(void)buf_put_u8(out, ' ');
	(void)put_hex(out, v->salt, v->salt_size);
	return buf_put_str(out, " 1 panic_on_corruption");
}

int verity_cmdline(const struct verity *v, const char *device,
		   const char *fstype, struct buf *out)
{
	(void)buf_put_str(out, "dm-mod.create=\"rootfs,,,ro,");
	(void)verity_table(v, device, out);
	return buf_printf(out, "\" dm-mod.waitfor=%s root=/dev/dm-0 "
			  "rootfstype=%s ro", device, fstype);
}
