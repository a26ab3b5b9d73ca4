// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * What exists on the host because of one sandbox. A line is appended before
 * the thing it names is made, so that at any instant the file covers what may
 * exist, and undoing it, backwards, leaves nothing. Lines:
 *
 *	boot ID                    the host's boot, without which no pid counts
 *	process ROLE [PID START]   a process; PID follows once it is known
 *	dir PATH                   an empty directory, or a mount point
 *	file PATH                  a file, socket or mount point
 *	mount PATH                 a mount in the supervisor's own namespace
 *	scratch PATH               a directory with plain files of a helper
 *	netns INODE PATH           links of it are joined to a VM
 *	cgroup PATH                a control group, with those below it
 *	cgroup-parent PATH         one above it, to go when nobody uses it
 *	phase NAME MS              a phase was reached, for the record
 *	failure TEXT               why the guest ended, for the record
 *
 * PATH is relative to the sandbox's directory and never leaves it; but that of
 * a network namespace is absolute, and only holds with its inode number, and
 * that of a control group, which only holds in a file system of such.
 */
#define JOURNAL_NAME "journal"

struct journal {
	int fd; /* -1: closed, all notes are ignored */
	uint64_t trimmed; /* size after the last journal_trim() */
};

#define JOURNAL_INIT {-1, 0}

/* Opens or creates the journal in directory DIRFD. */
int journal_open(struct journal *j, int dirfd, struct err *reterr);
void journal_close(struct journal *j);

/* Appends a line of KIND about PATH; 0 or -errno. */
int journal_path(struct journal *j, const char *kind, const char *path);

/* Appends a process; PID 0 stands for one about to be forked. */
int journal_process(struct journal *j, const char *role, pid_t pid);

/* Notes the network namespace PATH; 0 or -errno. */
int journal_netns(struct journal *j, const char *path, uint64_t inode);

/* Notes the control group PATH, or (PARENT) one above it; 0 or -errno. */
int journal_cgroup(struct journal *j, const char *path, bool parent);

void journal_phase(struct journal *j, const char *name, uint64_t ms);

/* TEXT may be a guest's; it is escaped, and cut. */
void journal_failure(struct journal *j, const char *text);

/*
 * Leaves out the processes that have ended, when the file has grown large: a
 * container may live for years and run a check every second. For the only
 * writer, the supervisor.
 */
void journal_trim(struct journal *j, int dirfd);

/* Tells ARG of a thing by its KIND and name. */
typedef void (*journal_fn)(void *arg, const char *kind, const char *what);

/* Calls FN for all that the journal of DIRFD names and that still exists, in
 * the order in which it was made. */
void journal_each(int dirfd, journal_fn fn, void *arg);

/*
 * Undoes the journal of directory DIRFD: kills processes first, then walks
 * backwards. Things already gone are fine, so it may be repeated. Tries
 * everything; returns the first failure.
 */
int journal_undo(int dirfd, struct err *reterr);

/*
 * Called after every LINE that was written, and with "undo LINE" before one is
 * undone. It does nothing; the test program kiln-steps has another in its
 * place, that stops the process there (tests/chaos/steps.c).
 */
void journal_step(const char *line);

#endif
