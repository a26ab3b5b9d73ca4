// SPDX-License-Identifier: Apache-2.0
/*
 * Writes SquashFS 4.0, compressed by zstd: Linux fs/squashfs/squashfs_fs.h. In
 * this order, which the kernel checks: data and fragments, inodes, directories,
 * and the tables of fragments, owners and attributes. Inodes of files come
 * before those of directories, and a directory's children before it, for an
 * entry says where the inode is.
 */
#include "squashfs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "fileio.h"
#include "squashfs_stream.h"

#define IDS_MAX 65535
#define SQ_PAD 4096
#define RUN_MAX 256 /* entries of a directory with one header */

struct inode {
	uint64_t start;	   /* of the data */
	uint64_t holes;	   /* bytes of the file */
	uint32_t fragment, offset;
	size_t blocks, n_blocks; /* in writer.sizes */
	uint64_t place;	   /* of the inode, as sq_place() has it */
	uint32_t number;
	uint32_t xattrs;
	uint32_t nlink;
	size_t parent;
	size_t child, sibling; /* the first, the next; 0 for none */
};

struct writer {
	const struct tree *tree;
	const struct fs_params *params;
	struct inode *v; /* one for each node */
	struct buf *out;
	struct sq_packer *packer;
	struct buf sizes; /* words of files' blocks, in their order */
	struct buf fragment;
	struct buf fragments; /* what the table has */
	struct sq_stream inodes, dirs;
	struct buf ids, xattr_ids;
	struct sq_stream xattrs;
	struct err *reterr;
};

static uint32_t id_of(struct writer *w, uint32_t id)
{
	const uint8_t *p = buf_data(&w->ids);
	size_t n = w->ids.len / 4;

	for (size_t i = 0; i < n; i++)
		if (get_le32(p + 4 * i) == id)
			return (uint32_t)i;
	(void)buf_put_le32(&w->ids, id);
	return (uint32_t)n;
}

/* A block to the image; the word that says how long it is, and how. */
static uint32_t put_block(struct writer *w, const uint8_t *data, size_t n)
{
	bool stored;
	size_t before = w->out->len;

	sq_pack(w->packer, data, n, w->out, &stored);
	return (uint32_t)(w->out->len - before) | (stored ? SQ_STORED : 0);
}

static void flush_fragment(struct writer *w)
{
	uint64_t start = w->out->len;

	if (!w->fragment.len)
		return;
	(void)buf_put_le64(&w->fragments, start);
	(void)buf_put_le32(&w->fragments,
			   put_block(w, buf_data(&w->fragment),
				     w->fragment.len));
	(void)buf_put_le32(&w->fragments, 0);
	buf_clear(&w->fragment);
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return !p[0] && !memcmp(p, p + 1, n - 1);
}

/* Files shorter than a block share blocks, the fragments. */
static void put_data(struct writer *w, size_t i)
{
	const struct node *n = &w->tree->v[i];
	struct inode *in = &w->v[i];

	in->fragment = SQ_NO_FRAGMENT;
	in->blocks = w->sizes.len / 4;
	if (n->size && n->size < SQ_BLOCK) {
		if (w->fragment.len + n->size > SQ_BLOCK)
			flush_fragment(w);
		in->fragment = (uint32_t)(w->fragments.len / 16);
		in->offset = (uint32_t)w->fragment.len;
		(void)buf_put(&w->fragment, n->data, n->size);
		return;
	}
	in->start = w->out->len;
	for (uint64_t at = 0; at < n->size; at += SQ_BLOCK) {
		size_t part = (size_t)MIN(n->size - at, (uint64_t)SQ_BLOCK);
		bool hole = is_zero(n->data + at, part);

		(void)buf_put_le32(&w->sizes,
				   hole ? 0 : put_block(w, n->data + at, part));
		in->holes += hole ? part : 0;
		in->n_blocks++;
	}
}

static unsigned int type_of(enum node_type type)
{
	static const uint8_t types[] = {
		[NODE_DIR] = SQ_DIR,	 [NODE_FILE] = SQ_FILE,
		[NODE_LINK] = SQ_LINK,	 [NODE_CHAR] = SQ_CHAR,
		[NODE_BLOCK] = SQ_BLOCK_DEVICE, [NODE_FIFO] = SQ_FIFO,
		[NODE_SOCKET] = SQ_SOCKET,
	};

	return types[type];
}

/* The attributes of a file, and an entry of the table for them. */
static void put_xattrs(struct writer *w, size_t i)
{
	const struct xattrs *x = w->tree->v[i].xattrs;
	cleanup_buf struct buf b = BUF_INIT(SIZE_MAX / 2);
	const char *rest = "";

	w->v[i].xattrs = SQ_NO_XATTRS;
	if (!x || !x->n)
		return;
	for (size_t k = 0; k < x->n; k++) {
		int space = xattr_space(x->v[k].name, &rest);

		(void)buf_put_le16(&b, space == XATTR_USER    ? SQ_XATTR_USER :
				       space == XATTR_TRUSTED ? SQ_XATTR_TRUSTED :
								SQ_XATTR_SECURITY);
		(void)buf_put_le16(&b, (uint16_t)strlen(rest));
		(void)buf_put_str(&b, rest);
		(void)buf_put_le32(&b, (uint32_t)x->v[k].size);
		(void)buf_put(&b, x->v[k].value, x->v[k].size);
	}
	w->v[i].xattrs = (uint32_t)(w->xattr_ids.len / 16);
	(void)buf_put_le64(&w->xattr_ids, sq_place(&w->xattrs));
	(void)buf_put_le32(&w->xattr_ids, (uint32_t)x->n);
	(void)buf_put_le32(&w->xattr_ids, (uint32_t)b.len);
	sq_put(&w->xattrs, w->packer, buf_data(&b), b.len);
}

/* What all inodes begin with. */
static void put_head(struct writer *w, size_t i, bool extended, struct buf *b)
{
	const struct node *n = &w->tree->v[i];

	(void)buf_put_le16(b, (uint16_t)(type_of(n->type) +
					 (extended ? SQ_EXTENDED : 0)));
	(void)buf_put_le16(b, (uint16_t)n->mode);
	(void)buf_put_le16(b, (uint16_t)id_of(w, n->uid));
	(void)buf_put_le16(b, (uint16_t)id_of(w, n->gid));
	(void)buf_put_le32(b, (uint32_t)n->mtime);
	(void)buf_put_le32(b, w->v[i].number);
}

static void file_inode(struct writer *w, size_t i, struct buf *b)
{
	const struct node *n = &w->tree->v[i];
	const struct inode *in = &w->v[i];
	bool extended = n->names > 1 || in->xattrs != SQ_NO_XATTRS ||
			in->holes || in->start > UINT32_MAX ||
			n->size > UINT32_MAX;

	put_head(w, i, extended, b);
	if (extended) {
		(void)buf_put_le64(b, in->start);
		(void)buf_put_le64(b, n->size);
		(void)buf_put_le64(b, in->holes);
		(void)buf_put_le32(b, n->names);
		(void)buf_put_le32(b, in->fragment);
		(void)buf_put_le32(b, in->offset);
		(void)buf_put_le32(b, in->xattrs);
	} else {
		(void)buf_put_le32(b, (uint32_t)in->start);
		(void)buf_put_le32(b, in->fragment);
		(void)buf_put_le32(b, in->offset);
		(void)buf_put_le32(b, (uint32_t)n->size);
	}
	if (in->n_blocks)
		(void)buf_put(b, buf_data(&w->sizes) + 4 * in->blocks,
			      4 * in->n_blocks);
}

/* Links, devices, fifos and sockets. */
static void other_inode(struct writer *w, size_t i, struct buf *b)
{
	const struct node *n = &w->tree->v[i];
	bool extended = w->v[i].xattrs != SQ_NO_XATTRS;

	put_head(w, i, extended, b);
	(void)buf_put_le32(b, n->names);
	if (n->type == NODE_LINK) {
		(void)buf_put_le32(b, (uint32_t)n->size);
		(void)buf_put(b, n->data, n->size);
	} else if (n->type == NODE_CHAR || n->type == NODE_BLOCK) {
		/* Linux include/linux/kdev_t.h, new_encode_dev(). */
		(void)buf_put_le32(b, (n->minor & 0xff) | n->major << 8 |
					      (n->minor & ~0xffu) << 12);
	}
	if (extended)
		(void)buf_put_le32(b, w->v[i].xattrs);
}

/* Where the listing begins, and its bytes. */
static void dir_inode(struct writer *w, size_t i, uint64_t place, size_t size,
		      struct buf *b)
{
	const struct inode *in = &w->v[i];
	uint32_t parent = i ? w->v[in->parent].number :
			      (uint32_t)tree_count_files(w->tree) + 1;
	bool extended = in->xattrs != SQ_NO_XATTRS || size + 3 > UINT16_MAX;

	put_head(w, i, extended, b);
	/* Readers count three bytes for the dots, which are not there. */
	if (extended) {
		(void)buf_put_le32(b, in->nlink);
		(void)buf_put_le32(b, (uint32_t)size + 3);
		(void)buf_put_le32(b, (uint32_t)(place >> 16));
		(void)buf_put_le32(b, parent);
		(void)buf_put_le16(b, 0); /* no index */
		(void)buf_put_le16(b, place & UINT16_MAX);
		(void)buf_put_le32(b, in->xattrs);
	} else {
		(void)buf_put_le32(b, (uint32_t)(place >> 16));
		(void)buf_put_le32(b, in->nlink);
		(void)buf_put_le16(b, (uint16_t)(size + 3));
		(void)buf_put_le16(b, place & UINT16_MAX);
		(void)buf_put_le32(b, parent);
	}
}

static const struct inode *inode_of(const struct writer *w, size_t name)
{
	return &w->v[w->tree->v[name].first];
}

/* Whether the inode can be told of in the run that begins with BASE. */
static bool fits_run(const struct inode *base, const struct inode *in)
{
	int64_t apart = (int64_t)in->number - (int64_t)base->number;

	return in->place >> 16 == base->place >> 16 && apart >= INT16_MIN &&
	       apart <= INT16_MAX;
}

/* The entries from FIRST on that one header stands before; the next, or 0. */
static size_t put_run(struct writer *w, size_t first, struct buf *b)
{
	const struct inode *base = inode_of(w, first);
	uint32_t count = 0;
	size_t end = first;

	for (; end && count < RUN_MAX && fits_run(base, inode_of(w, end));
	     end = w->v[end].sibling)
		count++;
	(void)buf_put_le32(b, count - 1);
	(void)buf_put_le32(b, (uint32_t)(base->place >> 16));
	(void)buf_put_le32(b, base->number);
	for (size_t i = first; i != end; i = w->v[i].sibling) {
		const char *name = strrchr(w->tree->v[i].path, '/') + 1;
		const struct inode *in = inode_of(w, i);

		(void)buf_put_le16(b, in->place & UINT16_MAX);
		(void)buf_put_le16(b, (uint16_t)(in->number - base->number));
		(void)buf_put_le16(b, (uint16_t)type_of(w->tree->v[i].type));
		(void)buf_put_le16(b, (uint16_t)(strlen(name) - 1));
		(void)buf_put_str(b, name);
	}
	return end;
}

static int put_inode(struct writer *w, size_t i)
{
	cleanup_buf struct buf list = BUF_INIT(64u << 20);
	cleanup_buf struct buf b = BUF_INIT(64u << 20);
	uint64_t place = sq_place(&w->dirs);

	if (w->tree->v[i].type == NODE_DIR) {
		for (size_t k = w->v[i].child; k;)
			k = put_run(w, k, &list);
		sq_put(&w->dirs, w->packer, buf_data(&list), list.len);
		dir_inode(w, i, place, list.len, &b);
	} else if (w->tree->v[i].type == NODE_FILE) {
		file_inode(w, i, &b);
	} else {
		other_inode(w, i, &b);
	}
	w->v[i].place = sq_place(&w->inodes);
	sq_put(&w->inodes, w->packer, buf_data(&b), b.len);
	if (buf_error(&b) || buf_error(&list))
		return err_set(w->reterr, -ENOMEM, "out of memory");
	return 0;
}

/* Numbers, parents and children. Parents come before their children. */
static int relate(struct writer *w)
{
	const struct tree *t = w->tree;
	char path[TREE_PATH_MAX + 1];
	uint32_t number = 0;

	for (size_t i = 0; i < t->n; i++) {
		if (t->v[i].mtime < 0 || t->v[i].mtime > UINT32_MAX)
			return err_set(w->reterr, -ERANGE, "time of '%.200s' "
				       "does not fit in squashfs", t->v[i].path);
		w->v[i].number = tree_is_first(t, i) ? ++number : 0;
		w->v[i].nlink += 2;
		if (!i)
			continue;
		memcpy(path, t->v[i].path, strlen(t->v[i].path) + 1);
		strrchr(path, '/')[strrchr(path, '/') == path] = '\0';
		w->v[i].parent = (size_t)(tree_find(t, path) - t->v);
		if (t->v[i].type == NODE_DIR)
			w->v[w->v[i].parent].nlink++;
	}
	for (size_t i = t->n; i-- > 1;) {
		struct inode *dir = &w->v[w->v[i].parent];

		w->v[i].sibling = dir->child;
		dir->child = i;
	}
	return 0;
}

static void fill_super(struct writer *w, const struct sq_tables *t)
{
	uint8_t *sb = buf_error(w->out) ? NULL : buf_data(w->out);

	if (!sb)
		return;
	put_le32(sb + SQ_MAGIC, SQUASHFS_MAGIC);
	put_le32(sb + SQ_INODES, (uint32_t)tree_count_files(w->tree));
	put_le32(sb + SQ_TIME, (uint32_t)w->params->time);
	put_le32(sb + SQ_BLOCK_SIZE, SQ_BLOCK);
	put_le32(sb + SQ_FRAGMENTS, (uint32_t)(w->fragments.len / 16));
	put_le16(sb + SQ_COMPRESSION, SQUASHFS_ZSTD);
	put_le16(sb + SQ_BLOCK_LOG, SQ_BLOCK_BITS);
	put_le16(sb + SQ_FLAGS, w->xattr_ids.len ? 0 : SQ_FLAG_NO_XATTRS);
	put_le16(sb + SQ_IDS, (uint16_t)(w->ids.len / 4));
	put_le16(sb + SQ_MAJOR, 4);
	put_le64(sb + SQ_ROOT, w->v[0].place);
	put_le64(sb + SQ_BYTES_USED, w->out->len);
	put_le64(sb + SQ_ID_TABLE, t->ids);
	put_le64(sb + SQ_XATTR_TABLE, t->xattrs);
	put_le64(sb + SQ_INODE_TABLE, t->inodes);
	put_le64(sb + SQ_DIR_TABLE, t->dirs);
	put_le64(sb + SQ_FRAGMENT_TABLE, t->fragments);
	put_le64(sb + SQ_EXPORT_TABLE, SQ_NO_TABLE);
}

static void put_tables(struct writer *w)
{
	struct sq_tables t = {.fragments = SQ_NO_TABLE, .xattrs = SQ_NO_TABLE};
	uint64_t values;

	t.inodes = sq_append(&w->inodes, w->packer, w->out);
	t.dirs = sq_append(&w->dirs, w->packer, w->out);
	if (w->fragments.len)
		t.fragments = sq_table(&w->fragments, NULL, w->packer, w->out);
	t.ids = sq_table(&w->ids, NULL, w->packer, w->out);
	if (w->xattr_ids.len) {
		values = sq_append(&w->xattrs, w->packer, w->out);
		t.xattrs = sq_table(&w->xattr_ids, &values, w->packer, w->out);
	}
	fill_super(w, &t);
	/* The kernel reads devices in such blocks. */
	(void)buf_put_zero(w->out, -w->out->len & (SQ_PAD - 1));
}

static int write_all(struct writer *w)
{
	const struct tree *t = w->tree;
	int r = relate(w);

	(void)buf_put_zero(w->out, SQUASHFS_SUPER_SIZE);
	for (size_t i = 0; i < t->n && r == 0; i++) {
		if (!tree_is_first(t, i))
			continue;
		if (t->v[i].type == NODE_FILE)
			put_data(w, i);
		put_xattrs(w, i);
	}
	flush_fragment(w);
	for (size_t i = 0; i < t->n && r == 0; i++)
		if (t->v[i].type != NODE_DIR && tree_is_first(t, i))
			r = put_inode(w, i);
	for (size_t i = t->n; i-- > 0 && r == 0;)
		if (t->v[i].type == NODE_DIR)
			r = put_inode(w, i);
	if (r == 0 && w->ids.len / 4 > IDS_MAX)
		r = err_set(w->reterr, -E2BIG, "squashfs: too many owners");
	if (r < 0)
		return r;
	put_tables(w);
	if (sq_error(w->packer) || buf_error(w->out) || buf_error(&w->sizes) ||
	    buf_error(&w->fragment) || buf_error(&w->fragments) ||
	    buf_error(&w->ids) || buf_error(&w->xattr_ids))
		return err_set(w->reterr, -ENOMEM,
			       "squashfs: image too large, or out of memory");
	return 0;
}

int squashfs_write(const struct tree *tree, const struct fs_params *params,
		   struct buf *out, struct err *reterr)
{
	cleanup_free struct inode *v = calloc(tree->n, sizeof(*v));
	struct writer w = {.tree = tree, .params = params, .out = out, .v = v,
			   .packer = sq_packer_new(), .reterr = reterr};
	int r;

	buf_init(&w.sizes, IMAGE_MAX);
	buf_init(&w.fragment, SQ_BLOCK);
	buf_init(&w.fragments, IMAGE_MAX);
	buf_init(&w.ids, IMAGE_MAX);
	buf_init(&w.xattr_ids, IMAGE_MAX);
	sq_init(&w.inodes);
	sq_init(&w.dirs);
	sq_init(&w.xattrs);
	r = !v || !w.packer ? err_set(reterr, -ENOMEM, "out of memory") :
			      write_all(&w);
	buf_release(&w.sizes);
	buf_release(&w.fragment);
	buf_release(&w.fragments);
	buf_release(&w.ids);
	buf_release(&w.xattr_ids);
	sq_release(&w.inodes);
	sq_release(&w.dirs);
	sq_release(&w.xattrs);
	sq_packer_free(w.packer);
	return r;
}

const struct fs_ops fs_squashfs = {
	.name = "squashfs",
	.write = squashfs_write,
	.probe = squashfs_probe,
	.read = squashfs_read,
};
