// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_MANIFEST_H
#define OSBUILDER_MANIFEST_H

#include "base/strv.h"
#include "tree.h"

#define MANIFEST_SIZE_MAX (1u << 20)
#define MANIFEST_DEPTH_MAX 8
#define MANIFEST_WORDS_MAX 512
#define MANIFEST_VARS_MAX 64

/* The variables a manifest may use; strings are borrowed. */
struct manifest_vars {
	struct {
		const char *name;
		size_t name_len;
		const char *value;
	} v[MANIFEST_VARS_MAX];
	size_t n;
};

/* Adds "NAME=VALUE"; a later one of the same name wins. -EINVAL, -E2BIG. */
int manifest_vars_add(struct manifest_vars *vars, const char *assignment,
		      struct err *reterr);

/*
 * Reads the manifest PATH and the files it names into TREE, which then is
 * finished, every file of the time MTIME. The language is in docs/images.md.
 * Errors name file and line.
 */
int manifest_load(const char *path, const struct manifest_vars *vars,
		  int64_t mtime, struct tree *tree, struct err *reterr);

/* The same as one LAYER of a tree, which is not finished. ORIGINS gets what
 * nodes refer to: file and line. */
int manifest_read(const char *path, const struct manifest_vars *vars,
		  int64_t mtime, unsigned int layer, struct strv *origins,
		  struct tree *tree, struct err *reterr);

#endif
