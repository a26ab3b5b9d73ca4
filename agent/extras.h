// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_EXTRAS_H
#define AGENT_EXTRAS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/oci.pb-c.h"

/* What OCI says of a process or container and the messages have no field for:
 * it comes as annotations, see spec_extra(). */

/* The kernel's struct sched_attr, which C libraries hide. */
struct extras_sched {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period;
};

struct extras_offset {
	bool is_set;
	int64_t s;
	uint32_t ns;
};

struct extras {
	uint32_t umask;
	uint32_t seccomp_errno; /* UINT32_MAX: not given */
	bool has_personality, has_sched;
	unsigned long personality;
	int ioprio; /* 0: none */
	struct extras_sched sched;
	struct extras_offset monotonic, boottime; /* of the time namespace */
};

/* Reads all of them; defaults where there are none. -EINVAL names the key. */
int extras_parse(const Grpc__Spec *spec, struct extras *ret,
		 struct err *reterr);

/* The process.scheduler object of a specification, as text. -EINVAL. */
int extras_parse_sched(const char *json, struct extras_sched *ret);

/* For the calling process: of the container as a whole. */
int extras_apply(const struct extras *e, struct err *reterr);
/* Of the container's first process alone. */
int extras_apply_first(const struct extras *e, struct err *reterr);
/* Makes a time namespace with the offsets, entered by execve(). */
int extras_enter_time(const struct extras *e, struct err *reterr);

#endif
