// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_DIFF_H
#define OSBUILDER_DIFF_H

#include "image.h"

/*
 * Prints on standard output what differs from image A to image B, which may be
 * of different formats: "- path" and "+ path" for files of only one of them,
 * "~ path: what" for the others, and of their contents the lines that differ,
 * or bytes of what is no text, as far as there is room. Returns the number of differences. A root that
 * its format does not hold is not compared.
 */
size_t diff_images(const struct image *a, const struct image *b);

#endif
