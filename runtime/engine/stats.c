// SPDX-License-Identifier: Apache-2.0
#include "stats.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/err.h"
#include "base/log.h"
#include "proto/agent.pb-c.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/engine.h"
#include "runtime/oci/spec.h"

#define AGENT_SERVICE "grpc.AgentService"
#define TIMEOUT_MS 10000

static void on_stats(void *arg, int code, const char *text,
		     const ProtobufCMessage *response)
{
	struct ttrpc_call *call = arg;
	char escaped[ERR_TEXT_MAX];

	if (!text)
		text = "no answer";
	(void)log_escape(escaped, sizeof(escaped), text, strlen(text));
	if (code == TTRPC_OK && response)
		ttrpc_reply(call, response);
	else
		ttrpc_reply_error(call, code == TTRPC_OK
						? TTRPC_INTERNAL
						: (enum ttrpc_code)code,
				  "statistics: %s", escaped);
}

static struct container *find(struct sandbox *sb, const char *guest_id)
{
	struct list *pos;

	list_foreach(pos, &sb->containers) {
		struct container *c = list_entry(pos, struct container, link);

		if (!c->deleted && !strcmp(container_guest_id(c), guest_id))
			return c;
	}
	return NULL;
}

/*
 * Podman and CRI-O have it from a file in the bundle, which conmon makes when
 * the container's group of the host runs out of memory: here it is the guest's.
 */
static void tell_manager(const struct container *c)
{
	const char *manager = spec_annotation(c->spec, "io.container.manager");
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1;

	if (!manager || (strcmp(manager, "libpod") && strcmp(manager, "cri-o")))
		return;
	if (asprintf(&path, "%s/oom", c->bundle) < 0) {
		path = NULL;
		return;
	}
	fd = open(path, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC, 0666);
	if (fd < 0)
		log_warn("make '%s': %s", path, strerror(errno));
}

static void on_oom(void *arg, int code, const char *text UNUSED,
		   const ProtobufCMessage *response)
{
	const Grpc__OOMEvent *event = (const Grpc__OOMEvent *)response;
	struct sandbox *sb = arg;
	struct container *c;

	if (code != TTRPC_OK)
		return; /* the guest ends, or has no such events */
	c = find(sb, event->container_id);
	/* A guest may say so all day long: it is counted, and logged once. */
	if (c && !c->ooms++) {
		log_warn("container '%s' is out of memory", c->id);
		tell_manager(c);
	}
	stats_watch_oom(sb);
}

void stats_watch_oom(struct sandbox *sb)
{
	Grpc__GetOOMEventRequest request = GRPC__GET_OOMEVENT_REQUEST__INIT;

	if (sb->agent)
		agent_call(sb->agent, AGENT_OOM, &request.base, on_oom, sb);
}

void stats_adopt_oom(struct sandbox *sb, uint32_t call)
{
	if (!agent_adopt(sb->agent, AGENT_OOM, call, on_oom, sb))
		stats_watch_oom(sb);
}

void stats_answer(struct container *c, struct ttrpc_call *call)
{
	Grpc__StatsContainerRequest request =
		GRPC__STATS_CONTAINER_REQUEST__INIT;
	struct ttrpc_conn *agent = c->sandbox->agent;
	int r;

	if (!agent || !c->in_guest || c->status == CONTAINER_STOPPED) {
		ttrpc_reply_error(call, TTRPC_FAILED_PRECONDITION,
				  "container '%s' is not running", c->id);
		return;
	}
	request.container_id = (char *)(uintptr_t)container_guest_id(c);
	r = ttrpc_call(agent, AGENT_SERVICE, "StatsContainer", &request.base,
		       &grpc__stats_container_response__descriptor, TIMEOUT_MS,
		       on_stats, call);
	if (r < 0)
		on_stats(call, ttrpc_code_of_errno(r), strerror(-r), NULL);
}
