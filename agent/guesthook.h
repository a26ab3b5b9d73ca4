// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_GUESTHOOK_H
#define AGENT_GUESTHOOK_H

#include "base/err.h"
#include "base/strv.h"
#include "codec/ttrpc.h"
#include "proto/oci.pb-c.h"

struct agent;
struct container;

/*
 * Hooks of the guest's image: the programs of the directories prestart,
 * poststart and poststop below CreateSandbox's guest_hook_path. They run for
 * each container in the agent's namespaces, with its state on their standard
 * input (OCI runtime specification, "State").
 */
enum guesthook_kind {
	GUESTHOOK_PRESTART,
	GUESTHOOK_POSTSTART,
	GUESTHOOK_POSTSTOP,
	GUESTHOOK_KINDS
};

struct guesthooks {
	struct strv programs[GUESTHOOK_KINDS]; /* sorted by name */
};

/*
 * Finds the programs below PATH. What is no regular file, not executable, or
 * not for root alone to write is left out with a warning. -EINVAL for a path
 * that is not of the image, -E2BIG for too many.
 */
int guesthooks_load(struct guesthooks *h, const struct agent *agent,
		    const char *path, struct err *reterr);
void guesthooks_release(struct guesthooks *h);
bool guesthooks_any(const struct guesthooks *h);

/*
 * What hooks look at: the bundle <root>/<id> with a config.json of the parts of
 * SPEC that concern them. Only for a sandbox that has hooks.
 */
int guesthook_bundle(struct container *c, const Grpc__Spec *spec,
		     struct err *reterr);

typedef void (*guesthook_done_fn)(struct container *c, struct ttrpc_call *call);

/*
 * Runs the programs of KIND one after the other, each for 10 s at most, then
 * calls DONE; at once when there are none. What fails is logged, and the next
 * one runs. CALL (may be NULL) is the container's until then.
 */
void guesthook_start(struct container *c, enum guesthook_kind kind,
		     struct ttrpc_call *call, guesthook_done_fn done);

/* The container goes: ends what runs for it, without a word to DONE. */
void guesthook_cancel(struct container *c);

#endif
