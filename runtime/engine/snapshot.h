// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SNAPSHOT_H
#define ENGINE_SNAPSHOT_H

#include "base/err.h"

/*
 * The config.json a container is made from, kept in the folder of its state:
 * callers may change or remove the bundle's while it runs.
 */
struct spec;

/* Keeps FILE (NULL: config.json), which may be relative to BUNDLE. */
int snapshot_save(int dirfd, const char *file, const char *bundle,
		  struct err *reterr);

/* Decodes what was kept, else the bundle's own. */
int snapshot_load(int dirfd, const char *bundle, struct spec **ret,
		  struct err *reterr);

#endif
