// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_TASK_H
#define AGENT_TASK_H

#include <stddef.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/ttrpc.h"

struct agent;

/*
 * Work that may block is done by a child, which has a copy of all that the
 * agent knows. What it writes to its standard output is the result.
 */

#define TASK_OUTPUT_MAX ((size_t)3 << 20) /* fits a reply */

/* In the child: 0, or an error in RETERR. May execute another program. */
typedef int (*task_fn)(const void *arg, struct err *reterr);

/* In the agent: answers CALL. R is 0, or the error in E. */
typedef void (*task_done_fn)(struct ttrpc_call *call, int r,
			     const struct err *e, uint8_t *output, size_t n);

/*
 * Runs FN(ARG) with the N bytes of INPUT as standard input, for TIMEOUT_MS at
 * most, then calls DONE. When it cannot be started CALL is answered here.
 */
void task_run(struct agent *agent, struct ttrpc_call *call, task_fn fn,
	      const void *arg, const uint8_t *input, size_t n,
	      uint32_t timeout_ms, task_done_fn done);

/* The plain end: an empty message, or the error. */
void task_reply_empty(struct ttrpc_call *call, int r, const struct err *e,
		      uint8_t *output, size_t n);

/* The sandbox ends: ends all tasks and answers their calls. */
void task_cancel_all(struct agent *agent);

#endif
