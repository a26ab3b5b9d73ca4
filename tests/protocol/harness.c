// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include "harness.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/macros.h"

#define CONNECT_ATTEMPTS 2400 /* of 50 ms: an emulated guest takes its time */
#define GUEST_TIMEOUT_MS 120000

struct host host;
struct client client;
struct spec S;
static pid_t agent_pid;

void ok(int code)
{
	if (code)
		print_message("# %s\n", client_text);
	assert_int_equal(code, 0);
}

static int connect_guest(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), i;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (i = 0; i < CONNECT_ATTEMPTS; i++) {
		if (connect(fd, (struct sockaddr *)&address,
			    sizeof(address)) == 0)
			return fd;
		(void)usleep(50000);
	}
	(void)close(fd);
	return -1;
}

static int setup_guest(const char *path)
{
	int fd = connect_guest(path);

	host = (struct host){
		.root = "/run/kata-containers",
		.rootfs = "/rootfs",
		.has_busybox = true,
		.has_cgroup = true,
		.is_root = true,
		.is_guest = true,
	};
	if (fd < 0 || client_open(C, fd) < 0)
		return -1;
	client.timeout_ms = GUEST_TIMEOUT_MS;
	fd = client_create_sandbox(C);
	/* An earlier program has left the guest to us. */
	return fd == TTRPC_ALREADY_EXISTS ? 0 : fd;
}

int harness_setup(void **state UNUSED)
{
	const char *guest = getenv("KILN_AGENT_SOCKET");
	int fd, r;

	if (guest)
		return setup_guest(guest);
	r = host_setup(&host);
	if (r < 0) {
		print_message("# set-up: %s\n", strerror(-r));
		return -1;
	}
	fd = host_agent(&host, &agent_pid);
	if (fd < 0 || client_open(C, fd) < 0)
		return -1;
	return client_create_sandbox(C);
}

int harness_teardown(void **state UNUSED)
{
	Grpc__DestroySandboxRequest rq = GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	int status = -1;

	if (host.is_guest) {
		/* Another program wants the guest. */
		status = getenv("KILN_AGENT_KEEP")
				 ? 0 : call("DestroySandbox", &rq.base);
		client_close(C);
		return status;
	}
	client_close(C);
	(void)waitpid(agent_pid, &status, 0);
	host_teardown(&host);
	return WIFEXITED(status) && !WEXITSTATUS(status) ? 0 : -1;
}

int call(const char *method, const ProtobufCMessage *request)
{
	return client_call(C, method, request, &grpc__empty__descriptor, NULL);
}

void run(const char *shell)
{
	if (shell)
		spec_init(&S, host.rootfs, shell);
	ok(client_create(C, "c", &S, NULL, 0));
	ok(client_start_container(C, "c"));
}

void expect(const char *exec, bool is_err, const char *want)
{
	char *text = client_read_all(C, "c", exec, is_err, NULL);

	assert_non_null(text);
	assert_string_equal(text, want);
	free(text);
}

void end(int status)
{
	assert_int_equal(client_wait_process(C, "c", ""), status);
	ok(client_remove(C, "c"));
}

int raw_agent(pid_t *pid)
{
	int fd = host_agent(&host, pid);

	assert_true(fd >= 0);
	return fd;
}

void end_raw(int fd, pid_t pid)
{
	int status = -1;

	(void)close(fd);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}
