// SPDX-License-Identifier: Apache-2.0
/*
 * Writes ext4 through libext2fs, in memory. The library allocates directories;
 * this code numbers the inodes and places files, so that each is in one piece
 * and DAX can map large ones by huge pages. All group metadata is at the start
 * (flex_bg) and there are no backups of the superblock, which would cut files.
 */
#include "ext4.h"

#include <errno.h>
#include <ext2fs/ext2fs.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "base/endian.h"
#include "base/macros.h"
#include "fileio.h"

#define BLOCK 4096u
#define INODE_SIZE 256u
#define EXTENT_MAX 32768u
#define SYMLINK_FAST 59 /* bytes that fit in the inode */
#define MEMFD "/proc/self/fd/%d"

struct writer {
	const struct tree *tree;
	const struct fs_params *params;
	ext2_filsys fs;
	ext2_ino_t *ino; /* one for each node */
	blk64_t next;	 /* where to look for room for small files */
	struct err *reterr;
};

static int check(struct writer *w, errcode_t e, const char *path)
{
	if (e == 0)
		return 0;
	return err_set(w->reterr, e == EXT2_ET_NO_MEMORY ? -ENOMEM : -EIO,
		       "ext4: '%s': %s", path, error_message(e));
}

static uint64_t blocks_of(uint64_t size)
{
	return (size + BLOCK - 1) / BLOCK;
}

static bool is_big(const struct node *n)
{
	return n->type == NODE_FILE && n->size >= FS_PMD_SIZE;
}

/* Blocks enough for the tree: a name takes 8 bytes and itself, rounded up; a
 * directory's block has an end that no name fits in. */
static uint64_t blocks_needed(const struct tree *t)
{
	uint64_t n = 64 + (t->n + 16) * INODE_SIZE / BLOCK, names = 0;
	uint64_t groups;

	for (size_t i = 0; i < t->n; i++) {
		const struct node *node = &t->v[i];

		names += strlen(strrchr(node->path, '/')) + 12;
		if (node->type == NODE_DIR)
			n += 2;
		if (node->xattrs)
			n++;
		if (tree_is_first(t, i))
			n += blocks_of(node->size);
		if (is_big(node)) /* up to here to a boundary, and an index */
			n += FS_PMD_SIZE / BLOCK + 1;
	}
	n += 2 * names / BLOCK + 1;
	groups = n / (8 * BLOCK) + 2;
	n += 4 * groups;
	return ALIGN_UP(n, FS_PMD_SIZE / BLOCK);
}

/* The name of the content, for the UUID and the seed of directory hashes. */
static int name_content(struct writer *w, uint8_t ret[32])
{
	int r = tree_digest(w->tree, w->params->time, ret);

	if (r < 0)
		return err_code(w->reterr, r, "ext4: hash");
	ret[6] = (uint8_t)((ret[6] & 0x0f) | 0x80);
	ret[8] = (uint8_t)((ret[8] & 0x3f) | 0x80);
	return 0;
}

static void super_params(const struct writer *w, struct ext2_super_block *p)
{
	memset(p, 0, sizeof(*p));
	p->s_rev_level = EXT2_DYNAMIC_REV;
	p->s_log_block_size = 2; /* 4 KiB */
	p->s_log_cluster_size = 2;
	p->s_inode_size = INODE_SIZE;
	p->s_inodes_count = (uint32_t)w->tree->n + 16;
	p->s_log_groups_per_flex = 16;
	p->s_feature_compat = EXT4_FEATURE_COMPAT_SPARSE_SUPER2;
	for (size_t i = 0; i < w->tree->n; i++)
		if (w->tree->v[i].xattrs)
			p->s_feature_compat |= EXT2_FEATURE_COMPAT_EXT_ATTR;
	p->s_feature_incompat = EXT2_FEATURE_INCOMPAT_FILETYPE |
				EXT3_FEATURE_INCOMPAT_EXTENTS |
				EXT4_FEATURE_INCOMPAT_FLEX_BG;
	p->s_feature_ro_compat = EXT2_FEATURE_RO_COMPAT_LARGE_FILE |
				 EXT4_FEATURE_RO_COMPAT_DIR_NLINK |
				 EXT4_FEATURE_RO_COMPAT_EXTRA_ISIZE |
				 EXT4_FEATURE_RO_COMPAT_METADATA_CSUM;
	ext2fs_blocks_count_set(p, blocks_needed(w->tree));
}

static int start(struct writer *w, int fd)
{
	struct ext2_super_block p, *sb;
	/* A time of 0 means the clock's to the library. */
	uint32_t now = w->params->time ? (uint32_t)w->params->time : 1;
	char path[32];
	uint8_t name[32];
	int r;

	initialize_ext2_error_table();
	super_params(w, &p);
	/* The library reads blocks that it has yet to write. */
	if (ftruncate(fd, (off_t)(ext2fs_blocks_count(&p) * BLOCK)) < 0)
		return err_errno(w->reterr, "ext4: memory");
	(void)snprintf(path, sizeof(path), MEMFD, fd);
	r = name_content(w, name);
	if (r == 0)
		r = check(w, ext2fs_initialize(path, EXT2_FLAG_64BITS, &p,
					       unix_io_manager, &w->fs), "/");
	if (r < 0)
		return r;
	w->fs->now = now;
	w->fs->umask = 0;
	sb = w->fs->super;
	sb->s_mkfs_time = sb->s_lastcheck = sb->s_wtime = now;
	sb->s_checkinterval = 0;
	/* Else as char is on the host; no directory has hashes. */
	sb->s_flags = EXT2_FLAGS_SIGNED_HASH;
	sb->s_max_mnt_count = -1;
	sb->s_min_extra_isize = sb->s_want_extra_isize = 32;
	sb->s_checksum_type = EXT2_CRC32C_CHKSUM;
	memcpy(sb->s_uuid, name, sizeof(sb->s_uuid));
	memcpy(sb->s_hash_seed, name + 16, sizeof(sb->s_hash_seed));
	memcpy(sb->s_volume_name, w->params->label, strlen(w->params->label));
	ext2fs_init_csum_seed(w->fs);
	return check(w, ext2fs_allocate_tables(w->fs), "/");
}

static ext2_ino_t parent_of(const struct writer *w, size_t i)
{
	char path[TREE_PATH_MAX + 1];
	char *slash;

	(void)snprintf(path, sizeof(path), "%s", w->tree->v[i].path);
	slash = strrchr(path, '/');
	slash[slash == path] = '\0';
	return w->ino[tree_find(w->tree, path) - w->tree->v];
}

/* Does ACTION until the directory DIR has room for one name more. */
#define WITH_ROOM(w, dir, action)                                              \
	({                                                                     \
		errcode_t room_e_ = (action);                                  \
		if (room_e_ == EXT2_ET_DIR_NO_SPACE) {                         \
			room_e_ = ext2fs_expand_dir((w)->fs, dir);             \
			if (room_e_ == 0)                                      \
				room_e_ = (action);                            \
		}                                                              \
		room_e_;                                                       \
	})

static int ext4_type(enum node_type type)
{
	static const int codes[] = {
		[NODE_FILE] = EXT2_FT_REG_FILE, [NODE_CHAR] = EXT2_FT_CHRDEV,
		[NODE_BLOCK] = EXT2_FT_BLKDEV,	[NODE_FIFO] = EXT2_FT_FIFO,
		[NODE_SOCKET] = EXT2_FT_SOCK,	[NODE_LINK] = EXT2_FT_SYMLINK,
	};

	return codes[type];
}

/* A name more of a file that is there. */
static int make_name(struct writer *w, size_t i, ext2_ino_t dir,
		     const char *name)
{
	const struct node *n = &w->tree->v[i];

	w->ino[i] = w->ino[n->first];
	return check(w, WITH_ROOM(w, dir, ext2fs_link(w->fs, dir, name,
						      w->ino[i],
						      ext4_type(n->type))),
		     n->path);
}

static int make_other(struct writer *w, size_t i, ext2_ino_t dir,
		      const char *name)
{
	const struct node *n = &w->tree->v[i];
	struct ext2_inode inode = {
		.i_mode = (uint16_t)node_type_to_mode(n->type),
		.i_links_count = 1,
	};
	errcode_t e;

	/* Linux include/linux/kdev_t.h, new_encode_dev(), in the second. */
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK)
		inode.i_block[1] = (n->minor & 0xff) | n->major << 8 |
				   (n->minor & ~0xffu) << 12;
	e = ext2fs_write_new_inode(w->fs, w->ino[i], &inode);
	if (e == 0)
		e = WITH_ROOM(w, dir, ext2fs_link(w->fs, dir, name, w->ino[i],
						  ext4_type(n->type)));
	ext2fs_inode_alloc_stats2(w->fs, w->ino[i], +1, 0);
	return check(w, e, n->path);
}

static int make(struct writer *w, size_t i)
{
	const struct node *n = &w->tree->v[i];
	const char *name = strrchr(n->path, '/') + 1;
	cleanup_free char *target = NULL;
	ext2_ino_t dir;

	if (i == 0) {
		w->ino[0] = EXT2_ROOT_INO;
		return check(w, ext2fs_mkdir(w->fs, EXT2_ROOT_INO,
					     EXT2_ROOT_INO, NULL), "/");
	}
	dir = parent_of(w, i);
	if (!tree_is_first(w->tree, i))
		return make_name(w, i, dir, name);
	w->ino[i] = (ext2_ino_t)(EXT2_GOOD_OLD_FIRST_INO + i - 1);
	if (n->type == NODE_DIR)
		return check(w, WITH_ROOM(w, dir,
					  ext2fs_mkdir(w->fs, dir, w->ino[i],
						       name)), n->path);
	if (n->type != NODE_LINK)
		return make_other(w, i, dir, name);
	target = strndup((const char *)n->data, n->size);
	if (!target)
		return err_set(w->reterr, -ENOMEM, "out of memory");
	return check(w, WITH_ROOM(w, dir, ext2fs_symlink(w->fs, dir, w->ino[i],
							 name, target)),
		     n->path);
}

/* COUNT free blocks in a row at a multiple of ALIGN. */
static int find_room(struct writer *w, blk64_t from, uint64_t count,
		     uint64_t align, blk64_t *ret)
{
	blk64_t end = ext2fs_blocks_count(w->fs->super);

	for (blk64_t b = ALIGN_UP(from, align); b + count <= end; b += align) {
		if (ext2fs_test_block_bitmap_range2(w->fs->block_map, b,
						    (blk_t)count)) {
			*ret = b;
			return 0;
		}
	}
	return err_set(w->reterr, -ENOSPC, "ext4: no %llu blocks in a row",
		       (unsigned long long)count);
}

static errcode_t write_blocks(struct writer *w, blk64_t at,
			      const struct node *n)
{
	uint64_t whole = n->size / BLOCK;
	uint8_t last[BLOCK] = {0};
	errcode_t e = 0;

	if (whole)
		e = io_channel_write_blk64(w->fs->io, at, (int)whole, n->data);
	if (e == 0 && n->size % BLOCK) {
		memcpy(last, n->data + whole * BLOCK, n->size % BLOCK);
		e = io_channel_write_blk64(w->fs->io, at + whole, 1, last);
	}
	return e;
}

static errcode_t map_blocks(struct writer *w, ext2_ino_t ino, blk64_t at,
			    uint64_t count)
{
	struct ext2fs_extent extent = {0};
	ext2_extent_handle_t h;
	errcode_t e = ext2fs_extent_open(w->fs, ino, &h);

	for (uint64_t done = 0; e == 0 && done < count; done += EXTENT_MAX) {
		extent.e_pblk = at + done;
		extent.e_lblk = done;
		extent.e_len = (uint32_t)MIN(count - done, EXTENT_MAX);
		e = ext2fs_extent_insert(h, done ? EXT2_EXTENT_INSERT_AFTER : 0,
					 &extent);
		if (e == 0)
			e = ext2fs_extent_fix_parents(h);
	}
	if (h)
		ext2fs_extent_free(h);
	return e;
}

static int put_data(struct writer *w, size_t i)
{
	const struct node *n = &w->tree->v[i];
	uint64_t count = blocks_of(n->size);
	struct ext2_inode inode;
	blk64_t at;
	errcode_t e;
	int r;

	r = find_room(w, is_big(n) ? 0 : w->next, count,
		      is_big(n) ? FS_PMD_SIZE / BLOCK : 1, &at);
	if (r < 0)
		return r;
	if (!is_big(n))
		w->next = at + count;
	ext2fs_block_alloc_stats_range(w->fs, at, (blk_t)count, +1);
	e = write_blocks(w, at, n);
	if (e == 0)
		e = ext2fs_read_inode(w->fs, w->ino[i], &inode);
	if (e)
		return check(w, e, n->path);
	inode.i_flags |= EXT4_EXTENTS_FL;
	e = ext2fs_inode_size_set(w->fs, &inode, n->size);
	if (e == 0)
		e = ext2fs_iblk_set(w->fs, &inode, count);
	if (e == 0)
		e = ext2fs_write_inode(w->fs, w->ino[i], &inode);
	if (e == 0)
		e = map_blocks(w, w->ino[i], at, count);
	return check(w, e, n->path);
}

/* Owner, mode and times, whatever the library has put there. */
static int dress(struct writer *w, size_t i)
{
	const struct node *n = &w->tree->v[i];
	struct ext2_inode_large in = {0};
	struct ext2_inode *base = (struct ext2_inode *)&in;
	uint32_t low = (uint32_t)n->mtime;
	/* Bits 32 and 33 of seconds that begin as a signed number. */
	uint32_t high = (uint32_t)((n->mtime - (int32_t)low) >> 32) & 3;
	errcode_t e = ext2fs_read_inode_full(w->fs, w->ino[i], base,
					     sizeof(in));

	if (e)
		return check(w, e, n->path);
	in.i_mode = (uint16_t)(node_type_to_mode(n->type) | n->mode);
	in.i_uid = (uint16_t)n->uid;
	ext2fs_set_i_uid_high(in, (uint16_t)(n->uid >> 16));
	in.i_gid = (uint16_t)n->gid;
	ext2fs_set_i_gid_high(in, (uint16_t)(n->gid >> 16));
	if (n->type != NODE_DIR)
		in.i_links_count = (uint16_t)n->names;
	in.i_extra_isize = 32;
	in.i_atime = in.i_ctime = in.i_mtime = in.i_crtime = low;
	in.i_atime_extra = in.i_ctime_extra = high;
	in.i_mtime_extra = in.i_crtime_extra = high;
	return check(w, ext2fs_write_inode_full(w->fs, w->ino[i], base,
						sizeof(in)), n->path);
}

static errcode_t set_xattrs(struct ext2_xattr_handle *h,
			    const struct xattrs *x)
{
	errcode_t e = ext2fs_xattrs_read(h);

	for (size_t i = 0; e == 0 && i < x->n; i++)
		e = ext2fs_xattr_set(h, x->v[i].name, x->v[i].value,
				     x->v[i].size);
	return e;
}

/* In the inode as far as there is room, else in a block. */
static int put_xattrs(struct writer *w, size_t i)
{
	const struct node *n = &w->tree->v[i];
	struct ext2_xattr_handle *h = NULL;
	errcode_t e;

	if (!n->xattrs)
		return 0;
	e = ext2fs_xattrs_open(w->fs, w->ino[i], &h);
	if (e == 0)
		e = set_xattrs(h, n->xattrs);
	if (e == 0)
		e = ext2fs_xattrs_write(h);
	if (h)
		(void)ext2fs_xattrs_close(&h);
	return check(w, e, n->path);
}

/* Small files before large ones: these leave gaps to the next boundary. */
static int fill(struct writer *w)
{
	const struct tree *t = w->tree;
	int r = 0;

	for (ext2_ino_t i = 1; i < EXT2_GOOD_OLD_FIRST_INO; i++)
		if (i != EXT2_ROOT_INO)
			ext2fs_inode_alloc_stats2(w->fs, i, +1, 0);
	for (size_t i = 0; i < t->n && r == 0; i++)
		r = make(w, i);
	for (int big = 0; big < 2; big++)
		for (size_t i = 0; i < t->n && r == 0; i++)
			if (t->v[i].type == NODE_FILE && t->v[i].size &&
			    tree_is_first(t, i) && is_big(&t->v[i]) == big)
				r = put_data(w, i);
	for (size_t i = 0; i < t->n && r == 0; i++)
		if (tree_is_first(t, i))
			r = dress(w, i);
	for (size_t i = 0; i < t->n && r == 0; i++)
		if (tree_is_first(t, i))
			r = put_xattrs(w, i);
	return r;
}

static int write_image(struct writer *w, int fd, struct buf *out)
{
	uint8_t *data = NULL;
	uint64_t size;
	size_t n;
	int r;

	r = start(w, fd);
	if (r == 0)
		r = fill(w);
	if (!w->fs)
		return r;
	size = ext2fs_blocks_count(w->fs->super) * BLOCK;
	if (r == 0)
		r = check(w, ext2fs_close_free(&w->fs), "/");
	else
		ext2fs_free(w->fs);
	w->fs = NULL;
	if (r == 0 && size > out->max)
		r = err_set(w->reterr, -EFBIG, "ext4: image too large");
	if (r == 0)
		r = fd_read(fd, size, &data, &n, w->reterr);
	if (r == 0 && buf_put(out, data, n) < 0)
		r = err_code(w->reterr, buf_error(out), "ext4: image");
	free(data);
	return r;
}

int ext4_write(const struct tree *tree, const struct fs_params *params,
	       struct buf *out, struct err *reterr)
{
	struct writer w = {.tree = tree, .params = params, .reterr = reterr};
	cleanup_free ext2_ino_t *ino = calloc(tree->n, sizeof(*ino));
	cleanup_close int fd = -1;

	if (strlen(params->label) > FS_LABEL_MAX || out->len)
		return err_set(reterr, -EINVAL, "label too long");
	fd = memfd_create("ext4", MFD_CLOEXEC);
	if (fd < 0 || !ino)
		return err_errno(reterr, "ext4: memory");
	w.ino = ino;
	return write_image(&w, fd, out);
}

uint32_t ext4_checksum(const uint8_t *fs)
{
	return crc32c(UINT32_MAX, fs + EXT4_SUPER_POS, ES_CHECKSUM);
}

const struct fs_ops fs_ext4 = {
	.name = "ext4",
	.write = ext4_write,
	.probe = ext4_probe,
	.read = ext4_read,
};
