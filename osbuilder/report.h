// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_REPORT_H
#define OSBUILDER_REPORT_H

#include "image.h"

/* Prints TREE, and with an IMAGE what holds it, on standard output: FORMAT is
 * "text" (also when NULL) or "json". Names are escaped. */
int report_tree(const struct image *image, const struct tree *tree,
		const char *format, struct err *reterr);

/* Prints N bytes, escaped. */
void report_bytes(const void *p, size_t n);

/* Writes O as text with a newline at its end to the file OUTPUT. */
int report_json(struct json_object *o, const char *output,
		struct err *reterr);

#endif
