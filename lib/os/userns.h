// SPDX-License-Identifier: Apache-2.0
#ifndef OS_USERNS_H
#define OS_USERNS_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * User namespaces (user_namespaces(7)): root in one is not root of the machine.
 */

/* Root of the machine itself: uid 0 in the initial user namespace. */
bool userns_real_root(void);

/* How many user ids have a meaning here; 1 where only the caller's own does. */
uint64_t userns_count_ids(void);

/* What ID of this user namespace is in the one that it was made in; ID itself
 * where it has no meaning there. */
uid_t userns_outer_uid(uid_t id);

/*
 * Moves this process, which must have one thread, into a user namespace of its
 * own as uid 0 and gid 0. Further ids come from /etc/subuid and /etc/subgid
 * where newuidmap(1) and newgidmap(1) are installed and both files grant some;
 * without, the caller's own id is the only one. 0 or -errno: -EPERM where the
 * host does not allow unprivileged user namespaces.
 */
int userns_enter(struct err *reterr);

/*
 * Gives PID, which has just made a user namespace as a child of ours, the same
 * ids as we have, each under its own number. 0 or -errno.
 */
int userns_map_same(pid_t pid, struct err *reterr);

#endif
