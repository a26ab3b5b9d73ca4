// SPDX-License-Identifier: Apache-2.0
/*
 * Reads EROFS as hostile bytes: what this project writes, and of what others
 * write all that is on one device, whole or compressed by LZ4. Nothing is
 * trusted to be aligned, in bounds or free of cycles.
 */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "base/path.h"
#include "erofs.h"
#include "erofs_pack.h"

/* What all data that is put together or unpacked may take: an image could name
 * the same many times. */
#define COPIES_MAX (256u << 20)
#define DEPTH_MAX 64

struct reader {
	const uint8_t *data;
	size_t n;
	unsigned int bits; /* of a block */
	uint64_t xattrs;   /* where shared attributes are */
	uint64_t meta;	   /* where inode number 0 would be */
	struct tree *tree;
	uint64_t copied;
	struct err *reterr;
};

static int bad(struct reader *r, const char *path, const char *why)
{
	return err_set(r->reterr, -EINVAL, "'%.200s': %s", path, why);
}

bool erofs_probe(const uint8_t *data, size_t n)
{
	return n >= EROFS_SUPER_POS + EROFS_SUPER_SIZE &&
	       get_le32(data + EROFS_SUPER_POS) == EROFS_MAGIC;
}

/* N bytes at POS, or NULL. */
static const uint8_t *at(const struct reader *r, uint64_t pos, uint64_t n)
{
	return pos <= r->n && n <= r->n - pos ? r->data + pos : NULL;
}

/* Memory for the data of N. */
static int own_data(struct reader *r, struct node *n)
{
	if (n->size > COPIES_MAX - r->copied)
		return bad(r, n->path, "too much data to copy");
	r->copied += n->size;
	n->owned = malloc(n->size);
	n->data = n->owned;
	return n->owned ? 0 : err_set(r->reterr, -ENOMEM, "out of memory");
}

static int packed_data(struct reader *r, const uint8_t *p, size_t inode,
		       bool compact, struct node *n)
{
	uint64_t map = ALIGN_UP((uint64_t)(p - r->data) + inode, UINT64_C(8));
	struct erofs_file f = {.fs = r->data, .n = r->n, .bits = r->bits,
			       .map = map, .compact = compact,
			       .size = n->size};
	int ret = own_data(r, n);

	if (ret == 0) {
		ret = erofs_unpack(&f, n->owned);
		if (ret == -EOPNOTSUPP)
			ret = bad(r, n->path, "not compressed by LZ4, or in a "
					      "way that is not known here");
		else if (ret < 0)
			ret = bad(r, n->path, "damaged, it does not unpack");
	}
	if (ret < 0) {
		free(n->owned);
		n->data = n->owned = NULL;
		return ret;
	}
	n->pos = f.first_block << r->bits;
	n->pieces = true;
	return 0;
}

/* The data of a node whose inode is P, of INODE bytes with its attributes. */
static int node_data(struct reader *r, const uint8_t *p, size_t inode,
		     struct node *n)
{
	unsigned int how = get_le16(p + IN_FORMAT) >> EROFS_DATA_SHIFT &
			   EROFS_DATA_MASK;
	uint64_t pos = (uint64_t)get_le32(p + IN_UNION) << r->bits;
	uint64_t tail = 0, whole;
	const uint8_t *head, *rest;

	if (n->size > TREE_FILE_MAX)
		return bad(r, n->path, "too large");
	if ((how == EROFS_DATA_PACKED || how == EROFS_DATA_COMPACT) &&
	    n->type == NODE_FILE)
		return packed_data(r, p, inode, how == EROFS_DATA_COMPACT, n);
	if (how != EROFS_DATA_PLAIN && how != EROFS_DATA_INLINE)
		return bad(r, n->path, "in chunks, or in an unknown way");
	if (how == EROFS_DATA_INLINE)
		tail = n->size & ((UINT64_C(1) << r->bits) - 1);
	whole = n->size - tail;
	n->pos = pos;
	n->plain = tail == 0;
	head = whole ? at(r, pos, whole) : r->data;
	rest = tail ? at(r, (uint64_t)(p - r->data) + inode, tail) : r->data;
	if (!head || !rest)
		return bad(r, n->path, "data outside the image");
	if (tail && !whole) {
		n->pos = (uint64_t)(rest - r->data);
		n->data = rest;
	} else if (tail) {
		int ret = own_data(r, n);

		if (ret < 0)
			return ret;
		memcpy(n->owned, head, whole);
		memcpy(n->owned + whole, rest, tail);
	} else {
		n->data = head;
	}
	return 0;
}

static size_t xattr_size(const uint8_t *p)
{
	uint16_t count = get_le16(p + IN_XATTR_COUNT);

	return count ? 12 + 4 * ((size_t)count - 1) : 0;
}

/* The attributes of a node whose inode is P and ends at byte POS. */
static int node_xattrs(struct reader *r, const uint8_t *p, uint64_t pos,
		       struct node *n)
{
	size_t size = xattr_size(p);
	const uint8_t *x = at(r, pos, size);
	int ret;

	if (!size)
		return 0;
	if (!x)
		return bad(r, n->path, "attributes outside the image");
	ret = erofs_xattr_read(r->data, r->n, r->xattrs, x, size, &n->xattrs,
			       &n->unread, r->reterr);
	r->copied += size + xattrs_bytes(n->xattrs);
	if (r->copied > COPIES_MAX)
		return bad(r, n->path, "too much data to copy");
	return ret == -EINVAL ? bad(r, n->path, "bad attributes") : ret;
}

static int node_fill(struct reader *r, uint64_t nid, struct node *n)
{
	const uint8_t *p = NULL;
	uint64_t pos;
	bool extended;
	size_t inode;
	int ret;

	if (!mul_overflows(nid, (uint64_t)EROFS_SLOT, &pos) &&
	    !add_overflows(pos, r->meta, &pos))
		p = at(r, pos, EROFS_COMPACT_SIZE);
	if (!p)
		return bad(r, n->path, "inode outside the image");
	extended = get_le16(p + IN_FORMAT) & EROFS_EXTENDED;
	if (extended && !at(r, pos, EROFS_EXTENDED_SIZE))
		return bad(r, n->path, "inode outside the image");
	if (node_type_from_mode(get_le16(p + IN_MODE), &n->type) < 0)
		return bad(r, n->path, "unknown type");
	n->mode = get_le16(p + IN_MODE) & 07777;
	n->uid = extended ? get_le32(p + IN_UID) : get_le16(p + IN_COMPACT_UID);
	n->gid = extended ? get_le32(p + IN_GID) : get_le16(p + IN_COMPACT_GID);
	n->size = extended ? get_le64(p + IN_SIZE) : get_le32(p + IN_SIZE);
	if (extended)
		n->mtime = (int64_t)get_le64(p + IN_MTIME);
	if (n->type != NODE_DIR &&
	    (extended ? get_le32(p + IN_NLINK) :
			get_le16(p + IN_COMPACT_NLINK)) > 1)
		n->file = nid + 1;
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK) {
		uint32_t dev = get_le32(p + IN_UNION);

		n->major = dev >> 8 & 0xfff;
		n->minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
	}
	if (n->type != NODE_DIR && n->type != NODE_FILE && n->type != NODE_LINK)
		n->size = 0;
	inode = extended ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE;
	ret = node_xattrs(r, p, pos + inode, n);
	if (ret < 0)
		return ret;
	return n->size ? node_data(r, p, inode + xattr_size(p), n) : 0;
}

static int walk(struct reader *r, const char *dir, const uint8_t *data,
		uint64_t size, unsigned int depth, int64_t time);

static int child(struct reader *r, const char *dir, const uint8_t *dirent,
		 const char *name, unsigned int depth, int64_t time)
{
	struct node n = {.mtime = time};
	cleanup_free char *path = path_join(dir, name);
	int ret;

	if (!path)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	n.path = path;
	if (strchr(name, '/'))
		return bad(r, path, "slash in a name");
	ret = node_fill(r, get_le64(dirent + DE_NID), &n);
	if (ret == 0) {
		/* A directory's own data is no content. */
		struct node kept = n;

		if (n.type == NODE_DIR) {
			kept.data = kept.owned = NULL;
			kept.size = 0;
		}
		ret = tree_add(r->tree, &kept, r->reterr);
		if (ret == 0 && n.type != NODE_DIR)
			n.owned = NULL;
		if (ret == 0)
			n.xattrs = NULL;
	}
	if (ret == 0 && n.type == NODE_DIR)
		ret = walk(r, path, n.data, n.size, depth + 1, time);
	free(n.owned);
	xattrs_free(n.xattrs);
	return ret;
}

/* One block of a directory: entries, then their names. */
static int walk_block(struct reader *r, const char *dir, const uint8_t *p,
		      size_t size, unsigned int depth, int64_t time)
{
	size_t first = size >= EROFS_DIRENT ? get_le16(p + DE_NAME_POS) : 0;
	char name[TREE_NAME_MAX + 1];
	size_t from, to;
	int ret;

	if (first < EROFS_DIRENT || first > size || first % EROFS_DIRENT)
		return bad(r, dir, "bad directory");
	for (size_t i = 0; i < first; i += EROFS_DIRENT) {
		from = get_le16(p + i + DE_NAME_POS);
		to = i + EROFS_DIRENT < first ?
			     get_le16(p + i + EROFS_DIRENT + DE_NAME_POS) :
			     size;
		if (from < first || to < from || to > size)
			return bad(r, dir, "bad directory");
		to = from + strnlen((const char *)p + from, to - from);
		if (to == from || to - from > TREE_NAME_MAX)
			return bad(r, dir, "bad name");
		memcpy(name, p + from, to - from);
		name[to - from] = '\0';
		if (!strcmp(name, ".") || !strcmp(name, ".."))
			continue;
		ret = child(r, dir, p + i, name, depth, time);
		if (ret < 0)
			return ret;
	}
	return 0;
}

static int walk(struct reader *r, const char *dir, const uint8_t *data,
		uint64_t size, unsigned int depth, int64_t time)
{
	uint64_t block = UINT64_C(1) << r->bits;
	int ret = 0;

	if (depth > DEPTH_MAX)
		return bad(r, dir, "too deep, or a cycle");
	for (uint64_t pos = 0; pos < size && ret == 0; pos += block)
		ret = walk_block(r, dir, data + pos, MIN(block, size - pos),
				 depth, time);
	return ret;
}

static int read_super(struct reader *r, struct fs_info *info)
{
	const uint8_t *sb = r->data + EROFS_SUPER_POS;

	if (!erofs_probe(r->data, r->n))
		return err_set(r->reterr, -EINVAL, "no EROFS");
	r->bits = sb[SB_BLOCK_BITS];
	if (r->bits < 9 || r->bits > 16 || sb[SB_DIR_BLOCK_BITS])
		return err_set(r->reterr, -EINVAL, "blocks of 2^%u bytes",
			       r->bits);
	r->xattrs = (uint64_t)get_le32(sb + SB_XATTR_BLOCK) << r->bits;
	r->meta = (uint64_t)get_le32(sb + SB_META_BLOCK) << r->bits;
	info->block_size = 1u << r->bits;
	info->blocks = get_le32(sb + SB_BLOCKS);
	info->inodes = get_le64(sb + SB_INODES);
	info->root = get_le16(sb + SB_ROOT_NID);
	info->time = (int64_t)get_le64(sb + SB_TIME);
	info->feature_compat = get_le32(sb + SB_FEATURE_COMPAT);
	info->feature_incompat = get_le32(sb + SB_FEATURE_INCOMPAT);
	if (info->feature_incompat & (EROFS_INCOMPAT_ZERO_PADDING |
				      EROFS_INCOMPAT_COMPR_CFGS))
		info->compress = "lz4";
	memcpy(info->uuid, sb + SB_UUID, sizeof(info->uuid));
	memcpy(info->label, sb + SB_LABEL, FS_LABEL_MAX);
	if (info->blocks > r->n >> r->bits)
		return err_set(r->reterr, -EINVAL,
			       "%" PRIu64 " blocks do not fit in %zu bytes",
			       info->blocks, r->n);
	info->checksum = info->feature_compat & EROFS_COMPAT_CHECKSUM &&
			 r->bits == EROFS_BLOCK_BITS && r->n >= EROFS_BLOCK;
	if (info->checksum &&
	    erofs_checksum(r->data) != get_le32(sb + SB_CHECKSUM))
		return err_set(r->reterr, -EBADMSG,
			       "wrong checksum of the superblock");
	return 0;
}

int erofs_read(const uint8_t *data, size_t n, struct tree *tree,
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
	root.mtime = info->time;
	ret = node_fill(&r, info->root, &root);
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
		ret = walk(&r, "/", root.data, root.size, 0, info->time);
	free(root.owned);
	xattrs_free(root.xattrs);
	return ret < 0 ? ret : tree_finish(tree, info->time, reterr);
}
