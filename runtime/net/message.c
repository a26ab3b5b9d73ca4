// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/net.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

/* Protocol structs have no const members; requests are only read. */
#define TEXT(s) ((char *)(uintptr_t)(s))

void net_address_format(const struct net_address *a, bool prefix, char *ret,
			size_t size)
{
	char text[INET6_ADDRSTRLEN] = "";

	if (!a->family || !inet_ntop(a->family, a->bytes, text, sizeof(text)))
		*ret = '\0';
	else if (prefix)
		(void)snprintf(ret, size, "%s/%u", text, a->prefix);
	else
		(void)snprintf(ret, size, "%s", text);
}

static char *text_of(struct arena *a, const struct net_address *address,
		     bool prefix)
{
	char text[INET6_ADDRSTRLEN + 8];

	net_address_format(address, prefix, text, sizeof(text));
	return arena_strdup(a, text);
}

static Types__IPFamily family_of(uint8_t family)
{
	return family == AF_INET6 ? TYPES__IPFAMILY__v6 : TYPES__IPFAMILY__v4;
}

static Types__IPAddress *ip_of(struct arena *a, const struct net_address *from)
{
	Types__IPAddress *ip = arena_alloc(a, sizeof(*ip));
	char mask[8];

	if (!ip)
		return NULL;
	types__ipaddress__init(ip);
	(void)snprintf(mask, sizeof(mask), "%u", from->prefix);
	ip->family = family_of(from->family);
	ip->address = text_of(a, from, false);
	ip->mask = arena_strdup(a, mask);
	return ip->address && ip->mask ? ip : NULL;
}

Grpc__UpdateInterfaceRequest *
net_interface_request(struct arena *a, const struct net_link *l,
		      const char *device_path)
{
	Grpc__UpdateInterfaceRequest *rq = arena_alloc(a, sizeof(*rq));
	Types__Interface *p = arena_alloc(a, sizeof(*p));
	size_t k;

	if (!rq || !p)
		return NULL;
	grpc__update_interface_request__init(rq);
	types__interface__init(p);
	rq->interface = p;
	p->devicepath = TEXT(device_path);
	p->absent = !l;
	if (!l)
		return rq;
	p->device = p->name = TEXT(l->name);
	p->hwaddr = TEXT(l->mac);
	p->mtu = l->mtu;
	p->raw_flags = l->flags & IFF_NOARP;
	p->ipaddresses = arena_alloc(a, (l->n_addresses + 1) *
						sizeof(*p->ipaddresses));
	if (!p->ipaddresses)
		return NULL;
	p->n_ipaddresses = l->n_addresses;
	for (k = 0; k < l->n_addresses; k++) {
		p->ipaddresses[k] = ip_of(a, &l->addresses[k]);
		if (!p->ipaddresses[k])
			return NULL;
	}
	return rq;
}

static Types__Route *route_of(struct arena *a, const struct net_plan *plan,
			      const struct net_route *from)
{
	Types__Route *p = arena_alloc(a, sizeof(*p));

	if (!p)
		return NULL;
	types__route__init(p);
	p->dest = text_of(a, &from->dest, true);
	p->gateway = text_of(a, &from->gateway, false);
	p->source = text_of(a, &from->source, false);
	p->device = TEXT(plan->links[from->link].name);
	p->family = family_of(from->family);
	p->scope = from->scope;
	p->flags = from->flags;
	p->mtu = from->mtu;
	p->metric = from->metric;
	return p->dest && p->gateway && p->source ? p : NULL;
}

Grpc__UpdateRoutesRequest *net_routes_request(struct arena *a,
					      const struct net_plan *plan)
{
	Grpc__UpdateRoutesRequest *rq = arena_alloc(a, sizeof(*rq));
	Grpc__Routes *list = arena_alloc(a, sizeof(*list));
	size_t i;

	if (!rq || !list)
		return NULL;
	grpc__update_routes_request__init(rq);
	grpc__routes__init(list);
	rq->routes = list;
	list->routes = arena_alloc(a, (plan->n_routes + 1) *
					      sizeof(*list->routes));
	if (!list->routes)
		return NULL;
	list->n_routes = plan->n_routes;
	for (i = 0; i < plan->n_routes; i++) {
		list->routes[i] = route_of(a, plan, &plan->routes[i]);
		if (!list->routes[i])
			return NULL;
	}
	return rq;
}

static Types__ARPNeighbor *neighbour_of(struct arena *a,
					const struct net_plan *plan,
					const struct net_neighbour *from)
{
	Types__ARPNeighbor *p = arena_alloc(a, sizeof(*p));

	if (!p)
		return NULL;
	types__arpneighbor__init(p);
	p->toipaddress = ip_of(a, &from->address);
	p->device = TEXT(plan->links[from->link].name);
	p->lladdr = TEXT(from->mac);
	p->state = (int32_t)from->state;
	p->flags = (int32_t)from->flags;
	return p->toipaddress ? p : NULL;
}

Grpc__AddARPNeighborsRequest *
net_neighbours_request(struct arena *a, const struct net_plan *plan)
{
	Grpc__AddARPNeighborsRequest *rq = arena_alloc(a, sizeof(*rq));
	Grpc__ARPNeighbors *list = arena_alloc(a, sizeof(*list));
	size_t i;

	if (!rq || !list)
		return NULL;
	grpc__add_arpneighbors_request__init(rq);
	grpc__arpneighbors__init(list);
	rq->neighbors = list;
	list->arpneighbors = arena_alloc(a, (plan->n_neighbours + 1) *
						    sizeof(*list->arpneighbors));
	if (!list->arpneighbors)
		return NULL;
	list->n_arpneighbors = plan->n_neighbours;
	for (i = 0; i < plan->n_neighbours; i++) {
		list->arpneighbors[i] = neighbour_of(a, plan,
						     &plan->neighbours[i]);
		if (!list->arpneighbors[i])
			return NULL;
	}
	return rq;
}
