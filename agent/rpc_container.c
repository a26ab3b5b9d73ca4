// SPDX-License-Identifier: Apache-2.0
/* Calls that concern a container. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "container.h"
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

/* The container's cgroup, or -1 with CALL answered. */
static int find_cgroup(struct agent *agent, const char *id,
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
	int fd = find_cgroup(agent, rq->container_id, call);
	struct err e = {0};
	int r;

	if (fd < 0)
		return;
	r = rq->resources ? cgroup_apply(fd, rq->resources, &e) : 0;
	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}

static void freeze(struct agent *agent, struct ttrpc_call *call,
		   const char *id, bool frozen)
{
	int fd = find_cgroup(agent, id, call);
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

/* A value of the cgroup; 0 when the controller is not there. */
static uint64_t value(int fd, const char *file, const char *key)
{
	uint64_t v;

	return cgroup_read(fd, file, key, &v) < 0 ? 0 : v;
}

void rpc_stats_container(struct agent *agent, struct ttrpc_call *call,
			 const ProtobufCMessage *request)
{
	const Grpc__StatsContainerRequest *rq =
		(const Grpc__StatsContainerRequest *)request;
	Grpc__StatsContainerResponse response =
		GRPC__STATS_CONTAINER_RESPONSE__INIT;
	Grpc__CgroupStats stats = GRPC__CGROUP_STATS__INIT;
	Grpc__CpuStats cpu = GRPC__CPU_STATS__INIT;
	Grpc__CpuUsage usage = GRPC__CPU_USAGE__INIT;
	Grpc__ThrottlingData throttling = GRPC__THROTTLING_DATA__INIT;
	Grpc__MemoryStats memory = GRPC__MEMORY_STATS__INIT;
	Grpc__MemoryData ram = GRPC__MEMORY_DATA__INIT;
	Grpc__MemoryData swap = GRPC__MEMORY_DATA__INIT;
	Grpc__PidsStats pids = GRPC__PIDS_STATS__INIT;
	int fd = find_cgroup(agent, rq->container_id, call);

	if (fd < 0)
		return;
	usage.total_usage = value(fd, "cpu.stat", "usage_usec") * 1000;
	usage.usage_in_usermode = value(fd, "cpu.stat", "user_usec") * 1000;
	usage.usage_in_kernelmode = value(fd, "cpu.stat", "system_usec") * 1000;
	throttling.periods = value(fd, "cpu.stat", "nr_periods");
	throttling.throttled_periods = value(fd, "cpu.stat", "nr_throttled");
	throttling.throttled_time =
		value(fd, "cpu.stat", "throttled_usec") * 1000;
	ram.usage = value(fd, "memory.current", NULL);
	ram.max_usage = value(fd, "memory.peak", NULL);
	ram.limit = value(fd, "memory.max", NULL);
	ram.failcnt = value(fd, "memory.events", "max");
	swap.usage = value(fd, "memory.swap.current", NULL);
	swap.limit = value(fd, "memory.swap.max", NULL);
	memory.cache = value(fd, "memory.stat", "file");
	memory.use_hierarchy = true;
	pids.current = value(fd, "pids.current", NULL);
	pids.limit = value(fd, "pids.max", NULL);
	memory.usage = &ram;
	memory.swap_usage = &swap;
	cpu.cpu_usage = &usage;
	cpu.throttling_data = &throttling;
	stats.cpu_stats = &cpu;
	stats.memory_stats = &memory;
	stats.pids_stats = &pids;
	response.cgroup_stats = &stats;
	ttrpc_reply(call, &response.base);
}
