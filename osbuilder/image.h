// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_IMAGE_H
#define OSBUILDER_IMAGE_H

#include <json-c/json.h>

#include "base/buf.h"
#include "fs.h"
#include "identity.h"
#include "layout.h"
#include "tree.h"

enum image_kind { IMAGE_INITRD, IMAGE_FS };

/* An image that was read. Owns all but the bytes it was opened on, to which it
 * refers. */
struct image {
	enum image_kind kind;
	bool compressed;     /* an initrd: by zstd */
	struct buf archive;  /* an initrd: uncompressed, when it was compressed */
	const uint8_t *data; /* an initrd: the archive */
	size_t size;
	const struct fs_ops *fs; /* a filesystem image: its format */
	struct fs_info info;
	struct layout layout;
	struct tree tree;
	struct identity identity; /* borrows the tree's paths */
};

#define cleanup_image cleanup(image_release)

/* Reads the N bytes of an initrd or filesystem image, which are not trusted.
 * -EINVAL for what is neither. RET is to be released in any case. */
int image_open(struct image *ret, const uint8_t *data, size_t n,
	       struct err *reterr);
void image_release(struct image *i);

/* What image_open() found, without the list of files; NULL for lack of memory.
 * To be put by the caller. */
struct json_object *image_to_json(const struct image *i);

/* The part of it that is about the layout, added to O. */
void layout_to_json(const struct image *i, struct json_object *o);

/* One file of an image or of a manifest's tree T (then I is NULL). */
struct json_object *node_to_json(const struct image *i, const struct tree *t,
				 const struct node *n);

/* A JSON string of bytes: what is not printable ASCII is escaped, for not every
 * name is UTF-8. */
struct json_object *json_bytes(const void *p, size_t n);

#endif
