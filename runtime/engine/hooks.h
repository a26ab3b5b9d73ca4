// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_HOOKS_H
#define ENGINE_HOOKS_H

#include <stddef.h>

#include "base/err.h"
#include "os/event.h"
#include "proto/oci.pb-c.h"

/*
 * OCI hooks of the host: programs of the caller's, one after the other, that
 * get the container's state as JSON on their stdin.
 */
struct hooks_run;
struct engine;

/*
 * CODE 0, or -errno with the text of the first hook that failed: none of kind
 * "poststart", which are warned of.
 */
typedef void (*hooks_done_fn)(void *arg, int code, const struct err *e);

/*
 * Runs N hooks; DONE is called from the event loop, once, and frees the run.
 * The hooks are borrowed until then, STATE is copied. NULL for lack of memory.
 */
struct hooks_run *hooks_run(struct engine *eng, const char *kind,
			    Grpc__Hook *const *hooks, size_t n,
			    const char *state, hooks_done_fn done, void *arg);

/* Kills the hook that runs; DONE is not called. NULL is fine. */
void hooks_cancel(struct hooks_run *run);

/* The same without an event loop: runs them all, warns of failures. */
void hooks_run_now(const char *kind, Grpc__Hook *const *hooks, size_t n,
		   const char *state);

#endif
