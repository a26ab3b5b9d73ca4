// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_VERITY_H
#define AGENT_VERITY_H

#include "layers.h"

#define VERITY_NAME_MAX 32

/*
 * Makes a device that gives what the block device PATH has, where its hashes
 * agree: *RET is its path, to be freed, NAME its name.
 */
int verity_open(const struct agent *agent, const char *path,
		const struct layer_verity *v, char name[VERITY_NAME_MAX],
		char **ret, struct err *reterr);

/* Lets the device go when nobody uses it any more, which may be at once. */
void verity_release(const char *name);

#endif
