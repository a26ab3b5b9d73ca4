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

/* Bounds of what is shown of a content. */
#define TEXT_MAX 65536
#define LINES_SHOWN 16
#define BYTES_SHOWN 16

static bool is_text(const struct node *n)
{
	return n->size <= TEXT_MAX &&
	       (!n->size || !memchr(n->data, '\0', n->size));
}

/* Lines of a text from POS up to END. */
static void show_lines(char sign, const struct node *n, size_t pos, size_t end)
{
	for (unsigned int i = 0; pos < end; i++) {
		const uint8_t *p = n->data + pos;
		const uint8_t *stop = memchr(p, '\n', end - pos);
		size_t len = stop ? (size_t)(stop - p) : end - pos;

		if (i == LINES_SHOWN) {
			(void)printf("    %c…\n", sign);
			return;
		}
		(void)printf("    %c", sign);
		report_bytes(p, len);
		(void)printf("%s\n", stop ? "" : " (no newline)");
		pos += len + 1;
	}
}

static void show_bytes(char sign, const struct node *n, size_t pos, size_t end)
{
	size_t stop = MIN(end, pos + BYTES_SHOWN);

	(void)printf("    %c%zu bytes at %zu:", sign, end - pos, pos);
	for (size_t i = pos; i < stop; i++)
		(void)printf(" %02x", n->data[i]);
	(void)printf("%s\n", stop < end ? " …" : "");
}

/* Back to where a line begins. */
static size_t line_start(const struct node *n, size_t pos)
{
	while (pos > 0 && n->data[pos - 1] != '\n')
		pos--;
	return pos;
}

static bool is_line_end(const struct node *n, size_t pos)
{
	return pos == 0 || pos == n->size || n->data[pos - 1] == '\n';
}

/* And on to where one ends. */
static size_t line_end(const struct node *n, size_t pos)
{
	const uint8_t *p = pos < n->size ? memchr(n->data + pos, '\n',
						  n->size - pos) : NULL;

	return p ? (size_t)(p - n->data) + 1 : n->size;
}

/* What is between the bytes that both have at their begin and at their end. */
static void show_contents(const struct node *a, const struct node *b)
{
	size_t least = MIN(a->size, b->size), head = 0, tail = 0;
	size_t end_a, end_b;

	while (head < least && a->data[head] == b->data[head])
		head++;
	while (tail < least - head &&
	       a->data[a->size - 1 - tail] == b->data[b->size - 1 - tail])
		tail++;
	end_a = a->size - tail;
	end_b = b->size - tail;
	if (!is_text(a) || !is_text(b)) {
		show_bytes('-', a, head, end_a);
		show_bytes('+', b, head, end_b);
		return;
	}
	if (!is_line_end(a, end_a) || !is_line_end(b, end_b)) {
		end_a = line_end(a, end_a);
		end_b = line_end(b, end_b);
	}
	show_lines('-', a, line_start(a, head), end_a);
	show_lines('+', b, line_start(b, head), end_b);
}

/* Whether of two nodes both are further names of the same file, or neither. */
static bool same_names(const struct tree *s, const struct node *a,
		       const struct tree *t, const struct node *b)
{
	return !strcmp(s->v[a->first].path, t->v[b->first].path);
}

static unsigned int compare(const struct tree *s, const struct node *a,
			    const struct tree *t, const struct node *b)
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
	if (!xattrs_equal(a->xattrs, b->xattrs))
		field(a->path, &count, "xattrs");
	if (!same_names(s, a, t, b))
		field(a->path, &count, "hardlink");
	if (count)
		(void)printf("\n");
	if (count && a->type == NODE_FILE && b->type == NODE_FILE &&
	    !same_data(a, b))
		show_contents(a, b);
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
			count += compare(a, &a->v[i++], b, &b->v[k++]);
	}
	return count;
}

static const char *format_of(const struct image *i)
{
	return i->kind == IMAGE_INITRD ? "initrd" : i->fs->name;
}

/* What made them, where they tell. */
static void said(const char *what, const char *a, const char *b)
{
	if (!strcmp(a, b))
		return;
	(void)printf("%s '", what);
	report_bytes(a, strlen(a));
	(void)printf("' -> '");
	report_bytes(b, strlen(b));
	(void)printf("'\n");
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
	said("agent", a->identity.agent, b->identity.agent);
	said("profile", a->identity.profile, b->identity.profile);
	count = diff_trees(&a->tree, &b->tree);
	(void)fflush(stdout);
	return count;
}
