// SPDX-License-Identifier: Apache-2.0
#ifndef KCONFIG_FRAGMENT_H
#define KCONFIG_FRAGMENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

enum want_flag {
	WANT_ABSENT	= 1 << 0,	/* expected not to survive */
	WANT_FORCED	= 1 << 1,	/* =n, expected to be selected */
	WANT_OVERRIDE	= 1 << 2,	/* replaces an earlier fragment's line */
	WANT_APPEND	= 1 << 3,	/* joins an earlier fragment's list */
	WANT_BUILTIN	= 1 << 4,	/* a feature's, but never a module */
};

/* One request of the fragments, after the conditions were applied. */
struct want {
	char *name;		/* without CONFIG_ */
	char *value;		/* y, n, a number or a quoted string */
	const char *file;
	int line;
	unsigned int flags;
	bool feature;		/* asked for by name, not by the base */
	bool module;		/* m will do: what selects it may make it y */
};

struct wants {
	const char *version;	/* of the tree, as "6.12.3": @>= and @< */
	struct want *v;
	size_t n;
	int errors;
};

/*
 * Adds the lines of one fragment that apply to @arch. Lines of a @feature
 * replace what the base says and may be repeated by other features. What is wrong is
 * printed to stderr and counted in errors; reading goes on, so that one run
 * shows every mistake. Returns -errno when the file cannot be read.
 */
int wants_read(struct wants *w, const char *path, const char *arch,
	       bool feature);

/* Sorts by name; wants_find works afterwards. */
void wants_sort(struct wants *w);

const struct want *wants_find(const struct wants *w, const char *name);

/* Writes the seed for KCONFIG_ALLCONFIG; absent requests are left out. */
int wants_write_seed(const struct wants *w, const char *path);

void wants_release(struct wants *w);

#endif
