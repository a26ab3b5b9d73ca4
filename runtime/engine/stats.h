// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include "codec/ttrpc.h"

struct container;

/* Answers CALL with what the agent counts of C, a StatsContainerResponse. */
void stats_answer(struct container *c, struct ttrpc_call *call);

#endif
