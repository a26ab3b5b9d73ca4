// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_ARENA_H
#define OCI_ARENA_H

#include <stddef.h>

#include "base/cleanup.h"
#include "base/macros.h"

/*
 * Memory that is released all at once: what a decoded document points to lives
 * as long as the document. Zero-initialise; a cap bounds what hostile input
 * can make it hold.
 */
struct arena_block;

struct arena {
	struct arena_block *blocks; /* owned */
	size_t total;		    /* bytes handed out */
};

#define ARENA_MAX (64u << 20)

/* N zeroed bytes, aligned for any type; NULL for lack of memory or beyond
 * ARENA_MAX. Never NULL for N == 0 otherwise. */
void *arena_alloc(struct arena *a, size_t n);

/* COUNT zeroed elements of SIZE bytes. */
void *arena_array(struct arena *a, size_t count, size_t size);

char *arena_strdup(struct arena *a, const char *s);
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF(2, 3);

void arena_release(struct arena *a);

#define cleanup_arena cleanup(arena_release)

#endif
