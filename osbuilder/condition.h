// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_CONDITION_H
#define OSBUILDER_CONDITION_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"

/*
 * What a symbol of Kconfig depends on, as osbuilder/kconfig/extract.c writes
 * it: names, "constants", ! && || and comparisons, parentheses around each
 * pair.
 */
enum condition_op {
	CONDITION_NAME,
	CONDITION_NOT,	   /* left */
	CONDITION_AND,	   /* left, right */
	CONDITION_OR,	   /* left, right */
	CONDITION_COMPARE, /* word, compare, other */
};

/* A piece of the text that was parsed. */
struct condition_word {
	const char *p;
	size_t n;
	bool quoted;
};

struct condition {
	enum condition_op op;
	struct condition *left, *right;
	struct condition_word word, other;
	char compare[3];
	struct condition *next; /* in the list of all */
};

/* Owns what was parsed; the texts must live as long. */
struct conditions {
	struct condition *all;
};

/* Parses TEXT; -EINVAL for bad syntax and for nesting without end. */
int condition_parse(struct conditions *owner, const char *text,
		    struct condition **ret, struct err *reterr);
void conditions_release(struct conditions *c);

#endif
