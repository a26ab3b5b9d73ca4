// SPDX-License-Identifier: Apache-2.0
#include "client.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>

#include "base/log.h"
#include "base/path.h"
#include "codec/ttrpc.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"
#include "proto/task.pb-c.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/hooks.h"
#include "runtime/engine/pod.h"
#include "runtime/engine/proc.h"
#include "runtime/engine/rpc.h"
#include "runtime/engine/snapshot.h"
#include "runtime/engine/sock.h"
#include "runtime/engine/state.h"
#include "runtime/engine/wire.h"
#include "runtime/oci/spec.h"

/* For the answer, and for the end: what takes longer is killed. */
#define SHUTDOWN_TIMEOUT_MS 1500
#define CREATED_TIMEOUT_MS 60000
#define CREATED_POLL_MS 20

/* Protocol structs have no const members; requests are only read. */
#define TEXT(s) ((char *)(uintptr_t)(s))

/* Connects to the supervisor of ID; -EPIPE when there is none (any more). */
static int client_connect(const char *root, const char *id, struct err *reterr)
{
	cleanup_close int dirfd = dir_open(root, id, reterr);
	int fd;

	if (dirfd < 0)
		return dirfd;
	fd = sock_connect(dirfd, WIRE_TASK_SOCKET, SOCK_STREAM);
	if (fd < 0)
		return err_set(reterr, -EPIPE,
			       "container '%s' is stopped: container not "
			       "running", id);
	return fd;
}

/* A call with no answer but its success. */
static int client_simple(const char *root, const char *id, const char *service,
			 const char *name, const ProtobufCMessage *request,
			 struct err *reterr)
{
	cleanup_close int fd = client_connect(root, id, reterr);

	if (fd < 0)
		return fd;
	return rpc_call(fd, service, name, request, NULL, NULL, reterr);
}

/* Whoever sees a container being created may ask for its start. */
static int wait_created(const char *root, const char *id, struct err *reterr)
{
	const struct timespec pause = {0, CREATED_POLL_MS * 1000000L};
	int i;

	for (i = 0; i < CREATED_TIMEOUT_MS / CREATED_POLL_MS; i++) {
		struct container_state s;
		int r = client_state(root, id, &s, reterr);
		bool creating = !r && !strcmp(s.status, "creating");

		if (!r)
			container_state_release(&s);
		if (r < 0 || !creating)
			return r;
		(void)nanosleep(&pause, NULL);
	}
	return 0;
}

int client_start(const char *root, const char *id, struct err *reterr)
{
	Containerd__Task__V2__StartRequest request =
		CONTAINERD__TASK__V2__START_REQUEST__INIT;
	int r = wait_created(root, id, reterr);

	if (r < 0)
		return r;
	request.id = TEXT(id);
	return client_simple(root, id, RPC_TASK, "Start", &request.base,
			     reterr);
}

int client_kill(const char *root, const char *id, int signo, bool all,
		struct err *reterr)
{
	Containerd__Task__V2__KillRequest request =
		CONTAINERD__TASK__V2__KILL_REQUEST__INIT;
	struct container_state s;
	struct err ignored;
	int r;

	request.id = TEXT(id);
	request.signal = (uint32_t)signo;
	request.all = all;
	r = client_simple(root, id, RPC_TASK, "Kill", &request.base, reterr);
	/* All of none: as with runc. */
	if (r < 0 && all && client_state(root, id, &s, &ignored) == 0) {
		r = strcmp(s.status, "stopped") ? r : 0;
		container_state_release(&s);
	}
	return r;
}

int client_pause(const char *root, const char *id, struct err *reterr)
{
	Containerd__Task__V2__PauseRequest request =
		CONTAINERD__TASK__V2__PAUSE_REQUEST__INIT;

	request.id = TEXT(id);
	return client_simple(root, id, RPC_TASK, "Pause", &request.base,
			     reterr);
}

int client_resume(const char *root, const char *id, struct err *reterr)
{
	Containerd__Task__V2__ResumeRequest request =
		CONTAINERD__TASK__V2__RESUME_REQUEST__INIT;

	request.id = TEXT(id);
	return client_simple(root, id, RPC_TASK, "Resume", &request.base,
			     reterr);
}

int client_update(const char *root, const char *id, const void *resources,
		  size_t n, struct err *reterr)
{
	Grpc__UpdateContainerRequest request =
		GRPC__UPDATE_CONTAINER_REQUEST__INIT;
	ProtobufCMessage *m =
		proto_unpack(&grpc__linux_resources__descriptor, n, resources);
	int r;

	if (!m)
		return err_set(reterr, -EINVAL, "malformed resources");
	request.container_id = TEXT(id);
	request.resources = (Grpc__LinuxResources *)m;
	r = client_simple(root, id, RPC_ENGINE, "Update", &request.base,
			  reterr);
	proto_free(m);
	return r;
}

int client_stats(const char *root, const char *id,
		 Grpc__StatsContainerResponse **ret, struct err *reterr)
{
	Grpc__StatsContainerRequest request =
		GRPC__STATS_CONTAINER_REQUEST__INIT;
	cleanup_close int fd = client_connect(root, id, reterr);
	ProtobufCMessage *m = NULL;
	int r;

	if (fd < 0)
		return fd;
	request.container_id = TEXT(id);
	r = rpc_call(fd, RPC_ENGINE, "Stats", &request.base,
		     &grpc__stats_container_response__descriptor, &m, reterr);
	if (!r)
		*ret = (Grpc__StatsContainerResponse *)m;
	return r;
}

int client_ooms(const char *root, const char *id, uint64_t *ret,
		struct err *reterr)
{
	Grpc__StatsContainerRequest request =
		GRPC__STATS_CONTAINER_REQUEST__INIT;
	cleanup_close int fd = client_connect(root, id, reterr);
	ProtobufCMessage *m = NULL;
	int r;

	if (fd < 0)
		return fd;
	request.container_id = TEXT(id);
	r = rpc_call(fd, RPC_ENGINE, "Oom", &request.base,
		     &containerd__task__v2__oom_response__descriptor, &m,
		     reterr);
	if (r < 0)
		return r;
	*ret = ((const Containerd__Task__V2__OomResponse *)m)->count;
	proto_free(m);
	return 0;
}

int client_pids(const char *root, const char *id, int **ret, size_t *n,
		struct err *reterr)
{
	Containerd__Task__V2__PidsRequest request =
		CONTAINERD__TASK__V2__PIDS_REQUEST__INIT;
	cleanup_close int fd = client_connect(root, id, reterr);
	const Containerd__Task__V2__PidsResponse *response;
	ProtobufCMessage *m = NULL;
	size_t i;
	int *pids, r;

	if (fd < 0)
		return fd;
	request.id = TEXT(id);
	r = rpc_call(fd, RPC_TASK, "Pids", &request.base,
		     &containerd__task__v2__pids_response__descriptor, &m,
		     reterr);
	if (r < 0)
		return r;
	response = (const Containerd__Task__V2__PidsResponse *)m;
	pids = calloc(response->n_processes + 1, sizeof(*pids));
	for (i = 0; pids && i < response->n_processes; i++)
		pids[i] = (int)response->processes[i]->pid;
	*n = response->n_processes;
	proto_free(m);
	if (!pids)
		return err_code(reterr, -ENOMEM, "pids");
	*ret = pids;
	return 0;
}

/* --- state --- */

static int creating_state(const char *id, struct container_state *ret,
			  struct err *reterr)
{
	*ret = (struct container_state){.exit_status = -1};
	ret->id = strdup(id);
	ret->bundle = strdup("");
	ret->status = strdup("creating");
	ret->rootfs = strdup("");
	ret->owner = strdup("");
	ret->created = strdup("");
	ret->arch = strdup("");
	ret->annotations_json = strdup("{}");
	if (ret->id && ret->bundle && ret->status && ret->rootfs &&
	    ret->owner && ret->created && ret->arch && ret->annotations_json)
		return 0;
	container_state_release(ret);
	return err_code(reterr, -ENOMEM, "state");
}

int client_state(const char *root, const char *id, struct container_state *ret,
		 struct err *reterr)
{
	cleanup_close int dirfd = dir_open(root, id, reterr);
	struct state_record r;
	int code;

	if (dirfd < 0)
		return dirfd;
	code = state_read_live(dirfd, &r, reterr);
	if (code == -ENOENT)
		return creating_state(id, ret, reterr);
	if (code < 0)
		return code;
	*ret = r.s;
	return 0;
}

int client_spec(const char *root, const char *id, struct spec **ret,
		struct err *reterr)
{
	cleanup_close int dirfd = dir_open(root, id, reterr);
	struct state_record record;
	int r;

	if (dirfd < 0)
		return dirfd;
	r = state_read(dirfd, &record, reterr);
	if (r < 0)
		return r;
	r = snapshot_load(dirfd, record.s.bundle, ret, reterr);
	state_release(&record);
	return r;
}

static int compare_states(const void *a, const void *b)
{
	return strcmp(((const struct container_state *)a)->id,
		      ((const struct container_state *)b)->id);
}

int client_list(const char *root, struct container_state **ret, size_t *n,
		struct err *reterr)
{
	cleanup_closedir DIR *dir = opendir(root);
	struct container_state *v = NULL;
	size_t count = 0, room = 0;
	struct dirent *e;

	*ret = NULL;
	*n = 0;
	if (!dir)
		return errno == ENOENT
			       ? 0
			       : err_errno(reterr, "open '%s'", root);
	while ((e = readdir(dir))) {
		struct err ignored;

		if (!id_is_valid(e->d_name))
			continue;
		if (count == room) {
			size_t more = room ? room * 2 : 16;
			void *grown = reallocarray(v, more, sizeof(*v));

			if (!grown) {
				container_states_free(v, count);
				return err_code(reterr, -ENOMEM, "list");
			}
			v = grown;
			room = more;
		}
		/* One that goes away meanwhile, or is no container. */
		if (client_state(root, e->d_name, &v[count], &ignored) == 0)
			count++;
	}
	if (count)
		qsort(v, count, sizeof(*v), compare_states);
	*ret = v;
	*n = count;
	return 0;
}

/* --- delete --- */

/* Lets the supervisor end everything at once; one that does not answer is left
 * to the journal. */
static void shut_down(const char *root, const char *id)
{
	Containerd__Task__V2__ShutdownRequest request =
		CONTAINERD__TASK__V2__SHUTDOWN_REQUEST__INIT;
	const struct timeval patience = {
		SHUTDOWN_TIMEOUT_MS / 1000, SHUTDOWN_TIMEOUT_MS % 1000 * 1000};
	struct state_record record;
	struct err ignored;
	cleanup_close int fd = client_connect(root, id, &ignored);
	cleanup_close int dirfd = dir_open(root, id, &ignored);

	if (fd < 0 || dirfd < 0)
		return;
	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
			 sizeof(patience));
	request.id = TEXT(id);
	request.now = true;
	if (rpc_call(fd, RPC_TASK, "Shutdown", &request.base, NULL, NULL,
		     &ignored) < 0)
		return;
	if (state_read(dirfd, &record, &ignored) < 0)
		return;
	(void)proc_wait_gone(record.supervisor, record.supervisor_start,
			     SHUTDOWN_TIMEOUT_MS);
	state_release(&record);
}

static void run_poststop(const struct container_state *s,
			 const struct spec *spec)
{
	cleanup_free char *text = NULL;

	if (!spec || !spec->wire->hooks || !spec->wire->hooks->n_poststop)
		return;
	/* The members are ids and paths that JSON was written from before. */
	if (asprintf(&text,
		     "{\"ociVersion\":\"1.0.2\",\"id\":\"%s\","
		     "\"status\":\"stopped\",\"pid\":0,\"bundle\":\"%s\","
		     "\"annotations\":%s}",
		     s->id, s->bundle, s->annotations_json) < 0)
		text = NULL;
	if (text)
		hooks_run_now("poststop", spec->wire->hooks->poststop,
			      spec->wire->hooks->n_poststop, text);
}

int client_forget(const char *root, const char *id, struct err *reterr)
{
	Containerd__Task__V2__DeleteRequest request =
		CONTAINERD__TASK__V2__DELETE_REQUEST__INIT;

	request.id = TEXT(id);
	return client_simple(root, id, RPC_TASK, "Delete", &request.base,
			     reterr);
}

static int may_delete(const char *root, const char *id, const char *status,
		      struct err *reterr)
{
	int r = client_forget(root, id, reterr);

	/* Without a supervisor there is nothing that could still run. */
	if (r == -EPIPE || (r == -ENOENT && !strcmp(status, "stopped")))
		return 0;
	return r;
}

int client_delete(const char *root, const char *id, bool force,
		  struct err *reterr)
{
	struct container_state s = {0};
	cleanup_spec struct spec *spec = NULL;
	struct err ignored;
	int r = client_state(root, id, &s, reterr);

	if (r == -ENOENT)
		return force ? 0 : r;
	/* For its hooks; what was never made has none to run. */
	if (client_spec(root, id, &spec, &ignored) < 0)
		spec = NULL;
	if (r < 0 && !force)
		return r;
	/* One that was never started has nothing to lose: as runc and crun. */
	if (!r && !force && strcmp(s.status, "created"))
		r = may_delete(root, id, s.status, reterr);
	else
		r = 0;
	if (!r) {
		if (!pod_leave(root, id))
			shut_down(root, id);
		r = dir_remove(root, id, reterr);
		if (!r && s.id)
			run_poststop(&s, spec);
	}
	container_state_release(&s);
	return r;
}
