// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_PROTOCOL_HARNESS_H
#define TESTS_PROTOCOL_HARNESS_H

#include <sys/types.h>

#include "host.h"

/*
 * An agent for the tests of a program: one of the test build on this host, or,
 * with KILN_AGENT_SOCKET, that of a running guest with /rootfs in its ramdisk.
 */
extern struct host host;
extern struct client client;
extern struct spec S;
#define C (&client)

#define STR(x) ((char *)(uintptr_t)(x))
#define NEED(x)                                                                \
	do {                                                                   \
		if (!(x))                                                      \
			skip();                                                \
	} while (0)
#define NEED_BUSYBOX() NEED(host.has_busybox)
/* Other users than the caller's exist only for root, and only root can put a
 * process into a pid namespace and stay out of it. */
#define NEED_ROOT() NEED(host.has_busybox && host.is_root)

int harness_setup(void **state);
/* The agent must end by itself, and without complaints of the sanitizers. */
int harness_teardown(void **state);

void ok(int code);
/* A started container "c" that runs SHELL, or S as it is. */
void run(const char *shell);
void expect(const char *exec, bool is_err, const char *want);
void end(int status);
/* Calls METHOD, which answers nothing; the code. */
int call(const char *method, const ProtobufCMessage *request);

/* Agents of their own, for what may end the connection. */
int raw_agent(pid_t *pid);
void end_raw(int fd, pid_t pid);

#endif
