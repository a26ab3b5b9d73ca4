// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_STREAM_H
#define ENGINE_STREAM_H

#include "runtime/engine/engine.h"

/*
 * The streams of a process, between the stub's pipes and the agent's calls.
 * Both directions stop when the far side does not take more: at most one write
 * is under way, and reading ahead is bounded.
 */
void stream_init(struct process *p);
void stream_start(struct process *p);

/* As stream_start(), where checkpoint CK left off. */
void stream_adopt(struct process *p, const struct checkpoint *ck);

/* Forgets everything, closes the pipes. */
void stream_release(struct process *p);

/* Ends stdin for the process, as the end of the caller's would. */
void stream_close_input(struct process *p);

/* Takes no more input: the process is gone. */
void stream_stop_input(struct process *p);

/* What still comes is thrown away: the stub is gone. */
void stream_lose_reader(struct process *p);

/* Takes the output as ended. */
void stream_abort_output(struct process_output *o);

/* When P has ended and all its output is delivered, has its container told,
 * once, from the event loop. */
void stream_check_finished(struct process *p);

#endif
