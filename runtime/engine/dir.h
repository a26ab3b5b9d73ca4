// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_DIR_H
#define ENGINE_DIR_H

#include <stdbool.h>

#include "base/err.h"

/*
 * <root>/<id>, the folder of a sandbox. Making it takes the id; it goes when
 * nothing of the sandbox is left on the host.
 */

/* Makes it, and ROOT before it, and locks it. A descriptor or -errno; -EEXIST
 * when the id is in use. */
int dir_make(const char *root, const char *id, struct err *reterr);

/* A descriptor, or -ENOENT and others. */
int dir_open(const char *root, const char *id, struct err *reterr);

/*
 * A folder is locked, shared, by whoever makes a sandbox in it and by its
 * supervisor: the kernel lets go of a lock with the process that held it.
 */
int dir_lock(int fd);

/* True when nobody holds the lock; then it is the caller's, and whoever wants
 * it waits until FD is closed. */
bool dir_is_abandoned(int fd);

/* Undoes the journal, whatever it says, and removes the folder; what is
 * to tell of it is kept (record.h). */
int dir_remove(const char *root, const char *id, struct err *reterr);

#endif
