// SPDX-License-Identifier: Apache-2.0
/* StatsContainer: the files of cgroup v2 in the terms of the protocol. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "container.h"
#include "os/io.h"
#include "rpc.h"

#define STAT_MAX 65536
#define ENTRIES_MAX 1024 /* of one list */
#define HUGETLB_MAX 16

/* All that a reply points to, and that is not on the stack. */
struct stats {
	char *memory_text; /* memory.stat, cut into its words */
	Grpc__MemoryStats__StatsEntry *memory_at, **memory_list;
	Grpc__BlkioStatsEntry *io_at, **io_bytes, **io_counts;
	size_t n_io;
	Grpc__CgroupStats__HugetlbStatsEntry huge_at[HUGETLB_MAX];
	Grpc__CgroupStats__HugetlbStatsEntry *huge_list[HUGETLB_MAX];
	Grpc__HugetlbStats huge[HUGETLB_MAX];
	char huge_name[HUGETLB_MAX][16];
	size_t n_huge;
	char *net_text;
	Grpc__NetworkStats *net_at, **net_list;
	size_t n_net;
};

static void stats_release(struct stats *s)
{
	cleanup_freep(&s->memory_text);
	cleanup_freep(&s->memory_at);
	cleanup_freep(&s->memory_list);
	cleanup_freep(&s->io_at);
	cleanup_freep(&s->io_bytes);
	cleanup_freep(&s->io_counts);
	cleanup_freep(&s->net_text);
	cleanup_freep(&s->net_at);
	cleanup_freep(&s->net_list);
}

/* A value of the cgroup; 0 when the controller is not there. */
static uint64_t value(int fd, const char *file, const char *key)
{
	uint64_t v;

	return cgroup_read(fd, file, key, &v) < 0 ? 0 : v;
}

static size_t count_lines(const char *text)
{
	size_t n = 0;

	for (; *text; text++)
		n += *text == '\n';
	return MIN(n + 1, (size_t)ENTRIES_MAX);
}

static void read_memory_map(int fd, struct stats *s, Grpc__MemoryStats *m)
{
	char *rest, *line;
	size_t n, i = 0;

	if (read_file(fd, "memory.stat", STAT_MAX, &s->memory_text, NULL) < 0)
		return;
	n = count_lines(s->memory_text);
	s->memory_at = calloc(n, sizeof(*s->memory_at));
	s->memory_list = calloc(n, sizeof(*s->memory_list));
	if (!s->memory_at || !s->memory_list)
		return;
	for (rest = s->memory_text; i < n && (line = strsep(&rest, "\n"));) {
		const char *key = strsep(&line, " ");
		uint64_t v;

		if (!line || parse_u64(line, 10, &v) < 0)
			continue;
		grpc__memory_stats__stats_entry__init(&s->memory_at[i]);
		s->memory_at[i].key = (char *)(uintptr_t)key;
		s->memory_at[i].value = v;
		s->memory_list[i] = &s->memory_at[i];
		i++;
	}
	m->stats = s->memory_list;
	m->n_stats = i;
}

static void set_io(Grpc__BlkioStatsEntry *e, uint32_t major, uint32_t minor,
		   const char *op, uint64_t v)
{
	grpc__blkio_stats_entry__init(e);
	e->major = major;
	e->minor = minor;
	e->op = (char *)(uintptr_t)op;
	e->value = v;
}

/* "254:0 rbytes=1 wbytes=2 rios=3 wios=4 dbytes=5 dios=6" */
static void add_io_line(struct stats *s, char *line, size_t *bytes,
			size_t *counts, size_t max)
{
	static const struct {
		const char *key, *op;
		bool is_bytes;
	} keys[] = {
		{"rbytes", "Read", true},     {"wbytes", "Write", true},
		{"dbytes", "Discard", true},  {"rios", "Read", false},
		{"wios", "Write", false},     {"dios", "Discard", false},
	};
	char *number = strsep(&line, " "), *word;
	const char *major = strsep(&number, ":");
	uint32_t a, b;
	size_t i;

	if (!number || parse_u32(major, 10, &a) < 0 ||
	    parse_u32(number, 10, &b) < 0)
		return;
	while ((word = strsep(&line, " "))) {
		const char *key = strsep(&word, "=");
		uint64_t v;

		for (i = 0; word && i < ARRAY_SIZE(keys) && s->n_io < max;
		     i++) {
			Grpc__BlkioStatsEntry *e = &s->io_at[s->n_io];

			if (strcmp(key, keys[i].key) ||
			    parse_u64(word, 10, &v) < 0)
				continue;
			set_io(e, a, b, keys[i].op, v);
			s->n_io++;
			if (keys[i].is_bytes)
				s->io_bytes[(*bytes)++] = e;
			else
				s->io_counts[(*counts)++] = e;
		}
	}
}

static void read_io(int fd, struct stats *s, Grpc__BlkioStats *b)
{
	cleanup_free char *text = NULL;
	size_t max, bytes = 0, counts = 0;
	char *rest, *line;

	if (read_file(fd, "io.stat", STAT_MAX, &text, NULL) < 0)
		return;
	max = count_lines(text) * 6;
	s->io_at = calloc(max, sizeof(*s->io_at));
	s->io_bytes = calloc(max, sizeof(*s->io_bytes));
	s->io_counts = calloc(max, sizeof(*s->io_counts));
	if (!s->io_at || !s->io_bytes || !s->io_counts)
		return;
	for (rest = text; (line = strsep(&rest, "\n"));)
		add_io_line(s, line, &bytes, &counts, max);
	b->io_service_bytes_recursive = s->io_bytes;
	b->n_io_service_bytes_recursive = bytes;
	b->io_serviced_recursive = s->io_counts;
	b->n_io_serviced_recursive = counts;
}

/* One for each size of page: hugetlb.<size>.current &c. */
static void read_hugetlb(int fd, struct stats *s, Grpc__CgroupStats *stats)
{
	cleanup_closedir DIR *d = NULL;
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;

	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d)
		close_fd(&copy);
	while (d && s->n_huge < HUGETLB_MAX && (e = readdir(d))) {
		size_t n = strlen(e->d_name), i = s->n_huge;
		char file[64], *size = s->huge_name[i];

		if (n < 17 || strncmp(e->d_name, "hugetlb.", 8) ||
		    strcmp(e->d_name + n - 8, ".current") ||
		    n - 16 >= sizeof(s->huge_name[i]) ||
		    strchr(e->d_name + 8, '.') != e->d_name + n - 8)
			continue;
		memcpy(size, e->d_name + 8, n - 16);
		size[n - 16] = '\0';
		grpc__hugetlb_stats__init(&s->huge[i]);
		grpc__cgroup_stats__hugetlb_stats_entry__init(&s->huge_at[i]);
		s->huge[i].usage = value(fd, e->d_name, NULL);
		(void)snprintf(file, sizeof(file), "hugetlb.%s.events", size);
		s->huge[i].failcnt = value(fd, file, "max");
		s->huge_at[i].key = size;
		s->huge_at[i].value = &s->huge[i];
		s->huge_list[i] = &s->huge_at[i];
		s->n_huge++;
	}
	stats->hugetlb_stats = s->huge_list;
	stats->n_hugetlb_stats = s->n_huge;
}

/* "  eth0: rx-bytes packets errs drop fifo frame compressed multicast tx-…" */
static void add_net_line(struct stats *s, char *line, size_t max)
{
	char *name = strsep(&line, ":"), *word;
	uint64_t v[16] = {0};
	Grpc__NetworkStats *n = &s->net_at[s->n_net];
	size_t i = 0;

	name += strspn(name, " ");
	if (!line || s->n_net == max)
		return;
	while (i < ARRAY_SIZE(v) && (word = strsep(&line, " ")))
		if (*word && !parse_u64(word, 10, &v[i]))
			i++;
	if (i < 12)
		return;
	grpc__network_stats__init(n);
	n->name = name;
	n->rx_bytes = v[0];
	n->rx_packets = v[1];
	n->rx_errors = v[2];
	n->rx_dropped = v[3];
	n->tx_bytes = v[8];
	n->tx_packets = v[9];
	n->tx_errors = v[10];
	n->tx_dropped = v[11];
	s->net_list[s->n_net++] = n;
}

/* Of the network namespace that the container is in. */
static void read_net(const struct container *c, struct stats *s)
{
	char path[64], *rest, *line;
	size_t max;

	(void)snprintf(path, sizeof(path), "/proc/%d/net/dev",
		       (int)c->init->pid);
	if (c->init->state == PROCESS_EXITED ||
	    read_file(AT_FDCWD, path, STAT_MAX, &s->net_text, NULL) < 0)
		return;
	max = count_lines(s->net_text);
	s->net_at = calloc(max, sizeof(*s->net_at));
	s->net_list = calloc(max, sizeof(*s->net_list));
	if (!s->net_at || !s->net_list)
		return;
	for (rest = s->net_text; (line = strsep(&rest, "\n"));)
		add_net_line(s, line, max);
}

static void read_cpu(int fd, Grpc__CpuUsage *usage, Grpc__ThrottlingData *t)
{
	usage->total_usage = value(fd, "cpu.stat", "usage_usec") * 1000;
	usage->usage_in_usermode = value(fd, "cpu.stat", "user_usec") * 1000;
	usage->usage_in_kernelmode =
		value(fd, "cpu.stat", "system_usec") * 1000;
	t->periods = value(fd, "cpu.stat", "nr_periods");
	t->throttled_periods = value(fd, "cpu.stat", "nr_throttled");
	t->throttled_time = value(fd, "cpu.stat", "throttled_usec") * 1000;
}

static void read_memory(int fd, struct stats *s, Grpc__MemoryStats *memory)
{
	Grpc__MemoryData *ram = memory->usage, *swap = memory->swap_usage;

	ram->usage = value(fd, "memory.current", NULL);
	ram->max_usage = value(fd, "memory.peak", NULL);
	ram->limit = value(fd, "memory.max", NULL);
	ram->failcnt = value(fd, "memory.events", "max");
	swap->usage = value(fd, "memory.swap.current", NULL);
	swap->max_usage = value(fd, "memory.swap.peak", NULL);
	swap->limit = value(fd, "memory.swap.max", NULL);
	swap->failcnt = value(fd, "memory.swap.events", "max");
	memory->kernel_usage->usage = value(fd, "memory.stat", "kernel");
	memory->cache = value(fd, "memory.stat", "file");
	memory->use_hierarchy = true;
	read_memory_map(fd, s, memory);
}

void rpc_stats_container(struct agent *agent, struct ttrpc_call *call,
			 const ProtobufCMessage *request)
{
	cleanup(stats_release) struct stats s = {0};
	const Grpc__StatsContainerRequest *rq =
		(const Grpc__StatsContainerRequest *)request;
	Grpc__StatsContainerResponse response =
		GRPC__STATS_CONTAINER_RESPONSE__INIT;
	Grpc__CgroupStats stats = GRPC__CGROUP_STATS__INIT;
	Grpc__CpuStats cpu = GRPC__CPU_STATS__INIT;
	Grpc__CpuUsage usage = GRPC__CPU_USAGE__INIT;
	Grpc__ThrottlingData throttling = GRPC__THROTTLING_DATA__INIT;
	Grpc__MemoryStats memory = GRPC__MEMORY_STATS__INIT;
	Grpc__MemoryData ram = GRPC__MEMORY_DATA__INIT;
	Grpc__MemoryData swap = GRPC__MEMORY_DATA__INIT;
	Grpc__MemoryData kernel = GRPC__MEMORY_DATA__INIT;
	Grpc__PidsStats pids = GRPC__PIDS_STATS__INIT;
	Grpc__BlkioStats blkio = GRPC__BLKIO_STATS__INIT;
	int fd = rpc_find_cgroup(agent, rq->container_id, call);

	if (fd < 0)
		return;
	read_cpu(fd, &usage, &throttling);
	memory.usage = &ram;
	memory.swap_usage = &swap;
	memory.kernel_usage = &kernel;
	read_memory(fd, &s, &memory);
	pids.current = value(fd, "pids.current", NULL);
	pids.limit = value(fd, "pids.max", NULL);
	read_io(fd, &s, &blkio);
	read_hugetlb(fd, &s, &stats);
	read_net(sandbox_find(agent, rq->container_id), &s);
	cpu.cpu_usage = &usage;
	cpu.throttling_data = &throttling;
	stats.cpu_stats = &cpu;
	stats.memory_stats = &memory;
	stats.pids_stats = &pids;
	stats.blkio_stats = &blkio;
	response.cgroup_stats = &stats;
	response.network_stats = s.net_list;
	response.n_network_stats = s.n_net;
	ttrpc_reply(call, &response.base);
}
