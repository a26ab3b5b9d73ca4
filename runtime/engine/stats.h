// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include "codec/ttrpc.h"

struct container;

struct sandbox;

/* Counts from now on in whose containers the guest kills for lack of memory. */
void stats_watch_oom(struct sandbox *sb);

/* Answers CALL with what the agent counts of C, a StatsContainerResponse. */
void stats_answer(struct container *c, struct ttrpc_call *call);

#endif
