// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_RPC_H
#define AGENT_RPC_H

#include "agent.h"
#include "base/err.h"
#include "codec/ttrpc.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

/*
 * The agent's services. Handlers decode, call, encode; each answers CALL
 * exactly once, now or later. Which of them may be called when is data in the
 * table of rpc.c.
 */

/* The dispatch table for ttrpc_conn_new(), whose ARG is the agent. */
extern const struct ttrpc_method rpc_methods[];
extern const size_t rpc_nmethods;

typedef void (*rpc_fn)(struct agent *agent, struct ttrpc_call *call,
		       const ProtobufCMessage *request);

void rpc_reply_empty(struct ttrpc_call *call);
/* Answers with the status that tells of R and with the text of E. */
void rpc_reply_err(struct ttrpc_call *call, int r, const struct err *e);

/* The container ID, or NULL with CALL answered. */
struct container *rpc_find(struct agent *agent, const char *id,
			   struct ttrpc_call *call);
/* The process, or NULL with CALL answered. */
struct process *rpc_find_process(struct agent *agent, const char *id,
				 const char *exec_id, struct ttrpc_call *call);

/* The container's cgroup, or -1 with CALL answered. */
int rpc_find_cgroup(struct agent *agent, const char *id,
		    struct ttrpc_call *call);

/*
 * Keeps a request until the devices it needs have come, then calls FN with it;
 * after the time-out CALL is answered with an error that names WHAT is missing.
 */
void rpc_defer(struct agent *agent, struct ttrpc_call *call, rpc_fn fn,
	       const ProtobufCMessage *request, const char *what);
/* The sandbox ends: what waits is answered, and not carried out. */
void rpc_cancel_deferred(struct agent *agent);
/* Something has appeared: tries what is deferred once more. */
void rpc_retry_deferred(struct agent *agent);

/* rpc_sandbox.c */
void rpc_health_check(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);
void rpc_health_version(struct agent *, struct ttrpc_call *,
			const ProtobufCMessage *);
void rpc_create_sandbox(struct agent *, struct ttrpc_call *,
			const ProtobufCMessage *);
void rpc_destroy_sandbox(struct agent *, struct ttrpc_call *,
			 const ProtobufCMessage *);
void rpc_guest_details(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);
void rpc_set_date_time(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);
void rpc_reseed_random(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);
void rpc_set_policy(struct agent *, struct ttrpc_call *,
		    const ProtobufCMessage *);
void rpc_get_oom_event(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);
void rpc_online_cpu_mem(struct agent *, struct ttrpc_call *,
			const ProtobufCMessage *);

/* rpc_volume.c */
void rpc_update_ephemeral(struct agent *, struct ttrpc_call *,
			  const ProtobufCMessage *);
void rpc_remove_stale(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);
void rpc_volume_stats(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);
void rpc_resize_volume(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);

/* rpc_memory.c */
void rpc_mem_probe(struct agent *, struct ttrpc_call *,
		   const ProtobufCMessage *);
void rpc_add_swap(struct agent *, struct ttrpc_call *,
		  const ProtobufCMessage *);
void rpc_add_swap_path(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);
void rpc_no_mem_agent(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);

/* rpc_guest.c */
void rpc_get_metrics(struct agent *, struct ttrpc_call *,
		     const ProtobufCMessage *);
void rpc_diagnostic_data(struct agent *, struct ttrpc_call *,
			 const ProtobufCMessage *);
void rpc_get_iptables(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);
void rpc_set_iptables(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);

/* rpc_container.c */
void rpc_create_container(struct agent *, struct ttrpc_call *,
			  const ProtobufCMessage *);
void rpc_start_container(struct agent *, struct ttrpc_call *,
			 const ProtobufCMessage *);
void rpc_remove_container(struct agent *, struct ttrpc_call *,
			  const ProtobufCMessage *);
void rpc_update_container(struct agent *, struct ttrpc_call *,
			  const ProtobufCMessage *);
void rpc_stats_container(struct agent *, struct ttrpc_call *,
			 const ProtobufCMessage *);
void rpc_pause_container(struct agent *, struct ttrpc_call *,
			 const ProtobufCMessage *);
void rpc_resume_container(struct agent *, struct ttrpc_call *,
			  const ProtobufCMessage *);

/* rpc_process.c */
void rpc_exec_process(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);
void rpc_signal_process(struct agent *, struct ttrpc_call *,
			const ProtobufCMessage *);
void rpc_wait_process(struct agent *, struct ttrpc_call *,
		      const ProtobufCMessage *);
void rpc_write_stdin(struct agent *, struct ttrpc_call *,
		     const ProtobufCMessage *);
void rpc_read_stdout(struct agent *, struct ttrpc_call *,
		     const ProtobufCMessage *);
void rpc_read_stderr(struct agent *, struct ttrpc_call *,
		     const ProtobufCMessage *);
void rpc_close_stdin(struct agent *, struct ttrpc_call *,
		     const ProtobufCMessage *);
void rpc_resize_tty(struct agent *, struct ttrpc_call *,
		    const ProtobufCMessage *);

/* rpc_file.c */
void rpc_copy_file(struct agent *, struct ttrpc_call *,
		   const ProtobufCMessage *);

/* rpc_net.c */
void rpc_update_interface(struct agent *, struct ttrpc_call *,
			  const ProtobufCMessage *);
void rpc_update_routes(struct agent *, struct ttrpc_call *,
		       const ProtobufCMessage *);
void rpc_list_interfaces(struct agent *, struct ttrpc_call *,
			 const ProtobufCMessage *);
void rpc_list_routes(struct agent *, struct ttrpc_call *,
		     const ProtobufCMessage *);
void rpc_add_neighbours(struct agent *, struct ttrpc_call *,
			const ProtobufCMessage *);

#endif
