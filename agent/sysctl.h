// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_SYSCTL_H
#define AGENT_SYSCTL_H

#include "base/err.h"

#define SYSCTL_PATH_MAX 256

/*
 * The path below /proc/sys of a parameter of a namespace NAMESPACES (CLONE_NEW*
 * bits) has, or, for "net.", of the sandbox. -EINVAL for a malformed name,
 * -EPERM for one that would reach beyond the container.
 */
int sysctl_path(const char *key, unsigned int namespaces,
		char ret[SYSCTL_PATH_MAX]);

int sysctl_set(const char *key, const char *value, unsigned int namespaces,
	       struct err *reterr);

#endif
