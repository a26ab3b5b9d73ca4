// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_TRANSITION_H
#define ENGINE_TRANSITION_H

#include "base/err.h"

/*
 * The life of the three kinds of objects, as tables of what may be done to
 * them in which state. Nothing else sets a state.
 */
enum sandbox_state {
	SANDBOX_NEW,
	SANDBOX_BOOTING,
	SANDBOX_READY,
	SANDBOX_STOPPING,
	SANDBOX_STOPPED,
};

enum sandbox_op {
	SANDBOX_OP_BOOT,
	SANDBOX_OP_READY,
	SANDBOX_OP_USE, /* make a container in it, or act on one */
	SANDBOX_OP_STOP,
	SANDBOX_OP_GONE,
};

enum container_status {
	CONTAINER_CREATING,
	CONTAINER_CREATED,
	CONTAINER_RUNNING,
	CONTAINER_PAUSED,
	CONTAINER_STOPPED,
	CONTAINER_DELETED,
};

enum container_op {
	CONTAINER_OP_MADE,
	CONTAINER_OP_START,
	CONTAINER_OP_EXEC,
	CONTAINER_OP_KILL,
	CONTAINER_OP_PAUSE,
	CONTAINER_OP_RESUME,
	CONTAINER_OP_UPDATE,
	CONTAINER_OP_EXIT,
	CONTAINER_OP_DELETE,
};

enum process_state {
	PROCESS_NEW,
	PROCESS_CREATED,
	PROCESS_RUNNING,
	PROCESS_STOPPED,
};

enum process_op {
	PROCESS_OP_MADE,
	PROCESS_OP_START,
	PROCESS_OP_SIGNAL,
	PROCESS_OP_RESIZE,
	PROCESS_OP_EXIT,
	PROCESS_OP_DELETE,
};

/*
 * Moves *STATE of the object called ID as OP does; -EBUSY, with a text that
 * says what can be done instead, when its state does not allow it.
 */
int sandbox_step(enum sandbox_state *state, enum sandbox_op op, const char *id,
		 struct err *reterr);
int container_step(enum container_status *state, enum container_op op,
		   const char *id, struct err *reterr);
int process_step(enum process_state *state, enum process_op op, const char *id,
		 struct err *reterr);

/* As the steps, without taking them. */
int container_may(enum container_status state, enum container_op op,
		  const char *id, struct err *reterr);
int process_may(enum process_state state, enum process_op op, const char *id,
		struct err *reterr);

/* The names of the OCI runtime specification. */
const char *container_status_name(enum container_status state);

#endif
