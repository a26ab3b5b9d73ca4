// SPDX-License-Identifier: Apache-2.0
/* What is said of files that are there already: changes, further names. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

int tree_add_change(struct tree *t, struct change *change, struct err *reterr)
{
	struct change *v = NULL;

	if (t->n_changes < TREE_NODES_MAX)
		v = reallocarray(t->changes, t->n_changes + 1, sizeof(*v));
	if (!v) {
		change_release(change);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	t->changes = v;
	v[t->n_changes++] = *change;
	return 0;
}

int tree_link_nodes(struct tree *t, struct node *old, struct node *node,
		    struct err *reterr)
{
	struct node copy = *old;

	if (old->type == NODE_DIR)
		return err_set(reterr, -EINVAL, "'%.200s' is a folder, which "
			       "has one name", old->path);
	if (!old->file)
		old->file = ++t->files;
	copy.file = old->file;
	copy.path = node->path;
	copy.layer = node->layer;
	copy.origin = node->origin;
	copy.xattrs = NULL;
	copy.owned = NULL;
	/* The old name may go, and take with it what it owns. */
	if (old->owned) {
		copy.owned = malloc(old->size ? old->size : 1);
		copy.data = copy.owned;
		if (copy.owned && old->size)
			memcpy(copy.owned, old->data, old->size);
	}
	if ((old->owned && !copy.owned) ||
	    !xattrs_copy(old->xattrs, &copy.xattrs)) {
		free(copy.owned);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	*node = copy;
	return 0;
}

static int set_xattrs(struct node *n, const struct xattrs *x,
		      struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; x && i < x->n && r == 0; i++)
		r = xattrs_set(&n->xattrs, x->v[i].name, x->v[i].value,
			       x->v[i].size, reterr);
	return r;
}

static int change_node(struct node *n, const struct change *c,
		       struct err *reterr)
{
	if (n->type == NODE_LINK && c->bits & CHANGE_MODE)
		return err_set(reterr, -EINVAL,
			       "'%.200s' is a link, which has no mode",
			       n->path);
	if (c->bits & CHANGE_MODE)
		n->mode = c->mode;
	if (c->bits & CHANGE_UID)
		n->uid = c->uid;
	if (c->bits & CHANGE_GID)
		n->gid = c->gid;
	n->implied = false;
	return set_xattrs(n, c->xattrs, reterr);
}

/* Of all names of the file. */
static int apply(struct tree *t, const struct change *c, struct err *reterr)
{
	struct node *found = tree_find_any(t, c->path);
	int r;

	if (!found)
		return err_set(reterr, -ENOENT, "there is no '%.200s'",
			       c->path);
	r = change_node(found, c, reterr);
	for (size_t i = 0; found->file && i < t->n && r == 0; i++)
		if (&t->v[i] != found && t->v[i].file == found->file)
			r = change_node(&t->v[i], c, reterr);
	return r;
}

/* Linux has user.* of files and folders only, xattr(7). */
static int check_xattrs(const struct node *n, struct err *reterr)
{
	for (size_t i = 0; n->xattrs && i < n->xattrs->n; i++)
		if (!strncmp(n->xattrs->v[i].name, "user.", 5) &&
		    n->type != NODE_FILE && n->type != NODE_DIR)
			return err_set(reterr, -EINVAL, "'%.200s' is a %s, "
				       "which has no '%.64s'", n->path,
				       node_type_name(n->type),
				       n->xattrs->v[i].name);
	return 0;
}

int tree_apply_changes(struct tree *t, struct err *reterr)
{
	int r = 0;

	for (size_t i = 0; i < t->n_changes && r == 0; i++) {
		r = apply(t, &t->changes[i], reterr);
		if (r < 0)
			return err_wrap(reterr, "%s", t->changes[i].where);
	}
	for (size_t i = 0; i < t->n && r == 0; i++)
		r = check_xattrs(&t->v[i], reterr);
	return r;
}
