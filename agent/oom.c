// SPDX-License-Identifier: Apache-2.0
#include "oom.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/inotify.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/strv.h"
#include "cgroup.h"
#include "proto/agent.pb-c.h"

#define EVENTS_MAX 256 /* nobody asks for them: the rest is dropped */
#define WAITERS_MAX 16
#define EVENT_BUF 4096

struct waiter {
	struct list link;
	struct ttrpc_call *call;
};

struct oom {
	int fd; /* inotify */
	struct event_io *io;
	struct list watches, waiters;
	size_t nwaiters;
	struct strv events; /* containers, oldest first */
};

static void reply(struct ttrpc_call *call, char *id)
{
	Grpc__OOMEvent event = GRPC__OOMEVENT__INIT;

	event.container_id = id;
	ttrpc_reply(call, &event.base);
}

static void waiter_free(struct oom *o, struct waiter *w)
{
	list_del(&w->link);
	o->nwaiters--;
	free(w);
}

/* The oldest call whose host is still there; NULL. */
static struct waiter *first_waiter(struct oom *o)
{
	struct list *pos, *tmp;

	list_foreach_safe(pos, tmp, &o->waiters) {
		struct waiter *w = list_entry(pos, struct waiter, link);

		if (ttrpc_call_is_live(w->call))
			return w;
		ttrpc_reply_error(w->call, TTRPC_CANCELLED, "the host is gone");
		waiter_free(o, w);
	}
	return NULL;
}

static char *take_event(struct oom *o)
{
	char *id = o->events.v[0];

	/* The terminating NULL moves as well. */
	memmove(o->events.v, o->events.v + 1,
		o->events.n * sizeof(*o->events.v));
	o->events.n--;
	return id;
}

static void deliver(struct oom *o)
{
	struct waiter *w;

	while (o->events.n && (w = first_waiter(o))) {
		cleanup_free char *id = take_event(o);

		reply(w->call, id);
		waiter_free(o, w);
	}
}

static void look(struct oom *o, struct oom_watch *w)
{
	uint64_t kills;

	if (cgroup_read(w->cgroupfd, "memory.events", "oom_kill", &kills) < 0 ||
	    kills <= w->kills)
		return;
	w->kills = kills;
	log_warn("container '%s' is out of memory", w->id);
	if (o->events.n < EVENTS_MAX)
		(void)strv_add(&o->events, w->id);
	deliver(o);
}

static void on_inotify(void *arg, int fd, uint32_t events UNUSED)
{
	struct oom *o = arg;
	union {
		char bytes[EVENT_BUF];
		struct inotify_event align;
	} buf;
	struct list *pos;

	/* Which one it was does not matter: there are few, and a queue that
	 * runs over names none. */
	while (read(fd, buf.bytes, sizeof(buf.bytes)) > 0)
		;
	list_foreach(pos, &o->watches)
		look(o, list_entry(pos, struct oom_watch, link));
}

static struct oom *get(struct agent *agent)
{
	struct oom *o = agent->oom;

	if (o)
		return o;
	o = calloc(1, sizeof(*o));
	if (!o)
		return NULL;
	list_init(&o->watches);
	list_init(&o->waiters);
	o->fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	if (o->fd >= 0)
		o->io = event_io_new(agent->loop, o->fd, EPOLLIN, on_inotify,
				     o);
	if (!o->io) {
		close_fd(&o->fd);
		free(o);
		return NULL;
	}
	agent->oom = o;
	return o;
}

void oom_watch_init(struct oom_watch *w)
{
	*w = (struct oom_watch){.wd = -1, .cgroupfd = -1};
	list_init(&w->link);
}

void oom_watch_start(struct agent *agent, struct oom_watch *w, int cgroupfd,
		     const char *id)
{
	struct oom *o;
	char path[64];

	if (cgroupfd < 0 || w->wd >= 0 ||
	    cgroup_read(cgroupfd, "memory.events", "oom_kill", &w->kills) < 0)
		return;
	o = get(agent);
	if (!o)
		return;
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d/memory.events",
		       cgroupfd);
	w->wd = inotify_add_watch(o->fd, path, IN_MODIFY);
	if (w->wd < 0) {
		log_warn("watch the memory of '%s': %s", id, strerror(errno));
		return;
	}
	w->cgroupfd = cgroupfd;
	w->id = id;
	list_append(&o->watches, &w->link);
	look(o, w);
}

void oom_watch_look(struct agent *agent, struct oom_watch *w)
{
	if (agent->oom && w->wd >= 0)
		look(agent->oom, w);
}

void oom_watch_end(struct agent *agent, struct oom_watch *w)
{
	struct oom *o = agent->oom;

	if (!o || w->wd < 0)
		return;
	look(o, w); /* what has come about and is not yet read */
	(void)inotify_rm_watch(o->fd, w->wd);
	list_del(&w->link);
	w->wd = -1;
}

void oom_await(struct agent *agent, struct ttrpc_call *call)
{
	struct oom *o = get(agent);
	struct waiter *w;

	if (o)
		(void)first_waiter(o); /* forgets who has gone */
	w = o && o->nwaiters < WAITERS_MAX ? malloc(sizeof(*w)) : NULL;
	if (!w) {
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "too many wait for events");
		return;
	}
	w->call = call;
	list_append(&o->waiters, &w->link);
	o->nwaiters++;
	deliver(o);
}

void oom_end(struct agent *agent)
{
	struct oom *o = agent->oom;
	struct list *pos, *tmp;

	if (!o)
		return;
	list_foreach_safe(pos, tmp, &o->waiters) {
		struct waiter *w = list_entry(pos, struct waiter, link);

		ttrpc_reply_error(w->call, TTRPC_CANCELLED, "the sandbox ends");
		waiter_free(o, w);
	}
	event_io_free(o->io);
	close_fd(&o->fd);
	strv_release(&o->events);
	free(o);
	agent->oom = NULL;
}
