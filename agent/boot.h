// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_BOOT_H
#define AGENT_BOOT_H

#include "agent.h"
#include "base/err.h"

/* The duties of PID 1, in order: makes a guest of a bare kernel. Fills in what
 * the command line says. */
int boot(struct agent *agent, struct err *reterr);

/* The same where another init has made the guest, of which this is a service. */
int boot_service(struct agent *agent, struct err *reterr);

/*
 * Syncs and ends the machine; returns only where it may not. A machine that
 * cannot be switched off halts for ever if told to; its host says "reboot=t" to
 * the kernel and takes a restart for the end (RESTART).
 */
void boot_power_off(bool restart);

/* The shell for who debugs the guest, on the console. */
void boot_debug_console(void);

#endif
