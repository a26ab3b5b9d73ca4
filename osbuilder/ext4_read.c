// SPDX-License-Identifier: Apache-2.0
/*
 * Reads ext4 as hostile bytes: inodes mapped by extents, directories with and
 * without an index. Nothing is trusted to be in bounds or free of cycles; what
 * is only found out by replaying a journal is refused.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "base/path.h"
#include "ext4.h"
#include "fileio.h"

/* What is copied or walked in all: an image could name the same twice. */
#define BYTES_MAX (128u << 20)
#define DEPTH_MAX 64
#define EXTENT_DEPTH_MAX 5

enum inode_field {
	EI_MODE = 0x00,
	EI_UID = 0x02,
	EI_SIZE = 0x04,
	EI_MTIME = 0x10,
	EI_GID = 0x18,
	EI_LINKS = 0x1a,
	EI_FLAGS = 0x20,
	EI_BLOCK = 0x28,
	EI_FILE_ACL = 0x68,
	EI_SIZE_HIGH = 0x6c,
	EI_FILE_ACL_HIGH = 0x76,
	EI_UID_HIGH = 0x78,
	EI_GID_HIGH = 0x7a,
	EI_EXTRA = 0x80,
	EI_MTIME_EXTRA = 0x88,
};

#define INODE_MIN 128
#define FLAG_EXTENTS 0x80000
#define FAST_MAX 60 /* a target this short is in the inode */
#define EXTENT_MAGIC 0xf30a
#define EXTENT_SIZE 12
#define DIRENT_HEAD 8

struct reader {
	const uint8_t *data;
	size_t n;
	unsigned int bits; /* of a block */
	uint32_t inodes, per_group;
	size_t inode_size, desc_size;
	uint64_t descs; /* where the group descriptors are */
	bool wide;	/* 64 bit */
	struct tree *tree;
	uint64_t bytes; /* copied or walked so far */
	struct err *reterr;
};

static int bad(struct reader *r, const char *path, const char *why)
{
	return err_set(r->reterr, -EINVAL, "'%.200s': %s", path, why);
}

bool ext4_probe(const uint8_t *data, size_t n)
{
	return n >= EXT4_SUPER_POS + EXT4_SUPER_SIZE &&
	       get_le16(data + EXT4_SUPER_POS + ES_MAGIC) == EXT4_MAGIC;
}

/* N bytes at POS, or NULL. */
static const uint8_t *at(const struct reader *r, uint64_t pos, uint64_t n)
{
	return pos <= r->n && n <= r->n - pos ? r->data + pos : NULL;
}

static const uint8_t *find_inode(const struct reader *r, uint32_t ino)
{
	const uint8_t *d;
	uint64_t table;

	if (ino == 0 || ino > r->inodes)
		return NULL;
	d = at(r, r->descs + (ino - 1) / r->per_group * (uint64_t)r->desc_size,
	       r->desc_size);
	if (!d)
		return NULL;
	table = get_le32(d + 0x08);
	if (r->wide)
		table |= (uint64_t)get_le32(d + 0x28) << 32;
	if (table > r->n >> r->bits)
		return NULL;
	return at(r, (table << r->bits) +
		     (uint64_t)((ino - 1) % r->per_group) * r->inode_size,
		  r->inode_size);
}

/* What an inode's extents put together: one place in the image, or a copy. */
struct content {
	struct node *n;
	uint64_t end; /* of what was mapped so far */
	bool first;
};

static int put_piece(struct reader *r, struct content *c, uint64_t from,
		     uint64_t pos, uint64_t size)
{
	struct node *n = c->n;
	const uint8_t *p = at(r, pos, size);

	if (!p)
		return bad(r, n->path, "data outside the image");
	if (c->first && from == 0) {
		n->pos = pos;
		n->data = p;
		c->first = false;
		c->end = size;
		return 0;
	}
	if (!n->owned && from == c->end && n->data && pos == n->pos + from) {
		c->end = from + size;
		return 0;
	}
	if (!n->owned) {
		if (n->size > BYTES_MAX - r->bytes)
			return bad(r, n->path, "too much data to copy");
		r->bytes += n->size;
		n->owned = calloc(1, n->size);
		if (!n->owned)
			return err_set(r->reterr, -ENOMEM, "out of memory");
		if (n->data)
			memcpy(n->owned, n->data, c->end);
		n->data = n->owned;
		n->pieces = true;
	}
	memcpy(n->owned + from, p, size);
	c->first = false;
	c->end = from + size;
	return 0;
}

/* One node of the extent tree, in the SIZE bytes at P. */
static int put_extents(struct reader *r, struct content *c, const uint8_t *p,
		       size_t size, unsigned int level)
{
	unsigned int count = get_le16(p + 2), depth = get_le16(p + 6);
	int ret = 0;

	if (get_le16(p) != EXTENT_MAGIC || level > EXTENT_DEPTH_MAX ||
	    (level && depth >= EXTENT_DEPTH_MAX) ||
	    (count + 1) * (size_t)EXTENT_SIZE > size)
		return bad(r, c->n->path, "bad extents");
	for (unsigned int i = 0; i < count && ret == 0; i++) {
		const uint8_t *e = p + (i + 1) * EXTENT_SIZE;
		uint64_t from = (uint64_t)get_le32(e) << r->bits, len, block;

		block = depth ? get_le32(e + 4) |
					(uint64_t)get_le16(e + 8) << 32 :
				get_le32(e + 8) |
					(uint64_t)get_le16(e + 6) << 32;
		if (block >= r->n >> r->bits)
			return bad(r, c->n->path, "extent outside the image");
		if (r->bytes > BYTES_MAX - ((uint64_t)1 << r->bits))
			return bad(r, c->n->path, "too many extents");
		if (depth) {
			r->bytes += (uint64_t)1 << r->bits;
			ret = put_extents(r, c, r->data + (block << r->bits),
					  (size_t)1 << r->bits, level + 1);
			continue;
		}
		r->bytes += EXTENT_SIZE;
		len = get_le16(e + 4);
		if (len > 32768 || from >= c->n->size) /* only reserved */
			continue;
		if (from < c->end)
			return bad(r, c->n->path, "extents overlap");
		len = MIN(len << r->bits, c->n->size - from);
		ret = put_piece(r, c, from, block << r->bits, len);
	}
	return ret;
}

static int node_data(struct reader *r, const uint8_t *p, struct node *n)
{
	struct content c = {.n = n, .first = true};
	int ret;

	if (n->size > TREE_FILE_MAX)
		return bad(r, n->path, "too large");
	if (n->type == NODE_LINK && n->size < FAST_MAX &&
	    !(get_le32(p + EI_FLAGS) & FLAG_EXTENTS)) {
		n->data = p + EI_BLOCK;
		n->pos = (uint64_t)(n->data - r->data);
		return 0;
	}
	if (!(get_le32(p + EI_FLAGS) & FLAG_EXTENTS))
		return bad(r, n->path, "not mapped by extents");
	n->plain = r->bits == 12;
	ret = put_extents(r, &c, p + EI_BLOCK, FAST_MAX, 0);
	if (ret == 0 && !n->owned && c.end < n->size) {
		/* A hole at its end, or nothing but one. */
		if (n->size > BYTES_MAX - r->bytes)
			return bad(r, n->path, "too much data to copy");
		r->bytes += n->size;
		n->owned = calloc(1, n->size);
		if (!n->owned)
			return err_set(r->reterr, -ENOMEM, "out of memory");
		if (n->data)
			memcpy(n->owned, n->data, c.end);
		n->data = n->owned;
		n->pieces = true;
	}
	return ret;
}

/* In a block of their own, and behind the fields of the inode P. */
static int node_xattrs(struct reader *r, const uint8_t *p, struct node *n)
{
	uint64_t block = get_le32(p + EI_FILE_ACL), size = UINT64_C(1) << r->bits;
	size_t pos = EI_EXTRA;
	const uint8_t *b;
	int ret = 0;

	if (r->wide)
		block |= (uint64_t)get_le16(p + EI_FILE_ACL_HIGH) << 32;
	if (r->inode_size >= EI_EXTRA + 2)
		pos += get_le16(p + EI_EXTRA);
	if (pos > EI_EXTRA && pos < r->inode_size)
		ret = ext4_xattr_inode(p + pos, r->inode_size - pos,
				       &n->xattrs, &n->unread, r->reterr);
	if (ret == 0 && block) {
		b = block < r->n >> r->bits ? at(r, block << r->bits, size) :
					      NULL;
		ret = b ? ext4_xattr_block(b, size, &n->xattrs, &n->unread,
					   r->reterr) : -EINVAL;
	}
	r->bytes += xattrs_bytes(n->xattrs);
	if (r->bytes > BYTES_MAX)
		return bad(r, n->path, "too many bytes of attributes");
	return ret == -EINVAL ? bad(r, n->path, "bad attributes") : ret;
}

static int node_fill(struct reader *r, uint32_t ino, struct node *n)
{
	const uint8_t *p = find_inode(r, ino);
	uint32_t dev;
	int ret;

	if (!p)
		return bad(r, n->path, "inode outside the image");
	if (node_type_from_mode(get_le16(p + EI_MODE), &n->type) < 0)
		return bad(r, n->path, "unknown type");
	n->mode = get_le16(p + EI_MODE) & 07777;
	n->uid = get_le16(p + EI_UID) | (uint32_t)get_le16(p + EI_UID_HIGH)
						<< 16;
	n->gid = get_le16(p + EI_GID) | (uint32_t)get_le16(p + EI_GID_HIGH)
						<< 16;
	n->mtime = (int32_t)get_le32(p + EI_MTIME);
	if (r->inode_size >= EI_MTIME_EXTRA + 4 && get_le16(p + EI_EXTRA) >= 12)
		n->mtime += (int64_t)(get_le32(p + EI_MTIME_EXTRA) & 3) << 32;
	if (n->type != NODE_DIR && get_le16(p + EI_LINKS) > 1)
		n->file = ino;
	ret = node_xattrs(r, p, n);
	if (ret < 0)
		return ret;
	n->size = get_le32(p + EI_SIZE);
	if (n->type == NODE_FILE || n->type == NODE_DIR)
		n->size |= (uint64_t)get_le32(p + EI_SIZE_HIGH) << 32;
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK) {
		dev = get_le32(p + EI_BLOCK + 4);
		n->major = dev >> 8 & 0xfff;
		n->minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
		dev = get_le32(p + EI_BLOCK); /* the short form, if used */
		if (dev) {
			n->major = dev >> 8 & 0xff;
			n->minor = dev & 0xff;
		}
	}
	if (n->type != NODE_DIR && n->type != NODE_FILE && n->type != NODE_LINK)
		n->size = 0;
	return n->size ? node_data(r, p, n) : 0;
}

static int walk(struct reader *r, const char *dir, const struct node *n,
		unsigned int depth);

static int child(struct reader *r, const char *dir, uint32_t ino,
		 const char *name, unsigned int depth)
{
	struct node n = {0}, kept;
	cleanup_free char *path = path_join(dir, name);
	int ret;

	if (!path)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	n.path = path;
	if (strchr(name, '/'))
		return bad(r, path, "slash in a name");
	ret = node_fill(r, ino, &n);
	kept = n;
	if (n.type == NODE_DIR) {
		/* A directory's own data is no content. */
		kept.data = kept.owned = NULL;
		kept.size = 0;
	}
	if (ret == 0)
		ret = tree_add(r->tree, &kept, r->reterr);
	if (ret == 0) {
		n.xattrs = NULL;
		if (n.type != NODE_DIR)
			n.owned = NULL;
	}
	if (ret == 0 && n.type == NODE_DIR)
		ret = walk(r, path, &n, depth + 1);
	free(n.owned);
	xattrs_free(n.xattrs);
	return ret;
}

/* One block of a directory. What indexes it looks like an unused entry. */
static int walk_block(struct reader *r, const char *dir, const uint8_t *p,
		      size_t size, unsigned int depth)
{
	char name[TREE_NAME_MAX + 1];
	int ret = 0;

	for (size_t i = 0; i + DIRENT_HEAD <= size && ret == 0;) {
		uint32_t ino = get_le32(p + i);
		size_t len = get_le16(p + i + 4), name_len = p[i + 6];

		if (len < DIRENT_HEAD || len > size - i ||
		    name_len > len - DIRENT_HEAD)
			return bad(r, dir, "bad directory");
		memcpy(name, p + i + DIRENT_HEAD, name_len);
		name[name_len] = '\0';
		i += len;
		if (ino == 0 || !strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		if (!name_len || strlen(name) != name_len)
			return bad(r, dir, "bad name");
		ret = child(r, dir, ino, name, depth);
	}
	return ret;
}

static int walk(struct reader *r, const char *dir, const struct node *n,
		unsigned int depth)
{
	uint64_t block = UINT64_C(1) << r->bits;
	int ret = 0;

	if (depth > DEPTH_MAX)
		return bad(r, dir, "too deep, or a cycle");
	if (n->size > BYTES_MAX - r->bytes)
		return bad(r, dir, "too many bytes of directories");
	r->bytes += n->size;
	for (uint64_t pos = 0; pos < n->size && ret == 0; pos += block)
		ret = walk_block(r, dir, n->data + pos,
				 MIN(block, n->size - pos), depth);
	return ret;
}

static int check_super(struct reader *r, struct fs_info *info)
{
	const uint32_t known = EXT4_INCOMPAT_FILETYPE | EXT4_INCOMPAT_EXTENTS |
			       EXT4_INCOMPAT_64BIT | EXT4_INCOMPAT_FLEX_BG |
			       EXT4_INCOMPAT_CSUM_SEED | EXT4_INCOMPAT_LARGEDIR;
	const uint8_t *sb = r->data + EXT4_SUPER_POS;

	if (get_le32(sb + ES_REVISION) < 1 || get_le32(sb + ES_LOG_BLOCK_SIZE) >
						      6)
		return err_set(r->reterr, -EINVAL, "ext4: blocks or version");
	if ((info->feature_incompat & ~known) ||
	    !(info->feature_incompat & EXT4_INCOMPAT_FILETYPE))
		return err_set(r->reterr, -EINVAL,
			       "ext4: features %#x are not supported",
			       info->feature_incompat & ~known);
	if (info->blocks > r->n >> r->bits)
		return err_set(r->reterr, -EINVAL,
			       "%" PRIu64 " blocks do not fit in %zu bytes",
			       info->blocks, r->n);
	if (r->inode_size < INODE_MIN || r->inode_size > (1u << r->bits) ||
	    (r->wide && (r->desc_size < 64 || r->desc_size > 1024)) ||
	    r->per_group == 0)
		return err_set(r->reterr, -EINVAL, "ext4: bad superblock");
	info->checksum = get_le32(sb + ES_RO_COMPAT) &
			 EXT4_RO_COMPAT_METADATA_CSUM;
	if (info->checksum &&
	    ext4_checksum(r->data) != get_le32(sb + ES_CHECKSUM))
		return err_set(r->reterr, -EBADMSG,
			       "wrong checksum of the superblock");
	return 0;
}

static int read_super(struct reader *r, struct fs_info *info)
{
	const uint8_t *sb = r->data + EXT4_SUPER_POS;

	if (!ext4_probe(r->data, r->n))
		return err_set(r->reterr, -EINVAL, "no ext4");
	info->feature_compat = get_le32(sb + ES_COMPAT);
	info->feature_incompat = get_le32(sb + ES_INCOMPAT);
	r->bits = 10 + MIN(get_le32(sb + ES_LOG_BLOCK_SIZE), 6u);
	r->wide = info->feature_incompat & EXT4_INCOMPAT_64BIT;
	r->inodes = get_le32(sb + ES_INODES);
	r->per_group = get_le32(sb + ES_INODES_PER_GROUP);
	r->inode_size = get_le16(sb + ES_INODE_SIZE);
	r->desc_size = r->wide ? get_le16(sb + ES_DESC_SIZE) : 32;
	r->descs = ((uint64_t)get_le32(sb + ES_FIRST_BLOCK) + 1) << r->bits;
	info->block_size = 1u << r->bits;
	info->blocks = get_le32(sb + ES_BLOCKS);
	info->inodes = r->inodes;
	info->root = EXT4_ROOT_INO;
	info->time = get_le32(sb + ES_WTIME);
	memcpy(info->uuid, sb + ES_UUID, sizeof(info->uuid));
	memcpy(info->label, sb + ES_LABEL, FS_LABEL_MAX);
	return check_super(r, info);
}

int ext4_read(const uint8_t *data, size_t n, struct tree *tree,
	      struct fs_info *info, struct err *reterr)
{
	struct reader r = {.data = data, .n = n, .tree = tree,
			   .reterr = reterr};
	struct node root = {.path = (char[]){"/"}};
	struct node kept;
	int ret;

	*info = (struct fs_info){0};
	ret = read_super(&r, info);
	if (ret < 0)
		return ret;
	ret = node_fill(&r, EXT4_ROOT_INO, &root);
	if (ret == 0 && root.type != NODE_DIR)
		ret = bad(&r, "/", "no directory");
	kept = root;
	kept.data = kept.owned = NULL;
	kept.size = 0;
	if (ret == 0)
		ret = tree_add(tree, &kept, reterr);
	if (ret == 0)
		root.xattrs = NULL;
	if (ret == 0)
		ret = walk(&r, "/", &root, 0);
	free(root.owned);
	xattrs_free(root.xattrs);
	return ret < 0 ? ret : tree_finish(tree, info->time, reterr);
}
