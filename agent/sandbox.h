// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_SANDBOX_H
#define AGENT_SANDBOX_H

#include <stdbool.h>
#include <stddef.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "base/strv.h"
#include "guesthook.h"
#include "proto/agent.pb-c.h"

struct agent;
struct container;
struct event_timer;
struct ttrpc_call;

#define CONTAINERS_MAX 1024

/* What the VM holds: one pod, or one container. */
struct sandbox {
	bool created;
	char *id, *hostname;
	bool shared_pidns;
	struct list containers;
	size_t ncontainers;
	struct list storages;	/* struct storage_use, see storage/storage.h */
	struct strv own_storages; /* mount points the sandbox itself uses */
	struct list watches;	  /* struct watch, see storage/watch.c */
	pid_t watcher;		  /* the child that looks at them, or 0 */
	struct guesthooks hooks;
	struct ttrpc_call *end_call; /* of DestroySandbox, under way */
	struct event_timer *end_timer;
	uint64_t end_deadline_ms;
};

void sandbox_init(struct sandbox *s);

int sandbox_create(struct agent *agent, const Grpc__CreateSandboxRequest *r,
		   struct err *reterr);

/*
 * Removes all containers, with the poststop hooks of the guest, 30 s at most;
 * then destroys the sandbox, answers CALL and, as PID 1, ends the machine.
 */
void sandbox_end(struct agent *agent, struct ttrpc_call *call);

/* Kills all containers and releases everything, at once. */
void sandbox_destroy(struct agent *agent);

/* NULL when there is no container of that id (or when it is being removed). */
struct container *sandbox_find(const struct agent *agent, const char *id);

#endif
