// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_HOTPLUG_H
#define AGENT_HOTPLUG_H

#include <stdbool.h>
#include <stdint.h>

#include "agent.h"
#include "codec/ttrpc.h"

/* Puts all processors (and, unless CPU_ONLY, memory blocks) that are there on
 * line. Answers CALL when WANTED processors more are, or no more come. */
void hotplug_online(struct agent *agent, struct ttrpc_call *call,
		    uint32_t wanted, bool cpu_only);

/* Puts processors on line, or off, the highest first, until there are CPUS of
 * them, and memory, until there are MEMORY_MIB at least; 0: as it is. Answers
 * CALL then, or when no more come. */
void hotplug_settle(struct agent *agent, struct ttrpc_call *call,
		    uint32_t cpus, uint64_t memory_mib);

#endif
