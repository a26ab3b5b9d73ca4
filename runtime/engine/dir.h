// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_DIR_H
#define ENGINE_DIR_H

#include "base/err.h"

/*
 * <root>/<id>, the folder of a sandbox. Making it takes the id; it goes when
 * nothing of the sandbox is left on the host.
 */

/* Makes it, and ROOT before it. A descriptor or -errno; -EEXIST when the id is
 * in use. */
int dir_make(const char *root, const char *id, struct err *reterr);

/* A descriptor, or -ENOENT and others. */
int dir_open(const char *root, const char *id, struct err *reterr);

/* Undoes the journal, whatever it says, and removes the folder. */
int dir_remove(const char *root, const char *id, struct err *reterr);

#endif
