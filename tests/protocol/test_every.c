// SPDX-License-Identifier: Apache-2.0
/*
 * Every call of both services in one life of a sandbox: a good case, a bad one
 * and a hostile one each, by a table that is held against proto/. Without rows
 * for a new call this fails. On this host, with an agent of its own.
 */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/macros.h"
#include "harness.h"

#define POINT_SIZE 200

static struct client own;
static pid_t own_pid;
static char point[POINT_SIZE], copy_path[POINT_SIZE];

/* Fills in a request that is as its type's init has made it. */
typedef void (*fill_fn)(ProtobufCMessage *request);

/* --- requests; one that is NULL in the table is an empty one --- */

#define AS(type, rq) type *rq = (type *)m

static void good_sandbox(ProtobufCMessage *m)
{
	AS(Grpc__CreateSandboxRequest, rq);

	rq->sandbox_id = STR("sandbox");
}

static void bad_sandbox(ProtobufCMessage *m)
{
	AS(Grpc__CreateSandboxRequest, rq);

	rq->sandbox_id = STR("../x");
}

static void good_container(ProtobufCMessage *m)
{
	AS(Grpc__CreateContainerRequest, rq);
	static Grpc__Spec__AnnotationsEntry note, *notes[] = {&note};
	static Grpc__Storage s, *list[] = {&s};

	grpc__spec__annotations_entry__init(&note);
	note.key = STR("io.kubernetes.container.terminationMessagePath");
	note.value = STR("/tmp/every");
	grpc__storage__init(&s);
	s.driver = STR("ephemeral");
	s.mount_point = point;
	spec_init(&S, host.rootfs, "echo last >/tmp/every; echo e >&2; "
				   "exec cat");
	S.spec.annotations = notes;
	S.spec.n_annotations = 1;
	rq->container_id = STR("c");
	rq->oci = &S.spec;
	rq->storages = list;
	rq->n_storages = 1;
}

static void bad_container(ProtobufCMessage *m)
{
	AS(Grpc__CreateContainerRequest, rq);

	spec_init(&S, "/none/such", "true");
	rq->container_id = STR("bad");
	rq->oci = &S.spec;
}

/* Most requests begin with the container's id, and many go on with exec_id. */
static void good_id(ProtobufCMessage *m)
{
	((Grpc__StartContainerRequest *)m)->container_id = STR("c");
}

static void bad_id(ProtobufCMessage *m)
{
	((Grpc__StartContainerRequest *)m)->container_id = STR("none");
}

static void good_exec(ProtobufCMessage *m)
{
	AS(Grpc__ExecProcessRequest, rq);

	spec_init(&S, host.rootfs, "exec sleep 100");
	S.process.terminal = 1;
	rq->container_id = STR("c");
	rq->exec_id = STR("t");
	rq->process = &S.process;
}

static void bad_exec(ProtobufCMessage *m)
{
	AS(Grpc__ExecProcessRequest, rq);

	good_exec(m);
	S.args[0] = STR("/none/such");
	rq->exec_id = STR("bad");
}

static void good_write(ProtobufCMessage *m)
{
	AS(Grpc__WriteStreamRequest, rq);

	rq->container_id = STR("c");
	rq->data.data = (uint8_t *)STR("x\n");
	rq->data.len = 2;
}

static void good_read(ProtobufCMessage *m)
{
	AS(Grpc__ReadStreamRequest, rq);

	rq->container_id = STR("c");
	rq->len = 2;
}

static void good_winsize(ProtobufCMessage *m)
{
	AS(Grpc__TtyWinResizeRequest, rq);

	rq->container_id = STR("c");
	rq->exec_id = STR("t");
	rq->row = 10;
	rq->column = 20;
}

static void bad_winsize(ProtobufCMessage *m)
{
	AS(Grpc__TtyWinResizeRequest, rq);

	rq->container_id = STR("c"); /* has no terminal */
}

static void good_signal(ProtobufCMessage *m)
{
	AS(Grpc__SignalProcessRequest, rq);

	rq->container_id = STR("c");
	rq->signal = SIGKILL;
}

static void good_update(ProtobufCMessage *m)
{
	AS(Grpc__UpdateContainerRequest, rq);
	static Grpc__LinuxResources none;

	grpc__linux_resources__init(&none);
	rq->container_id = STR("c");
	rq->resources = &none;
}

static Grpc__Storage remounted, *remounted_list[] = {&remounted};

static void good_remount(ProtobufCMessage *m)
{
	AS(Grpc__UpdateEphemeralMountsRequest, rq);
	static char *option = STR("size=2m");

	grpc__storage__init(&remounted);
	remounted.driver = STR("ephemeral");
	remounted.mount_point = point;
	remounted.options = &option;
	remounted.n_options = 1;
	rq->storages = remounted_list;
	rq->n_storages = 1;
}

static void bad_remount(ProtobufCMessage *m)
{
	good_remount(m);
	remounted.driver = STR("blk");
}

static void good_stats(ProtobufCMessage *m)
{
	((Grpc__VolumeStatsRequest *)m)->volume_guest_path = point;
}

static void good_resize(ProtobufCMessage *m)
{
	AS(Grpc__ResizeVolumeRequest, rq);

	rq->volume_guest_path = point;
	rq->size = 1 << 20;
}

static void bad_resize(ProtobufCMessage *m)
{
	((Grpc__ResizeVolumeRequest *)m)->volume_guest_path = STR("/proc");
}

static void good_diagnosis(ProtobufCMessage *m)
{
	AS(Grpc__GetDiagnosticDataRequest, rq);

	rq->log_type = STR("termination_log");
	rq->container_id = STR("c");
}

static void bad_diagnosis(ProtobufCMessage *m)
{
	((Grpc__GetDiagnosticDataRequest *)m)->log_type = STR("wishes");
}

static void bad_interface(ProtobufCMessage *m)
{
	AS(Grpc__UpdateInterfaceRequest, rq);
	static Types__Interface i;

	types__interface__init(&i);
	i.hwaddr = STR("02:00:00:00:00:99");
	i.name = STR("eth0");
	rq->interface = &i;
}

static void good_interface(ProtobufCMessage *m)
{
	AS(Grpc__UpdateInterfaceRequest, rq);
	static Types__Interface i;

	types__interface__init(&i);
	i.device = i.name = STR("lo");
	i.hwaddr = STR("00:00:00:00:00:00");
	i.mtu = 65000;
	rq->interface = &i;
}

static void bad_routes(ProtobufCMessage *m)
{
	AS(Grpc__UpdateRoutesRequest, rq);
	static Grpc__Routes routes;
	static Types__Route route, *list[] = {&route};

	grpc__routes__init(&routes);
	types__route__init(&route);
	route.dest = STR("300.0.0.0/8");
	route.device = STR("lo");
	routes.routes = list;
	routes.n_routes = 1;
	rq->routes = &routes;
}

static void bad_neighbours(ProtobufCMessage *m)
{
	AS(Grpc__AddARPNeighborsRequest, rq);
	static Grpc__ARPNeighbors all;
	static Types__ARPNeighbor one, *list[] = {&one};

	grpc__arpneighbors__init(&all);
	types__arpneighbor__init(&one);
	one.device = STR("none");
	one.lladdr = STR("zz");
	all.arpneighbors = list;
	all.n_arpneighbors = 1;
	rq->neighbors = &all;
}

static void bad_tables(ProtobufCMessage *m)
{
	AS(Grpc__SetIPTablesRequest, rq);

	rq->data.data = (uint8_t *)STR("nonsense\n");
	rq->data.len = 9;
}

static void bad_online(ProtobufCMessage *m)
{
	AS(Grpc__OnlineCPUMemRequest, rq);

	rq->wait = 1;
	rq->nb_cpus = 100000;
}

static void good_seed(ProtobufCMessage *m)
{
	AS(Grpc__ReseedRandomDevRequest, rq);

	rq->data.data = (uint8_t *)STR("0123456789abcdef");
	rq->data.len = 16;
}

static void bad_probe(ProtobufCMessage *m)
{
	AS(Grpc__MemHotplugByProbeRequest, rq);
	static uint64_t many[2000];

	rq->memhotplugprobeaddr = many;
	rq->n_memhotplugprobeaddr = ARRAY_SIZE(many);
}

static void bad_time(ProtobufCMessage *m)
{
	((Grpc__SetGuestDateTimeRequest *)m)->usec = 1000000;
}

static void good_copy(ProtobufCMessage *m)
{
	AS(Grpc__CopyFileRequest, rq);

	rq->path = copy_path;
	rq->file_mode = S_IFREG | 0600;
	rq->data.data = (uint8_t *)STR("x");
	rq->data.len = 1;
	rq->file_size = 1;
}

static void bad_copy(ProtobufCMessage *m)
{
	good_copy(m);
	((Grpc__CopyFileRequest *)m)->path = STR("/etc/kiln-astray");
}

static void bad_swap(ProtobufCMessage *m)
{
	AS(Grpc__AddSwapRequest, rq);
	static uint32_t slot = 99;

	rq->pcipath = &slot;
	rq->n_pcipath = 1;
}

static void bad_swap_path(ProtobufCMessage *m)
{
	((Grpc__AddSwapPathRequest *)m)->path = STR("/etc/passwd");
}

static void good_policy(ProtobufCMessage *m)
{
	((Grpc__SetPolicyRequest *)m)->policy = STR("default allow");
}

static void bad_policy(ProtobufCMessage *m)
{
	((Grpc__SetPolicyRequest *)m)->policy = STR("allow");
}

/* --- the table --- */

#define ANY (-1)   /* as the machine has it: an answer, and the agent lives */
#define WAITS (-2) /* no answer within a while */
#define NEVER (-3) /* not on a host that others use: see WHERE */
#define DENIED (-4) /* no field that could be wrong: refused by a policy */

/* In the order in which they are made. */
static const struct row {
	const char *name;
	fill_fn good;
	int good_code;
	fill_fn bad;
	int bad_code;
	const char *where; /* has the good case, when it is NEVER here */
} rows[] = {
	{"Check", NULL, 0, NULL, DENIED, NULL},
	{"Version", NULL, 0, NULL, DENIED, NULL},
	{"CreateSandbox", good_sandbox, 0, bad_sandbox, TTRPC_INVALID_ARGUMENT,
	 NULL},
	{"CreateContainer", good_container, 0, bad_container, TTRPC_NOT_FOUND,
	 NULL},
	{"StartContainer", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"ExecProcess", good_exec, 0, bad_exec, TTRPC_NOT_FOUND, NULL},
	{"TtyWinResize", good_winsize, 0, bad_winsize, ANY, NULL},
	{"WriteStdin", good_write, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"ReadStdout", good_read, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"ReadStderr", good_read, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"UpdateContainer", good_update, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"StatsContainer", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"PauseContainer", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"ResumeContainer", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"UpdateEphemeralMounts", good_remount, 0, bad_remount,
	 TTRPC_INVALID_ARGUMENT, NULL},
	{"GetVolumeStats", good_stats, 0, NULL, TTRPC_INVALID_ARGUMENT, NULL},
	{"ResizeVolume", good_resize, 0, bad_resize, TTRPC_UNIMPLEMENTED,
	 NULL},
	{"GetDiagnosticData", good_diagnosis, 0, bad_diagnosis,
	 TTRPC_INVALID_ARGUMENT, NULL},
	{"RemoveStaleVirtiofsShareMounts", NULL, 0, NULL, DENIED, NULL},
	{"ListInterfaces", NULL, 0, NULL, DENIED, NULL},
	{"ListRoutes", NULL, 0, NULL, DENIED, NULL},
	{"UpdateInterface", good_interface, 0, bad_interface,
	 TTRPC_DEADLINE_EXCEEDED, NULL},
	{"UpdateRoutes", NULL, 0, bad_routes, TTRPC_INVALID_ARGUMENT, NULL},
	{"AddARPNeighbors", NULL, 0, bad_neighbours, TTRPC_INVALID_ARGUMENT,
	 NULL},
	{"GetIPTables", NULL, ANY, NULL, DENIED, NULL},
	{"SetIPTables", NULL, ANY, bad_tables, ANY, NULL},
	{"GetMetrics", NULL, 0, NULL, DENIED, NULL},
	{"GetGuestDetails", NULL, 0, NULL, DENIED, NULL},
	/* That it says so is what they can do. */
	{"MemAgentMemcgSet", NULL, TTRPC_UNIMPLEMENTED, NULL, DENIED, NULL},
	{"MemAgentCompactSet", NULL, TTRPC_UNIMPLEMENTED, NULL, DENIED, NULL},
	{"OnlineCPUMem", NULL, 0, bad_online, TTRPC_DEADLINE_EXCEEDED, NULL},
	{"ReseedRandomDev", good_seed, 0, NULL, TTRPC_INVALID_ARGUMENT, NULL},
	{"MemHotplugByProbe", NULL, ANY, bad_probe, TTRPC_INVALID_ARGUMENT,
	 NULL},
	{"SetGuestDateTime", NULL, NEVER, bad_time, TTRPC_INVALID_ARGUMENT,
	 "test_calls, in a guest"},
	{"AddSwap", NULL, NEVER, bad_swap, TTRPC_INVALID_ARGUMENT,
	 "needs a disk to swap to, which no test has"},
	{"AddSwapPath", NULL, NEVER, bad_swap_path, TTRPC_INVALID_ARGUMENT,
	 "needs a disk to swap to, which no test has"},
	{"CopyFile", good_copy, 0, bad_copy, TTRPC_INVALID_ARGUMENT, NULL},
	{"SetPolicy", good_policy, 0, bad_policy, TTRPC_INVALID_ARGUMENT,
	 NULL},
	{"CloseStdin", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"SignalProcess", good_signal, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"WaitProcess", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"GetOOMEvent", NULL, WAITS, NULL, DENIED, NULL},
	{"RemoveContainer", good_id, 0, bad_id, TTRPC_NOT_FOUND, NULL},
	{"DestroySandbox", NULL, 0, NULL, DENIED, NULL},
};

static const ProtobufCServiceDescriptor *const services[] = {
	&grpc__agent_service__descriptor, &grpc__health__descriptor,
};

static const ProtobufCMethodDescriptor *method(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(services); i++) {
		const ProtobufCMethodDescriptor *m =
			protobuf_c_service_descriptor_get_method_by_name(
				services[i], name);

		if (m)
			return m;
	}
	fail_msg("there is no call '%s'", name);
	return NULL;
}

static int make(const char *name, fill_fn fill)
{
	const ProtobufCMethodDescriptor *m = method(name);
	ProtobufCMessage *rq = calloc(1, m->input->sizeof_message);
	int code;

	assert_non_null(rq);
	m->input->message_init(rq);
	if (fill)
		fill(rq);
	code = client_call(&own, name, rq, m->output, NULL);
	free(rq);
	return code;
}

static void expect_code(const struct row *r, const char *what, int got,
			int want)
{
	if (want != ANY && got != want)
		fail_msg("%s, %s: %d instead of %d, %s", r->name, what, got,
			 want, client_text);
	if (got && !*client_text)
		fail_msg("%s, %s: %d without a text", r->name, what, got);
	if (make("Check", NULL))
		fail_msg("%s, %s: the agent is gone", r->name, what);
}

/* A field that is longer than the message: of all calls the same. */
static int make_hostile(const char *name)
{
	const ProtobufCMethodDescriptor *m = method(name);
	Grpc__CheckRequest noise = GRPC__CHECK_REQUEST__INIT;
	uint8_t cut[] = {0xff, 0xff, 0xff, 0xff, 0x7f};
	ProtobufCMessageUnknownField field = {
		.tag = 1,
		.wire_type = PROTOBUF_C_WIRE_TYPE_LENGTH_PREFIXED,
		.len = sizeof(cut),
		.data = cut,
	};

	noise.base.unknown_fields = &field;
	noise.base.n_unknown_fields = 1;
	return client_call(&own, name, &noise.base, m->output, NULL);
}

static void make_good(const struct row *r)
{
	struct answer a;
	Grpc__GetOOMEventRequest rq = GRPC__GET_OOMEVENT_REQUEST__INIT;

	if (r->good_code == NEVER) {
		assert_non_null(r->where);
		return;
	}
	if (r->good_code != WAITS) {
		expect_code(r, "good", make(r->name, r->good), r->good_code);
		return;
	}
	client_start(&own, &a, r->name, &rq.base, method(r->name)->output);
	assert_false(client_wait(&own, &a, 200));
	/* Another host asks: the first is told. Here nobody else does. */
	client_close(&own);
	end_raw(-1, own_pid);
	assert_int_equal(client_open(&own, raw_agent(&own_pid)), 0);
	assert_int_equal(make("CreateSandbox", good_sandbox), 0);
	assert_int_equal(make("CreateContainer", good_container), 0);
}

static void test_life(void **state UNUSED)
{
	size_t i;

	NEED_ROOT();
	NEED(host.has_cgroup);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		const struct row *r = &rows[i];

		expect_code(r, "hostile", make_hostile(r->name),
			    TTRPC_INVALID_ARGUMENT);
		if (r->bad_code != DENIED)
			expect_code(r, "bad", make(r->name, r->bad),
				    r->bad_code);
		make_good(r);
	}
}

/* A policy that denies is a bad case for all, Health excepted. */
static void test_denied(void **state UNUSED)
{
	Grpc__SetPolicyRequest rq = GRPC__SET_POLICY_REQUEST__INIT;
	size_t i;

	rq.policy = STR("default deny");
	assert_int_equal(client_call(&own, "SetPolicy", &rq.base,
				     &grpc__empty__descriptor, NULL), 0);
	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		bool is_health = !strcmp(rows[i].name, "Check") ||
				 !strcmp(rows[i].name, "Version");

		expect_code(&rows[i], "denied", make(rows[i].name, NULL),
			    is_health ? 0 : TTRPC_PERMISSION_DENIED);
	}
}

static size_t rows_of(const char *name)
{
	size_t i, n = 0;

	for (i = 0; i < ARRAY_SIZE(rows); i++)
		n += !strcmp(rows[i].name, name);
	return n;
}

static void test_complete(void **state UNUSED)
{
	size_t i, k, n = 0;

	for (i = 0; i < ARRAY_SIZE(services); i++)
		for (k = 0; k < services[i]->n_methods; k++, n++)
			if (rows_of(services[i]->methods[k].name) != 1)
				fail_msg("%s has no row",
					 services[i]->methods[k].name);
	assert_int_equal(n, ARRAY_SIZE(rows));
	assert_int_equal(grpc__agent_service__descriptor.n_methods, 42);
	assert_int_equal(grpc__health__descriptor.n_methods, 2);
}

static int setup(void **state UNUSED)
{
	(void)snprintf(point, sizeof(point), "%s/vol/every", host.root);
	(void)snprintf(copy_path, sizeof(copy_path),
		       "%s/shared/containers/every", host.root);
	return client_open(&own, raw_agent(&own_pid));
}

static int teardown(void **state UNUSED)
{
	client_close(&own);
	end_raw(-1, own_pid);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
		cmocka_unit_test_setup_teardown(test_life, setup, teardown),
		cmocka_unit_test_setup_teardown(test_denied, setup, teardown),
	};

	(void)signal(SIGPIPE, SIG_IGN);
	return cmocka_run_group_tests_name("every", tests, harness_setup,
					   harness_teardown);
}
