// SPDX-License-Identifier: Apache-2.0
/*
 * The manifest language. Everything an image says about a file stands here;
 * of the host's files only the bytes are looked at.
 */
#include "manifest.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "fileio.h"
#include "words.h"

struct loader {
	const struct manifest_vars *vars;
	struct tree *tree;
	int64_t mtime;
	unsigned int depth;
	unsigned int layer;
	const char *name;  /* of this manifest */
	unsigned int line; /* of this statement */
	struct strv *origins; /* NULL: nobody asks */
	const char *origin;   /* of this statement */
	const char *dir; /* what names in this manifest are relative to */
	struct err *reterr;
};

/* What "name=value" words may say. */
struct attrs {
	uint32_t mode;
	uint32_t uid;
	uint32_t gid;
	const char *source;
	const char *content;
	struct xattrs *xattrs; /* owned */
	unsigned int given;    /* enum change_bit */
};


static int load(struct loader *l, const char *path);

static int number(struct loader *l, const char *word, const char *text,
		  unsigned int base, uint32_t max, uint32_t *ret)
{
	uint32_t v;

	if (parse_u32(text, base, &v) < 0 || v > max)
		return err_set(l->reterr, -EINVAL, "bad number in '%s'", word);
	*ret = v;
	return 0;
}

/* NAME=VALUE */
static int xattr(struct loader *l, const char *text, struct attrs *attrs)
{
	const char *eq = strchr(text, '=');
	cleanup_buf struct buf value = BUF_INIT(XATTR_VALUE_MAX);
	cleanup_free char *name = NULL;

	if (!eq)
		return err_set(l->reterr, -EINVAL,
			       "'xattr=%.64s' is not 'xattr=NAME=VALUE'", text);
	name = strndup(text, (size_t)(eq - text));
	if (!name)
		return err_set(l->reterr, -ENOMEM, "out of memory");
	if (xattr_value_parse(eq + 1, &value) < 0)
		return err_set(l->reterr, -EINVAL,
			       "bad value of extended attribute '%.64s'", name);
	return xattrs_set(&attrs->xattrs, name, buf_data(&value), value.len,
			  l->reterr);
}

static int caps(struct loader *l, const char *text, struct attrs *attrs)
{
	uint8_t value[XATTR_CAPABILITY_SIZE];

	if (xattr_caps_parse(text, value) < 0)
		return err_set(l->reterr, -EINVAL, "'caps=%.64s' is not like "
			       "'caps=cap_net_raw,cap_net_admin=ep'", text);
	return xattrs_set(&attrs->xattrs, XATTR_CAPABILITY, value,
			  sizeof(value), l->reterr);
}

static int attr(struct loader *l, const char *word, bool file,
		struct attrs *attrs)
{
	if (!strncmp(word, "mode=", 5)) {
		attrs->given |= CHANGE_MODE;
		return number(l, word, word + 5, 8, 07777, &attrs->mode);
	}
	if (!strncmp(word, "uid=", 4)) {
		attrs->given |= CHANGE_UID;
		return number(l, word, word + 4, 10, UINT32_MAX - 1,
			      &attrs->uid);
	}
	if (!strncmp(word, "gid=", 4)) {
		attrs->given |= CHANGE_GID;
		return number(l, word, word + 4, 10, UINT32_MAX - 1,
			      &attrs->gid);
	}
	if (!strncmp(word, "xattr=", 6))
		return xattr(l, word + 6, attrs);
	if (!strncmp(word, "caps=", 5))
		return caps(l, word + 5, attrs);
	if (file && !strncmp(word, "source=", 7))
		attrs->source = word + 7;
	else if (file && !strncmp(word, "content=", 8))
		attrs->content = word + 8;
	else
		return err_set(l->reterr, -EINVAL, "unknown word '%s'", word);
	return 0;
}

static int attrs_parse(struct loader *l, char *const *words, bool file,
		       struct attrs *attrs)
{
	int r;

	for (; *words; words++) {
		r = attr(l, *words, file, attrs);
		if (r < 0)
			return r;
	}
	return 0;
}

/* ATTRS' extended attributes are the tree's on success. */
static int add(struct loader *l, enum node_type type, char *path,
	       struct attrs *attrs, struct node *node)
{
	int r;

	node->type = type;
	node->path = path;
	node->mode = attrs->mode;
	node->uid = attrs->uid;
	node->gid = attrs->gid;
	node->mtime = l->mtime;
	node->data = node->owned;
	node->layer = l->layer;
	node->origin = l->origin;
	node->xattrs = attrs->xattrs;
	r = tree_add(l->tree, node, l->reterr);
	if (r == 0)
		attrs->xattrs = NULL;
	return r;
}

static int do_dir(struct loader *l, char *const *w, size_t n UNUSED)
{
	struct attrs attrs = {.mode = 0755};
	struct node node = {0};
	int r;

	r = attrs_parse(l, w + 2, false, &attrs);
	if (r == 0)
		r = add(l, NODE_DIR, w[1], &attrs, &node);
	xattrs_free(attrs.xattrs);
	return r;
}

/* A path of the host, relative to the manifest. To be freed. */
static char *host_path(const struct loader *l, const char *path)
{
	return path[0] == '/' ? strdup(path) : path_join(l->dir, path);
}

static int file_content(struct loader *l, const struct attrs *attrs,
			struct node *node)
{
	cleanup_free char *source = NULL;
	size_t size;
	int r;

	if (!attrs->source == !attrs->content)
		return err_set(l->reterr, -EINVAL,
			       "a file needs either source= or content=");
	if (attrs->content) {
		node->owned = (uint8_t *)strdup(attrs->content);
		node->size = strlen(attrs->content);
		return node->owned ?
			       0 :
			       err_set(l->reterr, -ENOMEM, "out of memory");
	}
	source = host_path(l, attrs->source);
	if (!source)
		return err_set(l->reterr, -ENOMEM, "out of memory");
	r = file_read(source, TREE_FILE_MAX, &node->owned, &size, l->reterr);
	if (r < 0)
		return r;
	node->size = size;
	return 0;
}

static int do_file(struct loader *l, char *const *w, size_t n UNUSED)
{
	struct attrs attrs = {.mode = 0644};
	struct node node = {0};
	int r;

	r = attrs_parse(l, w + 2, true, &attrs);
	if (r == 0)
		r = file_content(l, &attrs, &node);
	if (r == 0)
		r = add(l, NODE_FILE, w[1], &attrs, &node);
	if (r < 0)
		free(node.owned);
	xattrs_free(attrs.xattrs);
	return r;
}

static int add_link(struct loader *l, char *path, const char *target,
		    struct attrs *attrs)
{
	struct node node = {.size = strlen(target)};
	int r;

	if (node.size == 0 || node.size >= 4096)
		return err_set(l->reterr, -EINVAL, "bad link target");
	node.owned = (uint8_t *)strdup(target);
	if (!node.owned)
		return err_set(l->reterr, -ENOMEM, "out of memory");
	r = add(l, NODE_LINK, path, attrs, &node);
	if (r < 0)
		free(node.owned);
	return r;
}

static int do_link(struct loader *l, char *const *w, size_t n UNUSED)
{
	struct attrs attrs = {.mode = 0777};
	int r;

	r = attrs_parse(l, w + 3, false, &attrs);
	if (r == 0)
		r = add_link(l, w[1], w[2], &attrs);
	xattrs_free(attrs.xattrs);
	return r;
}

/* links DIR TARGET NAME...: one link for each name, as for busybox. */
static int do_links(struct loader *l, char *const *w, size_t n UNUSED)
{
	struct attrs attrs = {.mode = 0777};
	int r;

	for (char *const *name = w + 3; *name; name++) {
		cleanup_free char *path = path_join(w[1], *name);

		if (!path)
			return err_set(l->reterr, -ENOMEM, "out of memory");
		r = add_link(l, path, w[2], &attrs);
		if (r < 0)
			return r;
	}
	return 0;
}

static int do_node(struct loader *l, char *const *w, size_t n)
{
	struct attrs attrs = {.mode = 0600};
	enum node_type type;
	struct node node = {0};
	size_t skip = 3;
	int r;

	if (!strcmp(w[2], "p")) {
		type = NODE_FIFO;
	} else if ((!strcmp(w[2], "c") || !strcmp(w[2], "b")) && n >= 5) {
		type = w[2][0] == 'c' ? NODE_CHAR : NODE_BLOCK;
		/* The widths of Linux's encoding on disk. */
		r = number(l, w[3], w[3], 10, 0xfff, &node.major);
		if (r == 0)
			r = number(l, w[4], w[4], 10, 0xfffff, &node.minor);
		if (r < 0)
			return r;
		skip = 5;
	} else {
		return err_set(l->reterr, -EINVAL,
			       "a node is 'c MAJOR MINOR', 'b MAJOR MINOR' or "
			       "'p'");
	}
	r = attrs_parse(l, w + skip, false, &attrs);
	if (r == 0)
		r = add(l, type, w[1], &attrs, &node);
	xattrs_free(attrs.xattrs);
	return r;
}

/* hardlink PATH OLD: one name more of what was declared before. */
static int do_hardlink(struct loader *l, char *const *w, size_t n UNUSED)
{
	struct node *old = tree_find_any(l->tree, w[2]);
	struct node node = {
		.path = w[1], .layer = l->layer, .origin = l->origin};
	int r;

	if (!old)
		return err_set(l->reterr, -ENOENT,
			       "there is no '%.200s' before this", w[2]);
	r = tree_link_nodes(l->tree, old, &node, l->reterr);
	if (r == 0)
		r = tree_add(l->tree, &node, l->reterr);
	if (r < 0) {
		free(node.owned);
		xattrs_free(node.xattrs);
	}
	return r;
}

/* set PATH ...: of a file of whatever layer. */
static int do_set(struct loader *l, char *const *w, size_t n UNUSED)
{
	struct attrs attrs = {0};
	struct change c = {0};
	int r;

	r = attrs_parse(l, w + 2, false, &attrs);
	c.path = strdup(w[1]);
	c.xattrs = attrs.xattrs;
	c.bits = attrs.given;
	c.mode = attrs.mode;
	c.uid = attrs.uid;
	c.gid = attrs.gid;
	if (asprintf(&c.where, "%s:%u", l->name, l->line) < 0)
		c.where = NULL;
	if (r == 0 && (!c.path || !c.where))
		r = err_set(l->reterr, -ENOMEM, "out of memory");
	if (r == 0)
		return tree_add_change(l->tree, &c, l->reterr);
	change_release(&c);
	return r;
}

static int do_include(struct loader *l, char *const *w, size_t n UNUSED)
{
	cleanup_free char *name = NULL;
	cleanup_free char *path = NULL;

	if (asprintf(&name, "%s.manifest", w[1]) < 0) {
		name = NULL;
		return err_set(l->reterr, -ENOMEM, "out of memory");
	}
	path = host_path(l, name);
	if (!path)
		return err_set(l->reterr, -ENOMEM, "out of memory");
	return load(l, path);
}

static const struct {
	const char *name;
	size_t min, max; /* words, the name included */
	int (*run)(struct loader *l, char *const *w, size_t n);
} statements[] = {
	{"dir", 2, MANIFEST_WORDS_MAX, do_dir},
	{"file", 3, MANIFEST_WORDS_MAX, do_file},
	{"hardlink", 3, 3, do_hardlink},
	{"include", 2, 2, do_include},
	{"link", 3, MANIFEST_WORDS_MAX, do_link},
	{"links", 4, MANIFEST_WORDS_MAX, do_links},
	{"node", 3, MANIFEST_WORDS_MAX, do_node},
	{"set", 3, MANIFEST_WORDS_MAX, do_set},
};

static int statement(struct loader *l, struct strv *words)
{
	char **w = strv_argv(words);

	for (size_t i = 0; i < ARRAY_SIZE(statements); i++) {
		if (strcmp(w[0], statements[i].name) != 0)
			continue;
		if (words->n < statements[i].min ||
		    words->n > statements[i].max)
			return err_set(l->reterr, -EINVAL,
				       "'%s' with %zu words", w[0], words->n);
		return statements[i].run(l, w, words->n);
	}
	return err_set(l->reterr, -EINVAL, "unknown statement '%s'", w[0]);
}

static int set_origin(struct loader *l, const char *name, unsigned int line)
{
	if (!l->origins)
		return 0;
	/* Not where the build happened, but which file it was. */
	if (strv_addf(l->origins, "manifest %s:%u", path_base(name), line) < 0)
		return err_set(l->reterr, -ENOMEM, "out of memory");
	l->origin = l->origins->v[l->origins->n - 1];
	return 0;
}

static int run(struct loader *l, const char *name, const char *text)
{
	unsigned int line = 1;
	int r = 0;

	while (*text && r == 0) {
		cleanup_strv struct strv words = STRV_INIT;
		unsigned int first = line;

		r = words_next(&text, &line, l->vars, &words, l->reterr);
		l->name = name;
		l->line = first;
		if (r == 0 && words.n)
			r = set_origin(l, name, first);
		if (r == 0 && words.n)
			r = statement(l, &words);
		if (r < 0)
			return err_wrap(l->reterr, "%s:%u", name, first);
	}
	return 0;
}

static int load(struct loader *l, const char *path)
{
	const char *outer = l->dir, *slash = strrchr(path, '/');
	cleanup_free uint8_t *text = NULL;
	cleanup_free char *dir = NULL;
	size_t size;
	int r;

	if (l->depth == MANIFEST_DEPTH_MAX)
		return err_set(l->reterr, -ELOOP, "too many nested includes");
	r = file_read(path, MANIFEST_SIZE_MAX, &text, &size, l->reterr);
	if (r < 0)
		return r;
	if (strlen((char *)text) != size)
		return err_set(l->reterr, -EINVAL, "NUL in '%s'", path);
	dir = slash ? strndup(path, (size_t)(slash - path) + 1) : strdup(".");
	if (!dir)
		return err_set(l->reterr, -ENOMEM, "out of memory");
	l->dir = dir;
	l->depth++;
	r = run(l, path, (char *)text);
	l->depth--;
	l->dir = outer;
	return r;
}

int manifest_read(const char *path, const struct manifest_vars *vars,
		  int64_t mtime, unsigned int layer, struct strv *origins,
		  struct tree *tree, struct err *reterr)
{
	struct loader l = {.vars = vars,
			   .tree = tree,
			   .mtime = mtime,
			   .layer = layer,
			   .origins = origins,
			   .reterr = reterr};

	return load(&l, path);
}

int manifest_load(const char *path, const struct manifest_vars *vars,
		  int64_t mtime, struct tree *tree, struct err *reterr)
{
	int r = manifest_read(path, vars, mtime, 0, NULL, tree, reterr);

	if (r == 0)
		r = tree_finish(tree, mtime, reterr);
	return r < 0 ? r : tree_apply_changes(tree, reterr);
}
