// SPDX-License-Identifier: Apache-2.0
#include "tree.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/macros.h"
#include "base/path.h"

void change_release(struct change *c)
{
	free(c->path);
	free(c->where);
	xattrs_free(c->xattrs);
}

void tree_release(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		free(t->v[i].path);
		free(t->v[i].owned);
		xattrs_free(t->v[i].xattrs);
	}
	for (size_t i = 0; i < t->n_changes; i++)
		change_release(&t->changes[i]);
	free(t->changes);
	free(t->v);
	*t = (struct tree)TREE_INIT;
}

static const struct {
	const char *name;
	uint32_t mode;
} types[] = {
	[NODE_DIR] = {"dir", S_IFDIR},
	[NODE_FILE] = {"file", S_IFREG},
	[NODE_LINK] = {"link", S_IFLNK},
	[NODE_CHAR] = {"char", S_IFCHR},
	[NODE_BLOCK] = {"block", S_IFBLK},
	[NODE_FIFO] = {"fifo", S_IFIFO},
	[NODE_SOCKET] = {"socket", S_IFSOCK},
};

const char *node_type_name(enum node_type type)
{
	return types[type].name;
}

uint32_t node_type_to_mode(enum node_type type)
{
	return types[type].mode;
}

int node_type_from_mode(uint32_t mode, enum node_type *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(types); i++) {
		if ((mode & S_IFMT) == types[i].mode) {
			*ret = (enum node_type)i;
			return 0;
		}
	}
	return -EINVAL;
}

static int check_path(const char *path, struct err *reterr)
{
	size_t len = strlen(path), name = 0;

	if (!path_is_normal(path) || len > TREE_PATH_MAX)
		return err_set(reterr, -EINVAL, "bad path '%.64s'", path);
	for (size_t i = 0; i < len; i++) {
		name = path[i] == '/' ? 0 : name + 1;
		if (name > TREE_NAME_MAX)
			return err_set(reterr, -EINVAL,
				       "name too long in '%.64s…'", path);
	}
	return 0;
}

static int grow(struct tree *t, struct err *reterr)
{
	size_t size = t->size ? t->size * 2 : 64;
	struct node *v;

	if (t->n >= TREE_NODES_MAX)
		return err_set(reterr, -E2BIG, "more than %d files",
			       TREE_NODES_MAX);
	if (t->n < t->size)
		return 0;
	v = reallocarray(t->v, size, sizeof(*v));
	if (!v)
		return err_set(reterr, -ENOMEM, "out of memory");
	t->v = v;
	t->size = size;
	return 0;
}

int tree_add(struct tree *t, const struct node *node, struct err *reterr)
{
	size_t len = strlen(node->path) + 1;
	char *path;
	int r;

	r = check_path(node->path, reterr);
	if (r < 0)
		return r;
	if (node->mode > 07777 || node->size > TREE_FILE_MAX)
		return err_set(reterr, -EINVAL, "'%s' is out of bounds",
			       node->path);
	if (t->path_bytes + len > TREE_PATHS_BYTES_MAX)
		return err_set(reterr, -E2BIG, "paths too long in all");
	r = grow(t, reterr);
	if (r < 0)
		return r;
	path = strdup(node->path);
	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	t->v[t->n] = *node;
	t->v[t->n].path = path;
	t->path_bytes += len;
	t->n++;
	return 0;
}

/* A slash sorts before every other byte, so that a directory's files follow it
 * with nothing between. */
int tree_path_compare(const char *a, const char *b)
{
	while (*a && *a == *b) {
		a++;
		b++;
	}
	if (*a == *b)
		return 0;
	if (!*a || !*b)
		return *a ? 1 : -1;
	if (*a == '/' || *b == '/')
		return *a == '/' ? -1 : 1;
	return (unsigned char)*a < (unsigned char)*b ? -1 : 1;
}

static int compare_nodes(const void *a, const void *b)
{
	const struct node *x = a, *y = b;

	return tree_path_compare(x->path, y->path);
}

static int compare_key(const void *key, const void *node)
{
	const struct node *n = node;

	return tree_path_compare(key, n->path);
}

static struct node *find_in(struct node *v, size_t n, const char *path)
{
	return n ? bsearch(path, v, n, sizeof(*v), compare_key) : NULL;
}

const struct node *tree_find(const struct tree *t, const char *path)
{
	return find_in(t->v, t->n, path);
}

/*
 * Adds the parents of node I that are not among the first N, sorted nodes. What
 * the node before it is below as well, that one has seen to.
 */
static int add_parents(struct tree *t, size_t n, size_t i, int64_t mtime,
		       struct err *reterr)
{
	struct node dir = {
		.type = NODE_DIR, .mode = 0755, .implied = true, .mtime = mtime};
	const char *path = t->v[i].path;
	const char *before = i ? t->v[i - 1].path : "";
	char parent[TREE_PATH_MAX + 1];
	const struct node *old;
	size_t len;
	int r;

	memcpy(parent, path, strlen(path) + 1); /* tree_add() checked it */
	for (;;) {
		len = (size_t)(strrchr(parent, '/') - parent);
		if (len == 0)
			return 0;
		parent[len] = '\0';
		old = find_in(t->v, n, parent);
		if (old && old->type != NODE_DIR)
			return err_set(reterr, -ENOTDIR,
				       "'%s' is below '%s', which is a %s",
				       path, parent, node_type_name(old->type));
		if (old || (!strncmp(before, parent, len) && before[len] == '/'))
			return 0;
		dir.path = parent;
		r = tree_add(t, &dir, reterr);
		if (r < 0)
			return r;
	}
}

/* A name of a file that has more, or had. */
struct name {
	uint64_t file;
	size_t index;
};

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;

	if (x->file != y->file)
		return x->file < y->file ? -1 : 1;
	return x->index < y->index ? -1 : x->index > y->index;
}

static int find_names(struct tree *t, struct err *reterr)
{
	cleanup_free struct name *v = calloc(t->n, sizeof(*v));
	size_t n = 0, first = 0;

	if (!v)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (size_t i = 0; i < t->n; i++) {
		t->v[i].first = i;
		t->v[i].names = 1;
		if (t->v[i].file)
			v[n++] = (struct name){t->v[i].file, i};
	}
	if (n)
		qsort(v, n, sizeof(*v), compare_names);
	for (size_t i = 1; i <= n; i++) {
		if (i < n && v[i].file == v[first].file)
			continue;
		for (size_t k = first; k < i; k++) {
			t->v[v[k].index].first = v[first].index;
			t->v[v[k].index].names = (uint32_t)(i - first);
		}
		first = i;
	}
	return 0;
}

int tree_finish(struct tree *t, int64_t mtime, struct err *reterr)
{
	const struct node root = {.path = (char[]){"/"},
				  .type = NODE_DIR,
				  .mode = 0755,
				  .implied = true,
				  .mtime = mtime};
	size_t n;
	int r;

	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), compare_nodes);
	n = t->n;
	if (!tree_find(t, "/")) {
		r = tree_add(t, &root, reterr);
		if (r < 0)
			return r;
	}
	for (size_t i = 0; i < n; i++) {
		if (i && !strcmp(t->v[i - 1].path, t->v[i].path))
			return err_set(reterr, -EEXIST, "'%s' is there twice",
				       t->v[i].path);
		r = add_parents(t, n, i, mtime, reterr);
		if (r < 0)
			return r;
	}
	qsort(t->v, t->n, sizeof(*t->v), compare_nodes);
	if (t->v[0].type != NODE_DIR)
		return err_set(reterr, -ENOTDIR, "'/' is no directory");
	return find_names(t, reterr);
}

size_t tree_count_files(const struct tree *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n; i++)
		n += tree_is_first(t, i);
	return n;
}
