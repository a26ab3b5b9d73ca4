// SPDX-License-Identifier: Apache-2.0
#include "rpc.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "container.h"
#include "policy.h"

#define DEFERRED_POLL_MS 20
#define DEFERRED_MAX 64

/* Policy bits. */
#define NEEDS_SANDBOX 1u

#define AGENT "grpc.AgentService"
#define HEALTH "grpc.Health"

/* ROW(service, method, request message, handler, policy) */
#define SERVED(ROW)                                                            \
	ROW(HEALTH, Check, check_request, rpc_health_check, 0)                 \
	ROW(HEALTH, Version, check_request, rpc_health_version, 0)             \
	ROW(AGENT, CreateSandbox, create_sandbox_request, rpc_create_sandbox,  \
	    0)                                                                 \
	ROW(AGENT, DestroySandbox, destroy_sandbox_request,                    \
	    rpc_destroy_sandbox, 0)                                            \
	ROW(AGENT, GetGuestDetails, guest_details_request, rpc_guest_details,  \
	    0)                                                                 \
	ROW(AGENT, SetGuestDateTime, set_guest_date_time_request,              \
	    rpc_set_date_time, 0)                                              \
	ROW(AGENT, ReseedRandomDev, reseed_random_dev_request,                 \
	    rpc_reseed_random, 0)                                              \
	ROW(AGENT, OnlineCPUMem, online_cpumem_request, rpc_online_cpu_mem, 0) \
	ROW(AGENT, GetOOMEvent, get_oomevent_request, rpc_get_oom_event,       \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, UpdateEphemeralMounts, update_ephemeral_mounts_request,     \
	    rpc_update_ephemeral, NEEDS_SANDBOX)                               \
	ROW(AGENT, RemoveStaleVirtiofsShareMounts,                             \
	    remove_stale_virtiofs_share_mounts_request, rpc_remove_stale,      \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, GetDiagnosticData, get_diagnostic_data_request,             \
	    rpc_diagnostic_data, NEEDS_SANDBOX)                                \
	ROW(AGENT, GetVolumeStats, volume_stats_request,                       \
	    rpc_volume_stats, NEEDS_SANDBOX)                                   \
	ROW(AGENT, ResizeVolume, resize_volume_request,                        \
	    rpc_resize_volume, NEEDS_SANDBOX)                                  \
	ROW(AGENT, GetIPTables, get_iptables_request, rpc_get_iptables, 0)     \
	ROW(AGENT, SetIPTables, set_iptables_request, rpc_set_iptables, 0)     \
	ROW(AGENT, GetMetrics, get_metrics_request, rpc_get_metrics, 0)        \
	ROW(AGENT, MemAgentMemcgSet, mem_agent_memcg_config,                   \
	    rpc_no_mem_agent, 0)                                               \
	ROW(AGENT, MemAgentCompactSet, mem_agent_compact_config,               \
	    rpc_no_mem_agent, 0)                                               \
	ROW(AGENT, MemHotplugByProbe, mem_hotplug_by_probe_request,            \
	    rpc_mem_probe, 0)                                                  \
	ROW(AGENT, AddSwap, add_swap_request, rpc_add_swap, 0)                 \
	ROW(AGENT, AddSwapPath, add_swap_path_request, rpc_add_swap_path, 0)   \
	ROW(AGENT, SetPolicy, set_policy_request, rpc_set_policy, 0)           \
	ROW(AGENT, CreateContainer, create_container_request,                  \
	    rpc_create_container, NEEDS_SANDBOX)                               \
	ROW(AGENT, StartContainer, start_container_request,                    \
	    rpc_start_container, NEEDS_SANDBOX)                                \
	ROW(AGENT, RemoveContainer, remove_container_request,                  \
	    rpc_remove_container, NEEDS_SANDBOX)                               \
	ROW(AGENT, UpdateContainer, update_container_request,                  \
	    rpc_update_container, NEEDS_SANDBOX)                               \
	ROW(AGENT, StatsContainer, stats_container_request,                    \
	    rpc_stats_container, NEEDS_SANDBOX)                                \
	ROW(AGENT, PauseContainer, pause_container_request,                    \
	    rpc_pause_container, NEEDS_SANDBOX)                                \
	ROW(AGENT, ResumeContainer, resume_container_request,                  \
	    rpc_resume_container, NEEDS_SANDBOX)                               \
	ROW(AGENT, ExecProcess, exec_process_request, rpc_exec_process,        \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, SignalProcess, signal_process_request, rpc_signal_process,  \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, WaitProcess, wait_process_request, rpc_wait_process,        \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, WriteStdin, write_stream_request, rpc_write_stdin,          \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, ReadStdout, read_stream_request, rpc_read_stdout,           \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, ReadStderr, read_stream_request, rpc_read_stderr,           \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, CloseStdin, close_stdin_request, rpc_close_stdin,           \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, TtyWinResize, tty_win_resize_request, rpc_resize_tty,       \
	    NEEDS_SANDBOX)                                                     \
	ROW(AGENT, CopyFile, copy_file_request, rpc_copy_file, NEEDS_SANDBOX)  \
	ROW(AGENT, UpdateInterface, update_interface_request,                  \
	    rpc_update_interface, 0)                                           \
	ROW(AGENT, UpdateRoutes, update_routes_request, rpc_update_routes, 0)  \
	ROW(AGENT, ListInterfaces, list_interfaces_request,                    \
	    rpc_list_interfaces, 0)                                            \
	ROW(AGENT, ListRoutes, list_routes_request, rpc_list_routes, 0)        \
	ROW(AGENT, AddARPNeighbors, add_arpneighbors_request,                  \
	    rpc_add_neighbours, 0)

struct row {
	const char *service, *method;
	rpc_fn fn;
	unsigned int bits;
};

static void serve(struct agent *agent, struct ttrpc_call *call,
		  const ProtobufCMessage *request, const struct row *row)
{
	struct err e = {0};

	/* That the agent is alive is nobody's secret. */
	if (strcmp(row->service, HEALTH) &&
	    policy_check(agent->policy, row->method, request, &e) < 0) {
		log_warn("%s", e.text);
		rpc_reply_err(call, e.code, &e);
		return;
	}
	if (row->bits & NEEDS_SANDBOX && !agent->sandbox.created) {
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "there is no sandbox yet");
		return;
	}
	row->fn(agent, call, request);
}

/* A handler is not told its row, so each row has a function that knows. */
#define SERVE(service, method, message, fn, policy)                            \
	static void serve_##method(void *arg, struct ttrpc_call *call,         \
				   const ProtobufCMessage *request)            \
	{                                                                      \
		static const struct row row = {service, #method, fn, policy};  \
                                                                               \
		serve(arg, call, request, &row);                               \
	}
SERVED(SERVE)

#define METHOD(service, method, message, fn, policy)                           \
	{service, #method, &grpc__##message##__descriptor, serve_##method},

const struct ttrpc_method rpc_methods[] = {
	SERVED(METHOD)
};
const size_t rpc_nmethods = ARRAY_SIZE(rpc_methods);

void rpc_reply_empty(struct ttrpc_call *call)
{
	Grpc__Empty empty = GRPC__EMPTY__INIT;

	ttrpc_reply(call, &empty.base);
}

void rpc_reply_err(struct ttrpc_call *call, int r, const struct err *e)
{
	ttrpc_reply_error(call, ttrpc_code_of_errno(r), "%s", e->text);
}

struct container *rpc_find(struct agent *agent, const char *id,
			   struct ttrpc_call *call)
{
	struct container *c = sandbox_find(agent, id);

	if (!c)
		ttrpc_reply_error(call, TTRPC_NOT_FOUND,
				  "container '%.200s' not found", id);
	return c;
}

struct process *rpc_find_process(struct agent *agent, const char *id,
				 const char *exec_id, struct ttrpc_call *call)
{
	struct container *c = rpc_find(agent, id, call);
	struct process *p;

	if (!c)
		return NULL;
	p = container_find(c, exec_id);
	if (!p)
		ttrpc_reply_error(call, TTRPC_NOT_FOUND,
				  "process '%.200s' of container '%s' not "
				  "found", exec_id, id);
	return p;
}

struct deferred {
	struct list link;
	struct ttrpc_call *call;
	rpc_fn fn;
	uint64_t deadline_ms;
	const ProtobufCMessageDescriptor *descriptor;
	size_t n;
	uint8_t packed[];
};

static void deferred_free(struct deferred *d)
{
	list_del(&d->link);
	free(d);
}

/*
 * A deferred request is run as if it had just come, and may find that it must
 * be deferred again: that makes a new entry at the end of the list, with the
 * deadline of the old (agent->deferred_until_ms).
 */
static void run_deferred(struct agent *agent, struct deferred *d)
{
	ProtobufCMessage *m = NULL;

	if (!ttrpc_call_is_live(d->call)) {
		/* Nobody would know of what it makes. */
		ttrpc_reply_error(d->call, TTRPC_CANCELLED, "the host is gone");
		return;
	}
	m = proto_unpack(d->descriptor, d->n, d->packed);
	agent->deferred_until_ms = d->deadline_ms;
	if (m)
		d->fn(agent, d->call, m);
	else
		ttrpc_reply_error(d->call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
	agent->deferred_until_ms = 0;
	proto_free(m);
}

void rpc_retry_deferred(struct agent *agent)
{
	struct list todo = LIST_INIT(todo);
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &agent->deferred) {
		list_del(pos);
		list_append(&todo, pos);
	}
	list_foreach_safe(pos, tmp, &todo) {
		struct deferred *d = list_entry(pos, struct deferred, link);

		run_deferred(agent, d);
		deferred_free(d);
	}
}

void rpc_cancel_deferred(struct agent *agent)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &agent->deferred) {
		struct deferred *d = list_entry(pos, struct deferred, link);

		ttrpc_reply_error(d->call, TTRPC_CANCELLED, "the sandbox ends");
		deferred_free(d);
	}
}

static void on_deferred(void *arg)
{
	rpc_retry_deferred(arg);
}

void rpc_defer(struct agent *agent, struct ttrpc_call *call, rpc_fn fn,
	       const ProtobufCMessage *request, const char *what)
{
	size_t n = protobuf_c_message_get_packed_size(request);
	uint64_t deadline_ms = agent->deferred_until_ms;
	struct deferred *d;
	struct list *pos;
	size_t waiting = 0;

	list_foreach(pos, &agent->deferred)
		waiting++;
	if (waiting >= DEFERRED_MAX) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "too many requests wait for a device");
		return;
	}
	if (!deadline_ms)
		deadline_ms = event_now_ms() + agent->config.hotplug_timeout_ms;
	if (event_now_ms() >= deadline_ms) {
		ttrpc_reply_error(call, TTRPC_DEADLINE_EXCEEDED,
				  "%s did not appear within %u ms", what,
				  agent->config.hotplug_timeout_ms);
		return;
	}
	d = malloc(sizeof(*d) + n);
	if (!agent->deferred_timer)
		agent->deferred_timer = event_timer_new(agent->loop,
							on_deferred, agent);
	if (!d || !agent->deferred_timer) {
		cleanup_freep(&d);
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
		return;
	}
	d->call = call;
	d->fn = fn;
	d->deadline_ms = deadline_ms;
	d->descriptor = request->descriptor;
	d->n = n;
	(void)protobuf_c_message_pack(request, d->packed);
	list_append(&agent->deferred, &d->link);
	event_timer_set(agent->deferred_timer, DEFERRED_POLL_MS);
}
