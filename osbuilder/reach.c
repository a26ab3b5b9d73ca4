// SPDX-License-Identifier: Apache-2.0
/*
 * Whether requests can switch a symbol on, and which: the cheapest way through
 * prompts, selects and defaults, by the conditions of each. Costs are counted
 * in requests and kept in the symbols.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "symbols.h"

#define BLAME_DEPTH 6
#define BLAME_MAX 24

/*
 * What no request changes: it decides on the ABI, or on whether what is built
 * is meant to work at all.
 */
static const char *const never_changed[] = {
	"64BIT",	     "BROKEN", "COMPILE_TEST", "CPU_BIG_ENDIAN",
	"CPU_LITTLE_ENDIAN",
};

static bool is_fixed(const char *name, size_t len)
{
	for (size_t i = 0; i < ARRAY_SIZE(never_changed); i++)
		if (strlen(never_changed[i]) == len &&
		    !memcmp(never_changed[i], name, len))
			return true;
	return false;
}

static bool is_bool(const struct symbol *sym)
{
	return !strcmp(sym->type, "bool") || !strcmp(sym->type, "tristate");
}

static unsigned int sum(unsigned int a, unsigned int b)
{
	return MIN(a + b, REACH_NEVER);
}

/* TEXT parsed once; an unreadable condition is one that never holds. */
static const struct condition *parsed(struct symbols *s, const char *text,
				      const struct condition **memo)
{
	static const struct condition never = {
		.op = CONDITION_NAME, .word = {"n", 1, true}};
	struct condition *c = NULL;
	struct err err;

	if (!*memo)
		*memo = condition_parse(&s->conditions, text, &c, &err) < 0 ?
				&never :
				c;
	return *memo;
}

static unsigned int on(struct symbols *s, const struct condition *c);

static const struct condition *dependency(struct symbols *s,
					  struct symbol *sym)
{
	return sym->depends ? parsed(s, sym->depends, &sym->parsed_depends) :
			      NULL;
}

/* What a line holds under; mostly that which its symbol depends on. */
static const struct condition *condition_of(struct symbols *s,
					    struct symbol_line *l)
{
	struct symbol *sym = l->owner;

	if (!l->condition)
		return l->kind == SYMBOL_PROMPT ? dependency(s, sym) : NULL;
	if (sym->depends && !l->parsed && !strcmp(l->condition, sym->depends))
		l->parsed = dependency(s, sym);
	return parsed(s, l->condition, &l->parsed);
}

/* Whether a symbol that is on selects NAME. */
static bool is_selected(struct symbols *s, const char *name)
{
	struct symbol_line **v;
	size_t n;

	v = symbols_selects(s, name, &n);
	for (size_t i = 0; i < n; i++)
		if (symbol_is_on(v[i]->owner) &&
		    (!v[i]->condition ||
		     symbols_hold(s, condition_of(s, v[i]))))
			return true;
	return false;
}

static unsigned int off_name(struct symbols *s, const struct condition_word *w)
{
	struct symbol *sym = w->quoted ? NULL : symbols_find(s, w->p, w->n);

	if (w->quoted)
		return w->n == 1 && *w->p == 'y' ? REACH_NEVER : 0;
	if (!sym || !symbol_is_on(sym))
		return 0;
	if (is_fixed(w->p, w->n) || !symbol_prompt(sym) ||
	    is_selected(s, sym->name))
		return REACH_NEVER;
	return 1;
}

static unsigned int on_name(struct symbols *s, const struct condition_word *w)
{
	struct symbol *sym = w->quoted ? NULL : symbols_find(s, w->p, w->n);

	if (w->quoted)
		return w->n == 1 && *w->p == 'y' ? 0 : REACH_NEVER;
	return sym ? reach_on(s, sym) : REACH_NEVER;
}

/* A comparison with y or n is a switch; others are as they are. */
static int compared(const struct condition *c)
{
	bool equal = !strcmp(c->compare, "=");

	if ((!equal && strcmp(c->compare, "!=") != 0) || !c->other.quoted ||
	    c->other.n != 1)
		return -1;
	if (*c->other.p == 'y')
		return equal;
	return *c->other.p == 'n' ? !equal : -1;
}

static unsigned int off(struct symbols *s, const struct condition *c)
{
	int to;

	if (!symbols_hold(s, c))
		return 0;
	switch (c->op) {
	case CONDITION_NAME:
		return off_name(s, &c->word);
	case CONDITION_NOT:
		return on(s, c->left);
	case CONDITION_AND:
		return MIN(off(s, c->left), off(s, c->right));
	case CONDITION_OR:
		return sum(off(s, c->left), off(s, c->right));
	default:
		to = compared(c);
		if (to < 0)
			return REACH_NEVER;
		return to ? off_name(s, &c->word) : on_name(s, &c->word);
	}
}

static unsigned int on(struct symbols *s, const struct condition *c)
{
	int to;

	if (symbols_hold(s, c))
		return 0;
	switch (c->op) {
	case CONDITION_NAME:
		return on_name(s, &c->word);
	case CONDITION_NOT:
		return off(s, c->left);
	case CONDITION_AND:
		return sum(on(s, c->left), on(s, c->right));
	case CONDITION_OR:
		return MIN(on(s, c->left), on(s, c->right));
	default:
		to = compared(c);
		if (to < 0)
			return REACH_NEVER;
		return to ? on_name(s, &c->word) : off_name(s, &c->word);
	}
}

static unsigned int on_if(struct symbols *s, const struct condition *c)
{
	return c ? on(s, c) : 0;
}

/* By its own prompt, or by a default that nobody can ask for. */
static unsigned int by_line(struct symbols *s, struct symbol_line *l)
{
	unsigned int cost;

	if (l->kind == SYMBOL_SELECT ||
	    (l->kind == SYMBOL_DEFAULT && symbol_prompt(l->owner)))
		return REACH_NEVER;
	cost = on_if(s, condition_of(s, l));
	if (l->kind == SYMBOL_PROMPT)
		return sum(cost, 1);
	return sum(cost, on(s, parsed(s, l->text, &l->parsed_text)));
}

/* By another symbol. What is selected must be allowed by what it depends on. */
static unsigned int by_select(struct symbols *s, struct symbol *sym,
			      struct symbol_line *l)
{
	unsigned int cost = l->owner->cost;

	if (!is_bool(l->owner) || cost >= REACH_NEVER)
		return REACH_NEVER;
	/* What the selector depends on is paid for with it. */
	if (l->condition && condition_of(s, l) != dependency(s, l->owner))
		cost = sum(cost, on(s, condition_of(s, l)));
	return sum(cost, on_if(s, dependency(s, sym)));
}

/* Whether there is a cheaper way to switch SYM on than the one known. */
static bool improve(struct symbols *s, struct symbol *sym)
{
	struct symbol_line **v;
	unsigned int cost, before = sym->cost;
	size_t n;

	for (size_t i = 0; i < sym->n_lines; i++) {
		cost = by_line(s, sym->lines[i]);
		if (cost < sym->cost) {
			sym->cost = cost;
			sym->way = sym->lines[i];
		}
	}
	v = symbols_selects(s, sym->name, &n);
	for (size_t i = 0; i < n; i++) {
		cost = by_select(s, sym, v[i]);
		if (cost < sym->cost) {
			sym->cost = cost;
			sym->way = v[i];
		}
	}
	return sym->cost < before;
}

/*
 * From nothing that can be had to all that can, round by round, until nothing
 * gets cheaper: circles of selects need no care that way.
 */
static void solve(struct symbols *s)
{
	bool again = true;

	for (size_t i = 0; i < s->n; i++)
		s->v[i].cost = symbol_is_on(&s->v[i]) ? 0 : REACH_NEVER;
	s->solved = true;
	while (again) {
		again = false;
		for (size_t i = 0; i < s->n; i++) {
			struct symbol *sym = &s->v[i];

			if (sym->cost && is_bool(sym) &&
			    !is_fixed(sym->name, strlen(sym->name)))
				again |= improve(s, sym);
		}
	}
}

unsigned int reach_on(struct symbols *s, struct symbol *sym)
{
	if (!s->solved)
		solve(s);
	return sym->cost;
}

static int plan(struct symbols *s, const struct condition *c, bool to,
		struct strv *ret);

/* A line of a local fragment; what another fragment decides, it overrides. */
static int request(struct strv *ret, const struct symbol *sym, bool to)
{
	char text[320];

	(void)snprintf(text, sizeof(text), "%s=%c%s", sym->name, to ? 'y' : 'n',
		       sym->asked ? "\t%override" : "");
	return strv_contains(ret, text) ? 0 : strv_add(ret, text);
}

static int plan_if(struct symbols *s, const struct condition *c,
		   struct strv *ret)
{
	return c ? plan(s, c, true, ret) : 0;
}

/* The requests that the way of SYM needs, and then its own. */
static int plan_way(struct symbols *s, struct symbol *sym, struct strv *ret)
{
	struct symbol_line *way = sym->way;
	int r = 0;

	if (way->kind == SYMBOL_SELECT)
		r = plan_if(s, dependency(s, sym), ret);
	if (r == 0)
		r = plan_if(s, condition_of(s, way), ret);
	if (r < 0)
		return r;
	switch (way->kind) {
	case SYMBOL_SELECT:
		return reach_plan(s, way->owner, ret);
	case SYMBOL_DEFAULT:
		return plan(s, parsed(s, way->text, &way->parsed_text), true,
			    ret);
	default:
		return request(ret, sym, true);
	}
}

int reach_plan(struct symbols *s, struct symbol *sym, struct strv *ret)
{
	unsigned int cost = reach_on(s, sym);
	int r;

	if (cost == 0 || cost >= REACH_NEVER || sym->busy)
		return 0;
	sym->busy = true;
	r = plan_way(s, sym, ret);
	sym->busy = false;
	return r;
}

static int plan_name(struct symbols *s, const struct condition_word *w, bool to,
		     struct strv *ret)
{
	struct symbol *sym = w->quoted ? NULL : symbols_find(s, w->p, w->n);

	if (!sym || symbol_is_on(sym) == to)
		return 0;
	return to ? reach_plan(s, sym, ret) : request(ret, sym, false);
}

/* Requests that make C hold, or not hold. */
static int plan(struct symbols *s, const struct condition *c, bool to,
		struct strv *ret)
{
	bool both, left;
	int r;

	if (symbols_hold(s, c) == to)
		return 0;
	switch (c->op) {
	case CONDITION_NAME:
		return plan_name(s, &c->word, to, ret);
	case CONDITION_NOT:
		return plan(s, c->left, !to, ret);
	case CONDITION_COMPARE:
		return plan_name(s, &c->word, compared(c) == (int)to, ret);
	default:
		break;
	}
	both = (c->op == CONDITION_AND) == to;
	left = to ? on(s, c->left) <= on(s, c->right) :
		    off(s, c->left) <= off(s, c->right);
	r = both || left ? plan(s, c->left, to, ret) : 0;
	if (r == 0 && (both || !left))
		r = plan(s, c->right, to, ret);
	return r;
}

static void say(struct strv *ret, int depth, const char *name, size_t len,
		const char *why)
{
	if (ret->n < BLAME_MAX)
		(void)strv_addf(ret, "%*s%.*s %s", 2 * depth, "", (int)len,
				name, why);
}

static void blame(struct symbols *s, const struct condition *c, bool to,
		  int depth, struct strv *ret);

static void blame_symbol(struct symbols *s, struct symbol *sym, int depth,
			 struct strv *ret)
{
	const struct condition *c;
	size_t len = strlen(sym->name);
	const char *why = NULL;

	if (is_fixed(sym->name, len))
		why = "is not changed";
	else if (!is_bool(sym))
		why = "is no switch";
	else if (sym->busy || depth > BLAME_DEPTH)
		why = "cannot be had either";
	if (why) {
		say(ret, depth, sym->name, len, why);
		return;
	}
	c = dependency(s, sym);
	sym->busy = true;
	if (c && on(s, c) >= REACH_NEVER) {
		say(ret, depth, sym->name, len, "depends on");
		blame(s, c, true, depth + 1, ret);
	} else {
		say(ret, depth, sym->name, len,
		    symbol_prompt(sym) ? "has a prompt that is not shown" :
					 "has no prompt, and nothing that can "
					 "be had here selects it");
	}
	sym->busy = false;
}

static void blame_name(struct symbols *s, const struct condition *c, bool to,
		       int depth, struct strv *ret)
{
	const struct condition_word *w = &c->word;
	struct symbol *sym = w->quoted ? NULL : symbols_find(s, w->p, w->n);

	if (c->op == CONDITION_COMPARE)
		say(ret, depth, w->p, (size_t)(c->other.p + c->other.n - w->p),
		    "does not hold");
	else if (!to)
		say(ret, depth, w->p, w->n, "is on, and cannot be off");
	else if (sym)
		blame_symbol(s, sym, depth, ret);
	else
		say(ret, depth, w->p, w->n,
		    "does not exist on this architecture");
}

/* Descends to the parts of C that can never be as they must. */
static void blame(struct symbols *s, const struct condition *c, bool to,
		  int depth, struct strv *ret)
{
	if ((to ? on(s, c) : off(s, c)) < REACH_NEVER)
		return;
	switch (c->op) {
	case CONDITION_NOT:
		blame(s, c->left, !to, depth, ret);
		return;
	case CONDITION_AND:
	case CONDITION_OR:
		blame(s, c->left, to, depth, ret);
		blame(s, c->right, to, depth, ret);
		return;
	default:
		blame_name(s, c, to, depth, ret);
		return;
	}
}

int reach_blame(struct symbols *s, struct symbol *sym, struct strv *ret)
{
	if (reach_on(s, sym) >= REACH_NEVER)
		blame_symbol(s, sym, 0, ret);
	return strv_error(ret);
}
