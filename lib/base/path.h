// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_PATH_H
#define BASE_PATH_H

#include <stdbool.h>

/* Absolute, no empty component, no "." and no "..", no slash at the end
 * ("/" itself is normal). */
bool path_is_normal(const char *path);

/* DIR "/" NAME without doubling the slash; to be freed; NULL for lack of
 * memory. */
char *path_join(const char *dir, const char *name);

/* The part after the last slash; the whole when there is none. */
const char *path_base(const char *path);

/*
 * True for a name that is safe as one path component, an identifier of a
 * container, sandbox or exec: 1 to 128 characters of [A-Za-z0-9_.+-], the first
 * alphanumeric. (runc's rule, with a bound on the length.)
 */
bool id_is_valid(const char *id);

#endif
