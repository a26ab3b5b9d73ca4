// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_CONFIG_H
#define AGENT_CONFIG_H

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

#define CONFIG_CMDLINE_MAX 65536
#define CONFIG_PORT_NAME_MAX 64

/* What the kernel command line says to the agent: words "agent.<name>[=v]". */
struct config {
	enum log_level log_level;     /* agent.log */
	bool debug_console;	      /* agent.debug_console */
	bool dev_mode;		      /* agent.devmode: no power-off */
	uint32_t hotplug_timeout_ms;  /* agent.hotplug_timeout, given in s */
	uint32_t vsock_port;	      /* agent.server_addr=vsock://… */
	char port_name[CONFIG_PORT_NAME_MAX]; /* …=virtio://<name> */
	uint32_t console_port;	      /* agent.debug_console_vport, or 0 */
	uint32_t log_port;	      /* agent.log_vport, or 0 */
	bool restart_ends;	      /* reboot=t: see boot_power_off() */
	unsigned int ignored;	      /* words of ours that made no sense */
};

void config_init(struct config *config);

/*
 * Applies all words of a kernel command line. Words that are not for the agent
 * are passed over; unknown or malformed ones of its own are counted in
 * `ignored` and otherwise have no effect, so that an old agent boots with a
 * newer host. Double quotes group, as they do for the kernel.
 */
void config_parse_cmdline(struct config *config, const char *cmdline);

#endif
