// SPDX-License-Identifier: Apache-2.0
/* Reads tar archives, which may be hostile: POSIX's and GNU's, with extended
 * attributes, hard links and holes. */
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define BLOCK TAR_BLOCK

/* What the entries before a file say of it in its header's place. */
struct said {
	char *path, *link;     /* owned */
	struct xattrs *xattrs; /* owned */
	uint64_t uid, gid;
	bool has_uid, has_gid;
	bool named;  /* PATH is a sparse file's */
	bool sparse; /* in version 1.0, with this size */
	uint64_t real_size;
};

struct reader {
	const uint8_t *data;
	size_t n, pos;
	struct node proto; /* what all nodes have in common */
	struct tree *tree;
	size_t first; /* of the archive, in the tree */
	struct said next;
	struct err *reterr;
};

static int broken(struct reader *r, const char *what)
{
	return err_set(r->reterr, -EINVAL, "tar: bad %s at byte %zu", what,
		       r->pos);
}

static bool sum_is_right(const uint8_t *h)
{
	uint64_t want, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= F_SUM && i < F_SUM + 8 ? ' ' : h[i];
	return tar_number(h + F_SUM, 8, &want) && sum == want;
}

/* "./usr/bin/" and "usr/bin" are "/usr/bin"; "./" is "/". To be freed. */
static char *absolute(const char *name)
{
	char *path;
	size_t len;

	while (!strncmp(name, "./", 2))
		name += 2;
	while (*name == '/')
		name++;
	if (!strcmp(name, "."))
		name = "";
	if (asprintf(&path, "/%s", name) < 0)
		return NULL;
	len = strlen(path);
	while (len > 1 && path[len - 1] == '/')
		path[--len] = '\0';
	return path;
}

/* The text of a fixed field, which need not end with a NUL. To be freed. */
static char *field(const uint8_t *p, size_t n)
{
	return strndup((const char *)p, n);
}

static char *header_path(const uint8_t *h)
{
	cleanup_free char *name = field(h + F_NAME, 100);
	cleanup_free char *prefix = field(h + F_PREFIX, 155);
	char *path = NULL;

	if (!name || !prefix)
		return NULL;
	/* GNU's own format has other things where POSIX has the prefix. */
	if (memcmp(h + F_MAGIC, "ustar\0", 6) != 0 || !*prefix)
		return TAKE_PTR(name);
	return asprintf(&path, "%s/%s", prefix, name) < 0 ? NULL : path;
}

static void said_release(struct said *s)
{
	free(s->path);
	free(s->link);
	xattrs_free(s->xattrs);
	*s = (struct said){0};
}

static int pax_text(struct reader *r, char **to, const char *value, size_t n)
{
	free(*to);
	*to = strndup(value, n);
	return *to ? 0 : err_set(r->reterr, -ENOMEM, "out of memory");
}

static int pax_number(struct reader *r, uint64_t *to, const char *value,
		      size_t n)
{
	*to = 0;
	for (size_t i = 0; i < n; i++) {
		if (value[i] < '0' || value[i] > '9' || *to > UINT32_MAX)
			return broken(r, "number");
		*to = *to * 10 + (uint64_t)(value[i] - '0');
	}
	return n ? 0 : broken(r, "number");
}

static int pax_xattr(struct reader *r, const char *key, const char *value,
		     size_t n)
{
	int ret = xattrs_set(&r->next.xattrs, key, value, n, r->reterr);

	return ret < 0 ? err_wrap(r->reterr, "tar") : 0;
}

static bool pax_is_free(const char *key)
{
	static const char *const keys[] = {
		"path", "mtime", "atime", "ctime", "uname", "gname", "comment",
		"GNU.sparse.major", "GNU.sparse.minor", "LIBARCHIVE.creationtime",
		"SCHILY.dev", "SCHILY.ino", "SCHILY.nlink",
	};

	for (size_t i = 0; i < ARRAY_SIZE(keys); i++)
		if (!strcmp(key, keys[i]))
			return true;
	return false;
}

/* What is not known may be what makes the file another one: an error. */
static int pax_pair(struct reader *r, const char *key, const char *value,
		    size_t n)
{
	struct said *s = &r->next;

	if (!strncmp(key, "SCHILY.xattr.", 13))
		return pax_xattr(r, key + 13, value, n);
	/* Of a sparse file the path is one that nobody gave. */
	s->named |= !strcmp(key, "GNU.sparse.name");
	if (!strcmp(key, s->named ? "GNU.sparse.name" : "path"))
		return pax_text(r, &s->path, value, n);
	if (!strcmp(key, "linkpath"))
		return pax_text(r, &s->link, value, n);
	s->has_uid |= !strcmp(key, "uid");
	s->has_gid |= !strcmp(key, "gid");
	if (!strcmp(key, "uid") || !strcmp(key, "gid"))
		return pax_number(r, *key == 'u' ? &s->uid : &s->gid, value, n);
	if (!strcmp(key, "GNU.sparse.realsize")) {
		s->sparse = true;
		return pax_number(r, &s->real_size, value, n);
	}
	/* The old forms of sparse files, 0.0 and 0.1, are not written today. */
	if ((!strcmp(key, "GNU.sparse.major") && (n != 1 || *value != '1')) ||
	    (!strcmp(key, "GNU.sparse.minor") && (n != 1 || *value != '0')) ||
	    !pax_is_free(key))
		return err_set(r->reterr, -EOPNOTSUPP,
			       "tar: header '%.64s' is not supported", key);
	return 0;
}

/* One "LENGTH KEY=VALUE\n" of a pax header; the bytes it takes, or -errno. A
 * NUL follows the N bytes. */
static ssize_t pax_record(struct reader *r, const char *p, size_t n)
{
	cleanup_free char *key = NULL;
	char *end;
	unsigned long len = strtoul(p, &end, 10);
	const char *eq = NULL;
	int ret;

	if (*end == ' ' && len <= n && len > (size_t)(end - p) + 2)
		eq = memchr(end + 1, '=', len - (size_t)(end + 1 - p));
	if (!eq || p[len - 1] != '\n')
		return broken(r, "pax header");
	key = strndup(end + 1, (size_t)(eq - end - 1));
	if (!key)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	ret = pax_pair(r, key, eq + 1, len - (size_t)(eq + 2 - p));
	return ret < 0 ? ret : (ssize_t)len;
}

/* An entry that is about the one after it. */
static int extension(struct reader *r, char type, const char *p, size_t n)
{
	char **to = type == 'K' ? &r->next.link : &r->next.path;
	cleanup_free char *text = malloc(n + 1); /* ends what strtoul() reads */
	ssize_t took;

	if (!text)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	memcpy(text, p, n);
	text[n] = '\0';
	if (type != 'x') {
		free(*to);
		*to = TAKE_PTR(text);
		return 0;
	}
	for (size_t at = 0; at < n; at += (size_t)took) {
		took = pax_record(r, text + at, n - at);
		if (took < 0)
			return (int)took;
	}
	return 0;
}

static int link_nodes(struct reader *r, struct node *old, struct node *node)
{
	xattrs_free(node->xattrs); /* said again */
	node->xattrs = NULL;
	return tree_link_nodes(r->tree, old, node, r->reterr);
}

/* A file that came before in this archive has all but the name. */
static int hard_link(struct reader *r, const char *target, struct node *node)
{
	cleanup_free char *path = absolute(target);

	if (!path)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	for (size_t i = r->first; i < r->tree->n; i++)
		if (r->tree->v[i].type != NODE_DIR &&
		    !strcmp(r->tree->v[i].path, path))
			return link_nodes(r, &r->tree->v[i], node);
	return broken(r, "hard link");
}

static int file_data(struct reader *r, const uint8_t *h, const uint8_t *body,
		     uint64_t size, struct node *node)
{
	int ret;

	node->type = NODE_FILE;
	node->data = body;
	node->size = size;
	if (h[F_TYPE] == 'S')
		ret = tar_sparse_old(h, body, size, node);
	else if (r->next.sparse)
		ret = tar_sparse_pax(body, size, r->next.real_size, node);
	else
		return 0;
	return ret < 0 ? broken(r, "sparse file") : 0;
}

static int symlink_target(struct reader *r, const char *target,
			  struct node *node)
{
	node->owned = (uint8_t *)strdup(target);
	if (!node->owned)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	node->data = node->owned;
	node->size = strlen(target);
	return node->size ? 0 : broken(r, "link target");
}

static int node_of_type(struct reader *r, const uint8_t *h, const char *target,
			const uint8_t *body, uint64_t size, struct node *node)
{
	uint64_t major = 0, minor = 0;

	switch (h[F_TYPE]) {
	case '\0':
	case '0':
	case '7':
	case 'S':
		return file_data(r, h, body, size, node);
	case '1':
		return hard_link(r, target, node);
	case '2':
		node->type = NODE_LINK;
		return symlink_target(r, target, node);
	case '5':
		node->type = NODE_DIR;
		return 0;
	case '6':
		node->type = NODE_FIFO;
		return 0;
	case '3':
	case '4':
		node->type = h[F_TYPE] == '3' ? NODE_CHAR : NODE_BLOCK;
		if (!tar_number(h + F_MAJOR, 8, &major) || major > 0xfff ||
		    !tar_number(h + F_MINOR, 8, &minor) || minor > 0xfffff)
			return broken(r, "device");
		node->major = (uint32_t)major;
		node->minor = (uint32_t)minor;
		return 0;
	default:
		return broken(r, "type");
	}
}

static int add_entry(struct reader *r, const uint8_t *h, const uint8_t *body,
		     uint64_t size)
{
	cleanup_free char *name = r->next.path ? TAKE_PTR(r->next.path) :
						 header_path(h);
	cleanup_free char *target = r->next.link ? TAKE_PTR(r->next.link) :
						   field(h + F_LINK, 100);
	cleanup_free char *path = name ? absolute(name) : NULL;
	struct node node = r->proto;
	uint64_t mode, uid, gid;
	int ret;

	if (!path || !target)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	uid = r->next.uid;
	gid = r->next.gid;
	if (!tar_number(h + F_MODE, 8, &mode) ||
	    (!r->next.has_uid && !tar_number(h + F_UID, 8, &uid)) ||
	    (!r->next.has_gid && !tar_number(h + F_GID, 8, &gid)) ||
	    uid >= UINT32_MAX || gid >= UINT32_MAX)
		return broken(r, "number");
	node.xattrs = TAKE_PTR(r->next.xattrs);
	node.path = path;
	node.mode = mode & 07777;
	node.uid = (uint32_t)uid;
	node.gid = (uint32_t)gid;
	ret = node_of_type(r, h, target, body, size, &node);
	if (ret == 0)
		ret = tree_add(r->tree, &node, r->reterr);
	if (ret < 0) {
		free(node.owned);
		xattrs_free(node.xattrs);
	}
	said_release(&r->next);
	return ret;
}

/* One entry; 1 at the end. */
static int entry(struct reader *r)
{
	static const uint8_t zero[BLOCK];
	const uint8_t *h = r->data + r->pos, *body = h + BLOCK;
	uint64_t size, map;
	int ret;

	if (r->n - r->pos < BLOCK)
		return r->pos == r->n ? 1 : broken(r, "end");
	if (!memcmp(h, zero, BLOCK))
		return 1;
	if (!sum_is_right(h))
		return broken(r, "checksum");
	if (!tar_number(h + F_SIZE, 12, &size))
		return broken(r, "size");
	map = BLOCK * tar_sparse_blocks(h, body, r->n - r->pos - BLOCK);
	if (size > r->n - r->pos - BLOCK - map)
		return broken(r, "size");
	body += map;
	if (h[F_TYPE] == 'L' || h[F_TYPE] == 'K' || h[F_TYPE] == 'x')
		ret = extension(r, (char)h[F_TYPE], (const char *)body,
				(size_t)size);
	else if (h[F_TYPE] == 'g')
		ret = 0; /* for all of the archive: a comment, in practice */
	else
		ret = add_entry(r, h, body, size);
	r->pos += BLOCK + (size_t)MIN(map + ALIGN_UP(size, (uint64_t)BLOCK),
				      (uint64_t)(r->n - r->pos - BLOCK));
	return ret;
}

int tar_read(const uint8_t *data, size_t n, unsigned int layer,
	     const char *origin, int64_t mtime, struct tree *tree,
	     struct err *reterr)
{
	struct reader r = {
		.data = data,
		.n = n,
		.proto = {.layer = layer, .origin = origin, .mtime = mtime},
		.tree = tree,
		.first = tree->n,
		.reterr = reterr,
	};
	int ret;

	do {
		ret = entry(&r);
	} while (ret == 0);
	said_release(&r.next);
	return MIN(ret, 0);
}
