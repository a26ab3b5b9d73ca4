// SPDX-License-Identifier: Apache-2.0
/*
 * Hooks of the guest's image (CreateSandbox's guest_hook_path), with agents of
 * their own, on this host: those that work, those that fail or hang, and those
 * that the agent must not run at all.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "harness.h"
#include "os/io.h"

#define KINDS 3

static const char *const kinds[KINDS] = {"prestart", "poststart", "poststop"};
static struct client own;
static pid_t own_pid;
static char dir[200], log_path[220];

static void write_program(const char *kind, const char *name, const char *text,
			  mode_t mode)
{
	char path[300], body[600];

	(void)snprintf(path, sizeof(path), "%s/%s/%s", dir, kind, name);
	(void)snprintf(body, sizeof(body), "#!/bin/sh\nL=%s\n%s\n", log_path,
		       text);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, body, strlen(body),
					   mode), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static int create_sandbox(const char *path)
{
	Grpc__CreateSandboxRequest rq = GRPC__CREATE_SANDBOX_REQUEST__INIT;

	rq.sandbox_id = STR("sandbox");
	rq.guest_hook_path = STR(path);
	return client_call(&own, "CreateSandbox", &rq.base,
			   &grpc__empty__descriptor, NULL);
}

static int setup(void **state UNUSED)
{
	char path[300];
	size_t i;

	(void)snprintf(dir, sizeof(dir), "%s/hooks", host.dir);
	(void)snprintf(log_path, sizeof(log_path), "%s/hooks.log", host.dir);
	(void)unlink(log_path);
	(void)remove_tree(AT_FDCWD, dir);
	for (i = 0; i < KINDS; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, kinds[i]);
		if (make_dirs(path, 0755) < 0)
			return -1;
	}
	return client_open(&own, raw_agent(&own_pid));
}

static int teardown(void **state UNUSED)
{
	client_close(&own);
	end_raw(-1, own_pid);
	return 0;
}

/* What the hooks have written, to be freed. */
static char *logged(void)
{
	char *text = NULL;

	if (read_file(AT_FDCWD, log_path, 1 << 20, &text, NULL) < 0)
		text = strdup("");
	assert_non_null(text);
	return text;
}

static void expect_log(const char *want)
{
	char *text = logged();

	assert_string_equal(text, want);
	free(text);
}

static int create(const char *shell)
{
	spec_init(&S, host.rootfs, shell);
	return client_create(&own, "c", &S, NULL, 0);
}

static void run_through(int status)
{
	ok(create("true"));
	ok(client_start_container(&own, "c"));
	assert_int_equal(client_wait_process(&own, "c", ""), status);
	ok(client_remove(&own, "c"));
}

/* --- good --- */

static void test_order(void **state UNUSED)
{
	size_t i;

	NEED_BUSYBOX();
	for (i = 0; i < KINDS; i++) {
		write_program(kinds[i], "20-second", "echo $1 2 >>$L", 0755);
		write_program(kinds[i], "10-first", "echo $1 1 >>$L", 0700);
	}
	ok(create_sandbox(dir));
	ok(create("sleep 100"));
	expect_log("prestart 1\nprestart 2\n");
	ok(client_start_container(&own, "c"));
	expect_log("prestart 1\nprestart 2\npoststart 1\npoststart 2\n");
	ok(client_remove(&own, "c"));
	expect_log("prestart 1\nprestart 2\npoststart 1\npoststart 2\n"
		   "poststop 1\npoststop 2\n");
}

/* The state has what hooks look for, whatever an annotation holds. */
static void test_state(void **state UNUSED)
{
	Grpc__Spec__AnnotationsEntry note =
		GRPC__SPEC__ANNOTATIONS_ENTRY__INIT, *notes = &note;
	static char value[100000];
	char want[400], path[300], *text;
	struct stat st;
	size_t i;

	NEED_BUSYBOX();
	for (i = 0; i < KINDS; i++)
		write_program(kinds[i], "h",
			      "cut -c1-400 >>$L; echo $# $1 >>$L; "
			      "grep -c '\"path\":.*/rootfs\"' "
			      "${L%hooks.log}run/c/config.json >>$L", 0755);
	ok(create_sandbox(dir));
	memset(value, 'v', sizeof(value) - 1);
	memcpy(value, "a\"b\\c\n", 6);
	note.key = STR("k");
	note.value = value;
	spec_init(&S, host.rootfs, "sleep 100");
	S.spec.annotations = &notes;
	S.spec.n_annotations = 1;
	ok(client_create(&own, "c", &S, NULL, 0));
	text = logged();
	(void)snprintf(want, sizeof(want), "\"bundle\":\"%s/c\",\"annotations\""
		       ":{\"k\":\"a\\\"b\\\\c\\u000avvv", host.root);
	assert_non_null(strstr(text, want));
	assert_non_null(strstr(text, "{\"ociVersion\":\"1.2.0\",\"id\":\"c\","
				     "\"status\":\"created\",\"pid\":"));
	assert_non_null(strstr(text, "\n1 prestart\n1\n"));
	assert_null(strstr(text, "\"pid\":0,"));
	free(text);
	ok(client_start_container(&own, "c"));
	ok(client_remove(&own, "c"));
	text = logged();
	assert_non_null(strstr(text, "\"status\":\"running\""));
	assert_non_null(strstr(text, "\"status\":\"stopped\",\"pid\":0,"));
	free(text);
	(void)snprintf(path, sizeof(path), "%s/c", host.root);
	assert_int_equal(stat(path, &st), -1); /* nothing of it is left */
}

static void test_destroy(void **state UNUSED)
{
	Grpc__DestroySandboxRequest rq = GRPC__DESTROY_SANDBOX_REQUEST__INIT;

	NEED_BUSYBOX();
	write_program("poststop", "h", "sleep 0.3; echo over >>$L", 0755);
	ok(create_sandbox(dir));
	ok(create("sleep 100"));
	ok(client_start_container(&own, "c"));
	ok(client_call(&own, "DestroySandbox", &rq.base,
		       &grpc__empty__descriptor, NULL));
	expect_log("over\n");
	assert_int_equal(client_start_container(&own, "c"),
			 TTRPC_FAILED_PRECONDITION);
}

/* --- bad --- */

/* As with Kata's agent a hook that fails stops neither container nor hooks. */
static void test_failures(void **state UNUSED)
{
	NEED_BUSYBOX();
	write_program("prestart", "1", "echo sorry >&2; exit 3", 0755);
	write_program("prestart", "2", "kill -SEGV $$", 0755);
	write_program("prestart", "3", "exec <&-; echo three >>$L", 0755);
	write_program("poststart", "1", "dd if=/dev/zero bs=65536 count=100 "
		      "2>/dev/null; echo much >>$L", 0755);
	ok(create_sandbox(dir));
	run_through(0);
	expect_log("three\nmuch\n");
	/* As in an image that has none, and one with no interpreter. */
	(void)remove_tree(AT_FDCWD, dir);
	run_through(0);
}

static void test_no_directory(void **state UNUSED)
{
	NEED_BUSYBOX();
	ok(create_sandbox("/none/such"));
	run_through(0);
}

/* --- hostile --- */

static void test_refused_paths(void **state UNUSED)
{
	char below[300];
	const char *bad[] = {"hooks", "/a/../b", "/a//b", "/a/", below,
			     host.root};
	size_t i;

	(void)snprintf(below, sizeof(below), "%s/shared/containers/hooks",
		       host.root);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (create_sandbox(bad[i]) != TTRPC_INVALID_ARGUMENT)
			fail_msg("'%s': %s", bad[i], client_text);
	ok(create_sandbox("")); /* and is none the worse for it */
}

/* What others than root could have written, and what is no program. */
static void test_left_out(void **state UNUSED)
{
	char path[300], target[300];

	NEED_BUSYBOX();
	write_program("prestart", "group", "echo group >>$L", 0775);
	write_program("prestart", "world", "echo world >>$L", 0757);
	write_program("prestart", "text", "echo text >>$L", 0644);
	write_program("prestart", ".hidden", "echo hidden >>$L", 0755);
	write_program("poststop", "real", "echo real >>$L", 0755);
	(void)snprintf(path, sizeof(path), "%s/prestart/link", dir);
	(void)snprintf(target, sizeof(target), "%s/poststop/real", dir);
	assert_int_equal(symlink(target, path), 0);
	(void)snprintf(path, sizeof(path), "%s/prestart/pipe", dir);
	assert_int_equal(mkfifo(path, 0755), 0);
	(void)snprintf(path, sizeof(path), "%s/prestart/directory", dir);
	assert_int_equal(mkdir(path, 0755), 0);
	if (host.is_root) {
		write_program("prestart", "theirs", "echo theirs >>$L", 0755);
		(void)snprintf(path, sizeof(path), "%s/prestart/theirs", dir);
		assert_int_equal(chown(path, 1000, 1000), 0);
	}
	ok(create_sandbox(dir));
	run_through(0);
	expect_log("real\n");
}

static void test_too_many(void **state UNUSED)
{
	char name[8];
	size_t i;

	for (i = 0; i < 65; i++) {
		(void)snprintf(name, sizeof(name), "h%zu", i);
		write_program("prestart", name, "true", 0755);
	}
	assert_int_not_equal(create_sandbox(dir), 0);
	assert_non_null(strstr(client_text, "more than 64 hooks"));
}

/* One that hangs is killed after its 10 s with all that it has started; the
 * agent goes on with other calls meanwhile. */
static void test_hang(void **state UNUSED)
{
	Grpc__CreateContainerRequest rq = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	Grpc__CheckRequest check = GRPC__CHECK_REQUEST__INIT;
	uint64_t start = event_now_ms();
	struct answer a;

	NEED_BUSYBOX();
	write_program("prestart", "1", "(sleep 12; echo late >>$L) & sleep 100",
		      0755);
	write_program("prestart", "2", "echo next >>$L", 0755);
	ok(create_sandbox(dir));
	spec_init(&S, host.rootfs, "true");
	rq.container_id = STR("c");
	rq.oci = &S.spec;
	client_start(&own, &a, "CreateContainer", &rq.base,
		     &grpc__empty__descriptor);
	assert_false(client_wait(&own, &a, 300));
	ok(client_call(&own, "Check", &check.base,
		       &grpc__health_check_response__descriptor, NULL));
	assert_int_equal(client_start_container(&own, "c"),
			 TTRPC_FAILED_PRECONDITION); /* being created */
	assert_true(client_wait(&own, &a, 20000));
	ok(a.code);
	proto_free(a.message);
	assert_true(event_now_ms() - start >= 9900);
	expect_log("next\n");
	ok(client_start_container(&own, "c"));
	assert_int_equal(client_wait_process(&own, "c", ""), 0);
	ok(client_remove(&own, "c"));
	(void)usleep(2500000);
	expect_log("next\n");
}

/* Removed while a hook runs for it: that ends at once, poststop follows. */
static void test_removed_meanwhile(void **state UNUSED)
{
	Grpc__StartContainerRequest rq = GRPC__START_CONTAINER_REQUEST__INIT;
	uint64_t start = event_now_ms();
	struct answer a;

	NEED_BUSYBOX();
	write_program("poststart", "1", "sleep 100", 0755);
	write_program("poststop", "1", "echo stop >>$L", 0755);
	ok(create_sandbox(dir));
	ok(create("sleep 100"));
	rq.container_id = STR("c");
	client_start(&own, &a, "StartContainer", &rq.base,
		     &grpc__empty__descriptor);
	assert_false(client_wait(&own, &a, 300));
	ok(client_remove(&own, "c"));
	assert_true(client_wait(&own, &a, 1000));
	assert_int_equal(a.code, TTRPC_CANCELLED);
	assert_true(event_now_ms() - start < 5000);
	expect_log("stop\n");
}

/* The host goes while a hook runs: nothing stays. */
static void test_host_leaves(void **state UNUSED)
{
	Grpc__CreateContainerRequest rq = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	struct answer a;

	NEED_BUSYBOX();
	write_program("prestart", "1", "sleep 2; echo late >>$L", 0755);
	ok(create_sandbox(dir));
	spec_init(&S, host.rootfs, "true");
	rq.container_id = STR("c");
	rq.oci = &S.spec;
	client_start(&own, &a, "CreateContainer", &rq.base,
		     &grpc__empty__descriptor);
	assert_false(client_wait(&own, &a, 300));
	assert_int_equal(teardown(NULL), 0);
	(void)usleep(2500000);
	expect_log("");
	assert_int_equal(client_open(&own, raw_agent(&own_pid)), 0);
}

#define HOOK_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HOOK_TEST(test_order),
		HOOK_TEST(test_state),
		HOOK_TEST(test_destroy),
		HOOK_TEST(test_failures),
		HOOK_TEST(test_no_directory),
		HOOK_TEST(test_refused_paths),
		HOOK_TEST(test_left_out),
		HOOK_TEST(test_too_many),
		HOOK_TEST(test_hang),
		HOOK_TEST(test_removed_meanwhile),
		HOOK_TEST(test_host_leaves),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_test_filter(getenv("KILN_TEST_FILTER"));
	return cmocka_run_group_tests_name("hooks", tests, harness_setup,
					   harness_teardown);
}
