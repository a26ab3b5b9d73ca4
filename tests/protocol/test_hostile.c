// SPDX-License-Identifier: Apache-2.0
/*
 * Every call of both services, from a host that means no good: without a
 * sandbox, empty, malformed, and with its fields full of nonsense. Each has its
 * answer, which is no success where there is nothing to do, and the agent goes
 * on. Which calls there are comes from proto/, so none can be forgotten.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "harness.h"

/* What an empty request is answered, once there is a sandbox. */
static const struct {
	const char *name;
	int code;
} empty[] = {
	{"Check", TTRPC_OK},
	{"Version", TTRPC_OK},
	{"CreateContainer", TTRPC_INVALID_ARGUMENT},
	{"StartContainer", TTRPC_NOT_FOUND},
	{"RemoveContainer", TTRPC_NOT_FOUND},
	{"ExecProcess", TTRPC_NOT_FOUND},
	{"SignalProcess", TTRPC_NOT_FOUND},
	{"WaitProcess", TTRPC_NOT_FOUND},
	{"UpdateContainer", TTRPC_NOT_FOUND},
	{"UpdateEphemeralMounts", TTRPC_OK}, /* of nothing */
	{"StatsContainer", TTRPC_NOT_FOUND},
	{"PauseContainer", TTRPC_NOT_FOUND},
	{"ResumeContainer", TTRPC_NOT_FOUND},
	{"RemoveStaleVirtiofsShareMounts", TTRPC_OK},
	{"WriteStdin", TTRPC_NOT_FOUND},
	{"ReadStdout", TTRPC_NOT_FOUND},
	{"ReadStderr", TTRPC_NOT_FOUND},
	{"CloseStdin", TTRPC_NOT_FOUND},
	{"TtyWinResize", TTRPC_NOT_FOUND},
	{"UpdateInterface", TTRPC_INVALID_ARGUMENT},
	{"UpdateRoutes", TTRPC_OK}, /* to none */
	{"ListInterfaces", TTRPC_OK},
	{"ListRoutes", TTRPC_OK},
	{"AddARPNeighbors", TTRPC_OK}, /* none */
	{"GetIPTables", -1}, /* as the image has it; see test_calls */
	{"SetIPTables", -1},
	{"GetMetrics", TTRPC_OK},
	{"MemAgentMemcgSet", TTRPC_UNIMPLEMENTED},
	{"MemAgentCompactSet", TTRPC_UNIMPLEMENTED},
	{"CreateSandbox", TTRPC_ALREADY_EXISTS},
	{"DestroySandbox", TTRPC_OK},
	{"OnlineCPUMem", TTRPC_OK},
	{"ReseedRandomDev", TTRPC_INVALID_ARGUMENT},
	{"GetGuestDetails", TTRPC_OK},
	{"MemHotplugByProbe", -1}, /* as the machine has it */
	{"SetGuestDateTime", -2}, /* 1970: not on a host */
	{"CopyFile", TTRPC_INVALID_ARGUMENT},
	{"GetOOMEvent", -2}, /* waits */
	{"AddSwap", TTRPC_INVALID_ARGUMENT},
	{"AddSwapPath", TTRPC_INVALID_ARGUMENT},
	{"GetVolumeStats", TTRPC_INVALID_ARGUMENT},
	{"ResizeVolume", TTRPC_INVALID_ARGUMENT},
	{"SetPolicy", -2}, /* denies all from then on */
	{"GetDiagnosticData", TTRPC_INVALID_ARGUMENT},
};

/* Calls that work without a sandbox. */
static const char *const unbound[] = {
	"Check", "Version", "CreateSandbox", "DestroySandbox", "UpdateRoutes",
	"UpdateInterface", "ListInterfaces", "ListRoutes", "AddARPNeighbors",
	"GetIPTables", "SetIPTables", "GetMetrics", "MemAgentMemcgSet",
	"MemAgentCompactSet", "OnlineCPUMem", "ReseedRandomDev",
	"GetGuestDetails", "MemHotplugByProbe", "SetGuestDateTime", "AddSwap",
	"AddSwapPath", "SetPolicy",
};

typedef void (*method_fn)(struct client *c,
			  const ProtobufCMethodDescriptor *m);

static void each_method(struct client *c, method_fn fn)
{
	static const ProtobufCServiceDescriptor *const services[] = {
		&grpc__agent_service__descriptor, &grpc__health__descriptor,
	};
	size_t i, k;

	for (i = 0; i < ARRAY_SIZE(services); i++)
		for (k = 0; k < services[i]->n_methods; k++)
			fn(c, &services[i]->methods[k]);
}

static int code_of_empty(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(empty); i++)
		if (!strcmp(empty[i].name, name))
			return empty[i].code;
	fail_msg("%s: no row for it", name);
	return -1;
}

static bool is_unbound(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(unbound); i++)
		if (!strcmp(unbound[i], name))
			return true;
	return false;
}

static ProtobufCMessage *new_message(const ProtobufCMessageDescriptor *d)
{
	ProtobufCMessage *m = calloc(1, d->sizeof_message);

	assert_non_null(m);
	d->message_init(m);
	return m;
}

static void assert_alive(struct client *c, const char *after)
{
	Grpc__CheckRequest rq = GRPC__CHECK_REQUEST__INIT;

	if (client_call(c, "Check", &rq.base,
			&grpc__health_check_response__descriptor, NULL))
		fail_msg("after %s: %s", after, client_text);
}

/* --- without a sandbox --- */

static void call_unready(struct client *c, const ProtobufCMethodDescriptor *m)
{
	ProtobufCMessage *rq;
	int code;

	if (is_unbound(m->name))
		return;
	rq = new_message(m->input);
	code = client_call(c, m->name, rq, m->output, NULL);
	free(rq);
	if (code != TTRPC_FAILED_PRECONDITION)
		fail_msg("%s: %d, %s", m->name, code, client_text);
}

/* A sandbox that wants what there is not is none, and another may be made. */
static void refuse_sandbox(struct client *c)
{
	Grpc__CreateSandboxRequest rq = GRPC__CREATE_SANDBOX_REQUEST__INIT;
	Grpc__KernelModule module = GRPC__KERNEL_MODULE__INIT, *list = &module;
	static const struct {
		const char *module, *hooks;
		int code;
	} bad[] = {
		{"../x", "", TTRPC_INVALID_ARGUMENT},
		{"", "", TTRPC_INVALID_ARGUMENT},
		{"no_such_module", "", TTRPC_NOT_FOUND},
		{NULL, "usr/share/hooks", TTRPC_INVALID_ARGUMENT},
		{NULL, "/usr/../share", TTRPC_INVALID_ARGUMENT},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(bad); i++) {
		module.name = STR(bad[i].module);
		rq.kernel_modules = &list;
		rq.n_kernel_modules = bad[i].module ? 1 : 0;
		rq.guest_hook_path = STR(bad[i].hooks);
		if (client_call(c, "CreateSandbox", &rq.base,
				&grpc__empty__descriptor, NULL) != bad[i].code)
			fail_msg("%zu: %s", i, client_text);
	}
	ok(client_create_sandbox(c));
}

static void test_no_sandbox(void **state UNUSED)
{
	struct client own;
	pid_t pid;
	int fd;

	NEED(!host.is_guest);
	fd = raw_agent(&pid);
	assert_int_equal(client_open(&own, fd), 0);
	each_method(&own, call_unready);
	assert_alive(&own, "all of them");
	refuse_sandbox(&own);
	client_close(&own);
	end_raw(-1, pid);
}

/* --- empty --- */

static void call_empty(struct client *c, const ProtobufCMethodDescriptor *m)
{
	int want = code_of_empty(m->name), code;
	ProtobufCMessage *rq;

	if (want == -2 || !strcmp(m->name, "DestroySandbox"))
		return;
	rq = new_message(m->input);
	code = client_call(c, m->name, rq, m->output, NULL);
	free(rq);
	if (want >= 0 && code != want)
		fail_msg("%s: %d instead of %d, %s", m->name, code, want,
			 client_text);
	if (code && !*client_text)
		fail_msg("%s: %d without a text", m->name, code);
	assert_alive(c, m->name);
}

static void test_empty(void **state UNUSED)
{
	size_t n = grpc__agent_service__descriptor.n_methods +
		   grpc__health__descriptor.n_methods;

	assert_int_equal(n, ARRAY_SIZE(empty));
	each_method(C, call_empty);
}

/* --- no message at all --- */

static void call_garbage(struct client *c, const ProtobufCMethodDescriptor *m)
{
	Grpc__CheckRequest noise = GRPC__CHECK_REQUEST__INIT;
	ProtobufCMessageUnknownField field = {0};
	uint8_t cut[] = {0xff, 0xff, 0xff, 0xff, 0x7f};
	int code;

	/* Field 1 is announced to be 4 GiB long, and is not. A message sends
	 * along what it did not know. */
	field.tag = 1;
	field.wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED;
	field.data = cut;
	field.len = sizeof(cut);
	noise.base.unknown_fields = &field;
	noise.base.n_unknown_fields = 1;
	code = client_call(c, m->name, &noise.base, m->output, NULL);
	if (code != TTRPC_INVALID_ARGUMENT)
		fail_msg("%s: %d, %s", m->name, code, client_text);
	assert_alive(c, m->name);
}

static void test_garbage(void **state UNUSED)
{
	each_method(C, call_garbage);
}

/* --- full of nonsense --- */

enum nonsense { LONG, CLIMBING, CONTROL, FORMAT, NONSENSES };

#define MANY 40
#define DEPTH 5

static char long_text[9000]; /* all of them fit a frame */

static char *text_of(enum nonsense kind)
{
	static char climbing[] = "../../../../../../etc/../x";
	static char control[] = "\033[2J\r\n\a\x7f";
	static char format[] = "%s%n%99999d";
	char *const texts[NONSENSES] = {long_text, climbing, control, format};

	memset(long_text, 'A', sizeof(long_text) - 1);
	return texts[kind];
}

static ProtobufCMessage *fill(const ProtobufCMessageDescriptor *d,
			      enum nonsense kind, int depth);

static void put(const ProtobufCFieldDescriptor *f, void *at,
		enum nonsense kind, int depth)
{
	const uint64_t number = kind & 1 ? 0x7fffffffffffffffULL : ~0ULL;

	switch (f->type) {
	case PROTOBUF_C_TYPE_STRING:
		*(char **)at = text_of(kind);
		break;
	case PROTOBUF_C_TYPE_BYTES:
		((ProtobufCBinaryData *)at)->data = (uint8_t *)text_of(kind);
		((ProtobufCBinaryData *)at)->len = strlen(text_of(kind));
		break;
	case PROTOBUF_C_TYPE_MESSAGE:
		*(ProtobufCMessage **)at = fill(f->descriptor, kind, depth - 1);
		break;
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
		*(protobuf_c_boolean *)at = 1;
		break;
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
	case PROTOBUF_C_TYPE_SINT64:
	case PROTOBUF_C_TYPE_FIXED64:
	case PROTOBUF_C_TYPE_SFIXED64:
	case PROTOBUF_C_TYPE_DOUBLE:
		*(uint64_t *)at = number;
		break;
	default:
		*(uint32_t *)at = (uint32_t)number;
		break;
	}
}

static size_t size_of(const ProtobufCFieldDescriptor *f)
{
	switch (f->type) {
	case PROTOBUF_C_TYPE_BYTES:
		return sizeof(ProtobufCBinaryData);
	case PROTOBUF_C_TYPE_BOOL:
	case PROTOBUF_C_TYPE_ENUM:
	case PROTOBUF_C_TYPE_UINT32:
	case PROTOBUF_C_TYPE_INT32:
	case PROTOBUF_C_TYPE_SINT32:
	case PROTOBUF_C_TYPE_FIXED32:
	case PROTOBUF_C_TYPE_SFIXED32:
	case PROTOBUF_C_TYPE_FLOAT:
		return sizeof(uint32_t);
	default:
		return sizeof(uint64_t);
	}
}

/* Never freed: it is a tree of pieces, and the program ends soon. */
static void *keep(size_t n)
{
	static void *kept;
	void **p = calloc(1, n + sizeof(void *));

	assert_non_null(p);
	*p = kept;
	kept = p;
	return p + 1;
}

static ProtobufCMessage *fill(const ProtobufCMessageDescriptor *d,
			      enum nonsense kind, int depth)
{
	uint8_t *m = keep(d->sizeof_message);
	unsigned int i, k, n;

	d->message_init((ProtobufCMessage *)m);
	for (i = 0; i < d->n_fields; i++) {
		const ProtobufCFieldDescriptor *f = &d->fields[i];
		uint8_t *list;

		if (f->type == PROTOBUF_C_TYPE_MESSAGE && depth <= 0)
			continue;
		if (f->label != PROTOBUF_C_LABEL_REPEATED) {
			put(f, m + f->offset, kind, depth);
			if (f->flags & PROTOBUF_C_FIELD_FLAG_ONEOF)
				*(uint32_t *)(m + f->quantifier_offset) = f->id;
			continue;
		}
		/* Many of what is small; one of the long ones. */
		n = kind == LONG || f->type == PROTOBUF_C_TYPE_MESSAGE ? 1
								       : MANY;
		list = keep(n * size_of(f));
		for (k = 0; k < n; k++)
			put(f, list + k * size_of(f), kind, depth);
		*(void **)(m + f->offset) = list;
		*(size_t *)(m + f->quantifier_offset) = n;
	}
	return (ProtobufCMessage *)m;
}

/* Calls that have no field that could be wrong, or that are to be left alone:
 * the clock and the memory of a host are not a test's. */
static bool is_harmless(const char *name)
{
	static const char *const names[] = {
		"Check", "Version", "DestroySandbox", "ListInterfaces",
		"ListRoutes", "GetMetrics", "GetGuestDetails", "GetOOMEvent",
		"RemoveStaleVirtiofsShareMounts", "MemHotplugByProbe",
		"OnlineCPUMem", "GetIPTables", "ReseedRandomDev",
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(names); i++)
		if (!strcmp(names[i], name))
			return true;
	return false;
}

static void call_nonsense(struct client *c, const ProtobufCMethodDescriptor *m)
{
	size_t kind, i;

	for (kind = 0; kind < NONSENSES && !is_harmless(m->name); kind++) {
		ProtobufCMessage *rq = fill(m->input, kind, DEPTH);
		int code = client_call(c, m->name, rq, m->output, NULL);

		if (!code)
			fail_msg("%s: nonsense %zu succeeds", m->name, kind);
		if (!*client_text)
			fail_msg("%s: %d without a text", m->name, code);
		/* What a host will print may be escaped there, yet need not
		 * be long. */
		for (i = 0; client_text[i]; i++)
			;
		assert_true(i < sizeof(client_text) - 1);
		assert_alive(c, m->name);
	}
}

static void test_nonsense(void **state UNUSED)
{
	each_method(C, call_nonsense);
}

/* After all that a container is as good as ever. */
static void test_after(void **state UNUSED)
{
	NEED_ROOT();
	run("echo alive");
	expect("", false, "alive\n");
	end(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_no_sandbox),
		cmocka_unit_test(test_empty),
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_nonsense),
		cmocka_unit_test(test_after),
	};

	return cmocka_run_group_tests(tests, harness_setup, harness_teardown);
}
