// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/arena.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define BLOCK_SIZE (16u << 10)

struct arena_block {
	struct arena_block *next;
	size_t used, size;
	max_align_t data[];
};

static struct arena_block *add_block(struct arena *a, size_t need)
{
	size_t size = MAX(need, (size_t)BLOCK_SIZE);
	struct arena_block *b = calloc(1, sizeof(*b) + size);

	if (!b)
		return NULL;
	b->size = size;
	b->next = a->blocks;
	a->blocks = b;
	return b;
}

void *arena_alloc(struct arena *a, size_t n)
{
	struct arena_block *b = a->blocks;
	void *p;

	if (n > ARENA_MAX)
		return NULL;
	n = ALIGN_UP(MAX(n, (size_t)1), sizeof(max_align_t));
	if (a->total + n > ARENA_MAX)
		return NULL;
	if (!b || b->size - b->used < n)
		b = add_block(a, n);
	if (!b)
		return NULL;
	p = (char *)b->data + b->used;
	b->used += n;
	a->total += n;
	return p;
}

void *arena_array(struct arena *a, size_t count, size_t size)
{
	size_t n;

	if (mul_overflows(count, size, &n))
		return NULL;
	return arena_alloc(a, n);
}

char *arena_strdup(struct arena *a, const char *s)
{
	size_t n = strlen(s) + 1;
	char *p = arena_alloc(a, n);

	if (p)
		memcpy(p, s, n);
	return p;
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap;
	char *p;
	int n;

	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	if (n < 0)
		return NULL;
	p = arena_alloc(a, (size_t)n + 1);
	if (!p)
		return NULL;
	va_start(ap, fmt);
	(void)vsnprintf(p, (size_t)n + 1, fmt, ap);
	va_end(ap);
	return p;
}

void arena_release(struct arena *a)
{
	struct arena_block *b, *next;

	for (b = a->blocks; b; b = next) {
		next = b->next;
		free(b);
	}
	a->blocks = NULL;
	a->total = 0;
}
