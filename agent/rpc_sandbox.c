// SPDX-License-Identifier: Apache-2.0
/* Calls that concern the guest as a whole. */
#include <errno.h>
#include <fcntl.h>
#include <linux/random.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "hotplug.h"
#include "oom.h"
#include "os/io.h"
#include "policy.h"
#include "rpc.h"
#include "storage/storage.h"

#define PROTOCOL_VERSION "0.0.1"
#define ENTROPY_MAX 4096
#define SYSFS_VALUE_MAX 4096

void rpc_health_check(struct agent *agent UNUSED, struct ttrpc_call *call,
		      const ProtobufCMessage *request UNUSED)
{
	Grpc__HealthCheckResponse response = GRPC__HEALTH_CHECK_RESPONSE__INIT;

	response.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &response.base);
}

void rpc_health_version(struct agent *agent UNUSED, struct ttrpc_call *call,
			const ProtobufCMessage *request UNUSED)
{
	Grpc__VersionCheckResponse response =
		GRPC__VERSION_CHECK_RESPONSE__INIT;
	char protocol[] = PROTOCOL_VERSION, version[] = AGENT_VERSION;

	response.grpc_version = protocol;
	response.agent_version = version;
	ttrpc_reply(call, &response.base);
}

void rpc_create_sandbox(struct agent *agent, struct ttrpc_call *call,
			const ProtobufCMessage *request)
{
	const Grpc__CreateSandboxRequest *rq =
		(const Grpc__CreateSandboxRequest *)request;
	struct err e = {0};
	char what[160];
	int r;

	if (!storage_ready(agent, rq->storages, rq->n_storages, what,
			   sizeof(what))) {
		rpc_defer(agent, call, rpc_create_sandbox, request, what);
		return;
	}
	r = sandbox_create(agent, rq, &e);
	if (r < 0) {
		log_err("create sandbox: %s", e.text);
		rpc_reply_err(call, r, &e);
		return;
	}
	log_debug("sandbox '%s' created", rq->sandbox_id);
	rpc_reply_empty(call);
}

void rpc_destroy_sandbox(struct agent *agent, struct ttrpc_call *call,
			 const ProtobufCMessage *request UNUSED)
{
	sandbox_end(agent, call);
}

/* The size of a memory block, hexadecimal in sysfs; 0 without hot-plug. */
static uint64_t memory_block_size(const struct agent *agent)
{
	cleanup_free char *path = path_join(
		agent->sysfs, "devices/system/memory/block_size_bytes");
	cleanup_free char *text = NULL;
	uint64_t size = 0;

	if (!path ||
	    read_file(AT_FDCWD, path, SYSFS_VALUE_MAX, &text, NULL) < 0)
		return 0;
	text[strcspn(text, "\n")] = '\0';
	return parse_u64(text, 16, &size) < 0 ? 0 : size;
}

void rpc_guest_details(struct agent *agent, struct ttrpc_call *call,
		       const ProtobufCMessage *request)
{
	static const char *const device_types[] = {
		"blk",	    "blk-ccw",	   "scsi",    "mmioblk", "nvdimm",
		"vfio-pci", "vfio-pci-gk", "vfio-ap", "vfio-ap-cold",
	};
	const Grpc__GuestDetailsRequest *rq =
		(const Grpc__GuestDetailsRequest *)request;
	Grpc__GuestDetailsResponse response =
		GRPC__GUEST_DETAILS_RESPONSE__INIT;
	Grpc__AgentDetails details = GRPC__AGENT_DETAILS__INIT;
	cleanup_free char *probe = path_join(agent->sysfs,
					     "devices/system/memory/probe");
	char version[] = AGENT_VERSION;
	char *types[ARRAY_SIZE(device_types)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(types); i++)
		types[i] = (char *)(uintptr_t)device_types[i];
	details.version = version;
	details.init_daemon = getpid() == 1;
	details.device_handlers = types;
	details.n_device_handlers = ARRAY_SIZE(types);
	details.storage_handlers =
		(char **)(uintptr_t)storage_driver_names(
			&details.n_storage_handlers);
	details.supports_seccomp = true;
	response.agent_details = &details;
	if (rq->mem_block_size)
		response.mem_block_size_bytes = memory_block_size(agent);
	if (rq->mem_hotplug_probe)
		response.support_mem_hotplug_probe =
			probe && access(probe, F_OK) == 0;
	ttrpc_reply(call, &response.base);
}

void rpc_set_date_time(struct agent *agent UNUSED, struct ttrpc_call *call,
		       const ProtobufCMessage *request)
{
	const Grpc__SetGuestDateTimeRequest *rq =
		(const Grpc__SetGuestDateTimeRequest *)request;
	const struct timeval tv = {(time_t)rq->sec, (suseconds_t)rq->usec};
	struct err e;
	int r;

	if (rq->sec < 0 || rq->usec < 0 || rq->usec > 999999) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "time out of range");
		return;
	}
	if (settimeofday(&tv, NULL) < 0) {
		r = err_errno(&e, "set the time");
		rpc_reply_err(call, r, &e);
		return;
	}
	rpc_reply_empty(call);
}

static int reseed(const uint8_t *data, size_t n, struct err *reterr)
{
	cleanup_free struct rand_pool_info *info = NULL;
	cleanup_close int fd = open("/dev/urandom", O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(reterr, "open /dev/urandom");
	info = malloc(sizeof(*info) + n);
	if (!info)
		return err_set(reterr, -ENOMEM, "out of memory");
	info->entropy_count = (int)n * 8;
	info->buf_size = (int)n;
	memcpy(info->buf, data, n);
	if (ioctl(fd, RNDADDENTROPY, info) < 0)
		return err_errno(reterr, "add entropy");
	if (ioctl(fd, RNDRESEEDCRNG) < 0)
		return err_errno(reterr, "reseed");
	return 0;
}

void rpc_reseed_random(struct agent *agent UNUSED, struct ttrpc_call *call,
		       const ProtobufCMessage *request)
{
	const Grpc__ReseedRandomDevRequest *rq =
		(const Grpc__ReseedRandomDevRequest *)request;
	struct err e = {0};
	int r;

	if (!rq->data.len || rq->data.len > ENTROPY_MAX) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "entropy of %zu bytes", rq->data.len);
		return;
	}
	r = reseed(rq->data.data, rq->data.len, &e);
	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}

void rpc_set_policy(struct agent *agent, struct ttrpc_call *call,
		    const ProtobufCMessage *request)
{
	const Grpc__SetPolicyRequest *rq =
		(const Grpc__SetPolicyRequest *)request;
	struct policy *policy = NULL;
	struct err e = {0};
	int r = policy_parse(rq->policy, rpc_methods, rpc_nmethods, &policy,
			     &e);

	if (r < 0) {
		rpc_reply_err(call, r, &e);
		return;
	}
	policy_free(agent->policy);
	agent->policy = policy;
	log_info("policy replaced");
	rpc_reply_empty(call);
}

void rpc_get_oom_event(struct agent *agent, struct ttrpc_call *call,
		       const ProtobufCMessage *request UNUSED)
{
	oom_await(agent, call);
}

void rpc_online_cpu_mem(struct agent *agent, struct ttrpc_call *call,
			const ProtobufCMessage *request)
{
	const Grpc__OnlineCPUMemRequest *rq =
		(const Grpc__OnlineCPUMemRequest *)request;

	if (rq->cpus || rq->memory_mib)
		hotplug_settle(agent, call, rq->cpus, rq->memory_mib);
	else
		hotplug_online(agent, call, rq->wait ? rq->nb_cpus : 0,
			       rq->cpu_only);
}
