// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_JAIL_H
#define VMM_JAIL_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * What a helper program (VMM, file server) may see and do. It gets namespaces
 * of its own, of users, mounts, processes, network, IPC and host name: an empty
 * root folder with the host's programs and libraries read-only, a /proc with
 * itself alone, a /dev with null, zero and urandom, and the paths named here,
 * under their own names. It has no network, no_new_privs, and no capability but
 * the kept ones, which hold for files it can see and for nothing else, as its
 * user namespace owns nothing. Its ids are the caller's.
 *
 * Mounts that the caller makes later below a path named here arrive inside.
 */
#define JAIL_PATHS_MAX 32

struct jail_path {
	const char *path; /* absolute; borrowed */
	bool writable;
	bool devices; /* device nodes below it work */
};

struct jail {
	struct jail_path paths[JAIL_PATHS_MAX];
	size_t n_paths;
	uint64_t capabilities; /* set of 1 << CAP_… */
};

/* Adds PATH, if there is one: NULL and "" are ignored. -E2BIG when full. */
int jail_add(struct jail *jail, const char *path, bool writable);

/* The same for a device node. */
int jail_add_device(struct jail *jail, const char *path);

/* Files of other users in a folder served to the guest: CAP_CHOWN and the
 * like; none of them where the caller has but one id to give. */
uint64_t jail_file_capabilities(void);

/*
 * fork() into the namespaces: 0 in the child, which is process 1 there and is
 * to call jail_enter(); else its pid in the caller's, and *RET_GATE, to be given
 * to jail_open_gate(). -errno: -EPERM or -ENOSPC where the host allows no user
 * namespaces, or the caller runs in a chroot.
 */
pid_t jail_fork(int *ret_gate);

/* Lets the child PID go on, with ids. On failure it has to be killed. The
 * gate is closed. */
int jail_open_gate(pid_t pid, int gate, struct err *reterr);

/* In the child: waits for the ids and goes in. PROGRAM, an absolute path or "",
 * will be visible. Does not return unless all is in place; complaints go to
 * standard error. */
void jail_enter(const struct jail *jail, int gate, const char *program);

/* Whether this process could make such namespaces, found by trying; WHY, of
 * SIZE bytes, gets the reason if not. */
bool jail_works(char *why, size_t size);

#endif
