// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_COPYUP_H
#define AGENT_COPYUP_H

#include "base/err.h"

/*
 * Copies what is in directory FROM into directory TO (both fds, may be O_PATH),
 * with owners, modes and times: mount option "tmpcopyup". Follows no link, and
 * no mount. Sockets are left out.
 */
int copyup(int from, int to, struct err *reterr);

#endif
