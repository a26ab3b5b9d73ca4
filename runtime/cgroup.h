// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_CGROUP_H
#define RUNTIME_CGROUP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/oci.pb-c.h"

/*
 * The control groups of a container on the host: one in each hierarchy that is
 * mounted here (version 1, hybrid), or the one of version 2.
 */
#define CGROUP_PATH_MAX 1024

struct cgroup_group {
	/* "cpu,cpuacct", "name=systemd"; "" for version 2. Owned. */
	char *controllers;
	char *mount; /* where the hierarchy is mounted; owned */
	char *own;   /* path of this process in it, below MOUNT; owned */
	char *path;  /* absolute, of the group; owned; NULL: none yet */
};

struct cgroup {
	struct cgroup_group *v; /* owned */
	size_t n;
};

#define CGROUP_INIT {0}

void cgroup_release(struct cgroup *g);

/*
 * The hierarchies that MOUNTINFO (text of /proc/self/mountinfo) shows, with the
 * caller's place in each by OWN (/proc/self/cgroup). 0 or -ENOMEM.
 */
int cgroup_parse(const char *mountinfo, const char *own, struct cgroup *ret);

/*
 * Sets all paths: an absolute WANTED is below the root of each hierarchy, a
 * relative one below the caller's own group, "" stands for NAME there. ".."
 * never leads out. -EINVAL for a path that cannot be one.
 */
int cgroup_place(struct cgroup *g, const char *wanted, const char *name,
		 struct err *reterr);

/* Both of this host, without hierarchies that cannot be reached. */
int cgroup_find(const char *wanted, const char *name, struct cgroup *ret,
		struct err *reterr);

/* Told of every folder before it may be made, whether it is the group itself or
 * a parent of it; not 0 prevents it. */
typedef int (*cgroup_note_fn)(void *arg, const char *path, bool group);

/*
 * Makes the groups. Those that cannot be made are dropped from G: -errno says
 * why the first was, and G holds the others.
 */
int cgroup_make(struct cgroup *g, cgroup_note_fn note, void *arg,
		struct err *reterr);

/* Processes in the group now (in the fullest one). */
size_t cgroup_population(const struct cgroup *g);
bool cgroup_is_frozen(const struct cgroup *g);

/* Moves process PID into all; the first -errno. */
int cgroup_join(const struct cgroup *g, pid_t pid);

/* As lines "MOUNT\tCONTROLLERS\tPATH", and back. */
int cgroup_save(const struct cgroup *g, int dirfd, const char *name);
int cgroup_load(struct cgroup *ret, int dirfd, const char *name);

/*
 * Removes the group at PATH, with those below it when WHOLE; waits at most
 * *PATIENCE_MS, which is counted down, for its processes to go. One that others
 * use stays. The caller itself steps out of it. Refuses what is no group. 0
 * also when there is none.
 */
int cgroup_remove(const char *path, bool whole, unsigned int *patience_ms);

/* --- limits --- */

/* What a VM needs beyond its container's limits. */
struct cgroup_vm {
	uint64_t memory; /* bytes, all it may use; 0: not known */
	uint32_t pids;
};

/*
 * Writes the limits of R that the hierarchies of G know; 0 and "" are no
 * limits, as on the wire. VM is what runs in the group; NULL: the container's
 * processes and no VM. What a hierarchy has no file for is passed over.
 */
int cgroup_set(const struct cgroup *g, const Grpc__LinuxResources *r,
	       const struct cgroup_vm *vm, struct err *reterr);

/* Lets the group have all CPU time there is. */
void cgroup_lift(const struct cgroup *g);

#endif
