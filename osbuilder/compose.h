// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_COMPOSE_H
#define OSBUILDER_COMPOSE_H

#include "base/strv.h"
#include "manifest.h"
#include "tree.h"

/* What a tree is put together from; strings are borrowed, NULL for what there
 * is none of. */
struct compose_params {
	const char *manifest;
	const struct manifest_vars *vars;
	const char *packages; /* list of fetch-guest-packages.sh */
	const char *tars;     /* folder of their contents: <sha256>.tar */
	const char *overlay;  /* folder, or tar archive */
	int64_t epoch;
};

/* A tree and what it refers to. */
struct composed {
	struct tree tree;
	struct strv origins;
	struct mapping *maps; /* owned */
	size_t n_maps;
};

#define COMPOSED_INIT {0}
#define cleanup_composed cleanup(composed_release)

/* Puts the tree together, and finishes it. RET is to be released in any
 * case. */
int compose(const struct compose_params *p, struct composed *ret,
	    struct err *reterr);
void composed_release(struct composed *c);

#endif
