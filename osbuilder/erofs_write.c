// SPDX-License-Identifier: Apache-2.0
/*
 * Writes EROFS. What is laid out, in this order: the superblock's block; all
 * inodes in the order of the tree, links, small directories and the indexes of
 * compressed files behind them; larger directories and files from the next
 * block on; files of 2 MiB or more at multiples of that, so that DAX can map
 * them by huge pages. Files are never inside an inode: that would exclude them
 * from DAX. With compression those files are compressed that take fewer blocks
 * then; DAX maps the others only.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "erofs.h"
#include "erofs_pack.h"
#include "fileio.h"

#define BLOCK EROFS_BLOCK

/* Inode numbers start in the second block: number 0 would hide a file from
 * some readers of directories. */
#define META_POS BLOCK

struct inode {
	uint64_t pos;	/* of the inode */
	uint64_t data;	/* of the data when it is in blocks */
	uint64_t size;	/* of the data */
	uint32_t nlink;
	uint32_t parent; /* index */
	size_t xattrs; /* bytes */
	bool extended;
	bool is_inline;
	bool is_packed;
	struct buf dir; /* a directory's data */
	struct erofs_packed packed;
};

struct writer {
	const struct tree *tree;
	const struct fs_params *params;
	struct inode *v; /* one for each node */
	uint64_t end;	 /* of the filesystem so far */
	struct err *reterr;
};

uint8_t erofs_file_type(enum node_type type)
{
	static const uint8_t codes[] = {
		[NODE_DIR] = 2,	  [NODE_FILE] = 1, [NODE_LINK] = 7,
		[NODE_CHAR] = 3,  [NODE_BLOCK] = 4, [NODE_FIFO] = 5,
		[NODE_SOCKET] = 6,
	};

	return codes[type];
}

uint32_t erofs_checksum(const uint8_t *fs)
{
	static const uint8_t zero[4];
	const uint8_t *sb = fs + EROFS_SUPER_POS;
	uint32_t crc;

	crc = crc32c(UINT32_MAX, sb, SB_CHECKSUM);
	crc = crc32c(crc, zero, sizeof(zero));
	return crc32c(crc, sb + SB_CHECKSUM + 4,
		      BLOCK - EROFS_SUPER_POS - SB_CHECKSUM - 4);
}

/* The node after the subtree of DIR. */
static size_t subtree_end(const struct tree *t, size_t dir)
{
	size_t len = dir ? strlen(t->v[dir].path) : 0, i = dir + 1;

	while (i < t->n && !strncmp(t->v[i].path, t->v[dir].path, len) &&
	       t->v[i].path[len] == '/')
		i++;
	return i;
}

/* Links, parents and the version of each inode. Parents come before their
 * children, so one pass with a stack of open directories is enough. */
static void relate(struct writer *w)
{
	const struct tree *t = w->tree;

	for (size_t i = 0; i < t->n; i++) {
		const struct node *n = &t->v[i];
		struct inode *in = &w->v[i];

		in->nlink += n->type == NODE_DIR ? 2 : n->names;
		in->size = tree_is_first(t, i) ? n->size : 0;
		in->xattrs = erofs_xattr_size(n->xattrs);
		in->extended = n->uid > UINT16_MAX || n->gid > UINT16_MAX ||
			       n->mtime != w->params->time;
		if (n->type != NODE_DIR)
			continue;
		for (size_t k = i + 1, end = subtree_end(t, i); k < end; k++)
			w->v[k].parent = (uint32_t)i; /* the innermost stays */
	}
	for (size_t i = 1; i < t->n; i++)
		if (t->v[i].type == NODE_DIR)
			w->v[w->v[i].parent].nlink++;
	/* 16 bits of links only in a compact inode. */
	for (size_t i = 0; i < t->n; i++)
		if (w->v[i].nlink > UINT16_MAX)
			w->v[i].extended = true;
}

/* One name of a directory: a child, or one of the two dots. */
struct entry {
	const char *name;
	uint32_t index;
};

static size_t entries(const struct writer *w, size_t dir, struct entry *v)
{
	const struct tree *t = w->tree;
	const struct entry dots[] = {{".", (uint32_t)dir},
				     {"..", w->v[dir].parent}};
	size_t len = dir ? strlen(t->v[dir].path) : 0, n = 0, dot = 0;

	/* Names are in byte order, and so must be the dots among them. */
	for (size_t i = dir + 1, end = subtree_end(t, dir); i < end; i++) {
		const char *name = t->v[i].path + len + 1;

		if (w->v[i].parent != dir)
			continue;
		while (dot < 2 && strcmp(dots[dot].name, name) < 0)
			v[n++] = dots[dot++];
		v[n++] = (struct entry){name, (uint32_t)i};
	}
	while (dot < 2)
		v[n++] = dots[dot++];
	return n;
}

/* How many of the N entries fit in one block; their bytes to *RET. */
static size_t block_fill(const struct entry *v, size_t n, size_t *ret)
{
	size_t used = 0, i;

	for (i = 0; i < n; i++) {
		size_t more = EROFS_DIRENT + strlen(v[i].name);

		if (used + more > BLOCK)
			break;
		used += more;
	}
	*ret = used;
	return i;
}

static void put_block(struct writer *w, struct buf *b, const struct entry *v,
		      size_t n)
{
	size_t name = n * EROFS_DIRENT;

	for (size_t i = 0; i < n; i++) {
		size_t first = w->tree->v[v[i].index].first;

		(void)buf_put_le64(b, w->v[first].pos / EROFS_SLOT);
		(void)buf_put_le16(b, (uint16_t)name);
		(void)buf_put_u8(
			b, erofs_file_type(w->tree->v[v[i].index].type));
		(void)buf_put_u8(b, 0);
		name += strlen(v[i].name);
	}
	for (size_t i = 0; i < n; i++)
		(void)buf_put_str(b, v[i].name);
}

/* A directory's data, or only its size as long as inodes have no place. */
static int directory(struct writer *w, size_t dir, bool fill)
{
	size_t max = subtree_end(w->tree, dir) - dir + 1;
	cleanup_free struct entry *v = calloc(max, sizeof(*v));
	struct inode *in = &w->v[dir];
	size_t n, at, used = 0;

	if (!v)
		return -ENOMEM;
	n = entries(w, dir, v);
	in->size = 0;
	while (n) {
		in->size = ALIGN_UP(in->size, (uint64_t)BLOCK);
		at = block_fill(v, n, &used);
		if (fill) {
			(void)buf_put_zero(&in->dir, in->size - in->dir.len);
			put_block(w, &in->dir, v, at);
		}
		in->size += used;
		memmove(v, v + at, (n - at) * sizeof(*v));
		n -= at;
	}
	return buf_error(&in->dir);
}

/* With the attributes behind it. */
static size_t inode_size(const struct inode *in)
{
	return (in->extended ? EROFS_EXTENDED_SIZE : EROFS_COMPACT_SIZE) +
	       in->xattrs;
}

/* Gives each inode its place. It may not cross a block, nor with data inside
 * (Linux fs/erofs/inode.c refuses that); attributes without data may. */
static void place_inodes(struct writer *w)
{
	uint64_t pos = META_POS;

	for (size_t i = 0; i < w->tree->n; i++) {
		struct inode *in = &w->v[i];
		enum node_type type = w->tree->v[i].type;
		uint64_t size = inode_size(in), index = 0;
		uint64_t whole = size - in->xattrs;

		if (!tree_is_first(w->tree, i))
			continue;
		in->is_inline = (type == NODE_LINK || type == NODE_DIR) &&
				size + in->size <= BLOCK;
		if (in->is_inline) {
			size += in->size;
			whole = size;
		}
		if (pos / BLOCK != (pos + whole - 1) / BLOCK)
			pos = ALIGN_UP(pos, (uint64_t)BLOCK);
		in->pos = pos;
		if (in->is_packed) { /* which may cross blocks */
			size = ALIGN_UP(size, UINT64_C(8));
			index = erofs_index_size(in->size);
		}
		pos = ALIGN_UP(pos + size + index, (uint64_t)EROFS_SLOT);
	}
	w->end = ALIGN_UP(pos, (uint64_t)BLOCK);
}

/* The count of an inode's attributes has 16 bits. */
static int check_xattrs(struct writer *w)
{
	for (size_t i = 0; i < w->tree->n; i++)
		if (w->v[i].xattrs / 4 >= UINT16_MAX)
			return err_set(w->reterr, -E2BIG, "'%.200s' has too "
				       "many extended attributes",
				       w->tree->v[i].path);
	return 0;
}

static bool has_blocks(const struct writer *w, size_t i)
{
	return !w->v[i].is_inline && w->v[i].size > 0;
}

static bool is_big(const struct writer *w, size_t i)
{
	return w->tree->v[i].type == NODE_FILE && !w->v[i].is_packed &&
	       w->v[i].size >= FS_PMD_SIZE;
}

/* What the data takes on disk. */
static uint64_t stored(const struct inode *in)
{
	return in->is_packed ? in->packed.blocks.len : in->size;
}

static void place_data(struct writer *w)
{
	for (int big = 0; big < 2; big++) {
		for (size_t i = 0; i < w->tree->n; i++) {
			if (!has_blocks(w, i) || is_big(w, i) != big)
				continue;
			if (big)
				w->end = ALIGN_UP(w->end, FS_PMD_SIZE);
			w->v[i].data = w->end;
			w->end = ALIGN_UP(w->end + stored(&w->v[i]),
					  (uint64_t)BLOCK);
		}
	}
}

/* Linux include/linux/kdev_t.h, new_encode_dev(). */
static uint32_t device(const struct node *n)
{
	return (n->minor & 0xff) | n->major << 8 | (n->minor & ~0xffu) << 12;
}

static unsigned int data_kind(const struct inode *in)
{
	if (in->is_packed)
		return EROFS_DATA_PACKED;
	return in->is_inline ? EROFS_DATA_INLINE : EROFS_DATA_PLAIN;
}

static void fill_inode(const struct writer *w, size_t i, uint8_t *image)
{
	const struct node *n = &w->tree->v[i];
	const struct inode *in = &w->v[i];
	uint8_t *p = image + in->pos;
	uint32_t where = (uint32_t)(in->data / BLOCK);

	if (n->type == NODE_CHAR || n->type == NODE_BLOCK)
		where = device(n);
	if (in->is_packed)
		where = (uint32_t)(in->packed.blocks.len / BLOCK);
	put_le16(p + IN_FORMAT,
		 (uint16_t)((in->extended ? EROFS_EXTENDED : 0) |
			    data_kind(in) << EROFS_DATA_SHIFT));
	if (in->xattrs) {
		put_le16(p + IN_XATTR_COUNT,
			 (uint16_t)((in->xattrs - EROFS_XATTR_HEAD) / 4 + 1));
		erofs_xattr_write(n->xattrs, p + inode_size(in) - in->xattrs);
	}
	put_le16(p + IN_MODE, (uint16_t)(node_type_to_mode(n->type) | n->mode));
	put_le32(p + IN_UNION, where);
	put_le32(p + IN_INO, (uint32_t)i + 1);
	if (in->extended) {
		put_le64(p + IN_SIZE, in->size);
		put_le32(p + IN_UID, n->uid);
		put_le32(p + IN_GID, n->gid);
		put_le64(p + IN_MTIME, (uint64_t)n->mtime);
		put_le32(p + IN_NLINK, in->nlink);
	} else {
		put_le32(p + IN_SIZE, (uint32_t)in->size);
		put_le16(p + IN_COMPACT_UID, (uint16_t)n->uid);
		put_le16(p + IN_COMPACT_GID, (uint16_t)n->gid);
		put_le16(p + IN_COMPACT_NLINK, (uint16_t)in->nlink);
	}
}

static void fill_data(struct writer *w, size_t i, uint8_t *image)
{
	const struct inode *in = &w->v[i];
	const uint8_t *data = w->tree->v[i].data;

	if (w->tree->v[i].type == NODE_DIR)
		data = buf_data(&in->dir);
	if (in->is_packed) {
		data = buf_data(&in->packed.blocks);
		erofs_index_write(&in->packed, (uint32_t)(in->data / BLOCK),
				  image + ALIGN_UP(in->pos + inode_size(in),
						   UINT64_C(8)));
	}
	if (in->size)
		memcpy(image + (in->is_inline ? in->pos + inode_size(in) :
						in->data),
		       data, stored(in));
}

/* What readers of compressed files have to know before the first one. */
static void fill_config(uint8_t *sb)
{
	uint8_t *lz4 = sb + EROFS_SUPER_SIZE;

	put_le32(sb + SB_FEATURE_INCOMPAT, EROFS_INCOMPAT_ZERO_PADDING |
						   EROFS_INCOMPAT_COMPR_CFGS);
	put_le16(sb + SB_ALGORITHMS, EROFS_ALGORITHMS_LZ4);
	put_le16(lz4 + LZ_SIZE, EROFS_LZ4_CFG_SIZE - 2);
	put_le16(lz4 + LZ_DISTANCE, UINT16_MAX);
	put_le16(lz4 + LZ_BLOCKS, EROFS_PACK_BLOCKS_MAX);
}

static int fill_super(const struct writer *w, uint8_t *image)
{
	uint8_t *sb = image + EROFS_SUPER_POS, hash[32];

	put_le32(sb + SB_MAGIC, EROFS_MAGIC);
	put_le32(sb + SB_FEATURE_COMPAT,
		 EROFS_COMPAT_CHECKSUM | EROFS_COMPAT_MTIME);
	sb[SB_BLOCK_BITS] = EROFS_BLOCK_BITS;
	put_le16(sb + SB_ROOT_NID, (uint16_t)(w->v[0].pos / EROFS_SLOT));
	put_le64(sb + SB_INODES, tree_count_files(w->tree));
	put_le64(sb + SB_TIME, (uint64_t)w->params->time);
	put_le32(sb + SB_BLOCKS, (uint32_t)(w->end / BLOCK));
	memcpy(sb + SB_LABEL, w->params->label, strlen(w->params->label));
	if (w->params->compress)
		fill_config(sb);
	/* The name of the content: a hash of all of it but the name and the
	 * checksum, in the form RFC 9562 reserves for such (version 8). */
	if (sha256(image, w->end, hash) < 0)
		return err_set(w->reterr, -EIO, "no SHA-256");
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	memcpy(sb + SB_UUID, hash, 16);
	put_le32(sb + SB_CHECKSUM, erofs_checksum(image));
	return 0;
}

static int layout(struct writer *w)
{
	int r;

	relate(w);
	r = check_xattrs(w);
	if (r < 0)
		return r;
	for (int fill = 0; fill < 2; fill++) {
		for (size_t i = 0; i < w->tree->n; i++) {
			r = 0;
			if (w->tree->v[i].type == NODE_DIR)
				r = directory(w, i, fill);
			if (r < 0)
				return err_code(w->reterr, r, "'%s'",
						w->tree->v[i].path);
		}
		if (!fill)
			place_inodes(w);
	}
	place_data(w);
	return 0;
}

static int pack_files(struct writer *w)
{
	for (size_t i = 0; w->params->compress && i < w->tree->n; i++) {
		const struct node *n = &w->tree->v[i];
		int r = n->type == NODE_FILE && tree_is_first(w->tree, i) ?
				erofs_pack(n->data, n->size,
					   &w->v[i].packed) : 0;

		if (r < 0)
			return err_code(w->reterr, r, "compress '%s'", n->path);
		w->v[i].is_packed = r > 0;
	}
	return 0;
}

static int write_image(struct writer *w, struct buf *out)
{
	uint8_t *image;
	int r;

	r = pack_files(w);
	if (r == 0)
		r = layout(w);
	if (r < 0)
		return r;
	if (buf_put_zero(out, w->end) < 0)
		return err_code(w->reterr, buf_error(out),
				"image of %llu bytes",
				(unsigned long long)w->end);
	image = buf_data(out);
	for (size_t i = 0; i < w->tree->n; i++) {
		if (!tree_is_first(w->tree, i))
			continue;
		fill_inode(w, i, image);
		fill_data(w, i, image);
	}
	return fill_super(w, image);
}

int erofs_write(const struct tree *tree, const struct fs_params *params,
		struct buf *out, struct err *reterr)
{
	struct writer w = {.tree = tree, .params = params, .reterr = reterr};
	int r;

	if (strlen(params->label) >= FS_LABEL_MAX || out->len)
		return err_set(reterr, -EINVAL, "label too long");
	if (params->compress && strcmp(params->compress, "lz4hc") != 0)
		return err_set(reterr, -EINVAL, "erofs is not compressed by "
			       "'%s' here, but by lz4hc", params->compress);
	w.v = calloc(tree->n, sizeof(*w.v));
	if (!w.v)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < tree->n; i++) {
		buf_init(&w.v[i].dir, 64u << 20);
		w.v[i].packed = (struct erofs_packed)EROFS_PACKED_INIT;
	}
	r = write_image(&w, out);
	for (size_t i = 0; i < tree->n; i++) {
		buf_release(&w.v[i].dir);
		erofs_packed_release(&w.v[i].packed);
	}
	free(w.v);
	return r;
}

const struct fs_ops fs_erofs = {
	.name = "erofs",
	.write = erofs_write,
	.probe = erofs_probe,
	.read = erofs_read,
};
