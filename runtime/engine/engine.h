// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ENGINE_H
#define ENGINE_ENGINE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/list.h"
#include "codec/ttrpc.h"
#include "os/event.h"
#include "runtime/cgroup.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/ring.h"
#include "runtime/engine/transition.h"
#include "runtime/engine/wire.h"
#include "runtime/vmm/vmm.h"

/*
 * The supervisor's objects, all on one event loop. Ownership is a tree: the
 * engine has one sandbox, that has containers, those have processes; stubs
 * belong to the engine and are lent to a process each.
 */
struct config;
struct engine;
struct sandbox;
struct container;
struct process;
struct network;
struct rootimage;
struct checkpoint;
struct saving;
struct vm_shape;
struct spec;
struct stub_link;
struct update;
struct vmspec;

/* The end of something asked for: CODE 0, or -errno with the reason in E. */
typedef void (*engine_done_fn)(void *arg, int code, const struct err *e);

struct engine {
	struct event_loop *loop;
	const char *id;	  /* of the sandbox */
	const char *dir;  /* absolute */
	const char *arch; /* uname -m name or NULL */
	int dirfd;
	struct journal journal;
	struct ring console; /* of the guest, for `kiln explain` */
	struct config *config;
	struct sandbox *sandbox;
	struct list stubs; /* struct stub_link */
	struct list doors; /* of task.c: clients' connections */
	uint64_t started_ms;
};

/* --- stubs.c: the stubs' end of things --- */

/* Serves the listening socket FD; 0 or -errno. */
int stubs_listen(struct engine *eng, int fd);

/* The stub that said hello for (ID, EXEC_ID) and has no process yet; P is told
 * from now on. NULL when there is none. */
struct stub_link *stub_claim(struct engine *eng, const char *id,
			     const char *exec_id, struct process *p);

pid_t stub_pid(const struct stub_link *s);
void stub_size(const struct stub_link *s, uint32_t *rows, uint32_t *columns);

/* Takes the descriptor I (0, 1, 2), now the caller's; -1 when there is none. */
int stub_take_fd(struct stub_link *s, unsigned int i);

/* Lets the stub exit with STATUS, after its output or (DROP) at once. The
 * process is not told any more; the link frees itself. NULL is fine. */
void stub_end(struct stub_link *s, int status, bool drop);

/* Drops all stubs, those without a process included. */
void stubs_end_all(struct engine *eng, int status);
void stubs_close_all(struct engine *eng);

/* --- process.c: one process in the guest, and its streams --- */

struct process_output {
	struct process *p;
	int fd; /* of the stub; owned */
	struct event_io *io;
	struct buf *pending; /* owned */
	bool is_stderr, asked, eof;
};

struct process_input {
	int fd; /* of the stub; owned */
	struct event_io *io;
	uint8_t *data;	    /* scratch; owned */
	unsigned int calls; /* WriteStdin under way, with LEN bytes */
	size_t len;
	bool closed, eof;
};

struct process {
	struct list link; /* in container->processes */
	struct container *container;
	char *exec_id; /* "" is init */
	enum process_state state;
	bool terminal;
	void *spec; /* exec: Grpc__ExecProcessRequest, by proto_free() */
	struct stub_link *stub;
	pid_t stub_pid;
	struct process_input in;
	struct process_output out, err;
	struct event_timer *drain, *finish;
	struct list waiters;
	int exit_status;
	int64_t exited_sec;
	int32_t exited_nsec;
	bool finished; /* exited, and all output is delivered */
	bool reported; /* its stub and waiters know */
	engine_done_fn done; /* of the start under way */
	void *done_arg;
};

/* NULL for lack of memory. Claims the stub if there is one. */
struct process *process_new(struct container *c, const char *exec_id,
			    bool terminal);
void process_free(struct process *p);
bool process_is_init(const struct process *p);

/* What the agent calls the process. */
const char *process_agent_id(const struct process *p);

/* The process exists in the guest: streams flow, its end is waited for. */
void process_run(struct process *p);

/* As process_run(), where the supervisor left off that made checkpoint CK. */
void process_adopt(struct process *p, const struct checkpoint *ck);

/* 0 when the container's state lets P, an exec, run. */
int process_may_exec(const struct process *p, struct err *reterr);

/* Starts the process of an exec. */
void process_start_exec(struct process *p, engine_done_fn done, void *arg);

void process_signal(struct process *p, uint32_t signo, bool all,
		    engine_done_fn done, void *arg);
void process_resize(struct process *p, uint32_t rows, uint32_t columns);
void process_close_stdin(struct process *p);

/* The process is known to have ended: by the agent, or with its guest. */
void process_exited(struct process *p, int status);

/* Tells the stub and whoever waits; after process_finished(). */
void process_report(struct process *p);

/* Answers CALL, a Task.Wait, now or when the process has ended. */
void process_wait(struct process *p, struct ttrpc_call *call);

/* From stubs.c: the stub got a signal, a new size, or died. */
void process_stub_message(struct process *p, const struct wire_message *m);
void process_stub_gone(struct process *p);

/* --- container.c --- */

struct container {
	struct list link; /* in sandbox->containers */
	struct sandbox *sandbox;
	char *id, *bundle, *created; /* owned */
	int dirfd; /* of its state; owned, unless the sandbox's own */
	enum container_status status;
	struct spec *spec;     /* owned */
	char *annotations;     /* JSON of the original spec, owned */
	struct container_hooks *host_hooks; /* owned */
	struct list processes; /* the first is init */
	struct process *init;
	struct hooks_run *hooks;
	engine_done_fn done; /* of the request under way */
	void *done_arg;
	struct cgroup cgroup; /* on the host */
	void *limits; /* Grpc__LinuxResources as asked for, by proto_free() */
	uint64_t ooms; /* times that it ran out of memory */
	bool share_pids; /* in the pod's pid namespace */
	char *guest_id; /* the agent's name for it, if another; owned */
	struct update *update; /* under way; owned */
	struct checkpoint *restore; /* what it is made from, if so; owned */
	char *resolv_conf; /* that names Docker's name server; owned */
	char *guest_rootfs; /* path, once the host's part is done; owned */
	bool in_guest; /* the agent knows it */
	bool deleted;
};

/* Makes the container, and boots the sandbox for the first; or restores both
 * from the folder CHECKPOINT ("": none), and the container runs. */
void container_create(struct sandbox *sb, const char *id, const char *bundle,
		      const char *checkpoint, engine_done_fn done, void *arg);
void container_start(struct container *c, engine_done_fn done, void *arg);
void container_kill(struct container *c, const char *exec_id, uint32_t signo,
		    bool all, engine_done_fn done, void *arg);
void container_pause(struct container *c, bool resume, engine_done_fn done,
		     void *arg);
void container_update(struct container *c,
		      const Grpc__LinuxResources *resources,
		      engine_done_fn done, void *arg);
void update_free(struct update *u);
/* Notes a further process; it runs when started. SPEC is a packed
 * grpc.ExecProcessRequest, of which ids do not count. */
int container_exec(struct container *c, const char *exec_id, bool terminal,
		   const void *spec, size_t n, struct err *reterr);
int container_delete(struct container *c, struct err *reterr);
void container_free(struct container *c);

struct process *container_find(struct container *c, const char *exec_id);

/* Writes state.json. */
void container_save(struct container *c);

/* What the agent calls it. */
const char *container_guest_id(const struct container *c);

/* True when OP may go on, and DONE will be told of its end by
 * container_answer(); else it has been told. */
bool container_begin(struct container *c, enum container_op op,
		     engine_done_fn done, void *arg);

/* Its limits R (NULL: none) in its control groups. 0 or -errno; who may not
 * limit on the host still limits in the guest. */
int container_limit_on_host(const struct container *c,
			    const Grpc__LinuxResources *r, struct err *reterr);

/* Ends the request that C has under way. */
void container_answer(struct container *c, int code, const struct err *e);

/* It runs in a guest that was restored: its streams are ours from now on. */
int container_adopt(struct container *c, struct err *reterr);

/* From process.c: P has ended; all its output is delivered. */
void container_process_exited(struct container *c, struct process *p);
void container_process_finished(struct container *c, struct process *p);

/* From sandbox.c: the guest is gone, and so is every process. */
void container_guest_gone(struct container *c);

/* --- init.c --- */

/*
 * An engine's init (podman run --init) is a program of the host. For guests of
 * another architecture the agent is mounted in its place, which is one itself
 * when it is called so. 0 or -errno.
 */
int container_replace_init(struct container *c, struct err *reterr);

/* --- resolver.c --- */

/* The container's resolv.conf, which is read now, names Docker's name server. */
bool resolver_is_wanted(struct container *c);

/* Gives C a resolv.conf of its own when the sandbox's network stands for that
 * name server. 0 or -errno. */
int resolver_replace(struct container *c, struct err *reterr);

/* --- sandbox.c --- */

struct sandbox {
	struct engine *eng;
	const char *id;
	enum sandbox_state state;
	struct vm *vm;
	struct ttrpc_conn *agent;
	struct share *share;
	struct network *network; /* owned; NULL: not looked at yet */
	struct fs_server *fs; /* NULL: the VMM serves the share itself */
	struct rootimage *rootimage; /* while it is being packed; owned */
	struct saving *saving; /* a checkpoint under way; owned */
	struct vm_shape *shape; /* of its VM, when it can be saved; owned */
	char unsavable[320]; /* why it cannot, or "" */
	char *disk_addr; /* SCSI, of the packed files; NULL: shared; owned */
	struct modules *modules; /* that the guest loads; NULL: none; owned */
	struct event_timer *progress, *grace;
	struct list containers;
	const char *arch; /* name, once known */
	bool emulated;
	struct cgroup cgroup; /* of the VM, when it is not the container's */
	struct cgroup_vm vm_needs;
	struct vm_size size; /* of the VM now, and CPUs that are on line */
	struct list resizings; /* of resize.h */
	bool resizing; /* the first of them has begun */
	bool memory_stuck; /* the guest has not what the VMM gave it */
	struct err failure; /* why it ended, when it should not have */
	struct err fs_failure; /* why FS ended, when it should not have */
	engine_done_fn done; /* of the boot under way */
	void *done_arg;
};

struct sandbox *sandbox_new(struct engine *eng, struct err *reterr);
void sandbox_free(struct sandbox *sb);

/* Boots the VM that container C needs. */
void sandbox_boot(struct sandbox *sb, struct container *c, engine_done_fn done,
		  void *arg);

struct container *sandbox_find(struct sandbox *sb, const char *id);

/* Connects to the agent, which is not asked anything yet. 0 or -errno. */
int sandbox_connect(struct sandbox *sb, struct err *reterr);

/* Asks the agent whether it is there; the sandbox is made, or goes on, then. */
void sandbox_hello(struct sandbox *sb);

/* The boot has failed: ends the VM, and tells why. */
void sandbox_fail_boot(struct sandbox *sb, const struct err *e);

/* The VM may have so much memory: its needs on the host follow. 0 or -errno. */
int sandbox_limit_vm(struct sandbox *sb, uint32_t memory_mib,
		     struct err *reterr);

/* Lets the guest write back and power off, then reports the ends. */
void sandbox_stop(struct sandbox *sb);

/* Ends the VM at once. */
void sandbox_kill(struct sandbox *sb);

/* True for an answer with CODE that only says that the guest is dying: its end,
 * with the reason, will come by container_guest_gone(). */
bool sandbox_is_dying(const struct sandbox *sb, int code);

/* --- sandbox_fs.c: the server of the shared folder --- */

/* Starts the server where V wants one; its stream is in V's share then, and is
 * to be closed by sandbox_fs_passed() once the VM has it. */
int sandbox_fs_start(struct sandbox *sb, struct vmspec *v, struct err *reterr);
void sandbox_fs_passed(struct vmspec *v);

/* The guest is gone. */
void sandbox_fs_stop(struct sandbox *sb);

/* --- task.c --- */

/* Serves containerd's Task service on listening socket FD; 0 or -errno. */
int task_listen(struct engine *eng, int fd);
void task_close_all(struct engine *eng);

/* --- supervisor.c --- */

/* Notes that NAME was reached, with the time since the supervisor's start. */
void engine_phase(struct engine *eng, const char *name);

/* Ends everything at once and leaves the loop. */
void engine_shutdown(struct engine *eng);

/* As engine_shutdown(), and nothing is left of the sandbox on disk. */
void engine_abandon(struct engine *eng);

#endif
