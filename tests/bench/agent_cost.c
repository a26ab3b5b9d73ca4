// SPDX-License-Identifier: Apache-2.0
/*
 * agent-cost SOCKET [RUNS]: what an exec costs in a guest with /rootfs, by the
 * socket of its agent, against a shell's fork and exec of the same program in
 * the same guest: in turns, the median of RUNS. And what the agent weighs: idle,
 * after 1,000 execs, with 10 containers. One object of JSON.
 *
 * The time of processors (that of the agent and of all that it has reaped)
 * does not depend on what else the host does; the time that passes does, and has
 * the way to the host and back in it, of two calls an exec.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/macros.h"
#include "tests/protocol/client.h"

#define ROUND 100 /* execs */
#define RUNS_MAX 99
#define MANY 1000
#define CONTAINERS 10

static struct client c;
static struct spec S;

static void fail(const char *what)
{
	(void)fprintf(stderr, "agent-cost: %s: %s\n", what, client_text);
	exit(EXIT_FAILURE);
}

static int connect_to(const char *path)
{
	struct sockaddr_un address = {.sun_family = AF_UNIX};
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), i;

	(void)snprintf(address.sun_path, sizeof(address.sun_path), "%s", path);
	for (i = 0; i < 2400; i++) {
		if (connect(fd, (struct sockaddr *)&address,
			    sizeof(address)) == 0)
			return fd;
		(void)usleep(50000);
	}
	return -1;
}

static void run_one(const char *id, struct spec *s)
{
	if (client_exec(&c, "c", id, s) || client_wait_process(&c, "c", id))
		fail("exec");
}

/* The agent's own time and that of its children, in ticks of the guest. */
static unsigned long ticks(void)
{
	static struct spec s;
	unsigned long t[4] = {0};
	char *text;

	spec_init(&s, "/rootfs", "cut -d' ' -f14-17 /agent/1/stat");
	if (client_exec(&c, "c", "ticks", &s))
		fail("read the agent's time");
	text = client_read_all(&c, "c", "ticks", false, NULL);
	if (!text || client_wait_process(&c, "c", "ticks") ||
	    sscanf(text, "%lu %lu %lu %lu", &t[0], &t[1], &t[2], &t[3]) != 4)
		fail("read the agent's time");
	free(text);
	return t[0] + t[1] + t[2] + t[3];
}

static long rss_kib(void)
{
	static const char key[] = "\nkata_agent_proc_status{item=\"VmRSS\"} ";
	Grpc__GetMetricsRequest rq = GRPC__GET_METRICS_REQUEST__INIT;
	ProtobufCMessage *m;
	const char *at;
	long rss;

	if (client_call(&c, "GetMetrics", &rq.base, &grpc__metrics__descriptor,
			&m))
		fail("metrics");
	at = strstr(((Grpc__Metrics *)m)->metrics, key);
	rss = at ? strtol(at + sizeof(key) - 1, NULL, 10) : -1;
	proto_free(m);
	return rss;
}

static void add_container(const char *id, bool sees_agent)
{
	spec_init(&S, "/rootfs", "exec sleep 100000");
	if (sees_agent)
		spec_mount(&S, "/agent", "bind", "/proc", "rbind,ro");
	if (client_create(&c, id, &S, NULL, 0) ||
	    client_start_container(&c, id))
		fail("container");
}

struct cost {
	double wall_us, cpu_us;
};

static struct cost per_exec(uint64_t start_ms, unsigned long start_ticks)
{
	/* 100 ticks a second, whatever the kernel's own rate. */
	return (struct cost){
		.wall_us = (double)(event_now_ms() - start_ms) * 1000 / ROUND,
		.cpu_us = (double)(ticks() - start_ticks) * 10000 / ROUND,
	};
}

static struct cost by_shell(void)
{
	static struct spec s;
	unsigned long before;
	uint64_t start;

	spec_init(&s, "/rootfs", "i=0; while [ $i -lt 100 ]; do /bin/true; "
				 "i=$((i+1)); done");
	before = ticks();
	start = event_now_ms();
	run_one("shell", &s);
	return per_exec(start, before);
}

static struct cost by_agent(void)
{
	static struct spec s;
	unsigned long before;
	uint64_t start;
	int i;

	spec_init(&s, "/rootfs", "");
	s.args[0] = (char *)(uintptr_t)"/bin/true";
	s.process.n_args = 1;
	before = ticks();
	start = event_now_ms();
	for (i = 0; i < ROUND; i++)
		run_one("e", &s);
	return per_exec(start, before);
}

static int compare(const void *a, const void *b)
{
	const double *x = a, *y = b;

	return *x < *y ? -1 : *x > *y;
}

static double median(double *v, int n)
{
	qsort(v, (size_t)n, sizeof(*v), compare);
	return v[n / 2];
}

static void measure_execs(int runs)
{
	static double v[6][RUNS_MAX];
	int i;

	for (i = 0; i < runs; i++) {
		struct cost shell = by_shell(), agent = by_agent();

		v[0][i] = shell.wall_us;
		v[1][i] = agent.wall_us;
		v[2][i] = agent.wall_us / shell.wall_us;
		v[3][i] = shell.cpu_us;
		v[4][i] = agent.cpu_us;
		v[5][i] = shell.cpu_us > 0 ? agent.cpu_us / shell.cpu_us : 0;
	}
	printf("\"fork_exec_us\": %.0f, \"exec_us\": %.0f, "
	       "\"exec_ratio\": %.2f, \"fork_exec_cpu_us\": %.0f, "
	       "\"exec_cpu_us\": %.0f, \"exec_cpu_ratio\": %.2f, ",
	       median(v[0], runs), median(v[1], runs), median(v[2], runs),
	       median(v[3], runs), median(v[4], runs), median(v[5], runs));
}

static void measure_memory(long idle)
{
	static struct spec s;
	long before = rss_kib();
	char id[16];
	int i;

	spec_init(&s, "/rootfs", "");
	s.args[0] = (char *)(uintptr_t)"/bin/true";
	s.process.n_args = 1;
	for (i = 0; i < MANY; i++) {
		(void)snprintf(id, sizeof(id), "m%d", i);
		run_one(id, &s);
	}
	printf("\"rss_idle_kib\": %ld, \"rss_before_execs_kib\": %ld, "
	       "\"rss_after_1000_execs_kib\": %ld, ", idle, before, rss_kib());
	for (i = 1; i < CONTAINERS; i++) {
		(void)snprintf(id, sizeof(id), "c%d", i);
		add_container(id, false);
	}
	printf("\"rss_10_containers_kib\": %ld}\n", rss_kib());
}

int main(int argc, char **argv)
{
	Grpc__DestroySandboxRequest destroy =
		GRPC__DESTROY_SANDBOX_REQUEST__INIT;
	int runs = argc > 2 ? atoi(argv[2]) : 5;
	int fd = argc > 1 ? connect_to(argv[1]) : -1;
	long idle;

	if (fd < 0 || client_open(&c, fd) < 0 || runs < 1 || runs > RUNS_MAX) {
		(void)fprintf(stderr, "usage: agent-cost SOCKET [RUNS]\n");
		return EXIT_FAILURE;
	}
	c.timeout_ms = 300000;
	if (client_create_sandbox(&c))
		fail("sandbox");
	idle = rss_kib();
	add_container("c", true);
	printf("{");
	measure_execs(runs);
	measure_memory(idle);
	(void)client_call(&c, "DestroySandbox", &destroy.base,
			  &grpc__empty__descriptor, NULL);
	client_close(&c);
	return EXIT_SUCCESS;
}
