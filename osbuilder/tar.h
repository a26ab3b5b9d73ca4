// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_TAR_H
#define OSBUILDER_TAR_H

#include "tree.h"

/*
 * Adds what the N bytes of a tar archive hold to TREE, which is not finished
 * and refers to them. Understood are POSIX and GNU archives as dpkg makes them;
 * hard links become files of the same content. Every node is of LAYER, ORIGIN
 * (borrowed) and MTIME. -EINVAL for what is broken, -EOPNOTSUPP for what a tree
 * cannot hold (extended attributes).
 */
int tar_read(const uint8_t *data, size_t n, unsigned int layer,
	     const char *origin, int64_t mtime, struct tree *tree,
	     struct err *reterr);

#endif
