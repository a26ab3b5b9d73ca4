// SPDX-License-Identifier: Apache-2.0
#include "hotplug.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
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

static void on_poll(void *arg)
{
	struct job *job = arg;
	uint32_t n = online_all(job->agent->sysfs, "devices/system/cpu", "cpu");

	job->wanted = n >= job->wanted ? 0 : job->wanted - n;
	if (!job->wanted)
		job_end(job, true);
	else if (++job->attempts >= ATTEMPTS)
		job_end(job, false);
	else
		event_timer_set(job->timer, POLL_MS);
}

void hotplug_online(struct agent *agent, struct ttrpc_call *call,
		    uint32_t wanted, bool cpu_only)
{
	struct job *job = calloc(1, sizeof(*job));

	if (job)
		job->timer = event_timer_new(agent->loop, on_poll, job);
	if (!job || !job->timer) {
		cleanup_freep(&job);
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
		return;
	}
	job->agent = agent;
	job->call = call;
	job->wanted = wanted;
	if (!cpu_only)
		(void)online_all(agent->sysfs, "devices/system/memory",
				 "memory");
	on_poll(job);
}
