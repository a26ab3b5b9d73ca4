// SPDX-License-Identifier: Apache-2.0
/* One tree of several layers: packages, manifest, overlay. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/path.h"
#include "tree.h"

#define WHITEOUT ".wh."

static const char *const usr_dirs[] = {"bin", "sbin", "lib", "lib32", "lib64",
				       "libx32"};

/* The directory of usr_dirs that PATH is or is below, else -1. */
static int usr_dir(const char *path)
{
	for (size_t i = 0; i < ARRAY_SIZE(usr_dirs); i++) {
		size_t n = strlen(usr_dirs[i]);

		if (!strncmp(path + 1, usr_dirs[i], n) &&
		    (path[1 + n] == '/' || path[1 + n] == '\0'))
			return (int)i;
	}
	return -1;
}

static void drop(struct node *n)
{
	free(n->path);
	free(n->owned);
	xattrs_free(n->xattrs);
	n->path = NULL;
	n->owned = NULL;
	n->xattrs = NULL;
}

/* Takes out the nodes that were dropped. */
static void compact(struct tree *t)
{
	size_t kept = 0;

	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].path)
			t->v[kept++] = t->v[i];
	t->n = kept;
}

static int move_to_usr(struct node *n, struct err *reterr)
{
	char *path;

	if (strlen(n->path) + strlen("/usr") > TREE_PATH_MAX ||
	    asprintf(&path, "/usr%s", n->path) < 0)
		return err_set(reterr, -ENOMEM, "'%s': path too long", n->path);
	free(n->path);
	n->path = path;
	return 0;
}

static int add_usr_link(struct tree *t, const char *name, int64_t mtime,
			struct err *reterr)
{
	char path[16] = "/", target[16] = "usr/";
	struct node n = {.type = NODE_LINK,
			 .mode = 0777,
			 .mtime = mtime,
			 .layer = LAYER_OVERLAY,
			 .origin = "merged /usr",
			 .path = path};
	int r;

	strncat(path, name, sizeof(path) - 2);
	strncat(target, name, sizeof(target) - 5);
	n.owned = (uint8_t *)strdup(target);
	if (!n.owned)
		return err_set(reterr, -ENOMEM, "out of memory");
	n.data = n.owned;
	n.size = strlen(target);
	r = tree_add(t, &n, reterr);
	if (r < 0)
		free(n.owned);
	return r;
}

/* The directories themselves go, whatever a layer has there. */
static int merge_usr(struct tree *t, struct err *reterr)
{
	bool used[ARRAY_SIZE(usr_dirs)] = {false};
	int64_t mtime = t->n ? t->v[0].mtime : 0;
	int r = 0;

	for (size_t i = 0; i < t->n && r == 0; i++) {
		const char *path = t->v[i].path;
		int dir = usr_dir(path);

		if (!strncmp(path, "/usr/", 5) && usr_dir(path + 4) >= 0)
			used[usr_dir(path + 4)] = true;
		if (dir < 0)
			continue;
		used[dir] = true;
		if (!strchr(path + 1, '/'))
			drop(&t->v[i]);
		else
			r = move_to_usr(&t->v[i], reterr);
	}
	compact(t);
	for (size_t i = 0; i < ARRAY_SIZE(usr_dirs) && r == 0; i++)
		if (used[i])
			r = add_usr_link(t, usr_dirs[i], mtime, reterr);
	return r;
}

/* Without the /usr that has taken in what is behind it. */
static const char *without_usr(const char *path)
{
	return !strncmp(path, "/usr/", 5) && usr_dir(path + 4) >= 0 ?
		       path + 4 : path;
}

static struct node *find_highest(const struct tree *t, const char *path,
				 const char *(*key)(const char *path))
{
	struct node *found = NULL;

	for (size_t i = 0; i < t->n; i++) {
		struct node *n = &t->v[i];

		if ((!found || n->layer >= found->layer) &&
		    !strcmp(key(n->path), key(path)))
			found = n;
	}
	return found;
}

static const char *as_it_is(const char *path)
{
	return path;
}

struct node *tree_find_any(const struct tree *t, const char *path)
{
	struct node *n = find_highest(t, path, as_it_is);

	return n ? n : find_highest(t, path, without_usr);
}

static bool is_below(const char *path, const char *dir)
{
	size_t n = strlen(dir);

	return !strncmp(path, dir, n) && (!path[n] || path[n] == '/');
}

int tree_remove(struct tree *t, const char *path)
{
	size_t before = t->n;

	for (size_t i = 0; i < t->n; i++)
		if (is_below(t->v[i].path, path))
			drop(&t->v[i]);
	compact(t);
	return t->n == before ? -ENOENT : 0;
}

/* Takes away what the whiteout W is about, and W itself. */
static void apply_whiteout(struct tree *t, struct node *w)
{
	char *name = strrchr(w->path, '/') + 1;

	memmove(name, name + strlen(WHITEOUT),
		strlen(name + strlen(WHITEOUT)) + 1);
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].path && t->v[i].layer < w->layer &&
		    is_below(t->v[i].path, w->path))
			drop(&t->v[i]);
	drop(w);
}

static void apply_whiteouts(struct tree *t)
{
	for (size_t i = 0; i < t->n; i++) {
		struct node *n = &t->v[i];

		if (n->path && n->layer == LAYER_OVERLAY &&
		    !strncmp(path_base(n->path), WHITEOUT, strlen(WHITEOUT)) &&
		    path_base(n->path)[strlen(WHITEOUT)])
			apply_whiteout(t, n);
	}
	compact(t);
}

/* By path; at one path the highest layer first. */
static int compare(const void *a, const void *b)
{
	const struct node *x = a, *y = b;
	int c = tree_path_compare(x->path, y->path);

	if (c)
		return c;
	if (x->layer != y->layer)
		return x->layer > y->layer ? -1 : 1;
	return x->origin && y->origin ? strcmp(x->origin, y->origin) : 0;
}

/* Whether a directory of sorted nodes has something in it. */
static bool has_children(const struct tree *t, size_t dir)
{
	size_t i = dir + 1;

	while (i < t->n && !strcmp(t->v[i].path, t->v[dir].path))
		i++;
	return i < t->n && is_below(t->v[i].path, t->v[dir].path);
}

/* Of two nodes at one path the lower one goes; UPPER is not of a lower layer. A
 * link may take the place of an empty directory, as of /var/run. */
static int resolve(struct tree *t, struct node *upper, size_t below,
		   struct err *reterr)
{
	struct node *lower = &t->v[below];
	bool both_dirs = upper->type == NODE_DIR && lower->type == NODE_DIR;

	if ((upper->type == NODE_DIR) != (lower->type == NODE_DIR) &&
	    (upper->type == NODE_DIR || has_children(t, below)))
		return err_set(reterr, -EEXIST,
			       "'%s' is a %s (%s) and a %s (%s)", upper->path,
			       node_type_name(upper->type),
			       upper->origin ? upper->origin : "?",
			       node_type_name(lower->type),
			       lower->origin ? lower->origin : "?");
	/* Packages share directories, and nothing else. */
	if (upper->layer == lower->layer &&
	    !(both_dirs && upper->layer == LAYER_PACKAGES))
		return err_set(reterr, -EEXIST, "'%s' is there twice: %s, %s",
			       upper->path, upper->origin ? upper->origin : "?",
			       lower->origin ? lower->origin : "?");
	/* An overlay's directory is there for what is in it. */
	if (both_dirs && upper->layer == LAYER_OVERLAY && upper->implied) {
		upper->mode = lower->mode;
		upper->uid = lower->uid;
		upper->gid = lower->gid;
		upper->origin = lower->origin;
		upper->implied = lower->implied;
		if (!upper->xattrs) {
			upper->xattrs = lower->xattrs;
			lower->xattrs = NULL;
		}
	}
	return 0;
}

int tree_join_layers(struct tree *t, bool merged_usr, struct err *reterr)
{
	size_t last = 0;
	int r = 0;

	if (merged_usr)
		r = merge_usr(t, reterr);
	if (r < 0)
		return r;
	apply_whiteouts(t);
	if (t->n)
		qsort(t->v, t->n, sizeof(*t->v), compare);
	for (size_t i = 1; i < t->n && r == 0; i++) {
		if (strcmp(t->v[i].path, t->v[last].path) != 0) {
			last = i;
			continue;
		}
		r = resolve(t, &t->v[last], i, reterr);
	}
	for (size_t i = t->n; r == 0 && i-- > 1;)
		if (!strcmp(t->v[i].path, t->v[i - 1].path))
			drop(&t->v[i]);
	if (r == 0)
		compact(t);
	return r;
}
