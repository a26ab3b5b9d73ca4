// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_PROGRAM_H
#define AGENT_PROGRAM_H

#include "base/err.h"

/*
 * Says why execve() of PATH failed with ERROR (an errno), as NAME was asked
 * for: of what machine the program is, or which interpreter is missing. Returns
 * -ERROR. In the container, as its user; the file is hostile.
 */
int program_failure(const char *path, const char *name, int error,
		    struct err *reterr);

#endif
