// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_IDENTITY_H
#define OSBUILDER_IDENTITY_H

#include "tree.h"

#define IDENTITY_TEXT_MAX 64

/* What a tree says of itself; it may lie. Texts are empty where it says
 * nothing, and are not escaped. */
struct identity {
	const char *agent_path; /* where our agent is, or NULL */
	char agent[IDENTITY_TEXT_MAX]; /* its version */
	char os[IDENTITY_TEXT_MAX];    /* of os-release: ID, */
	char version[IDENTITY_TEXT_MAX]; /* VERSION_ID, */
	char profile[IDENTITY_TEXT_MAX]; /* VARIANT_ID */
};

/* Looks for our agent where init is, and for os-release. RET borrows T's
 * paths. */
void identity_find(const struct tree *t, struct identity *ret);

#endif
