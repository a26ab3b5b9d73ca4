// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_CAPABILITY_H
#define OCI_CAPABILITY_H

#include "proto/oci.pb-c.h"

#define CAPABILITY_COUNT 41

/* By their numbers. */
extern const char *const capability_names[CAPABILITY_COUNT];

/*
 * Takes names that no kernel of ours knows out of all sets, with a warning, as
 * the specification wants: callers ask for what newer kernels have. C may be
 * NULL.
 */
void capabilities_drop_unknown(Grpc__LinuxCapabilities *c);

#endif
