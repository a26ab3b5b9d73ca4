// SPDX-License-Identifier: Apache-2.0
/*
 * Storages that make one overlay of EROFS layers ("X-kata.multi-layer=true"),
 * from image files: on this host, or, with KILN_AGENT_SOCKET, in a guest, to
 * which the images are copied.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "base/path.h"
#include "harness.h"
#include "os/io.h"

#define MULTI "X-kata.multi-layer=true"
#define IMAGE_BLOCKS 64 /* of 4096 bytes, then its hashes */
#define CHUNK (1 << 20)
#define MANY 129

static char work[] = "/tmp/kiln-layers.XXXXXX";
static char hash[80], salt[80];
static char point[200];
static Grpc__Storage layers[MANY], *list[MANY];
static char *options[MANY][8], sources[MANY][200];
static size_t n;

static int shell(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

static int shell(const char *fmt, ...)
{
	char command[2000];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(command, sizeof(command), fmt, ap);
	va_end(ap);
	/* NOLINTNEXTLINE(cert-env33-c): tools of the test's */
	return system(command);
}

/* Brings an image to where the agent may read it. */
static int upload(const char *name)
{
	Grpc__CopyFileRequest rq = GRPC__COPY_FILE_REQUEST__INIT;
	char from[300], to[300], *data;
	size_t size, at;
	int code = 0;

	(void)snprintf(from, sizeof(from), "%s/%s", work, name);
	(void)snprintf(to, sizeof(to), "%s/shared/containers/%s", host.root,
		       name);
	if (read_file(AT_FDCWD, from, 32 << 20, &data, &size) < 0)
		return -1;
	rq.path = to;
	rq.file_mode = S_IFREG | 0600;
	rq.dir_mode = 0755;
	rq.file_size = (int64_t)size;
	for (at = 0; !code && at < size; at += CHUNK) {
		rq.offset = (int64_t)at;
		rq.data.data = (uint8_t *)data + at;
		rq.data.len = MIN(size - at, (size_t)CHUNK);
		code = call("CopyFile", &rq.base);
	}
	free(data);
	return code;
}

static void read_word(const char *name, char *to, size_t size)
{
	char path[300], *text;

	(void)snprintf(path, sizeof(path), "%s/%s", work, name);
	assert_int_equal(read_file(AT_FDCWD, path, 1000, &text, NULL), 0);
	(void)snprintf(to, size, "%.*s", (int)strcspn(text, "\n"), text);
	free(text);
}

/* Three layers, a disk, and one of the layers with hashes: right, then with a
 * byte of its data turned. */
static int make_images(void)
{
	return shell(
		"set -e; cd %s; M='mkfs.erofs --quiet -T0'; "
		"mkdir top middle bottom; "
		"echo top >top/all; echo top >top/own; mkdir top/d; "
		"echo middle >middle/all; echo middle >middle/two; "
		"echo bottom >bottom/all; echo bottom >bottom/two; "
		"mkdir bottom/d; echo deep >bottom/d/deep; "
		"for l in top middle bottom; do $M $l.img $l >/dev/null; done; "
		"truncate -s 2M upper.img; mkfs.ext4 -q -F upper.img; "
		"cp bottom.img checked.img; truncate -s %d checked.img; "
		"veritysetup format --hash-offset=%d --data-blocks=%d "
		"checked.img checked.img >v; "
		"sed -n 's/^Root hash:[[:space:]]*//p' v >hash; "
		"sed -n 's/^Salt:[[:space:]]*//p' v >salt; cp checked.img turned.img; "
		"at=$(grep -abo deep turned.img | tail -n1 | cut -d: -f1); "
		"printf X | dd of=turned.img bs=1 seek=$at conv=notrunc "
		"2>/dev/null; head -c 8192 /dev/urandom >noise.img",
		work, IMAGE_BLOCKS * 4096, IMAGE_BLOCKS * 4096, IMAGE_BLOCKS);
}

static int setup_images(void **state)
{
	static const char *const names[] = {
		"top.img", "middle.img", "bottom.img", "upper.img",
		"checked.img", "turned.img", "noise.img",
	};
	size_t i;
	int r = harness_setup(state);

	if (r)
		return r;
	if (!mkdtemp(work) || make_images())
		return -1;
	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (upload(names[i]))
			return -1;
	read_word("hash", hash, sizeof(hash));
	read_word("salt", salt, sizeof(salt));
	(void)snprintf(point, sizeof(point), "%s/joined/rootfs", host.root);
	return 0;
}

static int teardown_images(void **state)
{
	(void)remove_tree(AT_FDCWD, work);
	return harness_teardown(state);
}

static void option(const char *text)
{
	Grpc__Storage *s = &layers[n - 1];

	s->options[s->n_options++] = STR(text);
}

/* One layer more, of the image NAME. */
static void layer(const char *name, const char *type)
{
	Grpc__Storage *s = &layers[n];

	grpc__storage__init(s);
	list[n] = s;
	(void)snprintf(sources[n], sizeof(sources[n]), "%s%s%s",
		       *name == '/' ? "" : host.root,
		       *name == '/' ? "" : "/shared/containers/", name);
	s->driver = STR("erofs.multi-layer");
	s->source = sources[n];
	s->fstype = STR(type);
	s->mount_point = point;
	s->options = options[n++];
	option(MULTI);
}

static int create(const char *script)
{
	spec_init(&S, host.rootfs, script);
	spec_mount(&S, "/all", "bind", point, "bind");
	return client_create(C, "c", &S, list, n);
}

static void expect_refusal(int code, const char *text)
{
	int got = create("true");

	if (got != code || !strstr(client_text, text))
		fail_msg("%d instead of %d: %s", got, code, client_text);
	n = 0;
}

static void run_layers(const char *script, const char *want, int status)
{
	ok(create(script));
	ok(client_start_container(C, "c"));
	expect("", false, want);
	end(status);
	n = 0;
}

/* --- good --- */

static void test_order(void **state UNUSED)
{
	NEED_ROOT();
	layer("top.img", "erofs");
	layer("middle.img", "erofs");
	layer("bottom.img", "erofs");
	run_layers("cd /all; cat all two own d/deep; echo new >all; cat all; "
		   "rm two; ls", "top\nmiddle\ntop\ndeep\nnew\nall\nd\nown\n",
		   0);
	/* Nothing of it is left: the layers are as they were. */
	layer("middle.img", "erofs");
	layer("top.img", "erofs");
	run_layers("cd /all; cat all two; mount | grep -c erofs",
		   "middle\nmiddle\n0\n", 1);
}

/* A disk of the host's above: what is written is there the next time. */
static void test_upper(void **state UNUSED)
{
	NEED_ROOT();
	layer("upper.img", "ext4");
	option("X-kata.overlay-upper");
	layer("top.img", "erofs");
	option("X-kata.mkdir.path={{ mount 0 }}/upper/made:0711");
	run_layers("cd /all; echo kept >kept; cat all; ls -ld made | cut -c1-10",
		   "top\ndrwx--x--x\n", 0);
	layer("middle.img", "erofs");
	layer("upper.img", "ext4");
	run_layers("cd /all; cat kept all", "kept\nmiddle\n", 0);
}

static void test_verity(void **state UNUSED)
{
	static char root_hash[120], the_salt[120], wrong[120];
	const char *bad[] = {wrong, root_hash};
	size_t i;

	NEED_ROOT();
	(void)snprintf(root_hash, sizeof(root_hash),
		       "X-kata.dmverity.roothash=%s", hash);
	(void)snprintf(the_salt, sizeof(the_salt), "X-kata.dmverity.salt=%s",
		       salt);
	(void)snprintf(wrong, sizeof(wrong), "X-kata.dmverity.roothash=%s",
		       hash);
	wrong[strlen(wrong) - 1] ^= 1;
	layer("checked.img", "erofs");
	option("X-kata.dmverity-enabled=true");
	option(root_hash);
	option(the_salt);
	option("X-kata.dmverity.hashoffset=262144");
	run_layers("cat /all/d/deep", "deep\n", 0);
	/* Another hash: not even mounted. A turned byte: not read. */
	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		layer(i ? "turned.img" : "checked.img", "erofs");
		option("X-kata.dmverity-enabled=true");
		option(bad[i]);
		option(the_salt);
		option("X-kata.dmverity.hashoffset=262144");
		if (!i) {
			assert_int_not_equal(create("true"), 0);
			n = 0;
		} else if (!create("cat /all/d/deep /all/all")) {
			ok(client_start_container(C, "c"));
			assert_int_not_equal(client_wait_process(C, "c", ""),
					     0);
			ok(client_remove(C, "c"));
		}
		n = 0;
	}
}

static void test_many(void **state UNUSED)
{
	size_t i;

	NEED_ROOT();
	for (i = 0; i < MANY - 1; i++)
		layer(i ? "bottom.img" : "top.img", "erofs");
	run_layers("cat /all/all /all/d/deep", "top\ndeep\n", 0);
	for (i = 0; i < MANY; i++)
		layer("top.img", "erofs");
	expect_refusal(TTRPC_INTERNAL, "more than 128 layers");
}

/* --- bad --- */

static void test_bad(void **state UNUSED)
{
	layer("upper.img", "ext4");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "no erofs layer");
	layer("upper.img", "ext4");
	layer("upper.img", "ext4");
	layer("top.img", "erofs");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "two upper layers");
	layer("top.img", "xfs");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "upper ones are ext4");
	layer("top.img", "erofs");
	option("X-kata.overlay-upper");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "upper ones are ext4");
	layer("none.img", "erofs");
	expect_refusal(TTRPC_NOT_FOUND, "none.img");
	layer("/dev/kiln-none", "erofs");
	expect_refusal(TTRPC_DEADLINE_EXCEEDED, "/dev/kiln-none");
	layer("top.img", "erofs");
	option("X-kata.gpt-partitioned=true");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "partition");
}

/* --- hostile --- */

static void test_hostile(void **state UNUSED)
{
	static const char *const verity[] = {
		"X-kata.dmverity.roothash=00 11",
		"X-kata.dmverity.roothash=",
		"X-kata.dmverity.salt=- 1 ignore_corruption",
		"X-kata.dmverity.algorithm=sha256 00",
		"X-kata.dmverity.hashoffset=18446744073709551615",
		"X-kata.dmverity.hashoffset=0",
		"X-kata.dmverity.hashoffset=4097",
		"X-kata.dmverity.blocksize=0",
		"X-kata.dmverity.blocksize=4294971392",
		"X-kata.dmverity.hashsize=3",
		"X-kata.dmverity.hashtype=7",
	};
	static const char *const numbers[] = {"0", "-1", "129", "1;", "",
					      "99999999999999999999"};
	char text[100];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(verity); i++) {
		layer("checked.img", "erofs");
		option("X-kata.dmverity-enabled=true");
		option(verity[i]); /* the first of a name counts */
		option("X-kata.dmverity.roothash=0011");
		option("X-kata.dmverity.hashoffset=262144");
		expect_refusal(TTRPC_INVALID_ARGUMENT, "");
	}
	for (i = 0; i < ARRAY_SIZE(numbers); i++) {
		(void)snprintf(text, sizeof(text),
			       "X-kata.partition-number=%s", numbers[i]);
		layer("top.img", "erofs");
		option("X-kata.gpt-partitioned=true");
		option(text);
		expect_refusal(TTRPC_INVALID_ARGUMENT, "partition");
	}
	layer("/etc/passwd", "erofs");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "is not below");
	layer("../../../../etc/passwd", "erofs");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "is not below");
	layer("top.img", "erofs");
	layers[0].mount_point = STR("/etc");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "is not below");
}

/* What is no image, and directories that would lie elsewhere. */
static void test_hostile_images(void **state UNUSED)
{
	struct stat st;

	NEED_ROOT();
	layer("noise.img", "erofs");
	assert_int_not_equal(create("true"), 0);
	n = 0;
	layer("top.img", "erofs");
	layer("upper.img", "erofs");
	assert_int_not_equal(create("true"), 0);
	n = 0;
	layer("top.img", "erofs");
	option("X-kata.mkdir.path={{ mount 0 }}/../../../../tmp/kiln-astray");
	run_layers("ls /all", "all\nd\nown\n", 0);
	if (!host.is_guest)
		assert_int_equal(stat("/tmp/kiln-astray", &st), -1);
	layer("top.img", "erofs");
	option("X-kata.mkdir.path={{ mount 1 }}/new");
	assert_int_not_equal(create("true"), 0); /* cannot be written to */
	n = 0;
	layer("top.img", "erofs");
	option("X-kata.mkdir.path={{ mount 2 }}/new");
	expect_refusal(TTRPC_INVALID_ARGUMENT, "directory");
	/* All of that is let go of. */
	layer("top.img", "erofs");
	run_layers("cat /all/own", "top\n", 0);
}

static int none(void **state UNUSED)
{
	n = 0;
	return 0;
}

#define LAYER_TEST(f) cmocka_unit_test_setup(f, none)

enum where { BOTH, HOST, GUEST };

static const struct {
	struct CMUnitTest test;
	enum where where;
} all[] = {
	{LAYER_TEST(test_order), BOTH},
	{LAYER_TEST(test_upper), BOTH},
	{LAYER_TEST(test_verity), GUEST}, /* hosts may lack dm-verity */
	{LAYER_TEST(test_many), HOST},	  /* an emulation takes long */
	{LAYER_TEST(test_bad), BOTH},
	{LAYER_TEST(test_hostile), BOTH},
	{LAYER_TEST(test_hostile_images), BOTH},
};

int main(void)
{
	enum where here = getenv("KILN_AGENT_SOCKET") ? GUEST : HOST;
	struct CMUnitTest tests[ARRAY_SIZE(all)];
	size_t i, count = 0;

	(void)signal(SIGPIPE, SIG_IGN);
	cmocka_set_test_filter(getenv("KILN_TEST_FILTER"));
	for (i = 0; i < ARRAY_SIZE(all); i++)
		if (all[i].where == BOTH || all[i].where == here)
			tests[count++] = all[i].test;
	return _cmocka_run_group_tests("layers", tests, count, setup_images,
				       teardown_images);
}
