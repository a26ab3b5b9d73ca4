// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_EDIT_H
#define OSBUILDER_EDIT_H

#include "base/strv.h"
#include "tree.h"

/* The first letter of a step says what is to be done with the rest of it. */
#define EDIT_COPY_IN '1' /* HOST:PATH */
#define EDIT_MKDIR '2'	 /* PATH */
#define EDIT_DELETE '3'	 /* PATH */
#define EDIT_WRITE '4'	 /* PATH:CONTENT */
#define EDIT_LINK '5'	 /* TARGET:PATH */
#define EDIT_CHMOD '6'	 /* MODE:PATH */
#define EDIT_CHOWN '7'	 /* UID:GID:PATH */

/*
 * Changes the finished tree T by each of STEPS in turn, and finishes it. What is
 * new is of the time MTIME and root's; the modes are those of overlays. STEPS
 * must outlive T. Errors name the path.
 */
int edit_tree(struct tree *t, const struct strv *steps, int64_t mtime,
	      struct err *reterr);

#endif
