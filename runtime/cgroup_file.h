// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_CGROUP_FILE_H
#define RUNTIME_CGROUP_FILE_H

#include <stdbool.h>
#include <stddef.h>

#include "runtime/cgroup.h"

/* What cgroup.c and cgroup_limits.c share: FILE of the group at DIR. */

/* The text without line ends at its end; 0 or -errno. */
int cgroup_read(const char *dir, const char *file, char *buf, size_t size);
int cgroup_write(const char *dir, const char *file, const char *value);

bool cgroup_is_v2(const struct cgroup_group *g);
/* True for a hierarchy with CONTROLLER; for version 2 always. */
bool cgroup_has(const struct cgroup_group *g, const char *controller);

#endif
