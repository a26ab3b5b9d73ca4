// SPDX-License-Identifier: Apache-2.0
/* The QMP client against a scripted, and a lying, QEMU. */
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "os/event.h"
#include "runtime/vmm/qmp.h"

#define GREETING "{\"QMP\": {\"version\": {}, \"capabilities\": []}}\r\n"

struct peer {
	struct event_loop *loop;
	struct qmp *qmp;
	int fd;
	int ready, closed, code, replies, status;
	char event[64], text[QMP_TEXT_MAX];
	bool free_in_reply, free_in_event;
};

static void on_ready(void *arg)
{
	((struct peer *)arg)->ready++;
}

static void on_event(void *arg, const char *name, struct json_object *data)
{
	struct peer *p = arg;

	(void)data;
	(void)snprintf(p->event, sizeof(p->event), "%s", name);
	if (p->free_in_event) {
		qmp_free(p->qmp);
		p->qmp = NULL;
	}
}

static void on_closed(void *arg, int code, const char *text)
{
	struct peer *p = arg;

	(void)text;
	p->closed++;
	p->code = code;
}

static void on_reply(void *arg, int status, struct json_object *result,
		     const char *text)
{
	struct peer *p = arg;

	(void)result;
	p->replies++;
	p->status = status;
	if (text)
		(void)snprintf(p->text, sizeof(p->text), "%s", text);
	if (p->free_in_reply) {
		qmp_free(p->qmp);
		p->qmp = NULL;
	}
}

static const struct qmp_callbacks callbacks = {on_ready, on_event, on_closed};

static void run(struct peer *p)
{
	for (int i = 0; i < 8; i++)
		(void)event_loop_once(p->loop, 5);
}

static void say(struct peer *p, const char *text)
{
	assert_int_equal(write(p->fd, text, strlen(text)), strlen(text));
	run(p);
}

/* What the client has written, at most one read. */
static const char *hear(struct peer *p, char *out, size_t size)
{
	ssize_t n = recv(p->fd, out, size - 1, MSG_DONTWAIT);

	out[n > 0 ? n : 0] = '\0';
	return out;
}

static int setup(void **state)
{
	struct peer *p = calloc(1, sizeof(*p));
	int fds[2];

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0,
				    fds), 0);
	p->loop = event_loop_new();
	p->fd = fds[1];
	p->qmp = qmp_new(p->loop, fds[0], &callbacks, p);
	assert_non_null(p->qmp);
	*state = p;
	return 0;
}

static int teardown(void **state)
{
	struct peer *p = *state;

	qmp_free(p->qmp);
	event_loop_free(p->loop);
	(void)close(p->fd);
	free(p);
	return 0;
}

static void test_talk(void **state)
{
	struct peer *p = *state;
	char text[1024];

	/* Before the greeting nothing is sent, and nothing is lost. */
	assert_int_equal(qmp_execute(p->qmp, "query-status", NULL, on_reply,
				     p), 0);
	run(p);
	assert_string_equal(hear(p, text, sizeof(text)), "");
	say(p, GREETING);
	assert_non_null(strstr(hear(p, text, sizeof(text)),
			       "qmp_capabilities"));
	say(p, "{\"return\": {}, \"id\": 1}\r\n");
	assert_int_equal(p->ready, 1);
	assert_non_null(strstr(hear(p, text, sizeof(text)), "query-status"));
	say(p, "{\"event\": \"RES\\u001bUME\", \"timestamp\": {}}\n");
	assert_string_equal(p->event, "RES\\x1bUME");
	say(p, "{\"error\": {\"class\": \"GenericError\", \"desc\": "
	       "\"no\\nway\"}, \"id\": 0}\n");
	assert_int_equal(p->replies, 1);
	assert_int_equal(p->status, -EIO);
	assert_string_equal(p->text, "no\\x0away");
	assert_int_equal(p->closed, 0);
}

static void greet(struct peer *p)
{
	say(p, GREETING);
	say(p, "{\"return\": {}, \"id\": 0}\r\n");
	assert_int_equal(p->ready, 1);
}

static void test_lies(void **state)
{
	static const char *const lies[] = {
		"hello\n",
		"[]\n",
		"{}\n",
		"{\"return\": {}, \"id\": 77}\n",
		"{\"return\": {}}\n",
		"{\"return\": {}, \"id\": \"x\"}\n",
		"{\"event\": 5}\n",
		"{\"event\": \"A\"} {\"event\": \"B\"}\n",
		"{\"event\": \"A\"\n",
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(lies); i++) {
		void *s;
		struct peer *p;

		setup(&s);
		p = s;
		greet(p);
		assert_int_equal(qmp_execute(p->qmp, "stop", NULL, on_reply,
					     p), 0);
		say(p, lies[i]);
		if (p->closed != 1 || p->code != -EPROTO)
			fail_msg("believed: %s", lies[i]);
		assert_int_equal(p->replies, 1);
		assert_int_equal(p->status, -ECONNRESET);
		assert_int_equal(qmp_execute(p->qmp, "stop", NULL, NULL, NULL),
				 -ENOTCONN);
		teardown(&s);
	}
}

static void test_depth(void **state)
{
	struct peer *p = *state;
	char deep[256] = "{\"event\": \"A\", \"data\": ";

	greet(p);
	for (int i = 0; i < 60; i++)
		strcat(deep, "[");
	strcat(deep, "\n");
	say(p, deep);
	assert_int_equal(p->closed, 1);
}

static void test_endless_line(void **state)
{
	struct peer *p = *state;
	char chunk[8192];

	greet(p);
	memset(chunk, ' ', sizeof(chunk));
	for (int i = 0; i < 64 && !p->closed; i++) {
		(void)send(p->fd, chunk, sizeof(chunk),
			   MSG_DONTWAIT | MSG_NOSIGNAL);
		(void)event_loop_once(p->loop, 1);
		(void)event_loop_once(p->loop, 1);
	}
	run(p);
	assert_int_equal(p->closed, 1);
	assert_int_equal(p->code, -EMSGSIZE);
}

static void test_end(void **state)
{
	struct peer *p = *state;

	greet(p);
	assert_int_equal(qmp_execute(p->qmp, "quit", NULL, on_reply, p), 0);
	(void)shutdown(p->fd, SHUT_RDWR);
	run(p);
	assert_int_equal(p->replies, 1);
	assert_int_equal(p->closed, 1);
	assert_int_equal(p->code, 0);
}

static void test_free_in_callbacks(void **state)
{
	struct peer *p = *state;

	greet(p);
	p->free_in_reply = true;
	assert_int_equal(qmp_execute(p->qmp, "a", NULL, on_reply, p), 0);
	assert_int_equal(qmp_execute(p->qmp, "b", NULL, on_reply, p), 0);
	say(p, "{\"return\": {}, \"id\": 1}\n{\"return\": {}, \"id\": 2}\n");
	assert_int_equal(p->replies, 1);
	assert_null(p->qmp);
}

static void test_free_in_event(void **state)
{
	struct peer *p = *state;

	greet(p);
	p->free_in_event = true;
	say(p, "{\"event\": \"STOP\"}\n{\"event\": \"RESUME\"}\n");
	assert_string_equal(p->event, "STOP");
	assert_null(p->qmp);
}

static void test_too_many(void **state)
{
	struct peer *p = *state;
	int r = 0;

	for (int i = 0; i < QMP_PENDING_MAX; i++)
		r |= qmp_execute(p->qmp, "x", NULL, NULL, NULL);
	assert_int_equal(r, 0);
	assert_int_equal(qmp_execute(p->qmp, "x", json_object_new_object(),
				     NULL, NULL), -EBUSY);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_talk, setup, teardown),
		cmocka_unit_test(test_lies),
		cmocka_unit_test_setup_teardown(test_depth, setup, teardown),
		cmocka_unit_test_setup_teardown(test_endless_line, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_end, setup, teardown),
		cmocka_unit_test_setup_teardown(test_free_in_callbacks, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_free_in_event, setup,
						teardown),
		cmocka_unit_test_setup_teardown(test_too_many, setup,
						teardown),
	};

	return cmocka_run_group_tests_name("vmm/qmp", tests, NULL, NULL);
}
