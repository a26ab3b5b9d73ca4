// SPDX-License-Identifier: Apache-2.0
/*
 * Without root an engine's port forwarder (Podman's, beside slirp4netns) is a
 * process of the container's namespace, and dials the container's address
 * there. That is the guest's: no longer local here, but behind the guest's tap.
 * What the guest answers is for an address of the tap's own, to which the guest
 * gets a route, and is let in past the redirection.
 */
#include "runtime/net/net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/nexthop.h>
#include <netlink/route/route.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "os/io.h"

/* 169.254.77.1 for the first link: nobody's, and never routed further. */
#define NEAR_ADDRESS 0xa9fe4d01U
#define NEAR_PRIORITY 0x4b4a /* before the redirection's, see tap.c */
#define INGRESS_HANDLE 0xffff0000U
/* Of the address a packet is for, from its network header. */
#define ARP_TARGET 24
#define IP_TARGET 16

DEFINE_CLEANUP(struct nl_sock, nl_socket_free)
DEFINE_CLEANUP(struct nl_addr, nl_addr_put)
DEFINE_CLEANUP(struct nl_cache, nl_cache_free)
DEFINE_CLEANUP(struct rtnl_addr, rtnl_addr_put)
DEFINE_CLEANUP(struct rtnl_cls, rtnl_cls_put)
DEFINE_CLEANUP(struct rtnl_route, rtnl_route_put)
#define cleanup_nl_sock cleanup(nl_socket_freep)
#define cleanup_nl_addr cleanup(nl_addr_putp)
#define cleanup_nl_cache cleanup(nl_cache_freep)
#define cleanup_addr cleanup(rtnl_addr_putp)
#define cleanup_cls cleanup(rtnl_cls_putp)
#define cleanup_route cleanup(rtnl_route_putp)

/* One address, ADDRESS in network order. */
static struct nl_addr *host_address(const void *address)
{
	struct nl_addr *a = nl_addr_build(AF_INET, address, 4);

	if (a)
		nl_addr_set_prefixlen(a, 32);
	return a;
}

static int add_address(struct nl_sock *sock, int index, struct nl_addr *near)
{
	cleanup_addr struct rtnl_addr *a = rtnl_addr_alloc();
	int r;

	if (!a)
		return -NLE_NOMEM;
	rtnl_addr_set_ifindex(a, index);
	r = rtnl_addr_set_local(a, near);
	return r < 0 ? r : rtnl_addr_add(sock, a, 0);
}

static struct rtnl_route *host_route(int index, struct nl_addr *dest,
				     struct nl_addr *source)
{
	cleanup_route struct rtnl_route *route = rtnl_route_alloc();
	struct rtnl_nexthop *hop = rtnl_route_nh_alloc();
	struct rtnl_route *ret;

	if (!route || !hop || rtnl_route_set_dst(route, dest) < 0 ||
	    rtnl_route_set_pref_src(route, source) < 0) {
		if (hop)
			rtnl_route_nh_free(hop);
		return NULL;
	}
	(void)rtnl_route_set_family(route, AF_INET);
	rtnl_route_nh_set_ifindex(hop, index);
	rtnl_route_add_nexthop(route, hop);
	ret = route;
	route = NULL;
	return ret;
}

/* ADDRESS of link INDEX is one of the host's stack, or not. */
static int set_local(struct nl_sock *sock, int index, struct nl_addr *address,
		     bool local)
{
	cleanup_route struct rtnl_route *route =
		host_route(index, address, address);
	int r;

	if (!route)
		return -NLE_NOMEM;
	rtnl_route_set_table(route, RT_TABLE_LOCAL);
	rtnl_route_set_scope(route, RT_SCOPE_HOST);
	rtnl_route_set_protocol(route, RTPROT_KERNEL);
	(void)rtnl_route_set_type(route, RTN_LOCAL);
	r = local ? rtnl_route_add(sock, route, NLM_F_CREATE | NLM_F_EXCL)
		  : rtnl_route_delete(sock, route, 0);
	return r == -NLE_EXIST || r == -NLE_OBJ_NOTFOUND ? 0 : r;
}

static int add_route(struct nl_sock *sock, int index, struct nl_addr *dest,
		     struct nl_addr *near)
{
	cleanup_route struct rtnl_route *route = host_route(index, dest, near);

	if (!route)
		return -NLE_NOMEM;
	rtnl_route_set_scope(route, RT_SCOPE_LINK);
	return rtnl_route_add(sock, route, NLM_F_CREATE | NLM_F_EXCL);
}

/* Packets of PROTOCOL that are for ADDRESS, at OFFSET, are the host's stack's. */
static int let_in(struct nl_sock *sock, int index, uint16_t protocol,
		  uint16_t priority, int offset, uint32_t address)
{
	cleanup_cls struct rtnl_cls *cls = rtnl_cls_alloc();
	int r;

	if (!cls)
		return -NLE_NOMEM;
	rtnl_tc_set_ifindex(TC_CAST(cls), index);
	rtnl_tc_set_parent(TC_CAST(cls), INGRESS_HANDLE);
	rtnl_cls_set_prio(cls, priority);
	rtnl_cls_set_protocol(cls, protocol);
	r = rtnl_tc_set_kind(TC_CAST(cls), "u32");
	if (r >= 0)
		r = rtnl_u32_add_key_uint32(cls, address, ~0U, offset, 0);
	if (r >= 0)
		r = rtnl_u32_set_classid(cls, 1);
	if (r >= 0)
		r = rtnl_u32_set_cls_terminal(cls);
	return r < 0 ? r : rtnl_cls_add(sock, cls, NLM_F_CREATE | NLM_F_EXCL);
}

/* The address of the link is still in the list of the host's. */
static int accept_own(const char *tap)
{
	char path[80];

	(void)snprintf(path, sizeof(path),
		       "/proc/sys/net/ipv4/conf/%s/accept_local", tap);
	return write_file(AT_FDCWD, path, "1") < 0 ? -NLE_FAILURE : 0;
}

static int reach(struct nl_sock *sock, const struct net_link *l, int tap,
		 uint32_t near)
{
	uint32_t wire = htonl(near);
	cleanup_nl_addr struct nl_addr *own = host_address(&wire);
	size_t i;
	int r = own ? add_address(sock, tap, own) : -NLE_NOMEM;

	if (r >= 0)
		r = let_in(sock, tap, ETH_P_ARP, NEAR_PRIORITY, ARP_TARGET,
			   near);
	if (r >= 0)
		r = let_in(sock, tap, ETH_P_IP, NEAR_PRIORITY + 1, IP_TARGET,
			   near);
	if (r >= 0)
		r = accept_own(l->tap);
	for (i = 0; r >= 0 && i < l->n_addresses; i++) {
		cleanup_nl_addr struct nl_addr *theirs = NULL;

		if (l->addresses[i].family != AF_INET)
			continue;
		theirs = host_address(l->addresses[i].bytes);
		r = theirs ? set_local(sock, l->index, theirs, false)
			   : -NLE_NOMEM;
		if (r >= 0)
			r = add_route(sock, tap, theirs, own);
	}
	return r;
}

int net_reach(struct net_plan *plan, size_t i, struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = nl_socket_alloc();
	struct net_link *l = &plan->links[i];
	struct net_route *route = &plan->routes[plan->n_routes];
	uint32_t near = NEAR_ADDRESS + (uint32_t)i, wire = htonl(near);
	int r;

	if (!l->is_tun)
		return 0;
	if (plan->n_routes == NET_ROUTES_MAX)
		return err_set(reterr, -E2BIG, "%d routes", NET_ROUTES_MAX);
	r = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;
	if (r >= 0)
		r = reach(sock, l, (int)if_nametoindex(l->tap), near);
	if (r < 0)
		return err_set(reterr, -EIO, "the address of '%s' cannot be "
			       "reached from its namespace: %s", l->name,
			       nl_geterror(r));
	*route = (struct net_route){
		.link = (unsigned int)i, .family = AF_INET,
		.scope = RT_SCOPE_LINK,
		.dest = {.family = AF_INET, .prefix = 32},
	};
	memcpy(route->dest.bytes, &wire, sizeof(wire));
	plan->n_routes++;
	return 0;
}

void net_unreach(struct nl_sock *sock, int index)
{
	cleanup_nl_cache struct nl_cache *cache = NULL;
	struct nl_object *o;

	if (rtnl_addr_alloc_cache(sock, &cache) < 0)
		return;
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_addr *a = (struct rtnl_addr *)(void *)o;
		cleanup_nl_addr struct nl_addr *host = NULL;

		if (rtnl_addr_get_ifindex(a) != index ||
		    rtnl_addr_get_family(a) != AF_INET)
			continue;
		host = host_address(
			nl_addr_get_binary_addr(rtnl_addr_get_local(a)));
		if (host)
			(void)set_local(sock, index, host, true);
	}
}
