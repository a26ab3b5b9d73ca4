// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_TREE_H
#define OSBUILDER_TREE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"

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
	bool implied;  /* a parent nobody declared */
	const char *origin; /* where it is from, for people; borrowed or NULL */
	unsigned int layer; /* of tree_join_layers() */
	uint64_t pos;  /* readers: offset of DATA in the image */
	bool plain;    /* readers: all DATA is block-aligned in the image */
	bool pieces;   /* readers: DATA is in several places of the image */
	bool xattrs;   /* readers: has extended attributes, which are not read */
	bool linked;   /* readers: has further names, as files of their own here */
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
};

#define TREE_INIT {0}
#define cleanup_tree cleanup(tree_release)

void tree_release(struct tree *t);

/*
 * Adds a copy of NODE with its own copy of the path. OWNED is taken over on
 * success. -EINVAL for a path or value out of bounds, -E2BIG beyond the caps.
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

/* Takes PATH and what is below it out of a finished tree. -ENOENT. */
int tree_remove(struct tree *t, const char *path);

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
