// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RPC_H
#define ENGINE_RPC_H

#include <protobuf-c/protobuf-c.h>

#include "base/err.h"

/*
 * The client's side of the supervisor's services: one call at a time, which
 * blocks. No event loop, so that a client's signals and children stay its own.
 */
#define RPC_TASK "containerd.task.v2.Task"
#define RPC_ENGINE "kiln.v1.Engine" /* what the Task service has no word for */

/* Type of CreateTaskRequest.options: the container lives no longer than the
 * connection that made it. */
#define RPC_LEASE_TYPE "kiln.v1.Lease"
/* Type of CheckpointTaskRequest.options: the container goes on afterwards. */
#define RPC_LEAVE_RUNNING_TYPE "kiln.v1.LeaveRunning"
/* Type of ExecProcessRequest.spec: a packed grpc.Process. */
#define RPC_EXEC_TYPE "grpc.ExecProcessRequest"

/*
 * Calls SERVICE/NAME on the connected socket FD. *RET (may be NULL) gets the
 * answer, to be freed with proto_free(). -EPIPE when the supervisor is gone.
 */
int rpc_call(int fd, const char *service, const char *name,
	     const ProtobufCMessage *request,
	     const ProtobufCMessageDescriptor *response, ProtobufCMessage **ret,
	     struct err *reterr);

#endif
