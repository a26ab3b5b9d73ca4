// SPDX-License-Identifier: Apache-2.0
//
// The engine as a whole: client, supervisor, stubs and a VM whose QEMU is this
// program itself. Needs root, for mount namespaces.
#include "test.h"

#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <pty.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "arch/arch.h"
#include "engine/fake_host.h"
#include "runtime/config.h"
#include "runtime/engine/client.h"
#include "runtime/engine/state.h"

static void set_fault(const char *fault)
{
	put_file("fault", fault);
}

/* A bundle whose process is ARGS, JSON strings with commas. */
static void make_bundle(const char *args, bool terminal)
{
	char *text = NULL;

	assert_true(asprintf(&text,
		"{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":%s,"
		"\"user\":{\"uid\":0,\"gid\":0},\"args\":[%s],\"env\":[],"
		"\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
		"\"hostname\":\"h\",\"mounts\":[],"
		"\"linux\":{\"namespaces\":[{\"type\":\"network\"}]},"
		"\"annotations\":{\"k\":\"v\"}}",
		terminal ? "true" : "false", args) > 0);
	put_file("bundle/config.json", text);
	free(text);
}

static void options(struct create_options *o, const char *id)
{
	static struct config *config;
	struct err err = {0};
	char *text = NULL;

	if (!config) {
		assert_int_equal(config_new(&config, &err), 0);
		assert_true(asprintf(&text,
			"[hypervisor.qemu]\nkernel = \"%s/kernel\"\n"
			"initrd = \"%s/initrd\"\naccel = \"tcg\"\n"
			"confine = \"never\"\n"
			"[agent.kiln]\ndial_timeout = 2\n", base, base) > 0);
		if (config_parse(config, text, strlen(text), "test", &err) < 0)
			fail_msg("%s", err.text);
		free(text);
	}
	*o = (struct create_options){
		.root = root, .id = id, .bundle = bundle, .config = config,
		.arch = arch_native()->name, .debug = true,
	};
}

static void expect_ok(int r, const struct err *e)
{
	if (r < 0)
		fail_msg("%d: %s", r, e->text);
}

/* Runs FN(arg) in a child whose stdin and stdout are these. */
static pid_t with_stdio(int in, int out, int (*fn)(const void *),
			const void *arg)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid)
		return pid;
	if (dup2(in, 0) < 0 || dup2(out, 1) < 0)
		_exit(126);
	/* As an exec would: the other ends of the pipes are not ours. */
	(void)close_range(3, 64, 0);
	_exit(fn(arg));
}

static int status_of_child(pid_t pid)
{
	int status = 0;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	return WIFEXITED(status) ? WEXITSTATUS(status)
				 : 128 + WTERMSIG(status);
}

static int run_child(const void *id)
{
	struct create_options o;
	struct err err = {0};
	int status = 0;

	options(&o, id);
	if (client_run(&o, false, false, &status, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		return 125;
	}
	return status;
}

static void test_run_status(void **state UNUSED)
{
	int null = open("/dev/null", O_RDWR);

	make_bundle("\"sh\",\"-c\",\"exit 7\"", false);
	assert_int_equal(status_of_child(with_stdio(null, null, run_child,
						    "r1")), 7);
	make_bundle("\"sh\",\"-c\",\"kill -9 $$\"", false);
	assert_int_equal(status_of_child(with_stdio(null, null, run_child,
						    "r2")), 137);
	assert_clean();
	close(null);
}

#define BIG ((size_t)32 << 20)

/* What is written comes back whole and in order, through a slow reader. */
static void test_run_stream(void **state UNUSED)
{
	int in[2], out[2];
	unsigned char *buf = malloc(65536);
	size_t got = 0, bad = 0;
	pid_t pid, writer;

	make_bundle("\"cat\"", false);
	assert_int_equal(pipe2(in, O_CLOEXEC), 0);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	pid = with_stdio(in[0], out[1], run_child, "s1");
	close(out[1]);
	close(in[0]);
	writer = fork();
	if (!writer) {
		size_t at, i;

		close(out[0]);
		for (at = 0; at < BIG; at += 65536) {
			for (i = 0; i < 65536; i++)
				buf[i] = (unsigned char)((at + i) * 2654435761U >> 16);
			if (write_full(in[1], buf, 65536) < 0)
				_exit(1);
		}
		_exit(0);
	}
	close(in[1]);
	for (;;) {
		ssize_t n = read(out[0], buf, 65536), i;

		if (n <= 0)
			break;
		for (i = 0; i < n; i++, got++)
			bad += buf[i] != (unsigned char)(got * 2654435761U >> 16);
	}
	assert_int_equal(status_of_child(writer), 0);
	assert_int_equal(status_of_child(pid), 0);
	assert_int_equal(got, BIG);
	assert_int_equal(bad, 0);
	close(out[0]);
	free(buf);
	assert_clean();
}

static char *status_text(const char *id)
{
	struct container_state s;
	struct err err = {0};
	char *text;

	expect_ok(client_state(root, id, &s, &err), &err);
	text = strdup(s.status);
	container_state_release(&s);
	return text;
}

static void assert_status(const char *id, const char *status)
{
	char *text = status_text(id);

	assert_string_equal(text, status);
	free(text);
}

static void await_status(const char *id, const char *status)
{
	char *text = NULL;
	int i;

	for (i = 0; i < 500; i++) {
		free(text);
		text = status_text(id);
		if (!strcmp(text, status))
			break;
		usleep(10000);
	}
	assert_string_equal(text, status);
	free(text);
}

static pid_t pid_of_file(const char *path)
{
	char *text = NULL;
	pid_t pid;

	assert_int_equal(read_file(AT_FDCWD, path, 64, &text, NULL), 0);
	pid = (pid_t)strtol(text, NULL, 10);
	free(text);
	return pid;
}

/* As conmon sees it: create, start, kill, the pid's status, delete. */
static void test_lifecycle(void **state UNUSED)
{
	struct create_options o;
	struct container_state s;
	struct err err = {0};
	char pid_file[PATH_MAX + 16];
	pid_t stub;

	make_bundle("\"sleep\",\"1000\"", false);
	options(&o, "c1");
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", base);
	o.pid_file = pid_file;
	expect_ok(client_create(&o, &err), &err);
	assert_status("c1", "created");
	assert_int_equal(client_create(&o, &err), -EEXIST);
	stub = pid_of_file(pid_file);
	expect_ok(client_state(root, "c1", &s, &err), &err);
	assert_int_equal(s.pid, stub);
	assert_string_equal(s.annotations_json, "{\"k\":\"v\"}");
	container_state_release(&s);
	expect_ok(client_start(root, "c1", &err), &err);
	assert_status("c1", "running");
	assert_int_equal(client_delete(root, "c1", false, &err), -EBUSY);
	assert_non_null(strstr(err.text, "is running, cannot delete"));
	assert_int_equal(client_start(root, "c1", &err), -EBUSY);
	expect_ok(client_pause(root, "c1", &err), &err);
	assert_status("c1", "paused");
	expect_ok(client_resume(root, "c1", &err), &err);
	assert_int_equal(client_resume(root, "c1", &err), -EBUSY);
	expect_ok(client_kill(root, "c1", SIGTERM, false, &err), &err);
	assert_int_equal(status_of_child(stub), 128 + SIGTERM);
	assert_status("c1", "stopped");
	assert_true(client_kill(root, "c1", SIGTERM, false, &err) < 0);
	assert_non_null(strstr(err.text, "not running"));
	expect_ok(client_delete(root, "c1", false, &err), &err);
	assert_int_equal(client_delete(root, "c1", false, &err), -ENOENT);
	expect_ok(client_delete(root, "c1", true, &err), &err);
	assert_clean();
}

/* Signals to the stub reach the process; it exits as the process does. */
static void test_stub_signals(void **state UNUSED)
{
	struct create_options o;
	struct err err = {0};
	char pid_file[PATH_MAX + 16];
	pid_t stub;

	make_bundle("\"sh\",\"-c\",\"trap 'exit 5' USR1; touch $0; "
		    "while :; do sleep 0.05; done\",\"/tmp/kiln-test-ready\"",
		    false);
	(void)unlink("/tmp/kiln-test-ready");
	options(&o, "g1");
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", base);
	o.pid_file = pid_file;
	expect_ok(client_create(&o, &err), &err);
	expect_ok(client_start(root, "g1", &err), &err);
	stub = pid_of_file(pid_file);
	while (access("/tmp/kiln-test-ready", F_OK) < 0)
		usleep(10000);
	(void)unlink("/tmp/kiln-test-ready");
	assert_int_equal(kill(stub, SIGUSR1), 0);
	assert_int_equal(status_of_child(stub), 5);
	expect_ok(client_delete(root, "g1", false, &err), &err);
	assert_clean();
}

static Grpc__User user = GRPC__USER__INIT;

static int exec_child(const void *arg)
{
	char *argv[] = {(char *)"sh", (char *)"-c", (char *)(uintptr_t)arg};
	Grpc__Process process = GRPC__PROCESS__INIT;
	struct exec_options o = {.root = root, .id = "e1",
				 .process = &process};
	struct err err = {0};
	int status = 0;

	process.user = &user;
	process.args = argv;
	process.n_args = 3;
	process.cwd = (char *)"/";
	if (client_exec(&o, &status, &err) < 0) {
		fprintf(stderr, "# %s\n", err.text);
		return 125;
	}
	return status;
}

static void test_exec(void **state UNUSED)
{
	struct create_options o;
	struct err err = {0};
	int out[2], null = open("/dev/null", O_RDWR), i;
	char text[64] = "";
	pid_t pids[8];

	make_bundle("\"sleep\",\"1000\"", false);
	options(&o, "e1");
	expect_ok(client_create(&o, &err), &err);
	expect_ok(client_start(root, "e1", &err), &err);
	assert_int_equal(pipe2(out, O_CLOEXEC), 0);
	assert_int_equal(status_of_child(with_stdio(null, out[1], exec_child,
						    "echo hello; exit 3")), 3);
	assert_int_equal(read(out[0], text, sizeof(text) - 1), 6);
	assert_string_equal(text, "hello\n");
	for (i = 0; i < 8; i++)
		pids[i] = with_stdio(null, null, exec_child, "exit 4");
	for (i = 0; i < 8; i++)
		assert_int_equal(status_of_child(pids[i]), 4);
	close(out[0]);
	close(out[1]);
	close(null);
	/* Forced: running, with an exec that would run on. */
	expect_ok(client_delete(root, "e1", true, &err), &err);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_clean();
}

static pid_t supervisor_of(const char *id)
{
	struct state_record r;
	struct err err = {0};
	char path[PATH_MAX + 64];
	int fd;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/%s", root, id);
	fd = open(path, O_RDONLY | O_DIRECTORY);
	assert_true(fd >= 0);
	expect_ok(state_read(fd, &r, &err), &err);
	close(fd);
	pid = r.supervisor;
	state_release(&r);
	return pid;
}

static void test_supervisor_dies(void **state UNUSED)
{
	struct create_options o;
	struct err err = {0};
	char pid_file[PATH_MAX + 16];
	struct gc_entry *found;
	size_t n = 0, i, sockets = 0;
	pid_t stub;

	make_bundle("\"sleep\",\"1000\"", false);
	options(&o, "d1");
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", base);
	o.pid_file = pid_file;
	expect_ok(client_create(&o, &err), &err);
	expect_ok(client_start(root, "d1", &err), &err);
	stub = pid_of_file(pid_file);
	/* What has an owner is not gc's. */
	expect_ok(client_gc(root, false, &found, &n, &err), &err);
	assert_int_equal(n, 0);
	gc_entries_free(found, n);
	assert_int_equal(kill(supervisor_of("d1"), SIGKILL), 0);
	assert_int_equal(status_of_child(stub), 137);
	/* The stub sees the socket close before the process is gone. */
	await_status("d1", "stopped");
	assert_true(client_start(root, "d1", &err) < 0);
	expect_ok(client_gc(root, true, &found, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_string_equal(found[0].id, "d1");
	assert_int_equal(found[0].error, 0);
	for (i = 0; i < found[0].n_items; i++)
		sockets += !strcmp(found[0].items[i].what, "task.sock");
	assert_int_equal(sockets, 1);
	gc_entries_free(found, n);
	await_status("d1", "stopped"); /* it was only told of */
	expect_ok(client_gc(root, false, &found, &n, &err), &err);
	assert_int_equal(n, 1);
	assert_int_equal(found[0].error, 0);
	gc_entries_free(found, n);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_clean();
}

static void test_stub_dies(void **state UNUSED)
{
	struct create_options o;
	struct err err = {0};
	char pid_file[PATH_MAX + 16];

	make_bundle("\"sleep\",\"1000\"", false);
	options(&o, "d2");
	(void)snprintf(pid_file, sizeof(pid_file), "%s/pid", base);
	o.pid_file = pid_file;
	expect_ok(client_create(&o, &err), &err);
	expect_ok(client_start(root, "d2", &err), &err);
	assert_int_equal(kill(pid_of_file(pid_file), SIGKILL), 0);
	await_status("d2", "stopped");
	expect_ok(client_delete(root, "d2", false, &err), &err);
	assert_clean();
}

/* A foreground client that is killed takes everything with it. */
static void test_client_dies(void **state UNUSED)
{
	int null = open("/dev/null", O_RDWR), i;
	char path[PATH_MAX + 64];
	struct stat st;
	pid_t pid;

	make_bundle("\"sleep\",\"1000\"", false);
	pid = with_stdio(null, null, run_child, "d3");
	(void)snprintf(path, sizeof(path), "%s/d3/state.json", root);
	while (stat(path, &st) < 0)
		usleep(10000);
	await_status("d3", "running");
	assert_int_equal(kill(pid, SIGKILL), 0);
	assert_int_equal(status_of_child(pid), 137);
	(void)snprintf(path, sizeof(path), "%s/d3", root);
	for (i = 0; i < 500 && stat(path, &st) == 0; i++)
		usleep(10000);
	close(null);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_clean();
}

static void expect_failure(const char *fault, const char *text)
{
	struct create_options o;
	struct err err = {0};

	set_fault(fault);
	make_bundle("\"sleep\",\"1000\"", false);
	options(&o, "f1");
	assert_true(client_create(&o, &err) < 0);
	set_fault("");
	if (!strstr(err.text, text))
		fail_msg("%s: '%s' lacks '%s'", fault, err.text, text);
	assert_null(strchr(err.text, '\033'));
	assert_null(strchr(err.text, '\n'));
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_clean();
}

static void test_faults(void **state UNUSED)
{
	expect_failure("silent", "");
	expect_failure("panic", "Kernel panic");
	expect_failure("refuse", "no such thing");
	expect_failure("create", "no such \\x1b");
}

static void test_bad_guest_stays(void **state UNUSED)
{
	int null = open("/dev/null", O_RDWR);

	set_fault("stays");
	make_bundle("\"true\"", false);
	assert_int_equal(status_of_child(with_stdio(null, null, run_child,
						    "b1")), 0);
	set_fault("");
	close(null);
	assert_clean();
}

static void test_terminal(void **state UNUSED)
{
	int master, slave;
	char text[64] = "";
	size_t n = 0;
	pid_t pid;

	make_bundle("\"sh\",\"-c\",\"read x; echo got:$x; exit 9\"", true);
	assert_int_equal(openpty(&master, &slave, NULL, NULL, NULL), 0);
	pid = with_stdio(slave, slave, run_child, "t1");
	assert_int_equal(write(master, "abc\n", 4), 4);
	close(slave);
	while (n < sizeof(text) - 1 && !strstr(text, "got:abc")) {
		ssize_t r = read(master, text + n, sizeof(text) - 1 - n);

		if (r <= 0)
			break;
		n += (size_t)r;
	}
	assert_non_null(strstr(text, "got:abc"));
	assert_int_equal(status_of_child(pid), 9);
	close(master);
	assert_clean();
}

static int group_setup(void **state UNUSED)
{
	return fake_host_setup();
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_run_status),
		cmocka_unit_test(test_run_stream),
		cmocka_unit_test(test_lifecycle),
		cmocka_unit_test(test_stub_signals),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_supervisor_dies),
		cmocka_unit_test(test_stub_dies),
		cmocka_unit_test(test_client_dies),
		cmocka_unit_test(test_faults),
		cmocka_unit_test(test_bad_guest_stays),
		cmocka_unit_test(test_terminal),
	};

	return fake_host_main(argc, argv, tests, ARRAY_SIZE(tests),
			      group_setup);
}
