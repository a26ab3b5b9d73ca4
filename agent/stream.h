// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_STREAM_H
#define AGENT_STREAM_H

#include <stdbool.h>
#include <stdint.h>

#include "base/list.h"
#include "codec/ttrpc.h"
#include "os/event.h"

/*
 * The ends of a process's standard streams that the agent holds. Nothing is
 * buffered on the way out: what nobody has asked for stays in the pipe, so a
 * reader that is slow, or away, slows the process, and memory is bounded.
 */

#define STREAM_READ_MAX (1u << 20)
#define STREAM_PENDING_MAX ((size_t)8 << 20) /* unwritten input of a process */
#define STREAM_DRAIN_MS 500 /* patience with who keeps the pipe of the dead */

/* Standard output or error: calls to read wait here until there is data. */
struct stream_out {
	struct event_loop *loop;
	int fd; /* non-blocking, owned; -1: at the end */
	struct event_io *io;
	struct event_timer *drain;
	struct list readers;
	bool ended;   /* its process has exited */
	bool expired; /* and the drain time has passed */
};

void stream_out_init(struct stream_out *s, struct event_loop *loop);
/* Takes over FD; -errno. */
int stream_out_open(struct stream_out *s, int fd);
/* Answers all who wait with the end of the stream. */
void stream_out_release(struct stream_out *s);

/* Answers CALL with up to N bytes as soon as there is one, or with none at the
 * end of the stream. */
void stream_out_read(struct stream_out *s, struct ttrpc_call *call, uint32_t n);

/*
 * The process has exited. What is in the pipe is still delivered; descendants
 * that hold it open may add to it for STREAM_DRAIN_MS, then the first read
 * that finds it empty is the end.
 */
void stream_out_exited(struct stream_out *s);

/* Standard input. */
struct stream_in {
	struct event_loop *loop;
	int fd; /* non-blocking, owned; -1: closed */
	struct event_io *io;
	struct list writers;
	size_t pending;
	bool closing;
};

void stream_in_init(struct stream_in *s, struct event_loop *loop);
int stream_in_open(struct stream_in *s, int fd);
void stream_in_release(struct stream_in *s);

/* Answers CALL when all N bytes are written (copied before it returns), or
 * with an error when the process will never read them. */
void stream_in_write(struct stream_in *s, struct ttrpc_call *call,
		     const uint8_t *data, size_t n);

/* Closes it once what is pending has been written. */
void stream_in_close(struct stream_in *s);

#endif
