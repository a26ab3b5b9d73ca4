// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_JOURNAL_H
#define ENGINE_JOURNAL_H

#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"

/*
 * What exists on the host because of one sandbox. A line is appended before
 * the thing it names is made, so that at any instant the file covers what may
 * exist, and undoing it, backwards, leaves nothing. Lines:
 *
 *	process ROLE [PID START]   a process; PID follows once it is known
 *	dir PATH                   an empty directory, or a mount point
 *	file PATH                  a file, socket or mount point
 *	mount PATH                 a mount in the supervisor's own namespace
 *	scratch PATH               a directory with plain files of a helper
 *	netns INODE PATH           links of it are joined to a VM
 *	phase NAME MS              a phase was reached, for the record
 *
 * PATH is relative to the sandbox's directory and never leaves it; but that of
 * a network namespace is absolute, and only holds with its inode number.
 */
#define JOURNAL_NAME "journal"

struct journal {
	int fd; /* -1: closed, all notes are ignored */
};

#define JOURNAL_INIT {-1}

/* Opens or creates the journal in directory DIRFD. */
int journal_open(struct journal *j, int dirfd, struct err *reterr);
void journal_close(struct journal *j);

/* Appends a line of KIND about PATH; 0 or -errno. */
int journal_path(struct journal *j, const char *kind, const char *path);

/* Appends a process; PID 0 stands for one about to be forked. */
int journal_process(struct journal *j, const char *role, pid_t pid);

/* Notes the network namespace PATH; 0 or -errno. */
int journal_netns(struct journal *j, const char *path, uint64_t inode);

void journal_phase(struct journal *j, const char *name, uint64_t ms);

/*
 * Undoes the journal of directory DIRFD: kills processes first, then walks
 * backwards. Things already gone are fine, so it may be repeated. Tries
 * everything; returns the first failure.
 */
int journal_undo(int dirfd, struct err *reterr);

#endif
