// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_CAPS_H
#define AGENT_CAPS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* The five capability sets of a process, a bit for each capability. */
struct caps {
	uint64_t bounding, effective, permitted, inheritable, ambient;
};

/* The number of capability NAME ("CAP_KILL", in any case); -EINVAL. */
int cap_of_name(const char *name);

/* The set of N names. A capability that is known to this program but not to
 * the running kernel is left out; an unknown name is -EINVAL. */
int caps_of_names(char *const *names, size_t n, uint64_t *ret,
		  struct err *reterr);

/*
 * In the order the kernel allows: the bounding set while still privileged,
 * then (after the change of user) the other sets.
 */
int caps_drop_bounding(const struct caps *caps, struct err *reterr);
int caps_apply(const struct caps *caps, struct err *reterr);

/* Keeps capabilities over the change of user that follows. */
int caps_keep(bool keep, struct err *reterr);

#endif
