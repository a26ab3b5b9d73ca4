// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_WIRE_H
#define ENGINE_WIRE_H

#include <stdint.h>

/*
 * What a stub and its supervisor say to one another on <dir>/stub.sock, a
 * SOCK_SEQPACKET socket: one message a packet, both ends the same program on
 * the same host. The supervisor knows a stub's pid from the kernel.
 */
#define WIRE_MAGIC 0x6b696c01U
#define WIRE_ID_MAX 129

#define WIRE_TASK_SOCKET "task.sock"
#define WIRE_STUB_SOCKET "stub.sock"

#define WIRE_FLAG_TERMINAL (1U << 0)

/*
 * First packet of a stub, with the supervisor's ends of stdin, stdout and,
 * unless a terminal, stderr.
 */
struct wire_hello {
	uint32_t magic;
	uint32_t flags; /* WIRE_FLAG_ */
	uint32_t rows, columns;
	char id[WIRE_ID_MAX];
	char exec_id[WIRE_ID_MAX]; /* "": the init process */
};

enum wire_type {
	WIRE_ATTACHED = 1, /* to the stub: hello was understood */
	WIRE_EXIT,	   /* to the stub: A is the exit status; all output has
			      been written before */
	WIRE_DROP,	   /* to the stub: exit with A, say nothing */
	WIRE_SIGNAL,	   /* from the stub: it received signal A */
	WIRE_RESIZE,	   /* from the stub: A rows, B columns */
};

struct wire_message {
	uint32_t type;
	uint32_t a, b;
};

#endif
