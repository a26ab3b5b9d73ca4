// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_CLIENT_H
#define ENGINE_CLIENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "proto/agent.pb-c.h"
#include "proto/oci.pb-c.h"

/*
 * What a program asks of the engine: thin, blocking calls over the private
 * socket of a sandbox's supervisor, and the answers that can be given from its
 * files when it is gone. Every call returns 0 or -errno with the error text.
 *
 * Text of errors may hold what a guest said; it is escaped already.
 */

struct config;
struct spec;

/* All members are borrowed for the time of the call. */
struct create_options {
	const char *root;           /* state root, e.g. /run/kiln */
	const char *id;             /* valid by id_is_valid() */
	const char *bundle;         /* any path to the bundle */
	const char *spec_file; /* relative to BUNDLE; NULL: config.json */
	const char *console_socket; /* or NULL */
	const char *pid_file;       /* or NULL */
	unsigned int preserve_fds;
	const char *arch;            /* uname -m name; NULL: as the image is */
	const char *config_path;     /* file the supervisor reads, or NULL */
	const struct config *config; /* the same, as parsed; NULL: defaults */
	bool no_pivot, systemd_cgroup;
	bool no_cgroup; /* none on the host */
	const char *checkpoint; /* absolute folder to restore from, or NULL */
	bool debug; /* the supervisor logs at level debug */
};

struct exec_options {
	const char *root, *id;
	const char *exec_id; /* NULL: generated */
	const char *console_socket, *pid_file;
	bool detach;
	bool ignore_paused; /* a paused container is no error, it waits */
	const char *cgroup; /* below the container's, in the guest; or NULL */
	/* The whole process; PROCESS->terminal is overridden by TTY. */
	const Grpc__Process *process;
	bool tty;
};

/* A container as `state` and `list` show it; all strings are owned. */
struct container_state {
	char *id;
	char *bundle; /* absolute */
	char *status; /* creating, created, running, paused, stopped */
	char *rootfs;
	char *owner;   /* user name of the creator, or its number */
	char *created; /* RFC 3339, UTC */
	char *arch;
	char *annotations_json; /* an object, at least "{}" */
	int pid;                /* of the stub; 0 when stopped */
	int exit_status;        /* once stopped; -1 before */
};

void container_state_release(struct container_state *s);
void container_states_free(struct container_state *v, size_t n);

/*
 * Makes the sandbox, its VM and the container, not started. The stub process,
 * whose pid goes to PID_FILE, is a child of the calling process and inherits
 * its stdio. On failure nothing is left behind. -EEXIST for an id in use.
 */
int client_create(const struct create_options *o, struct err *reterr);

/* Starts the user's process of a created container. */
int client_start(const char *root, const char *id, struct err *reterr);

/* -ENOENT for an unknown id. */
int client_state(const char *root, const char *id, struct container_state *ret,
		 struct err *reterr);

/* The spec that a container was made from, whatever became of its bundle. To be
 * freed with spec_free(). */
int client_spec(const char *root, const char *id, struct spec **ret,
		struct err *reterr);

/* Sends signal SIGNO to the init process, or to ALL processes. */
int client_kill(const char *root, const char *id, int signo, bool all,
		struct err *reterr);

/* Lets the supervisor forget a stopped container; nothing is removed. */
int client_forget(const char *root, const char *id, struct err *reterr);

/*
 * Removes all that a stopped container holds on the host; with FORCE also a
 * living or half-made one, and an unknown id is no error. Never needs the
 * guest.
 */
int client_delete(const char *root, const char *id, bool force,
		  struct err *reterr);

/*
 * Runs a further process in a running container. Unless detached, waits for it
 * with the caller's stdio and sets *EXIT_STATUS (128+n for signal n).
 */
int client_exec(const struct exec_options *o, int *exit_status,
		struct err *reterr);

/*
 * Creates and starts. Unless DETACH, waits, sets *EXIT_STATUS and deletes
 * (except with KEEP) on every path.
 */
int client_run(const struct create_options *o, bool detach, bool keep,
	       int *exit_status, struct err *reterr);

/*
 * Saves a container with its VM into folder PATH, which is made where it is
 * not there. Unless LEAVE_RUNNING the container is deleted then. -EOPNOTSUPP
 * with the reason for one that cannot be saved, which goes on untouched.
 */
int client_checkpoint(const char *root, const char *id, const char *path,
		      bool leave_running, struct err *reterr);

/* The architecture of the checkpoint in folder PATH; to be freed. */
int client_checkpoint_arch(const char *path, char **ret, struct err *reterr);

/*
 * client_run() of a container that goes on where checkpoint O->checkpoint was
 * made. The bundle's config.json says what is the host's (hooks, control group,
 * network namespace, terminal); the rest is in the VM.
 */
int client_restore(const struct create_options *o, bool detach,
		   int *exit_status, struct err *reterr);

/* All containers below ROOT, sorted by id; none when ROOT does not exist. To be
 * freed with container_states_free(). */
int client_list(const char *root, struct container_state **ret, size_t *n,
		struct err *reterr);

int client_pause(const char *root, const char *id, struct err *reterr);
int client_resume(const char *root, const char *id, struct err *reterr);

/*
 * New limits for a running container, as a packed grpc.LinuxResources message.
 */
int client_update(const char *root, const char *id, const void *resources,
		  size_t n, struct err *reterr);

/* What the guest counts of a running container; to be freed with
 * proto_free(). */
int client_stats(const char *root, const char *id,
		 Grpc__StatsContainerResponse **ret, struct err *reterr);

/* How often the guest has killed in it for lack of memory. */
int client_ooms(const char *root, const char *id, uint64_t *ret,
		struct err *reterr);

/* The processes of the container as host pids: its stubs. *RET to be freed. */
int client_pids(const char *root, const char *id, int **ret, size_t *n,
		struct err *reterr);

/* What is on the host because of a sandbox that nobody owns any more. */
struct gc_item {
	char *kind, *what; /* owned; kinds as in journal.h */
};

struct gc_entry {
	char *id; /* owned */
	struct gc_item *items; /* owned; what exists, and would be removed */
	size_t n_items;
	int error;       /* why it could not be removed, or 0 */
	struct err text; /* of ERROR */
};

/*
 * Finds the sandboxes below ROOT whose client and supervisor are dead, and
 * removes what they have left, unless DRY_RUN. One that cannot be removed is
 * told by its entry; the others are all the same. To be freed with
 * gc_entries_free().
 */
int client_gc(const char *root, bool dry_run, struct gc_entry **ret, size_t *n,
	      struct err *reterr);
void gc_entries_free(struct gc_entry *v, size_t n);

/*
 * The hidden verb `supervisor`: the process that owns a sandbox. Started by
 * client_create() only, with argv[0] == "supervisor". Returns an exit code.
 */
int supervisor_main(int argc, char **argv);

#endif
