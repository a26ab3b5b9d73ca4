// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_OOM_H
#define AGENT_OOM_H

#include <stdint.h>

#include "base/list.h"
#include "codec/ttrpc.h"

struct agent;

/*
 * Tells the host when the kernel has killed something of a container for lack
 * of memory: memory.events of its cgroup is watched, and each call of
 * GetOOMEvent is answered with the next container that it happened to.
 */
struct oom;

/* Of one container. */
struct oom_watch {
	struct list link;
	int wd, cgroupfd; /* -1: not watched; the fd is the container's */
	const char *id;	  /* the container's */
	uint64_t kills;
};

void oom_watch_init(struct oom_watch *w);
/* Does nothing without memory accounting, or when it is watched already. */
void oom_watch_start(struct agent *agent, struct oom_watch *w, int cgroupfd,
		     const char *id);
/* Tells now what has come about: before the end of a process is told, so that
 * the host knows its cause first. */
void oom_watch_look(struct agent *agent, struct oom_watch *w);
void oom_watch_end(struct agent *agent, struct oom_watch *w);

/* Answers CALL with the next event. */
void oom_await(struct agent *agent, struct ttrpc_call *call);

/* The sandbox ends: all who wait are told. */
void oom_end(struct agent *agent);

#endif
