// SPDX-License-Identifier: Apache-2.0
//
// An agent that a guest has taken over: from the Nth of its answers on, what it
// sends is not what the protocol says. It may cost its sandbox; it may not cost
// the supervisor its life, its memory, or the callers their patience. This
// program is kiln and the VM too: see fake_host.h.
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/endian.h"
#include "engine/fake_host.h"
#include "runtime/config.h"
#include "runtime/engine/client.h"
#include "runtime/engine/record.h"

/* Of one life: create, start, exec, kill, delete. */
#define LIFE_MAX_S 60
/* The supervisor's, with the sanitizer's share; a frame has 4 MiB. */
#define RSS_MAX_KIB (256L * 1024)
#define FLOOD_FRAMES 20000

/* --- the agent's side: between the stand-in for QEMU and its stream --- */

static struct {
	char kind[32];
	unsigned int at;   /* of the answers, this is the first bad one */
	unsigned int seen;
	int honest;        /* the stand-in's stream */
	uint8_t in[(4u << 20) + 65536];
	size_t len;
	uint32_t random;
	bool mute;
} hostile;

static uint32_t next_random(void)
{
	hostile.random = hostile.random * 1664525u + 1013904223u;
	return hostile.random >> 8;
}

static void out(const void *p, size_t n)
{
	if (!hostile.mute)
		(void)write_full(FAKE_AGENT_FD, p, n);
}

static void out_frame(uint32_t stream, uint8_t type, uint8_t flags,
		      const void *p, uint32_t n)
{
	uint8_t head[TTRPC_HEADER_SIZE];

	put_be32(head, n);
	put_be32(head + 4, stream);
	head[8] = type;
	head[9] = flags;
	out(head, sizeof(head));
	out(p, n);
}

static void out_garbage(size_t n)
{
	uint8_t bytes[4096];
	size_t i;

	for (; n; n -= MIN(n, sizeof(bytes))) {
		for (i = 0; i < sizeof(bytes); i++)
			bytes[i] = (uint8_t)next_random();
		out(bytes, MIN(n, sizeof(bytes)));
	}
}

/* The head of a frame of 4 GiB, and the beginning of what it promises. */
static void out_huge(uint32_t stream)
{
	uint8_t head[TTRPC_HEADER_SIZE];

	put_be32(head, UINT32_MAX);
	put_be32(head + 4, stream);
	head[8] = 2;
	head[9] = 0;
	out(head, sizeof(head));
	out_garbage((size_t)64 << 20);
}

/* A proper answer, whose message is a field 1 of N bytes: data for who asked
 * for data, nonsense for all others. */
static void out_long(uint32_t stream, size_t n)
{
	uint8_t *p = calloc(1, n + 32), *q = p;
	size_t inner = n + 6, part;

	*q++ = 0x12; /* ttrpc.Response.payload */
	for (part = inner; part > 127; part >>= 7)
		*q++ = (uint8_t)(part | 0x80);
	*q++ = (uint8_t)part;
	*q++ = 0x0a;
	for (part = n, inner = 0; inner < 4; inner++, part >>= 7)
		*q++ = (uint8_t)(part | 0x80);
	*q++ = (uint8_t)part;
	memset(q, 'x', n);
	out_frame(stream, 2, 0, p, (uint32_t)((size_t)(q - p) + n));
	free(p);
}

static void out_bad(uint32_t stream, uint8_t *frame, size_t n)
{
	const char *k = hostile.kind;
	size_t i;

	if (!strcmp(k, "garbage")) {
		out_garbage(65536);
	} else if (!strcmp(k, "huge")) {
		out_huge(stream);
	} else if (!strcmp(k, "streams")) {
		for (i = 0; i < 64; i++)
			out_frame(next_random(), 2, 0, frame + 10,
				  (uint32_t)n - 10);
		out_frame(0, 2, 0, NULL, 0);
	} else if (!strcmp(k, "others")) {
		/* The answer of this one to all who wait. */
		for (i = 1; i < 200; i += 2)
			out_frame((uint32_t)i, 2, 0, frame + 10,
				  (uint32_t)n - 10);
	} else if (!strcmp(k, "silent")) {
		hostile.mute = true;
	} else if (!strcmp(k, "half")) {
		out(frame, n / 2);
		hostile.mute = true;
	} else if (!strcmp(k, "half-close")) {
		out(frame, n / 2);
		(void)shutdown(FAKE_AGENT_FD, SHUT_RDWR);
	} else if (!strcmp(k, "flood")) {
		for (i = 0; i < FLOOD_FRAMES; i++)
			out_frame((uint32_t)(2 * i + 1), 1, 0, "x", 1);
		out(frame, n);
	} else if (!strcmp(k, "twice")) {
		out(frame, n);
		out(frame, n);
	} else if (!strcmp(k, "types")) {
		out_frame(stream, 3, 0xff, frame + 10, (uint32_t)n - 10);
		out_frame(stream, 0xff, 0xff, NULL, 0);
		out(frame, n);
	} else if (!strcmp(k, "long")) {
		out_long(stream, (size_t)3 << 20);
	} else if (!strcmp(k, "error")) {
		/* ttrpc.Response.status: code 13, a message of 128 KiB */
		uint8_t *p = malloc(131072 + 16);
		static const uint8_t head[] = {0x0a, 0x86, 0x80, 0x08, 0x08,
					       0x0d, 0x12, 0x80, 0x80, 0x08};

		memcpy(p, head, sizeof(head));
		memset(p + sizeof(head), '\033', 131072);
		out_frame(stream, 2, 0, p, 131072 + sizeof(head));
		free(p);
	} else { /* "flips" */
		for (i = 0; i < 4 && n > 10; i++)
			frame[10 + next_random() % (n - 10)] ^=
				(uint8_t)(1u << next_random() % 8);
		out(frame, n);
	}
}

static void on_answers(void *arg UNUSED, int fd, uint32_t events UNUSED)
{
	ssize_t got = read(fd, hostile.in + hostile.len,
			   sizeof(hostile.in) - hostile.len);
	size_t n;

	if (got <= 0) {
		event_loop_quit(fake.loop, 0);
		return;
	}
	hostile.len += (size_t)got;
	while (hostile.len >= TTRPC_HEADER_SIZE) {
		n = TTRPC_HEADER_SIZE + get_be32(hostile.in);
		if (hostile.len < n)
			break;
		if (hostile.seen++ < hostile.at)
			out(hostile.in, n);
		else
			out_bad(get_be32(hostile.in + 4), hostile.in, n);
		hostile.len -= n;
		memmove(hostile.in, hostile.in + n, hostile.len);
	}
}

static void on_requests(void *arg UNUSED, int fd, uint32_t events UNUSED)
{
	static uint8_t bytes[65536];
	ssize_t n = read(fd, bytes, sizeof(bytes));

	if (n <= 0) {
		/* A machine does not end because its agent has. */
		if (strcmp(hostile.kind, "half-close"))
			event_loop_quit(fake.loop, 0);
		else
			(void)close(fd);
		return;
	}
	(void)write_full(hostile.honest, bytes, (size_t)n);
}

/* The file "fault": KIND AT. */
static int hostile_stream(void)
{
	int pair[2];

	if (sscanf(fake.fault, "%31s %u", hostile.kind, &hostile.at) != 2)
		return FAKE_AGENT_FD;
	hostile.random = hostile.at + 1;
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		abort();
	hostile.honest = pair[0];
	(void)event_io_new(fake.loop, pair[0], EPOLLIN, on_answers, NULL);
	(void)event_io_new(fake.loop, FAKE_AGENT_FD, EPOLLIN, on_requests,
			   NULL);
	return pair[1];
}

/* --- the host's side --- */

static void options(struct create_options *o)
{
	static struct config *config;
	struct err err = {0};
	char *text = NULL;

	if (!config) {
		assert_int_equal(config_new(&config, &err), 0);
		assert_true(asprintf(&text,
			"[hypervisor.qemu]\nkernel = \"%s/kernel\"\n"
			"initrd = \"%s/initrd\"\naccel = \"tcg\"\n"
			"confine = \"never\"\n"
			"[agent.kiln]\ndial_timeout = 3\n"
			"[runtime]\ncreate_container_timeout = 2\n",
			base, base) > 0);
		if (config_parse(config, text, strlen(text), "test", &err) < 0)
			fail_msg("%s", err.text);
		free(text);
	}
	*o = (struct create_options){
		.root = root, .id = "h1", .bundle = bundle, .config = config,
		.arch = arch_native()->name,
	};
}

/* An error says something, and nothing that a terminal would act on. */
static bool is_clear(int r, const struct err *e)
{
	const char *p;

	for (p = e->text; r < 0 && *p; p++)
		if ((unsigned char)*p < ' ' || *p == 127)
			return false;
	return !r || *e->text;
}

/* A life, in a process of its own; 0 when every error was clear. */
static int live(bool silent)
{
	Grpc__Process process = GRPC__PROCESS__INIT;
	char *args[] = {(char *)"true"};
	struct exec_options x = {.root = root, .id = "h1",
				 .process = &process, .detach = true};
	struct create_options o;
	int status = 0, r, bad = 0;
	struct err err = {0};

	(void)alarm(LIFE_MAX_S);
	process.args = args;
	process.n_args = 1;
	options(&o);
	r = client_create(&o, &err);
	bad |= !is_clear(r, &err);
	if (!r) {
		r = client_start(root, "h1", &err);
		bad |= !is_clear(r, &err) << 1;
		r = client_exec(&x, &status, &err);
		bad |= !is_clear(r, &err) << 2;
		/* Whom nobody answers, the supervisor kills: after 10 s. */
		r = silent ? client_kill(root, "h1", SIGKILL, false, &err) : 0;
		bad |= !is_clear(r, &err) << 3;
	}
	r = client_delete(root, "h1", true, &err);
	if (r < 0)
		fprintf(stderr, "# delete: %s\n", err.text);
	return bad | (r < 0) << 4;
}

/* What the sanitizers said, if anything, is in the record's log. */
static void assert_sane(const char *what)
{
	struct json_object *o = NULL;
	struct err err = {0};
	const char *text;

	assert_int_equal(record_load(root, "h1", &o, &err), 0);
	text = json_object_to_json_string(json_object_object_get(o, "log"));
	if (strstr(text, "Sanitizer") || strstr(text, "runtime error") ||
	    strstr(text, "assert"))
		fail_msg("%s: %s", what, text);
	json_object_put(o);
}

static void check(const char *kind, unsigned int at)
{
	int null = open("/dev/null", O_RDWR), status = 0;
	struct rusage usage;
	char fault[64];
	pid_t pid;

	(void)snprintf(fault, sizeof(fault), "%s %u", kind, at);
	put_file("fault", fault);
	pid = fork();
	if (!pid) {
		(void)dup2(null, 0);
		(void)dup2(null, 1);
		_exit(live(!strcmp(kind, "silent")));
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status))
		fail_msg("%s: status 0x%x", fault, status);
	while (waitpid(-1, NULL, 0) > 0)
		;
	assert_int_equal(getrusage(RUSAGE_CHILDREN, &usage), 0);
	if (usage.ru_maxrss > RSS_MAX_KIB)
		fail_msg("%s: %ld KiB", fault, usage.ru_maxrss);
	assert_sane(fault);
	assert_clean();
	close(null);
}

/* The answers of a life are a dozen: Check, SetGuestDateTime, ReseedRandomDev,
 * CreateSandbox, CreateContainer, StartContainer, exec, streams, signals. */
#define ANSWERS 12

static void check_all(const char *kind, unsigned int step)
{
	unsigned int at;

	for (at = 0; at < ANSWERS; at += step)
		check(kind, at);
}

#define HOSTILE(name, kind, step)                                              \
	static void test_##name(void **state UNUSED)                           \
	{                                                                      \
		check_all(kind, step);                                         \
	}

HOSTILE(garbage, "garbage", 3)
HOSTILE(huge, "huge", 4)
HOSTILE(streams, "streams", 3)
HOSTILE(others, "others", 2)
HOSTILE(silent, "silent", 4)
HOSTILE(half, "half", 5)
HOSTILE(half_close, "half-close", 3)
HOSTILE(flood, "flood", 5)
HOSTILE(twice, "twice", 3)
HOSTILE(types, "types", 4)
HOSTILE(long, "long", 3)
HOSTILE(error, "error", 3)
HOSTILE(flips, "flips", 2)

static int group_setup(void **state UNUSED)
{
	/* What is freed shall not count as held. */
	(void)setenv("ASAN_OPTIONS", "quarantine_size_mb=8", 1);
	if (fake_host_setup() < 0)
		return -1;
	put_file("bundle/config.json",
		 "{\"ociVersion\":\"1.0.2\",\"process\":{\"terminal\":false,"
		 "\"user\":{\"uid\":0,\"gid\":0},\"args\":[\"sleep\",\"1000\"],"
		 "\"env\":[],\"cwd\":\"/\"},\"root\":{\"path\":\"rootfs\"},"
		 "\"hostname\":\"h\",\"mounts\":[],"
		 "\"linux\":{\"namespaces\":[{\"type\":\"network\"}]}}");
	return 0;
}

int main(int argc, char **argv)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_garbage),
		cmocka_unit_test(test_huge),
		cmocka_unit_test(test_streams),
		cmocka_unit_test(test_others),
		cmocka_unit_test(test_silent),
		cmocka_unit_test(test_half),
		cmocka_unit_test(test_half_close),
		cmocka_unit_test(test_flood),
		cmocka_unit_test(test_twice),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_long),
		cmocka_unit_test(test_error),
		cmocka_unit_test(test_flips),
	};

	fake_stream = hostile_stream;
	return fake_host_main(argc, argv, tests, ARRAY_SIZE(tests),
			      group_setup);
}
