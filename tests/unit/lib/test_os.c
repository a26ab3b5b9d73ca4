// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "os/event.h"
#include "os/io.h"
#include "base/path.h"
#include "test.h"

struct seen {
	struct event_loop *loop;
	struct event_io *io, *other;
	struct event_timer *timer;
	int count, status;
	pid_t pid;
};

static void count_and_quit(void *arg)
{
	struct seen *s = arg;

	s->count++;
	event_loop_quit(s->loop, s->count);
}

static void timers_fire_in_order_of_time(void **state)
{
	struct seen s = {.loop = event_loop_new()};
	struct event_timer *late = event_timer_new(s.loop, count_and_quit, &s);
	struct event_timer *early = event_timer_new(s.loop, count_and_quit, &s);
	uint64_t start = event_now_ms();

	(void)state;
	event_timer_set(late, 10000);
	event_timer_set(early, 20);
	assert_int_equal(event_loop_run(s.loop), 1);
	assert_true(event_now_ms() - start >= 20);
	assert_true(event_now_ms() - start < 5000);
	event_timer_free(late);
	event_timer_free(early);
	event_loop_free(s.loop);
}

static void on_child(void *arg, pid_t pid, int status)
{
	struct seen *s = arg;

	s->pid = pid;
	s->status = status;
	count_and_quit(s);
}

static void children_are_reaped_with_their_status(void **state)
{
	struct seen s = {.loop = event_loop_new()};
	pid_t pid = fork();

	(void)state;
	if (!pid)
		_exit(42);
	assert_int_equal(event_child(s.loop, pid, on_child, &s), 0);
	(void)event_loop_run(s.loop);
	assert_int_equal(s.pid, pid);
	assert_int_equal(WEXITSTATUS(s.status), 42);
	/* One that nobody waits for goes to the catch-all. */
	(void)event_child(s.loop, -1, on_child, &s);
	pid = fork();
	if (!pid)
		_exit(1);
	(void)event_loop_run(s.loop);
	assert_int_equal(s.pid, pid);
	event_loop_free(s.loop);
	event_restore_signals();
}

static void on_term(void *arg, const struct event_siginfo *info)
{
	struct seen *s = arg;

	s->pid = info->pid;
	assert_int_equal(info->signo, SIGTERM);
	count_and_quit(s);
}

static void signals_arrive_in_the_loop(void **state)
{
	struct seen s = {.loop = event_loop_new()};

	(void)state;
	assert_int_equal(event_signal(s.loop, SIGCHLD, on_term, &s), -EINVAL);
	assert_int_equal(event_signal(s.loop, SIGTERM, on_term, &s), 0);
	assert_int_equal(kill(getpid(), SIGTERM), 0);
	(void)event_loop_run(s.loop);
	assert_int_equal(s.pid, getpid());
	event_loop_free(s.loop);
	event_restore_signals();
}

/* Frees both sources of a batch: the other must not be called any more. */
static void free_both(void *arg, int fd, uint32_t events)
{
	struct seen *s = arg;

	(void)fd;
	(void)events;
	s->count++;
	event_io_free(s->io);
	event_io_free(s->other);
}

static void a_freed_source_is_not_called(void **state)
{
	struct seen s = {.loop = event_loop_new()};
	int a[2], b[2];

	(void)state;
	assert_int_equal(pipe2(a, O_CLOEXEC) | pipe2(b, O_CLOEXEC), 0);
	s.io = event_io_new(s.loop, a[0], EPOLLIN, free_both, &s);
	s.other = event_io_new(s.loop, b[0], EPOLLIN, free_both, &s);
	assert_int_equal(write_full(a[1], "x", 1) | write_full(b[1], "x", 1),
			 0);
	assert_int_equal(event_loop_once(s.loop, 100), 0);
	assert_int_equal(event_loop_once(s.loop, 0), 0);
	assert_int_equal(s.count, 1);
	event_loop_free(s.loop);
	(void)close(a[0]);
	(void)close(a[1]);
	(void)close(b[0]);
	(void)close(b[1]);
}

static void files_are_replaced_whole(void **state)
{
	char dir[] = "/tmp/kiln-test-XXXXXX";
	char *path, *text = NULL;
	size_t n = 0;

	(void)state;
	assert_non_null(mkdtemp(dir));
	path = path_join(dir, "f");
	assert_int_equal(write_file_atomic(AT_FDCWD, path, "one", 3, 0600), 0);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, "two!", 4, 0600), 0);
	assert_int_equal(read_file(AT_FDCWD, path, 4, &text, &n), 0);
	assert_string_equal(text, "two!");
	assert_int_equal(n, 4);
	free(text);
	assert_int_equal(read_file(AT_FDCWD, path, 3, &text, &n), -EFBIG);
	free(path);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
	assert_int_equal(access(dir, F_OK), -1);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
}

static void a_tree_is_removed_without_following_links(void **state)
{
	char dir[] = "/tmp/kiln-test-XXXXXX";
	char outside[] = "/tmp/kiln-test-XXXXXX";
	char *deep, *link, *kept;

	(void)state;
	assert_non_null(mkdtemp(dir));
	assert_non_null(mkdtemp(outside));
	kept = path_join(outside, "kept");
	assert_int_equal(write_file_atomic(AT_FDCWD, kept, "", 0, 0600), 0);
	deep = path_join(dir, "a/b/c");
	link = path_join(dir, "a/b/link");
	assert_int_equal(make_dirs(deep, 0700), 0);
	assert_int_equal(symlink(outside, link), 0);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
	assert_int_equal(access(kept, F_OK), 0);
	assert_int_equal(remove_tree(AT_FDCWD, outside), 0);
	free(deep);
	free(link);
	free(kept);
}

static void descriptors_travel_and_surplus_is_closed(void **state)
{
	int sv[2], p[2], got[1];
	size_t n = 1;
	char byte = 0;

	(void)state;
	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, sv),
			 0);
	assert_int_equal(pipe2(p, O_CLOEXEC), 0);
	assert_int_equal(send_fds(sv[0], "m", 1, p, 2), 0);
	assert_int_equal(recv_fds(sv[1], &byte, 1, got, &n), 1);
	assert_int_equal(n, 1);
	assert_int_equal(byte, 'm');
	(void)close(p[1]); /* the passed copy of it was surplus, and closed */
	assert_int_equal(read(got[0], &byte, 1), 0);
	(void)close(got[0]);
	(void)close(p[0]);
	(void)close(sv[0]);
	(void)close(sv[1]);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(timers_fire_in_order_of_time),
		cmocka_unit_test(children_are_reaped_with_their_status),
		cmocka_unit_test(signals_arrive_in_the_loop),
		cmocka_unit_test(a_freed_source_is_not_called),
		cmocka_unit_test(files_are_replaced_whole),
		cmocka_unit_test(a_tree_is_removed_without_following_links),
		cmocka_unit_test(descriptors_travel_and_surplus_is_closed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
