// SPDX-License-Identifier: Apache-2.0
/* What a running container uses, once or again and again, as runc says it. */
#include <errno.h>
#include <string.h>
#include <time.h>

#include "base/num.h"
#include "codec/json.h"
#include "codec/ttrpc.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"

#define OUTPUT_MAX (1u << 20)
#define INTERVAL_DEFAULT_MS 5000
#define OOM_POLL_MS 500

/* Adds and returns VALUE: json-c hands the reference to the object. */
static json_object *add(json_object *o, const char *key, json_object *value)
{
	if (o)
		(void)json_object_object_add(o, key, value);
	return value;
}

static json_object *add_object(json_object *o, const char *key)
{
	return add(o, key, json_object_new_object());
}

static void add_number(json_object *o, const char *key, uint64_t n)
{
	(void)add(o, key, json_object_new_uint64(n));
}

static void add_cpu(json_object *data, const Grpc__CpuStats *s)
{
	json_object *cpu = add_object(data, "cpu"), *o;

	if (s && s->cpu_usage) {
		o = add_object(cpu, "usage");
		add_number(o, "total", s->cpu_usage->total_usage);
		add_number(o, "kernel", s->cpu_usage->usage_in_kernelmode);
		add_number(o, "user", s->cpu_usage->usage_in_usermode);
	}
	o = add_object(cpu, "throttling");
	if (s && s->throttling_data) {
		add_number(o, "periods", s->throttling_data->periods);
		add_number(o, "throttledPeriods",
			   s->throttling_data->throttled_periods);
		add_number(o, "throttledTime",
			   s->throttling_data->throttled_time);
	}
}

static void add_usage(json_object *o, const char *key,
		      const Grpc__MemoryData *s)
{
	json_object *usage;

	if (!s)
		return;
	usage = add_object(o, key);
	add_number(usage, "usage", s->usage);
	add_number(usage, "max", s->max_usage);
	add_number(usage, "failcnt", s->failcnt);
	add_number(usage, "limit", s->limit);
}

static void add_memory(json_object *data, const Grpc__MemoryStats *s)
{
	json_object *memory = add_object(data, "memory"), *raw;
	size_t i;

	if (!s)
		return;
	add_number(memory, "cache", s->cache);
	add_usage(memory, "usage", s->usage);
	add_usage(memory, "swap", s->swap_usage);
	add_usage(memory, "kernel", s->kernel_usage);
	raw = add_object(memory, "raw");
	for (i = 0; i < s->n_stats; i++)
		add_number(raw, s->stats[i]->key, s->stats[i]->value);
}

static void add_networks(json_object *data,
			 const Grpc__StatsContainerResponse *s)
{
	json_object *list = add(data, "network_interfaces",
				json_object_new_array());
	size_t i;

	for (i = 0; i < s->n_network_stats; i++) {
		const Grpc__NetworkStats *n = s->network_stats[i];
		json_object *o = json_object_new_object();

		(void)add(o, "Name", json_object_new_string(n->name));
		add_number(o, "RxBytes", n->rx_bytes);
		add_number(o, "RxPackets", n->rx_packets);
		add_number(o, "RxErrors", n->rx_errors);
		add_number(o, "RxDropped", n->rx_dropped);
		add_number(o, "TxBytes", n->tx_bytes);
		add_number(o, "TxPackets", n->tx_packets);
		add_number(o, "TxErrors", n->tx_errors);
		add_number(o, "TxDropped", n->tx_dropped);
		(void)json_object_array_add(list, o);
	}
}

static int print_stats(const char *id, const Grpc__StatsContainerResponse *s,
		       struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	cleanup_json json_object *doc = json_object_new_object();
	const Grpc__CgroupStats *c = s->cgroup_stats;
	json_object *data, *pids;
	int r;

	(void)add(doc, "type", json_object_new_string("stats"));
	(void)add(doc, "id", json_object_new_string(id));
	data = add_object(doc, "data");
	add_cpu(data, c ? c->cpu_stats : NULL);
	add_memory(data, c ? c->memory_stats : NULL);
	pids = add_object(data, "pids");
	if (c && c->pids_stats) {
		add_number(pids, "current", c->pids_stats->current);
		add_number(pids, "limit", c->pids_stats->limit);
	}
	add_networks(data, s);
	r = doc ? json_write(doc, false, &out) : -ENOMEM;
	if (r == 0)
		r = buf_put_u8(&out, '\n');
	if (r < 0)
		return err_code(reterr, r, "JSON output");
	return cli_print(buf_data(&out), out.len, reterr);
}

static int show_once(const struct cli *cli, const char *id, struct err *reterr)
{
	Grpc__StatsContainerResponse *stats = NULL;
	int r = client_stats(cli->root, id, &stats, reterr);

	if (r < 0)
		return r;
	r = print_stats(id, stats, reterr);
	proto_free(&stats->base);
	return r;
}

/* "5s", "100ms", "2m". */
static int parse_interval(const char *text, uint32_t *ret_ms,
			  struct err *reterr)
{
	static const struct {
		const char *unit;
		uint32_t ms;
	} units[] = {{"ms", 1}, {"s", 1000}, {"m", 60000}};
	size_t digits = strspn(text, "0123456789"), i;
	char number[16];
	uint32_t n;

	for (i = 0; i < ARRAY_SIZE(units); i++) {
		if (strcmp(text + digits, units[i].unit) ||
		    digits >= sizeof(number))
			continue;
		memcpy(number, text, digits);
		number[digits] = '\0';
		if (parse_u32(number, 10, &n) < 0 || !n || n > 86400)
			break;
		*ret_ms = n * units[i].ms;
		return 0;
	}
	return err_set(reterr, -EINVAL,
		       "option --interval: '%s' is no duration such as 5s or "
		       "100ms", text);
}

static bool is_over(const struct cli *cli, const char *id)
{
	struct container_state s;
	struct err ignored;
	bool over;

	if (client_state(cli->root, id, &s, &ignored) < 0)
		return true;
	over = !strcmp(s.status, "stopped");
	container_state_release(&s);
	return over;
}

static int print_ooms(const struct cli *cli, const char *id, uint64_t *seen,
		      struct err *reterr)
{
	uint64_t now = *seen;
	int r = client_ooms(cli->root, id, &now, reterr);

	for (; r == 0 && *seen < now; (*seen)++)
		if (printf("{\"type\":\"oom\",\"id\":\"%s\"}\n", id) < 0 ||
		    fflush(stdout) != 0)
			return err_set(reterr, -EIO,
				       "write to standard output failed");
	return r;
}

/* Waits for MS, and tells meanwhile what cannot. 1 when it is over. */
static int watch(const struct cli *cli, const char *id, uint32_t ms,
		 uint64_t *ooms, struct err *reterr)
{
	int r = 0;

	while (ms && r == 0) {
		uint32_t step = MIN(ms, (uint32_t)OOM_POLL_MS);
		struct timespec pause = {step / 1000,
					 (long)(step % 1000) * 1000000L};

		(void)nanosleep(&pause, NULL);
		ms -= step;
		r = print_ooms(cli, id, ooms, reterr);
		/* It may end between the question and the answer. */
		if (is_over(cli, id))
			return 1;
	}
	return r;
}

int verb_events(const struct cli *cli, const struct verb_options *o,
		int argc UNUSED, char **argv, struct err *reterr)
{
	uint32_t ms = INTERVAL_DEFAULT_MS;
	uint64_t ooms = 0;
	int r = cli_check_id(argv[0], reterr);

	if (r == 0 && o->interval)
		r = parse_interval(o->interval, &ms, reterr);
	if (r < 0)
		return r;
	r = show_once(cli, argv[0], reterr);
	while (r == 0 && !o->stats) {
		r = watch(cli, argv[0], ms, &ooms, reterr);
		if (r)
			break;
		r = show_once(cli, argv[0], reterr);
		/* It may end between the question and the answer. */
		if (r < 0 && is_over(cli, argv[0]))
			return 0;
	}
	return r < 0 ? r : 0;
}
