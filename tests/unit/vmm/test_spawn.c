// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/err.h"
#include "runtime/vmm/spawn.h"

#define WAIT_MS 10000

static char *const sleeper[] = {(char[]){"/bin/sleep"}, (char[]){"60"}, NULL};

/* A parent that dies as soon as its helper was let go: long before that one
 * has built its jail. FD shows for how long the helper lives. */
static _Noreturn void dying_parent(const struct jail *jail, int fd)
{
	struct err err = {0};
	pid_t pid;
	int output;
	int r = spawn_helper(sleeper, &fd, 1, jail, &pid, &output, &err);

	_exit(r < 0 ? 1 : 0);
}

static void die_and_look(const struct jail *jail)
{
	struct pollfd pfd = {.events = POLLIN};
	int p[2], status;
	pid_t parent;

	assert_int_equal(pipe(p), 0);
	parent = fork();
	assert_true(parent >= 0);
	if (!parent) {
		(void)close(p[0]);
		dying_parent(jail, p[1]);
	}
	(void)close(p[1]);
	assert_int_equal(waitpid(parent, &status, 0), parent);
	assert_int_equal(status, 0);
	pfd.fd = p[0];
	assert_int_equal(poll(&pfd, 1, WAIT_MS), 1);
	assert_true(pfd.revents & POLLHUP);
	(void)close(p[0]);
}

static void test_parent_dies(void **state UNUSED)
{
	die_and_look(NULL);
}

static void test_parent_dies_jailed(void **state UNUSED)
{
	const struct jail jail = {0};
	char why[256];

	if (!jail_works(why, sizeof(why))) {
		print_message("no jail on this host: %s\n", why);
		skip();
	}
	for (int i = 0; i < 5; i++)
		die_and_look(&jail);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_parent_dies),
		cmocka_unit_test(test_parent_dies_jailed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
