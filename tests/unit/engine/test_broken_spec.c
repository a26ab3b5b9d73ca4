// SPDX-License-Identifier: Apache-2.0
//
// `kiln create` of broken specifications: each ends at once, with an error that
// names the field, and leaves nothing. Their nearest right neighbours are taken.
// This program is kiln and the VM too: see fake_host.h.
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "base/buf.h"
#include "engine/broken_spec.h"
#include "engine/fake_host.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/host_check.h"

#define MESSAGE_MAX 8192
#define SECOND 1000000000LL

static char config[PATH_MAX + 64];
static unsigned int complaints, cases;

/* --- making the documents --- */

/* <N*TEXT> N times, ` and ~ as bytes, @ as the whole document. */
static void expand(struct buf *out, const char *p, size_t n)
{
	const char *end = p + n;

	while (p < end) {
		char *text = NULL;
		unsigned long times;
		const char *close;

		if (*p == '<') {
			times = strtoul(p + 1, &text, 10);
			close = memchr(p, '>', (size_t)(end - p));
			assert_non_null(close);
			while (times--)
				expand(out, text + 1,
				       (size_t)(close - text) - 1);
			p = close + 1;
			continue;
		}
		if (*p == '@')
			(void)buf_put_str(out, whole);
		else
			(void)buf_put(out, *p == '~' ? "" : *p == '`' ? "\xff"
								      : p, 1);
		p++;
	}
}

/* The object or array that has the last part of PATH, and that part. */
static json_object *walk(json_object *o, const char *path, const char **last)
{
	for (;;) {
		size_t n = 1 + strcspn(path + 1, ".[");
		char key[64];

		if (!path[n]) {
			*last = path;
			return o;
		}
		(void)snprintf(key, sizeof(key), "%.*s", (int)n, path);
		if (*key == '[')
			o = json_object_array_get_idx(
				o, strtoul(key + 1, NULL, 10));
		else
			o = json_object_object_get(o, key);
		assert_non_null(o);
		path += n + (path[n] == '.');
	}
}

/* The whole document with TEXT at PATH, or without what is there. */
static void make_document(struct buf *out, const char *path, const char *text)
{
	static const char mark[] = "\"MARK\"";
	json_object *o = json_tokener_parse(whole), *parent;
	const char *last, *all, *at;

	assert_non_null(o);
	parent = walk(o, path, &last);
	if (!text)
		json_object_object_del(parent, last);
	else if (*last == '[')
		(void)json_object_array_put_idx(parent,
						strtoul(last + 1, NULL, 10),
						json_object_new_string("MARK"));
	else
		(void)json_object_object_add(parent, last,
					     json_object_new_string("MARK"));
	all = json_object_to_json_string_ext(o,
					     JSON_C_TO_STRING_NOSLASHESCAPE);
	at = text ? strstr(all, mark) : all + strlen(all);
	assert_non_null(at);
	(void)buf_put(out, all, (size_t)(at - all));
	if (text) {
		expand(out, text, strlen(text));
		(void)buf_put_str(out, at + sizeof(mark) - 1);
	}
	json_object_put(o);
}

/* --- trying them --- */

static int64_t now(void)
{
	struct timespec t;

	(void)clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

/* Runs `kiln create` of the bundle; its exit code, what it said in MESSAGE. */
static int create(char message[MESSAGE_MAX], int64_t *cpu)
{
	char path[PATH_MAX + 64];
	struct rusage use;
	int fd, status = 0;
	ssize_t n;
	pid_t pid;

	(void)snprintf(path, sizeof(path), "%s/said", base);
	fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	pid = fork();
	if (!pid) {
		(void)dup2(fd, 1);
		(void)dup2(fd, 2);
		/* The document does not know the disks of the host's groups. */
		(void)execl("/proc/self/exe", "kiln", "--root", root,
			    "--config", config, "--cgroup-manager", "disabled",
			    "create", "--bundle", bundle, "c", NULL);
		_exit(127);
	}
	assert_int_equal(wait4(pid, &status, 0, &use), pid);
	*cpu = (use.ru_utime.tv_sec + use.ru_stime.tv_sec) * SECOND +
	       (use.ru_utime.tv_usec + use.ru_stime.tv_usec) * 1000LL;
	n = pread(fd, message, MESSAGE_MAX - 1, 0);
	message[n > 0 ? n : 0] = '\0';
	close(fd);
	return WIFEXITED(status) ? WEXITSTATUS(status) : 128;
}

static bool is_printable(const char *text)
{
	for (; *text; text++)
		if ((unsigned char)*text < ' ' && *text != '\n')
			return false;
	return true;
}

/* Tells what is wrong with a case and goes on to the next one. */
static void PRINTF(1, 2) complain(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	(void)printf("# ");
	(void)vprintf(fmt, ap);
	(void)printf("\n");
	va_end(ap);
	complaints++;
}

/* The time is that of the processor: others may be using it, too. */
static void expect_refusal(const char *name, const char *named, const char *say)
{
	char message[MESSAGE_MAX];
	int64_t cpu, start = now();
	int status = create(message, &cpu);

	cases++;
	if (status != 1 || strncmp(message, "kiln: error: ", 13) != 0)
		complain("%s: exit %d, '%s'", name, status, message);
	if (!strstr(message, named) || !strstr(message, say))
		complain("%s: want '%s' and '%s' in '%s'", name, named, say,
			 message);
	if (!is_printable(message) || strlen(message) > 2048)
		complain("%s: said '%s'", name, message);
	if (cpu > SECOND || now() - start > 10 * SECOND)
		complain("%s: took %lld ms", name, (long long)cpu / 1000000);
	assert_clean();
	assert_true(waitpid(-1, NULL, WNOHANG) < 0 && errno == ECHILD);
}

/* As far as a host can tell: a guest is not asked. */
static void expect_right(const char *name, struct buf *text)
{
	cleanup_spec struct spec *s = NULL;
	struct err e = {0};

	if (spec_parse((const char *)buf_data(text), text->len, bundle, &s,
		       &e) < 0 ||
	    host_check(s, true, &e) < 0)
		complain("%s: refused: %s", name, e.text);
}

static void put_document(struct buf *text)
{
	char path[PATH_MAX + 64];
	int fd;

	(void)snprintf(path, sizeof(path), "%s/config.json", bundle);
	fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
	assert_int_equal(write_full(fd, buf_data(text), text->len), 0);
	close(fd);
}

static void test_values(void **state UNUSED)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broken_values); i++) {
		const struct broken_value *v = &broken_values[i];
		cleanup_buf struct buf bad = BUF_INIT(16u << 20);
		cleanup_buf struct buf good = BUF_INIT(16u << 20);
		size_t n = strcspn(v->at, "|");
		char name[256], at[128];

		(void)snprintf(at, sizeof(at), "%.*s", (int)n, v->at);
		(void)snprintf(name, sizeof(name), "%s = %.99s", v->at,
			       v->bad ? v->bad : "(nothing)");
		make_document(&bad, at, v->bad);
		put_document(&bad);
		expect_refusal(name, v->at[n] ? v->at + n + 1 : at, v->say);
		if (v->good)
			make_document(&good, at, v->good);
		else
			(void)buf_put_str(&good, whole);
		(void)snprintf(name, sizeof(name), "%s = %.99s", v->at,
			       v->good ? v->good : "(as it is)");
		expect_right(name, &good);
	}
	assert_int_equal(complaints, 0);
}

static void test_texts(void **state UNUSED)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broken_texts); i++) {
		const struct broken_text *t = &broken_texts[i];
		cleanup_buf struct buf bad = BUF_INIT(16u << 20);
		cleanup_buf struct buf good = BUF_INIT(16u << 20);

		expand(&bad, t->bad, strlen(t->bad));
		put_document(&bad);
		expect_refusal(t->bad, "config.json", t->say);
		expand(&good, t->good, strlen(t->good));
		expect_right(t->good, &good);
	}
	assert_int_equal(complaints, 0);
}

/* --- config.json that is no file --- */

static void in_bundle(char path[PATH_MAX + 64], const char *name)
{
	(void)snprintf(path, PATH_MAX + 64, "%s/%s", bundle, name);
}

static void make_link(const char *target, const char *name)
{
	char path[PATH_MAX + 64];

	in_bundle(path, name);
	(void)unlink(path);
	if (symlink(target, path) < 0)
		fail_msg("link '%s': %s", path, strerror(errno));
}

static void test_files(void **state UNUSED)
{
	static const struct {
		const char *target, *say;
	} links[] = {
		{"nowhere", "No such file"},
		{"config.json", "Too many levels"},
		{"/dev/zero", "not a file"},
		{"rootfs", "not a file"},
		{"file/config.json", "Not a directory"},
	};
	char path[PATH_MAX + 64];
	size_t i;

	in_bundle(path, "config.json");
	(void)unlink(path);
	expect_refusal("no file", "config.json", "No such file");
	assert_int_equal(mkfifo(path, 0600), 0);
	expect_refusal("a pipe", "config.json", "not a file");
	assert_int_equal(unlink(path), 0);
	assert_int_equal(mkdir(path, 0700), 0);
	expect_refusal("a folder", "config.json", "not a file");
	assert_int_equal(rmdir(path), 0);
	for (i = 0; i < ARRAY_SIZE(links); i++) {
		make_link(links[i].target, "config.json");
		expect_refusal(links[i].target, "config.json", links[i].say);
	}
	assert_int_equal(complaints, 0);
	(void)unlink(path);
}

/* What is right is made, by the same command, in the same bundle. */
static void test_right(void **state UNUSED)
{
	cleanup_buf struct buf text = BUF_INIT(1u << 20);
	char message[MESSAGE_MAX];
	struct err e = {0};
	int64_t cpu;

	/* A link to the file is as good as the file. */
	(void)buf_put_str(&text, whole);
	put_document(&text);
	if (create(message, &cpu) != 0)
		fail_msg("%s", message);
	assert_string_equal(message, "");
	assert_int_equal(client_delete(root, "c", true, &e), 0);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_clean();
}

static int setup(void **state UNUSED)
{
	char path[PATH_MAX + 64], *text = NULL;

	if (fake_host_setup() < 0)
		return -1;
	put_file("bundle/file", "text");
	in_bundle(path, "volume");
	if (mkdir(path, 0755) < 0)
		return -1;
	make_link("rootfs", "link-rootfs");
	make_link("file", "link-file");
	make_link("nowhere", "link-nowhere");
	make_link("link-loop", "link-loop");
	if (asprintf(&text, "[hypervisor.qemu]\nkernel = \"%s/kernel\"\n"
		     "initrd = \"%s/initrd\"\naccel = \"tcg\"\n"
		     "enable_annotations = [\"default_vcpus\"]\n"
		     "[agent.kiln]\ndial_timeout = 5\n", base, base) < 0)
		return -1;
	put_file("config.toml", text);
	free(text);
	(void)snprintf(config, sizeof(config), "%s/config.toml", base);
	return 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_texts),
		cmocka_unit_test(test_files),
		cmocka_unit_test(test_right),
	};

	if (!strcmp(argv[0], "kiln") && argc > 1 &&
	    strcmp(argv[1], "supervisor") != 0)
		return cli_main(argc, argv, "0");
	return fake_host_main(argc, argv, tests, ARRAY_SIZE(tests), setup);
}
