// SPDX-License-Identifier: GPL-2.0-only
#ifndef KCONFIG_PROVE_H
#define KCONFIG_PROVE_H

#include "fragment.h"

/*
 * All of these look at the configuration that kconfig holds in memory. They
 * print to stderr (reports to stdout) and return the number of findings.
 */

/* Requests for symbols that the tree does not have; called before conf. */
int prove_known(const struct wants *w);

/*
 * Of what only features ask for, each y that can be a module becomes m; called
 * before conf, with MODULES=y among the requests.
 */
void prove_modules(struct wants *w);

/* wanted = final, in both directions. */
int prove_final(const struct wants *w);

/* How many symbols are =y. */
int prove_count_y(void);

/* Type, value, dependencies, selectors of one symbol. */
int prove_explain(const struct wants *w, const char *name);

/* Symbols whose default is y, that are n, and that no fragment names. */
int prove_declined(const struct wants *w);

/* Every symbol with its dependencies and value, for other programs. */
void prove_extract(const struct wants *w);

/* Prints "FRAGMENT SYMBOL" for each y; the fragment is - where it is none. */
void prove_account(const struct wants *w);

/*
 * Prints what turns the fragments into the configuration in @edited, as a
 * fragment. Returns < 0 when it cannot be read.
 */
int prove_save(const struct wants *w, const char *edited);

#endif
