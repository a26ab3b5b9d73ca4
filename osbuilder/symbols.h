// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SYMBOLS_H
#define OSBUILDER_SYMBOLS_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"
#include "condition.h"

#define SYMBOLS_MAX ((size_t)64 << 20)

/* Something that needs more than can be. */
#define REACH_NEVER 100000U

enum symbol_line_kind {
	SYMBOL_PROMPT,	/* text: what the prompt says; at: FILE:LINE */
	SYMBOL_DEFAULT, /* text: the value, a condition */
	SYMBOL_SELECT,	/* text: the name of another symbol */
};

struct symbol;

/* One line of a symbol; conditions are parsed when they are first asked for. */
struct symbol_line {
	enum symbol_line_kind kind;
	const char *text, *at;
	const char *condition; /* NULL: none */
	struct symbol *owner;
	const struct condition *parsed, *parsed_text;
};

struct symbol {
	const char *name, *type, *value;
	const char *asked, *asked_at; /* by a fragment, or NULL */
	const char *depends;	      /* NULL: on nothing */
	const struct condition *parsed_depends;
	struct symbol_line **lines;
	size_t n_lines;
	/* How many requests switch it on, and by which line; for reach_on(). */
	unsigned int cost;
	struct symbol_line *way;
	bool busy;
};

/* A line of a feature's fragment. */
struct symbol_feature {
	const char *name, *at, *symbol, *value;
};

/* A feature that this architecture cannot have. */
struct symbol_without {
	const char *name, *reason;
};

/*
 * All symbols of one architecture with what they depend on, as
 * osbuilder/kernel-config.sh extract writes them.
 */
struct symbols {
	char *text; /* owned; the strings point into it */
	const char *arch, *version;
	struct symbol *v; /* sorted by name */
	size_t n;
	struct symbol_line *lines;
	size_t n_lines;
	struct symbol_line **selects; /* sorted by what they select */
	size_t n_selects;
	struct symbol_feature *features;
	size_t n_features;
	struct symbol_without *without;
	size_t n_without;
	struct conditions conditions;
	bool solved; /* costs are known */
};

/* Reads an extract; -EINVAL for what is none, or only a part of one. */
int symbols_read(const char *path, struct symbols *ret, struct err *reterr);
int symbols_parse(char *text, struct symbols *ret, struct err *reterr);
void symbols_release(struct symbols *s);

struct symbol *symbols_find(const struct symbols *s, const char *name,
			    size_t len);

/* The selects of NAME, *N of them. */
struct symbol_line **symbols_selects(const struct symbols *s, const char *name,
				     size_t *n);

/* The text of the nearest prompt, NULL for a symbol without one. */
const struct symbol_line *symbol_prompt(const struct symbol *sym);

/* Whether a condition holds as things are. */
bool symbols_hold(const struct symbols *s, const struct condition *c);

/* Whether SYM is y. */
bool symbol_is_on(const struct symbol *sym);

/* Names like NAME, best first, at most MAX. */
int symbols_like(const struct symbols *s, const char *name, size_t max,
		 struct strv *ret);

/*
 * How many requests it takes to switch SYM on, with what it depends on; 0 when
 * it is on, REACH_NEVER when no request does. Looks at each condition by
 * itself: that two of them exclude each other is found by the build's proof.
 */
unsigned int reach_on(struct symbols *s, struct symbol *sym);

/* The requests, as a fragment spells them after CONFIG_, in order of need. */
int reach_plan(struct symbols *s, struct symbol *sym, struct strv *ret);

/* Why it cannot be had, one reason each, indented by how deep it lies. */
int reach_blame(struct symbols *s, struct symbol *sym, struct strv *ret);

#endif
