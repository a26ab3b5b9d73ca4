// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_CHANNEL_H
#define AGENT_CHANNEL_H

#include "agent.h"
#include "base/err.h"

/* The ways by which the host reaches the agent. */
struct channels;

/*
 * In a guest: a virtio-serial port of the configured name and a vsock listener,
 * whichever the machine has, now or later. CALLS OPENED(agent) once, as soon as
 * the first of them can be used. NULL with the error set on failure.
 */
struct channels *channels_open(struct agent *agent,
			       void (*opened)(struct agent *),
			       struct err *reterr);

/* On a host: the socket FD, taken over. Its end is the program's. */
struct channels *channels_open_fd(struct agent *agent, int fd,
				  struct err *reterr);

/* Looks again for what was not there. */
void channels_rescan(struct channels *channels);

/* The path of the virtio-serial port of that name; -ENOENT. */
int channel_find_port(const struct agent *agent, const char *port, char *ret,
		      size_t size);

void channels_free(struct channels *channels);

#endif
