// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STATS_H
#define ENGINE_STATS_H

#include "codec/ttrpc.h"

struct container;

struct sandbox;

/* Counts from now on in whose containers the guest kills for lack of memory. */
void stats_watch_oom(struct sandbox *sb);

/* The same with CALL that waits already, unless 0. */
void stats_adopt_oom(struct sandbox *sb, uint32_t call);

/* Answers CALL with what the agent counts of C, a StatsContainerResponse. */
void stats_answer(struct container *c, struct ttrpc_call *call);

#endif
