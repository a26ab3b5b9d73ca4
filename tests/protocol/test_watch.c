// SPDX-License-Identifier: Apache-2.0
/*
 * Storages of driver "watchable-bind", on this host: what a container sees of a
 * source that changes, and what no source and no mount point may be.
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
#include "base/path.h"
#include "harness.h"
#include "os/io.h"

static char source[200], point[200], parent[200];

static int setup(void **state UNUSED)
{
	(void)snprintf(source, sizeof(source), "%s/shared/containers/config",
		       host.root);
	(void)snprintf(parent, sizeof(parent),
		       "%s/shared/containers/watchable", host.root);
	(void)snprintf(point, sizeof(point), "%s/config", parent);
	(void)remove_tree(AT_FDCWD, source);
	return make_dirs(source, 0755) || make_dirs(parent, 0755);
}

static void put(const char *name, const char *text)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", source, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, text, strlen(text),
					   0644), 0);
}

static void turn(const char *to)
{
	char path[300], temporary[300];

	(void)snprintf(path, sizeof(path), "%s/..data", source);
	(void)snprintf(temporary, sizeof(temporary), "%s/..data_tmp", source);
	assert_int_equal(symlink(to, temporary), 0);
	assert_int_equal(rename(temporary, path), 0);
}

static int create(const char *from, const char *at, const char *shell)
{
	Grpc__Storage s = GRPC__STORAGE__INIT, *list[] = {&s};

	s.driver = STR("watchable-bind");
	s.fstype = STR("bind");
	s.source = STR(from);
	s.mount_point = STR(at);
	spec_init(&S, host.rootfs, shell);
	spec_mount(&S, !strcmp(path_base(from), "f") ? "/file" : "/data", "bind", at,
		   "rbind,ro");
	return client_create(C, "c", &S, list, 1);
}

/* "old" until it is "new", read through the links and nothing in between. */
static void test_config_map(void **state UNUSED)
{
	char path[300], link[300];
	struct stat st;

	NEED_BUSYBOX();
	(void)snprintf(path, sizeof(path), "%s/..1", source);
	assert_int_equal(mkdir(path, 0755), 0);
	put("..1/key", "old");
	turn("..1");
	(void)snprintf(link, sizeof(link), "%s/key", source);
	assert_int_equal(symlink("..data/key", link), 0);
	ok(create(source, point,
		  "while read x </data/key || [ \"$x\" ]; do "
		  "[ $x = old ] || break; done; echo $x; "
		  "[ -e /data/..1 ] && sleep 1; ls -A /data; exec sleep 100"));
	ok(client_start_container(C, "c"));
	(void)usleep(300000);
	(void)snprintf(path, sizeof(path), "%s/..2", source);
	assert_int_equal(mkdir(path, 0755), 0);
	put("..2/key", "new");
	turn("..2");
	(void)snprintf(path, sizeof(path), "%s/..1", source);
	assert_int_equal(remove_tree(AT_FDCWD, path), 0);
	(void)usleep(4500000);
	ok(client_signal(C, "c", "", SIGKILL));
	expect("", false, "new\n..2\n..data\nkey\n");
	ok(client_remove(C, "c"));
	assert_int_equal(stat(point, &st), -1);
}

static void test_file(void **state UNUSED)
{
	char from[300];

	NEED_BUSYBOX();
	put("f", "one");
	(void)snprintf(from, sizeof(from), "%s/f", source);
	ok(create(from, point, "cat /file; sleep 4; cat /file"));
	ok(client_start_container(C, "c"));
	(void)usleep(300000);
	put("f", "2");
	expect("", false, "one2");
	end(0);
}

/* Two containers have it; the second one keeps it. */
static void test_shared(void **state UNUSED)
{
	Grpc__Storage s = GRPC__STORAGE__INIT, *list[] = {&s};
	struct stat st;

	NEED_BUSYBOX();
	put("f", "one");
	ok(create(source, point, "sleep 100"));
	s.driver = STR("watchable-bind");
	s.source = source;
	s.mount_point = point;
	ok(client_create(C, "c2", &S, list, 1));
	ok(client_remove(C, "c"));
	assert_int_equal(stat(point, &st), 0);
	ok(client_remove(C, "c2"));
	assert_int_equal(stat(point, &st), -1);
}

/* Too large to be copied: as it is, by a bind mount. */
static void test_large(void **state UNUSED)
{
	char name[32];
	int i;

	NEED_BUSYBOX();
	for (i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		put(name, "x");
	}
	ok(create(source, point, "ls /data | wc -l; read x; ls /data | wc -l"));
	ok(client_start_container(C, "c"));
	(void)usleep(300000);
	put("more", "x");
	ok(client_write(C, "c", "", "\n", 1));
	ok(client_close_stdin(C, "c", ""));
	expect("", false, "300\n301\n");
	end(0);
	/* It was not removed with the mount. */
	(void)snprintf(name, sizeof(name), "more");
	put(name, "y");
}

/* It grows while it is watched: what was copied stays. */
static void test_grows(void **state UNUSED)
{
	char name[32];
	int i;

	NEED_BUSYBOX();
	put("f", "one");
	ok(create(source, point, "sleep 4; ls /data | wc -l; cat /data/f"));
	ok(client_start_container(C, "c"));
	put("f", "two");
	for (i = 0; i < 300; i++) {
		(void)snprintf(name, sizeof(name), "f%d", i);
		put(name, "x");
	}
	{
		char *text = client_read_all(C, "c", "", false, NULL);

		/* The first look may have come before there were too many. */
		assert_non_null(text);
		assert_null(strstr(text, "301"));
		free(text);
	}
	end(0);
}

static void test_bad(void **state UNUSED)
{
	char none[300], link[300], at[300], nested[300];
	const struct {
		const char *from, *at;
		int code;
	} bad[] = {
		{"/etc", point, TTRPC_INVALID_ARGUMENT},
		{"", point, TTRPC_INVALID_ARGUMENT},
		{host.root, point, TTRPC_INVALID_ARGUMENT},
		{none, point, TTRPC_NOT_FOUND},
		{parent, point, TTRPC_INVALID_ARGUMENT},
		{nested, point, TTRPC_INVALID_ARGUMENT},
		{source, "/etc/watchable/x", TTRPC_INVALID_ARGUMENT},
		{source, "", TTRPC_INVALID_ARGUMENT},
		{source, host.root, TTRPC_INVALID_ARGUMENT},
		{source, parent, TTRPC_INVALID_ARGUMENT},
		{source, at, TTRPC_INVALID_ARGUMENT},
		{source, source, TTRPC_INVALID_ARGUMENT},
	};
	struct stat before, after;
	size_t i;

	(void)snprintf(none, sizeof(none), "%s/none", source);
	(void)snprintf(at, sizeof(at), "%s/watchable", host.root);
	(void)snprintf(nested, sizeof(nested), "%s/config/x", parent);
	(void)snprintf(link, sizeof(link), "%s/../link", source);
	put("f", "x");
	assert_int_equal(stat(parent, &before), 0);
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		int code = create(bad[i].from, bad[i].at, "true");

		if (code != bad[i].code)
			fail_msg("%zu: %d, %s", i, code, client_text);
	}
	/* Nothing has stayed mounted. */
	assert_int_equal(stat(parent, &after), 0);
	assert_int_equal(before.st_dev, after.st_dev);
}

/* Links on the way, in the share that containers may write to. */
static void test_links(void **state UNUSED)
{
	char link[300], from[300];

	(void)snprintf(link, sizeof(link), "%s/link", source);
	assert_int_equal(symlink("/etc", link), 0);
	assert_int_not_equal(create(link, point, "true"), 0);
	(void)snprintf(from, sizeof(from), "%s/link/ssl", source);
	assert_int_not_equal(create(from, point, "true"), 0);
	(void)snprintf(link, sizeof(link), "%s/pipe", source);
	assert_int_equal(mkfifo(link, 0644), 0);
	assert_int_equal(create(link, point, "true"), TTRPC_INVALID_ARGUMENT);
}

#define WATCH_TEST(f) cmocka_unit_test_setup(f, setup)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WATCH_TEST(test_config_map),
		WATCH_TEST(test_file),
		WATCH_TEST(test_shared),
		WATCH_TEST(test_large),
		WATCH_TEST(test_grows),
		WATCH_TEST(test_bad),
		WATCH_TEST(test_links),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_test_filter(getenv("KILN_TEST_FILTER"));
	return cmocka_run_group_tests_name("watch", tests, harness_setup,
					   harness_teardown);
}
