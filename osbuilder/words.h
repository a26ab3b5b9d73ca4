// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_WORDS_H
#define OSBUILDER_WORDS_H

#include "base/strv.h"
#include "manifest.h"

/*
 * Splits the logical line at *TEXT into words: blanks separate, quotes and
 * escapes keep together, ${NAME} is replaced, # begins a comment, a backslash
 * at the end goes on in the next line. Moves *TEXT past the line and adds the
 * lines it took to *LINES. -EINVAL for bad syntax or an unknown variable.
 */
int words_next(const char **text, unsigned int *lines,
	       const struct manifest_vars *vars, struct strv *ret,
	       struct err *reterr);

#endif
