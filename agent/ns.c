// SPDX-License-Identifier: Apache-2.0
#include "ns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdint.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"

#ifndef CLONE_NEWCGROUP
#define CLONE_NEWCGROUP 0x02000000
#endif
#define INTO_CGROUP 0x200000000ull /* CLONE_INTO_CGROUP, Linux 5.7 */
#define WITH_PIDFD 0x1000ull	   /* CLONE_PIDFD */

/* struct clone_args as of Linux 5.7 (CLONE_ARGS_SIZE_VER2). */
struct clone3_args {
	uint64_t flags, pidfd, child_tid, parent_tid, exit_signal, stack,
		stack_size, tls, set_tid, set_tid_size, cgroup;
};
_Static_assert(sizeof(struct clone3_args) == 88, "wire format of clone3()");

static const struct {
	const char *type, *proc;
	unsigned int flag;
} types[] = {
	{"user", "user", CLONE_NEWUSER},   {"mount", "mnt", CLONE_NEWNS},
	{"pid", "pid", CLONE_NEWPID},	   {"network", "net", CLONE_NEWNET},
	{"ipc", "ipc", CLONE_NEWIPC},	   {"uts", "uts", CLONE_NEWUTS},
	{"cgroup", "cgroup", CLONE_NEWCGROUP}, {"time", "time", NS_NEWTIME},
};

unsigned int ns_flag_of_type(const char *type)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (!strcmp(types[i].type, type))
			return types[i].flag;
	return 0;
}

const char *ns_proc_name(unsigned int flag)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		if (types[i].flag == flag)
			return types[i].proc;
	return NULL;
}

static pid_t do_clone(unsigned int flags, int cgroupfd, int *ret_pidfd)
{
	int pidfd = -1;
	struct clone3_args args = {
		.flags = flags | WITH_PIDFD,
		.pidfd = (uint64_t)(uintptr_t)&pidfd,
		.exit_signal = SIGCHLD,
	};
	long pid;

	if (cgroupfd >= 0) {
		args.flags |= INTO_CGROUP;
		args.cgroup = (uint64_t)cgroupfd;
	}
	pid = syscall(SYS_clone3, &args, sizeof(args));
	if (pid < 0)
		return -errno;
	*ret_pidfd = pidfd; /* made close-on-exec by the kernel */
	return (pid_t)pid;
}

/*
 * setns() to a pid namespace is for the children only. The agent enters, forks
 * and goes back, which spares an intermediate process: the child is its own.
 */
pid_t ns_clone(unsigned int flags, int pidns, int cgroupfd, int *ret_pidfd)
{
	cleanup_close int own = -1;
	pid_t pid;

	if (pidns < 0)
		return do_clone(flags, cgroupfd, ret_pidfd);
	own = open("/proc/self/ns/pid", O_RDONLY | O_CLOEXEC);
	/* First whether there is a way back: not for an ordinary user. */
	if (own < 0 || setns(own, CLONE_NEWPID) < 0 ||
	    setns(pidns, CLONE_NEWPID) < 0)
		return -errno;
	pid = do_clone(flags, cgroupfd, ret_pidfd);
	if (pid && setns(own, CLONE_NEWPID) < 0)
		return -errno;
	return pid;
}
