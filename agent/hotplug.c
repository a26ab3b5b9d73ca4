// SPDX-License-Identifier: Apache-2.0
#include "hotplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "os/io.h"
#include "proto/agent.pb-c.h"

#define POLL_MS 50
#define ATTEMPTS 100

struct job {
	struct agent *agent;
	struct ttrpc_call *call;
	struct event_timer *timer;
	uint32_t wanted;
	unsigned int attempts;
	bool exact; /* of WANTED processors: no more, no fewer; 0: any */
	uint64_t memory_mib; /* EXACT: at least so much */
};

/* Writes "1" to each SUBDIR/PREFIX<n>/online that says "0"; how many took. */
static uint32_t online_all(const char *sysfs, const char *subdir,
			   const char *prefix)
{
	cleanup_free char *path = path_join(sysfs, subdir);
	cleanup_closedir DIR *d = path ? opendir(path) : NULL;
	size_t n = strlen(prefix);
	struct dirent *e;
	uint32_t count = 0;

	while (d && (e = readdir(d))) {
		cleanup_free char *file = NULL, *text = NULL;

		if (strncmp(e->d_name, prefix, n) || e->d_name[n] < '0' ||
		    e->d_name[n] > '9')
			continue;
		if (asprintf(&file, "%s/online", e->d_name) < 0 ||
		    read_file(dirfd(d), file, 64, &text, NULL) < 0)
			continue;
		if (*text == '0' && !write_file(dirfd(d), file, "1"))
			count++;
	}
	return count;
}

#define CPUS_MAX 4096

/* Which of the processors are on line, as far as they have a file that says so:
 * the one that booted may have none. *RET_TOP is the highest that is on line
 * and may go off, *RET_FREE the lowest that is off; -1: none. */
static uint32_t count_online(DIR *d, int *ret_top, int *ret_free)
{
	uint32_t count = 0;
	struct dirent *e;

	*ret_top = *ret_free = -1;
	while ((e = readdir(d))) {
		cleanup_free char *text = NULL;
		char file[32];
		uint32_t n;

		if (strncmp(e->d_name, "cpu", 3) ||
		    parse_u32(e->d_name + 3, 10, &n) < 0 || n >= CPUS_MAX)
			continue;
		(void)snprintf(file, sizeof(file), "cpu%u/online", n);
		if (read_file(dirfd(d), file, 64, &text, NULL) < 0) {
			count++;
		} else if (*text == '0') {
			if (*ret_free < 0 || (int)n < *ret_free)
				*ret_free = (int)n;
		} else {
			count++;
			*ret_top = (int)n > *ret_top ? (int)n : *ret_top;
		}
	}
	return count;
}

/* One step towards WANTED; how many are on line after it. */
static uint32_t step_cpus(const char *sysfs, uint32_t wanted, bool *ret_moved)
{
	cleanup_free char *path = path_join(sysfs, "devices/system/cpu");
	cleanup_closedir DIR *d = path ? opendir(path) : NULL;
	int top, free;
	uint32_t count;
	char file[32];

	*ret_moved = false;
	if (!d)
		return 0;
	count = count_online(d, &top, &free);
	if (count < wanted && free >= 0) {
		(void)snprintf(file, sizeof(file), "cpu%d/online", free);
		*ret_moved = !write_file(dirfd(d), file, "1");
		return count + *ret_moved;
	}
	if (count > wanted && top >= 0) {
		(void)snprintf(file, sizeof(file), "cpu%d/online", top);
		*ret_moved = !write_file(dirfd(d), file, "0");
		return count - *ret_moved;
	}
	return count;
}

static void job_end(struct job *job, bool ok)
{
	Grpc__Empty empty = GRPC__EMPTY__INIT;

	if (ok)
		ttrpc_reply(job->call, &empty.base);
	else
		ttrpc_reply_error(job->call, TTRPC_DEADLINE_EXCEEDED,
				  "%u processors did not appear", job->wanted);
	event_timer_free(job->timer);
	free(job);
}

/* MiB of the memory blocks that are on line. */
static uint64_t count_memory(const char *sysfs)
{
	cleanup_free char *path = path_join(sysfs, "devices/system/memory");
	cleanup_closedir DIR *d = path ? opendir(path) : NULL;
	cleanup_free char *size = NULL;
	uint64_t bytes = 0, count = 0;
	struct dirent *e;

	if (!d ||
	    read_file(dirfd(d), "block_size_bytes", 64, &size, NULL) < 0)
		return 0;
	size[strcspn(size, "\n")] = '\0';
	if (parse_u64(size, 16, &bytes) < 0)
		return 0;
	while ((e = readdir(d))) {
		cleanup_free char *file = NULL, *text = NULL;

		if (strncmp(e->d_name, "memory", 6) || e->d_name[6] < '0' ||
		    e->d_name[6] > '9')
			continue;
		if (asprintf(&file, "%s/online", e->d_name) < 0)
			return 0;
		if (read_file(dirfd(d), file, 64, &text, NULL) == 0)
			count += *text == '1';
	}
	return count * (bytes >> 20);
}

/* True when all is as wanted; else RET_CPUS and RET_MIB are what there is. */
static bool settle(const struct job *job, uint32_t *ret_cpus, uint64_t *ret_mib)
{
	const char *sysfs = job->agent->sysfs;
	bool moved = job->wanted != 0;

	*ret_cpus = 0;
	while (moved)
		*ret_cpus = step_cpus(sysfs, job->wanted, &moved);
	*ret_mib = job->memory_mib;
	if (job->memory_mib) {
		(void)online_all(sysfs, "devices/system/memory", "memory");
		*ret_mib = count_memory(sysfs);
	}
	return *ret_cpus == job->wanted && *ret_mib >= job->memory_mib;
}

static void poll_exact(struct job *job)
{
	uint64_t mib;
	uint32_t n;

	if (settle(job, &n, &mib)) {
		job_end(job, true);
		return;
	}
	if (++job->attempts < ATTEMPTS) {
		event_timer_set(job->timer, POLL_MS);
		return;
	}
	ttrpc_reply_error(job->call, TTRPC_DEADLINE_EXCEEDED,
			  "%u processors are on line instead of %u, %" PRIu64
			  " MiB of memory instead of %" PRIu64, n, job->wanted,
			  mib, job->memory_mib);
	event_timer_free(job->timer);
	free(job);
}

static void on_poll(void *arg)
{
	struct job *job = arg;
	uint32_t n;

	if (job->exact) {
		poll_exact(job);
		return;
	}
	n = online_all(job->agent->sysfs, "devices/system/cpu", "cpu");
	job->wanted = n >= job->wanted ? 0 : job->wanted - n;
	if (!job->wanted)
		job_end(job, true);
	else if (++job->attempts >= ATTEMPTS)
		job_end(job, false);
	else
		event_timer_set(job->timer, POLL_MS);
}

static struct job *job_new(struct agent *agent, struct ttrpc_call *call,
			   uint32_t wanted)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->timer = event_timer_new(agent->loop, on_poll, job);
	if (!job || !job->timer) {
		free(job);
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
		return NULL;
	}
	job->agent = agent;
	job->call = call;
	job->wanted = wanted;
	return job;
}

void hotplug_online(struct agent *agent, struct ttrpc_call *call,
		    uint32_t wanted, bool cpu_only)
{
	struct job *job = job_new(agent, call, wanted);

	if (!job)
		return;
	if (!cpu_only)
		(void)online_all(agent->sysfs, "devices/system/memory",
				 "memory");
	on_poll(job);
}

void hotplug_settle(struct agent *agent, struct ttrpc_call *call,
		    uint32_t cpus, uint64_t memory_mib)
{
	struct job *job = job_new(agent, call, cpus);

	if (!job)
		return;
	job->exact = true;
	job->memory_mib = memory_mib;
	on_poll(job);
}
