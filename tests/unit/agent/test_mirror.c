// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/storage/mirror.h"
#include "base/macros.h"
#include "os/io.h"

static char top[] = "/tmp/kiln-mirror.XXXXXX";
static int from, to, outside;

static int open_dir(const char *name)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/%s", top, name);
	return open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
}

static int setup(void **state UNUSED)
{
	char path[300];
	size_t i;
	const char *names[] = {"from", "to", "outside"};

	(void)strcpy(top, "/tmp/kiln-mirror.XXXXXX");
	if (!mkdtemp(top))
		return -1;
	for (i = 0; i < ARRAY_SIZE(names); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", top, names[i]);
		if (mkdir(path, 0755) < 0)
			return -1;
	}
	from = open_dir("from");
	to = open_dir("to");
	outside = open_dir("outside");
	return 0;
}

static int teardown(void **state UNUSED)
{
	(void)close(from);
	(void)close(to);
	(void)close(outside);
	return remove_tree(AT_FDCWD, top);
}

static void put(int dir, const char *name, const char *text)
{
	assert_int_equal(write_file_atomic(dir, name, text, strlen(text), 0640),
			 0);
}

static void expect(int dir, const char *name, const char *want)
{
	char *text;

	assert_int_equal(read_file(dir, name, 4096, &text, NULL), 0);
	assert_string_equal(text, want);
	free(text);
}

static bool is_there(int dir, const char *name)
{
	struct stat st;

	return fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

static int mirrored(void)
{
	return mirror_tree(from, to);
}

static void test_same(void **state UNUSED)
{
	struct stat a, b;

	put(from, "one", "1");
	assert_int_equal(mkdirat(from, "d", 0711), 0);
	put(from, "d/two", "22");
	assert_int_equal(symlinkat("/etc/passwd", from, "abs"), 0);
	assert_int_equal(symlinkat("d/two", from, "rel"), 0);
	assert_int_equal(mirrored(), 0);
	expect(to, "one", "1");
	expect(to, "rel", "22");
	assert_int_equal(fstatat(to, "d", &a, 0), 0);
	assert_int_equal(a.st_mode & 07777, 0711);
	assert_int_equal(fstatat(from, "one", &a, 0), 0);
	assert_int_equal(fstatat(to, "one", &b, 0), 0);
	assert_int_equal(a.st_mtim.tv_nsec, b.st_mtim.tv_nsec);
	assert_int_equal(b.st_mode, a.st_mode);
	/* Nothing changes: nothing is written. */
	assert_int_equal(mirrored(), 0);
	assert_int_equal(fstatat(to, "one", &a, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino);
	assert_int_equal(a.st_ctim.tv_nsec, b.st_ctim.tv_nsec);
	/* All that can change. */
	put(from, "one", "11");
	assert_int_equal(unlinkat(from, "d/two", 0), 0);
	assert_int_equal(unlinkat(from, "rel", 0), 0);
	assert_int_equal(mkdirat(from, "rel", 0755), 0);
	put(from, "rel/three", "3");
	assert_int_equal(fchmodat(from, "d", 0700, 0), 0);
	assert_int_equal(mirrored(), 0);
	expect(to, "one", "11");
	expect(to, "rel/three", "3");
	assert_false(is_there(to, "d/two"));
	assert_int_equal(fstatat(to, "d", &a, 0), 0);
	assert_int_equal(a.st_mode & 07777, 0700);
	/* And back: a file for a directory. */
	assert_int_equal(remove_tree(from, "rel"), 0);
	put(from, "rel", "file");
	assert_int_equal(mirrored(), 0);
	expect(to, "rel", "file");
}

/* As the kubelet does it: a new directory, "..data" is turned, the old goes. */
static void test_turn(void **state UNUSED)
{
	int held;
	char text[8] = "";

	assert_int_equal(mkdirat(from, "..1", 0755), 0);
	put(from, "..1/key", "old");
	assert_int_equal(symlinkat("..1", from, "..data"), 0);
	assert_int_equal(symlinkat("..data/key", from, "key"), 0);
	assert_int_equal(mirrored(), 0);
	expect(to, "key", "old");
	held = openat(to, "key", O_RDONLY | O_CLOEXEC);
	assert_int_equal(mkdirat(from, "..2", 0755), 0);
	put(from, "..2/key", "new");
	assert_int_equal(symlinkat("..2", from, "..data_tmp"), 0);
	assert_int_equal(renameat(from, "..data_tmp", from, "..data"), 0);
	assert_int_equal(remove_tree(from, "..1"), 0);
	assert_int_equal(mirrored(), 0);
	expect(to, "key", "new");
	assert_false(is_there(to, "..1"));
	/* Who had it open reads what it was. */
	assert_int_equal(read(held, text, sizeof(text)), 3);
	assert_string_equal(text, "old");
	(void)close(held);
}

/* Above a limit: nothing is touched. */
static void test_limits(void **state UNUSED)
{
	static char big[MIRROR_BYTES_MAX / 2 + 1];
	char name[16], deep[64] = "";
	int i;

	put(from, "a", "1");
	assert_int_equal(mirrored(), 0);
	put(from, "a", "2");
	for (i = 0; i < MIRROR_ENTRIES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		put(from, name, "");
	}
	assert_int_equal(mirror_tree(from, to), -E2BIG);
	expect(to, "a", "1");
	assert_false(is_there(to, "n0"));
	assert_int_equal(unlinkat(from, "n0", 0), 0);
	assert_int_equal(mirrored(), 0);
	expect(to, "a", "2");
	for (i = 0; i < MIRROR_ENTRIES_MAX; i++) {
		(void)snprintf(name, sizeof(name), "n%d", i);
		(void)unlinkat(from, name, 0);
	}
	assert_int_equal(write_file_atomic(from, "b", big, sizeof(big), 0600),
			 0);
	assert_int_equal(mirrored(), 0);
	assert_false(is_there(to, "n1"));
	assert_int_equal(write_file_atomic(from, "c", big, sizeof(big), 0600),
			 0);
	assert_int_equal(mirror_tree(from, to), -E2BIG);
	assert_false(is_there(to, "c"));
	assert_int_equal(unlinkat(from, "c", 0), 0);
	for (i = 0; i < 12; i++) {
		(void)strcat(deep, i ? "/d" : "d");
		assert_int_equal(mkdirat(from, deep, 0755), 0);
	}
	assert_int_equal(mirror_tree(from, to), -E2BIG);
}

/* A copy that a container may write to, and has: what leads out of it is
 * replaced, never followed. */
static void test_hostile_copy(void **state UNUSED)
{
	char path[300];

	put(outside, "victim", "safe");
	assert_int_equal(mkdirat(from, "d", 0755), 0);
	put(from, "d/victim", "1");
	put(from, "f", "2");
	assert_int_equal(symlinkat("x", from, "l"), 0);
	(void)snprintf(path, sizeof(path), "%s/outside", top);
	assert_int_equal(symlinkat(path, to, "d"), 0);
	(void)snprintf(path, sizeof(path), "%s/outside/victim", top);
	assert_int_equal(symlinkat(path, to, "f"), 0);
	assert_int_equal(symlinkat(path, to, ".kiln-mirror"), 0);
	assert_int_equal(mkdirat(to, "l", 0755), 0);
	put(to, "l/x", "x");
	put(to, "more", "x");
	(void)snprintf(path, sizeof(path), "%s/outside", top);
	assert_int_equal(symlinkat(path, to, "gone"), 0);
	assert_int_equal(mirrored(), 0);
	expect(outside, "victim", "safe");
	expect(to, "d/victim", "1");
	expect(to, "f", "2");
	assert_false(is_there(to, "more"));
	assert_false(is_there(to, "gone"));
	assert_false(is_there(to, ".kiln-mirror"));
	assert_int_equal(faccessat(to, "l", F_OK, AT_SYMLINK_NOFOLLOW), 0);
}

/* Sources that are no files: nothing waits for them, nothing reads them. */
static void test_hostile_source(void **state UNUSED)
{
	char path[300];

	(void)snprintf(path, sizeof(path), "%s/outside", top);
	put(outside, "secret", "s");
	assert_int_equal(symlinkat(path, from, "out"), 0);
	assert_int_equal(mkfifoat(from, "pipe", 0644), 0);
	put(from, "f", "1");
	assert_int_equal(mirrored(), 0);
	assert_false(is_there(to, "pipe"));
	assert_int_equal(readlinkat(to, "out", path, sizeof(path)),
			 strlen(top) + 8); /* as it is, a link */
	/* A file that says to be larger than it is worth. */
	(void)snprintf(path, sizeof(path), "%s/from/f", top);
	assert_int_equal(truncate(path, (off_t)1 << 40), 0);
	assert_int_equal(mirror_tree(from, to), -E2BIG);
	expect(to, "f", "1");
}

static void test_file(void **state UNUSED)
{
	struct stat a, b;
	char path[300];
	int fd;

	put(from, "f", "first, long");
	(void)snprintf(path, sizeof(path), "%s/from/f", top);
	fd = open(path, O_PATH | O_CLOEXEC);
	assert_int_equal(mirror_file(fd, to, "copy"), 0);
	expect(to, "copy", "first, long");
	assert_int_equal(fstatat(to, "copy", &a, 0), 0);
	assert_int_equal(a.st_mode & 07777, 0640);
	(void)close(fd);
	put(from, "f", "second");
	fd = open(path, O_PATH | O_CLOEXEC);
	assert_int_equal(mirror_file(fd, to, "copy"), 0);
	expect(to, "copy", "second");
	assert_int_equal(fstatat(to, "copy", &b, 0), 0);
	assert_int_equal(a.st_ino, b.st_ino); /* what is bound shows it */
	assert_int_equal(unlinkat(to, "copy", 0), 0);
	(void)snprintf(path, sizeof(path), "%s/outside/victim", top);
	put(outside, "victim", "safe");
	assert_int_equal(symlinkat(path, to, "copy"), 0);
	assert_true(mirror_file(fd, to, "copy") < 0);
	expect(outside, "victim", "safe");
	(void)close(fd);
}

#define MIRROR_TEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		MIRROR_TEST(test_same),
		MIRROR_TEST(test_turn),
		MIRROR_TEST(test_limits),
		MIRROR_TEST(test_hostile_copy),
		MIRROR_TEST(test_hostile_source),
		MIRROR_TEST(test_file),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
