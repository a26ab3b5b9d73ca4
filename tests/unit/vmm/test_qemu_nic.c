// SPDX-License-Identifier: Apache-2.0
/* A card for a running VM by QMP, and what is left of one that is refused. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/event.h"
#include "runtime/vmm/qemu_nic.h"
#include "runtime/vmm/qmp.h"

static struct {
	struct event_loop *loop;
	struct event_io *io;
	int fd;
	const char *refuses; /* the command, by what it holds */
	char log[4096];	     /* the others, or at least those that matter */
	unsigned int n_fds;  /* handed over, and not taken back */
	int status;
	bool done;
} peer;

static struct vm vm;
static struct qmp *qmp;

static void on_line(const char *line)
{
	const char *id = strstr(line, "\"id\":"), *error;
	char reply[256];
	long long n = 0;
	int len;

	while (id && sscanf(id, "\"id\":%lld", &n) != 1)
		id = strstr(id + 1, "\"id\":");
	len = (int)strlen(peer.log);
	(void)snprintf(peer.log + len, sizeof(peer.log) - (size_t)len, "%s\n",
		       line);
	error = peer.refuses && strstr(line, peer.refuses) ? "error" : NULL;
	if (strstr(line, "\"getfd\"") && !error)
		peer.n_fds++;
	if (strstr(line, "\"closefd\""))
		peer.n_fds--;
	len = snprintf(reply, sizeof(reply), "{\"%s\":%s,\"id\":%lld}\r\n",
		       error ? "error" : "return",
		       error ? "{\"class\":\"GenericError\",\"desc\":\"full\"}"
			     : "{}", n);
	assert_int_equal(write(peer.fd, reply, (size_t)len), len);
	/* The last one of a refusal is what takes back. */
	if (peer.done && !strstr(line, "_add\"") && peer.n_fds == 0)
		event_loop_quit(peer.loop, 0);
}

static void on_readable(void *arg UNUSED, int fd, uint32_t events UNUSED)
{
	static char line[8192];
	static size_t len;
	ssize_t n = read(fd, line + len, sizeof(line) - 1 - len);
	char *end;

	assert_true(n > 0);
	len += (size_t)n;
	line[len] = '\0';
	while ((end = strchr(line, '\n'))) {
		*end = '\0';
		on_line(line);
		len -= (size_t)(end + 1 - line);
		memmove(line, end + 1, len + 1);
	}
}

static void on_done(void *arg UNUSED, int status, const char *text UNUSED)
{
	peer.done = true;
	peer.status = status;
	if (!status || !peer.n_fds)
		event_loop_quit(peer.loop, 0);
}

static void on_late(void *arg UNUSED)
{
	event_loop_quit(peer.loop, 1);
}

static void on_ready(void *arg UNUSED)
{
	event_loop_quit(peer.loop, 0);
}

static void on_event(void *arg UNUSED, const char *name UNUSED,
		     struct json_object *data UNUSED)
{
}

static void on_closed(void *arg UNUSED, int code UNUSED,
		      const char *text UNUSED)
{
	fail_msg("the connection has ended");
}

static const struct qmp_callbacks callbacks = {on_ready, on_event, on_closed};

static void open_vm(const char *refuses)
{
	static const char greeting[] =
		"{\"QMP\":{\"version\":{\"qemu\":{\"micro\":0,\"minor\":2,"
		"\"major\":7},\"package\":\"\"},\"capabilities\":[]}}\r\n";
	int fds[2];

	memset(&peer, 0, sizeof(peer));
	memset(&vm, 0, sizeof(vm));
	vm.machine = arch_machine_find(arch_find("s390x"), NULL);
	vm.layout.next_device = 7;
	vm.loop = peer.loop = event_loop_new();
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC |
						     SOCK_NONBLOCK, 0, fds), 0);
	peer.fd = fds[0];
	peer.io = event_io_new(peer.loop, fds[0], EPOLLIN, on_readable, NULL);
	assert_int_equal(write(fds[0], greeting, sizeof(greeting) - 1),
			 sizeof(greeting) - 1);
	qmp = qmp_new(peer.loop, fds[1], &callbacks, NULL);
	assert_non_null(qmp);
	assert_int_equal(event_loop_run(peer.loop), 0);
	peer.refuses = refuses;
}

static void close_vm(void)
{
	qemu_nic_cancel(&vm);
	qmp_free(qmp);
	event_io_free(peer.io);
	close_fd(&peer.fd);
	event_loop_free(peer.loop);
}

/* The status of its end; all that follows from it has been said as well. */
static int add(void)
{
	int null = open("/dev/null", O_RDWR | O_CLOEXEC);
	int fds[2] = {null, null};
	const struct vm_nic nic = {.id = "nic1", .mac = "02:00:00:00:00:01",
				   .queues = 2, .fds = fds, .vhost = true,
				   .vhost_fds = fds};
	struct event_timer *late = event_timer_new(peer.loop, on_late, NULL);
	struct vm_addr at;
	struct err err = {0};

	peer.done = false;
	if (qemu_nic_add(&vm, qmp, &nic, &at, on_done, NULL, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(qemu_nic_add(&vm, qmp, &nic, &at, on_done, NULL,
				      &err), -EBUSY);
	close(null);
	event_timer_set(late, 5000);
	assert_int_equal(event_loop_run(peer.loop), 0);
	event_timer_free(late);
	assert_true(peer.done);
	return peer.status;
}

static void test_adds(void **state UNUSED)
{
	open_vm(NULL);
	assert_int_equal(add(), 0);
	assert_non_null(strstr(peer.log, "\"fds\":\"nic1-0:nic1-1\""));
	assert_non_null(strstr(peer.log, "\"vhostfds\":\"nic1-2:nic1-3\""));
	assert_non_null(strstr(peer.log, "\"device_add\""));
	assert_int_equal(peer.n_fds, 4);
	assert_null(strstr(peer.log, "\"closefd\""));
	close_vm();
}

/* Whatever it refuses, it keeps no descriptor, and may be asked again. */
static void test_refused(void **state UNUSED)
{
	static const char *const what[] = {
		"\"nic1-0\"}", "\"nic1-2\"}", "\"netdev_add\"",
		"\"device_add\"",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(what); i++) {
		open_vm(what[i]);
		assert_true(add() < 0);
		assert_int_equal(peer.n_fds, 0);
		assert_int_equal(strstr(peer.log, "\"netdev_del\"") != NULL,
				 i == 3);
		peer.refuses = NULL;
		assert_int_equal(add(), 0);
		close_vm();
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_adds),
		cmocka_unit_test(test_refused),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
