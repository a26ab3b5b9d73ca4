// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_AGENT_H
#define AGENT_AGENT_H

#include <stdbool.h>

#include "base/err.h"
#include "base/list.h"
#include "config.h"
#include "os/event.h"
#include "sandbox.h"

#define AGENT_ROOT "/run/kata-containers"
#define AGENT_CGROUP_ROOT "/sys/fs/cgroup"

struct channels;
struct oom;
struct policy;

/* The program as a whole; one of it, made in main(). */
struct agent {
	struct event_loop *loop;
	struct config config;
	const char *root;	 /* where all of a sandbox's files are */
	const char *cgroup_root;
	const char *sysfs, *dev; /* "/sys", "/dev" */
	bool is_init;		 /* the guest's own, which ends with it */
	bool has_cgroups;
	struct sandbox sandbox;
	struct channels *channels;
	struct oom *oom;	 /* NULL until needed */
	struct list tasks;
	struct policy *policy;	 /* NULL: everything is allowed */
	unsigned long scrapes;	 /* of the metrics */
	struct list deferred;	 /* requests that wait for a device */
	struct event_timer *deferred_timer;
	uint64_t deferred_until_ms; /* of the one being tried again, or 0 */
};

#define AGENT_VERSION KILN_VERSION

/* Sets defaults and makes the event loop. */
int agent_init(struct agent *agent, struct err *reterr);

/* Ends the program once the replies under way have left. */
void agent_shutdown(struct agent *agent);

#endif
