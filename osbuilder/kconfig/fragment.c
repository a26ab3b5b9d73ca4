// SPDX-License-Identifier: Apache-2.0
/*
 * The fragment language (docs/kernel.md): one CONFIG_NAME=value a line, then
 * marks, then "# reason". Knows nothing of Kconfig; refuses whatever
 * merge_config.sh would silently resolve by "the last one wins".
 */
#include "fragment.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A condition that names no known architecture would never be true. */
static const char *const known_arches[] = {
	"x86_64", "aarch64", "s390x", "ppc64le",
};

static void complain(struct wants *w, const char *file, int line,
		     const char *what, const char *arg)
{
	fprintf(stderr, "%s:%d: %s%s%s\n", file, line, what,
		*arg ? ": " : "", arg);
	w->errors++;
}

static bool known_arch(const char *name)
{
	size_t i;

	for (i = 0; i < sizeof(known_arches) / sizeof(*known_arches); i++)
		if (strcmp(known_arches[i], name) == 0)
			return true;
	return false;
}

/* Reads "6.12" or "6.12.3" as 6012; -1 for anything else. */
static int read_version(const char *s)
{
	char *end;
	long major, minor;

	if (!s || !isdigit((unsigned char)*s))
		return -1;
	major = strtol(s, &end, 10);
	if (*end != '.' || !isdigit((unsigned char)end[1]))
		return -1;
	minor = strtol(end + 1, &end, 10);
	if ((*end && *end != '.' && *end != '-') || major > 99 || minor > 999)
		return -1;
	return (int)(1000 * major + minor);
}

/*
 * Whether a condition on the series, >=6.6 or <6.6, holds; -1 if it is not
 * one. A tree without a version is newer than all.
 */
static int series_holds(const char *cond, const char *version)
{
	bool less = *cond == '<';
	int limit = read_version(cond + (less ? 1 : 2));
	int now = read_version(version);

	if ((!less && strncmp(cond, ">=", 2) != 0) || limit < 0)
		return -1;
	return less ? now >= 0 && now < limit : now < 0 || now >= limit;
}

static bool valid_value(const char *v)
{
	size_t len = strlen(v);

	if (strcmp(v, "y") == 0 || strcmp(v, "n") == 0)
		return true;
	if (v[0] == '"')
		return len >= 2 && strchr(v + 1, '"') == v + len - 1 &&
		       !strchr(v, '\\');
	if (strncmp(v, "0x", 2) == 0)
		return len > 2 && strspn(v + 2, "0123456789abcdefABCDEF") ==
		       len - 2;
	if (*v == '-')
		v++;
	return *v && strspn(v, "0123456789") == strlen(v);
}

static char *xstrdup(const char *s)
{
	char *copy = strdup(s);

	if (!copy)
		abort();
	return copy;
}

static struct want *find_unsorted(struct wants *w, const char *name)
{
	size_t i;

	for (i = 0; i < w->n; i++)
		if (strcmp(w->v[i].name, name) == 0)
			return &w->v[i];
	return NULL;
}

static void replace(struct want *old, const struct want *new, char *value)
{
	free(old->value);
	old->value = value;
	old->file = new->file;
	old->line = new->line;
	old->flags = new->flags;
	old->feature = new->feature;
}

/* Two quoted lists as one: "a,b" and "c" are "a,b,c". */
static char *join_lists(const char *a, const char *b)
{
	size_t la = strlen(a), lb = strlen(b);
	char *s = malloc(la + lb);

	if (!s)
		abort();
	if (la == 2)
		snprintf(s, la + lb, "%s", b);
	else
		snprintf(s, la + lb, "%.*s,%s", (int)la - 1, a, b + 1);
	return s;
}

/*
 * A line of a feature for a symbol that has one: what the base says is
 * replaced, since the feature was asked for by name; features may ask for the
 * same, but must not contradict each other. Returns whether that settles it.
 */
static bool enter_again(struct wants *w, struct want *old,
			const struct want *new, const char *where)
{
	if (new->flags & WANT_APPEND) {
		replace(old, new, join_lists(old->value, new->value));
		return true;
	}
	if (strcmp(old->value, new->value) == 0)
		return true;
	if (old->feature) {
		complain(w, new->file, new->line, "conflict", where);
		return true;
	}
	replace(old, new, xstrdup(new->value));
	return true;
}

/* Enters one request, or complains about the one it collides with. */
static void enter(struct wants *w, const struct want *new)
{
	struct want *old = find_unsorted(w, new->name);
	struct want *grown;
	char where[512];

	if (old)
		snprintf(where, sizeof(where), "CONFIG_%s, first in %s:%d",
			 new->name, old->file, old->line);
	if (new->flags & WANT_BUILTIN) {
		/* From here on it is a request like those of the base. */
		if (old)
			old->feature = false;
		return;
	}
	if (old && new->feature && enter_again(w, old, new, where))
		return;
	if (new->flags & WANT_OVERRIDE) {
		if (!old || strcmp(old->value, new->value) == 0) {
			complain(w, new->file, new->line,
				 "%override has nothing to override",
				 new->name);
			return;
		}
		replace(old, new, xstrdup(new->value));
		return;
	}
	if (old) {
		complain(w, new->file, new->line,
			 strcmp(old->value, new->value) ? "conflict" :
			 "duplicate", where);
		return;
	}
	grown = realloc(w->v, (w->n + 1) * sizeof(*grown));
	if (!grown)
		abort();
	w->v = grown;
	grown[w->n] = *new;
	grown[w->n].name = xstrdup(new->name);
	grown[w->n].value = xstrdup(new->value);
	w->n++;
}

/*
 * Reads the marks after the value. Returns whether the line applies to @arch:
 * any @arch present must match; @!arch must not; @>=6.6 and @<6.6 must hold.
 */
static bool read_marks(struct wants *w, char *s, struct want *new,
		       const char *arch)
{
	bool positive = false, hit = false, excluded = false;
	char *save, *tok;

	for (tok = strtok_r(s, " \t", &save); tok;
	     tok = strtok_r(NULL, " \t", &save)) {
		if (*tok == '#')
			break;
		if (*tok == '@' && (tok[1] == '<' || tok[1] == '>')) {
			int holds = series_holds(tok + 1, w->version);

			if (holds < 0)
				complain(w, new->file, new->line,
					 "not a series", tok);
			excluded |= !holds;
		} else if (*tok == '@') {
			bool not = tok[1] == '!';
			const char *name = tok + 1 + not;

			if (!known_arch(name))
				complain(w, new->file, new->line,
					 "unknown architecture", name);
			else if (not)
				excluded |= strcmp(name, arch) == 0;
			else
				hit |= strcmp(name, arch) == 0;
			positive |= !not;
		} else if (strcmp(tok, "%absent") == 0) {
			new->flags |= WANT_ABSENT;
		} else if (strcmp(tok, "%forced") == 0) {
			new->flags |= WANT_FORCED;
		} else if (strcmp(tok, "%override") == 0) {
			new->flags |= WANT_OVERRIDE;
		} else if (strcmp(tok, "%append") == 0) {
			new->flags |= WANT_APPEND;
		} else if (strcmp(tok, "%builtin") == 0) {
			new->flags |= WANT_BUILTIN;
		} else {
			complain(w, new->file, new->line, "unknown mark", tok);
		}
	}
	return !excluded && (hit || !positive);
}

/* Returns the end of the value, which may be a string with blanks. */
static char *value_end(char *v)
{
	if (*v == '"') {
		char *q = strchr(v + 1, '"');

		return q ? q + 1 : v + strlen(v);
	}
	return v + strcspn(v, " \t");
}

static void read_line(struct wants *w, char *s, const char *file, int line,
		      const char *arch, bool feature)
{
	struct want new = { .file = file, .line = line, .feature = feature };
	char *eq, *end;
	bool applies;

	s += strspn(s, " \t");
	s[strcspn(s, "\r\n")] = '\0';
	if (!*s)
		return;
	if (*s == '#') {
		/* Kconfig's own spelling of n would be taken for prose. */
		if (strncmp(s, "# CONFIG_", 9) == 0 &&
		    strstr(s, " is not set"))
			complain(w, file, line, "write it as =n", s + 2);
		return;
	}
	eq = strchr(s, '=');
	if (strncmp(s, "CONFIG_", 7) != 0 || !eq || eq == s + 7) {
		complain(w, file, line, "not a CONFIG_NAME=value", s);
		return;
	}
	*eq = '\0';
	new.name = s + 7;
	for (s = new.name; *s; s++) {
		if (!isalnum((unsigned char)*s) && *s != '_') {
			complain(w, file, line, "bad name", new.name);
			return;
		}
	}
	new.value = eq + 1;
	end = value_end(new.value);
	applies = true;
	if (*end) {
		/* A mark glued to the closing quote belongs to the value. */
		if (*end != ' ' && *end != '\t') {
			complain(w, file, line, "bad value", new.value);
			return;
		}
		*end++ = '\0';
		applies = read_marks(w, end, &new, arch);
	}
	if (!valid_value(new.value)) {
		complain(w, file, line, "bad value (y, n, number, \"string\")",
			 new.value);
		return;
	}
	if ((new.flags & WANT_FORCED) && strcmp(new.value, "n") != 0) {
		complain(w, file, line, "%forced goes with =n only", new.name);
		return;
	}
	if ((new.flags & WANT_APPEND) && (!feature || *new.value != '"')) {
		complain(w, file, line, "%append is for the strings of features",
			 new.name);
		return;
	}
	if ((new.flags & WANT_BUILTIN) && strcmp(new.value, "y") != 0) {
		complain(w, file, line, "%builtin goes with =y only", new.name);
		return;
	}
	if (applies)
		enter(w, &new);
}

int wants_read(struct wants *w, const char *path, const char *arch,
	       bool feature)
{
	char *file = xstrdup(path);	/* lives as long as the process */
	char *buf = NULL;
	size_t size = 0;
	int line = 0;
	FILE *f;

	f = fopen(path, "re");
	if (!f) {
		int err = -errno;

		fprintf(stderr, "%s: %s\n", path, strerror(errno));
		free(file);
		return err;
	}
	while (getline(&buf, &size, f) >= 0)
		read_line(w, buf, file, ++line, arch, feature);
	free(buf);
	if (ferror(f)) {
		fclose(f);
		return -EIO;
	}
	fclose(f);
	return 0;
}

static int by_name(const void *a, const void *b)
{
	const struct want *x = a, *y = b;

	return strcmp(x->name, y->name);
}

void wants_sort(struct wants *w)
{
	if (w->n)
		qsort(w->v, w->n, sizeof(*w->v), by_name);
}

const struct want *wants_find(const struct wants *w, const char *name)
{
	struct want key = { .name = (char *)name };

	if (!w->n)
		return NULL;
	return bsearch(&key, w->v, w->n, sizeof(*w->v), by_name);
}

int wants_write_seed(const struct wants *w, const char *path)
{
	FILE *f = fopen(path, "we");
	size_t i;

	if (!f)
		return -errno;
	for (i = 0; i < w->n; i++) {
		if (w->v[i].flags & WANT_ABSENT)
			continue;
		fprintf(f, "CONFIG_%s=%s\n", w->v[i].name, w->v[i].value);
	}
	if (ferror(f)) {
		fclose(f);
		return -EIO;
	}
	return fclose(f) ? -errno : 0;
}

void wants_release(struct wants *w)
{
	size_t i;

	for (i = 0; i < w->n; i++) {
		free(w->v[i].name);
		free(w->v[i].value);
	}
	free(w->v);
	*w = (struct wants){ 0 };
}
