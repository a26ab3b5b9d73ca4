// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_METRICS_H
#define AGENT_METRICS_H

#include "base/buf.h"

#define METRICS_MAX ((size_t)1 << 20)

/* Appends what the guest and the agent do, as text for Prometheus, under the
 * names that Kata's agent has for it. SCRAPES counts the calls. 0 or -errno. */
int metrics_write(struct buf *out, unsigned long scrapes);

#endif
