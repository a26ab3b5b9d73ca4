// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_OVERLAY_H
#define OSBUILDER_OVERLAY_H

#include "base/strv.h"
#include "tree.h"

/* In an overlay: a manifest of its own, for owners, modes and devices. */
#define OVERLAY_MANIFEST ".kiln.manifest"

/*
 * Adds the files below the folder DIR to TREE, as LAYER_OVERLAY, every one of
 * the time MTIME and owned by root. Of modes one bit is looked at: who may
 * execute a file in DIR can do so in the image (0755, else 0644). ORIGINS gets
 * what nodes refer to. -errno with the file's name.
 */
int overlay_read(const char *dir, int64_t mtime, struct strv *origins,
		 struct tree *tree, struct err *reterr);

/* Adds what HOST is, with what is below it, to TREE as PATH, in the same way. */
int overlay_add(const char *host, const char *path, int64_t mtime,
		struct tree *tree, struct err *reterr);

#endif
