// SPDX-License-Identifier: Apache-2.0
//
// The client's calls that make processes: create, run, exec.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "proto/task.pb-c.h"
#include "runtime/cgroup.h"
#include "runtime/config.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/client.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/host_check.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/pod.h"
#include "runtime/engine/rpc.h"
#include "runtime/engine/snapshot.h"
#include "runtime/engine/sock.h"
#include "runtime/engine/spawn.h"
#include "runtime/engine/state.h"
#include "runtime/engine/stub.h"
#include "runtime/engine/tty.h"
#include "runtime/engine/wire.h"
#include "runtime/oci/spec.h"

#define CONFIG_TEXT_MAX ((size_t)1 << 20)
#define LOG_MAX ((size_t)16 << 20)
#define LOG_TAIL 600
#define TEXT(s) ((char *)(uintptr_t)(s))

/* A container that is being made. */
struct making {
	const struct create_options *o;
	char *root;   /* absolute; owned */
	char *bundle; /* absolute; owned */
	char *netns;  /* as for the stub; owned */
	char *wanted; /* linux.cgroupsPath; owned */
	char *sandbox; /* id of the one to join; NULL: its own; owned */
	struct spec *spec; /* owned */
	struct cgroup cgroup; /* of the container */
	bool terminal, foreground, lease;
	int dirfd, rpc; /* owned */
	pid_t supervisor, stub;
};

static void making_release(struct making *m)
{
	close_fd(&m->dirfd);
	close_fd(&m->rpc);
	free(m->root);
	free(m->bundle);
	free(m->netns);
	free(m->wanted);
	free(m->sandbox);
	spec_free(m->spec);
	cgroup_release(&m->cgroup);
}

/* Relative paths are the caller's; the supervisor is elsewhere. */
static char *absolute(const char *path)
{
	cleanup_free char *cwd = NULL;

	if (path[0] == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	return cwd ? path_join(cwd, path) : NULL;
}

/* One of the standard streams, or the controlling one when all are
 * redirected. */
static bool has_terminal(void)
{
	cleanup_close int fd = -1;

	if (isatty(0) || isatty(1) || isatty(2))
		return true;
	fd = open("/dev/tty", O_RDWR | O_NOCTTY | O_CLOEXEC);
	return fd >= 0;
}

static int check_console(bool terminal, bool detached,
			 const char *console_socket, struct err *reterr)
{
	if (terminal && detached && !console_socket)
		return err_set(reterr, -EINVAL,
			       "cannot allocate tty if kiln will detach without "
			       "setting console socket: a terminal needs "
			       "--console-socket, or somebody in the "
			       "foreground");
	if (terminal && !console_socket && !has_terminal())
		return err_set(reterr, -ENOTTY,
			       "a terminal is wanted (process.terminal, --tty), "
			       "but neither standard input nor output nor "
			       "error is one, and there is no /dev/tty: use --console-socket, or none");
	if (!terminal && console_socket)
		return err_set(reterr, -EINVAL,
			       "--console-socket without a terminal: "
			       "process.terminal is false");
	return 0;
}

static int read_spec(struct making *m, struct err *reterr)
{
	const struct config *config = m->o->config;
	const char *file = m->o->spec_file;
	int r = file ? spec_load_file(file, m->o->bundle, &m->spec, reterr)
		     : spec_load(m->o->bundle, &m->spec, reterr);
	const struct spec *spec = m->spec;

	if (r < 0)
		return r;
	r = host_check(spec, !config || !config->runtime.disable_guest_seccomp,
		       reterr);
	if (r < 0)
		return r;
	m->terminal = spec->terminal;
	m->bundle = strdup(spec->bundle);
	m->root = absolute(m->o->root);
	m->netns = strdup(spec_namespace(spec, "network"));
	r = pod_sandbox(m->root, m->o->id, spec, &m->sandbox, reterr);
	if (!r && m->sandbox && m->o->arch)
		r = pod_check_arch(m->root, m->sandbox, m->o->arch, reterr);
	if (r < 0)
		return r;
	m->wanted = strdup(spec->wire->linux->cgroupspath);
	if (!m->bundle || !m->root || !m->netns || !m->wanted)
		return err_code(reterr, -ENOMEM, "create");
	return check_console(m->terminal, !m->foreground,
			     m->o->console_socket, reterr);
}

static int write_config(const struct making *m, struct err *reterr)
{
	cleanup_buf struct buf text = BUF_INIT(CONFIG_TEXT_MAX);
	int r;

	if (m->o->checkpoint)
		return checkpoint_take(m->o->checkpoint, m->dirfd, reterr);
	if (!m->o->config)
		return 0;
	r = config_write_toml(m->o->config, false, &text);
	if (!r)
		r = write_file_atomic(m->dirfd, SPAWN_CONFIG_NAME,
				      buf_data(&text), text.len, 0600);
	return r < 0 ? err_code(reterr, r, "write configuration") : 0;
}

/* --- the control groups on the host --- */

#define OVERHEAD_GROUP "/kiln_overhead"

static int note_cgroup(void *arg, const char *path, bool group)
{
	return journal_cgroup(arg, path, !group);
}

/* A VM runs without a group of its own, too: the limits hold in the guest. */
static void warn_cgroup(const struct making *m, const struct err *e)
{
	if (!geteuid() && *m->wanted)
		log_warn("going on without: %s", e->text);
	else
		log_debug("going on without: %s", e->text);
}

/* Makes the groups G, which are noted in file NAME, and moves PID in. */
static int make_cgroup(const struct making *m, struct cgroup *g,
		       const char *name, pid_t pid, struct err *reterr)
{
	struct journal j = JOURNAL_INIT;
	struct err err = {0};
	int r = journal_open(&j, m->dirfd, reterr);

	if (r < 0)
		return r;
	if (cgroup_make(g, note_cgroup, &j, &err) < 0)
		warn_cgroup(m, &err);
	journal_close(&j);
	r = cgroup_save(g, m->dirfd, name);
	if (r < 0)
		return err_code(reterr, r, "write '%s'", name);
	r = pid ? cgroup_join(g, pid) : 0;
	if (r < 0) {
		(void)err_code(&err, r, "enter the control group");
		warn_cgroup(m, &err);
	}
	return 0;
}

static int check_cgroup(const struct cgroup *g, struct err *reterr)
{
	size_t n = cgroup_population(g);

	if (n)
		log_warn("container's cgroup is not empty: %zu process(es) "
			 "found", n);
	if (cgroup_is_frozen(g))
		return err_set(reterr, -EBUSY,
			       "container's cgroup unexpectedly frozen: thaw "
			       "'%s'", g->v[0].path);
	return 0;
}

/* The VM's processes are in the container's group, or in one of their own:
 * whom its limits bound is the configuration's choice. */
static int enter_cgroups(struct making *m, struct err *reterr)
{
	const struct config *config = m->o->config;
	bool whole = m->sandbox || !config ||
		     config->runtime.sandbox_cgroup_only;
	struct cgroup overhead = CGROUP_INIT;
	char path[CGROUP_PATH_MAX];
	int r;

	if (m->o->no_cgroup || m->o->systemd_cgroup)
		return 0;
	r = cgroup_find(m->wanted, m->o->id, &m->cgroup, reterr);
	if (!r)
		r = check_cgroup(&m->cgroup, reterr);
	if (!r)
		r = make_cgroup(m, &m->cgroup, SPAWN_CGROUP_NAME,
				whole ? m->supervisor : 0, reterr);
	if (r < 0 || whole)
		return r;
	(void)snprintf(path, sizeof(path), OVERHEAD_GROUP "/%s", m->o->id);
	r = cgroup_find(path, "", &overhead, reterr);
	if (!r)
		r = make_cgroup(m, &overhead, SPAWN_CGROUP_VM_NAME,
				m->supervisor, reterr);
	cgroup_release(&overhead);
	return r;
}

static int start_processes(struct making *m, struct err *reterr)
{
	const struct create_options *o = m->o;
	const struct spawn_options sup = {
		.root = m->root, .id = o->id, .arch = o->arch,
		.debug = o->debug, .dirfd = m->dirfd,
	};
	const struct stub_options stub = {
		.dirfd = m->dirfd, .id = o->id, .terminal = m->terminal,
		.console_socket = o->console_socket,
		.foreground = m->foreground, .netns = m->netns,
		.spec = m->spec,
	};
	int r = m->sandbox ? pod_join(m->dirfd, m->sandbox, reterr)
			   : spawn_supervisor(&sup, &m->supervisor, reterr);

	if (!r)
		r = enter_cgroups(m, reterr);
	if (!r)
		r = stub_spawn(&stub, &m->stub, reterr);
	if (!r)
		(void)cgroup_join(&m->cgroup, m->stub);
	return r;
}

static int task_create(struct making *m, struct err *reterr)
{
	Containerd__Task__V2__CreateTaskRequest request =
		CONTAINERD__TASK__V2__CREATE_TASK_REQUEST__INIT;
	Containerd__Task__V2__Any lease = CONTAINERD__TASK__V2__ANY__INIT;

	m->rpc = sock_connect(m->dirfd, WIRE_TASK_SOCKET, SOCK_STREAM);
	if (m->rpc < 0)
		return err_set(reterr, -EPIPE, "the supervisor has ended");
	lease.type_url = TEXT(RPC_LEASE_TYPE);
	request.id = TEXT(m->o->id);
	request.bundle = m->bundle;
	request.terminal = m->terminal;
	if (m->o->checkpoint)
		request.checkpoint = TEXT(m->o->checkpoint);
	if (m->lease)
		request.options = &lease;
	return rpc_call(m->rpc, RPC_TASK, "Create", &request.base, NULL, NULL,
			reterr);
}

/* When the supervisor died, what it said last is the reason. */
static void add_log_tail(const struct making *m, struct err *reterr)
{
	cleanup_free char *text = NULL;
	char escaped[LOG_TAIL + 1];
	size_t n = 0, from;

	if (read_file(m->dirfd, SPAWN_LOG_NAME, LOG_MAX, &text, &n) < 0 || !n)
		return;
	if (text[n - 1] == '\n')
		text[--n] = '\0';
	from = n > LOG_TAIL / 2 ? n - LOG_TAIL / 2 : 0;
	(void)log_escape(escaped, sizeof(escaped), text + from, n - from);
	(void)err_set(reterr, reterr->code, "the supervisor has ended: %s",
		      escaped);
}

static int write_pid_file(const char *path, pid_t pid, struct err *reterr)
{
	char text[32];
	int n = snprintf(text, sizeof(text), "%d", (int)pid), r;

	if (!path)
		return 0;
	r = write_file_atomic(AT_FDCWD, path, text, (size_t)n, 0644);
	return r < 0 ? err_code(reterr, r, "write pid file '%s'", path) : 0;
}

static void reap(pid_t pid)
{
	if (pid > 0)
		(void)waitpid(pid, NULL, WNOHANG);
}

/* Nothing is left behind; the first error is the one to tell. */
static void undo(struct making *m)
{
	struct err ignored;

	close_fd(&m->rpc);
	(void)client_delete(m->root, m->o->id, true, &ignored);
	reap(m->supervisor);
	reap(m->stub);
}

static int make(struct making *m, struct err *reterr)
{
	int r = read_spec(m, reterr);

	if (r < 0)
		return r;
	m->dirfd = dir_make(m->root, m->o->id, reterr);
	if (m->dirfd < 0)
		return m->dirfd;
	r = snapshot_save(m->dirfd, m->o->spec_file, m->bundle, reterr);
	if (!r)
		r = write_config(m, reterr);
	if (!r)
		r = start_processes(m, reterr);
	if (!r)
		r = task_create(m, reterr);
	if (!r)
		r = write_pid_file(m->o->pid_file, m->stub, reterr);
	if (r == -EPIPE || r == -ECONNREFUSED)
		add_log_tail(m, reterr);
	if (r < 0)
		undo(m);
	return r;
}

int client_create(const struct create_options *o, struct err *reterr)
{
	struct making m = {.o = o, .dirfd = -1, .rpc = -1};
	int r = make(&m, reterr);

	making_release(&m);
	return r;
}

/* From the start to the end of a foreground container. */
static int run_in_foreground(struct making *m, int *exit_status,
			     struct err *reterr)
{
	int r = m->o->checkpoint ? 0 : client_start(m->root, m->o->id, reterr);

	if (r < 0)
		return r;
	r = stub_wait(m->stub);
	m->stub = 0;
	if (r < 0)
		return err_code(reterr, r, "wait for '%s'", m->o->id);
	*exit_status = r;
	return 0;
}

int client_run(const struct create_options *o, bool detach, bool keep,
	       int *exit_status, struct err *reterr)
{
	struct making m = {.o = o, .foreground = !detach,
			   .lease = !detach && !keep, .dirfd = -1, .rpc = -1};
	struct tty_saved tty = TTY_SAVED_INIT;
	struct err ignored;
	int r;

	if (!detach)
		tty_save(&tty, 0);
	r = make(&m, reterr);
	if (!r && detach && !o->checkpoint)
		r = client_start(m.root, o->id, reterr);
	else if (!r && !detach)
		r = run_in_foreground(&m, exit_status, reterr);
	tty_restore(&tty);
	if (m.rpc >= 0 && (r < 0 || (!detach && !keep))) {
		int undone = client_delete(m.root, o->id, true,
					   r < 0 ? &ignored : reterr);

		r = r < 0 ? r : undone;
		reap(m.supervisor);
		reap(m.stub);
	}
	making_release(&m);
	return r;
}

int client_restore(const struct create_options *o, bool detach,
		   int *exit_status, struct err *reterr)
{
	return client_run(o, detach, false, exit_status, reterr);
}

/* --- exec --- */

static int task_exec(int fd, const struct exec_options *o, const char *exec_id,
		     struct err *reterr)
{
	Containerd__Task__V2__ExecProcessRequest request =
		CONTAINERD__TASK__V2__EXEC_PROCESS_REQUEST__INIT;
	Containerd__Task__V2__StartRequest start =
		CONTAINERD__TASK__V2__START_REQUEST__INIT;
	Containerd__Task__V2__Any spec = CONTAINERD__TASK__V2__ANY__INIT;
	Grpc__ExecProcessRequest process = GRPC__EXEC_PROCESS_REQUEST__INIT;
	cleanup_free uint8_t *packed = NULL;
	size_t n;
	int r;

	process.process = (Grpc__Process *)(uintptr_t)o->process;
	process.cgroup = TEXT(o->cgroup ? o->cgroup : "");
	process.ignore_paused = o->ignore_paused;
	n = grpc__exec_process_request__get_packed_size(&process);
	packed = malloc(n + 1);
	if (!packed)
		return err_code(reterr, -ENOMEM, "exec");
	(void)grpc__exec_process_request__pack(&process, packed);
	spec.type_url = TEXT(RPC_EXEC_TYPE);
	spec.value.data = packed;
	spec.value.len = n;
	request.id = start.id = TEXT(o->id);
	request.exec_id = start.exec_id = TEXT(exec_id);
	request.terminal = o->tty;
	request.spec = &spec;
	r = rpc_call(fd, RPC_TASK, "Exec", &request.base, NULL, NULL, reterr);
	if (!r)
		r = rpc_call(fd, RPC_TASK, "Start", &start.base, NULL, NULL,
			     reterr);
	return r;
}

/* Refuses early what would else fail for want of a supervisor. */
static int check_running(const struct exec_options *o, struct err *reterr)
{
	struct container_state s;
	int r = client_state(o->root, o->id, &s, reterr);

	if (r < 0)
		return r;
	if (!strcmp(s.status, "paused") && o->ignore_paused)
		r = 0;
	else if (!strcmp(s.status, "paused"))
		r = err_set(reterr, -EBUSY,
			    "container '%s': cannot exec in a paused "
			    "container: resume it first", o->id);
	else if (strcmp(s.status, "running") && strcmp(s.status, "created"))
		r = err_set(reterr, -EBUSY,
			    "container '%s' is %s, cannot exec: container not "
			    "running", o->id, s.status);
	container_state_release(&s);
	return r;
}

static int exec_process(const struct exec_options *o, const char *exec_id,
			pid_t *stub, struct err *reterr)
{
	cleanup_close int dirfd = dir_open(o->root, o->id, reterr);
	cleanup_close int fd = -1;
	const struct stub_options so = {
		.dirfd = dirfd, .id = o->id, .exec_id = exec_id,
		.terminal = o->tty, .console_socket = o->console_socket,
		.foreground = !o->detach,
	};
	struct cgroup group = CGROUP_INIT;
	int r;

	if (dirfd < 0)
		return dirfd;
	fd = sock_connect(dirfd, WIRE_TASK_SOCKET, SOCK_STREAM);
	if (fd < 0)
		return err_set(reterr, -EPIPE, "container '%s' is stopped: "
			       "container not running", o->id);
	r = stub_spawn(&so, stub, reterr);
	if (!r && cgroup_load(&group, dirfd, SPAWN_CGROUP_NAME) == 0)
		(void)cgroup_join(&group, *stub);
	cgroup_release(&group);
	if (!r)
		r = task_exec(fd, o, exec_id, reterr);
	if (!r)
		r = write_pid_file(o->pid_file, *stub, reterr);
	if (r < 0 && *stub > 0) {
		(void)kill(*stub, SIGKILL);
		(void)waitpid(*stub, NULL, 0);
	}
	return r;
}

int client_exec(const struct exec_options *o, int *exit_status,
		struct err *reterr)
{
	struct tty_saved tty = TTY_SAVED_INIT;
	struct timespec now;
	char generated[64];
	pid_t stub = 0;
	int r;

	r = check_running(o, reterr);
	if (!r)
		r = check_console(o->tty, o->detach, o->console_socket, reterr);
	if (r < 0)
		return r;
	(void)clock_gettime(CLOCK_REALTIME, &now);
	(void)snprintf(generated, sizeof(generated), "exec-%d-%llx",
		       (int)getpid(),
		       (unsigned long long)now.tv_sec * 1000000000ULL +
			       (unsigned long long)now.tv_nsec);
	if (!o->detach)
		tty_save(&tty, 0);
	r = exec_process(o, o->exec_id ? o->exec_id : generated, &stub,
			 reterr);
	if (!r && !o->detach) {
		r = stub_wait(stub);
		if (r >= 0)
			*exit_status = r;
		r = r < 0 ? err_code(reterr, r, "wait for exec") : 0;
	}
	tty_restore(&tty);
	return r;
}
