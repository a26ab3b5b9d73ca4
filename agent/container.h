// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_CONTAINER_H
#define AGENT_CONTAINER_H

#include "base/strv.h"
#include "cgroup.h"
#include "oom.h"
#include "process.h"
#include "proto/agent.pb-c.h"

struct agent;
struct hook_run;

enum container_state {
	CONTAINER_CREATING,
	CONTAINER_CREATED, /* or running: its init's state tells */
	CONTAINER_REMOVING,
};

struct container {
	struct list link; /* in sandbox->containers */
	struct agent *agent;
	enum container_state state;
	char *id;
	struct process *init;
	struct list execs;
	char cgroup[CGROUP_PATH_MAX]; /* "" when there is none */
	int cgroupfd;
	unsigned int namespaces; /* CLONE_NEW*: those not of the agent */
	/* For its execs: */
	ProtobufCMessage *seccomp; /* or NULL */
	struct extras extras;
	int devprog;		 /* the device rules in force, or -1 */
	struct oom_watch oom;
	/* Where the last words are: a file, or a path within a root. */
	char *termination_root, *termination_path;
	struct strv storages;	 /* mount points it keeps in use */
	/* For hooks of the guest, when it has any: */
	char *bundle, *annotations;
	struct hook_run *hooks;	 /* those that run now, or NULL */
	bool is_unhooking, is_unhooked; /* poststop: under way, over */
	/* Of the removal: who is waiting, and until when (0: for ever). */
	struct ttrpc_call *remove_call;
	struct event_timer *remove_timer;
	uint64_t remove_deadline_ms;
};

/*
 * Makes the container and its first process, which then waits for
 * container_start(). CALL is answered when that has come about. On failure here
 * nothing is left over and CALL stays the caller's.
 */
int container_create(struct agent *agent,
		     const Grpc__CreateContainerRequest *request,
		     struct ttrpc_call *call, struct err *reterr);

/* Executes a process in the container; CALL and failure as above. */
int container_exec(struct container *c, const Grpc__ExecProcessRequest *request,
		   struct ttrpc_call *call, struct err *reterr);

/* The process EXEC_ID; empty or the container's own id is the first one. */
struct process *container_find(struct container *c, const char *exec_id);

/* Kills every process of the container. */
int container_kill_all(struct container *c);

/*
 * Kills what still runs, waits for its end (TIMEOUT_S, 0: for ever), unmounts
 * and removes. Answers CALL (may be NULL) then.
 */
void container_remove(struct container *c, uint32_t timeout_s,
		      struct ttrpc_call *call);

/* Frees at once, for the end of the sandbox: what lives is killed. */
void container_free(struct container *c);

/* The first process of C is set up: prestart hooks of the guest run, then it
 * waits to be started. */
void container_process_ready(struct container *c);

/* It executes: CALL (may be NULL) is answered after the poststart hooks. */
void container_process_started(struct container *c, struct ttrpc_call *call);

/* A process of it is over, and nobody has been told yet. */
void container_process_ending(struct container *c);

/* P, which is of C, has exited; may free P, and C with it. */
void container_process_exited(struct container *c, struct process *p);

#endif
