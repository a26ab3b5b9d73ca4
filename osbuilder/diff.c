// SPDX-License-Identifier: Apache-2.0
#include "diff.h"

#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "report.h"

/* Begins the line of a file that differs, or goes on in it. */
static void field(const char *path, unsigned int *count, const char *name)
{
	if (*count == 0) {
		(void)printf("~ ");
		report_bytes(path, strlen(path));
	}
	(void)printf("%s %s", (*count)++ ? "," : ":", name);
}

static void number(const char *path, unsigned int *count, const char *name,
		   uint64_t a, uint64_t b)
{
	if (a == b)
		return;
	field(path, count, name);
	(void)printf(" %" PRIu64 " -> %" PRIu64, a, b);
}

static bool same_data(const struct node *a, const struct node *b)
{
	if (a->type != NODE_FILE && a->type != NODE_LINK)
		return true;
	return a->size == b->size &&
	       (!a->size || !memcmp(a->data, b->data, a->size));
}

static unsigned int compare(const struct node *a, const struct node *b)
{
	unsigned int count = 0;

	if (a->implied || b->implied)
		return 0;
	if (a->type != b->type) {
		field(a->path, &count, "type");
		(void)printf(" %s -> %s", node_type_name(a->type),
			     node_type_name(b->type));
	}
	if (a->mode != b->mode) {
		field(a->path, &count, "mode");
		(void)printf(" %04o -> %04o", a->mode, b->mode);
	}
	number(a->path, &count, "uid", a->uid, b->uid);
	number(a->path, &count, "gid", a->gid, b->gid);
	number(a->path, &count, "time", (uint64_t)a->mtime,
	       (uint64_t)b->mtime);
	if (a->type == b->type) {
		number(a->path, &count, "major", a->major, b->major);
		number(a->path, &count, "minor", a->minor, b->minor);
		if (a->type == NODE_FILE)
			number(a->path, &count, "size", a->size, b->size);
		if (!same_data(a, b))
			field(a->path, &count,
			      a->type == NODE_LINK ? "target" : "content");
	}
	if (count)
		(void)printf("\n");
	return count != 0;
}

static unsigned int only(char sign, const struct node *n)
{
	if (n->implied)
		return 0;
	(void)printf("%c ", sign);
	report_bytes(n->path, strlen(n->path));
	(void)printf("\n");
	return 1;
}

/* Both are sorted alike. */
static size_t diff_trees(const struct tree *a, const struct tree *b)
{
	size_t i = 0, k = 0, count = 0;

	while (i < a->n || k < b->n) {
		int order = i == a->n ? 1 :
			    k == b->n ? -1 :
					tree_path_compare(a->v[i].path,
							  b->v[k].path);

		if (order < 0)
			count += only('-', &a->v[i++]);
		else if (order > 0)
			count += only('+', &b->v[k++]);
		else
			count += compare(&a->v[i++], &b->v[k++]);
	}
	return count;
}

static const char *format_of(const struct image *i)
{
	return i->kind == IMAGE_INITRD ? "initrd" : i->fs->name;
}

size_t diff_images(const struct image *a, const struct image *b)
{
	size_t count = 0;

	if (strcmp(format_of(a), format_of(b)) != 0)
		(void)printf("format %s -> %s\n", format_of(a), format_of(b));
	if (a->kind == IMAGE_FS && b->kind == IMAGE_FS &&
	    a->layout.kind != b->layout.kind)
		(void)printf("layout %s -> %s\n",
			     layout_kind_name(a->layout.kind),
			     layout_kind_name(b->layout.kind));
	count = diff_trees(&a->tree, &b->tree);
	(void)fflush(stdout);
	return count;
}
