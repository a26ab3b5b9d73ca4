// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_STRV_H
#define BASE_STRV_H

#include <stdbool.h>
#include <stddef.h>

#include "cleanup.h"
#include "macros.h"

/*
 * A growing vector of owned strings, always NULL-terminated once non-empty, as
 * execve() wants it. Adding is sticky: after a failure all further adds fail,
 * so an argv is built without checks and looked at once, with strv_error().
 */
struct strv {
	char **v; /* owned, NULL-terminated; NULL while empty */
	size_t n;
	int error;
};

#define STRV_INIT {0}
#define cleanup_strv cleanup(strv_release)

void strv_release(struct strv *s);

static inline int strv_error(const struct strv *s)
{
	return s->error;
}

int strv_add(struct strv *s, const char *str);
int strv_addf(struct strv *s, const char *fmt, ...) PRINTF(2, 3);
bool strv_contains(const struct strv *s, const char *str);

/* The NULL-terminated vector, for execve(); never NULL. */
char **strv_argv(struct strv *s);

#endif
