// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_VIRTIOFSD_H
#define VMM_VIRTIOFSD_H

#include <stdbool.h>
#include <sys/types.h>

#include "base/err.h"
#include "base/strv.h"

/*
 * A server of one shared folder. The interface knows nothing of virtiofsd but
 * its path, so that a server of our own can take its place.
 */

struct event_loop;
struct fs_server;

/* The server has ended by itself; TEXT is its last words, escaped. */
typedef void (*fs_server_ended_fn)(void *arg, int status, const char *text);

/* Borrowed for the time of the call. */
struct fs_server_options {
	const char *program; /* host_facts.virtiofsd */
	const char *source;  /* the folder */
	/* A folder that nobody else may enter, and a name that is used there
	 * for a moment. */
	int dirfd;
	const char *socket;
	bool read_only;
	bool confined;	     /* in a jail; needs host_facts.jail */
	const char *cache; /* auto, always, never, metadata; NULL: auto */
	char *const *extra_args; /* NULL-terminated; NULL: none */
};

/* The command line for O; 0, or -errno when the program cannot do it. Pure. */
int fs_server_argv(const struct fs_server_options *o, struct strv *argv,
		   struct err *reterr);

/*
 * Starts a server. 0 with it in *RET and in *RET_FD the stream for
 * vm_share.fd, the caller's to close once vm_start() has returned; else -errno.
 * The server ends with the VM's end of the stream, and is killed when this
 * process dies. ENDED may be NULL.
 */
int fs_server_start(struct event_loop *loop, const struct fs_server_options *o,
		    fs_server_ended_fn ended, void *arg,
		    struct fs_server **ret, int *ret_fd, struct err *reterr);

/* 0 once it has ended. */
pid_t fs_server_pid(const struct fs_server *server);

/* Kills it if it still runs. NULL is fine. */
void fs_server_free(struct fs_server *server);

#endif
