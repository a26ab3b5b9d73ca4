// SPDX-License-Identifier: Apache-2.0
/* Changes of an image's tree, as the customize command names them. */
#include "edit.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/num.h"
#include "base/path.h"
#include "overlay.h"

struct edit {
	struct tree *t;
	int64_t mtime;
	struct err *reterr;
};

static int bad(struct edit *e, const char *text, const char *what)
{
	return err_set(e->reterr, -EINVAL, "'%.200s' is no %s", text, what);
}

static int no_memory(struct edit *e)
{
	return err_set(e->reterr, -ENOMEM, "out of memory");
}

/* A path as trees have it: without slashes at its end. */
static char *clean(const char *path)
{
	char *p = strdup(path);
	size_t n = p ? strlen(p) : 0;

	while (n > 1 && p[n - 1] == '/')
		p[--n] = '\0';
	return p;
}

static struct node *find(struct edit *e, const char *path)
{
	const struct node *n = tree_find(e->t, path);

	if (!n)
		(void)err_set(e->reterr, -ENOENT, "no '%.200s' in the image",
			      path);
	return n ? &e->t->v[n - e->t->v] : NULL;
}

/* What was added lies over what there was, as an overlay does. */
static int join(struct edit *e)
{
	int r = tree_join_layers(e->t, false, e->reterr);

	if (r == 0)
		r = tree_finish(e->t, e->mtime, e->reterr);
	for (size_t i = 0; i < e->t->n; i++)
		e->t->v[i].layer = LAYER_PACKAGES;
	return r;
}

static int add(struct edit *e, struct node *n, const char *path)
{
	cleanup_free char *copy = clean(path);
	int r;

	if (!copy)
		return no_memory(e);
	if (*copy != '/' || !copy[1])
		return bad(e, path, "path of an image");
	n->path = copy;
	n->mtime = e->mtime;
	n->layer = LAYER_OVERLAY;
	n->origin = "customize";
	r = tree_add(e->t, n, e->reterr);
	return r < 0 ? r : join(e);
}

static int make_dir(struct edit *e, const char *path)
{
	/* One that is there already stays as it is. */
	struct node n = {.type = NODE_DIR, .mode = 0755, .implied = true};

	return add(e, &n, path);
}

static int delete(struct edit *e, const char *path)
{
	cleanup_free char *p = clean(path);

	if (!p)
		return no_memory(e);
	if (!strcmp(p, "/"))
		return bad(e, path, "path that could be deleted");
	if (!find(e, p))
		return -ENOENT;
	(void)tree_remove(e->t, p);
	return tree_finish(e->t, e->mtime, e->reterr);
}

static int write_file(struct edit *e, const char *arg)
{
	const char *colon = strchr(arg, ':');
	cleanup_free char *path = colon ? strndup(arg, (size_t)(colon - arg)) :
					  NULL;
	struct node n = {.type = NODE_FILE, .mode = 0644};

	if (!colon)
		return bad(e, arg, "PATH:CONTENT");
	if (!path)
		return no_memory(e);
	n.data = (const uint8_t *)colon + 1;
	n.size = strlen(colon + 1);
	return add(e, &n, path);
}

/* Where the path of the image begins in "SOMETHING:/PATH"; the last such. */
static const char *path_part(const char *arg)
{
	const char *found = NULL;

	for (const char *p = strstr(arg, ":/"); p; p = strstr(p + 1, ":/"))
		found = p;
	return found && found > arg ? found + 1 : NULL;
}

static int make_link(struct edit *e, const char *arg)
{
	const char *path = path_part(arg);
	struct node n = {.type = NODE_LINK, .mode = 0777};

	if (!path)
		return bad(e, arg, "TARGET:PATH");
	n.data = (const uint8_t *)arg;
	n.size = (size_t)(path - 1 - arg);
	return add(e, &n, path);
}

/* As cp -r: into a folder that is there or is meant, else by the name given. */
static char *copy_place(struct edit *e, const char *host, const char *path)
{
	cleanup_free char *p = clean(path), *name = clean(host);
	const struct node *n = p ? tree_find(e->t, p) : NULL;

	if (!p || !name)
		return NULL;
	if ((n && n->type == NODE_DIR) ||
	    (path[1] && path[strlen(path) - 1] == '/'))
		return path_join(p, path_base(name));
	return TAKE_PTR(p);
}

static int copy_in(struct edit *e, const char *arg)
{
	const char *path = path_part(arg);
	cleanup_free char *host = path ? strndup(arg, (size_t)(path - 1 - arg)) :
					 NULL;
	cleanup_free char *place = NULL;
	int r;

	if (!path)
		return bad(e, arg, "HOST:PATH");
	place = host ? copy_place(e, host, path) : NULL;
	if (!place)
		return no_memory(e);
	r = overlay_add(host, place, e->mtime, e->t, e->reterr);
	return r < 0 ? r : join(e);
}

/* Octal digits, at most four. */
static bool parse_mode(const char *s, size_t n, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (s[i] < '0' || s[i] > '7')
			return false;
		*ret = *ret << 3 | (uint32_t)(s[i] - '0');
	}
	return n > 0 && n <= 5 && *ret <= 07777;
}

static int change_mode(struct edit *e, const char *arg)
{
	const char *path = path_part(arg);
	uint32_t mode;
	struct node *n;

	if (!path || !parse_mode(arg, (size_t)(path - 1 - arg), &mode))
		return bad(e, arg, "MODE:PATH");
	n = find(e, path);
	if (!n)
		return -ENOENT;
	if (n->type == NODE_LINK)
		return bad(e, path, "file with a mode, but a link");
	for (size_t i = 0; i < e->t->n; i++)
		if (e->t->v[i].first == n->first)
			e->t->v[i].mode = mode;
	n->implied = false;
	return 0;
}

static int change_owner(struct edit *e, const char *arg)
{
	const char *path = path_part(arg);
	cleanup_free char *ids = path ? strndup(arg, (size_t)(path - 1 - arg)) :
					NULL;
	char *colon = ids ? strchr(ids, ':') : NULL;
	uint32_t uid, gid;
	struct node *n;

	if (colon)
		*colon++ = '\0';
	if (!colon || parse_u32(ids, 10, &uid) < 0 ||
	    parse_u32(colon, 10, &gid) < 0)
		return bad(e, arg, "UID:GID:PATH");
	n = find(e, path);
	if (!n)
		return -ENOENT;
	for (size_t i = 0; i < e->t->n; i++) {
		if (e->t->v[i].first != n->first)
			continue;
		e->t->v[i].uid = uid;
		e->t->v[i].gid = gid;
	}
	n->implied = false;
	return 0;
}

static const struct {
	char letter;
	int (*run)(struct edit *e, const char *arg);
} edits[] = {
	{EDIT_COPY_IN, copy_in}, {EDIT_MKDIR, make_dir},
	{EDIT_DELETE, delete},	 {EDIT_WRITE, write_file},
	{EDIT_LINK, make_link},	 {EDIT_CHMOD, change_mode},
	{EDIT_CHOWN, change_owner},
};

int edit_tree(struct tree *t, const struct strv *steps, int64_t mtime,
	      struct err *reterr)
{
	struct edit e = {.t = t, .mtime = mtime, .reterr = reterr};
	int r = 0;

	for (size_t i = 0; i < t->n; i++)
		t->v[i].layer = LAYER_PACKAGES;
	for (size_t i = 0; i < steps->n && r == 0; i++)
		for (size_t k = 0; k < ARRAY_SIZE(edits); k++)
			if (edits[k].letter == steps->v[i][0])
				r = edits[k].run(&e, steps->v[i] + 1);
	return r;
}
