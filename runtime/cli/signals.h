// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_SIGNALS_H
#define CLI_SIGNALS_H

/*
 * A signal by number ("9") or name, in any case, with or without "SIG"
 * ("KILL", "sigterm", "RTMIN+3"). The number, 0 to 64, or -EINVAL.
 */
int signal_parse(const char *text);

#endif
