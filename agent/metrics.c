// SPDX-License-Identifier: Apache-2.0
#include "metrics.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "os/io.h"

#define FILE_MAX ((size_t)256 << 10)
#define FIELDS_MAX 64

static char *load(const char *path)
{
	char *text;

	return read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) < 0 ? NULL
								    : text;
}

static void head(struct buf *b, const char *name, const char *help,
		 const char *type)
{
	(void)buf_printf(b, "# HELP %s %s\n# TYPE %s %s\n", name, help, name,
			 type);
}

static bool is_number(const char *s)
{
	size_t n = strspn(s, "0123456789.");

	return n && !s[n];
}

/* Label values come from the kernel, but names of interfaces and disks are of
 * the host's choosing. */
static void put_label(struct buf *b, const char *key, const char *value,
		      const char *end)
{
	(void)buf_printf(b, "%s=\"", key);
	for (; *value; value++) {
		if (*value == '"' || *value == '\\')
			(void)buf_put_u8(b, '\\');
		if ((unsigned char)*value >= ' ')
			(void)buf_put_u8(b, (uint8_t)*value);
	}
	(void)buf_printf(b, "\"%s", end);
}

static void sample(struct buf *b, const char *name, const char *key,
		   const char *of, const char *item, const char *value)
{
	if (!is_number(value))
		return;
	(void)buf_printf(b, "%s{", name);
	if (key)
		put_label(b, key, of, ",");
	put_label(b, "item", item, "} ");
	(void)buf_printf(b, "%s\n", value);
}

/* Words of a line; how many. */
static size_t split(char *line, const char *separators, char **ret, size_t max)
{
	char *word;
	size_t n = 0;

	while (n < max && (word = strsep(&line, separators)))
		if (*word)
			ret[n++] = word;
	return n;
}

/* "key value" or "Key:   value kB" lines. */
static void put_keyed(struct buf *b, const char *name, const char *help,
		      const char *path)
{
	cleanup_free char *text = load(path);
	char *rest = text, *line, *w[3];

	head(b, name, help, "gauge");
	while (rest && (line = strsep(&rest, "\n")))
		if (split(line, ": \t", w, ARRAY_SIZE(w)) >= 2)
			sample(b, name, NULL, NULL, w[0], w[1]);
}

static void put_load(struct buf *b)
{
	static const char *const items[] = {"load1", "load5", "load15"};
	cleanup_free char *text = load("/proc/loadavg");
	char *w[8];
	size_t i;

	if (!text || split(text, " /\n", w, ARRAY_SIZE(w)) < 5)
		return;
	head(b, "kata_guest_load", "Guest system load.", "gauge");
	for (i = 0; i < ARRAY_SIZE(items); i++)
		sample(b, "kata_guest_load", NULL, NULL, items[i], w[i]);
	head(b, "kata_guest_tasks", "Guest system load.", "gauge");
	sample(b, "kata_guest_tasks", NULL, NULL, "cur", w[3]);
	sample(b, "kata_guest_tasks", NULL, NULL, "max", w[4]);
}

static void put_cpu(struct buf *b)
{
	static const char *const items[] = {
		"user", "nice", "system", "idle", "iowait", "irq", "softirq",
		"steal", "guest", "guest_nice",
	};
	cleanup_free char *text = load("/proc/stat");
	char *rest = text, *line, *w[16];

	head(b, "kata_guest_cpu_time", "Guest CPU statistics.", "gauge");
	while (rest && (line = strsep(&rest, "\n"))) {
		size_t i, n;

		if (strncmp(line, "cpu", 3))
			continue;
		n = split(line, " ", w, ARRAY_SIZE(w));
		for (i = 1; i < n && i <= ARRAY_SIZE(items); i++)
			sample(b, "kata_guest_cpu_time", "cpu",
			       w[0][3] ? w[0] + 3 : "total", items[i - 1],
			       w[i]);
	}
}

static void put_net(struct buf *b)
{
	static const char *const items[] = {
		"recv_bytes", "recv_packets", "recv_errs", "recv_drop",
		"recv_fifo", "recv_frame", "recv_compressed", "recv_multicast",
		"sent_bytes", "sent_packets", "sent_errs", "sent_drop",
		"sent_fifo", "sent_colls", "sent_carrier", "sent_compressed",
	};
	cleanup_free char *text = load("/proc/net/dev");
	char *rest = text, *line, *w[24];

	head(b, "kata_guest_netdev_stat", "Guest net devices statistics.",
	     "gauge");
	while (rest && (line = strsep(&rest, "\n"))) {
		size_t i, n;

		if (strchr(line, '|'))
			continue;
		n = split(line, ": ", w, ARRAY_SIZE(w));
		for (i = 1; i < n && i <= ARRAY_SIZE(items); i++)
			sample(b, "kata_guest_netdev_stat", "interface", w[0],
			       items[i - 1], w[i]);
	}
}

static void put_disks(struct buf *b)
{
	static const char *const items[] = {
		"reads", "merged", "sectors_read", "time_reading", "writes",
		"writes_merged", "sectors_written", "time_writing",
		"in_progress", "time_in_progress", "weighted_time_in_progress",
		"discards", "discards_merged", "sectors_discarded",
		"time_discarding", "flushes", "time_flushing",
	};
	cleanup_free char *text = load("/proc/diskstats");
	char *rest = text, *line, *w[24];

	head(b, "kata_guest_diskstat", "Disks statistics in system.", "gauge");
	while (rest && (line = strsep(&rest, "\n"))) {
		size_t i, n = split(line, " ", w, ARRAY_SIZE(w));

		for (i = 3; i < n && i < ARRAY_SIZE(items) + 3; i++)
			sample(b, "kata_guest_diskstat", "disk", w[2],
			       items[i - 3], w[i]);
	}
}

static void put_usage(struct buf *b, const char *name, const char *point,
		      uint64_t total, uint64_t used, uint64_t available)
{
	const struct {
		const char *item;
		uint64_t value;
	} items[] = {{"total", total}, {"used", used},
		     {"available", available}};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(items); i++) {
		(void)buf_printf(b, "%s{", name);
		put_label(b, "mount_point", point, ",");
		put_label(b, "item", items[i].item, "} ");
		(void)buf_printf(b, "%llu\n",
				 (unsigned long long)items[i].value);
	}
}

/* The guest's own: what a share says is up to the host, and may block. */
static void put_filesystems(struct buf *b)
{
	static const char *const points[] = {"/", "/run", "/tmp", "/dev/shm"};
	static const char bytes[] = "kata_guest_filesystem_bytes";
	static const char inodes[] = "kata_guest_filesystem_inodes";
	struct statvfs st;
	size_t i;

	head(b, bytes, "Guest filesystem usage in bytes.", "gauge");
	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (statvfs(points[i], &st) == 0)
			put_usage(b, bytes, points[i],
				  st.f_blocks * st.f_frsize,
				  (st.f_blocks - st.f_bfree) * st.f_frsize,
				  st.f_bavail * st.f_frsize);
	head(b, inodes, "Guest filesystem usage in inodes.", "gauge");
	for (i = 0; i < ARRAY_SIZE(points); i++)
		if (statvfs(points[i], &st) == 0)
			put_usage(b, inodes, points[i], st.f_files,
				  st.f_files - st.f_ffree, st.f_favail);
}

static void single(struct buf *b, const char *name, const char *help,
		   double value)
{
	head(b, name, help, "gauge");
	(void)buf_printf(b, "%s %.2f\n", name, value);
}

/* The agent's own, of /proc/self/stat: the name in there may hold anything. */
static void put_self_stat(struct buf *b)
{
	static const struct {
		const char *item;
		size_t field; /* of proc(5), less the three of "pid (name) " */
	} items[] = {
		{"utime", 11}, {"stime", 12}, {"cutime", 13}, {"cstime", 14},
	};
	const double hz = (double)sysconf(_SC_CLK_TCK);
	const double page = (double)sysconf(_SC_PAGESIZE);
	cleanup_free char *text = load("/proc/self/stat");
	char *w[FIELDS_MAX], *p = text ? strrchr(text, ')') : NULL;
	size_t i;

	if (!p || split(p + 1, " \n", w, FIELDS_MAX) < 22)
		return;
	single(b, "kata_agent_threads", "Agent process threads.",
	       strtod(w[17], NULL));
	single(b, "kata_agent_total_time", "Agent process total time.",
	       (strtod(w[11], NULL) + strtod(w[12], NULL)) / hz);
	single(b, "kata_agent_total_vm", "Agent process total VM size.",
	       strtod(w[20], NULL));
	single(b, "kata_agent_total_rss", "Agent process total RSS size.",
	       strtod(w[21], NULL) * page);
	head(b, "kata_agent_proc_stat", "Agent process statistics.", "gauge");
	for (i = 0; i < ARRAY_SIZE(items); i++)
		sample(b, "kata_agent_proc_stat", NULL, NULL, items[i].item,
		       w[items[i].field]);
}

int metrics_write(struct buf *b, unsigned long scrapes)
{
	head(b, "kata_agent_scrape_count", "Metrics scrape count", "counter");
	(void)buf_printf(b, "kata_agent_scrape_count %lu\n", scrapes);
	put_self_stat(b);
	put_keyed(b, "kata_agent_proc_status", "Agent process status.",
		  "/proc/self/status");
	put_keyed(b, "kata_agent_io_stat", "Agent process IO statistics.",
		  "/proc/self/io");
	put_load(b);
	put_cpu(b);
	put_keyed(b, "kata_guest_vm_stat", "Guest virtual memory statistics.",
		  "/proc/vmstat");
	put_net(b);
	put_disks(b);
	put_keyed(b, "kata_guest_meminfo", "Statistics about memory usage in "
		  "the system.", "/proc/meminfo");
	put_filesystems(b);
	return buf_error(b);
}
