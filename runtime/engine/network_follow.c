// SPDX-License-Identifier: Apache-2.0
/*
 * What changes in the namespace after the start: links come and go (podman
 * network connect and disconnect), addresses and routes change. What changes is
 * not read from the messages, which may get lost: after a pause the namespace
 * is looked at anew, and what differs is told to the guest.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/config.h"
#include "runtime/engine/network_priv.h"
#include "runtime/vmm/vm.h"

/* Whoever makes a link does so in several steps. */
#define SETTLE_MS 100
/* What has failed is tried again after 1, 2, 4 … s, and no more than that: the
 * next success counts anew. Changes do not, as a try makes some itself. */
#define TRIES_MAX 6
#define RETRY_MS 1000U

static void again(struct network *net)
{
	if (!net->follows || net->settles || net->job || net->adds || net->done)
		return;
	if (net->changed) {
		net->settles = true;
		net->retries = false;
		event_timer_set(net->settle, SETTLE_MS);
	} else if (net->failed && net->tries < TRIES_MAX) {
		net->retries = true;
		event_timer_set(net->settle, RETRY_MS << net->tries);
	}
}

static void on_told(void *arg, int code, const struct err *e)
{
	struct network *net = arg;

	if (code < 0)
		log_warn("sandbox '%s': the guest's network is not as its "
			 "namespace: %s", net->sb->id, e->text);
	else if (net->any)
		log_info("sandbox '%s': its network is as its namespace: %zu "
			 "interfaces, %zu routes", net->sb->id,
			 net->plan->n_links, net->plan->n_routes);
	net->failed |= code < 0;
	if (!net->failed)
		net->tries = 0;
	again(net);
}

static void add_cards(struct network *net);

/* The guest is not told of a card that is not there, nor of its link. The next
 * look parts the two. */
static void refuse(struct net_plan *plan, size_t card)
{
	size_t i;

	plan->cards[card].refused = true;
	for (i = 0; i < plan->n_links; i++)
		if (plan->links[i].card == card) {
			net_drop_link(plan, i);
			return;
		}
}

static void on_card(void *arg, int status, const char *text)
{
	struct network *net = arg;

	if (status < 0) {
		log_warn("sandbox '%s': QEMU takes no further card: %s",
			 net->sb->id, text);
		refuse(net->plan, net->card);
		net->failed = true;
	}
	add_cards(net);
}

/* The new cards, one by one; then the guest is told. */
static void add_cards(struct network *net)
{
	struct vm_nic nic = {0};
	struct err err = {0};
	size_t i;
	int r;

	for (i = 0; i < NET_CARDS_MAX && net->taps[i][0] < 0; i++)
		;
	net->adds = i < NET_CARDS_MAX;
	net->card = i;
	if (!net->adds) {
		network_tell(net, on_told, net);
		return;
	}
	network_fill_card(net, i, &nic);
	r = vm_nic_add(net->sb->vm, &nic, &net->at[i], on_card, net, &err);
	network_close_card(net, i);
	if (!r && !*net->sb->unsavable)
		(void)snprintf(net->sb->unsavable, sizeof(net->sb->unsavable),
			       NETWORK_UNSAVABLE);
	if (r < 0)
		on_card(net, r, err.text);
}

static void on_seen(void *arg, int code, const struct net_result *res,
		    const struct err *e)
{
	struct network *net = arg;
	const struct net_plan *plan = code < 0 ? NULL : res->plan;
	size_t i;

	net->job = NULL;
	if (code < 0) {
		log_warn("sandbox '%s': its network namespace has changed, and "
			 "cannot be followed: %s", net->sb->id, e->text);
		net->failed = true;
		again(net);
		return;
	}
	if (*plan->skipped && strcmp(plan->skipped, net->plan->skipped) != 0)
		log_warn("sandbox '%s': not in the guest: %s%s", net->sb->id,
			 plan->skipped,
			 plan->cards_max < NET_CARDS_MAX && !plan->macvtap
				 ? " (set network_spares for more cards)"
				 : "");
	if (*plan->unreached)
		log_warn("sandbox '%s': %s", net->sb->id, plan->unreached);
	for (i = 0; i < NET_CARDS_MAX; i++)
		net->failed |= plan->cards[i].refused;
	if (plan->is_near && !net->plan->is_near)
		network_start_relay(net); /* the first link that it can be by */
	*net->plan = *plan;
	memcpy(net->taps, res->taps, sizeof(net->taps));
	add_cards(net);
}

static void on_settled(void *arg)
{
	struct network *net = arg;
	struct engine *eng = net->sb->eng;
	const struct net_order order = {.nsfd = net->nsfd,
					.before = net->plan,
					.retry = net->retries};
	struct err err = {0};

	net->tries += net->retries;
	net->settles = net->changed = net->retries = net->failed = false;
	journal_trim(&eng->journal, eng->dirfd);
	net->job = net_start(eng->loop, &order, on_seen, net, &err);
	if (!net->job) {
		log_warn("sandbox '%s': %s", net->sb->id, err.text);
		net->failed = true;
		again(net);
		return;
	}
	(void)journal_process(&eng->journal, "net", net_pid(net->job));
}

static void on_change(void *arg, int fd, uint32_t events UNUSED)
{
	struct network *net = arg;
	char data[4096];
	ssize_t n;

	/* Lost messages (ENOBUFS) are changes as well. */
	do {
		n = recv(fd, data, sizeof(data), MSG_DONTWAIT | MSG_TRUNC);
	} while (n > 0 || (n < 0 && (errno == ENOBUFS || errno == EINTR)));
	net->changed = true;
	again(net);
}

void network_follow(struct network *net)
{
	struct event_loop *loop = net->sb->eng->loop;

	if (net->watch < 0)
		return;
	net->follows = true;
	net->settle = event_timer_new(loop, on_settled, net);
	if (net->settle)
		net->watch_io = event_io_new(loop, net->watch, EPOLLIN,
					     on_change, net);
	if (!net->watch_io)
		log_warn("sandbox '%s': changes of its network namespace are "
			 "not followed", net->sb->id);
}

void network_stop(struct network *net)
{
	if (!net)
		return;
	event_io_free(net->watch_io);
	net->watch_io = NULL;
	event_timer_free(net->settle);
	net->settle = NULL;
	net->follows = false;
	close_fd(&net->watch);
	net_cancel(net->job);
	net->job = NULL;
	close_fd(&net->nsfd);
	/* The agent's calls end without us. */
	net->done = NULL;
}
