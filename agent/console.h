// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_CONSOLE_H
#define AGENT_CONSOLE_H

#include "agent.h"

/*
 * What a human looks into a guest by, apart from the protocol: a shell
 * (agent.debug_console) on the virtio-serial port "kiln.console.0", on vsock
 * port agent.debug_console_vport, or else on the console; and the log as lines
 * of JSON for who connects to vsock port agent.log_vport. Each is there when
 * the command line asks for it and the machine has it. A guest that was not
 * asked listens nowhere.
 */
void console_start(struct agent *agent);

#endif
