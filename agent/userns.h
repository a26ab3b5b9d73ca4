// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_USERNS_H
#define AGENT_USERNS_H

#include <sys/types.h>

#include "base/err.h"

struct launch;

/* Writes the id mappings of the specification for the child PID, which is in a
 * new user namespace; does nothing when it is not. */
int userns_map(pid_t pid, const struct launch *launch, struct err *reterr);

/* Writes LINES to FILE ("uid_map", "gid_map") of process PID. */
int userns_write(pid_t pid, const char *file, const char *lines,
		 struct err *reterr);

#endif
