// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_PROCESS_H
#define AGENT_PROCESS_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/list.h"
#include "codec/ttrpc.h"
#include "extras.h"
#include "idmap.h"
#include "proto/oci.pb-c.h"
#include "stream.h"

struct container;

enum process_state {
	PROCESS_NEW,
	PROCESS_SETTING_UP, /* the child prepares itself */
	PROCESS_READY,	    /* it waits for the word to execute */
	PROCESS_STARTING,
	PROCESS_RUNNING,
	PROCESS_EXITED, /* also when it never came to run */
};

/* A container's first process, or one that was executed into it. */
struct process {
	struct list link;	     /* of container->execs; unused by init */
	struct container *container; /* not owned */
	struct event_loop *loop;
	char *id;		     /* exec id; the container's id for init */
	enum process_state state;
	pid_t pid;
	int pidfd;
	int sync;		     /* to the child, until it executes */
	struct event_io *sync_io;
	bool is_init, tty, hold;     /* hold: wait for process_start() */
	bool failed;		     /* exited without having executed */
	char *failure;		     /* what the child says about that */
	int failure_code;
	bool waited;		     /* somebody has been told the status */
	int status;		     /* exit code, or 128 + signal */
	struct stream_in in;
	struct stream_out out, err;
	struct list waiters;
	struct ttrpc_call *call;     /* waits for the end of the set-up */
};

struct process *process_new(struct event_loop *loop, struct container *c,
			    const char *id, bool is_init);
/* Kills it when it lives; answers all who wait. NULL is fine. */
void process_free(struct process *p);

/* How a process is to be made: for process_spawn() and the child. */
struct launch {
	const Grpc__Spec *spec;		/* of the container; NULL for execs */
	const Grpc__Process *process;
	struct container *container;
	const Grpc__LinuxSeccomp *seccomp; /* or NULL */
	const struct extras *extras;	/* of the container */
	const char *cgroup_dir;		/* of the container; NULL: none */
	unsigned int clone_flags;	/* new namespaces, with the child */
	unsigned int join_flags;	/* by TARGET, in the child */
	int target;			/* pidfd to join by, or -1 */
	int pidns;			/* as for ns_clone() */
	int cgroupfd;
	int ns_fds[8];			/* of paths, joined in the child */
	unsigned int n_ns_fds;
	struct idmaps idmaps;
	bool new_cgroupns, new_timens, joined_userns;
};

/*
 * Makes the child with its streams and lets it set itself up. CALL is answered
 * when that is done (init), or when it executes (hold is false), or with the
 * error. On failure here CALL stays the caller's.
 */
int process_spawn(struct process *p, const struct launch *launch,
		  struct ttrpc_call *call, struct err *reterr);

/* The first process of a container may be started from now on. */
void process_ready(struct process *p);

/* Lets a ready process execute its program; answers CALL when it has. */
void process_start(struct process *p, struct ttrpc_call *call);

/* Answers CALL with the exit status, once there is one. */
void process_wait(struct process *p, struct ttrpc_call *call);

/* -ESRCH when it has exited. */
int process_signal(const struct process *p, int signo);

int process_resize(const struct process *p, uint16_t rows, uint16_t columns);

/*
 * What the child says on the socket that joins it to the agent: one message,
 * the terminal's master with PROCESS_MSG_TTY. The agent answers with one byte
 * for each wait.
 */
enum process_msg_kind {
	PROCESS_MSG_TTY,
	PROCESS_MSG_READY,
	PROCESS_MSG_ERROR,
};

struct process_msg {
	int kind;
	struct err err;
};

/* The child's side; does not return. SYNC and the streams are at fixed fds:
 * 0, 1, 2 are the program's (unless it gets a terminal), then these. */
#define CHILD_SYNC_FD 3
#define CHILD_TARGET_FD 4
#define CHILD_NS_FDS 5
static inline int child_idmap_fd(const struct launch *l, int i)
{
	return CHILD_NS_FDS + (int)l->n_ns_fds + i;
}

void child_main(const struct launch *launch) __attribute__((noreturn));

#endif
