// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_PROTOCOL_CLIENT_H
#define TESTS_PROTOCOL_CLIENT_H

#include <stdbool.h>

#include "codec/ttrpc.h"
#include "os/event.h"
#include "proto/agent.pb-c.h"
#include "proto/health.pb-c.h"

/* A host for an agent, that calls and waits. */
struct client {
	struct event_loop *loop;
	struct ttrpc_conn *conn;
	bool closed;
	uint32_t timeout_ms;
};

/* One call under way, and its end. */
struct answer {
	bool done;
	int code;
	char text[1024];
	ProtobufCMessage *message; /* the caller's, when the code is 0 */
};

int client_open(struct client *c, int fd);
void client_close(struct client *c);

void client_start(struct client *c, struct answer *a, const char *method,
		  const ProtobufCMessage *request,
		  const ProtobufCMessageDescriptor *response);
/* False when it is not there after TIMEOUT_MS. */
bool client_wait(struct client *c, struct answer *a, uint32_t timeout_ms);

/* Calls and waits; the code. The text is in TEXT until the next call. */
int client_call(struct client *c, const char *method,
		const ProtobufCMessage *request,
		const ProtobufCMessageDescriptor *response,
		ProtobufCMessage **ret);
extern char client_text[1024];

/* Calls that answer nothing, for one container and perhaps a process. */
int client_create_sandbox(struct client *c);
int client_start_container(struct client *c, const char *id);
int client_remove(struct client *c, const char *id);
int client_signal(struct client *c, const char *id, const char *exec, int signo);
int client_write(struct client *c, const char *id, const char *exec,
		 const void *data, size_t n);
int client_close_stdin(struct client *c, const char *id, const char *exec);
/* The exit status, or -1000 - code. */
int client_wait_process(struct client *c, const char *id, const char *exec);
/* All of the output until its end, to be freed; NULL on failure. */
char *client_read_all(struct client *c, const char *id, const char *exec,
		      bool is_err, size_t *ret_n);

/* A specification that can be adorned, with room for what tests add. */
struct spec {
	Grpc__Spec spec;
	Grpc__Process process;
	Grpc__User user;
	Grpc__Root root;
	Grpc__Linux linux_part;
	Grpc__LinuxResources resources;
	Grpc__LinuxCapabilities caps;
	Grpc__LinuxNamespace ns[8], *ns_list[8];
	Grpc__Mount mounts[16], *mount_list[16];
	char *env[16], *args[16], *options[16][8];
	char *cap_list[4];
};

/* Fills in S for ROOTFS (with proc, sysfs and a /dev), to run SHELL by
 * "/bin/sh -c". */
void spec_init(struct spec *s, const char *rootfs, const char *shell);
void spec_mount(struct spec *s, const char *destination, const char *type,
		const char *source, const char *options);
int client_create(struct client *c, const char *id, struct spec *s,
		  Grpc__Storage **storages, size_t n);
int client_exec(struct client *c, const char *id, const char *exec,
		struct spec *s);

#endif
