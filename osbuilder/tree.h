// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_TREE_H
#define OSBUILDER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "xattr.h"

/* Caps that hold for what is built and for what is read from an image. */
#define TREE_NODES_MAX 65536
#define TREE_PATH_MAX 1024
#define TREE_NAME_MAX 255
#define TREE_PATHS_BYTES_MAX (16u << 20)
#define TREE_FILE_MAX ((size_t)1 << 30)

enum node_type {
	NODE_DIR,
	NODE_FILE,
	NODE_LINK,
	NODE_CHAR,
	NODE_BLOCK,
	NODE_FIFO,
	NODE_SOCKET, /* only ever read */
};

/*
 * One file of a tree. Paths are absolute and normal; the root is "/". DATA is
 * the content of a file or the target of a link (not terminated). It belongs to
 * the node when OWNED is set, else to whoever added it.
 */
struct node {
	char *path;
	enum node_type type;
	uint32_t mode; /* permission bits only, 07777 */
	uint32_t uid;
	uint32_t gid;
	uint32_t major;
	uint32_t minor;
	int64_t mtime;
	const uint8_t *data;
	uint64_t size;
	uint8_t *owned;
	struct xattrs *xattrs; /* owned; NULL for none */
	/* 0, or what all names of one file (hard links) have in common; they
	 * agree in all but path, origin and layer. */
	uint64_t file;
	size_t first;	/* tree_finish(): the first name of the file, or itself */
	uint32_t names; /* tree_finish(): how many names the file has */
	bool implied;  /* a parent nobody declared */
	const char *origin; /* where it is from, for people; borrowed or NULL */
	unsigned int layer; /* of tree_join_layers() */
	uint64_t pos;  /* readers: offset of DATA in the image */
	bool plain;    /* readers: all DATA is block-aligned in the image */
	bool pieces;   /* readers: DATA is in several places of the image */
	bool unread;   /* readers: has extended attributes that are not read */
};

/* What a tree is put together from; the higher ones come before the lower. */
enum tree_layer {
	LAYER_PACKAGES,
	LAYER_MANIFEST,
	LAYER_OVERLAY,
	LAYER_OVERLAY_MANIFEST,
};

/* A file tree, sorted by path once tree_finish() is through. */
struct tree {
	struct node *v; /* owned */
	size_t n;
	size_t size;
	size_t path_bytes;
	uint64_t files; /* values of node.file that are given out */
	struct change *changes; /* owned */
	size_t n_changes;
};

/* What a manifest says of a file that something else brings. */
enum change_bit {
	CHANGE_MODE = 1 << 0,
	CHANGE_UID = 1 << 1,
	CHANGE_GID = 1 << 2,
};

struct change {
	char *path; /* owned */
	unsigned int bits;
	uint32_t mode, uid, gid;
	struct xattrs *xattrs; /* owned; to be set beside those there are */
	char *where; /* owned: who says it, for people */
};

#define TREE_INIT {0}
#define cleanup_tree cleanup(tree_release)

void tree_release(struct tree *t);

/*
 * Adds a copy of NODE with its own copy of the path. OWNED and XATTRS are taken
 * over on success. -EINVAL for a path or value out of bounds, -E2BIG beyond the caps.
 */
int tree_add(struct tree *t, const struct node *node, struct err *reterr);

/*
 * Sorts, adds missing parents (0755, root, MTIME) and refuses duplicates
 * (-EEXIST) and children of what is no directory (-ENOTDIR). Directories follow
 * directly after their path, siblings are in the byte order of their names.
 */
int tree_finish(struct tree *t, int64_t mtime, struct err *reterr);

/*
 * Makes one tree of the layers in T, before tree_finish(): of the nodes at one
 * path that of the highest layer stays, a directory in place of a directory
 * only, nothing but that in place of one that is not empty (-EEXIST). An overlay's ".wh.NAME" takes away NAME of the layers below,
 * and is not kept. With MERGED_USR what is below /bin, /sbin and /lib* moves
 * below /usr, and links take their places, as in Debian since 12.
 */
int tree_join_layers(struct tree *t, bool merged_usr, struct err *reterr);

void change_release(struct change *c);

/* Notes a change; what it owns is taken over in any case. */
int tree_add_change(struct tree *t, struct change *change, struct err *reterr);

/* Does the changes, after tree_finish(), which is not to be called again for
 * them. -ENOENT
 * for what is not there, -EINVAL for user.* of what is no file or folder. */
int tree_apply_changes(struct tree *t, struct err *reterr);

/* The node of the highest layer at PATH of any tree; where there is none, one
 * that is there when /usr is merged in Debian's manner; or NULL. */
struct node *tree_find_any(const struct tree *t, const char *path);

/* Gives the node the content, owner, mode and attributes of OLD, of which it is
 * a further name from now on. */
int tree_link_nodes(struct tree *t, struct node *old, struct node *node,
		    struct err *reterr);

/* Takes PATH and what is below it out of a finished tree. -ENOENT. */
int tree_remove(struct tree *t, const char *path);

/* How many files there are in a finished tree: names of one file count once. */
size_t tree_count_files(const struct tree *t);

/* Whether node I of a finished tree is the first name of its file. */
static inline bool tree_is_first(const struct tree *t, size_t i)
{
	return t->v[i].first == i;
}

/* The node at PATH of a finished tree, or NULL. */
const struct node *tree_find(const struct tree *t, const char *path);

/* The order of a finished tree. */
int tree_path_compare(const char *a, const char *b);

/* SHA-256 of all there is to say about a tree, and of TIME. -EIO. */
int tree_digest(const struct tree *t, int64_t time, uint8_t ret[32]);

/* "dir", "file", … */
const char *node_type_name(enum node_type type);

/* S_IFDIR and so on, by their value in Linux's ABI, and back (-EINVAL). */
uint32_t node_type_to_mode(enum node_type type);
int node_type_from_mode(uint32_t mode, enum node_type *ret);

#endif
