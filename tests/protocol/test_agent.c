// SPDX-License-Identifier: Apache-2.0
/*
 * The agent as its host sees it: the real program, by its protocol, good and
 * bad. Containers run on the kernel of the test's host.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endian.h"
#include "base/macros.h"
#include "harness.h"
#include "os/io.h"

static void test_health(void **state UNUSED)
{
	Grpc__CheckRequest rq = GRPC__CHECK_REQUEST__INIT;
	ProtobufCMessage *m;

	ok(client_call(C, "Check", &rq.base,
		       &grpc__health_check_response__descriptor, &m));
	assert_int_equal(((Grpc__HealthCheckResponse *)m)->status, 1);
	proto_free(m);
	ok(client_call(C, "Version", &rq.base,
		       &grpc__version_check_response__descriptor, &m));
	assert_string_equal(((Grpc__VersionCheckResponse *)m)->grpc_version,
			    "0.0.1");
	proto_free(m);
}

static void test_guest_details(void **state UNUSED)
{
	Grpc__GuestDetailsRequest rq = GRPC__GUEST_DETAILS_REQUEST__INIT;
	Grpc__GuestDetailsResponse *rs;
	ProtobufCMessage *m;

	rq.mem_block_size = 1;
	ok(client_call(C, "GetGuestDetails", &rq.base,
		       &grpc__guest_details_response__descriptor, &m));
	rs = (Grpc__GuestDetailsResponse *)m;
	assert_true(rs->agent_details->supports_seccomp);
	assert_int_equal(rs->agent_details->n_storage_handlers, 12);
	proto_free(m);
}

static void test_unimplemented(void **state UNUSED)
{
	Grpc__Empty rq = GRPC__EMPTY__INIT;

	assert_int_equal(client_call(C, "MemAgentMemcgSet", &rq.base,
				     &grpc__empty__descriptor, NULL),
			 TTRPC_UNIMPLEMENTED);
	assert_non_null(strstr(client_text, "no memory agent"));
	assert_int_equal(client_call(C, "NoSuchCall", &rq.base,
				     &grpc__empty__descriptor, NULL),
			 TTRPC_UNIMPLEMENTED);
}

static void test_second_sandbox(void **state UNUSED)
{
	assert_int_equal(client_create_sandbox(C), TTRPC_ALREADY_EXISTS);
}

static void test_streams(void **state UNUSED)
{
	NEED_BUSYBOX();
	run("echo out; echo err >&2; read x; echo \"<$x>\"; cat; exit 42");
	ok(client_write(C, "c", "", "one\ntwo\n", 8));
	ok(client_close_stdin(C, "c", ""));
	expect("", false, "out\n<one>\ntwo\n");
	expect("", true, "err\n");
	/* At the end it stays at the end. */
	expect("", false, "");
	assert_int_equal(client_write(C, "c", "", "x", 1),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(client_wait_process(C, "c", ""), 42);
	end(42); /* told as often as asked */
}

static void test_environment(void **state UNUSED)
{
	NEED_ROOT();
	spec_init(&S, host.rootfs,
		  "pwd; id -u; id -g; id -G; echo $HOME $A; hostname; "
		  "echo $$; grep -E '^Cap(Eff|Prm|Bnd)|^NoNew' "
		  "/proc/self/status; umask");
	S.user.uid = 1000;
	S.user.gid = 100;
	S.user.n_additionalgids = 1;
	S.user.additionalgids = (uint32_t[]){200};
	S.process.cwd = STR("/made/up");
	S.env[S.process.n_env++] = STR("A=b c");
	S.process.nonewprivileges = 1;
	S.cap_list[0] = STR("CAP_KILL");
	S.caps.bounding = S.caps.permitted = S.caps.effective = S.cap_list;
	S.caps.n_bounding = S.caps.n_permitted = S.caps.n_effective = 1;
	run(NULL);
	/* Of a user's program: permitted ones do not outlive execve(). */
	expect("", false, "/made/up\n1000\n100\n100 200\n/home/user b c\nbox\n"
			  "1\nCapPrm:\t0000000000000000\n"
			  "CapEff:\t0000000000000000\n"
			  "CapBnd:\t0000000000000020\nNoNewPrivs:\t1\n0022\n");
	end(0);
}

static void test_ambient_caps(void **state UNUSED)
{
	NEED_ROOT();
	spec_init(&S, host.rootfs, "grep CapEff /proc/self/status");
	S.user.uid = 1000;
	S.cap_list[0] = STR("CAP_KILL");
	S.caps.bounding = S.caps.permitted = S.caps.effective =
		S.caps.inheritable = S.caps.ambient = S.cap_list;
	S.caps.n_bounding = S.caps.n_permitted = S.caps.n_effective =
		S.caps.n_inheritable = S.caps.n_ambient = 1;
	run(NULL);
	expect("", false, "CapEff:\t0000000000000020\n");
	end(0);
}

static void test_unknown_cap(void **state UNUSED)
{
	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "true");
	S.cap_list[0] = STR("CAP_NONSENSE");
	S.caps.bounding = S.cap_list;
	S.caps.n_bounding = 1;
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	assert_non_null(strstr(client_text, "CAP_NONSENSE"));
}

static void test_missing_program(void **state UNUSED)
{
	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "true");
	S.args[0] = STR("nonesuch");
	assert_int_equal(client_create(C, "c", &S, NULL, 0), TTRPC_NOT_FOUND);
	assert_string_equal(client_text, "exec: \"nonesuch\": executable file "
					 "not found in $PATH");
	S.args[0] = STR("/none/such");
	assert_int_equal(client_create(C, "c", &S, NULL, 0), TTRPC_NOT_FOUND);
	S.args[0] = STR("/etc/passwd");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_PERMISSION_DENIED);
	/* Nothing is left of any of them. */
	run("true");
	end(0);
}

static void test_exec(void **state UNUSED)
{
	static struct spec e;

	NEED_ROOT();
	run("exec sleep 100");
	spec_init(&e, host.rootfs, "[ $$ != 1 ] && echo in $(hostname); "
				   "cat; exit 3");
	ok(client_exec(C, "c", "e1", &e));
	assert_int_equal(client_exec(C, "c", "e1", &e), TTRPC_ALREADY_EXISTS);
	ok(client_write(C, "c", "e1", "x\n", 2));
	ok(client_close_stdin(C, "c", "e1"));
	expect("e1", false, "in box\nx\n");
	assert_int_equal(client_wait_process(C, "c", "e1"), 3);
	e.args[0] = STR("nonesuch");
	assert_int_equal(client_exec(C, "c", "e2", &e), TTRPC_NOT_FOUND);
	assert_int_equal(client_wait_process(C, "c", "e2"),
			 -1000 - TTRPC_NOT_FOUND);
	spec_init(&e, host.rootfs, "exec sleep 100");
	ok(client_exec(C, "c", "e3", &e));
	ok(client_signal(C, "c", "e3", SIGTERM));
	assert_int_equal(client_wait_process(C, "c", "e3"), 128 + SIGTERM);
	ok(client_signal(C, "c", "e3", SIGTERM)); /* gone: no failure */
	ok(client_exec(C, "c", "e4", &e));
	ok(client_signal(C, "c", "", SIGKILL));
	assert_int_equal(client_wait_process(C, "c", "e4"), 128 + SIGKILL);
	assert_int_equal(client_wait_process(C, "c", ""), 128 + SIGKILL);
	assert_int_equal(client_exec(C, "c", "e5", &e),
			 TTRPC_FAILED_PRECONDITION);
	end(128 + SIGKILL);
}

/* The first process is the init of its namespace: without a handler a signal is
 * ignored, as in any other runtime; with one it arrives. */
static void test_init_signals(void **state UNUSED)
{
	struct answer a;
	Grpc__WaitProcessRequest rq = GRPC__WAIT_PROCESS_REQUEST__INIT;

	NEED_BUSYBOX();
	run("trap 'exit 9' TERM; echo ready; while :; do sleep 1; done");
	rq.container_id = STR("c");
	client_start(C, &a, "WaitProcess", &rq.base,
		     &grpc__wait_process_response__descriptor);
	assert_false(client_wait(C, &a, 300));
	ok(client_signal(C, "c", "", SIGTERM));
	assert_true(client_wait(C, &a, 10000));
	assert_int_equal(((Grpc__WaitProcessResponse *)a.message)->status, 9);
	proto_free(a.message);
	ok(client_remove(C, "c"));
	run("exec sleep 100");
	ok(client_signal(C, "c", "", SIGTERM));
	client_start(C, &a, "WaitProcess", &rq.base,
		     &grpc__wait_process_response__descriptor);
	assert_false(client_wait(C, &a, 300));
	assert_int_equal(client_signal(C, "c", "", 1000),
			 TTRPC_INVALID_ARGUMENT);
	ok(client_remove(C, "c")); /* also of what runs */
	assert_true(client_wait(C, &a, 1000));
	proto_free(a.message);
}

static void test_removed(void **state UNUSED)
{
	assert_int_equal(client_remove(C, "c"), TTRPC_NOT_FOUND);
	assert_int_equal(client_start_container(C, "c"), TTRPC_NOT_FOUND);
	assert_int_equal(client_wait_process(C, "c", ""),
			 -1000 - TTRPC_NOT_FOUND);
	assert_null(client_read_all(C, "c", "", false, NULL));
	assert_int_equal(client_write(C, "c", "", "x", 1), TTRPC_NOT_FOUND);
}

static void test_started_twice(void **state UNUSED)
{
	NEED_BUSYBOX();
	run("cat");
	assert_int_equal(client_start_container(C, "c"),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_ALREADY_EXISTS);
	ok(client_close_stdin(C, "c", ""));
	end(0);
}

/* More than pipes hold, both ways at once, and the bytes are the same. */
static void test_bulk(void **state UNUSED)
{
	const size_t n = 3 << 20;
	uint8_t *data = malloc(n);
	Grpc__WriteStreamRequest rq = GRPC__WRITE_STREAM_REQUEST__INIT;
	struct answer a;
	size_t i, got;
	char *text;

	NEED_BUSYBOX();
	for (i = 0; i < n; i++)
		data[i] = (uint8_t)(i * 7 + i / 251);
	run("cat");
	rq.container_id = STR("c");
	rq.data.data = data;
	rq.data.len = n;
	client_start(C, &a, "WriteStdin", &rq.base,
		     &grpc__write_stream_response__descriptor);
	assert_false(client_wait(C, &a, 200)); /* nobody reads yet */
	ok(client_close_stdin(C, "c", ""));
	text = client_read_all(C, "c", "", false, &got);
	assert_int_equal(got, n);
	assert_memory_equal(text, data, n);
	assert_true(a.done);
	assert_int_equal(((Grpc__WriteStreamResponse *)a.message)->len, n);
	proto_free(a.message);
	free(text);
	free(data);
	end(0);
}

/* What a process has written before its end is read after it. */
static void test_output_after_exit(void **state UNUSED)
{
	size_t n;
	char *text;

	NEED_BUSYBOX();
	run("dd if=/dev/zero bs=1000 count=60 2>/dev/null; echo end >&2");
	assert_int_equal(client_wait_process(C, "c", ""), 0);
	(void)usleep(700000); /* longer than the drain window */
	text = client_read_all(C, "c", "", false, &n);
	assert_int_equal(n, 60000);
	free(text);
	expect("", true, "end\n");
	end(0);
}

/* A descendant that keeps the pipe open cannot hold up the end. */
static void test_background_child(void **state UNUSED)
{
	static struct spec e;
	uint64_t before = event_now_ms();

	NEED_ROOT();
	run("exec sleep 100");
	spec_init(&e, host.rootfs, "(sleep 0.2; echo late; sleep 60) & "
				   "echo early; exit 5");
	ok(client_exec(C, "c", "e", &e));
	assert_int_equal(client_wait_process(C, "c", "e"), 5);
	expect("e", false, "early\nlate\n");
	assert_true(event_now_ms() - before < 10000);
	ok(client_remove(C, "c"));
}

static void test_long_poll(void **state UNUSED)
{
	Grpc__ReadStreamRequest rq = GRPC__READ_STREAM_REQUEST__INIT;
	Grpc__ReadStreamResponse *rs;
	struct answer a, b;

	NEED_BUSYBOX();
	run("cat");
	rq.container_id = STR("c");
	rq.len = 2;
	client_start(C, &a, "ReadStdout", &rq.base,
		     &grpc__read_stream_response__descriptor);
	client_start(C, &b, "ReadStdout", &rq.base,
		     &grpc__read_stream_response__descriptor);
	assert_false(client_wait(C, &a, 200));
	ok(client_write(C, "c", "", "abc", 3));
	assert_true(client_wait(C, &a, 5000));
	assert_true(client_wait(C, &b, 5000));
	rs = (Grpc__ReadStreamResponse *)a.message;
	assert_int_equal(rs->data.len, 2);
	assert_memory_equal(rs->data.data, "ab", 2);
	proto_free(a.message);
	proto_free(b.message);
	rq.len = 0;
	assert_int_equal(client_call(C, "ReadStdout", &rq.base,
				     &grpc__read_stream_response__descriptor,
				     NULL), TTRPC_INVALID_ARGUMENT);
	ok(client_close_stdin(C, "c", ""));
	expect("", false, "");
	end(0);
}

static void test_broken_stdin(void **state UNUSED)
{
	NEED_BUSYBOX();
	run("exec 0</dev/null; echo closed; sleep 100");
	{
		Grpc__ReadStreamRequest rq = GRPC__READ_STREAM_REQUEST__INIT;

		rq.container_id = STR("c");
		rq.len = 100;
		ok(client_call(C, "ReadStdout", &rq.base,
			       &grpc__read_stream_response__descriptor, NULL));
	}
	assert_int_equal(client_write(C, "c", "", "x", 1),
			 TTRPC_FAILED_PRECONDITION);
	assert_non_null(strstr(client_text, "EPIPE"));
	ok(client_remove(C, "c"));
}

static int resize(const char *id, uint32_t rows, uint32_t columns)
{
	Grpc__TtyWinResizeRequest rq = GRPC__TTY_WIN_RESIZE_REQUEST__INIT;

	rq.container_id = STR(id);
	rq.row = rows;
	rq.column = columns;
	return client_call(C, "TtyWinResize", &rq.base,
			   &grpc__empty__descriptor, NULL);
}

static void test_terminal(void **state UNUSED)
{
	Grpc__Box box = GRPC__BOX__INIT;
	static struct spec e;

	NEED_ROOT();
	spec_init(&S, host.rootfs, "stty -echo; stty size; tty; read x; "
				   "stty size; ls -l /dev/console >/dev/null "
				   "&& echo $x; exit 4");
	S.process.terminal = 1;
	S.process.consolesize = &box;
	box.height = 11;
	box.width = 22;
	run(NULL);
	(void)usleep(300000);
	ok(resize("c", 33, 44));
	assert_int_equal(resize("c", 70000, 1), TTRPC_INVALID_ARGUMENT);
	ok(client_write(C, "c", "", "word\n", 5));
	expect("", false, "11 22\r\n/dev/pts/0\r\n33 44\r\nword\r\n");
	expect("", true, "");
	end(4);
	run("exec sleep 100");
	assert_int_equal(resize("c", 1, 1), TTRPC_FAILED_PRECONDITION);
	spec_init(&e, host.rootfs, "tty; echo done");
	e.process.terminal = 1;
	ok(client_exec(C, "c", "t", &e));
	expect("t", false, "/dev/pts/0\r\ndone\r\n");
	ok(client_remove(C, "c"));
}

static void test_restrictions(void **state UNUSED)
{
	NEED_BUSYBOX();
	spec_init(&S, host.rootfs,
		  "cat /etc/passwd; ls /data; echo x >/x; echo x >/etc/y; "
		  "echo x >/proc/sys/kernel/domainname; ls /dev/core; exit 0");
	S.linux_part.maskedpaths =
		(char *[]){STR("/etc/passwd"), STR("/data"), STR("/none")};
	S.linux_part.n_maskedpaths = 3;
	S.linux_part.readonlypaths = (char *[]){STR("/proc/sys")};
	S.linux_part.n_readonlypaths = 1;
	S.root.readonly = 1;
	run(NULL);
	expect("", false, "");
	expect("", true,
	       "/bin/sh: can't create /x: Read-only file system\n"
	       "/bin/sh: can't create /etc/y: Read-only file system\n"
	       "/bin/sh: can't create /proc/sys/kernel/domainname: "
	       "Read-only file system\n"
	       "ls: /dev/core: No such file or directory\n");
	end(0);
}

static void test_seccomp(void **state UNUSED)
{
	Grpc__LinuxSeccomp f = GRPC__LINUX_SECCOMP__INIT;
	Grpc__LinuxSyscall s = GRPC__LINUX_SYSCALL__INIT, *list[] = {&s};
	char *names[] = {STR("mkdir"), STR("mkdirat"), STR("nonesuch")};
	static struct spec e;

	NEED_ROOT();
	spec_init(&S, host.rootfs, "mkdir /tmp/x; exec 2>&-; exec sleep 100");
	S.linux_part.seccomp = &f;
	f.defaultaction = STR("SCMP_ACT_ALLOW");
	f.n_syscalls = 1;
	f.syscalls = list;
	s.n_names = 3;
	s.names = names;
	s.action = STR("SCMP_ACT_ERRNO");
	s.errno_ret_case = GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET;
	s.errnoret = EXDEV;
	run(NULL);
	spec_init(&e, host.rootfs, "mkdir /tmp/x; exit 0");
	ok(client_exec(C, "c", "e", &e));
	expect("e", true, "mkdir: can't create directory '/tmp/x': "
			  "Invalid cross-device link\n");
	/* To its end first: the signal would be faster on a busy machine. */
	expect("", true, "mkdir: can't create directory '/tmp/x': "
			 "Invalid cross-device link\n");
	ok(client_signal(C, "c", "", SIGKILL));
	end(137);
	s.action = STR("SCMP_ACT_WISH");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
}

/* An image's links lead nowhere but into the image. */
static void test_hostile_links(void **state UNUSED)
{
	char outside[128], path[256];
	struct stat st;

	NEED_BUSYBOX();
	(void)snprintf(outside, sizeof(outside), "%s/outside", host.dir);
	(void)mkdir(outside, 0755);
	(void)snprintf(path, sizeof(path), "%s/evil", host.rootfs);
	assert_int_equal(symlink("../../../../../../tmp", path), 0);
	(void)snprintf(path, sizeof(path), "%s/evil2", host.rootfs);
	assert_int_equal(symlink(outside, path), 0);
	spec_init(&S, host.rootfs, "ls /evil/sub && cat /proc/mounts");
	spec_mount(&S, "/evil/sub/deep", "tmpfs", "tmpfs", "ro,size=64k");
	spec_mount(&S, "/../../up", "tmpfs", "tmpfs", "size=64k");
	run(NULL);
	expect("", true, "");
	end(0);
	(void)snprintf(path, sizeof(path), "%s/tmp/sub/deep", host.rootfs);
	assert_int_equal(stat(path, &st), 0);
	(void)snprintf(path, sizeof(path), "%s/up", host.rootfs);
	assert_int_equal(stat(path, &st), 0);
	/* Dangling within the image: refused, and nothing made outside. */
	spec_init(&S, host.rootfs, "true");
	spec_mount(&S, "/evil2/x", "tmpfs", "tmpfs", "");
	assert_int_not_equal(client_create(C, "c", &S, NULL, 0), 0);
	(void)snprintf(path, sizeof(path), "%s/x", outside);
	assert_int_equal(stat(path, &st), -1);
	/* proc must be where it is said to be. */
	(void)snprintf(path, sizeof(path), "%s/sys2", host.rootfs);
	assert_int_equal(symlink("/sys", path), 0);
	spec_init(&S, host.rootfs, "true");
	spec_mount(&S, "/sys2", "proc", "proc", "");
	assert_int_not_equal(client_create(C, "c", &S, NULL, 0), 0);
}

static void test_bind_mounts(void **state UNUSED)
{
	char file[128], dir[128];

	NEED_BUSYBOX();
	(void)snprintf(file, sizeof(file), "%s/file", host.dir);
	(void)snprintf(dir, sizeof(dir), "%s/dir", host.dir);
	(void)mkdir(dir, 0755);
	assert_int_equal(write_file_atomic(AT_FDCWD, file, "text\n", 5, 0644),
			 0);
	spec_init(&S, host.rootfs,
		  "cat /etc/new; echo x >/etc/new; touch /vol/t; touch /vol2/t;"
		  "grep -E ' /vol ' /proc/self/mountinfo | "
		  "grep -c nosuid,nodev,noexec");
	spec_mount(&S, "/etc/new", "bind", file, "rbind,ro");
	spec_mount(&S, "/vol", "bind", dir, "bind,nosuid,nodev,noexec,rprivate");
	spec_mount(&S, "/vol2", "", dir, "rbind,rro");
	run(NULL);
	expect("", false, "text\n1\n");
	expect("", true, "/bin/sh: can't create /etc/new: Read-only file "
			 "system\ntouch: /vol2/t: Read-only file system\n");
	end(0);
	spec_init(&S, host.rootfs, "true");
	spec_mount(&S, "/x", "bind", "/none/such", "bind");
	assert_int_equal(client_create(C, "c", &S, NULL, 0), TTRPC_NOT_FOUND);
	assert_non_null(strstr(client_text, "/none/such"));
}

static void test_bad_requests(void **state UNUSED)
{
	static const char *const ids[] = {"", "../x", "a/b", ".", "-x", "a\nb"};
	Grpc__CreateContainerRequest rq = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	size_t i;

	spec_init(&S, host.rootfs, "true");
	for (i = 0; i < ARRAY_SIZE(ids); i++)
		assert_int_equal(client_create(C, ids[i], &S, NULL, 0),
				 TTRPC_INVALID_ARGUMENT);
	rq.container_id = STR("c");
	assert_int_equal(client_call(C, "CreateContainer", &rq.base,
				     &grpc__empty__descriptor, NULL),
			 TTRPC_INVALID_ARGUMENT);
	S.process.n_args = 0;
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	spec_init(&S, "/none/such", "true");
	assert_int_equal(client_create(C, "c", &S, NULL, 0), TTRPC_NOT_FOUND);
	spec_init(&S, host.rootfs, "true");
	S.linux_part.cgroupspath = STR("/a/../../b");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	spec_init(&S, host.rootfs, "true");
	S.ns[0].type = STR("dream");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	spec_init(&S, host.rootfs, "true");
	spec_mount(&S, "/x", "nonesuchfs", "x", "");
	assert_int_not_equal(client_create(C, "c", &S, NULL, 0), 0);
	assert_non_null(strstr(client_text, "nonesuchfs"));
}

static void test_sysctl(void **state UNUSED)
{
	Grpc__Linux__SysctlEntry entry = GRPC__LINUX__SYSCTL_ENTRY__INIT;
	Grpc__Linux__SysctlEntry *list[] = {&entry};

	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "cat /proc/sys/kernel/msgmax");
	S.linux_part.sysctl = list;
	S.linux_part.n_sysctl = 1;
	entry.key = STR("kernel.msgmax");
	entry.value = STR("4321");
	run(NULL);
	expect("", false, "4321\n");
	end(0);
	entry.key = STR("kernel.panic");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_PERMISSION_DENIED);
	entry.key = STR("net../../kernel/panic");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_rlimit(void **state UNUSED)
{
	Grpc__POSIXRlimit limit = GRPC__POSIXRLIMIT__INIT, *list[] = {&limit};

	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "ulimit -n; cat /proc/self/oom_score_adj");
	S.process.rlimits = list;
	S.process.n_rlimits = 1;
	S.process.oomscoreadj = 77;
	limit.type = STR("RLIMIT_NOFILE");
	limit.soft = 99;
	limit.hard = 100;
	run(NULL);
	expect("", false, "99\n77\n");
	end(0);
	limit.type = STR("RLIMIT_LOVE");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_user_namespace(void **state UNUSED)
{
	Grpc__LinuxIDMapping map = GRPC__LINUX_IDMAPPING__INIT, *list[] = {&map};
	size_t n;

	NEED_ROOT();
	spec_init(&S, host.rootfs, "id -u; cat /proc/self/uid_map | "
				   "grep -c 100000; echo x >/dev/null && "
				   "cat /dev/null");
	n = S.linux_part.n_namespaces++;
	grpc__linux_namespace__init(&S.ns[n]);
	S.ns[n].type = STR("user");
	S.ns_list[n] = &S.ns[n];
	map.hostid = 100000;
	map.size = 65536;
	S.linux_part.uidmappings = S.linux_part.gidmappings = list;
	S.linux_part.n_uidmappings = S.linux_part.n_gidmappings = 1;
	(void)chmod(host.rootfs, 0777);
	run(NULL);
	expect("", true, "");
	expect("", false, "0\n1\n");
	end(0);
}

/* The containers of a pod see one another's processes. */
static void test_shared_namespaces(void **state UNUSED)
{
	Grpc__CreateContainerRequest rq = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	char *text;

	NEED_ROOT();
	spec_init(&S, host.rootfs, "hostname pause; exec sleep 100");
	S.cap_list[0] = STR("CAP_SYS_ADMIN");
	S.caps.bounding = S.caps.permitted = S.caps.effective = S.cap_list;
	S.caps.n_bounding = S.caps.n_permitted = S.caps.n_effective = 1;
	rq.container_id = STR("c");
	rq.oci = &S.spec;
	rq.sandbox_pidns = 1;
	ok(client_call(C, "CreateContainer", &rq.base, &grpc__empty__descriptor,
		       NULL));
	ok(client_start_container(C, "c"));
	(void)usleep(300000);
	spec_init(&S, host.rootfs, "echo $(($$ > 1)); hostname");
	S.spec.hostname = STR("");
	rq.container_id = STR("c2");
	ok(client_call(C, "CreateContainer", &rq.base, &grpc__empty__descriptor,
		       NULL));
	ok(client_start_container(C, "c2"));
	text = client_read_all(C, "c2", "", false, NULL);
	assert_string_equal(text, "1\npause\n");
	free(text);
	ok(client_remove(C, "c2"));
	ok(client_remove(C, "c"));
}

static void test_extras(void **state UNUSED)
{
	Grpc__Spec__AnnotationsEntry a = GRPC__SPEC__ANNOTATIONS_ENTRY__INIT;
	Grpc__Spec__AnnotationsEntry b = GRPC__SPEC__ANNOTATIONS_ENTRY__INIT;
	Grpc__Spec__AnnotationsEntry *list[] = {&a, &b};

	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "umask; cat /proc/sys/kernel/domainname");
	S.spec.annotations = list;
	S.spec.n_annotations = 2;
	a.key = STR("io.kiln.spec.process.umask");
	a.value = STR("0027");
	b.key = STR("io.kiln.spec.domainname");
	b.value = STR("example");
	run(NULL);
	expect("", false, "0027\nexample\n");
	end(0);
	a.value = STR("0999");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_INVALID_ARGUMENT);
	a.key = STR("io.kiln.spec.wish");
	assert_int_equal(client_create(C, "c", &S, NULL, 0),
			 TTRPC_UNIMPLEMENTED);
}

static void test_hooks(void **state UNUSED)
{
	Grpc__Hook hook = GRPC__HOOK__INIT, *list[] = {&hook};
	Grpc__Hooks hooks = GRPC__HOOKS__INIT;
	char *args[] = {STR("sh"), STR("-c"), STR("cat >/tmp/state; echo $A "
						  ">>/tmp/state; exit $B")};
	char *env[] = {STR("A=x"), STR("B=0"), STR("PATH=/bin")};

	NEED_BUSYBOX();
	spec_init(&S, host.rootfs, "cat /tmp/state");
	S.spec.hooks = &hooks;
	hooks.startcontainer = list;
	hooks.n_startcontainer = 1;
	hook.path = STR("/bin/sh");
	hook.args = args;
	hook.n_args = 3;
	hook.env = env;
	hook.n_env = 3;
	run(NULL);
	expect("", false, "{\"ociVersion\":\"1.0.2\",\"id\":\"c\",\"status\":"
			  "\"created\",\"pid\":1,\"bundle\":\"/\"}\nx\n");
	end(0);
	env[1] = STR("B=3");
	ok(client_create(C, "c", &S, NULL, 0));
	assert_int_not_equal(client_start_container(C, "c"), 0);
	assert_non_null(strstr(client_text, "exit status 3"));
	ok(client_remove(C, "c"));
	args[2] = STR("sleep 100");
	hook.timeout = 1;
	ok(client_create(C, "c", &S, NULL, 0));
	assert_int_equal(client_start_container(C, "c"),
			 TTRPC_DEADLINE_EXCEEDED);
	ok(client_remove(C, "c"));
}

/* A name is free again once its process is over, and many may come and go. */
static void test_many_execs(void **state UNUSED)
{
	static struct spec e;
	char id[16];
	int i;

	NEED_ROOT();
	run("exec sleep 100");
	spec_init(&e, host.rootfs, "exit 0");
	for (i = 0; i < 100; i++) {
		(void)snprintf(id, sizeof(id), "e%d", i % 80);
		ok(client_exec(C, "c", id, &e));
		assert_int_equal(client_wait_process(C, "c", id), 0);
	}
	ok(client_remove(C, "c"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_health),
		cmocka_unit_test(test_guest_details),
		cmocka_unit_test(test_unimplemented),
		cmocka_unit_test(test_second_sandbox),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_environment),
		cmocka_unit_test(test_ambient_caps),
		cmocka_unit_test(test_unknown_cap),
		cmocka_unit_test(test_missing_program),
		cmocka_unit_test(test_exec),
		cmocka_unit_test(test_init_signals),
		cmocka_unit_test(test_removed),
		cmocka_unit_test(test_started_twice),
		cmocka_unit_test(test_bulk),
		cmocka_unit_test(test_output_after_exit),
		cmocka_unit_test(test_background_child),
		cmocka_unit_test(test_long_poll),
		cmocka_unit_test(test_broken_stdin),
		cmocka_unit_test(test_terminal),
		cmocka_unit_test(test_restrictions),
		cmocka_unit_test(test_seccomp),
		cmocka_unit_test(test_hostile_links),
		cmocka_unit_test(test_bind_mounts),
		cmocka_unit_test(test_bad_requests),
		cmocka_unit_test(test_sysctl),
		cmocka_unit_test(test_rlimit),
		cmocka_unit_test(test_user_namespace),
		cmocka_unit_test(test_shared_namespaces),
		cmocka_unit_test(test_extras),
		cmocka_unit_test(test_hooks),
		cmocka_unit_test(test_many_execs),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_test_filter(getenv("KILN_TEST_FILTER"));
	return cmocka_run_group_tests_name("agent", tests, harness_setup,
					   harness_teardown);
}
