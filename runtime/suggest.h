// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_SUGGEST_H
#define RUNTIME_SUGGEST_H

#include <stddef.h>

/*
 * How many single letters must be put in, left out or replaced to make one
 * word of the other. Words beyond 64 letters are as different as can be.
 */
size_t edit_distance(const char *a, const char *b);

/*
 * The nearest of the candidates, which NEXT gives one by one for I = 0, 1, …
 * until NULL; NULL when none is near enough to be what was meant.
 */
const char *suggest(const char *word, const char *(*next)(size_t i));

#endif
