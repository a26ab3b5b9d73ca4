// SPDX-License-Identifier: Apache-2.0
#include "cpio.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"

#define MAGIC "070701"
#define HEADER_SIZE 110
#define TRAILER "TRAILER!!!"

/* The fields after the magic, eight hexadecimal digits each. */
enum field {
	F_INO,
	F_MODE,
	F_UID,
	F_GID,
	F_NLINK,
	F_MTIME,
	F_FILESIZE,
	F_DEV_MAJOR,
	F_DEV_MINOR,
	F_RDEV_MAJOR,
	F_RDEV_MINOR,
	F_NAMESIZE,
	F_CHECK,
	F_COUNT,
};

_Static_assert(sizeof(MAGIC) - 1 + F_COUNT * 8 == HEADER_SIZE, "newc header");

static int put_padding(struct buf *out, size_t start)
{
	return buf_put_zero(out, -(out->len - start) & 3);
}

/* The name has no slash at its start: the kernel unpacks relative to "/". */
static int put_entry(struct buf *out, size_t start, const uint32_t *f,
		     const char *name, const uint8_t *data)
{
	size_t size = HEADER_SIZE + (size_t)f[F_NAMESIZE] + f[F_FILESIZE] + 6;

	/* Room for all and for two paddings: what follows cannot fail. */
	if (!buf_reserve(out, size))
		return buf_error(out);
	(void)buf_put_str(out, MAGIC);
	for (int i = 0; i < F_COUNT; i++)
		(void)buf_printf(out, "%08X", f[i]);
	(void)buf_put(out, name, f[F_NAMESIZE]);
	(void)put_padding(out, start);
	(void)buf_put(out, data, f[F_FILESIZE]);
	return put_padding(out, start);
}

static uint32_t count_subdirs(const struct tree *t, size_t dir)
{
	size_t len = strlen(t->v[dir].path);
	uint32_t n = 0;

	for (size_t i = dir + 1; i < t->n; i++) {
		const char *path = t->v[i].path;

		if (strncmp(path, t->v[dir].path, len) != 0 || path[len] != '/')
			break;
		if (t->v[i].type == NODE_DIR && !strchr(path + len + 1, '/'))
			n++;
	}
	return n;
}

/* The content comes with the last name of a file: so GNU cpio has it. Linux
 * makes links of other files, but not of symbolic links. */
static bool is_last_name(const struct tree *t, size_t i)
{
	for (size_t k = i + 1; k < t->n; k++)
		if (t->v[k].first == t->v[i].first)
			return false;
	return true;
}

int cpio_write(const struct tree *tree, struct buf *out, struct err *reterr)
{
	uint32_t end[F_COUNT] = {[F_NLINK] = 1, [F_NAMESIZE] = sizeof(TRAILER)};
	size_t start = out->len;
	int r = 0;

	for (size_t i = 1; i < tree->n && r == 0; i++) {
		const struct node *n = &tree->v[i];
		bool linked = n->names > 1 && n->type != NODE_LINK;
		uint32_t f[F_COUNT] = {
			[F_INO] = (uint32_t)(linked ? n->first : i),
			[F_MODE] = node_type_to_mode(n->type) | n->mode,
			[F_UID] = n->uid,
			[F_GID] = n->gid,
			[F_NLINK] = linked ? n->names : 1,
			[F_MTIME] = (uint32_t)n->mtime,
			[F_FILESIZE] = (uint32_t)n->size,
			[F_RDEV_MAJOR] = n->major,
			[F_RDEV_MINOR] = n->minor,
			[F_NAMESIZE] = (uint32_t)strlen(n->path),
		};

		if (n->mtime < 0 || n->mtime > UINT32_MAX)
			return err_set(reterr, -ERANGE,
				       "time of '%s' does not fit in cpio",
				       n->path);
		if (n->type == NODE_DIR)
			f[F_NLINK] = 2 + count_subdirs(tree, i);
		if (linked && !is_last_name(tree, i))
			f[F_FILESIZE] = 0;
		r = put_entry(out, start, f, n->path + 1, n->data);
	}
	if (r == 0)
		r = put_entry(out, start, end, TRAILER, NULL);
	return r < 0 ? err_code(reterr, r, "cpio archive") : 0;
}

bool cpio_probe(const uint8_t *data, size_t n)
{
	return n >= HEADER_SIZE && !memcmp(data, MAGIC, sizeof(MAGIC) - 1);
}

static int parse_header(const uint8_t *p, uint32_t *f)
{
	if (memcmp(p, MAGIC, sizeof(MAGIC) - 1) != 0)
		return -EINVAL;
	p += sizeof(MAGIC) - 1;
	for (int i = 0; i < F_COUNT; i++) {
		f[i] = 0;
		for (int k = 0; k < 8; k++, p++) {
			uint32_t digit;

			if (*p >= '0' && *p <= '9')
				digit = *p - '0';
			else if (*p >= 'A' && *p <= 'F')
				digit = *p - 'A' + 10u;
			else if (*p >= 'a' && *p <= 'f')
				digit = *p - 'a' + 10u;
			else
				return -EINVAL;
			f[i] = f[i] << 4 | digit;
		}
	}
	return 0;
}

/* The name as a path: other writers have "./a", "." or "/a". */
static int entry_path(const uint8_t *name, size_t n, char *path, size_t size)
{
	const char *s = (const char *)name;

	if (n == 0 || name[n - 1] != '\0' || strlen(s) != n - 1)
		return -EINVAL;
	while (*s == '/' || (s[0] == '.' && s[1] == '/'))
		s++;
	if (!strcmp(s, "."))
		s++;
	n = strlen(s) + 1;
	if (n + 1 > size)
		return -EINVAL;
	path[0] = '/';
	memcpy(path + 1, s, n);
	return 0;
}

/* A file of many names: which inode it is of, and where it is in the tree. */
struct name {
	uint32_t dev_major, dev_minor, ino;
	size_t index;
};

struct names {
	struct name *v; /* owned */
	size_t n, room;
};

static int add_name(struct names *l, const uint32_t *f, size_t index)
{
	if (l->n == l->room) {
		size_t room = l->room ? l->room * 2 : 64;
		struct name *v = reallocarray(l->v, room, sizeof(*v));

		if (!v)
			return -ENOMEM;
		l->v = v;
		l->room = room;
	}
	l->v[l->n++] = (struct name){f[F_DEV_MAJOR], f[F_DEV_MINOR], f[F_INO],
				     index};
	return 0;
}

static int compare_inodes(const struct name *x, const struct name *y)
{
	if (x->ino != y->ino)
		return x->ino < y->ino ? -1 : 1;
	if (x->dev_major != y->dev_major)
		return x->dev_major < y->dev_major ? -1 : 1;
	if (x->dev_minor != y->dev_minor)
		return x->dev_minor < y->dev_minor ? -1 : 1;
	return 0;
}

static int compare_names(const void *a, const void *b)
{
	const struct name *x = a, *y = b;
	int c = compare_inodes(x, y);

	return c ? c : (x->index > y->index) - (x->index < y->index);
}

/* Names are of one file where their headers agree. */
static void join_names(const struct names *l, size_t from, size_t to,
		       struct tree *tree)
{
	const struct node *a = &tree->v[l->v[from].index];

	for (size_t k = from + 1; k < to; k++) {
		const struct node *b = &tree->v[l->v[k].index];

		if (a->type != b->type || a->mode != b->mode ||
		    a->uid != b->uid || a->gid != b->gid ||
		    a->mtime != b->mtime || a->major != b->major ||
		    a->minor != b->minor || a->size != b->size)
			return;
	}
	tree->files++;
	for (size_t k = from; k < to; k++)
		tree->v[l->v[k].index].file = tree->files;
}

/* The content comes with one name, in most archives the last; it is that of all
 * names of the inode. */
static void share_content(const struct names *l, struct tree *tree)
{
	size_t first = 0;

	if (l->n)
		qsort(l->v, l->n, sizeof(*l->v), compare_names);
	for (size_t i = 1; i <= l->n; i++) {
		const struct node *full = NULL;

		if (i < l->n && !compare_inodes(&l->v[first], &l->v[i]))
			continue;
		for (size_t k = first; k < i; k++)
			if (tree->v[l->v[k].index].size)
				full = &tree->v[l->v[k].index];
		for (size_t k = first; full && k < i; k++) {
			struct node *n = &tree->v[l->v[k].index];

			n->data = full->data;
			n->size = full->size;
			n->pos = full->pos;
		}
		join_names(l, first, i, tree);
		first = i;
	}
}

static int read_entry(const uint32_t *f, char *path, const uint8_t *image,
		      const uint8_t *data, struct names *names,
		      struct tree *tree, struct err *reterr)
{
	int r;

	struct node n = {
		.path = path,
		.mode = f[F_MODE] & 07777,
		.uid = f[F_UID],
		.gid = f[F_GID],
		.major = f[F_RDEV_MAJOR],
		.minor = f[F_RDEV_MINOR],
		.mtime = f[F_MTIME],
		.data = data,
		.size = f[F_FILESIZE],
		.pos = (uint64_t)(data - image),
	};

	if (node_type_from_mode(f[F_MODE], &n.type) < 0)
		return err_set(reterr, -EINVAL, "'%.64s' is of no known type",
			       path);
	r = tree_add(tree, &n, reterr);
	if (r == 0 && f[F_NLINK] > 1 && n.type != NODE_DIR &&
	    n.type != NODE_LINK && add_name(names, f, tree->n - 1) < 0)
		r = err_set(reterr, -ENOMEM, "out of memory");
	return r;
}

/* One entry; 1 at the trailer. */
static int next(struct buf_reader *r, struct names *names, struct tree *tree,
		struct err *reterr)
{
	const uint8_t *header = buf_reader_get(r, HEADER_SIZE);
	const uint8_t *name, *data;
	char path[TREE_PATH_MAX + 2];
	uint32_t f[F_COUNT];

	if (!header)
		return err_set(reterr, -EINVAL, "cpio archive ends early");
	if (parse_header(header, f) < 0)
		return err_set(reterr, -EINVAL, "bad cpio header at %zu",
			       r->pos - HEADER_SIZE);
	name = buf_reader_get(r, f[F_NAMESIZE]);
	(void)buf_reader_get(r, -r->pos & 3);
	data = buf_reader_get(r, f[F_FILESIZE]);
	if (r->failed)
		return err_set(reterr, -EINVAL, "cpio archive ends early");
	(void)buf_reader_get(r, MIN(-r->pos & 3, r->len - r->pos));
	if (entry_path(name, f[F_NAMESIZE], path, sizeof(path)) < 0)
		return err_set(reterr, -EINVAL, "bad name in cpio archive");
	if (!strcmp(path + 1, TRAILER))
		return 1;
	return read_entry(f, path, r->data, data, names, tree, reterr);
}

int cpio_read(const uint8_t *data, size_t n, struct tree *tree,
	      struct err *reterr)
{
	struct buf_reader r = buf_reader_of(data, n);
	struct names names = {0};
	int ret;

	do {
		ret = next(&r, &names, tree, reterr);
	} while (ret == 0);
	if (ret >= 0)
		share_content(&names, tree);
	free(names.v);
	return ret < 0 ? ret : tree_finish(tree, 0, reterr);
}
