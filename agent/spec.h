// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_SPEC_H
#define AGENT_SPEC_H

#include "base/err.h"
#include "proto/agent.pb-c.h"

struct agent;

/* What must be there for the rest to rely on: parts that are NULL otherwise,
 * bounds on numbers of things. -EINVAL, or -EOPNOTSUPP. */
int spec_check(const Grpc__Spec *spec, struct err *reterr);
int spec_check_process(const Grpc__Process *process, struct err *reterr);

/*
 * What OCI has and the protocol's messages have not comes as annotations of
 * Kiln's own: the value of SPEC_EXTRA_PREFIX KEY, or NULL.
 */
#define SPEC_EXTRA_PREFIX "io.kiln.spec."
const char *spec_extra(const Grpc__Spec *spec, const char *key);

/* Corrects the devices of the specification that the host has plugged in: the
 * numbers are the guest's. */
int spec_add_devices(const struct agent *agent,
		     const Grpc__CreateContainerRequest *request,
		     struct err *reterr);

#endif
