// SPDX-License-Identifier: GPL-2.0-only
/*
 * Which fragment each y of the final configuration comes from. For what was
 * asked for that is known; the rest is put to the account of what brought it:
 * the symbol that selects it, or the one among its dependencies that the last
 * fragment asked for. What the architecture itself has comes from none.
 */
#include "prove.h"

#include <stdlib.h>
#include <string.h>

#include "tree.h"

#define MAX_DEPTH 6

static const struct want *origin(const struct wants *w,
				 const struct symbol *sym, int depth);

/* The later of two requests, in the order of the fragments' names. */
static const struct want *later(const struct want *a, const struct want *b)
{
	if (!a || !b)
		return a ? a : b;
	return strcmp(a->file, b->file) < 0 ? b : a;
}

/* The latest request among the symbols of @e that are y. */
static const struct want *from_expr(const struct wants *w,
				    const struct expr *e, int depth)
{
	if (!e || depth > MAX_DEPTH)
		return NULL;
	switch (e->type) {
	case E_AND:
	case E_OR:
		return later(from_expr(w, e->left.expr, depth),
			     from_expr(w, e->right.expr, depth));
	case E_SYMBOL:
		if (e->left.sym->curr.tri != yes)
			return NULL;
		return origin(w, e->left.sym, depth + 1);
	default:
		return NULL;
	}
}

/* What a symbol that selects @target at present was asked for by. */
static const struct want *from_selector(const struct wants *w,
					const struct symbol *target,
					int depth)
{
	const struct want *found;
	struct symbol *sym;
	struct property *p;

	each_symbol(sym) {
		if (sym->curr.tri != yes)
			continue;
		for_all_properties(sym, p, P_SELECT) {
			if (!p->expr || p->expr->type != E_SYMBOL ||
			    p->expr->left.sym != target ||
			    expr_calc_value(p->visible.expr) != yes)
				continue;
			found = origin(w, sym, depth + 1);
			if (found)
				return found;
		}
	}
	return NULL;
}

static const struct want *origin(const struct wants *w,
				 const struct symbol *sym, int depth)
{
	const struct want *want = sym->name ? wants_find(w, sym->name) : NULL;

	if (want && strcmp(want->value, "y") == 0)
		return want;
	if (depth > MAX_DEPTH || (sym->flags & SYMBOL_CONST))
		return NULL;
	want = from_selector(w, sym, depth);
	return want ? want : from_expr(w, sym->dir_dep.expr, depth);
}

void prove_account(const struct wants *w)
{
	struct symbol *sym;

	each_symbol(sym) {
		const struct want *want;
		const char *file;

		if (!sym->name || (sym->flags & SYMBOL_CONST) ||
		    (sym->type != S_BOOLEAN && sym->type != S_TRISTATE) ||
		    sym->curr.tri != yes)
			continue;
		want = origin(w, sym, 0);
		file = want ? want->file : "-";
		printf("%s %s\n", file, sym->name);
	}
}
