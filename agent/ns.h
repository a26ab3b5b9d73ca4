// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_NS_H
#define AGENT_NS_H

#include <sys/types.h>

#define NS_NEWTIME 0x80u /* CLONE_NEWTIME, which not all headers have */

/* The CLONE_NEW* flag of an OCI namespace type ("mount", "pid", …); 0 when
 * unknown. */
unsigned int ns_flag_of_type(const char *type);

/* The name below /proc/<pid>/ns of a CLONE_NEW* flag; NULL when unknown. */
const char *ns_proc_name(unsigned int flag);

/*
 * Makes a child like fork(), in new namespaces FLAGS (CLONE_NEW*), in the
 * pid namespace PIDNS (a namespace fd or pidfd; -1: the caller's, or a new one
 * with CLONE_NEWPID) and in the cgroup CGROUPFD (-1: the caller's). *RET_PIDFD
 * is the child's pidfd, in the parent. The child's pid, 0 in the child, or
 * -errno.
 */
pid_t ns_clone(unsigned int flags, int pidns, int cgroupfd, int *ret_pidfd);

#endif
