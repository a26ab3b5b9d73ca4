// SPDX-License-Identifier: Apache-2.0
/* Bytes of a VMM that a guest has taken over, given to the QMP client. */
#include <stdint.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/macros.h"
#include "os/event.h"
#include "runtime/vmm/qmp.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_reply(void *arg UNUSED, int status UNUSED,
		     struct json_object *result UNUSED,
		     const char *text UNUSED)
{
}

static void on_ready(void *arg)
{
	struct qmp **q = arg;

	(void)qmp_execute(*q, "query-status", NULL, on_reply, NULL);
}

static void on_event(void *arg UNUSED, const char *name UNUSED,
		     struct json_object *data UNUSED)
{
}

static void on_closed(void *arg, int code UNUSED, const char *text UNUSED)
{
	struct qmp **q = arg;

	qmp_free(*q);
	*q = NULL;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct qmp_callbacks cb = {on_ready, on_event, on_closed};
	static struct event_loop *loop;
	struct qmp *q;
	int fds[2];

	if (!loop)
		loop = event_loop_new();
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) < 0)
		return 0;
	q = qmp_new(loop, fds[0], &cb, &q);
	if (q)
		(void)qmp_execute(q, "stop", NULL, on_reply, NULL);
	/* The socket's buffer holds all that the fuzzer makes. */
	(void)send(fds[1], data, size, MSG_DONTWAIT | MSG_NOSIGNAL);
	(void)shutdown(fds[1], SHUT_WR);
	for (int i = 0; q && i < 64; i++)
		(void)event_loop_once(loop, 0);
	qmp_free(q);
	(void)close(fds[1]);
	return 0;
}
