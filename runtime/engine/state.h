// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STATE_H
#define ENGINE_STATE_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "runtime/engine/client.h"

/*
 * state.json: what is known of a container without asking anybody. The
 * supervisor replaces it at every change; readers see the old or the new.
 */
#define STATE_NAME "state.json"

struct state_record {
	struct container_state s; /* owned */
	uint64_t pid_start;
	pid_t supervisor;
	uint64_t supervisor_start;
};

void state_release(struct state_record *r);
#define cleanup_state cleanup(state_release)

/* Writes R into directory DIRFD; 0 or -errno. */
int state_write(int dirfd, const struct state_record *r);

/* Reads it as it was written. -ENOENT when there is none (yet). */
int state_read(int dirfd, struct state_record *ret, struct err *reterr);

/* As state_read(), and set right: what cannot be after the supervisor's death
 * becomes "stopped". */
int state_read_live(int dirfd, struct state_record *ret, struct err *reterr);

bool state_supervisor_is_alive(const struct state_record *r);

/* Now, as RFC 3339 in UTC with nanoseconds, to be freed; NULL on failure. */
char *state_timestamp(void);

#endif
