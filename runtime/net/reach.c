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
#include <linux/tc_act/tc_mirred.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
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
#include "runtime/net/netlink.h"

#define INGRESS_HANDLE 0xffff0000U
/* Of the address a packet is for, from its network header. */
#define ARP_OPERATION 4 /* with the lengths of addresses before it */
#define ARP_TARGET 24
#define IP_TARGET 16
/* Local ports of a namespace with a name server, and what tells its answers:
 * guests take theirs from below. */
#define LOCAL_PORTS "61440 65535"
#define IP_PROTOCOL 8
#define IP_PORTS 20 /* without options */
#define ANSWER_PORTS (53U << 16 | 0xf000U)
#define ANSWER_MASK 0xfffff000U

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
	if (r >= 0)
		r = rtnl_addr_add(sock, a, 0);
	return r == -NLE_EXIST ? 0 : r; /* of an earlier link of this tap */
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
	int r;

	if (!route)
		return -NLE_NOMEM;
	rtnl_route_set_scope(route, RT_SCOPE_LINK);
	r = rtnl_route_add(sock, route, NLM_F_CREATE | NLM_F_EXCL);
	return r == -NLE_EXIST ? 0 : r;
}

struct key {
	uint32_t value, mask;
	int offset;
};

/* Packets of PROTOCOL that have all KEYS are the host's stack's; and, unless
 * that is 0, for what is behind link TO. */
static int let_in(struct nl_sock *sock, int index, uint16_t protocol,
		  const struct key *keys, size_t n, int to)
{
	cleanup_cls struct rtnl_cls *cls = rtnl_cls_alloc();
	uint16_t priority = NET_SPARE_PRIORITY + (protocol == ETH_P_IP);
	size_t i;
	int r;

	if (!cls)
		return -NLE_NOMEM;
	rtnl_tc_set_ifindex(TC_CAST(cls), index);
	rtnl_tc_set_parent(TC_CAST(cls), INGRESS_HANDLE);
	rtnl_cls_set_prio(cls, priority);
	rtnl_cls_set_protocol(cls, protocol);
	r = rtnl_tc_set_kind(TC_CAST(cls), "u32");
	for (i = 0; r >= 0 && i < n; i++)
		r = rtnl_u32_add_key_uint32(cls, keys[i].value, keys[i].mask,
					    keys[i].offset, 0);
	if (r >= 0)
		r = rtnl_u32_set_classid(cls, 1);
	if (r >= 0)
		r = rtnl_u32_set_cls_terminal(cls);
	if (r >= 0 && to)
		r = net_mirred(cls, TCA_EGRESS_MIRROR, TC_ACT_OK, to);
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

/* NEAR is an address of the host at TAP, for the guest. */
static int have_address(struct nl_sock *sock, int tap, struct nl_addr *near)
{
	uint32_t wire;
	struct key key = {.mask = ~0U};
	int r = add_address(sock, tap, near);

	memcpy(&wire, nl_addr_get_binary_addr(near), sizeof(wire));
	key.value = ntohl(wire);
	key.offset = ARP_TARGET;
	if (r >= 0)
		r = let_in(sock, tap, ETH_P_ARP, &key, 1, 0);
	key.offset = IP_TARGET;
	if (r >= 0)
		r = let_in(sock, tap, ETH_P_IP, &key, 1, 0);
	return r;
}

static int reach(struct nl_sock *sock, const struct net_plan *plan,
		 const struct net_link *l, struct nl_addr *own)
{
	const char *name = plan->cards[l->card].tap;
	int tap = (int)if_nametoindex(name);
	size_t i;
	int r = have_address(sock, tap, own);

	if (r >= 0)
		r = accept_own(name);
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

static int open_route(struct nl_sock **ret)
{
	*ret = nl_socket_alloc();
	return *ret ? nl_connect(*ret, NETLINK_ROUTE) : -NLE_NOMEM;
}

/* What a tap of card C has for its guest: each another address. */
static uint32_t near_of(unsigned int card)
{
	return htonl(ntohl(inet_addr(NET_NEAR_HOST)) + 2 * card);
}

/* The guest finds NEAR behind link I, and speaks as SOURCE, if that is one. */
static int tell_guest(struct net_plan *plan, size_t i, uint32_t near,
		      const struct net_address *source, struct err *reterr)
{
	struct net_route *route = &plan->routes[plan->n_routes];

	if (plan->n_routes == NET_ROUTES_MAX)
		return err_set(reterr, -E2BIG, "%d routes", NET_ROUTES_MAX);
	plan->n_routes++;
	*route = (struct net_route){
		.link = (unsigned int)i, .family = AF_INET,
		.scope = RT_SCOPE_LINK,
		.dest = {.family = AF_INET, .prefix = 32},
	};
	memcpy(route->dest.bytes, &near, sizeof(near));
	if (source)
		route->source = *source;
	return 0;
}

int net_reach(struct net_plan *plan, const struct net_link *l,
	      struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	cleanup_nl_addr struct nl_addr *own = NULL;
	uint32_t near = near_of(l->card);
	int r;

	if (!l->is_tun)
		return 0;
	own = host_address(&near);
	r = own ? open_route(&sock) : -NLE_NOMEM;
	if (r >= 0)
		r = reach(sock, plan, l, own);
	return r < 0 ? err_set(reterr, -EIO, "the address of '%s' cannot be "
			       "reached from its namespace: %s", l->name,
			       nl_geterror(r))
		     : 0;
}

/* Answers to the name server itself, which asks by the container's address, and
 * those that tell it where the next router is. */
static int let_answers_in(struct nl_sock *sock, int index, int tap)
{
	static const uint8_t protocols[] = {IPPROTO_UDP, IPPROTO_TCP};
	static const struct key arp_reply = {0x06040002, ~0U, ARP_OPERATION};
	size_t i;
	int r = let_in(sock, index, ETH_P_ARP, &arp_reply, 1, tap);

	for (i = 0; r >= 0 && i < ARRAY_SIZE(protocols); i++) {
		const struct key keys[] = {
			{(uint32_t)protocols[i] << 16, 0xffU << 16,
			 IP_PROTOCOL},
			{ANSWER_PORTS, ANSWER_MASK, IP_PORTS},
		};

		/* TCP of somebody else's would be reset. */
		r = let_in(sock, index, ETH_P_IP, keys, ARRAY_SIZE(keys),
			   protocols[i] == IPPROTO_UDP ? tap : 0);
	}
	return r;
}

/* Whether the name server is behind link L. */
static bool is_near(const struct net_plan *plan, const struct net_link *l)
{
	return plan->want_near && !l->card && !l->is_tun;
}

int net_near(struct net_plan *plan, const struct net_link *l,
	     struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	cleanup_nl_addr struct nl_addr *host = NULL, *guest = NULL;
	uint32_t near = inet_addr(NET_NEAR_HOST);
	uint32_t far = inet_addr(NET_NEAR_GUEST);
	int tap = (int)if_nametoindex(plan->cards[l->card].tap);
	int r;

	if (!is_near(plan, l))
		return 0;
	host = host_address(&near);
	guest = host_address(&far);
	r = host && guest ? open_route(&sock) : -NLE_NOMEM;
	if (r >= 0)
		r = have_address(sock, tap, host);
	if (r >= 0)
		r = add_route(sock, tap, guest, host);
	if (r >= 0)
		r = let_answers_in(sock, l->index, tap);
	if (r >= 0 && write_file(AT_FDCWD,
				 "/proc/sys/net/ipv4/ip_local_port_range",
				 LOCAL_PORTS) < 0)
		r = -NLE_FAILURE;
	if (r < 0)
		return err_set(reterr, -EIO, "the name server " NET_RESOLVER
			       " cannot be reached: %s", nl_geterror(r));
	plan->is_near = true;
	return 0;
}

static int tell_near(struct net_plan *plan, size_t i, struct err *reterr)
{
	struct net_link *l = &plan->links[i];
	struct net_address *a = &l->addresses[l->n_addresses];
	uint32_t far = inet_addr(NET_NEAR_GUEST);

	if (l->n_addresses == NET_ADDRESSES_MAX)
		return err_set(reterr, -E2BIG, "%d addresses",
			       NET_ADDRESSES_MAX);
	*a = (struct net_address){.family = AF_INET, .prefix = 32};
	memcpy(a->bytes, &far, sizeof(far));
	l->n_addresses++;
	return tell_guest(plan, i, near_of(0), a, reterr);
}

int net_tell_near(struct net_plan *plan, struct err *reterr)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < plan->n_links; i++) {
		const struct net_link *l = &plan->links[i];

		if (l->is_tun)
			r = tell_guest(plan, i, near_of(l->card), NULL,
				       reterr);
		else if (is_near(plan, l) && plan->is_near)
			r = tell_near(plan, i, reterr);
	}
	return r;
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
