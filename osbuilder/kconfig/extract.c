// SPDX-License-Identifier: GPL-2.0-only
/*
 * Writes down what kconfig knows of every symbol, once the configuration is
 * resolved, for programs that are not linked with kconfig. One record a line:
 *
 *   symbol NAME TYPE VALUE
 *    asked VALUE FILE:LINE	which fragment asks for it
 *    prompt FILE:LINE TEXT
 *    if EXPR			when that is shown, if not as it depends
 *    depends EXPR		one line, all definitions together
 *    default VALUE [if EXPR]	VALUE is an expression
 *    select NAME [if EXPR]
 *
 * Expressions have parentheses where there is doubt, constants have quotes.
 */
#include <stdlib.h>
#include <string.h>

#include "tree.h"

#include "prove.h"

static void put_operand(const struct symbol *sym)
{
	if (!sym->name)
		fputs("<choice>", stdout);
	else if (sym->flags & SYMBOL_CONST)
		printf("\"%s\"", sym->name);
	else
		fputs(sym->name, stdout);
}

static const char *operator_of(enum expr_type type)
{
	switch (type) {
	case E_OR: return " || ";
	case E_AND: return " && ";
	case E_EQUAL: return "=";
	case E_UNEQUAL: return "!=";
	case E_LTH: return "<";
	case E_LEQ: return "<=";
	case E_GTH: return ">";
	case E_GEQ: return ">=";
	default: return " ? ";
	}
}

static void put_expr(const struct expr *e)
{
	switch (e->type) {
	case E_SYMBOL:
		put_operand(e->left.sym);
		return;
	case E_NOT:
		putchar('!');
		put_expr(e->left.expr);
		return;
	case E_OR:
	case E_AND:
		putchar('(');
		put_expr(e->left.expr);
		fputs(operator_of(e->type), stdout);
		put_expr(e->right.expr);
		putchar(')');
		return;
	default:
		putchar('(');
		put_operand(e->left.sym);
		fputs(operator_of(e->type), stdout);
		put_operand(e->right.sym);
		putchar(')');
		return;
	}
}

static void put_line(const char *key, const struct expr *e)
{
	if (!e)
		return;
	printf(" %s ", key);
	put_expr(e);
	putchar('\n');
}

static void put_condition(const struct property *p)
{
	if (p->visible.expr) {
		fputs(" if ", stdout);
		put_expr(p->visible.expr);
	}
	putchar('\n');
}

static void put_symbol(const struct wants *w, struct symbol *sym)
{
	const struct want *want = wants_find(w, sym->name);
	const char *value = sym_get_string_value(sym);
	struct property *p;

	printf("symbol %s %s %s\n", sym->name, sym_type_name(sym->type),
	       *value ? value : "n");
	if (want)
		printf(" asked %s %s:%d\n", want->value, want->file,
		       want->line);
	for_all_prompts(sym, p) {
		printf(" prompt %s:%d %s\n", tree_file(p), p->lineno, p->text);
		/* Nearly always what the symbol itself depends on. */
		if (!p->visible.expr)
			puts(" if \"y\"");
		else if (p->visible.expr != sym->dir_dep.expr)
			put_line("if", p->visible.expr);
	}
	put_line("depends", sym->dir_dep.expr);
	for_all_defaults(sym, p) {
		fputs(" default ", stdout);
		put_expr(p->expr);
		put_condition(p);
	}
	for_all_properties(sym, p, P_SELECT) {
		printf(" select %s", p->expr->left.sym->name);
		put_condition(p);
	}
}

static int by_symbol(const void *a, const void *b)
{
	const struct symbol *const *x = a, *const *y = b;

	return strcmp((*x)->name, (*y)->name);
}

void prove_extract(const struct wants *w)
{
	struct symbol **v = NULL, *sym;
	size_t n = 0, i;

	each_symbol(sym) {
		if (!sym->name || (sym->flags & SYMBOL_CONST) ||
		    sym->type == S_UNKNOWN)
			continue;
		v = realloc(v, (n + 1) * sizeof(*v));
		if (!v)
			abort();
		v[n++] = sym;
	}
	if (n)
		qsort(v, n, sizeof(*v), by_symbol);
	for (i = 0; i < n; i++)
		put_symbol(w, v[i]);
	free(v);
}
