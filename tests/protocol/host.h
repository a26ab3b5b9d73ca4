// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_PROTOCOL_HOST_H
#define TESTS_PROTOCOL_HOST_H

#include "client.h"

/* An agent of the test build, on this host, in namespaces of the test's own. */
struct host {
	char dir[64];	   /* a tmpfs of the test's own */
	char root[96], rootfs[96], cgroup[96];
	bool has_busybox, has_cgroup;
	bool is_root;	   /* of the host, with all its users */
	bool is_guest;	   /* the agent is that of a guest */
};

/* Leaves the host's mounts alone from here on; once, first. 0 or -errno. */
int host_setup(struct host *h);
void host_teardown(struct host *h);

/* Starts an agent; its socket, and its pid. */
int host_agent(const struct host *h, pid_t *ret_pid);

/* "<dir>/<name>", in a static buffer. */
const char *host_path(const struct host *h, const char *dir, const char *name);

#endif
