// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_AGENT_H
#define ENGINE_AGENT_H

#include "base/err.h"
#include "codec/ttrpc.h"
#include "proto/agent.pb-c.h"

/* The calls of the guest's agent that the engine makes. */
enum agent_method {
	AGENT_CHECK,
	AGENT_CREATE_SANDBOX,
	AGENT_DESTROY_SANDBOX,
	AGENT_SET_DATE,
	AGENT_RESEED,
	AGENT_CREATE_CONTAINER,
	AGENT_START_CONTAINER,
	AGENT_REMOVE_CONTAINER,
	AGENT_EXEC,
	AGENT_EXEC_PAUSED, /* for as long as it takes */
	AGENT_SIGNAL,
	AGENT_WAIT,
	AGENT_UPDATE,
	AGENT_PAUSE,
	AGENT_RESUME,
	AGENT_WRITE_STDIN,
	AGENT_READ_STDOUT,
	AGENT_READ_STDERR,
	AGENT_CLOSE_STDIN,
	AGENT_RESIZE,
	AGENT_UPDATE_INTERFACE,
	AGENT_UPDATE_ROUTES,
	AGENT_ADD_NEIGHBOURS,
	AGENT_ONLINE,
	AGENT_OOM,
};

/*
 * Calls METHOD; DONE gets the answer as from ttrpc_call(), which is of the type
 * that the protocol says. With no connection the answer is "unavailable", at
 * once, so that callers have one path for failure.
 */
void agent_call(struct ttrpc_conn *conn, enum agent_method method,
		const ProtobufCMessage *request, ttrpc_done_fn done, void *arg);

/* The same with a time limit in place of the method's own. */
void agent_call_within(struct ttrpc_conn *conn, enum agent_method method,
		       uint32_t timeout_ms, const ProtobufCMessage *request,
		       ttrpc_done_fn done, void *arg);

/* Waits for the answer to STREAM, a call of METHOD that another connection has
 * made; false when that is 0, or not possible. */
bool agent_adopt(struct ttrpc_conn *conn, enum agent_method method,
		 uint32_t stream, ttrpc_done_fn done, void *arg);

/* As agent_call() when nobody cares for the answer. */
void agent_tell(struct ttrpc_conn *conn, enum agent_method method,
		const ProtobufCMessage *request);

/* The error of an answer, its text escaped: "agent: <what>: <text>". */
int agent_error(struct err *reterr, enum agent_method method, int code,
		const char *text);

#endif
