// SPDX-License-Identifier: Apache-2.0
#include "kbuild.h"

#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "codec/json.h"
#include "fileio.h"

#define TEXT_MAX ((size_t)16 << 20)
#define MAKEFILE_MAX ((size_t)1 << 20)
/* How many composite objects may be within one another. */
#define DEPTH_MAX 8

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void sort(struct strv *v)
{
	if (v->n)
		qsort(v->v, v->n, sizeof(*v->v), by_text);
}

static bool contains(const struct strv *v, const char *s)
{
	return v->n &&
	       bsearch(&s, v->v, v->n, sizeof(*v->v), by_text) != NULL;
}

bool built_kernel_has(const struct built_kernel *k, const char *path)
{
	return contains(&k->sources, path);
}

bool built_kernel_config(const struct built_kernel *k, const char *symbol)
{
	return contains(&k->config, symbol);
}

void built_kernel_release(struct built_kernel *k)
{
	strv_release(&k->config);
	strv_release(&k->sources);
}

static int read_in(const char *dir, const char *name, size_t max, char **ret,
		   struct err *reterr)
{
	char path[PATH_MAX];
	uint8_t *data = NULL;
	size_t n;
	int r;

	if (snprintf(path, sizeof(path), "%s/%s", dir, name) >=
	    (int)sizeof(path))
		return err_set(reterr, -ENAMETOOLONG, "'%.200s': too long",
			       dir);
	r = file_read(path, max, &data, &n, reterr);
	*ret = (char *)data;
	return r;
}

static int read_manifest(const char *dir, struct built_kernel *k,
			 struct err *reterr)
{
	cleanup_json struct json_object *o = NULL;
	cleanup_free char *text = NULL;
	const char *arch, *release;
	int r;

	r = read_in(dir, "kernel.json", MAKEFILE_MAX, &text, reterr);
	if (r == 0)
		r = json_parse_text(text, strlen(text), 8, &o, reterr);
	if (r < 0)
		return r;
	arch = json_to_str(json_member(o, "arch"));
	release = json_to_str(json_member(o, "release"));
	if (!arch || !release || strlen(arch) >= sizeof(k->arch) ||
	    strlen(release) >= sizeof(k->release))
		return err_set(reterr, -EINVAL,
			       "'%s/kernel.json' names no release", dir);
	(void)strcpy(k->arch, arch);
	(void)strcpy(k->release, release);
	return 0;
}

static int read_config(const char *dir, struct built_kernel *k,
		       struct err *reterr)
{
	cleanup_free char *text = NULL;
	char *rest, *line;
	int r;

	r = read_in(dir, "kernel.config", TEXT_MAX, &text, reterr);
	if (r < 0)
		return r;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (strncmp(line, "CONFIG_", 7) != 0 || !value ||
		    strcmp(value, "=y") != 0)
			continue;
		*value = '\0';
		(void)strv_add(&k->config, line + 7);
	}
	sort(&k->config);
	return strv_error(&k->config) ?
		       err_set(reterr, -ENOMEM, "out of memory") :
		       0;
}

static int read_sources(const char *dir, struct built_kernel *k,
			struct err *reterr)
{
	cleanup_free char *text = NULL;
	char *rest, *line;
	int r;

	r = read_in(dir, "kernel.sources", TEXT_MAX, &text, reterr);
	if (r < 0)
		return r;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		char *path = strstr(line, "  ");

		if (*line && !path)
			return err_set(reterr, -EINVAL,
				       "'%s/kernel.sources': bad line", dir);
		if (path)
			(void)strv_add(&k->sources, path + 2);
	}
	sort(&k->sources);
	if (strv_error(&k->sources))
		return err_set(reterr, -ENOMEM, "out of memory");
	/* An empty list would clear the kernel of everything. */
	return k->sources.n ? 0 :
			      err_set(reterr, -EINVAL,
				      "'%s/kernel.sources' is empty", dir);
}

int built_kernel_read(const char *dir, struct built_kernel *ret,
		      struct err *reterr)
{
	int r;

	*ret = (struct built_kernel){0};
	r = read_manifest(dir, ret, reterr);
	if (r == 0)
		r = read_config(dir, ret, reterr);
	if (r == 0)
		r = read_sources(dir, ret, reterr);
	return r;
}

/* Joins continued lines and drops comments, in place. */
static void join(char *text)
{
	char *to = text;
	bool comment = false;

	for (const char *p = text; *p; p++) {
		if (p[0] == '\\' && p[1] == '\n') {
			p++;
			*to++ = ' ';
			continue;
		}
		if (*p == '#')
			comment = true;
		if (*p == '\n')
			comment = false;
		if (!comment)
			*to++ = *p == '\t' ? ' ' : *p;
	}
	*to = '\0';
}

/* The Makefile of the folder that is the first N letters of PATH. */
static char *read_makefile(const struct built_kernel *k, const char *path,
			   size_t n)
{
	static const char *const names[] = {"Kbuild", "Makefile"};
	char name[PATH_MAX];
	struct err ignored;
	char *text;

	for (size_t i = 0; i < 2; i++) {
		(void)snprintf(name, sizeof(name), "%.*s/%s", (int)n, path,
			       names[i]);
		if (read_in(k->source_tree, name, MAKEFILE_MAX, &text,
			    &ignored) == 0) {
			join(text);
			return text;
		}
	}
	return NULL;
}

/* Whether WORD, which ends at a blank, is one of those on LINE. */
static bool names_word(const char *line, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = line; (p = strstr(p, word)); p += n)
		if ((p == line || p[-1] == ' ' || p[-1] == '=') &&
		    (!p[n] || p[n] == ' '))
			return true;
	return false;
}

/* What stands before the assignment on a line. */
struct target {
	char stem[KBUILD_NAME_MAX];   /* obj, lib, or a composite's name */
	char symbol[KBUILD_NAME_MAX]; /* of stem-$(CONFIG_SYMBOL), or empty */
};

static bool read_target(const char *line, struct target *ret)
{
	size_t n = strcspn(line, " :+=");
	const char *dash, *symbol;

	*ret = (struct target){0};
	if (n == 0 || n >= sizeof(ret->stem))
		return false;
	(void)snprintf(ret->stem, sizeof(ret->stem), "%.*s", (int)n, line);
	symbol = strstr(ret->stem, "-$(CONFIG_");
	dash = symbol ? symbol : strrchr(ret->stem, '-');
	if (!dash)
		return false;
	if (symbol) {
		symbol += strlen("-$(CONFIG_");
		for (n = 0; isalnum((unsigned char)symbol[n]) ||
			    symbol[n] == '_'; n++)
			ret->symbol[n] = symbol[n];
	} else if (strcmp(dash, "-y") != 0 && strcmp(dash, "-objs") != 0) {
		return false;
	}
	ret->stem[dash - ret->stem] = '\0';
	return true;
}

/* The outcome of looking for what an object hangs on. */
enum gate {
	GATE_NONE, /* nothing names it */
	GATE_OPEN, /* it is built if its folder is */
	GATE_SHUT, /* a symbol is off */
};

/*
 * Looks in a Makefile for WORD, an object or a folder. One open way is enough;
 * a composite object is looked for in turn.
 */
static enum gate look(const struct built_kernel *k, const char *makefile,
		      const char *word, unsigned int depth,
		      char ret[KBUILD_NAME_MAX])
{
	enum gate found = GATE_NONE, one;
	cleanup_free char *text = strdup(makefile);
	char *rest = text, *line;
	char object[KBUILD_NAME_MAX + 3];
	struct target t;

	while (rest && depth < DEPTH_MAX && (line = strsep(&rest, "\n"))) {
		char *value = strchr(line, '=');

		if (!value || !names_word(value + 1, word) ||
		    !read_target(line, &t))
			continue;
		if (*t.symbol && !built_kernel_config(k, t.symbol)) {
			(void)strcpy(ret, t.symbol);
			found = GATE_SHUT;
			continue;
		}
		one = GATE_OPEN;
		(void)snprintf(object, sizeof(object), "%s.o", t.stem);
		if (strcmp(t.stem, "obj") != 0 && strcmp(t.stem, "lib") != 0 &&
		    strcmp(object, word) != 0)
			one = look(k, makefile, object, depth + 1, ret);
		if (one == GATE_OPEN)
			return GATE_OPEN;
		if (one == GATE_SHUT)
			found = GATE_SHUT;
	}
	return found;
}

bool kbuild_gate(const struct built_kernel *k, const char *path,
		 char ret[KBUILD_NAME_MAX])
{
	char word[PATH_MAX];
	const char *dot = strrchr(path, '.');
	size_t end = strlen(path);

	if (!k->source_tree || end >= PATH_MAX - 2 || !dot ||
	    (strcmp(dot, ".c") != 0 && strcmp(dot, ".S") != 0))
		return false;
	(void)snprintf(word, sizeof(word), "%.*s.o", (int)(dot - path), path);
	/* From the file's own folder upwards; objects may be named by a path
	 * from further up. */
	for (size_t dir = end; dir > 0;) {
		cleanup_free char *makefile = NULL;
		enum gate gate = GATE_NONE;

		while (dir > 0 && path[dir - 1] != '/')
			dir--;
		if (dir == 0)
			break;
		makefile = read_makefile(k, path, dir - 1);
		if (makefile)
			gate = look(k, makefile, word + dir, 0, ret);
		if (gate == GATE_SHUT)
			return true;
		/* Found: from here on the folder is what counts. */
		if (gate == GATE_OPEN)
			(void)snprintf(word, sizeof(word), "%.*s", (int)dir,
				       path);
		dir--;
	}
	return false;
}
