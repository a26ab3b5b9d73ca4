// SPDX-License-Identifier: Apache-2.0
/* Files, storages and devices of the agent, and a host that means it ill. */
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

static int copy_file(const char *path, uint32_t mode, const char *data,
		     size_t n, int64_t offset, int64_t size)
{
	Grpc__CopyFileRequest rq = GRPC__COPY_FILE_REQUEST__INIT;
	char full[300];

	(void)snprintf(full, sizeof(full), "%s/shared/containers/%s",
		       host.root, path);
	rq.path = *path == '/' ? STR(path) : full;
	rq.file_mode = mode;
	rq.dir_mode = 0755;
	rq.file_size = size;
	rq.offset = offset;
	rq.data.data = (uint8_t *)(uintptr_t)data;
	rq.data.len = n;
	return client_call(C, "CopyFile", &rq.base, &grpc__empty__descriptor,
			   NULL);
}

static void test_copy_file(void **state UNUSED)
{
	char path[300], *text;
	struct stat st;
	size_t n;

	ok(copy_file("d/e/f", S_IFREG | 0640, "hello ", 6, 0, 11));
	(void)snprintf(path, sizeof(path), "%s/shared/containers/d/e/f",
		       host.root);
	assert_int_equal(stat(path, &st), -1); /* not before it is whole */
	ok(copy_file("d/e/f", S_IFREG | 0640, "world", 5, 6, 11));
	assert_int_equal(read_file(AT_FDCWD, path, 100, &text, &n), 0);
	assert_string_equal(text, "hello world");
	free(text);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 07777, 0640);
	ok(copy_file("d/dir", S_IFDIR | 0711, NULL, 0, 0, 0));
	ok(copy_file("empty", S_IFREG | 0600, NULL, 0, 0, 0));
	ok(copy_file("link", S_IFLNK | 0777, "/etc", 4, 0, 0));
	/* Below a link: below the shared directory nevertheless. */
	(void)copy_file("link/stray", S_IFREG | 0644, "x", 1, 0, 1);
	assert_int_equal(stat("/etc/stray", &st), -1);
	ok(copy_file("up", S_IFLNK | 0777, "../../../..", 11, 0, 0));
	(void)copy_file("up/stray", S_IFREG | 0644, "x", 1, 0, 1);
	(void)snprintf(path, sizeof(path), "%s/stray", host.dir);
	assert_int_equal(stat(path, &st), -1);
	assert_int_equal(stat("/stray", &st), -1);
	assert_int_equal(copy_file("../x", S_IFREG, "x", 1, 0, 1),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(copy_file("/etc/x", S_IFREG, "x", 1, 0, 1),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(copy_file("a/../../../x", S_IFREG, "x", 1, 0, 1),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(copy_file("big", S_IFREG, "xx", 2, INT64_MAX, 5),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(copy_file("big", S_IFREG, "xx", 2, 0, 1),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(copy_file("sock", S_IFSOCK, "", 0, 0, 0),
			 TTRPC_INVALID_ARGUMENT);
	assert_int_equal(copy_file("link2", S_IFLNK, "", 0, 0, 0),
			 TTRPC_INVALID_ARGUMENT);
}

static void test_storages(void **state UNUSED)
{
	Grpc__Storage a = GRPC__STORAGE__INIT, *list[] = {&a};
	char point[200], *option = STR("size=1m");
	struct stat st;

	NEED_BUSYBOX();
	(void)snprintf(point, sizeof(point), "%s/vol/one", host.root);
	a.driver = STR("ephemeral");
	a.fstype = STR("tmpfs");
	a.mount_point = point;
	a.options = &option;
	a.n_options = 1;
	spec_init(&S, host.rootfs, "echo x >/vol/f; cat /vol/*");
	spec_mount(&S, "/vol", "bind", point, "rbind");
	ok(client_create(C, "c", &S, list, 1));
	ok(client_create(C, "c2", &S, list, 1)); /* the same one */
	ok(client_start_container(C, "c"));
	expect("", false, "x\n");
	end(0);
	assert_int_equal(stat(point, &st), 0);
	ok(client_remove(C, "c2"));
	assert_int_equal(stat(point, &st), -1);
	a.mount_point = STR("/etc");
	assert_int_equal(client_create(C, "c", &S, list, 1),
			 TTRPC_INVALID_ARGUMENT);
	(void)snprintf(point, sizeof(point), "%s/../x", host.root);
	a.mount_point = point;
	assert_int_equal(client_create(C, "c", &S, list, 1),
			 TTRPC_INVALID_ARGUMENT);
	(void)snprintf(point, sizeof(point), "%s/v", host.root);
	a.driver = STR("nonesuch");
	assert_int_equal(client_create(C, "c", &S, list, 1),
			 TTRPC_INVALID_ARGUMENT);
	a.driver = STR("blk");
	a.source = STR("zz/1");
	assert_int_equal(client_create(C, "c", &S, list, 1),
			 TTRPC_INVALID_ARGUMENT);
}

/* A device that never comes: an error that names it, and the agent has not
 * stood still meanwhile. */
static void test_missing_device(void **state UNUSED)
{
	Grpc__Storage s = GRPC__STORAGE__INIT, *list[] = {&s};
	Grpc__CreateContainerRequest rq = GRPC__CREATE_CONTAINER_REQUEST__INIT;
	Grpc__CheckRequest check = GRPC__CHECK_REQUEST__INIT;
	char point[200];
	struct answer a;

	(void)snprintf(point, sizeof(point), "%s/v", host.root);
	s.driver = STR("blk-ccw");
	s.source = STR("0.0.1234");
	s.fstype = STR("ext4");
	s.mount_point = point;
	spec_init(&S, host.rootfs, "true");
	rq.container_id = STR("c");
	rq.oci = &S.spec;
	rq.storages = list;
	rq.n_storages = 1;
	client_start(C, &a, "CreateContainer", &rq.base,
		     &grpc__empty__descriptor);
	ok(client_call(C, "Check", &check.base,
		       &grpc__health_check_response__descriptor, NULL));
	assert_true(client_wait(C, &a, 10000));
	assert_int_equal(a.code, TTRPC_DEADLINE_EXCEEDED);
	assert_non_null(strstr(a.text, "0.0.1234"));
}

static void test_pause(void **state UNUSED)
{
	Grpc__PauseContainerRequest rq = GRPC__PAUSE_CONTAINER_REQUEST__INIT;
	Grpc__ResumeContainerRequest rs = GRPC__RESUME_CONTAINER_REQUEST__INIT;
	Grpc__StatsContainerRequest stats = GRPC__STATS_CONTAINER_REQUEST__INIT;
	Grpc__ReadStreamRequest rd = GRPC__READ_STREAM_REQUEST__INIT;
	struct answer a;

	NEED_BUSYBOX();
	run("read x; echo $x");
	rq.container_id = rs.container_id = rd.container_id =
		stats.container_id = STR("c");
	rd.len = 10;
	if (host.has_cgroup) {
		ok(client_call(C, "PauseContainer", &rq.base,
			       &grpc__empty__descriptor, NULL));
		(void)usleep(100000);
		ok(client_write(C, "c", "", "x\n", 2));
		client_start(C, &a, "ReadStdout", &rd.base,
			     &grpc__read_stream_response__descriptor);
		assert_false(client_wait(C, &a, 300));
		ok(client_call(C, "ResumeContainer", &rs.base,
			       &grpc__empty__descriptor, NULL));
		assert_true(client_wait(C, &a, 5000));
		proto_free(a.message);
		ok(client_call(C, "StatsContainer", &stats.base,
			       &grpc__stats_container_response__descriptor,
			       NULL));
	} else {
		assert_int_equal(client_call(C, "PauseContainer", &rq.base,
					     &grpc__empty__descriptor, NULL),
				 TTRPC_FAILED_PRECONDITION);
	}
	ok(client_remove(C, "c"));
}

static void put_frame(int fd, uint32_t n, uint32_t stream, uint8_t type,
		      const void *payload, size_t len)
{
	uint8_t header[10] = {0};

	put_be32(header, n);
	put_be32(header + 4, stream);
	header[8] = type;
	assert_int_equal(write_full(fd, header, sizeof(header)), 0);
	if (len)
		assert_int_equal(write_full(fd, payload, len), 0);
}

static void test_hostile_frames(void **state UNUSED)
{
	uint8_t noise[4096], header[10];
	uint32_t seed = 1;
	pid_t pid;
	int fd = raw_agent(&pid);
	size_t i;

	for (i = 0; i < sizeof(noise); i++) {
		seed = seed * 1103515245 + 12345;
		noise[i] = (uint8_t)(seed >> 16);
	}
	put_frame(fd, 100, 2, 1, noise, 100); /* even stream */
	assert_int_equal(read_full(fd, header, 10), 10);
	assert_int_equal(get_be32(header + 4), 2);
	(void)read_full(fd, noise, get_be32(header));
	put_frame(fd, 50, 1, 1, noise, 50); /* no message */
	assert_int_equal(read_full(fd, header, 10), 10);
	(void)read_full(fd, noise, get_be32(header));
	put_frame(fd, 60, 3, 99, noise, 60);  /* no such type */
	put_frame(fd, 60, 999, 2, noise, 60); /* answer to nothing */
	put_frame(fd, 0, 5, 1, NULL, 0);
	assert_int_equal(read_full(fd, header, 10), 10);
	assert_int_equal(get_be32(header + 4), 5);
	end_raw(fd, pid);
	fd = raw_agent(&pid);
	put_frame(fd, 0xffffffff, 7, 1, noise, sizeof(noise)); /* too large */
	assert_int_equal(read_full(fd, header, 10), 10);
	assert_int_equal(get_be32(header + 4), 7);
	end_raw(fd, pid);
}

static void test_order(void **state UNUSED)
{
	struct client c;
	pid_t pid;
	int fd = raw_agent(&pid);

	assert_int_equal(client_open(&c, fd), 0);
	spec_init(&S, host.rootfs, "true");
	assert_int_equal(client_create(&c, "c", &S, NULL, 0),
			 TTRPC_FAILED_PRECONDITION);
	assert_int_equal(client_start_container(&c, "c"),
			 TTRPC_FAILED_PRECONDITION);
	client_close(&c);
	end_raw(-1, pid);
}

/* The host goes while containers run: they end, and so does the agent. */
static void test_host_leaves(void **state UNUSED)
{
	struct client c;
	pid_t pid;
	int fd = raw_agent(&pid);

	NEED_BUSYBOX();
	assert_int_equal(client_open(&c, fd), 0);
	ok(client_create_sandbox(&c));
	spec_init(&S, host.rootfs, "sleep 100 & sleep 100");
	ok(client_create(&c, "x", &S, NULL, 0));
	ok(client_start_container(&c, "x"));
	client_close(&c);
	end_raw(-1, pid);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_copy_file),
		cmocka_unit_test(test_storages),
		cmocka_unit_test(test_missing_device),
		cmocka_unit_test(test_pause),
		cmocka_unit_test(test_hostile_frames),
		cmocka_unit_test(test_order),
		cmocka_unit_test(test_host_leaves),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_test_filter(getenv("KILN_TEST_FILTER"));
	return cmocka_run_group_tests_name("files", tests, harness_setup,
					   harness_teardown);
}
