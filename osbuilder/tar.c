// SPDX-License-Identifier: Apache-2.0
/* Reads tar archives, which may be hostile. */
#include "tar.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define BLOCK 512

enum field {
	F_NAME = 0,
	F_MODE = 100,
	F_UID = 108,
	F_GID = 116,
	F_SIZE = 124,
	F_SUM = 148,
	F_TYPE = 156,
	F_LINK = 157,
	F_MAGIC = 257,
	F_MAJOR = 329,
	F_MINOR = 337,
	F_PREFIX = 345,
};

/* What the entries before a file say of it in its header's place. */
struct names {
	char *path, *link; /* owned */
};

struct reader {
	const uint8_t *data;
	size_t n, pos;
	struct node proto; /* what all nodes have in common */
	struct tree *tree;
	size_t first; /* of the archive, in the tree */
	struct names next;
	struct err *reterr;
};

static int broken(struct reader *r, const char *what)
{
	return err_set(r->reterr, -EINVAL, "tar: bad %s at byte %zu", what,
		       r->pos);
}

/* Octal digits, or GNU's binary number with the top bit set. */
static bool number(const uint8_t *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (p[0] == 0x80) {
		for (size_t i = 1; i < n; i++) {
			if (v >> 56)
				return false;
			v = v << 8 | p[i];
		}
		*ret = v;
		return true;
	}
	while (n && *p == ' ') {
		p++;
		n--;
	}
	for (; n && *p >= '0' && *p <= '7'; p++, n--)
		v = v << 3 | (uint64_t)(*p - '0');
	*ret = v;
	return !n || *p == '\0' || *p == ' ';
}

static bool sum_is_right(const uint8_t *h)
{
	uint64_t want, sum = 0;

	for (size_t i = 0; i < BLOCK; i++)
		sum += i >= F_SUM && i < F_SUM + 8 ? ' ' : h[i];
	return number(h + F_SUM, 8, &want) && sum == want;
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

static void names_release(struct names *n)
{
	free(n->path);
	free(n->link);
	*n = (struct names){0};
}

/* One "LENGTH KEY=VALUE\n" of a pax header; the bytes it takes, or -errno. */
static ssize_t pax_record(struct reader *r, const char *p, size_t n)
{
	char *end, **to = NULL;
	unsigned long len = strtoul(p, &end, 10);
	const char *eq = NULL;

	if (*end == ' ' && len <= n && len > (size_t)(end - p) + 2)
		eq = memchr(end + 1, '=', len - (size_t)(end + 1 - p));
	if (!eq || p[len - 1] != '\n')
		return broken(r, "pax header");
	end++;
	if (!strncmp(end, "path=", 5))
		to = &r->next.path;
	else if (!strncmp(end, "linkpath=", 9))
		to = &r->next.link;
	else if (!strncmp(end, "SCHILY.xattr.", 13))
		return err_set(r->reterr, -EOPNOTSUPP,
			       "tar: extended attribute '%.*s'",
			       (int)(eq - end - 13), end + 13);
	else if (strncmp(end, "mtime=", 6) && strncmp(end, "atime=", 6) &&
		 strncmp(end, "ctime=", 6) && strncmp(end, "uname=", 6) &&
		 strncmp(end, "gname=", 6))
		return err_set(r->reterr, -EOPNOTSUPP,
			       "tar: header '%.*s' is not supported",
			       (int)(eq - end), end);
	if (to) {
		free(*to);
		*to = strndup(eq + 1, len - (size_t)(eq + 2 - p));
		if (!*to)
			return err_set(r->reterr, -ENOMEM, "out of memory");
	}
	return (ssize_t)len;
}

/* An entry that is about the one after it. */
static int extension(struct reader *r, char type, const char *p, size_t n)
{
	char **to = type == 'K' ? &r->next.link : &r->next.path;
	cleanup_free char *text = strndup(p, n); /* ends what strtoul() reads */
	ssize_t took;

	if (!text)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	if (type != 'x') {
		free(*to);
		*to = TAKE_PTR(text);
		return 0;
	}
	for (size_t at = 0; at < n; at += (size_t)took) {
		took = pax_record(r, text + at, strlen(text + at));
		if (took < 0)
			return (int)took;
	}
	return 0;
}

/* A file that came before in this archive has the content. */
static int hard_link(struct reader *r, const char *target, struct node *node)
{
	cleanup_free char *path = absolute(target);

	if (!path)
		return err_set(r->reterr, -ENOMEM, "out of memory");
	for (size_t i = r->first; i < r->tree->n; i++) {
		const struct node *old = &r->tree->v[i];

		if (old->type != NODE_FILE || strcmp(old->path, path) != 0)
			continue;
		node->data = old->data;
		node->size = old->size;
		return 0;
	}
	return broken(r, "hard link");
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
		node->type = NODE_FILE;
		node->data = body;
		node->size = size;
		return 0;
	case '1':
		node->type = NODE_FILE;
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
		if (!number(h + F_MAJOR, 8, &major) || major > 0xfff ||
		    !number(h + F_MINOR, 8, &minor) || minor > 0xfffff)
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
	if (!number(h + F_MODE, 8, &mode) || !number(h + F_UID, 8, &uid) ||
	    !number(h + F_GID, 8, &gid) || uid >= UINT32_MAX ||
	    gid >= UINT32_MAX)
		return broken(r, "number");
	node.path = path;
	node.mode = mode & 07777;
	node.uid = (uint32_t)uid;
	node.gid = (uint32_t)gid;
	ret = node_of_type(r, h, target, body, size, &node);
	if (ret == 0)
		ret = tree_add(r->tree, &node, r->reterr);
	if (ret < 0)
		free(node.owned);
	return ret;
}

/* One entry; 1 at the end. */
static int entry(struct reader *r)
{
	static const uint8_t zero[BLOCK];
	const uint8_t *h = r->data + r->pos, *body = h + BLOCK;
	uint64_t size;
	int ret;

	if (r->n - r->pos < BLOCK)
		return r->pos == r->n ? 1 : broken(r, "end");
	if (!memcmp(h, zero, BLOCK))
		return 1;
	if (!sum_is_right(h))
		return broken(r, "checksum");
	if (!number(h + F_SIZE, 12, &size))
		return broken(r, "size");
	if (size > r->n - r->pos - BLOCK)
		return broken(r, "size");
	if (h[F_TYPE] == 'L' || h[F_TYPE] == 'K' || h[F_TYPE] == 'x')
		ret = extension(r, (char)h[F_TYPE], (const char *)body,
				(size_t)size);
	else if (h[F_TYPE] == 'g')
		ret = 0; /* for all of the archive: a comment, in practice */
	else
		ret = add_entry(r, h, body, size);
	r->pos += BLOCK + (size_t)MIN(ALIGN_UP(size, (uint64_t)BLOCK),
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
	names_release(&r.next);
	return MIN(ret, 0);
}
