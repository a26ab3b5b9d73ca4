// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_HOOK_H
#define AGENT_HOOK_H

#include "base/err.h"
#include "proto/oci.pb-c.h"

/*
 * Runs the hook in the calling process's namespaces, with the state of
 * container ID on its standard input (OCI runtime specification, "POSIX-platform Hooks").
 * Blocks until it has ended: for a container's own process, not the agent. An
 * error when it fails, or outlives its time.
 */
int hook_run(const Grpc__Hook *hook, const char *id, struct err *reterr);

#endif
