// SPDX-License-Identifier: Apache-2.0
/* Bytes of a hostile peer, given to a connection that serves and calls. */
#include <errno.h>
#include <sys/socket.h>
#include <unistd.h>

#include "codec/ttrpc.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void serve(void *arg UNUSED, struct ttrpc_call *call,
		  const ProtobufCMessage *request)
{
	ttrpc_reply(call, request);
}

static void done(void *arg UNUSED, int code UNUSED, const char *text UNUSED,
		 const ProtobufCMessage *response UNUSED)
{
}

static const struct ttrpc_method methods[] = {
	{"grpc.Health", "Check", &grpc__check_request__descriptor, serve},
	{"grpc.AgentService", "CreateContainer",
	 &grpc__create_container_request__descriptor, serve},
	{"grpc.AgentService", "CreateSandbox",
	 &grpc__create_sandbox_request__descriptor, serve},
};

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct event_loop *loop;
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;
	struct ttrpc_conn *conn;
	int fds[2];

	if (!loop)
		loop = event_loop_new();
	if (size > 65536 ||
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	conn = ttrpc_conn_new(loop, fds[0], methods, ARRAY_SIZE(methods), NULL,
			      NULL);
	(void)ttrpc_call(conn, "grpc.Health", "Check", &request.base,
			 &grpc__health_check_response__descriptor, 0, done,
			 NULL);
	(void)write_full(fds[1], data, size);
	(void)shutdown(fds[1], SHUT_WR);
	(void)event_loop_once(loop, 0);
	(void)event_loop_once(loop, 0);
	ttrpc_conn_free(conn);
	(void)close(fds[1]);
	return 0;
}
