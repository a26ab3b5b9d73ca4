// SPDX-License-Identifier: Apache-2.0
/* Calls that concern a container. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "container.h"
#include "devgroup.h"
#include "rpc.h"
#include "storage/storage.h"

void rpc_create_container(struct agent *agent, struct ttrpc_call *call,
			  const ProtobufCMessage *request)
{
	const Grpc__CreateContainerRequest *rq =
		(const Grpc__CreateContainerRequest *)request;
	struct err e = {0};
	char what[160];
	int r;

	if (!storage_ready(agent, rq->storages, rq->n_storages, what,
			   sizeof(what)) ||
	    !device_ready(agent, rq->devices, rq->n_devices, what,
			  sizeof(what))) {
		rpc_defer(agent, call, rpc_create_container, request, what);
		return;
	}
	r = container_create(agent, rq, call, &e);
	if (r < 0) {
		log_warn("create container: %s", e.text);
		rpc_reply_err(call, r, &e);
	}
}

void rpc_start_container(struct agent *agent, struct ttrpc_call *call,
			 const ProtobufCMessage *request)
{
	const Grpc__StartContainerRequest *rq =
		(const Grpc__StartContainerRequest *)request;
	struct container *c = rpc_find(agent, rq->container_id, call);

	if (c)
		process_start(c->init, call);
}

void rpc_remove_container(struct agent *agent, struct ttrpc_call *call,
			  const ProtobufCMessage *request)
{
	const Grpc__RemoveContainerRequest *rq =
		(const Grpc__RemoveContainerRequest *)request;
	struct container *c = rpc_find(agent, rq->container_id, call);

	if (c)
		container_remove(c, rq->timeout, call);
}

int rpc_find_cgroup(struct agent *agent, const char *id,
		    struct ttrpc_call *call)
{
	struct container *c = rpc_find(agent, id, call);

	if (!c)
		return -1;
	if (c->cgroupfd < 0)
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "container '%s' has no cgroup", id);
	return c->cgroupfd;
}

void rpc_update_container(struct agent *agent, struct ttrpc_call *call,
			  const ProtobufCMessage *request)
{
	const Grpc__UpdateContainerRequest *rq =
		(const Grpc__UpdateContainerRequest *)request;
	int fd = rpc_find_cgroup(agent, rq->container_id, call);
	struct container *c;
	struct err e = {0};
	int r = 0;

	if (fd < 0)
		return;
	c = sandbox_find(agent, rq->container_id);
	if (rq->resources)
		r = cgroup_apply(fd, rq->resources, &e);
	if (!r && rq->resources)
		r = devgroup_update(fd, rq->resources, &c->devprog, &e);
	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}

static void freeze(struct agent *agent, struct ttrpc_call *call,
		   const char *id, bool frozen)
{
	int fd = rpc_find_cgroup(agent, id, call);
	int r;

	if (fd < 0)
		return;
	r = cgroup_freeze(fd, frozen);
	if (r < 0)
		ttrpc_reply_error(call, ttrpc_code_of_errno(r),
				  "freeze container '%s': %s", id,
				  strerror(-r));
	else
		rpc_reply_empty(call);
}

void rpc_pause_container(struct agent *agent, struct ttrpc_call *call,
			 const ProtobufCMessage *request)
{
	freeze(agent, call,
	       ((const Grpc__PauseContainerRequest *)request)->container_id,
	       true);
}

void rpc_resume_container(struct agent *agent, struct ttrpc_call *call,
			  const ProtobufCMessage *request)
{
	freeze(agent, call,
	       ((const Grpc__ResumeContainerRequest *)request)->container_id,
	       false);
}
