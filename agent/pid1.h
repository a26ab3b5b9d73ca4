// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_PID1_H
#define AGENT_PID1_H

#include <stdbool.h>

/*
 * True for the words "NAME -- COMMAND...", by which container engines call the
 * init that they put before a container's own command.
 */
bool pid1_is_wanted(int argc, char **argv);

/*
 * Runs COMMAND (NULL-terminated) as its child, passes signals on to it and
 * waits for whatever else becomes its child. The status to exit with: the
 * command's, 128 + signal; 127, 126 when it cannot be executed.
 */
int pid1_run(char **command);

#endif
