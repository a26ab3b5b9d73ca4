// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_BUNDLE_H
#define AGENT_BUNDLE_H

#include "base/err.h"
#include "proto/oci.pb-c.h"

/*
 * A bundle for the hooks of a guest's image: DIR/config.json as the OCI runtime
 * specification has it, of what the container is (root, process, mounts,
 * annotations, namespaces, devices), not of how it is confined.
 */
int bundle_write(const char *dir, const Grpc__Spec *spec, struct err *reterr);
void bundle_remove(const char *dir);

/* The annotations as a JSON object, to be freed; NULL for lack of memory. */
char *bundle_annotations(const Grpc__Spec *spec);

#endif
