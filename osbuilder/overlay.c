// SPDX-License-Identifier: Apache-2.0
/* A folder of the user's, laid over an image. */
#include "overlay.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/path.h"
#include "fileio.h"

#define DEPTH_MAX 64

/* A file of more than one name on the host, and one that it has here. */
struct seen {
	dev_t dev;
	ino_t ino;
	char *path; /* owned */
};

struct walk {
	struct seen *seen; /* owned */
	size_t n_seen;
	int64_t mtime;
	const char *origin;
	struct tree *tree;
	unsigned int depth;
	struct err *reterr;
};

static int walk_dir(struct walk *w, const char *host, const char *path);

static int read_link(struct walk *w, const char *host, struct node *n)
{
	char target[4096];
	ssize_t len = readlink(host, target, sizeof(target));

	if (len < 0)
		return err_errno(w->reterr, "read link '%s'", host);
	if (len == 0 || (size_t)len >= sizeof(target))
		return err_set(w->reterr, -EINVAL, "'%s': bad link", host);
	n->type = NODE_LINK;
	n->mode = 0777;
	n->owned = (uint8_t *)strndup(target, (size_t)len);
	n->size = (size_t)len;
	return n->owned ? 0 : err_set(w->reterr, -ENOMEM, "out of memory");
}

static int read_node(struct walk *w, const char *host, struct node *n)
{
	struct stat st;
	size_t size;
	int r;

	if (lstat(host, &st) < 0)
		return err_errno(w->reterr, "stat '%s'", host);
	switch (st.st_mode & S_IFMT) {
	case S_IFDIR:
		n->type = NODE_DIR;
		n->mode = 0755;
		n->implied = true;
		return 0;
	case S_IFLNK:
		return read_link(w, host, n);
	case S_IFREG:
		n->type = NODE_FILE;
		n->mode = st.st_mode & S_IXUSR ? 0755 : 0644;
		r = file_read(host, TREE_FILE_MAX, &n->owned, &size, w->reterr);
		n->size = r < 0 ? 0 : size;
		return r;
	case S_IFIFO:
		n->type = NODE_FIFO;
		n->mode = 0600;
		return 0;
	case S_IFCHR:
	case S_IFBLK:
		n->type = S_ISCHR(st.st_mode) ? NODE_CHAR : NODE_BLOCK;
		n->mode = 0600;
		n->major = major(st.st_rdev);
		n->minor = minor(st.st_rdev);
		return 0;
	default:
		return err_set(w->reterr, -EINVAL,
			       "'%s' is a socket, which no image has", host);
	}
}

/* Whether the host's file is one that is here already; then N is a name of it.
 * Of names outside of the folder nothing is known here. */
static int find_name(struct walk *w, const char *host, struct node *n)
{
	struct seen *v;
	struct stat st;

	if (lstat(host, &st) < 0)
		return err_errno(w->reterr, "stat '%s'", host);
	if (S_ISDIR(st.st_mode) || st.st_nlink < 2)
		return 0;
	for (size_t i = 0; i < w->n_seen; i++)
		if (w->seen[i].dev == st.st_dev && w->seen[i].ino == st.st_ino)
			return tree_link_nodes(
				w->tree, tree_find_any(w->tree, w->seen[i].path),
				n, w->reterr) < 0 ? -EINVAL : 1;
	v = reallocarray(w->seen, w->n_seen + 1, sizeof(*v));
	if (!v)
		return err_set(w->reterr, -ENOMEM, "out of memory");
	w->seen = v;
	v[w->n_seen] = (struct seen){st.st_dev, st.st_ino, strdup(n->path)};
	return v[w->n_seen++].path ? 0 : err_set(w->reterr, -ENOMEM,
						 "out of memory");
}

static void forget(struct walk *w)
{
	while (w->n_seen)
		free(w->seen[--w->n_seen].path);
	free(w->seen);
}

static int walk_node(struct walk *w, const char *host, char *path)
{
	struct node n = {.path = path,
			 .mtime = w->mtime,
			 .layer = LAYER_OVERLAY,
			 .origin = w->origin};
	int r = find_name(w, host, &n);

	if (r == 0) {
		r = read_node(w, host, &n);
		n.data = n.owned;
	}
	if (r >= 0)
		r = tree_add(w->tree, &n, w->reterr);
	if (r < 0) {
		free(n.owned);
		xattrs_free(n.xattrs);
		return r;
	}
	return n.type == NODE_DIR ? walk_dir(w, host, path) : 0;
}

static int walk_entries(struct walk *w, const char *host, const char *path,
			struct dirent **v, int n)
{
	int r = 0;

	for (int i = 0; i < n && r == 0; i++) {
		cleanup_free char *below = path_join(host, v[i]->d_name);
		cleanup_free char *child = path_join(path, v[i]->d_name);

		if (!below || !child)
			return err_set(w->reterr, -ENOMEM, "out of memory");
		if (strcmp(child, "/" OVERLAY_MANIFEST) != 0)
			r = walk_node(w, below, child);
	}
	return r;
}

static int not_dots(const struct dirent *d)
{
	return strcmp(d->d_name, ".") && strcmp(d->d_name, "..");
}

static int walk_dir(struct walk *w, const char *host, const char *path)
{
	struct dirent **v;
	int n, r;

	if (w->depth == DEPTH_MAX)
		return err_set(w->reterr, -ELOOP, "'%s' is too deep", host);
	/* The order does not matter: a tree is sorted. */
	n = scandir(host, &v, not_dots, NULL);
	if (n < 0)
		return err_errno(w->reterr, "read '%s'", host);
	w->depth++;
	r = walk_entries(w, host, path, v, n);
	w->depth--;
	while (n)
		free(v[--n]);
	free(v);
	return r;
}

int overlay_add(const char *host, const char *path, int64_t mtime,
		struct tree *tree, struct err *reterr)
{
	struct walk w = {.mtime = mtime, .tree = tree, .origin = "copied in",
			 .reterr = reterr};
	cleanup_free char *copy = strdup(path);

	int r;

	if (!copy)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = walk_node(&w, host, copy);
	forget(&w);
	return r;
}

int overlay_read(const char *dir, int64_t mtime, struct strv *origins,
		 struct tree *tree, struct err *reterr)
{
	struct walk w = {.mtime = mtime, .tree = tree, .reterr = reterr};
	int r;

	if (strv_add(origins, "overlay") < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	w.origin = origins->v[origins->n - 1];
	r = walk_dir(&w, dir, "/");
	forget(&w);
	return r;
}
