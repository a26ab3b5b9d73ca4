// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_TAR_H
#define OSBUILDER_TAR_H

#include "tree.h"

#define TAR_BLOCK 512

/* A header's fields. */
enum tar_field {
	F_NAME = 0,
	F_MODE = 100,
	F_UID = 108,
	F_GID = 116,
	F_SIZE = 124,
	F_SUM = 148,
	F_TYPE = 156,
	F_LINK = 157,
	F_MAGIC = 257,
	F_MAJOR = 329,
	F_MINOR = 337,
	F_PREFIX = 345,
};

/*
 * Adds what the N bytes of a tar archive hold to TREE, which is not finished
 * and refers to them. Understood are POSIX and GNU archives as dpkg and GNU tar
 * make them. Every node is of LAYER, ORIGIN (borrowed) and MTIME. -EINVAL for
 * what is broken, -EOPNOTSUPP for headers that are not known.
 */
int tar_read(const uint8_t *data, size_t n, unsigned int layer,
	     const char *origin, int64_t mtime, struct tree *tree,
	     struct err *reterr);

/* Octal digits, or GNU's binary number with the top bit set. */
bool tar_number(const uint8_t *p, size_t n, uint64_t *ret);

/* How many blocks between the header H and the data are none of it: N bytes at
 * TAIL follow the header. */
uint64_t tar_sparse_blocks(const uint8_t *h, const uint8_t *tail, uint64_t n);

/* Puts together a file with holes, in memory that is NODE's: of GNU's old
 * format, and of its version 1.0 in pax, REAL bytes long. -errno. */
int tar_sparse_old(const uint8_t *h, const uint8_t *body, uint64_t size,
		   struct node *node);
int tar_sparse_pax(const uint8_t *body, uint64_t size, uint64_t real,
		   struct node *node);

#endif
