// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_KBUILD_H
#define OSBUILDER_KBUILD_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"

#define KBUILD_NAME_MAX 128

/* A built kernel: its folder of the build, and what is in it. */
struct built_kernel {
	char arch[32];
	char release[64];	 /* 6.12.1-kiln */
	struct strv config;	 /* NAME of each CONFIG_NAME=y, sorted */
	struct strv sources;	 /* paths, sorted */
	const char *source_tree; /* borrowed; NULL: none at hand */
};

/* Reads kernel.json, kernel.config and kernel.sources in DIR. */
int built_kernel_read(const char *dir, struct built_kernel *ret,
		      struct err *reterr);
void built_kernel_release(struct built_kernel *k);

bool built_kernel_has(const struct built_kernel *k, const char *path);
bool built_kernel_config(const struct built_kernel *k, const char *symbol);

/*
 * The symbol that keeps the source file PATH out of the kernel, by the
 * Makefiles of the tree: the first one that is off on the way from the file to
 * the top. False when none is found.
 */
bool kbuild_gate(const struct built_kernel *k, const char *path,
		 char ret[KBUILD_NAME_MAX]);

#endif
