// SPDX-License-Identifier: Apache-2.0
/* Telling the agent, step by step, how the namespace differs from before. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/engine/agent.h"
#include "runtime/engine/network_priv.h"

/* First cards that are no interface any more, so that their names are free;
 * then those that are, then what names them. */
enum step {
	STEP_ABSENT = 0,
	STEP_INTERFACE = STEP_ABSENT + NET_CARDS_MAX,
	STEP_ROUTES = STEP_INTERFACE + NET_CARDS_MAX,
	STEP_NEIGHBOURS,
	STEP_END,
};

static const struct net_link *link_at(const struct net_plan *plan, size_t card)
{
	size_t i;

	for (i = 0; plan && i < plan->n_links; i++)
		if (plan->links[i].card == card)
			return &plan->links[i];
	return NULL;
}

static bool same_link(const struct net_link *a, const struct net_link *b)
{
	return a->index == b->index && a->mtu == b->mtu &&
	       (a->flags & IFF_NOARP) == (b->flags & IFF_NOARP) &&
	       !strcmp(a->name, b->name) && !strcmp(a->mac, b->mac) &&
	       a->n_addresses == b->n_addresses &&
	       !memcmp(a->addresses, b->addresses,
		       a->n_addresses * sizeof(*a->addresses));
}

static bool same_address(const struct net_address *a,
			 const struct net_address *b)
{
	return !memcmp(a, b, sizeof(*a));
}

static bool same_routes(const struct net_plan *a, const struct net_plan *b)
{
	size_t i;

	if (a->n_routes != b->n_routes)
		return false;
	for (i = 0; i < a->n_routes; i++) {
		const struct net_route *x = &a->routes[i], *y = &b->routes[i];

		if (x->link != y->link || x->family != y->family ||
		    x->scope != y->scope || x->flags != y->flags ||
		    x->mtu != y->mtu || x->metric != y->metric ||
		    !same_address(&x->dest, &y->dest) ||
		    !same_address(&x->gateway, &y->gateway) ||
		    !same_address(&x->source, &y->source))
			return false;
	}
	return true;
}

static bool same_neighbours(const struct net_plan *a, const struct net_plan *b)
{
	size_t i;

	if (a->n_neighbours != b->n_neighbours)
		return false;
	for (i = 0; i < a->n_neighbours; i++) {
		const struct net_neighbour *x = &a->neighbours[i];
		const struct net_neighbour *y = &b->neighbours[i];

		if (x->link != y->link || x->state != y->state ||
		    x->flags != y->flags || strcmp(x->mac, y->mac) != 0 ||
		    !same_address(&x->address, &y->address))
			return false;
	}
	return true;
}

static bool has_card(const struct net_plan *plan, size_t card)
{
	return *plan->cards[card].tap && !plan->cards[card].refused;
}

/* The card was another interface, or (at the start) it is none. */
static bool needs_absence(const struct network *net, size_t card)
{
	const struct net_link *now = link_at(net->plan, card);
	const struct net_link *before = link_at(net->told, card);

	if (!has_card(net->plan, card))
		return false;
	return net->told && has_card(net->told, card)
		       ? before && (!now || now->index != before->index)
		       : !now;
}

static bool needs_interface(const struct network *net, size_t card)
{
	const struct net_link *now = link_at(net->plan, card);
	const struct net_link *before = link_at(net->told, card);

	return now && (!before || !same_link(now, before));
}

static bool is_needed(const struct network *net, size_t step)
{
	if (step < STEP_INTERFACE)
		return needs_absence(net, step - STEP_ABSENT);
	if (step < STEP_ROUTES)
		return needs_interface(net, step - STEP_INTERFACE);
	if (step == STEP_ROUTES)
		return net->any || (net->told && !same_routes(net->plan,
							      net->told));
	return net->plan->n_neighbours &&
	       (net->any || !net->told ||
		!same_neighbours(net->plan, net->told));
}

static void ask_next(struct network *net);

static void answered(struct network *net, enum agent_method method, int code,
		     const char *text)
{
	struct err err = {0};
	int r;

	if (sandbox_is_dying(net->sb, code))
		return;
	if (code != TTRPC_OK) {
		r = agent_error(&err, method, code, text);
		/* A container starts with all of its network. Later one link
		 * is no reason to forget the others. */
		if (!net->follows) {
			network_finish(net, r, &err);
			return;
		}
		if (!net->failure.code)
			net->failure = err;
	}
	net->next++;
	ask_next(net);
}

static void on_interface(void *arg, int code, const char *text,
			 const ProtobufCMessage *response UNUSED)
{
	answered(arg, AGENT_UPDATE_INTERFACE, code, text);
}

static void on_routes(void *arg, int code, const char *text,
		      const ProtobufCMessage *response UNUSED)
{
	answered(arg, AGENT_UPDATE_ROUTES, code, text);
}

static void on_neighbours(void *arg, int code, const char *text,
			  const ProtobufCMessage *response UNUSED)
{
	answered(arg, AGENT_ADD_NEIGHBOURS, code, text);
}

/* 0, or -ENOMEM. */
static int ask_interface(struct network *net, struct arena *a, size_t card,
			 bool absent)
{
	const struct net_link *l = absent ? NULL : link_at(net->plan, card);
	Grpc__UpdateInterfaceRequest *rq =
		net_interface_request(a, l, net->at[card].text);

	if (!rq)
		return -ENOMEM;
	agent_call(net->sb->agent, AGENT_UPDATE_INTERFACE, &rq->base,
		   on_interface, net);
	return 0;
}

static int ask_routes(struct network *net, struct arena *a)
{
	Grpc__UpdateRoutesRequest *rq = net_routes_request(a, net->plan);

	if (!rq)
		return -ENOMEM;
	agent_call(net->sb->agent, AGENT_UPDATE_ROUTES, &rq->base, on_routes,
		   net);
	return 0;
}

static int ask_neighbours(struct network *net, struct arena *a)
{
	Grpc__AddARPNeighborsRequest *rq =
		net_neighbours_request(a, net->plan);

	if (!rq)
		return -ENOMEM;
	agent_call(net->sb->agent, AGENT_ADD_NEIGHBOURS, &rq->base,
		   on_neighbours, net);
	return 0;
}

static int ask(struct network *net, struct arena *a)
{
	size_t step = net->next;

	net->any = true;
	if (step < STEP_INTERFACE)
		return ask_interface(net, a, step - STEP_ABSENT, true);
	if (step < STEP_ROUTES)
		return ask_interface(net, a, step - STEP_INTERFACE, false);
	return step == STEP_ROUTES ? ask_routes(net, a)
				   : ask_neighbours(net, a);
}

static void ask_next(struct network *net)
{
	cleanup_arena struct arena a = {0};
	struct err err = {0};
	int r = 0;

	while (net->next < STEP_END && !is_needed(net, net->next))
		net->next++;
	if (net->next < STEP_END) {
		r = ask(net, &a);
	} else if (net->failure.code) {
		network_finish(net, net->failure.code, &net->failure);
		return;
	} else {
		free(net->told);
		net->told = malloc(sizeof(*net->told));
		if (net->told)
			*net->told = *net->plan;
		else
			r = -ENOMEM;
	}
	if (r < 0)
		(void)err_code(&err, r, "network");
	if (r < 0 || net->next == STEP_END)
		network_finish(net, r, &err);
}

void network_tell(struct network *net, engine_done_fn done, void *arg)
{
	net->done = done;
	net->done_arg = arg;
	net->next = 0;
	net->any = false;
	net->failure = (struct err){0};
	ask_next(net);
}
