// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/net.h"

#include <errno.h>
#include <linux/if_arp.h>
#include <linux/if_link.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/link.h>
#include <netlink/route/link/ipvlan.h>
#include <netlink/route/neighbour.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "runtime/net/netlink.h"

static int nl_fail(struct err *reterr, int r, const char *what)
{
	return err_set(reterr, -EIO, "%s: %s", what, nl_geterror(r));
}

void net_skip(struct net_plan *plan, const char *name, const char *why)
{
	size_t n = strlen(plan->skipped);

	(void)snprintf(plan->skipped + n, sizeof(plan->skipped) - n,
		       "%s'%s': %s", n ? "; " : "", name, why);
}

void net_drop_link(struct net_plan *plan, size_t i)
{
	size_t k, n = 0;

	plan->n_links--;
	memmove(&plan->links[i], &plan->links[i + 1],
		(plan->n_links - i) * sizeof(*plan->links));
	for (k = 0; k < plan->n_routes; k++) {
		struct net_route r = plan->routes[k];

		if (r.link == i)
			continue;
		r.link -= r.link > i;
		plan->routes[n++] = r;
	}
	plan->n_routes = n;
	for (n = k = 0; k < plan->n_neighbours; k++) {
		struct net_neighbour x = plan->neighbours[k];

		if (x.link == i)
			continue;
		x.link -= x.link > i;
		plan->neighbours[n++] = x;
	}
	plan->n_neighbours = n;
}

/* Its packets come in by netfilter, not at the link. */
static bool is_l3s(struct rtnl_link *link)
{
	uint16_t mode = 0;

	return rtnl_link_is_ipvlan(link) &&
	       rtnl_link_ipvlan_get_mode(link, &mode) >= 0 &&
	       mode == IPVLAN_MODE_L3S;
}

/* What the VM cannot have, as a reason, or NULL. */
static const char *unfit(struct rtnl_link *link)
{
	if (rtnl_link_get_arptype(link) != ARPHRD_ETHER)
		return "not Ethernet";
	if (rtnl_link_get_master(link))
		return "belongs to another link here";
	if (!rtnl_link_get_addr(link) ||
	    nl_addr_get_len(rtnl_link_get_addr(link)) != NET_MAC_SIZE)
		return "no hardware address";
	if (is_l3s(link))
		return "ipvlan in mode l3s";
	return NULL;
}

static void read_link(struct rtnl_link *link, struct net_link *ret)
{
	const uint8_t *mac = nl_addr_get_binary_addr(rtnl_link_get_addr(link));

	*ret = (struct net_link){
		.index = rtnl_link_get_ifindex(link),
		.mtu = rtnl_link_get_mtu(link),
		.flags = rtnl_link_get_flags(link),
		.is_tun = !strcmp(rtnl_link_get_type(link) ?: "", "tun"),
	};
	(void)snprintf(ret->name, sizeof(ret->name), "%s",
		       rtnl_link_get_name(link));
	(void)snprintf(ret->mac, sizeof(ret->mac),
		       "%02x:%02x:%02x:%02x:%02x:%02x", mac[0], mac[1], mac[2],
		       mac[3], mac[4], mac[5]);
}

/* 0: a family that is not wanted. */
static bool read_address(struct nl_addr *a, struct net_address *ret)
{
	unsigned int n;
	int family;

	if (!a)
		return false;
	n = nl_addr_get_len(a);
	family = nl_addr_get_family(a);
	if ((family != AF_INET && family != AF_INET6) || n > 16)
		return false;
	*ret = (struct net_address){
		.family = (uint8_t)family,
		.prefix = (uint8_t)nl_addr_get_prefixlen(a),
	};
	if (n)
		memcpy(ret->bytes, nl_addr_get_binary_addr(a), n);
	return true;
}

/* True also when there are too many to take, which is an error of its own. */
static bool has_addresses(struct nl_cache *cache, int index)
{
	struct nl_object *o;

	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o))
		if (rtnl_addr_get_ifindex((struct rtnl_addr *)(void *)o) ==
		    index)
			return true;
	return false;
}

static int add_addresses(struct nl_cache *cache, struct net_link *l,
			 struct err *reterr)
{
	struct nl_object *o;

	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)(void *)o;
		struct net_address address;

		if (rtnl_addr_get_ifindex(a) != l->index ||
		    !read_address(rtnl_addr_get_local(a), &address))
			continue;
		/* The guest's kernel makes the same from the same hardware
		 * address. */
		if (address.family == AF_INET6 &&
		    rtnl_addr_get_scope(a) == RT_SCOPE_LINK)
			continue;
		if (l->n_addresses == NET_ADDRESSES_MAX)
			return err_set(reterr, -E2BIG,
				       "interface '%s' has more than %d "
				       "addresses", l->name, NET_ADDRESSES_MAX);
		address.prefix = (uint8_t)rtnl_addr_get_prefixlen(a);
		l->addresses[l->n_addresses++] = address;
	}
	return 0;
}

static bool is_ours(const struct net_plan *plan, const char *name)
{
	size_t i;

	for (i = 0; i < NET_CARDS_MAX; i++)
		if (!strcmp(plan->cards[i].tap, name))
			return true;
	return false;
}

/* 1: a link to look at; 0: not; -EBUSY. */
static int is_foreign(const struct net_plan *plan, struct rtnl_link *link,
		      struct err *reterr)
{
	const char *name = rtnl_link_get_name(link);

	if (rtnl_link_get_flags(link) & IFF_LOOPBACK || is_ours(plan, name))
		return 0;
	switch (net_macvtap_owner(link)) {
	case NET_OWNER_ALIVE:
		return err_set(reterr, -EBUSY, "interface '%s' of the network "
			       "namespace is the macvtap of another VM", name);
	case NET_OWNER_DEAD:
		net_macvtap_delete(name);
		return 0;
	default:
		return 1;
	}
}

static int scan_links(struct nl_sock *sock, struct net_plan *plan,
		      struct err *reterr)
{
	cleanup_nl_cache struct nl_cache *links = NULL, *addresses = NULL;
	struct nl_object *o;
	int r = rtnl_link_alloc_cache(sock, AF_UNSPEC, &links);

	if (r >= 0)
		r = rtnl_addr_alloc_cache(sock, &addresses);
	if (r < 0)
		return nl_fail(reterr, r, "list interfaces");
	for (o = nl_cache_get_first(links); o; o = nl_cache_get_next(o)) {
		struct rtnl_link *link = (struct rtnl_link *)(void *)o;
		unsigned int flags = rtnl_link_get_flags(link);
		const char *why;

		r = is_foreign(plan, link, reterr);
		if (r < 0)
			return r;
		if (!r || (!(flags & IFF_UP) &&
			   !has_addresses(addresses,
					  rtnl_link_get_ifindex(link))))
			continue;
		why = unfit(link);
		if (why) {
			net_skip(plan, rtnl_link_get_name(link), why);
			continue;
		}
		if (plan->n_links == NET_LINKS_MAX)
			return err_set(reterr, -E2BIG,
				       "the network namespace has more than "
				       "%d interfaces", NET_LINKS_MAX);
		read_link(link, &plan->links[plan->n_links]);
		r = add_addresses(addresses, &plan->links[plan->n_links++],
				  reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool link_of(const struct net_plan *plan, int index, unsigned int *ret)
{
	for (size_t i = 0; i < plan->n_links; i++)
		if (plan->links[i].index == index) {
			*ret = (unsigned int)i;
			return true;
		}
	return false;
}

static int add_route(struct net_plan *plan, struct rtnl_route *route, int hop,
		     struct err *reterr)
{
	struct rtnl_nexthop *nh = rtnl_route_nexthop_n(route, hop);
	struct net_route *r = &plan->routes[plan->n_routes];
	struct net_route entry = {
		.family = rtnl_route_get_family(route),
		.scope = rtnl_route_get_scope(route),
		.metric = rtnl_route_get_priority(route),
	};

	if (!nh || !link_of(plan, rtnl_route_nh_get_ifindex(nh), &entry.link))
		return 0;
	if (plan->n_routes == NET_ROUTES_MAX)
		return err_set(reterr, -E2BIG, "the network namespace has "
			       "more than %d routes", NET_ROUTES_MAX);
	entry.flags = rtnl_route_nh_get_flags(nh) & RTNH_F_ONLINK;
	/* Without a destination: all of them. */
	if (read_address(rtnl_route_get_dst(route), &entry.dest) &&
	    !entry.dest.prefix)
		entry.dest.family = 0;
	(void)read_address(rtnl_route_nh_get_gateway(nh), &entry.gateway);
	(void)read_address(rtnl_route_get_pref_src(route), &entry.source);
	(void)rtnl_route_get_metric(route, RTAX_MTU, &entry.mtu);
	*r = entry;
	plan->n_routes++;
	return 0;
}

static int scan_routes(struct nl_sock *sock, struct net_plan *plan,
		       struct err *reterr)
{
	cleanup_nl_cache struct nl_cache *cache = NULL;
	struct nl_object *o;
	int r = rtnl_route_alloc_cache(sock, AF_UNSPEC, 0, &cache);

	if (r < 0)
		return nl_fail(reterr, r, "list routes");
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_route *route = (struct rtnl_route *)(void *)o;

		/* Those of addresses come by themselves in the guest too. */
		if (rtnl_route_get_table(route) != RT_TABLE_MAIN ||
		    rtnl_route_get_type(route) != RTN_UNICAST ||
		    rtnl_route_get_protocol(route) == RTPROT_KERNEL)
			continue;
		for (int hop = 0; hop < rtnl_route_get_nnexthops(route);
		     hop++) {
			r = add_route(plan, route, hop, reterr);
			if (r < 0)
				return r;
		}
	}
	return 0;
}

/* Those that somebody has set; what was learnt the guest learns itself. */
static int scan_neighbours(struct nl_sock *sock, struct net_plan *plan,
			   struct err *reterr)
{
	cleanup_nl_cache struct nl_cache *cache = NULL;
	struct nl_object *o;
	int r = rtnl_neigh_alloc_cache(sock, &cache);

	if (r < 0)
		return nl_fail(reterr, r, "list neighbours");
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_neigh *n = (struct rtnl_neigh *)(void *)o;
		struct nl_addr *mac = rtnl_neigh_get_lladdr(n);
		struct net_neighbour entry = {.state = NUD_PERMANENT};

		if (!(rtnl_neigh_get_state(n) & NUD_PERMANENT) || !mac ||
		    nl_addr_get_len(mac) != NET_MAC_SIZE ||
		    !link_of(plan, rtnl_neigh_get_ifindex(n), &entry.link) ||
		    !read_address(rtnl_neigh_get_dst(n), &entry.address))
			continue;
		if (plan->n_neighbours == NET_NEIGHBOURS_MAX)
			return err_set(reterr, -E2BIG, "the network namespace "
				       "has more than %d fixed neighbours",
				       NET_NEIGHBOURS_MAX);
		(void)nl_addr2str(mac, entry.mac, sizeof(entry.mac));
		plan->neighbours[plan->n_neighbours++] = entry;
	}
	return 0;
}

static int open_route(struct nl_sock **ret, struct err *reterr)
{
	int r;

	*ret = nl_socket_alloc();
	if (!*ret)
		return err_code(reterr, -ENOMEM, "netlink");
	r = nl_connect(*ret, NETLINK_ROUTE);
	return r < 0 ? nl_fail(reterr, r, "netlink") : 0;
}

int net_scan_links(struct net_plan *plan, struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	int r = open_route(&sock, reterr);

	return r < 0 ? r : scan_links(sock, plan, reterr);
}

int net_scan_rest(struct net_plan *plan, struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	int r = open_route(&sock, reterr);

	if (!r)
		r = scan_routes(sock, plan, reterr);
	if (!r)
		r = scan_neighbours(sock, plan, reterr);
	return r;
}
