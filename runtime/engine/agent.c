// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <string.h>

#include "base/log.h"
#include "proto/health.pb-c.h"

#define SERVICE "grpc.AgentService"
#define TEXT_MAX 800

static const struct {
	const char *service, *name;
	const ProtobufCMessageDescriptor *response;
	uint32_t timeout_ms; /* 0: as long as it takes */
} methods[] = {
	[AGENT_CHECK] = {"grpc.Health", "Check",
			 &grpc__health_check_response__descriptor, 0},
	[AGENT_CREATE_SANDBOX] = {SERVICE, "CreateSandbox",
				  &grpc__empty__descriptor, 30000},
	[AGENT_DESTROY_SANDBOX] = {SERVICE, "DestroySandbox",
				   &grpc__empty__descriptor, 5000},
	[AGENT_SET_DATE] = {SERVICE, "SetGuestDateTime",
			    &grpc__empty__descriptor, 30000},
	[AGENT_RESEED] = {SERVICE, "ReseedRandomDev", &grpc__empty__descriptor,
			  30000},
	/* Making, starting, exec: within create_container_timeout. */
	[AGENT_CREATE_CONTAINER] = {SERVICE, "CreateContainer",
				    &grpc__empty__descriptor, 0},
	[AGENT_START_CONTAINER] = {SERVICE, "StartContainer",
				   &grpc__empty__descriptor, 0},
	[AGENT_REMOVE_CONTAINER] = {SERVICE, "RemoveContainer",
				    &grpc__empty__descriptor, 10000},
	[AGENT_EXEC] = {SERVICE, "ExecProcess", &grpc__empty__descriptor, 0},
	[AGENT_EXEC_PAUSED] = {SERVICE, "ExecProcess", &grpc__empty__descriptor,
			       0},
	[AGENT_SIGNAL] = {SERVICE, "SignalProcess", &grpc__empty__descriptor,
			  10000},
	[AGENT_WAIT] = {SERVICE, "WaitProcess",
			&grpc__wait_process_response__descriptor, 0},
	[AGENT_UPDATE] = {SERVICE, "UpdateContainer", &grpc__empty__descriptor,
			  30000},
	[AGENT_PAUSE] = {SERVICE, "PauseContainer", &grpc__empty__descriptor,
			 30000},
	[AGENT_RESUME] = {SERVICE, "ResumeContainer", &grpc__empty__descriptor,
			  30000},
	[AGENT_WRITE_STDIN] = {SERVICE, "WriteStdin",
			       &grpc__write_stream_response__descriptor, 0},
	[AGENT_READ_STDOUT] = {SERVICE, "ReadStdout",
			       &grpc__read_stream_response__descriptor, 0},
	[AGENT_READ_STDERR] = {SERVICE, "ReadStderr",
			       &grpc__read_stream_response__descriptor, 0},
	[AGENT_CLOSE_STDIN] = {SERVICE, "CloseStdin", &grpc__empty__descriptor,
			       30000},
	[AGENT_RESIZE] = {SERVICE, "TtyWinResize", &grpc__empty__descriptor,
			  30000},
	[AGENT_UPDATE_INTERFACE] = {SERVICE, "UpdateInterface",
				    &types__interface__descriptor, 30000},
	[AGENT_UPDATE_ROUTES] = {SERVICE, "UpdateRoutes",
				 &grpc__routes__descriptor, 30000},
	[AGENT_ADD_NEIGHBOURS] = {SERVICE, "AddARPNeighbors",
				  &grpc__empty__descriptor, 30000},
	[AGENT_ONLINE] = {SERVICE, "OnlineCPUMem", &grpc__empty__descriptor,
			  30000},
	[AGENT_OOM] = {SERVICE, "GetOOMEvent", &grpc__oomevent__descriptor, 0},
};

void agent_call_within(struct ttrpc_conn *conn, enum agent_method method,
		       uint32_t timeout_ms, const ProtobufCMessage *request,
		       ttrpc_done_fn done, void *arg)
{
	int r;

	if (!conn) {
		done(arg, TTRPC_UNAVAILABLE, "no connection", NULL);
		return;
	}
	r = ttrpc_call(conn, methods[method].service, methods[method].name,
		       request, methods[method].response, timeout_ms, done,
		       arg);
	if (r < 0)
		done(arg, ttrpc_code_of_errno(r), strerror(-r), NULL);
}

void agent_call(struct ttrpc_conn *conn, enum agent_method method,
		const ProtobufCMessage *request, ttrpc_done_fn done, void *arg)
{
	agent_call_within(conn, method, methods[method].timeout_ms, request,
			  done, arg);
}

static void ignore_answer(void *arg UNUSED, int code UNUSED,
			  const char *text UNUSED,
			  const ProtobufCMessage *response UNUSED)
{
}

bool agent_adopt(struct ttrpc_conn *conn, enum agent_method method,
		 uint32_t stream, ttrpc_done_fn done, void *arg)
{
	return stream && ttrpc_adopt(conn, stream, methods[method].response,
				     done, arg) == 0;
}

void agent_tell(struct ttrpc_conn *conn, enum agent_method method,
		const ProtobufCMessage *request)
{
	agent_call(conn, method, request, ignore_answer, NULL);
}

int agent_error(struct err *reterr, enum agent_method method, int code,
		const char *text)
{
	char escaped[TEXT_MAX];

	return err_set(reterr, ttrpc_code_to_errno(code), "agent: %s: %s",
		       methods[method].name,
		       log_escape(escaped, sizeof(escaped), text,
				  strlen(text)));
}
