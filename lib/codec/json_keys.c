// SPDX-License-Identifier: Apache-2.0
/* Keys that are given twice, of which json-c says nothing. */
#include "codec/json.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

struct key {
	const char *text; /* not terminated */
	size_t n;
};

/* The keys of all objects that are open, the innermost one's last. */
struct keys {
	struct key *v;
	size_t n, size;
	size_t *open; /* where the keys of each level begin */
	size_t levels, levels_max;
};

static void keys_release(struct keys *k)
{
	free(k->v);
	free(k->open);
}
#define cleanup_keys cleanup(keys_release)

static int keys_add(struct keys *k, const char *text, size_t n)
{
	if (k->n == k->size) {
		size_t size = k->size ? 2 * k->size : 64;
		struct key *v = reallocarray(k->v, size, sizeof(*v));

		if (!v)
			return -ENOMEM;
		k->v = v;
		k->size = size;
	}
	k->v[k->n++] = (struct key){text, n};
	return 0;
}

static int compare(const void *a, const void *b)
{
	const struct key *x = a, *y = b;

	if (x->n != y->n)
		return x->n < y->n ? -1 : 1;
	return memcmp(x->text, y->text, x->n);
}

/* Ends the innermost level; the later one of two keys that are the same. */
static const char *keys_close(struct keys *k)
{
	size_t first = k->open[--k->levels], i;
	const char *found = NULL;

	if (k->n > first)
		qsort(k->v + first, k->n - first, sizeof(*k->v), compare);
	for (i = first + 1; i < k->n && !found; i++)
		if (!compare(&k->v[i - 1], &k->v[i]))
			found = MAX(k->v[i - 1].text, k->v[i].text);
	k->n = first;
	return found;
}

/* Past the string whose first quote is at P. */
static const char *skip_string(const char *p, const char *end)
{
	for (p++; p < end && *p != '"'; p++)
		if (*p == '\\')
			p++;
	return p < end ? p + 1 : end;
}

static bool is_key(const char *p, const char *end)
{
	while (p < end && strchr(" \t\r\n", *p))
		p++;
	return p < end && *p == ':';
}

/* Takes the token at *P; the later one of two keys, once their object ends. */
static int step(struct keys *k, const char **p, const char *end,
		const char **found)
{
	const char *start = *p;

	*p = *start == '"' ? skip_string(start, end) : start + 1;
	if (*start == '"' && is_key(*p, end))
		return keys_add(k, start + 1, (size_t)(*p - start) - 2);
	if (*start == '{' || *start == '[') {
		if (k->levels == k->levels_max)
			return -EINVAL;
		k->open[k->levels++] = k->n;
	} else if ((*start == '}' || *start == ']') && k->levels) {
		*found = keys_close(k);
	}
	return 0;
}

int json_find_double(const char *text, size_t n, unsigned int depth,
		     size_t *ret, size_t *nkeys)
{
	cleanup_keys struct keys k = {.levels_max = depth};
	const char *p = text, *end = text + n, *found = NULL;
	int r = 0;

	*nkeys = 0;
	k.open = calloc(depth + 1, sizeof(*k.open));
	if (!k.open)
		return -ENOMEM;
	while (p < end && !r && !found) {
		size_t before = k.n;

		r = step(&k, &p, end, &found);
		*nkeys += k.n > before;
	}
	if (r < 0 || !found)
		return r;
	*ret = (size_t)(found - text);
	return 1;
}
