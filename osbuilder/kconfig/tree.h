// SPDX-License-Identifier: GPL-2.0-only
/*
 * scripts/kconfig of whatever series is built: its headers, and under one name
 * what is called differently in them. Up to 6.8 a choice is a symbol with a
 * property that lists its members, and files are structures; since then it is
 * a menu, and files are names.
 */
#ifndef KCONFIG_TREE_H
#define KCONFIG_TREE_H

#include "lkc.h"
#include "internal.h"

#ifdef SYMBOL_CHOICE

#define each_symbol(sym)						\
	for (int hash_ = 0; hash_ < SYMBOL_HASHSIZE; hash_++)		\
		for (sym = symbol_hash[hash_]; sym; sym = sym->next)

static inline const char *tree_file(const struct property *p)
{
	return p->file->name;
}

static inline bool tree_in_choice(struct symbol *sym)
{
	return sym_get_choice_prop(sym) != NULL;
}

/* Another member of the choice of @sym that it fell on, or NULL. */
static inline struct symbol *tree_chosen(struct symbol *sym)
{
	struct property *p = sym_get_choice_prop(sym);
	struct expr *e;
	struct symbol *member;

	if (!p)
		return NULL;
	p = sym_get_choice_prop(prop_get_symbol(p));
	if (!p)
		return NULL;
	expr_list_for_each_sym(p->expr, e, member)
		if (member != sym && member->curr.tri == yes)
			return member;
	return NULL;
}

#else

#define each_symbol(sym) for_all_symbols(sym)

static inline const char *tree_file(const struct property *p)
{
	return p->filename;
}

static inline bool tree_in_choice(struct symbol *sym)
{
	return sym_get_choice_menu(sym) != NULL;
}

/* Another member of the choice of @sym that it fell on, or NULL. */
static inline struct symbol *tree_chosen(struct symbol *sym)
{
	struct menu *choice = sym_get_choice_menu(sym);
	struct menu *m;

	if (!choice)
		return NULL;
	menu_for_each_sub_entry(m, choice)
		if (m->sym && m->sym != sym && m->sym->curr.tri == yes)
			return m->sym;
	return NULL;
}

#endif
#endif
