// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_VERIFY_FILES_H
#define OSBUILDER_VERIFY_FILES_H

#include "image.h"

/*
 * Compares the files of an image, whatever its format, with the list that TEXT
 * is, a files.json (docs/images.md): path, type, mode, owner, time, size or
 * device, target and SHA-256; no extended attributes. Prints a line for each that is not as it is
 * listed, missing or too many. Returns how many these are, -EINVAL for what is
 * no such list. RET_RIGHT is the number of the others.
 */
ssize_t verify_files(const struct image *image, const char *text,
		     size_t *ret_right, struct err *reterr);

#endif
