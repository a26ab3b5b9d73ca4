// SPDX-License-Identifier: Apache-2.0
/*
 * Reads SquashFS 4.0 as hostile bytes. Inodes and directories are in streams of
 * blocks of 8 KiB, each compressed by itself; a cursor walks one stream. File
 * data is copied, for it is compressed as well. All copies together have a cap,
 * and so has what is unpacked for them.
 */
#include <errno.h>
#include <string.h>

#include <zstd.h>

#include "base/endian.h"
#include "base/macros.h"
#include "base/path.h"
#include "squashfs.h"

#define META_SIZE SQ_META
#define BYTES_MAX (256u << 20)
#define WORK_MAX (4 * (uint64_t)BYTES_MAX)
#define DEPTH_MAX 64

/* A place in a stream: a block's position in the image, and one in it. */
struct cursor {
	uint64_t block;
	size_t off;
};

struct reader {
	const uint8_t *data;
	size_t n;
	bool zstd;
	uint32_t block_size;
	uint32_t fragments, ids;
	uint64_t inode_table, dir_table, fragment_table, id_table;
	uint32_t xattr_ids;
	uint64_t xattr_table, xattr_values;
	uint64_t bytes; /* copied so far */
	uint64_t work;  /* read and unpacked so far */
	struct {	/* the blocks unpacked last, one for each stream */
		uint64_t pos, next;
		size_t size;
		uint8_t data[META_SIZE];
	} cache[3];
	struct {	/* the fragment unpacked last: neighbours share one */
		uint8_t *data; /* owned; NULL: none */
		size_t size;
		uint32_t index;
	} fragment;
	struct tree *tree;
	struct err *reterr;
};

static int bad(struct reader *r, const char *path, const char *why)
{
	return err_set(r->reterr, -EINVAL, "'%.200s': %s", path, why);
}

bool squashfs_probe(const uint8_t *data, size_t n)
{
	return n >= SQUASHFS_SUPER_SIZE && get_le32(data) == SQUASHFS_MAGIC;
}

static const uint8_t *at(const struct reader *r, uint64_t pos, uint64_t n)
{
	return pos <= r->n && n <= r->n - pos ? r->data + pos : NULL;
}

/* Unpacks N bytes at P to at most ROOM; the number, or -EINVAL. */
static ssize_t unpack(struct reader *r, const uint8_t *p, size_t n, bool stored,
		      uint8_t *to, size_t room)
{
	size_t got;

	if (r->work > WORK_MAX)
		return -EINVAL;
	r->work += n + 256; /* even where nothing comes out */
	if (stored) {
		if (n > room)
			return -EINVAL;
		memcpy(to, p, n);
		return (ssize_t)n;
	}
	if (!r->zstd)
		return -EINVAL;
	got = ZSTD_decompress(to, room, p, n);
	if (ZSTD_isError(got))
		return -EINVAL;
	r->work += got;
	return (ssize_t)got;
}

/* The stream's block at POS, in cache SLOT. */
static int load(struct reader *r, int slot, uint64_t pos)
{
	const uint8_t *head = at(r, pos, 2), *p;
	size_t size;
	ssize_t n;

	if (r->cache[slot].pos == pos && r->cache[slot].next)
		return 0;
	r->cache[slot].next = 0;
	if (!head)
		return -EINVAL;
	size = get_le16(head) & 0x7fff;
	p = at(r, pos + 2, size);
	if (!p || !size)
		return -EINVAL;
	n = unpack(r, p, size, get_le16(head) & 0x8000, r->cache[slot].data,
		   META_SIZE);
	if (n < 0)
		return -EINVAL;
	r->cache[slot].pos = pos;
	r->cache[slot].next = pos + 2 + size;
	r->cache[slot].size = (size_t)n;
	return 0;
}

/* N bytes of the stream at C, which moves on. */
static int take(struct reader *r, int slot, struct cursor *c, void *to,
		size_t n)
{
	uint8_t *out = to;

	while (n) {
		size_t part;

		if (load(r, slot, c->block) < 0 ||
		    c->off > r->cache[slot].size)
			return -EINVAL;
		part = MIN(n, r->cache[slot].size - c->off);
		if (!part && r->cache[slot].size < META_SIZE)
			return -EINVAL; /* only the last block is short */
		memcpy(out, r->cache[slot].data + c->off, part);
		out += part;
		n -= part;
		c->off += part;
		if (c->off == META_SIZE) {
			c->block = r->cache[slot].next;
			c->off = 0;
		}
	}
	return 0;
}

/* Entry I of SIZE bytes of a table that is an index of streams' blocks. */
static int table_entry(struct reader *r, uint64_t table, uint32_t i,
		       size_t size, uint8_t *ret)
{
	uint64_t pos = (uint64_t)i * size;
	const uint8_t *p = at(r, table + pos / META_SIZE * 8, 8);
	struct cursor c;

	if (!p)
		return -EINVAL;
	c = (struct cursor){get_le64(p), pos % META_SIZE};
	return take(r, 2, &c, ret, size);
}

static int owner(struct reader *r, uint32_t index, uint32_t *ret)
{
	uint8_t id[4];

	if (index >= r->ids || table_entry(r, r->id_table, index, 4, id) < 0)
		return -EINVAL;
	*ret = get_le32(id);
	return 0;
}

/* Where a file's data is. */
struct extent {
	uint64_t start;
	uint32_t fragment, offset;
};

/* One block of data to TO, which is ROOM bytes. */
static int put_block(struct reader *r, uint64_t pos, uint32_t word, uint8_t *to,
		     size_t room)
{
	size_t size = word & (SQ_STORED - 1);
	const uint8_t *p = at(r, pos, size);
	ssize_t n;

	if (size == 0) /* a hole */
		return 0;
	if (!p)
		return -EINVAL;
	n = unpack(r, p, size, word & SQ_STORED, to, room);
	return n == (ssize_t)room ? 0 : -EINVAL;
}

/* Unpacks fragment INDEX to r->fragment, unless it is there. */
static int load_fragment(struct reader *r, uint32_t index)
{
	cleanup_free uint8_t *block = NULL;
	uint8_t entry[16];
	const uint8_t *p;
	uint32_t word;
	ssize_t size;

	if (r->fragment.data && r->fragment.index == index)
		return 0;
	if (index >= r->fragments ||
	    table_entry(r, r->fragment_table, index, 16, entry) < 0)
		return -EINVAL;
	word = get_le32(entry + 8);
	p = at(r, get_le64(entry), word & (SQ_STORED - 1));
	if (!p)
		return -EINVAL;
	block = malloc(r->block_size);
	if (!block)
		return -ENOMEM;
	size = unpack(r, p, word & (SQ_STORED - 1), word & SQ_STORED, block,
		      r->block_size);
	if (size < 0)
		return -EINVAL;
	free(r->fragment.data);
	r->fragment.data = TAKE_PTR(block);
	r->fragment.size = (size_t)size;
	r->fragment.index = index;
	return 0;
}

static int put_fragment(struct reader *r, const struct extent *e, uint8_t *to,
			size_t n)
{
	int ret = load_fragment(r, e->fragment);

	if (ret < 0)
		return ret;
	if (e->offset > r->fragment.size ||
	    n > r->fragment.size - e->offset)
		return -EINVAL;
	memcpy(to, r->fragment.data + e->offset, n);
	return 0;
}

static int file_data(struct reader *r, struct cursor *c, struct extent e,
		     struct node *n)
{
	bool tail = e.fragment != SQ_NO_FRAGMENT;
	uint64_t done = 0;
	uint8_t word[4];
	int ret = 0;

	if (n->size > TREE_FILE_MAX || r->bytes > BYTES_MAX ||
	    n->size > BYTES_MAX - r->bytes)
		return bad(r, n->path, "too large");
	if (!n->size)
		return 0;
	r->bytes += n->size;
	n->pos = e.start;
	n->owned = calloc(1, n->size);
	if (!n->owned)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	n->data = n->owned;
	while (ret == 0 && done < n->size) {
		size_t part = MIN(r->block_size, n->size - done);

		if (tail && part < r->block_size) {
			ret = put_fragment(r, &e, n->owned + done, part);
		} else {
			ret = take(r, 0, c, word, sizeof(word));
			if (ret == 0)
				ret = put_block(r, e.start, get_le32(word),
						n->owned + done, part);
			e.start += get_le32(word) & (SQ_STORED - 1);
		}
		done += part;
	}
	return ret < 0 ? bad(r, n->path, "bad data") : 0;
}

static int node_xattrs(struct reader *r, uint32_t index, struct node *n);

static int link_data(struct reader *r, struct cursor *c, bool extended,
		     struct node *n)
{
	uint8_t xattrs[4];

	if (n->size > TREE_PATH_MAX * 4)
		return bad(r, n->path, "target too long");
	n->owned = malloc(n->size + 1);
	if (!n->owned)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	n->data = n->owned;
	if (take(r, 0, c, n->owned, n->size) < 0)
		return bad(r, n->path, "bad target");
	if (extended && take(r, 0, c, xattrs, sizeof(xattrs)) < 0)
		return bad(r, n->path, "inode outside the image");
	return extended ? node_xattrs(r, get_le32(xattrs), n) : 0;
}

/* A directory's list: where it begins, and its bytes. */
struct list {
	struct cursor c;
	uint64_t size;
};

/* One attribute at C of the stream of them. */
static int take_xattr(struct reader *r, struct cursor *c, struct node *n)
{
	static const int spaces[] = {
		[SQ_XATTR_USER] = XATTR_USER,
		[SQ_XATTR_TRUSTED] = XATTR_TRUSTED,
		[SQ_XATTR_SECURITY] = XATTR_SECURITY,
	};
	char name[XATTR_NAME_LEN_MAX + 16] = "";
	cleanup_free uint8_t *value = NULL;
	uint8_t head[4], word[8];
	unsigned int space;
	struct cursor at;
	size_t len, size;

	if (take(r, 2, c, head, sizeof(head)) < 0)
		return -EINVAL;
	space = get_le16(head) & SQ_XATTR_SPACE;
	len = get_le16(head + 2);
	if (space >= ARRAY_SIZE(spaces) || !len || len > XATTR_NAME_LEN_MAX)
		return -EINVAL;
	(void)strcpy(name, xattr_prefix(spaces[space]));
	if (take(r, 2, c, name + strlen(name), len) < 0 ||
	    take(r, 2, c, word, 4) < 0)
		return -EINVAL;
	at = *c;
	size = get_le32(word);
	if (get_le16(head) & SQ_XATTR_ELSEWHERE) {
		if (size != 8 || take(r, 2, c, word, 8) < 0)
			return -EINVAL;
		at = (struct cursor){r->xattr_values + (get_le64(word) >> 16),
				     get_le64(word) & 0xffff};
		if (get_le64(word) >> 16 > r->n ||
		    take(r, 2, &at, word, 4) < 0)
			return -EINVAL;
		size = get_le32(word);
	}
	if (size > XATTR_VALUE_MAX)
		return -EINVAL;
	value = malloc(size + 1);
	if (!value || take(r, 2, &at, value, size) < 0)
		return -EINVAL;
	if (!(get_le16(head) & SQ_XATTR_ELSEWHERE))
		*c = at;
	return xattrs_set(&n->xattrs, name, value, size, r->reterr);
}

/* The attributes of number INDEX in the table of them. */
static int node_xattrs(struct reader *r, uint32_t index, struct node *n)
{
	uint8_t e[16];
	struct cursor c;
	uint32_t count;
	int ret = 0;

	if (index == SQ_NO_XATTRS)
		return 0;
	if (index >= r->xattr_ids ||
	    table_entry(r, r->xattr_table, index, sizeof(e), e) < 0)
		return bad(r, n->path, "bad attributes");
	c = (struct cursor){r->xattr_values + (get_le64(e) >> 16),
			    get_le64(e) & 0xffff};
	count = get_le32(e + 8);
	if (count > XATTR_COUNT_MAX || get_le64(e) >> 16 > r->n)
		return bad(r, n->path, "bad attributes");
	while (count-- && ret == 0)
		ret = take_xattr(r, &c, n);
	r->bytes += xattrs_bytes(n->xattrs);
	if (r->bytes > BYTES_MAX)
		return bad(r, n->path, "too many bytes of attributes");
	return ret < 0 ? bad(r, n->path, "bad attributes") : 0;
}

/* What follows the part that all inodes begin with. */
static int fill_rest(struct reader *r, unsigned int type, bool extended,
		     struct cursor *c, uint64_t where, struct node *n,
		     struct list *list)
{
	static const uint8_t sizes[][2] = {
		[SQ_DIR] = {16, 24}, [SQ_FILE] = {16, 40}, [SQ_LINK] = {8, 8},
		[SQ_BLOCK_DEVICE] = {8, 12}, [SQ_CHAR] = {8, 12}, [SQ_FIFO] = {4, 8},
		[SQ_SOCKET] = {4, 8},
	};
	uint8_t f[40];
	struct extent e;
	uint32_t dev;

	if (take(r, 0, c, f, sizes[type][extended]) < 0)
		return bad(r, n->path, "inode outside the image");
	if (extended && type != SQ_LINK) {
		int ret = node_xattrs(r, get_le32(f + sizes[type][1] - 4), n);

		if (ret < 0)
			return ret;
	}
	/* Files that are short of this have one name. */
	if (type != SQ_DIR && (type != SQ_FILE || extended) &&
	    get_le32(f + (type == SQ_FILE ? 24 : 0)) > 1)
		n->file = where + 1;
	switch (type) {
	case SQ_DIR:
		list->size = extended ? get_le32(f + 4) : get_le16(f + 8);
		list->c.block = r->dir_table + get_le32(f + (extended ? 8 : 0));
		list->c.off = get_le16(f + (extended ? 18 : 10));
		return 0;
	case SQ_FILE:
		e = extended ? (struct extent){get_le64(f), get_le32(f + 28),
					       get_le32(f + 32)} :
			       (struct extent){get_le32(f), get_le32(f + 4),
					       get_le32(f + 8)};
		n->size = extended ? get_le64(f + 8) : get_le32(f + 12);
		return file_data(r, c, e, n);
	case SQ_LINK:
		n->size = get_le32(f + 4);
		return link_data(r, c, extended, n);
	case SQ_BLOCK_DEVICE:
	case SQ_CHAR:
		dev = get_le32(f + 4);
		n->major = dev >> 8 & 0xfff;
		n->minor = (dev & 0xff) | (dev >> 12 & 0xfff00);
		return 0;
	default:
		return 0;
	}
}

static int node_fill(struct reader *r, struct cursor c, struct node *n,
		     struct list *list)
{
	static const enum node_type types[] = {
		[SQ_DIR] = NODE_DIR,	[SQ_FILE] = NODE_FILE,
		[SQ_LINK] = NODE_LINK,	[SQ_BLOCK_DEVICE] = NODE_BLOCK,
		[SQ_CHAR] = NODE_CHAR,	[SQ_FIFO] = NODE_FIFO,
		[SQ_SOCKET] = NODE_SOCKET,
	};
	/* What tells the inode from others, whatever number it has. */
	uint64_t where = c.block << 16 | c.off;
	uint8_t h[16];
	unsigned int type;
	bool extended;

	if (take(r, 0, &c, h, sizeof(h)) < 0)
		return bad(r, n->path, "inode outside the image");
	type = get_le16(h);
	extended = type > SQ_EXTENDED;
	if (extended)
		type -= SQ_EXTENDED;
	if (type < SQ_DIR || type > SQ_SOCKET)
		return bad(r, n->path, "unknown type");
	n->type = types[type];
	n->mode = get_le16(h + 2) & 07777;
	n->mtime = get_le32(h + 8);
	if (owner(r, get_le16(h + 4), &n->uid) < 0 ||
	    owner(r, get_le16(h + 6), &n->gid) < 0)
		return bad(r, n->path, "bad owner");
	return fill_rest(r, type, extended, &c, where, n, list);
}

static int walk(struct reader *r, const char *dir, struct list list,
		unsigned int depth);

static int child(struct reader *r, const char *dir, struct cursor c,
		 const char *name, unsigned int depth)
{
	struct node n = {0};
	struct list list = {0};
	cleanup_free char *path = path_join(dir, name);
	int ret;

	if (!path)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	n.path = path;
	if (strchr(name, '/') || !strcmp(name, ".") || !strcmp(name, ".."))
		return bad(r, path, "bad name");
	ret = node_fill(r, c, &n, &list);
	if (ret == 0)
		ret = tree_add(r->tree, &n, r->reterr);
	if (ret < 0) {
		free(n.owned);
		xattrs_free(n.xattrs);
	} else if (n.type == NODE_DIR) {
		ret = walk(r, path, list, depth + 1);
	}
	return ret;
}

/* The entries of a directory whose inodes are in one block. */
static int walk_run(struct reader *r, const char *dir, struct list *l,
		    const uint8_t *head, unsigned int depth)
{
	uint64_t count = (uint64_t)get_le32(head) + 1;
	char name[TREE_NAME_MAX + 2];
	struct cursor c;
	uint8_t e[8];
	size_t len;
	int ret = 0;

	if (count > 256)
		return bad(r, dir, "bad directory");
	while (count-- && ret == 0) {
		if (l->size < sizeof(e) ||
		    take(r, 1, &l->c, e, sizeof(e)) < 0)
			return bad(r, dir, "bad directory");
		len = (size_t)get_le16(e + 6) + 1;
		if (len > TREE_NAME_MAX || l->size - sizeof(e) < len ||
		    take(r, 1, &l->c, name, len) < 0)
			return bad(r, dir, "bad name");
		l->size -= sizeof(e) + len;
		name[len] = '\0';
		if (strlen(name) != len)
			return bad(r, dir, "bad name");
		c = (struct cursor){r->inode_table + get_le32(head + 4),
				    get_le16(e)};
		ret = child(r, dir, c, name, depth);
	}
	return ret;
}

static int walk(struct reader *r, const char *dir, struct list list,
		unsigned int depth)
{
	uint8_t head[12];
	int ret = 0;

	if (depth > DEPTH_MAX)
		return bad(r, dir, "too deep, or a cycle");
	/* The size counts three bytes that are not there, for the dots. */
	list.size -= MIN(list.size, 3u);
	while (list.size && ret == 0) {
		if (list.size < sizeof(head) ||
		    take(r, 1, &list.c, head, sizeof(head)) < 0)
			return bad(r, dir, "bad directory");
		list.size -= sizeof(head);
		ret = walk_run(r, dir, &list, head, depth);
	}
	return ret;
}

/* When it is not right there are no attributes to be found in it. */
static void read_xattr_table(struct reader *r, uint64_t pos)
{
	const uint8_t *p = pos == SQ_NO_TABLE ? NULL : at(r, pos, 16);

	if (!p || get_le64(p) > r->n)
		return;
	r->xattr_values = get_le64(p);
	r->xattr_ids = get_le32(p + 8);
	r->xattr_table = pos + 16;
}

static int read_super(struct reader *r, struct fs_info *info)
{
	const uint8_t *sb = r->data;

	if (!squashfs_probe(r->data, r->n))
		return err_set(r->reterr, -EINVAL, "no SquashFS");
	r->block_size = get_le32(sb + SQ_BLOCK_SIZE);
	if (get_le16(sb + SQ_MAJOR) != 4 || get_le16(sb + SQ_MINOR) != 0 ||
	    r->block_size < 4096 || r->block_size > 1u << 20 ||
	    (r->block_size & (r->block_size - 1)))
		return err_set(r->reterr, -EINVAL, "SquashFS: bad superblock");
	r->zstd = get_le16(sb + SQ_COMPRESSION) == SQUASHFS_ZSTD;
	r->fragments = get_le32(sb + SQ_FRAGMENTS);
	r->ids = get_le16(sb + SQ_IDS);
	r->inode_table = get_le64(sb + SQ_INODE_TABLE);
	r->dir_table = get_le64(sb + SQ_DIR_TABLE);
	r->fragment_table = get_le64(sb + SQ_FRAGMENT_TABLE);
	r->id_table = get_le64(sb + SQ_ID_TABLE);
	read_xattr_table(r, get_le64(sb + SQ_XATTR_TABLE));
	/* Sums of one of these and a small offset cannot overflow then. */
	if (get_le64(sb + SQ_BYTES_USED) > r->n || r->inode_table > r->n ||
	    r->dir_table > r->n || r->id_table > r->n ||
	    (r->fragments && r->fragment_table > r->n))
		return err_set(r->reterr, -EINVAL, "SquashFS: it is cut off");
	info->block_size = r->block_size;
	info->blocks = (get_le64(sb + SQ_BYTES_USED) + r->block_size - 1) /
		       r->block_size;
	info->inodes = get_le32(sb + SQ_INODES);
	info->root = get_le64(sb + SQ_ROOT);
	info->time = get_le32(sb + SQ_TIME);
	info->feature_compat = get_le16(sb + SQ_FLAGS);
	info->feature_incompat = get_le16(sb + SQ_COMPRESSION);
	if (info->feature_incompat == SQUASHFS_ZSTD)
		info->compress = "zstd";
	return 0;
}

static int read_all(struct reader *r, struct fs_info *info)
{
	struct node root = {.path = (char[]){"/"}};
	struct list list = {0};
	int ret;

	ret = read_super(r, info);
	if (ret < 0)
		return ret;
	ret = node_fill(r, (struct cursor){r->inode_table +
						   (info->root >> 16 &
						    UINT32_MAX),
					   info->root & 0xffff},
			&root, &list);
	if (ret == 0 && root.type != NODE_DIR)
		ret = bad(r, "/", "no directory");
	if (ret == 0)
		ret = tree_add(r->tree, &root, r->reterr);
	if (ret < 0) {
		free(root.owned);
		xattrs_free(root.xattrs);
	}
	return ret < 0 ? ret : walk(r, "/", list, 0);
}

int squashfs_read(const uint8_t *data, size_t n, struct tree *tree,
		  struct fs_info *info, struct err *reterr)
{
	cleanup_free struct reader *r = calloc(1, sizeof(*r));
	int ret;

	*info = (struct fs_info){0};
	if (!r)
		return err_set(reterr, -ENOMEM, "out of memory");
	r->data = data;
	r->n = n;
	r->tree = tree;
	r->reterr = reterr;
	ret = read_all(r, info);
	free(r->fragment.data);
	return ret < 0 ? ret : tree_finish(tree, info->time, reterr);
}
