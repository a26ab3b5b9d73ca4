// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "codec/toml.h"
#include "os/io.h"
#include "runtime/config.h"
#include "runtime/config_keys.h"

static int ignore(void *arg, const char *name UNUSED,
		  const struct toml_value *v UNUSED, struct err *e UNUSED)
{
	(*(int *)arg)++;
	return 0;
}

static const struct {
	const char *text, *error;
} broken_toml[] = {
	{"a", "1:2: expected '='"},
	{"a =", "1:4: expected a value"},
	{"= 1", "1:1: expected a key"},
	{"a = 1 2", "1:7: unexpected text"},
	{"\n\na = tru", "3:5: bad value"},
	{"a = 01", "bad value"},
	{"a = 1_", "misplaced underscore"},
	{"a = _1", "misplaced underscore"},
	{"a = 1__0", "misplaced underscore"},
	{"a = 0x", "bad integer"},
	{"a = 0xg", "bad integer"},
	{"a = 1.", "bad value"},
	{"a = .5", "bad value"},
	{"a = 1e", "bad value"},
	{"a = 1e999", "float out of range"},
	{"a = 99999999999999999999", "integer out of range"},
	{"a = 0xffffffffffffffff", "integer out of range"},
	{"a = inf", "bad value"},
	{"a = 1979-05-27", "bad value"},
	{"a = \"x", "string without its end"},
	{"a = 'x\n'", "string without its end"},
	{"a = \"\\q\"", "unknown escape"},
	{"a = \"\\u12\"", "unfinished escape"},
	{"a = \"\\u12xy\"", "bad escape"},
	{"a = \"\\u0000\"", "no character"},
	{"a = \"\\ud800\"", "no character"},
	{"a = \"\x01\"", "control character"},
	{"# \x01\n", "control character"},
	{"a = \"\"\"x\"\"\"", "multi-line strings are not supported"},
	{"a = {}", "inline tables are not supported"},
	{"[[a]]", "arrays of tables are not supported"},
	{"\"a\" = 1", "quoted keys are not supported"},
	{"a = [1", "expected ',' or ']'"},
	{"a = [1 2]", "expected ',' or ']'"},
	{"a = [,]", "expected a value"},
	{"a = [[[[[[[[[1]]]]]]]]]", "nested too deep"},
	{"[a", "expected ']'"},
	{"[]", "expected a key"},
	{"[a]\n[a]", "2:3: table 'a' is there already"},
	{"a = 1\na = 2", "2:3: 'a' is set already"},
	{"a = 1\na.b = 2", "'a' is set already"},
	{"a.b = 1\na = 2", "'a.b' is set already"},
	{"a = 1\n[a]", "'a' is set already"},
	{"[a]\n[a.b]\n[c]\nd.e = 1\n[c.d.e]", "'c.d.e' is set already"},
};

static void test_broken_toml(void **state UNUSED)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broken_toml); i++) {
		const char *text = broken_toml[i].text;
		struct err e = {0};
		int n = 0;
		int r = toml_parse(text, strlen(text), ignore, &n, &e);

		if (r != -EINVAL || !strstr(e.text, broken_toml[i].error))
			fail_msg("case %zu, %s: want '%s', got %d '%s'", i, text,
				 broken_toml[i].error, r, e.text);
	}
}

struct seen {
	char text[512];
};

static void note_value(struct seen *s, const struct toml_value *v)
{
	size_t used = strlen(s->text), i;
	char *at = s->text + used;
	size_t size = sizeof(s->text) - used;

	switch (v->type) {
	case TOML_STRING:
		(void)snprintf(at, size, "'%s'", v->string);
		break;
	case TOML_INTEGER:
		(void)snprintf(at, size, "%lld", (long long)v->integer);
		break;
	case TOML_FLOAT:
		(void)snprintf(at, size, "%g", v->number);
		break;
	case TOML_BOOL:
		(void)snprintf(at, size, "%s", v->boolean ? "yes" : "no");
		break;
	case TOML_ARRAY:
		(void)snprintf(at, size, "<");
		for (i = 0; i < v->n; i++)
			note_value(s, &v->items[i]);
		(void)strncat(s->text, ">", sizeof(s->text) - strlen(s->text) - 1);
		break;
	}
}

static int note(void *arg, const char *name, const struct toml_value *v,
		struct err *e UNUSED)
{
	struct seen *s = arg;
	size_t used = strlen(s->text);

	(void)snprintf(s->text + used, sizeof(s->text) - used, " %s=", name);
	note_value(s, v);
	return 0;
}

static void test_toml(void **state UNUSED)
{
	static const char text[] =
		"# comment\r\n"
		"a = 1 # one\n"
		"[t . u]\n"
		"s = \"x\\t\\\"\\u00e9\" \n"
		"l='C:\\x'\n"
		"x.y = -0x\n";
	static const char good[] =
		"# comment\r\na = +1_000 # one\n[t . u]\ns = \"\\\"\\u00e9\"\n"
		"l='C:\\x'\nx.y = -7\nf = 1.5e1\nb = false\n"
		"v = [ 1, # one\n 'b',\n [true], ]\nh = 0xFf\no=0o17\n"
		"n=0b101\n[t]\nz = -0";
	struct seen s = {""};
	struct err e = {0};

	assert_int_equal(toml_parse(text, sizeof(text) - 1, note, &s, &e),
			 -EINVAL);
	assert_string_equal(e.text, "6:7: bad value");
	s.text[0] = '\0';
	assert_int_equal(toml_parse(good, sizeof(good) - 1, note, &s, &e), 0);
	assert_string_equal(
		s.text,
		" a=1000 t.u.s='\"\xc3\xa9' t.u.l='C:\\x' t.u.x.y=-7"
		" t.u.f=15 t.u.b=no t.u.v=<1'b'<yes>> t.u.h=255 t.u.o=15"
		" t.u.n=5 t.z=0");
}

static struct config *parsed(const char *text)
{
	struct config *c = NULL;
	struct err e = {0};

	assert_int_equal(config_new(&c, &e), 0);
	if (config_parse(c, text, strlen(text), "f", &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return c;
}

static void test_defaults(void **state UNUSED)
{
	cleanup_config struct config *c = parsed("");

	assert_string_equal(c->qemu.guest, "default");
	assert_int_equal(c->qemu.default_vcpus, 1);
	assert_int_equal(c->agent.dial_timeout, 120);
	assert_int_equal(c->agent.silence_timeout, 0);
	assert_string_equal(config_shared_fs_name(c->qemu.shared_fs), "auto");
	assert_string_equal(c->qemu.path, "");
	assert_null(c->qemu.virtio_fs_extra_args[0]);
	assert_string_equal(config_file(c), "");
}

static void test_values(void **state UNUSED)
{
	cleanup_config struct config *c =
		parsed("[hypervisor.qemu]\nshared_fs = 'virtio-9p'\n"
		       "default_vcpus = 1.5\nvirtio_fs_extra_args = ['-o', 'x']\n"
		       "enable_debug = true\n[agent.kata]\ndial_timeout = 7\n"
		       "[hypervisor.qemu.s390x]\ndefault_memory = 128\n"
		       "[runtime]\ninternetworking_model = 'none'");
	struct err e = {0};

	assert_int_equal(c->qemu.shared_fs, CONFIG_SHARED_FS_9P);
	assert_int_equal(c->qemu.default_vcpus, 2);
	assert_string_equal(c->qemu.virtio_fs_extra_args[1], "x");
	assert_true(c->qemu.enable_debug);
	assert_int_equal(c->agent.dial_timeout, 7);
	assert_string_equal(c->runtime.internetworking_model, "none");
	assert_int_equal(c->qemu.default_memory, 0);
	assert_int_equal(config_select_arch(c, "aarch64", &e), 0);
	assert_int_equal(c->qemu.default_memory, 0);
	assert_int_equal(config_select_arch(c, "s390x", &e), 0);
	assert_int_equal(c->qemu.default_memory, 128);
}

static const struct {
	const char *text, *error;
} broken[] = {
	{"[hypervisor.qemu]\nkernle = ''",
	 "f:2: unknown key 'hypervisor.qemu.kernle', is "
	 "'hypervisor.qemu.kernel' meant?"},
	{"[hypervisor.qemu]\nmemory = 1",
	 "f:2: unknown key 'hypervisor.qemu.memory', is "
	 "'hypervisor.qemu.default_memory' meant?"},
	{"zzzzzzzzzzzz = 1", "f:1: unknown key 'zzzzzzzzzzzz'"},
	{"[hypervisor.qemu]\nkernel = 1",
	 "f:2:10: hypervisor.qemu.kernel: expected string, got integer"},
	{"[hypervisor.qemu]\nkernel = 'x'", "'x' is not an absolute path"},
	{"[hypervisor.qemu]\nshared_fs = 'nfs'",
	 "'nfs' is none of auto, virtio-fs, virtio-9p, none"},
	{"[hypervisor.qemu]\nmsize_9p = 1", "1 is not in 8192 to"},
	{"[hypervisor.qemu]\ndefault_memory = -1", "-1 is not in 0 to"},
	{"[hypervisor.qemu]\ndefault_vcpus = 5000", "more than 1024"},
	{"[hypervisor.qemu]\nenable_debug = 1", "expected boolean"},
	{"[hypervisor.qemu]\nenable_annotations = [1]",
	 "element 1: expected string, got integer"},
	{"[hypervisor.qemu.riscv64]\nkernel = ''", "unknown key"},
	{"[agent.kiln]\ndial_timeout = 0", "0 is not in 1 to 3600"},
	{"a = 'x", "f:1:7: string without its end"},
};

static void test_broken(void **state UNUSED)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		cleanup_config struct config *c = parsed("");
		struct err e = {0};

		if (config_parse(c, broken[i].text, strlen(broken[i].text), "f",
				 &e) >= 0 ||
		    !strstr(e.text, broken[i].error))
			fail_msg("case %zu: want '%s', got '%s'", i,
				 broken[i].error, e.text);
	}
}

static void test_broken_as_a_whole(void **state UNUSED)
{
	cleanup_config struct config *c = parsed("");
	struct err e = {0};

	assert_int_equal(config_parse(c, "\0", 1, "f", &e), -EINVAL);
	assert_string_equal(e.text, "f: NUL byte in the text");
}

static int annotate(struct config *c, const char *key, const char *value,
		    struct err *e)
{
	const struct config_annotation a = {key, value};

	return config_apply_annotations(c, &a, 1, e);
}

#define HYPERVISOR "io.katacontainers.config.hypervisor."
#define AGENT "io.katacontainers.config.agent."

static void test_annotations(void **state UNUSED)
{
	cleanup_config struct config *c =
		parsed("[hypervisor.qemu]\nkernel_params = 'a'\n"
		       "enable_annotations = ['default_*', 'kernel*', 'path']");
	struct err e = {0};

	assert_int_equal(annotate(c, "io.other", "x", &e), 0);
	assert_int_equal(annotate(c, HYPERVISOR "default_vcpus", "2.5", &e), 0);
	assert_int_equal(c->qemu.default_vcpus, 3);
	assert_int_equal(annotate(c, HYPERVISOR "default_max_vcpus", "4", &e),
			 0);
	assert_int_equal(c->qemu.default_maxvcpus, 4);
	assert_int_equal(annotate(c, HYPERVISOR "kernel_params", "b=c", &e), 0);
	assert_string_equal(c->qemu.kernel_params, "a b=c");
	assert_int_equal(annotate(c, HYPERVISOR "path", "/q", &e), 0);
	assert_string_equal(c->qemu.path, "/q");
	/* A glob does not open what names a file of the host. */
	assert_int_equal(annotate(c, HYPERVISOR "kernel", "/k", &e), -EPERM);
	assert_int_equal(annotate(c, HYPERVISOR "enable_annotations", "[]", &e),
			 -EPERM);
	assert_int_equal(annotate(c, HYPERVISOR "shared_fs", "none", &e),
			 -EPERM);
	assert_non_null(strstr(e.text, "does not list 'shared_fs'"));
	assert_int_equal(annotate(c, HYPERVISOR "x", "1", &e), -EINVAL);
	assert_int_equal(annotate(c, HYPERVISOR "default_memory", "x", &e),
			 -EINVAL);
	assert_int_equal(annotate(c, HYPERVISOR "default_memory", "1\n[x]", &e),
			 -EINVAL);
	assert_int_equal(annotate(c, HYPERVISOR "default_vcpus", "9", &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "is above default_maxvcpus"));
}

/* A list as Kata writes it, and as TOML. */
static void test_annotated_list(void **state UNUSED)
{
	static const struct {
		const char *text, *first, *second;
	} cases[] = {
		{"a b=1,2 c; d ;", "a b=1,2 c", "d "},
		{"['a', 'b']", "a", "b"},
		{" ;; a", "a", NULL},
		{"", NULL, NULL},
		{"[]", NULL, NULL},
	};

	for (size_t i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_config struct config *c =
			parsed("[hypervisor.qemu]\n"
			       "enable_annotations = ['kernel_modules']");
		struct err e = {0};
		char **list;

		assert_int_equal(annotate(c, AGENT "kernel_modules",
					  cases[i].text, &e), 0);
		list = c->agent.kernel_modules;
		assert_int_equal(!list[0], !cases[i].first);
		if (!list[0])
			continue;
		assert_string_equal(list[0], cases[i].first);
		assert_int_equal(!list[1], !cases[i].second);
		if (list[1])
			assert_string_equal(list[1], cases[i].second);
	}
}

/* What is written is read back the same, origins or not. */
static void test_round_trip(void **state UNUSED)
{
	static const char text[] =
		"[hypervisor.qemu]\nkernel_params = \"a\\\"\\\\ \\u0007\xc3\xa9\"\n"
		"virtio_fs_extra_args = ['x', '']\naccel = 'tcg'\n"
		"[hypervisor.qemu.s390x]\nkernel = '/a'\n"
		"[hypervisor.qemu.ppc64le]\nkernel = '/b'\n";
	cleanup_config struct config *c = parsed(text), *d = NULL;
	cleanup_buf struct buf one = BUF_INIT(1u << 20), two = BUF_INIT(1u << 20);
	cleanup_buf struct buf json = BUF_INIT(1u << 20);

	assert_int_equal(config_write_toml(c, true, &one), 0);
	d = parsed(buf_cstr(&one));
	buf_clear(&one);
	assert_int_equal(config_write_toml(c, false, &one), 0);
	assert_int_equal(config_write_toml(d, false, &two), 0);
	assert_string_equal(buf_cstr(&one), buf_cstr(&two));
	assert_int_equal(config_write_json(c, &json), 0);
	assert_non_null(strstr(buf_cstr(&json),
			       "\"hypervisor.qemu.s390x.kernel\": {"));
}

static void put_file(const char *dir, const char *name, const char *text)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, text, strlen(text), 0600),
			 0);
}

static void test_files(void **state UNUSED)
{
	char dir[] = "/tmp/kiln-test-XXXXXX", path[64], drop[64];
	cleanup_config struct config *c = NULL, *d = NULL;
	struct err e = {0};

	assert_non_null(mkdtemp(dir));
	(void)snprintf(path, sizeof(path), "%s/c.toml", dir);
	(void)snprintf(drop, sizeof(drop), "%s/config.d", dir);
	assert_int_equal(make_dirs(drop, 0700), 0);
	put_file(dir, "c.toml", "[agent.kiln]\ndial_timeout = 1\n");
	put_file(drop, "20.toml", "[agent.kiln]\ndial_timeout = 3\n");
	put_file(drop, "10.toml", "[agent.kiln]\ndial_timeout = 2\n");
	put_file(drop, "30.txt", "broken");
	assert_int_equal(setenv("KILN_CONF_FILE", path, 1), 0);
	assert_int_equal(config_load(NULL, &c, &e), 0);
	assert_int_equal(c->agent.dial_timeout, 3);
	assert_string_equal(config_file(c), path);
	/* A file that is named stands alone. */
	assert_int_equal(config_load(path, &d, &e), 0);
	assert_int_equal(d->agent.dial_timeout, 1);
	config_free(d);
	d = NULL;
	assert_int_equal(config_load("/nonexistent/x", &d, &e), -ENOENT);
	assert_int_equal(unsetenv("KILN_CONF_FILE"), 0);
	assert_int_equal(remove_tree(AT_FDCWD, dir), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_toml),
		cmocka_unit_test(test_toml),
		cmocka_unit_test(test_defaults),
		cmocka_unit_test(test_values),
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_broken_as_a_whole),
		cmocka_unit_test(test_annotations),
		cmocka_unit_test(test_annotated_list),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_files),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
