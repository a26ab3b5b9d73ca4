// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_USER_H
#define AGENT_USER_H

#include <sys/types.h>

#include "base/err.h"
#include "proto/oci.pb-c.h"

/* Becomes USER for good. */
int user_become(const Grpc__User *user, struct err *reterr);

/* The home directory of UID as the lines of a passwd file TEXT have it, to be
 * freed; NULL when they do not. */
char *user_home_in(const char *text, uid_t uid);

/* As user_home_in() for /etc/passwd; "/" when that has none. NULL for lack of
 * memory. */
char *user_home(uid_t uid);

#endif
