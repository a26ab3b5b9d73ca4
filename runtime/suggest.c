// SPDX-License-Identifier: Apache-2.0
#include "runtime/suggest.h"

#include <stdint.h>
#include <string.h>

#include "base/macros.h"

#define WORD_MAX 64

size_t edit_distance(const char *a, const char *b)
{
	size_t n = strlen(a), m = strlen(b), i, k;
	size_t row[WORD_MAX + 1];

	if (n > WORD_MAX || m > WORD_MAX)
		return SIZE_MAX;
	for (k = 0; k <= m; k++)
		row[k] = k;
	for (i = 1; i <= n; i++) {
		size_t diagonal = row[0];

		row[0] = i;
		for (k = 1; k <= m; k++) {
			size_t replaced = diagonal + (a[i - 1] != b[k - 1]);

			diagonal = row[k];
			row[k] = MIN(MIN(row[k], row[k - 1]) + 1, replaced);
		}
	}
	return row[m];
}

const char *suggest(const char *word, const char *(*next)(size_t i))
{
	const char *best = NULL, *c;
	size_t least = strlen(word) / 3 + 2, i;

	for (i = 0; (c = next(i)); i++) {
		size_t d = edit_distance(word, c);

		if (d < least) {
			least = d;
			best = c;
		}
	}
	return best;
}
