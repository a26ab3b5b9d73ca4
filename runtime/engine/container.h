/* SPDX-License-Identifier: Apache-2.0 */
/* What making a container (container_create.c) and acting on one
 * (container.c) share; engine.h has what others may call. */
#ifndef ENGINE_CONTAINER_H
#define ENGINE_CONTAINER_H

#include "runtime/engine/engine.h"

/* The hooks as the caller gave them; translation drops them from the spec. */
struct container_hooks {
	Grpc__Hooks hooks;
	unsigned int stage; /* of those before it is made, the next */
};

/* The state with STATUS as hooks get it, JSON; to be freed. NULL: no memory. */
char *container_hook_state(const struct container *c, const char *status);

/* It runs: the host's poststart hooks, and then the answer to the request
 * under way. What fails is logged. */
void container_poststart(struct container *c);

/* What the agent may take to make it, and to start it. */
uint32_t container_timeout_ms(const struct container *c);

/* It was not made, for E with CODE: its init's caller sees it end, the request
 * under way is answered. */
void container_fail(struct container *c, int code, const struct err *e);

#endif
