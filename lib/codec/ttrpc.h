// SPDX-License-Identifier: Apache-2.0
#ifndef CODEC_TTRPC_H
#define CODEC_TTRPC_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/macros.h"
#include "os/event.h"

/*
 * ttRPC (containerd/ttrpc PROTOCOL.md) over one stream file descriptor: a
 * socket or a virtio-serial port. A connection is client and server at once;
 * what comes in is untrusted and bounded everywhere. Everything runs on the
 * event loop, calls and replies are asynchronous.
 */

#define TTRPC_HEADER_SIZE 10
#define TTRPC_PAYLOAD_MAX (4u << 20)

/* The gRPC status codes. */
enum ttrpc_code {
	TTRPC_OK = 0,
	TTRPC_CANCELLED = 1,
	TTRPC_UNKNOWN = 2,
	TTRPC_INVALID_ARGUMENT = 3,
	TTRPC_DEADLINE_EXCEEDED = 4,
	TTRPC_NOT_FOUND = 5,
	TTRPC_ALREADY_EXISTS = 6,
	TTRPC_PERMISSION_DENIED = 7,
	TTRPC_RESOURCE_EXHAUSTED = 8,
	TTRPC_FAILED_PRECONDITION = 9,
	TTRPC_ABORTED = 10,
	TTRPC_OUT_OF_RANGE = 11,
	TTRPC_UNIMPLEMENTED = 12,
	TTRPC_INTERNAL = 13,
	TTRPC_UNAVAILABLE = 14,
};

/* The code that tells a peer of the failure -ERRNO, and the way back. */
enum ttrpc_code ttrpc_code_of_errno(int code);
int ttrpc_code_to_errno(int code);

struct ttrpc_conn;
struct ttrpc_call;

/*
 * Serves one request. CALL must be answered exactly once, now or later, by
 * ttrpc_reply() or ttrpc_reply_error(); REQUEST lives until the handler
 * returns.
 */
typedef void (*ttrpc_handler_fn)(void *arg, struct ttrpc_call *call,
				 const ProtobufCMessage *request);

/* One row of a server's dispatch table. */
struct ttrpc_method {
	const char *service, *name;
	const ProtobufCMessageDescriptor *request;
	ttrpc_handler_fn handler; /* NULL: answered UNIMPLEMENTED */
};

/* The connection has ended for REASON (-errno, 0 for a plain end of stream)
 * and is to be freed by the owner, here or later. */
typedef void (*ttrpc_closed_fn)(void *arg, struct ttrpc_conn *conn, int reason);

/*
 * Takes over FD, makes it non-blocking and serves METHODS (N may be 0) on it.
 * ARG goes to handlers and to CLOSED. NULL with errno on failure; FD then stays
 * the caller's.
 */
struct ttrpc_conn *ttrpc_conn_new(struct event_loop *loop, int fd,
				  const struct ttrpc_method *methods, size_t n,
				  ttrpc_closed_fn closed, void *arg);

/* Closes and frees; pending calls to the peer end with TTRPC_UNAVAILABLE, calls
 * of the peer still to be answered become void. NULL is fine. */
void ttrpc_conn_free(struct ttrpc_conn *conn);

int ttrpc_conn_fd(const struct ttrpc_conn *conn);

/* Answers CALL and forgets it. A reply that does not fit a frame becomes
 * TTRPC_RESOURCE_EXHAUSTED. */
void ttrpc_reply(struct ttrpc_call *call, const ProtobufCMessage *message);
void ttrpc_reply_error(struct ttrpc_call *call, enum ttrpc_code code,
		       const char *fmt, ...) PRINTF(3, 4);

/* False once the peer of CALL is gone, so that nobody waits for the answer. */
int ttrpc_call_is_live(const struct ttrpc_call *call);

/* The ARG the call's connection was made with; NULL once it is gone. */
void *ttrpc_call_arg(const struct ttrpc_call *call);

/*
 * The end of a call to the peer: CODE is TTRPC_OK and RESPONSE holds the answer
 * until the callback returns, or TEXT says what went wrong (of the peer's
 * choosing: to be escaped before it is shown) and RESPONSE is NULL.
 */
typedef void (*ttrpc_done_fn)(void *arg, int code, const char *text,
			      const ProtobufCMessage *response);

/*
 * Calls SERVICE/NAME. DONE is called exactly once unless this fails with
 * -errno; at the latest after TIMEOUT_MS (0: none) with
 * TTRPC_DEADLINE_EXCEEDED. RESPONSE describes the message that answers.
 */
int ttrpc_call(struct ttrpc_conn *conn, const char *service, const char *name,
	       const ProtobufCMessage *request,
	       const ProtobufCMessageDescriptor *response, uint32_t timeout_ms,
	       ttrpc_done_fn done, void *arg);

/* Forgets all pending calls of the connection made with ARG: their DONE is not
 * called any more. */
void ttrpc_forget(struct ttrpc_conn *conn, const void *arg);

/*
 * Moving a connection to another process together with its peer (a VM that is
 * saved and restored): the bytes under way, and the calls not answered yet.
 */

/* From now on nothing is sent and nothing read but by ttrpc_drain(); what is
 * called meanwhile waits. With HOLD false it all goes on. */
void ttrpc_hold(struct ttrpc_conn *conn, bool hold);

/* Reads and handles what is there. The number of bytes, or -errno. */
ssize_t ttrpc_drain(struct ttrpc_conn *conn);

/* Bytes that wait to be sent, by us or in the socket. */
size_t ttrpc_unsent(const struct ttrpc_conn *conn);

/* The id of the next call; all that were made have smaller ones. */
uint32_t ttrpc_next_stream(const struct ttrpc_conn *conn);

/* The id of the oldest call with ARG that is not answered yet, or 0. */
uint32_t ttrpc_pending_stream(const struct ttrpc_conn *conn, const void *arg);

/* The beginning of a message whose end has not come yet, borrowed. 0, or
 * -EBUSY while one that is too long is being thrown away. */
int ttrpc_partial(const struct ttrpc_conn *conn, const uint8_t **ret,
		  size_t *ret_n);

/* On a new connection: goes on where another left off, with calls from
 * NEXT_STREAM on and the N bytes P of a message's beginning. 0 or -errno. */
int ttrpc_take_over(struct ttrpc_conn *conn, uint32_t next_stream,
		    const uint8_t *p, size_t n);

/* Waits for the answer to call STREAM, which another connection has made. As
 * with ttrpc_call(), without a time limit. 0 or -errno. */
int ttrpc_adopt(struct ttrpc_conn *conn, uint32_t stream,
		const ProtobufCMessageDescriptor *response, ttrpc_done_fn done,
		void *arg);

/*
 * Unpacks a message from untrusted bytes, with a cap on the memory that it may
 * take. NULL when malformed, too large or out of memory. To be freed with
 * proto_free().
 */
ProtobufCMessage *proto_unpack(const ProtobufCMessageDescriptor *descriptor,
			       size_t n, const uint8_t *data);
void proto_free(ProtobufCMessage *message);

#endif
