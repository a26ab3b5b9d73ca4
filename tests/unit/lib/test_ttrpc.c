// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/endian.h"
#include "codec/ttrpc.h"
#include "os/io.h"
#include "proto/health.pb-c.h"
#include "proto/ttrpc.pb-c.h"
#include "test.h"

struct fixture {
	struct event_loop *loop;
	struct ttrpc_conn *client, *server;
	struct ttrpc_call *held; /* a call the server keeps unanswered */
	int closed, done, code;
	char text[128];
	bool hold;
};

static void serve_check(void *arg, struct ttrpc_call *call,
			const ProtobufCMessage *m)
{
	const Grpc__CheckRequest *request = (const Grpc__CheckRequest *)m;
	Grpc__HealthCheckResponse response = GRPC__HEALTH_CHECK_RESPONSE__INIT;
	struct fixture *f = arg;

	if (f->hold) {
		f->held = call;
		return;
	}
	if (!strcmp(request->service, "fail")) {
		ttrpc_reply_error(call, TTRPC_NOT_FOUND, "no '%s'", "x");
		return;
	}
	response.status = GRPC__HEALTH_CHECK_RESPONSE__SERVING_STATUS__SERVING;
	ttrpc_reply(call, &response.base);
}

static const struct ttrpc_method methods[] = {
	{"grpc.Health", "Check", &grpc__check_request__descriptor, serve_check},
	{"grpc.Health", "Version", &grpc__check_request__descriptor, NULL},
};

static void on_closed(void *arg, struct ttrpc_conn *conn, int reason)
{
	struct fixture *f = arg;

	(void)conn;
	(void)reason;
	f->closed++;
}

static void on_done(void *arg, int code, const char *text,
		    const ProtobufCMessage *response)
{
	struct fixture *f = arg;

	f->done++;
	f->code = code;
	(void)snprintf(f->text, sizeof(f->text), "%s", text);
	if (code == TTRPC_OK)
		assert_int_equal(
			((const Grpc__HealthCheckResponse *)response)->status,
			1);
}

static int setup(void **state)
{
	struct fixture *f = calloc(1, sizeof(*f));
	int fds[2];

	assert_non_null(f);
	f->loop = event_loop_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
			 0);
	f->client = ttrpc_conn_new(f->loop, fds[0], NULL, 0, on_closed, f);
	f->server = ttrpc_conn_new(f->loop, fds[1], methods,
				   ARRAY_SIZE(methods), on_closed, f);
	*state = f;
	return 0;
}

static int teardown(void **state)
{
	struct fixture *f = *state;

	ttrpc_conn_free(f->client);
	ttrpc_conn_free(f->server);
	event_loop_free(f->loop);
	free(f);
	return 0;
}

static int call(struct fixture *f, const char *name, const char *service,
		uint32_t timeout_ms)
{
	Grpc__CheckRequest request = GRPC__CHECK_REQUEST__INIT;

	request.service = (char *)(uintptr_t)service;
	return ttrpc_call(f->client, "grpc.Health", name, &request.base,
			  &grpc__health_check_response__descriptor, timeout_ms,
			  on_done, f);
}

static void spin(struct fixture *f, int turns)
{
	while (turns--)
		assert_int_equal(event_loop_once(f->loop, 5), 0);
}

static void a_call_is_answered(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, "Check", "", 1000), 0);
	spin(f, 3);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->code, TTRPC_OK);
}

static void an_error_travels_with_its_text(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, "Check", "fail", 0), 0);
	spin(f, 3);
	assert_int_equal(f->code, TTRPC_NOT_FOUND);
	assert_string_equal(f->text, "no 'x'");
}

static void what_is_not_served_is_unimplemented(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, "Version", "", 0), 0);
	assert_int_equal(call(f, "Nonsense", "", 0), 0);
	spin(f, 3);
	assert_int_equal(f->done, 2);
	assert_int_equal(f->code, TTRPC_UNIMPLEMENTED);
}

static void silence_ends_at_the_deadline(void **state)
{
	struct fixture *f = *state;

	f->hold = true;
	assert_int_equal(call(f, "Check", "", 10), 0);
	spin(f, 10);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->code, TTRPC_DEADLINE_EXCEEDED);
	/* The late answer is for nobody, and does no harm. */
	ttrpc_reply_error(f->held, TTRPC_INTERNAL, "late");
	spin(f, 2);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->closed, 0);
}

static void a_lost_peer_ends_calls_on_both_sides(void **state)
{
	struct fixture *f = *state;

	f->hold = true;
	assert_int_equal(call(f, "Check", "", 0), 0);
	spin(f, 2);
	assert_non_null(f->held);
	assert_true(ttrpc_call_is_live(f->held));
	ttrpc_conn_free(f->client);
	f->client = NULL;
	assert_int_equal(f->code, TTRPC_UNAVAILABLE);
	spin(f, 2);
	assert_int_equal(f->closed, 1);
	assert_false(ttrpc_call_is_live(f->held));
	assert_null(ttrpc_call_arg(f->held));
	ttrpc_reply_error(f->held, TTRPC_INTERNAL, "into void");
}

/* Writes a raw frame on the client's side of the connection. */
static void raw(struct fixture *f, uint32_t n, uint32_t stream, uint8_t type,
		const void *payload, size_t have)
{
	uint8_t header[TTRPC_HEADER_SIZE] = {0};
	int fd = ttrpc_conn_fd(f->client);

	put_be32(header, n);
	put_be32(header + 4, stream);
	header[8] = type;
	assert_int_equal(write_full(fd, header, sizeof(header)), 0);
	if (have)
		assert_int_equal(write_full(fd, payload, have), 0);
}

static void hostile_frames_do_not_stop_the_service(void **state)
{
	struct fixture *f = *state;
	char junk[300];
	size_t left = TTRPC_PAYLOAD_MAX + 1;
	static char zeros[65536];

	memset(junk, 0xff, sizeof(junk));
	raw(f, sizeof(junk), 101, 1, junk, sizeof(junk)); /* no message */
	raw(f, 0, 102, 1, NULL, 0);			  /* even stream */
	raw(f, 5, 103, 3, "abcde", 5);			  /* stream data */
	raw(f, 5, 105, 99, "abcde", 5);			  /* unknown type */
	raw(f, 3, 107, 2, "abc", 3); /* an answer to nothing */
	raw(f, TTRPC_PAYLOAD_MAX + 1, 109, 1, NULL, 0);
	while (left) {
		size_t n = MIN(left, sizeof(zeros));

		assert_int_equal(
			write_full(ttrpc_conn_fd(f->client), zeros, n), 0);
		left -= n;
		spin(f, 1);
	}
	spin(f, 5);
	assert_int_equal(call(f, "Check", "", 0), 0);
	spin(f, 5);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->code, TTRPC_OK);
	assert_int_equal(f->closed, 0);
}

static void an_oversized_answer_ends_its_call(void **state)
{
	struct fixture *f = *state;
	uint8_t header[TTRPC_HEADER_SIZE] = {0};

	f->hold = true;
	assert_int_equal(call(f, "Check", "", 0), 0); /* stream 1 */
	spin(f, 2);
	put_be32(header, TTRPC_PAYLOAD_MAX + 1);
	put_be32(header + 4, 1);
	header[8] = 2;
	assert_int_equal(write_full(ttrpc_conn_fd(f->server), header,
				    sizeof(header)),
			 0);
	spin(f, 2);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->code, TTRPC_RESOURCE_EXHAUSTED);
	assert_int_equal(f->closed, 0);
	ttrpc_reply_error(f->held, TTRPC_INTERNAL, "late");
}

static void a_stream_id_in_use_is_refused(void **state)
{
	struct fixture *f = *state;

	f->hold = true;
	assert_int_equal(call(f, "Check", "", 0), 0); /* stream 1 */
	raw(f, 0, 1, 1, NULL, 0);
	spin(f, 4);
	/* The refusal answers stream 1: the client's call ends with it. */
	assert_int_equal(f->code, TTRPC_INVALID_ARGUMENT);
	ttrpc_reply_error(f->held, TTRPC_INTERNAL, "late");
}

static void a_message_may_not_grow_without_bound(void **state)
{
	static uint8_t bomb[2 << 20];
	size_t i;

	(void)state;
	/* Empty metadata entries (field 5): two bytes become a whole struct. */
	for (i = 0; i < sizeof(bomb); i += 2) {
		bomb[i] = 5 << 3 | 2;
		bomb[i + 1] = 0;
	}
	assert_null(proto_unpack(&ttrpc__request__descriptor, sizeof(bomb),
				 bomb));
}

static void forgotten_calls_stay_silent(void **state)
{
	struct fixture *f = *state;

	f->hold = true;
	assert_int_equal(call(f, "Check", "", 0), 0);
	ttrpc_forget(f->client, f);
	spin(f, 2);
	ttrpc_reply_error(f->held, TTRPC_INTERNAL, "x");
	spin(f, 2);
	assert_int_equal(f->done, 0);
}

static void a_held_connection_keeps_its_calls(void **state)
{
	struct fixture *f = *state;

	ttrpc_hold(f->client, true);
	assert_int_equal(call(f, "Check", "", 0), 0);
	spin(f, 3);
	assert_int_equal(f->done, 0);
	assert_true(ttrpc_unsent(f->client) > 0);
	assert_int_equal(ttrpc_pending_stream(f->client, f), 1);
	assert_int_equal(ttrpc_next_stream(f->client), 3);
	ttrpc_hold(f->client, false);
	spin(f, 3);
	assert_int_equal(f->done, 1);
	assert_int_equal(ttrpc_pending_stream(f->client, f), 0);
}

static void what_comes_while_held_is_drained(void **state)
{
	struct fixture *f = *state;

	assert_int_equal(call(f, "Check", "", 0), 0);
	ttrpc_hold(f->client, true);
	spin(f, 3);
	assert_int_equal(f->done, 0);
	assert_true(ttrpc_drain(f->client) > 0);
	assert_int_equal(f->done, 1);
	assert_int_equal(ttrpc_drain(f->client), 0);
	ttrpc_conn_free(f->server);
	f->server = NULL;
	assert_true(ttrpc_drain(f->client) < 0);
}

/* The client's end goes to another connection in the middle of a message. */
static void a_connection_is_taken_over(void **state)
{
	struct fixture *f = *state;
	static const uint8_t answer[] = {0, 0, 0, 4, 0, 0, 0, 1, 2, 0,
					 0x12, 2, 8, 1};
	const uint8_t *partial = NULL;
	uint8_t kept[sizeof(answer)];
	struct ttrpc_conn *next;
	int fds[2];
	size_t n = 0;

	f->hold = true;
	assert_int_equal(call(f, "Check", "", 0), 0);
	spin(f, 2);
	assert_int_equal(write(ttrpc_conn_fd(f->server), answer, 12), 12);
	ttrpc_hold(f->client, true);
	assert_int_equal(ttrpc_drain(f->client), 12);
	assert_int_equal(ttrpc_partial(f->client, &partial, &n), 0);
	assert_int_equal(n, 12);
	memcpy(kept, partial, n);
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds),
			 0);
	next = ttrpc_conn_new(f->loop, fds[0], NULL, 0, on_closed, f);
	assert_non_null(next);
	assert_int_equal(ttrpc_take_over(next, 2, kept, n), -EINVAL);
	assert_int_equal(ttrpc_take_over(next, 3, kept, n), 0);
	/* Only calls that were made, and each but once. */
	assert_int_equal(ttrpc_adopt(next, 3,
				     &grpc__health_check_response__descriptor,
				     on_done, f), -EINVAL);
	assert_int_equal(ttrpc_adopt(next, 1,
				     &grpc__health_check_response__descriptor,
				     on_done, f), 0);
	assert_int_equal(ttrpc_adopt(next, 1,
				     &grpc__health_check_response__descriptor,
				     on_done, f), -EINVAL);
	assert_int_equal(write(fds[1], answer + 12, 2), 2);
	spin(f, 2);
	assert_int_equal(f->done, 1);
	assert_int_equal(f->code, TTRPC_OK);
	ttrpc_conn_free(next);
	(void)close(fds[1]);
	ttrpc_forget(f->client, f);
	ttrpc_reply_error(f->held, TTRPC_INTERNAL, "x");
}

int main(void)
{
#define T(name) cmocka_unit_test_setup_teardown(name, setup, teardown)
	const struct CMUnitTest tests[] = {
		T(a_call_is_answered),
		T(an_error_travels_with_its_text),
		T(what_is_not_served_is_unimplemented),
		T(silence_ends_at_the_deadline),
		T(a_lost_peer_ends_calls_on_both_sides),
		T(hostile_frames_do_not_stop_the_service),
		T(an_oversized_answer_ends_its_call),
		T(a_stream_id_in_use_is_refused),
		T(a_message_may_not_grow_without_bound),
		T(forgotten_calls_stay_silent),
		T(a_held_connection_keeps_its_calls),
		T(what_comes_while_held_is_drained),
		T(a_connection_is_taken_over),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
