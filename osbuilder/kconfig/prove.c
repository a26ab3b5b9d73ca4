// SPDX-License-Identifier: GPL-2.0-only
/*
 * Compares what the fragments want with what kconfig made of it, and says
 * why they differ. Links with scripts/kconfig of the very tree that is built,
 * which is GPL-2.0-only; so is this file, and the program is built on the
 * user's machine and never shipped.
 */
#include "prove.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "tree.h"

#define MAX_DEPTH 8

static bool is_tristate(const struct symbol *sym)
{
	return sym->type == S_BOOLEAN || sym->type == S_TRISTATE;
}

static bool has_prompt(const struct symbol *sym)
{
	struct property *p;

	for_all_prompts(sym, p)
		return true;
	return false;
}

/* The value as a fragment spells it; kconfig leaves the quotes off. */
static void value_of(struct symbol *sym, char *buf, size_t size)
{
	const char *v = sym_get_string_value(sym);

	if (sym->type == S_STRING)
		snprintf(buf, size, "\"%s\"", v);
	else
		snprintf(buf, size, "%s", v && *v ? v : "n");
}

static const char *tri_name(tristate t)
{
	return t == yes ? "y" : t == mod ? "m" : "n";
}

/*
 * Prints every symbol that selects (or implies) @target, at present (ACTIVE: as
 * much as @target is on; a module makes no other one y, but a yes or no) or at
 * all; returns how many there are.
 */
static int selectors(const struct symbol *target, enum prop_type type,
		     bool active, FILE *out)
{
	tristate least = target->curr.tri == mod ||
			 target->type == S_BOOLEAN ? mod : yes;
	struct symbol *sym;
	struct property *p;
	int n = 0;

	each_symbol(sym) {
		for_all_properties(sym, p, type) {
			bool on = sym->curr.tri >= least &&
				  expr_calc_value(p->visible.expr) >= least;

			if (!p->expr || p->expr->type != E_SYMBOL ||
			    p->expr->left.sym != target)
				continue;
			if (active && !on)
				continue;
			if (out)
				fprintf(out, "%s%s", n ? ", " : "", sym->name);
			n++;
		}
	}
	return n;
}

static void print_expr(struct expr *e)
{
	fputc('(', stderr);
	expr_fprint(e, stderr);
	fputc(')', stderr);
}

static void why_off(const struct wants *w, struct symbol *sym, int depth);

/* Descends to the parts of @e that are not y and explains each of them. */
static void unmet(const struct wants *w, struct expr *e, int depth)
{
	if (!e || expr_calc_value(e) == yes || depth > MAX_DEPTH)
		return;
	switch (e->type) {
	case E_AND:
	case E_OR:
		unmet(w, e->left.expr, depth);
		unmet(w, e->right.expr, depth);
		return;
	case E_NOT:
		fprintf(stderr, "%*sneeds ", 2 * depth, "");
		print_expr(e);
		fputs(" to hold", stderr);
		if (e->left.expr->type == E_SYMBOL) {
			struct symbol *sym = e->left.expr->left.sym;

			if (selectors(sym, P_SELECT, true, NULL)) {
				fputs("; selected by ", stderr);
				selectors(sym, P_SELECT, true, stderr);
			}
		}
		fputc('\n', stderr);
		return;
	case E_SYMBOL:
		why_off(w, e->left.sym, depth);
		return;
	default:
		fprintf(stderr, "%*sneeds ", 2 * depth, "");
		print_expr(e);
		fputs(" to hold\n", stderr);
		return;
	}
}

/* Says why @sym is not y, one line and then its unmet conditions. */
static void why_off(const struct wants *w, struct symbol *sym, int depth)
{
	const struct want *want = sym->name ? wants_find(w, sym->name) : NULL;
	struct property *p;

	if (!sym->name)
		return;
	fprintf(stderr, "%*s%s is %s", 2 * depth, "", sym->name,
		is_tristate(sym) ? tri_name(sym->curr.tri) : "undefined here");
	if (want && strcmp(want->value, "n") == 0)
		fprintf(stderr, ": %s:%d wants that", want->file, want->line);
	if (sym->dir_dep.expr && expr_calc_value(sym->dir_dep.expr) != yes) {
		fputs(", because\n", stderr);
		unmet(w, sym->dir_dep.expr, depth + 1);
		return;
	}
	if (!has_prompt(sym)) {
		fputs(": it has no prompt, others must select it",
		      stderr);
		if (selectors(sym, P_SELECT, false, NULL) <= 12) {
			fputs(": ", stderr);
			selectors(sym, P_SELECT, false, stderr);
		}
		fputc('\n', stderr);
		return;
	}
	if (sym->visible == no) {
		fputs(": its prompt is hidden, because\n", stderr);
		for_all_prompts(sym, p)
			unmet(w, p->visible.expr, depth + 1);
		return;
	}
	fputs(want ? "\n" : ": no fragment asks for it\n", stderr);
}

static void found(const struct want *want, const char *what)
{
	fprintf(stderr, "%s:%d: CONFIG_%s=%s: %s\n", want->file, want->line,
		want->name, want->value, what);
}

void prove_modules(struct wants *w)
{
	for (size_t i = 0; i < w->n; i++) {
		struct want *want = &w->v[i];
		struct symbol *sym = sym_find(want->name);

		if (!sym || sym->type != S_TRISTATE || !want->feature ||
		    strcmp(want->value, "y") != 0)
			continue;
		*want->value = 'm';
		want->module = true;
	}
}

int prove_known(const struct wants *w)
{
	int bad = 0;
	size_t i;

	for (i = 0; i < w->n; i++) {
		struct symbol *sym = sym_find(w->v[i].name);

		if (sym && sym->type != S_UNKNOWN)
			continue;
		if (w->v[i].flags & WANT_ABSENT)
			continue;
		found(&w->v[i], "unknown symbol: this tree has none of that "
		      "name");
		bad++;
	}
	return bad;
}

/* The final value differs from a request for something other than n. */
static void explain_change(const struct wants *w, const struct want *want,
			   struct symbol *sym, const char *final)
{
	struct symbol *chosen = tree_chosen(sym);
	char buf[256];

	if (is_tristate(sym) && strcmp(final, "n") == 0) {
		found(want, "did not survive");
		why_off(w, sym, 1);
		if (chosen)
			fprintf(stderr, "  the choice fell on %s\n",
				chosen->name);
		return;
	}
	snprintf(buf, sizeof(buf), "became %s", final);
	found(want, buf);
	if (is_tristate(sym) && selectors(sym, P_SELECT, true, NULL)) {
		fputs("  selected by ", stderr);
		selectors(sym, P_SELECT, true, stderr);
		fputc('\n', stderr);
	} else if (tree_in_choice(sym) && sym->curr.tri == yes) {
		fputs("  it is the only or the chosen member of a choice\n",
		      stderr);
	} else if (sym->visible == no) {
		fputs("  its prompt is hidden, the default applies\n", stderr);
		why_off(w, sym, 1);
	} else {
		fputs("  out of its range, or the only choice there is\n",
		      stderr);
	}
}

/* Checks one request and the expectation that comes with it. */
static int prove_one(const struct wants *w, const struct want *want)
{
	struct symbol *sym = sym_find(want->name);
	char final[4096] = "n";
	bool same;

	if (sym && sym->type != S_UNKNOWN)
		value_of(sym, final, sizeof(final));
	same = strcmp(final, want->value) == 0;
	if (want->flags & WANT_ABSENT) {
		if (!sym || sym->type == S_UNKNOWN)
			return 0;
		/*
		 * The seed left it out; what counts is whether asking would
		 * have worked.
		 */
		if (sym->visible == no && !same)
			return 0;
		found(want, "the mark %absent no longer applies: it can be "
		      "had");
		return 1;
	}
	if (want->flags & WANT_FORCED) {
		if (strcmp(final, "y") == 0 &&
		    selectors(sym, P_SELECT, true, NULL))
			return 0;
		found(want, "the mark %forced no longer applies: nothing "
		      "selects it");
		return 1;
	}
	if (same)
		return 0;
	/* Something that is no module needs it, which is as good. */
	if (want->module && strcmp(final, "y") == 0 &&
	    selectors(sym, P_SELECT, true, NULL))
		return 0;
	explain_change(w, want, sym, final);
	return 1;
}

/*
 * A y that nobody asked for. Symbols without a prompt are computed from
 * others and follow from what was proved; a selected one follows from its
 * selector. What remains are defaults that a hidden prompt or a choice let
 * through.
 */
static int prove_unasked(const struct wants *w)
{
	struct symbol *sym;
	struct property *p;
	int bad = 0;

	each_symbol(sym) {
		if (!sym->name || !is_tristate(sym) || sym->curr.tri == no ||
		    !has_prompt(sym) || wants_find(w, sym->name))
			continue;
		if (selectors(sym, P_SELECT, true, NULL))
			continue;
		for_all_prompts(sym, p)
			break;
		fprintf(stderr,
			"%s:%d: CONFIG_%s=%s: nobody asked for it (%s)\n",
			tree_file(p), p->lineno, sym->name,
			tri_name(sym->curr.tri),
			tree_in_choice(sym) ? "the default of a choice" :
			sym->visible == no ? "prompt hidden, default y" :
			"a default");
		bad++;
	}
	return bad;
}

int prove_final(const struct wants *w)
{
	int bad = 0;
	size_t i;

	for (i = 0; i < w->n; i++)
		bad += prove_one(w, &w->v[i]);
	return bad + prove_unasked(w);
}

int prove_count_y(void)
{
	struct symbol *sym;
	int n = 0;

	each_symbol(sym)
		if (sym->name && is_tristate(sym) && sym->curr.tri == yes &&
		    !(sym->flags & SYMBOL_CONST))
			n++;
	return n;
}

int prove_explain(const struct wants *w, const char *name)
{
	const struct want *want = wants_find(w, name);
	struct symbol *sym = sym_find(name);
	struct property *p;
	char buf[4096];

	if (!sym || sym->type == S_UNKNOWN) {
		printf("%s: this tree has none of that name\n", name);
		return 1;
	}
	value_of(sym, buf, sizeof(buf));
	printf("%s: %s, final value %s\n", name, sym_type_name(sym->type), buf);
	if (want)
		printf("  asked for: %s in %s:%d\n", want->value, want->file,
		       want->line);
	for_all_prompts(sym, p)
		printf("  prompt: \"%s\" (%s:%d)\n", p->text, tree_file(p),
		       p->lineno);
	if (sym->dir_dep.expr) {
		printf("  depends on (%s): ", tri_name(sym->dir_dep.tri));
		expr_fprint(sym->dir_dep.expr, stdout);
		putchar('\n');
	}
	for_all_defaults(sym, p) {
		fputs("  default: ", stdout);
		expr_fprint(p->expr, stdout);
		if (p->visible.expr) {
			fputs(" if ", stdout);
			expr_fprint(p->visible.expr, stdout);
		}
		putchar('\n');
	}
	for_all_properties(sym, p, P_SELECT)
		printf("  selects %s\n", p->expr->left.sym->name);
	fputs("  selected at present by: ", stdout);
	if (!selectors(sym, P_SELECT, true, stdout))
		fputs("none", stdout);
	fputs("\n  could be selected by: ", stdout);
	if (!selectors(sym, P_SELECT, false, stdout))
		fputs("none", stdout);
	putchar('\n');
	fflush(stdout);
	if (is_tristate(sym) && sym->curr.tri != yes)
		why_off(w, sym, 1);
	return 0;
}

int prove_declined(const struct wants *w)
{
	struct symbol *sym;
	struct property *p;
	int n = 0;

	each_symbol(sym) {
		if (!sym->name || !is_tristate(sym) || sym->curr.tri != no ||
		    sym->visible != yes || wants_find(w, sym->name))
			continue;
		for_all_defaults(sym, p) {
			if (expr_calc_value(p->visible.expr) != yes)
				continue;
			if (expr_calc_value(p->expr) == yes) {
				const char *text = "";
				struct property *q;

				for_all_prompts(sym, q)
					text = q->text;
				printf("CONFIG_%s\t%s\n", sym->name, text);
				n++;
			}
			break;
		}
	}
	return n;
}

/* Prints one line of a local fragment. */
static void save_line(const struct wants *w, const char *name,
		      const char *value)
{
	printf("CONFIG_%s=%s%s\n", name, value,
	       wants_find(w, name) ? "\t%override" : "");
}

int prove_save(const struct wants *w, const char *edited)
{
	struct symbol *sym;
	struct old {
		struct symbol *sym;
		char *value;
	} *old = NULL;
	size_t n = 0, i;
	int lines = 0;

	each_symbol(sym) {
		char buf[4096];

		if (!sym->name || (sym->flags & SYMBOL_CONST) ||
		    !has_prompt(sym))
			continue;
		value_of(sym, buf, sizeof(buf));
		old = realloc(old, (n + 1) * sizeof(*old));
		if (!old)
			abort();
		old[n++] = (struct old){ sym, strdup(buf) };
	}
	if (conf_read(edited)) {
		fprintf(stderr, "%s: cannot be read\n", edited);
		return -EIO;
	}
	for (i = 0; i < n; i++) {
		char buf[4096];

		value_of(old[i].sym, buf, sizeof(buf));
		if (strcmp(buf, old[i].value) == 0)
			continue;
		/* What appeared with a parent and was not given a value. */
		if (!is_tristate(old[i].sym) && strcmp(buf, "n") == 0)
			continue;
		/* What a selector switched on follows without our asking. */
		if (strcmp(buf, "y") == 0 && !wants_find(w, old[i].sym->name) &&
		    selectors(old[i].sym, P_SELECT, true, NULL))
			continue;
		save_line(w, old[i].sym->name, buf);
		lines++;
	}
	for (i = 0; i < n; i++)
		free(old[i].value);
	free(old);
	return lines;
}
