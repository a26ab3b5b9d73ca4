// SPDX-License-Identifier: Apache-2.0
//
// The Task service: requests become calls of the engine, their ends become
// answers. No behaviour lives here.
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"
#include "proto/task.pb-c.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/stats.h"
#include "runtime/engine/rpc.h"

#define VERSION_TEXT "2"

/* A client's connection. */
struct door {
	struct list link; /* in engine->doors */
	struct engine *eng;
	struct ttrpc_conn *conn; /* owned */
	/* The container this client makes, until it is made, or for good when
	 * it asked for a lease: without the client it has no use. */
	char *making; /* owned */
	bool lease;
};

/* A request that is answered later. */
struct request {
	struct ttrpc_call *call;
	struct process *p; /* whose pid the answer gives */
	struct door *door;
};

static void reply_err(struct ttrpc_call *call, int code, const struct err *e)
{
	ttrpc_reply_error(call, ttrpc_code_of_errno(code), "%s", e->text);
}

static void reply_empty(struct ttrpc_call *call)
{
	Containerd__Task__V2__Empty empty = CONTAINERD__TASK__V2__EMPTY__INIT;

	ttrpc_reply(call, &empty.base);
}

/* engine_done_fn of requests that are answered with nothing. */
static void done_empty(void *arg, int code, const struct err *e)
{
	struct ttrpc_call *call = arg;

	if (code < 0)
		reply_err(call, code, e);
	else
		reply_empty(call);
}

/* The container of a request; NULL when there is none, and it is answered. */
static struct container *find(struct door *door, struct ttrpc_call *call,
			      const char *id)
{
	struct container *c = sandbox_find(door->eng->sandbox, id);

	if (!c)
		ttrpc_reply_error(call, TTRPC_NOT_FOUND,
				  "container '%.128s' does not exist", id);
	return c;
}

static struct process *find_process(struct door *door, struct ttrpc_call *call,
				    const char *id, const char *exec_id)
{
	struct container *c = find(door, call, id);
	struct process *p = c ? container_find(c, exec_id) : NULL;

	if (c && !p)
		ttrpc_reply_error(call, TTRPC_NOT_FOUND,
				  "no process '%.128s' in container '%s'",
				  exec_id, c->id);
	return p;
}

/* --- create and start --- */

static void done_create(void *arg, int code, const struct err *e)
{
	struct request *rq = arg;
	Containerd__Task__V2__CreateTaskResponse response =
		CONTAINERD__TASK__V2__CREATE_TASK_RESPONSE__INIT;
	struct door *door = ttrpc_call_arg(rq->call);
	struct container *c = NULL;

	if (door && door->making)
		c = sandbox_find(door->eng->sandbox, door->making);
	if (door && !door->lease) {
		free(door->making);
		door->making = NULL;
	}
	if (c && c->init)
		response.pid = (uint32_t)c->init->stub_pid;
	if (code < 0)
		reply_err(rq->call, code, e);
	else
		ttrpc_reply(rq->call, &response.base);
	free(rq);
}

static void on_create(void *arg, struct ttrpc_call *call,
		      const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CreateTaskRequest *request =
		(const Containerd__Task__V2__CreateTaskRequest *)message;
	struct door *door = arg;
	struct request *rq = calloc(1, sizeof(*rq));

	if (!rq || door->making) {
		free(rq);
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "one container at a time");
		return;
	}
	rq->call = call;
	door->making = strdup(request->id);
	door->lease = request->options &&
		      !strcmp(request->options->type_url, RPC_LEASE_TYPE);
	container_create(door->eng->sandbox, request->id, request->bundle,
			 request->checkpoint, done_create, rq);
}

static void done_start(void *arg, int code, const struct err *e)
{
	struct request *rq = arg;
	Containerd__Task__V2__StartResponse response =
		CONTAINERD__TASK__V2__START_RESPONSE__INIT;

	if (code < 0) {
		reply_err(rq->call, code, e);
	} else {
		response.pid = (uint32_t)rq->p->stub_pid;
		ttrpc_reply(rq->call, &response.base);
	}
	free(rq);
}

static void on_start(void *arg, struct ttrpc_call *call,
		     const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StartRequest *request =
		(const Containerd__Task__V2__StartRequest *)message;
	struct process *p = find_process(arg, call, request->id,
					 request->exec_id);
	struct request *rq;

	if (!p)
		return;
	rq = calloc(1, sizeof(*rq));
	if (!rq) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED, "no memory");
		return;
	}
	rq->call = call;
	rq->p = p;
	if (process_is_init(p))
		container_start(p->container, done_start, rq);
	else
		process_start_exec(p, done_start, rq);
}

static void on_exec(void *arg, struct ttrpc_call *call,
		    const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ExecProcessRequest *request =
		(const Containerd__Task__V2__ExecProcessRequest *)message;
	struct container *c = find(arg, call, request->id);
	struct err err = {0};
	int r;

	if (!c)
		return;
	if (!request->spec ||
	    strcmp(request->spec->type_url, RPC_EXEC_TYPE)) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "no process of a known type");
		return;
	}
	r = container_exec(c, request->exec_id, request->terminal,
			   request->spec->value.data,
			   request->spec->value.len, &err);
	done_empty(call, r, &err);
}

/* --- the others --- */

static Containerd__Task__V2__Status status_of(const struct process *p)
{
	static const Containerd__Task__V2__Status of_container[] = {
		[CONTAINER_CREATING] = CONTAINERD__TASK__V2__STATUS__CREATED,
		[CONTAINER_CREATED] = CONTAINERD__TASK__V2__STATUS__CREATED,
		[CONTAINER_RUNNING] = CONTAINERD__TASK__V2__STATUS__RUNNING,
		[CONTAINER_PAUSED] = CONTAINERD__TASK__V2__STATUS__PAUSED,
		[CONTAINER_STOPPED] = CONTAINERD__TASK__V2__STATUS__STOPPED,
		[CONTAINER_DELETED] = CONTAINERD__TASK__V2__STATUS__STOPPED,
	};

	if (process_is_init(p))
		return of_container[p->container->status];
	if (p->state == PROCESS_RUNNING)
		return CONTAINERD__TASK__V2__STATUS__RUNNING;
	return p->state == PROCESS_STOPPED
		       ? CONTAINERD__TASK__V2__STATUS__STOPPED
		       : CONTAINERD__TASK__V2__STATUS__CREATED;
}

static void on_state(void *arg, struct ttrpc_call *call,
		     const ProtobufCMessage *message)
{
	const Containerd__Task__V2__StateRequest *request =
		(const Containerd__Task__V2__StateRequest *)message;
	Containerd__Task__V2__StateResponse response =
		CONTAINERD__TASK__V2__STATE_RESPONSE__INIT;
	Containerd__Task__V2__Timestamp at =
		CONTAINERD__TASK__V2__TIMESTAMP__INIT;
	struct process *p = find_process(arg, call, request->id,
					 request->exec_id);

	if (!p)
		return;
	response.id = p->container->id;
	response.exec_id = p->exec_id;
	response.bundle = p->container->bundle;
	response.pid = (uint32_t)p->stub_pid;
	response.terminal = p->terminal;
	response.status = status_of(p);
	response.exit_status = (uint32_t)p->exit_status;
	at.seconds = p->exited_sec;
	at.nanos = p->exited_nsec;
	response.exited_at = &at;
	ttrpc_reply(call, &response.base);
}

static void on_kill(void *arg, struct ttrpc_call *call,
		    const ProtobufCMessage *message)
{
	const Containerd__Task__V2__KillRequest *request =
		(const Containerd__Task__V2__KillRequest *)message;
	struct container *c = find(arg, call, request->id);

	if (c)
		container_kill(c, request->exec_id, request->signal,
			       request->all, done_empty, call);
}

static void on_pause(void *arg, struct ttrpc_call *call,
		     const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PauseRequest *request =
		(const Containerd__Task__V2__PauseRequest *)message;
	struct container *c = find(arg, call, request->id);

	if (c)
		container_pause(c, false, done_empty, call);
}

static void on_resume(void *arg, struct ttrpc_call *call,
		      const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResumeRequest *request =
		(const Containerd__Task__V2__ResumeRequest *)message;
	struct container *c = find(arg, call, request->id);

	if (c)
		container_pause(c, true, done_empty, call);
}

static void on_stats(void *arg, struct ttrpc_call *call,
		     const ProtobufCMessage *message)
{
	const Grpc__StatsContainerRequest *request =
		(const Grpc__StatsContainerRequest *)message;
	struct container *c = find(arg, call, request->container_id);

	if (c)
		stats_answer(c, call);
}

static void on_oom(void *arg, struct ttrpc_call *call,
		   const ProtobufCMessage *message)
{
	const Grpc__StatsContainerRequest *request =
		(const Grpc__StatsContainerRequest *)message;
	Containerd__Task__V2__OomResponse response =
		CONTAINERD__TASK__V2__OOM_RESPONSE__INIT;
	struct container *c = find(arg, call, request->container_id);

	if (!c)
		return;
	response.count = c->ooms;
	ttrpc_reply(call, &response.base);
}

static void on_update(void *arg, struct ttrpc_call *call,
		      const ProtobufCMessage *message)
{
	const Grpc__UpdateContainerRequest *request =
		(const Grpc__UpdateContainerRequest *)message;
	struct container *c = find(arg, call, request->container_id);

	if (!c)
		return;
	if (!request->resources) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "no resources to update '%s' with", c->id);
		return;
	}
	container_update(c, request->resources, done_empty, call);
}

static void on_resize(void *arg, struct ttrpc_call *call,
		      const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ResizePtyRequest *request =
		(const Containerd__Task__V2__ResizePtyRequest *)message;
	struct process *p = find_process(arg, call, request->id,
					 request->exec_id);

	if (!p)
		return;
	process_resize(p, request->height, request->width);
	reply_empty(call);
}

static void on_close_io(void *arg, struct ttrpc_call *call,
			const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CloseIORequest *request =
		(const Containerd__Task__V2__CloseIORequest *)message;
	struct process *p = find_process(arg, call, request->id,
					 request->exec_id);

	if (!p)
		return;
	if (request->stdin)
		process_close_stdin(p);
	reply_empty(call);
}

static void on_wait(void *arg, struct ttrpc_call *call,
		    const ProtobufCMessage *message)
{
	const Containerd__Task__V2__WaitRequest *request =
		(const Containerd__Task__V2__WaitRequest *)message;
	struct process *p = find_process(arg, call, request->id,
					 request->exec_id);

	if (p)
		process_wait(p, call);
}

static void on_delete(void *arg, struct ttrpc_call *call,
		      const ProtobufCMessage *message)
{
	const Containerd__Task__V2__DeleteRequest *request =
		(const Containerd__Task__V2__DeleteRequest *)message;
	Containerd__Task__V2__DeleteResponse response =
		CONTAINERD__TASK__V2__DELETE_RESPONSE__INIT;
	Containerd__Task__V2__Timestamp at =
		CONTAINERD__TASK__V2__TIMESTAMP__INIT;
	struct process *p = find_process(arg, call, request->id,
					 request->exec_id);
	struct err err = {0};
	int r;

	if (!p)
		return;
	if (process_is_init(p))
		r = container_delete(p->container, &err);
	else
		r = process_step(&p->state, PROCESS_OP_DELETE, p->exec_id,
				 &err);
	if (r < 0) {
		reply_err(call, r, &err);
		return;
	}
	response.pid = (uint32_t)p->stub_pid;
	response.exit_status = (uint32_t)p->exit_status;
	at.seconds = p->exited_sec;
	at.nanos = p->exited_nsec;
	response.exited_at = &at;
	ttrpc_reply(call, &response.base);
	if (!process_is_init(p))
		process_free(p);
}

static void on_pids(void *arg, struct ttrpc_call *call,
		    const ProtobufCMessage *message)
{
	const Containerd__Task__V2__PidsRequest *request =
		(const Containerd__Task__V2__PidsRequest *)message;
	Containerd__Task__V2__PidsResponse response =
		CONTAINERD__TASK__V2__PIDS_RESPONSE__INIT;
	struct container *c = find(arg, call, request->id);
	cleanup_free Containerd__Task__V2__ProcessInfo *infos = NULL;
	cleanup_free Containerd__Task__V2__ProcessInfo **list = NULL;
	struct list *pos;
	size_t n = 0;

	if (!c)
		return;
	list_foreach(pos, &c->processes)
		n++;
	infos = calloc(n + 1, sizeof(*infos));
	list = calloc(n + 1, sizeof(*list));
	n = 0;
	list_foreach(pos, &c->processes) {
		struct process *p = list_entry(pos, struct process, link);

		if (!infos || !list || !p->stub || p->stub_pid <= 0)
			continue;
		containerd__task__v2__process_info__init(&infos[n]);
		infos[n].pid = (uint32_t)p->stub_pid;
		list[n] = &infos[n];
		n++;
	}
	response.processes = list;
	response.n_processes = n;
	ttrpc_reply(call, &response.base);
}

static void on_checkpoint(void *arg, struct ttrpc_call *call,
			  const ProtobufCMessage *message)
{
	const Containerd__Task__V2__CheckpointTaskRequest *request =
		(const Containerd__Task__V2__CheckpointTaskRequest *)message;
	struct container *c = find(arg, call, request->id);

	if (c)
		checkpoint_save(c, request->path,
				request->options &&
					!strcmp(request->options->type_url,
						RPC_LEAVE_RUNNING_TYPE),
				done_empty, call);
}

static void on_connect(void *arg, struct ttrpc_call *call,
		       const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ConnectRequest *request =
		(const Containerd__Task__V2__ConnectRequest *)message;
	Containerd__Task__V2__ConnectResponse response =
		CONTAINERD__TASK__V2__CONNECT_RESPONSE__INIT;
	struct door *door = arg;
	struct container *c = sandbox_find(door->eng->sandbox, request->id);

	response.shim_pid = (uint32_t)getpid();
	if (c && c->init)
		response.task_pid = (uint32_t)c->init->stub_pid;
	response.version = (char *)(uintptr_t)VERSION_TEXT;
	ttrpc_reply(call, &response.base);
}

static void on_shutdown(void *arg, struct ttrpc_call *call,
			const ProtobufCMessage *message)
{
	const Containerd__Task__V2__ShutdownRequest *request =
		(const Containerd__Task__V2__ShutdownRequest *)message;
	struct door *door = arg;
	struct engine *eng = door->eng;
	struct list *pos;
	bool in_use = false;

	list_foreach(pos, &eng->sandbox->containers)
		in_use |= !list_entry(pos, struct container, link)->deleted;
	reply_empty(call);
	if (request->now || !in_use)
		engine_shutdown(eng);
}

#define TASK(name, request, handler)                                           \
	{                                                                      \
		RPC_TASK, name, &containerd__task__v2__##request##__descriptor, \
			handler                                                \
	}

static const struct ttrpc_method methods[] = {
	TASK("State", state_request, on_state),
	TASK("Create", create_task_request, on_create),
	TASK("Start", start_request, on_start),
	TASK("Delete", delete_request, on_delete),
	TASK("Pids", pids_request, on_pids),
	TASK("Pause", pause_request, on_pause),
	TASK("Resume", resume_request, on_resume),
	TASK("Kill", kill_request, on_kill),
	TASK("Checkpoint", checkpoint_task_request, on_checkpoint),
	TASK("Exec", exec_process_request, on_exec),
	TASK("ResizePty", resize_pty_request, on_resize),
	TASK("CloseIO", close_iorequest, on_close_io),
	TASK("Wait", wait_request, on_wait),
	TASK("Connect", connect_request, on_connect),
	TASK("Shutdown", shutdown_request, on_shutdown),
	{RPC_ENGINE, "Update", &grpc__update_container_request__descriptor,
	 on_update},
	{RPC_ENGINE, "Oom", &grpc__stats_container_request__descriptor, on_oom},
	{RPC_ENGINE, "Stats", &grpc__stats_container_request__descriptor,
	 on_stats},
};

static void door_free(struct door *door)
{
	list_del(&door->link);
	ttrpc_conn_free(door->conn);
	free(door->making);
	free(door);
}

static void on_closed(void *arg, struct ttrpc_conn *conn UNUSED,
		      int reason UNUSED)
{
	struct door *door = arg;
	struct engine *eng = door->eng;
	cleanup_free char *orphan = TAKE_PTR(door->making);
	struct container *c = NULL;

	door_free(door);
	if (orphan && strcmp(orphan, eng->id))
		c = sandbox_find(eng->sandbox, orphan);
	if (c) {
		log_info("the client is gone: ending container '%s'", c->id);
		if (c->init)
			process_signal(c->init, SIGKILL, true, NULL, NULL);
	} else if (orphan && !strcmp(orphan, eng->id)) {
		log_info("the client is gone: ending the sandbox");
		engine_abandon(eng);
	}
}

static void on_listener(void *arg, int fd, uint32_t events UNUSED)
{
	struct engine *eng = arg;
	struct ucred peer;
	socklen_t size = sizeof(peer);
	int conn = accept4(fd, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);
	struct door *door;

	if (conn < 0)
		return;
	door = calloc(1, sizeof(*door));
	if (door &&
	    getsockopt(conn, SOL_SOCKET, SO_PEERCRED, &peer, &size) == 0 &&
	    (!peer.uid || peer.uid == geteuid())) {
		door->eng = eng;
		door->conn = ttrpc_conn_new(eng->loop, conn, methods,
					    ARRAY_SIZE(methods), on_closed,
					    door);
	}
	if (door && door->conn) {
		list_append(&eng->doors, &door->link);
		return;
	}
	free(door);
	close_fd(&conn);
}

int task_listen(struct engine *eng, int fd)
{
	int r = set_nonblock(fd);

	if (r < 0)
		return r;
	return event_io_new(eng->loop, fd, EPOLLIN, on_listener, eng) ? 0
								      : -errno;
}

void task_close_all(struct engine *eng)
{
	while (!list_empty(&eng->doors))
		door_free(list_entry(eng->doors.next, struct door, link));
}
