// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_RLIMIT_H
#define AGENT_RLIMIT_H

/* The resource of a name such as "RLIMIT_NOFILE"; -EINVAL. */
int rlimit_of_name(const char *name);

#endif
