// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_IDMAP_H
#define AGENT_IDMAP_H

#include <stddef.h>

#include "base/err.h"
#include "proto/oci.pb-c.h"

struct agent;

#define IDMAPS_MAX 32

/* The sources of mounts with an id mapping of their own. They are made by the
 * agent: a container's process in a user namespace has not the right to. */
struct idmaps {
	unsigned int n;
	struct {
		size_t mount; /* index in the specification */
		int tree;     /* a detached mount, owned */
	} at[IDMAPS_MAX];
};

/*
 * Makes all that SPEC asks for, by the annotations mount.<i>.uidmap and
 * mount.<i>.gidmap ("<container>:<host>:<size>,…"), or by the options "idmap"
 * and "ridmap" with the mappings of the container's user namespace.
 */
int idmaps_open(const struct agent *agent, const Grpc__Spec *spec,
		struct idmaps *ret, struct err *reterr);
void idmaps_close(struct idmaps *maps);

/* The index within MAPS of mount I; -1 when it has none. */
int idmaps_find(const struct idmaps *maps, size_t i);

/* "0:1000:1,5:7:2" as lines for /proc/<pid>/uid_map, in RET; -EINVAL. */
int idmap_parse(const char *text, char *ret, size_t size);

#endif
