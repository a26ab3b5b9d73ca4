// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "macros.h"

#define ERR_TEXT_MAX 1024

/*
 * An error for a human, owned by the caller. Functions that take one write it
 * only when they fail and return the same -errno. The storage is fixed, so
 * reporting an error cannot fail.
 */
struct err {
	int code; /* -errno */
	char text[ERR_TEXT_MAX];
};

/* Sets CODE (an -errno) and the text; returns CODE. */
int err_set(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* As err_set() with -errno, and ": <strerror>" appended to the text. */
int err_errno(struct err *e, const char *fmt, ...) PRINTF(2, 3);

/* As err_errno() for a given -errno CODE. */
int err_code(struct err *e, int code, const char *fmt, ...) PRINTF(3, 4);

/* Prefixes the text already in E with "<fmt>: "; returns its code. */
int err_wrap(struct err *e, const char *fmt, ...) PRINTF(2, 3);

#endif
