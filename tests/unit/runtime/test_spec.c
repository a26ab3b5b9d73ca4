// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/oci/spec.h"

#define PROCESS "\"process\":{\"args\":[\"sh\"],\"cwd\":\"/\"}"
#define ROOT "\"root\":{\"path\":\"rootfs\"}"
#define HEAD "{\"ociVersion\":\"1.0.2\"," PROCESS "," ROOT
/* A document with one more member, or one more in process or linux. */
#define WITH(text) HEAD "," text "}"
#define IN_PROCESS(text)                                                       \
	"{\"ociVersion\":\"1.0.2\"," ROOT ",\"process\":{\"args\":[\"sh\"],"   \
	"\"cwd\":\"/\"," text "}}"
#define IN_LINUX(text) WITH("\"linux\":{" text "}")
#define IN_RESOURCES(text) IN_LINUX("\"resources\":{" text "}")

static struct spec *load(const char *text)
{
	struct spec *s = NULL;
	struct err e = {0};

	if (spec_parse(text, strlen(text), "/b", &s, &e) < 0)
		fail_msg("%s: %s", text, e.text);
	return s;
}

static const struct {
	const char *text, *error;
} broken[] = {
	{"", "line 1, column 1: document ends early"},
	{"{", "line 1, column 2: document ends early"},
	{"null", "document is null"},
	{"null ", "document is null"},
	{"{\"a\":1,\"b\":2,\"a\":3}", "column 15: 'a' is given twice"},
	{"{\"a\":{\"x\":1},\"b\":{\"x\":[{\"x\":0}]}}", "ociVersion: missing"},
	{"{'a':1}", "column 2: unexpected character"},
	{"{\"a\":NaN}", "column 6: unexpected character"},
	{"[]", "expected object, got array"},
	{"\"x\"", "expected object, got string"},
	{"{}", "ociVersion: missing"},
	{HEAD "} {}", "text after the document"},
	{HEAD ",}", "unexpected character"},
	{"{\n\"a\":tru}", "line 2, column 5: unexpected"},
	{"{\"a\":\"\xff\"}", "invalid utf-8"},
	{"{\"ociVersion\":1}", "ociVersion: expected string, got number"},
	{"{\"ociVersion\":\"2.0.0\"," PROCESS "," ROOT "}",
	 "ociVersion: '2.0.0' is not a version 1.x.y"},
	{"{\"ociVersion\":\"1.0.2\"," PROCESS "}", "root: missing"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT "}", "process: missing"},
	{"{\"ociVersion\":\"1.0.2\"," PROCESS ",\"root\":{}}",
	 "root.path: missing"},
	{"{\"ociVersion\":\"1.0.2\"," PROCESS ",\"root\":{\"path\":\"\"}}",
	 "root.path: must not be empty"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT ",\"process\":{\"cwd\":\"/\"}}",
	 "process.args: missing"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT
	 ",\"process\":{\"args\":[],\"cwd\":\"/\"}}",
	 "process.args: must not be empty"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT
	 ",\"process\":{\"args\":[\"\"],\"cwd\":\"/\"}}",
	 "process.args[0]: must not be empty"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT
	 ",\"process\":{\"args\":[\"a\",\"b\",3],\"cwd\":\"/\"}}",
	 "process.args[2]: expected string, got number"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT
	 ",\"process\":{\"args\":[\"a\",null],\"cwd\":\"/\"}}",
	 "process.args[1]: expected string, got null"},
	{"{\"ociVersion\":\"1.0.2\"," ROOT
	 ",\"process\":{\"args\":[\"sh\"],\"cwd\":\"x\"}}",
	 "process.cwd: 'x' is not an absolute path"},
	{IN_PROCESS("\"env\":{}"), "process.env: expected array, got object"},
	{IN_PROCESS("\"terminal\":1"),
	 "process.terminal: expected boolean, got number"},
	{IN_PROCESS("\"user\":{\"uid\":-1}"),
	 "process.user.uid: number out of range"},
	{IN_PROCESS("\"user\":{\"uid\":4294967296}"),
	 "process.user.uid: number out of range"},
	{IN_PROCESS("\"user\":{\"uid\":1.5}"),
	 "process.user.uid: expected number, got fraction"},
	{IN_PROCESS("\"user\":{\"gid\":\"0\"}"),
	 "process.user.gid: expected number, got string"},
	{IN_PROCESS("\"user\":{\"umask\":512}"),
	 "process.user.umask: number out of range"},
	{IN_PROCESS("\"user\":{\"additionalGids\":[1,true]}"),
	 "process.user.additionalGids[1]: expected number, got boolean"},
	{IN_PROCESS("\"oomScoreAdj\":1001"),
	 "process.oomScoreAdj: number out of range"},
	{IN_PROCESS("\"oomScoreAdj\":99999999999999999999"), "number out of range"},
	{IN_PROCESS("\"oomScoreAdj\":-99999999999999999999"), "number out of range"},
	{IN_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_X\",\"hard\":1,"
		    "\"soft\":1}]"),
	 "process.rlimits[0].type: unknown value 'RLIMIT_X'"},
	{IN_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,"
		    "\"soft\":2}]"),
	 "process.rlimits[0].soft: 2 is above the hard limit 1"},
	{IN_PROCESS("\"rlimits\":[{\"type\":\"RLIMIT_CPU\",\"hard\":1,"
		    "\"soft\":1},{\"type\":\"RLIMIT_CPU\",\"hard\":1,"
		    "\"soft\":1}]"),
	 "process.rlimits: RLIMIT_CPU is given twice"},
	{IN_PROCESS("\"ioPriority\":{\"class\":\"x\"}"),
	 "process.ioPriority.class: unknown value 'x'"},
	{IN_PROCESS("\"scheduler\":{}"), "process.scheduler.policy: missing"},
	{IN_PROCESS("\"env\":[\"A=\\u0000\"]"), "NUL in a string"},
	{WITH("\"a\\u0000b\":1"), "NUL in a string"},
	{WITH("\"mounts\":[{\"source\":\"x\"}]"),
	 "mounts[0].destination: missing"},
	{WITH("\"mounts\":[{\"destination\":\"/a\",\"type\":\"bind\"}]"),
	 "mounts[0].source: missing for a bind mount"},
	{WITH("\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/b\","
	      "\"uidMappings\":[{\"hostID\":1}]}]"),
	 "mounts[1].uidMappings[0].containerID: missing"},
	{WITH("\"hooks\":{\"poststop\":[{\"path\":\"a\"}]}"),
	 "hooks.poststop[0].path: 'a' is not an absolute path"},
	{WITH("\"hooks\":{\"prestart\":[{\"path\":\"/a\",\"timeout\":0}]}"),
	 "hooks.prestart[0].timeout: number out of range"},
	{WITH("\"annotations\":{\"a\":1}"),
	 "annotations.a: expected string, got number"},
	{WITH("\"annotations\":{\"io.kiln.spec.domainname\":\"x\"}"),
	 "annotations: 'io.kiln.spec.domainname' is reserved"},
	{WITH("\"hostname\":\"aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa"
	      "aaaaaaaaaaaaaaaaaaaaaa\""),
	 "hostname: longer than 64"},
	{IN_LINUX("\"namespaces\":[{\"type\":\"x\"}]"),
	 "linux.namespaces[0].type: unknown value 'x'"},
	{IN_LINUX("\"namespaces\":[{\"type\":\"pid\",\"path\":\"x\"}]"),
	 "linux.namespaces[0].path: 'x' is not an absolute path"},
	{IN_LINUX("\"namespaces\":[{\"type\":\"pid\"},{\"type\":\"pid\"}]"),
	 "linux.namespaces: 'pid' is given twice"},
	{IN_LINUX("\"devices\":[{\"path\":\"/dev/x\",\"type\":\"c\"}]"),
	 "linux.devices[0].major: missing"},
	{IN_LINUX("\"rootfsPropagation\":\"x\""),
	 "linux.rootfsPropagation: unknown value 'x'"},
	{IN_LINUX("\"maskedPaths\":[\"x\"]"),
	 "linux.maskedPaths[0]: 'x' is not an absolute path"},
	{IN_LINUX("\"timeOffsets\":{\"boottime\":{\"nanosecs\":1000000000}}"),
	 "linux.timeOffsets.boottime.nanosecs: number out of range"},
	{IN_LINUX("\"personality\":{\"domain\":\"BSD\"}"),
	 "linux.personality.domain: unknown value 'BSD'"},
	{IN_LINUX("\"seccomp\":{}"), "linux.seccomp.defaultAction: missing"},
	{IN_LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		  "\"syscalls\":[{\"names\":[\"a\"],\"action\":\"x\"}]}"),
	 "linux.seccomp.syscalls[0].action: unknown value 'x'"},
	{IN_LINUX("\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		  "\"syscalls\":[{\"names\":[\"a\"],\"action\":"
		  "\"SCMP_ACT_ERRNO\",\"args\":[{\"index\":6,\"value\":0,"
		  "\"op\":\"SCMP_CMP_EQ\"}]}]}"),
	 "linux.seccomp.syscalls[0].args[0].index: number out of range"},
	{IN_RESOURCES("\"memory\":{\"limit\":9223372036854775808}"),
	 "linux.resources.memory.limit: number out of range"},
	{IN_RESOURCES("\"devices\":[{\"allow\":true,\"access\":\"x\"}]"),
	 "linux.resources.devices[0].access: 'x' is not of"},
	{IN_RESOURCES("\"unified\":{\"../x.y\":\"1\"}"),
	 "'../x.y' is no cgroup file"},
	{IN_RESOURCES("\"pids\":{}"), "linux.resources.pids.limit: missing"},
};

static void test_broken(void **state UNUSED)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(broken); i++) {
		struct spec *s = NULL;
		struct err e = {0};
		int r = spec_parse(broken[i].text, strlen(broken[i].text), "/b",
				   &s, &e);

		if (r >= 0 || !strstr(e.text, broken[i].error))
			fail_msg("case %zu, %s: want '%s', got %d '%s'", i,
				 broken[i].text, broken[i].error, r, e.text);
		assert_null(s);
	}
}

static void test_raw_nul_and_depth(void **state UNUSED)
{
	static const char nul[] = "{\"a\":\"x\0y\"}";
	char deep[200];
	struct spec *s = NULL;
	struct err e = {0};

	assert_int_equal(spec_parse(nul, sizeof(nul) - 1, "/b", &s, &e),
			 -EINVAL);
	assert_non_null(strstr(e.text, "NUL byte"));
	memset(deep, '[', sizeof(deep));
	assert_int_equal(spec_parse(deep, sizeof(deep), "/b", &s, &e), -EINVAL);
	assert_non_null(strstr(e.text, "nesting too deep"));
}

static void test_minimal(void **state UNUSED)
{
	cleanup_spec struct spec *s = load(HEAD "}");

	assert_string_equal(s->wire->version, "1.0.2");
	assert_string_equal(s->rootfs, "/b/rootfs");
	assert_string_equal(s->bundle, "/b");
	assert_non_null(s->wire->linux);
	assert_non_null(s->wire->process->user);
	assert_string_equal(s->wire->process->args[0], "sh");
	assert_false(s->terminal);
	assert_null(spec_namespace(s, "pid"));
}

/* null is as good as missing, an unknown key is nobody's business. */
static void test_lenient(void **state UNUSED)
{
	cleanup_spec struct spec *s = load(
		WITH("\"hostname\":\"b\",\"x\":{\"y\":[1]},"
		     "\"mounts\":null,\"linux\":{\"devices\":null}"));

	assert_string_equal(s->wire->hostname, "b");
	assert_int_equal(s->wire->n_mounts, 0);
	assert_int_equal(s->wire->linux->n_devices, 0);
}

static void test_mounts(void **state UNUSED)
{
	cleanup_spec struct spec *s = load(
		WITH("\"mounts\":["
		     "{\"destination\":\"/a\",\"source\":\"/x\",\"options\":"
		     "[\"rbind\",\"ro\"]},"
		     "{\"destination\":\"b\",\"source\":\"rel\",\"type\":"
		     "\"bind\",\"options\":[\"ro\",\"rw\"]},"
		     "{\"destination\":\"/proc\",\"type\":\"proc\",\"source\":"
		     "\"proc\"}]"));

	assert_true(s->mounts[0].bind && s->mounts[0].recursive);
	assert_true(s->mounts[0].readonly);
	assert_string_equal(s->mounts[0].source, "/x");
	assert_true(s->mounts[1].bind && !s->mounts[1].recursive);
	assert_false(s->mounts[1].readonly);
	assert_string_equal(s->mounts[1].source, "/b/rel");
	assert_string_equal(s->wire->mounts[1]->destination, "/b");
	assert_false(s->mounts[2].bind);
	assert_null(s->mounts[2].source);
}

static void assert_extra(const struct spec *s, const char *key,
			 const char *value)
{
	size_t i;

	for (i = 0; i < s->n_extra; i++)
		if (!strcmp(s->extra[i]->key + strlen(SPEC_EXTRA_PREFIX), key))
			break;
	if (i == s->n_extra)
		fail_msg("no extra '%s'", key);
	assert_string_equal(s->extra[i]->value, value);
}

static void test_extra(void **state UNUSED)
{
	cleanup_spec struct spec *s = load(
		"{\"ociVersion\":\"1.2.0\"," ROOT ",\"domainname\":\"d\","
		"\"process\":{\"args\":[\"x\"],\"cwd\":\"/\",\"user\":"
		"{\"umask\":18},\"ioPriority\":{\"class\":\"IOPRIO_CLASS_BE\","
		"\"priority\":4},\"scheduler\":{\"policy\":\"SCHED_IDLE\"}},"
		"\"mounts\":[{\"destination\":\"/a\"},{\"destination\":\"/m\","
		"\"uidMappings\":[{\"containerID\":0,\"hostID\":7,\"size\":1},"
		"{\"containerID\":1,\"hostID\":9,\"size\":2}]}],"
		"\"linux\":{\"timeOffsets\":{\"monotonic\":{\"secs\":-3}},"
		"\"personality\":{\"domain\":\"LINUX32\"},\"resources\":{"
		"\"unified\":{\"memory.high\":\"5\"},\"cpu\":{\"idle\":1}},"
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ERRNO\","
		"\"defaultErrnoRet\":38,\"listenerPath\":\"/l\"}}}");

	assert_extra(s, "process.umask", "0022");
	assert_extra(s, "process.ioprio", "IOPRIO_CLASS_BE:4");
	assert_extra(s, "process.scheduler", "{\"policy\":\"SCHED_IDLE\"}");
	assert_extra(s, "domainname", "d");
	assert_extra(s, "linux.timeoffset.monotonic", "-3:0");
	assert_extra(s, "linux.personality", "LINUX32");
	assert_extra(s, "linux.unified.memory.high", "5");
	assert_extra(s, "linux.cpu.idle", "1");
	assert_extra(s, "linux.seccomp.errno", "38");
	assert_extra(s, "mount.1.uidmap", "0:7:1,1:9:2");
	assert_string_equal(s->seccomp_listener, "/l");
	assert_int_equal(spec_extra_to_wire(s), 0);
	assert_string_equal(spec_annotation(s, "io.kiln.spec.domainname"),
			    "d");
}

static void test_numbers(void **state UNUSED)
{
	cleanup_spec struct spec *s = load(IN_LINUX(
		"\"resources\":{\"devices\":[{\"allow\":false}],\"memory\":"
		"{\"limit\":-1,\"swappiness\":18446744073709551615}},"
		"\"devices\":[{\"path\":\"/dev/a\",\"type\":\"p\"}],"
		"\"seccomp\":{\"defaultAction\":\"SCMP_ACT_ALLOW\","
		"\"syscalls\":[{\"names\":[\"a\"],\"action\":"
		"\"SCMP_ACT_ERRNO\",\"errnoRet\":0},{\"names\":[\"b\"],"
		"\"action\":\"SCMP_ACT_ERRNO\"}]}"));
	const Grpc__LinuxResources *r = s->wire->linux->resources;
	Grpc__LinuxSyscall **c = s->wire->linux->seccomp->syscalls;

	assert_int_equal(r->devices[0]->major, -1);
	assert_int_equal(r->memory->limit, -1);
	assert_true(r->memory->swappiness == UINT64_MAX);
	assert_int_equal(s->wire->linux->devices[0]->filemode, 0666);
	assert_int_equal(c[0]->errno_ret_case,
			 GRPC__LINUX_SYSCALL__ERRNO_RET_ERRNORET);
	assert_int_equal(c[1]->errno_ret_case,
			 GRPC__LINUX_SYSCALL__ERRNO_RET__NOT_SET);
}

static void check_default(bool rootless)
{
	cleanup_buf struct buf out = BUF_INIT(1u << 20);
	cleanup_spec struct spec *s = NULL;
	uint8_t *packed;
	size_t n;

	assert_int_equal(spec_write_default(&out, rootless), 0);
	s = load(buf_cstr(&out));
	assert_string_equal(s->wire->process->args[0], "sh");
	assert_true(s->terminal);
	assert_string_equal(spec_namespace(s, "mount"), "");
	assert_int_equal(spec_namespace(s, "user") != NULL, rootless);
	assert_non_null(spec_namespace(s, "network")); /* never the host's */
	assert_string_equal(spec_process_env(s->wire->process, "TERM"),
			    "xterm");
	assert_null(spec_process_env(s->wire->process, "TER"));
	/* The message is whole: it packs. */
	n = grpc__spec__get_packed_size(s->wire);
	packed = malloc(n);
	assert_non_null(packed);
	assert_int_equal(grpc__spec__pack(s->wire, packed), n);
	free(packed);
}

static void test_default(void **state UNUSED)
{
	check_default(false);
	check_default(true);
}

static void test_parts(void **state UNUSED)
{
	static const char process[] =
		"{\"args\":[\"a\"],\"cwd\":\"/\",\"user\":{\"umask\":0}}";
	static const char resources[] = "{\"pids\":{\"limit\":5}}";
	cleanup_arena struct arena arena = {0};
	Grpc__LinuxResources *r;
	Grpc__Process *p;
	bool ignored = false;
	struct err e = {0};

	assert_int_equal(spec_process_parse(process, strlen(process), &arena,
					    &p, &ignored, &e),
			 0);
	assert_true(ignored);
	assert_string_equal(p->args[0], "a");
	assert_int_equal(spec_process_parse("{}", 2, &arena, &p, NULL, &e),
			 -EINVAL);
	assert_string_equal(e.text, "args: missing");
	assert_int_equal(spec_resources_parse(resources, strlen(resources),
					      &arena, &r, &e),
			 0);
	assert_int_equal(r->pids->limit, 5);
}

static void test_annotations(void **state UNUSED)
{
	cleanup_spec struct spec *s =
		load(WITH("\"annotations\":{\"a\":\"1\",\"b.c\":\"2\"}"));

	assert_string_equal(spec_annotation(s, "b.c"), "2");
	assert_null(spec_annotation(s, "c"));
	assert_int_equal(spec_set_annotation(s, "a", "3"), 0);
	assert_int_equal(spec_set_annotation(s, "d", "4"), 0);
	assert_string_equal(spec_annotation(s, "a"), "3");
	assert_string_equal(spec_annotation(s, "d"), "4");
	assert_int_equal(s->wire->n_annotations, 3);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken),
		cmocka_unit_test(test_raw_nul_and_depth),
		cmocka_unit_test(test_minimal),
		cmocka_unit_test(test_lenient),
		cmocka_unit_test(test_mounts),
		cmocka_unit_test(test_extra),
		cmocka_unit_test(test_numbers),
		cmocka_unit_test(test_default),
		cmocka_unit_test(test_parts),
		cmocka_unit_test(test_annotations),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
