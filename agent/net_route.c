// SPDX-License-Identifier: Apache-2.0
/* Routes of the main table, and neighbours. */
#include <errno.h>
#include <linux/neighbour.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "net.h"
#include "netlink.h"

struct route {
	struct rtmsg body;
	struct net_address dest, gateway, source; /* family 0: none */
	uint32_t link, mtu, metric;
};

static int device_index(int fd, const char *name, uint32_t *ret)
{
	cleanup_free struct net_link *v = NULL;
	size_t n = 0, i;
	int r = net_links(fd, &v, &n);

	if (r < 0)
		return r;
	for (i = 0; i < n; i++)
		if (!strcmp(v[i].name, name)) {
			*ret = (uint32_t)v[i].index;
			return 0;
		}
	return -ENODEV;
}

/* --- the message --- */

static int parse_one(const char *what, const char *text, uint8_t family,
		     struct net_address *ret, struct err *reterr)
{
	if (!*text)
		return 0;
	if (net_address_parse(text, ret) < 0 || ret->family != family)
		return err_set(reterr, -EINVAL, "%s '%.100s' of a route", what,
			       text);
	return 0;
}

/* "" and "default" are all destinations of the family. */
static int parse_route(int fd, const Types__Route *rt, struct route *ret,
		       struct err *reterr)
{
	uint8_t family = rt->family == TYPES__IPFAMILY__v6 ? AF_INET6
							   : AF_INET;
	const char *dest = strcmp(rt->dest, "default") ? rt->dest : "";
	int r;

	*ret = (struct route){.mtu = rt->mtu, .metric = rt->metric};
	if (rt->scope > UINT8_MAX)
		return err_set(reterr, -EINVAL, "scope %u of a route",
			       rt->scope);
	r = parse_one("destination", dest, family, &ret->dest, reterr);
	if (!r)
		r = parse_one("gateway", rt->gateway, family, &ret->gateway,
			      reterr);
	if (!r)
		r = parse_one("source", rt->source, family, &ret->source,
			      reterr);
	if (!r && *rt->device) {
		r = device_index(fd, rt->device, &ret->link);
		if (r < 0)
			return err_code(reterr, r, "device '%.50s' of a route",
					rt->device);
	}
	ret->body = (struct rtmsg){
		.rtm_family = family,
		.rtm_dst_len = ret->dest.prefix,
		.rtm_table = RT_TABLE_MAIN,
		.rtm_protocol = RTPROT_BOOT,
		.rtm_type = RTN_UNICAST,
		.rtm_scope = (uint8_t)rt->scope,
		.rtm_flags = rt->flags & RTNH_F_ONLINK,
	};
	return r;
}

static int change_route(int fd, uint16_t type, uint16_t flags,
			const struct route *rt)
{
	size_t size = net_address_size(rt->body.rtm_family), at;
	struct netlink_request q;

	netlink_begin(&q, type, flags, &rt->body, sizeof(rt->body));
	if (rt->dest.family)
		netlink_put(&q, RTA_DST, rt->dest.bytes, size);
	if (rt->gateway.family)
		netlink_put(&q, RTA_GATEWAY, rt->gateway.bytes, size);
	if (rt->source.family)
		netlink_put(&q, RTA_PREFSRC, rt->source.bytes, size);
	if (rt->link)
		netlink_put_u32(&q, RTA_OIF, rt->link);
	if (rt->metric)
		netlink_put_u32(&q, RTA_PRIORITY, rt->metric);
	if (rt->mtu) {
		at = netlink_nest(&q, RTA_METRICS);
		netlink_put_u32(&q, RTAX_MTU, rt->mtu);
		netlink_nest_end(&q, at);
	}
	return netlink_call(fd, &q);
}

/* --- what there is --- */

struct route_list {
	struct route *v;
	size_t n;
};

static void read_metrics(const struct netlink_attr *metrics, struct route *rt)
{
	struct buf_reader r = buf_reader_of(metrics->data, metrics->len);
	struct netlink_attr a;

	while (netlink_attr_next(&r, &a) > 0)
		if (a.type == RTAX_MTU)
			rt->mtu = netlink_attr_u32(&a);
}

static void read_address(const struct netlink_attr *a, uint8_t family,
			 uint8_t prefix, struct net_address *ret)
{
	if (a->len != net_address_size(family))
		return;
	ret->family = family;
	ret->prefix = prefix;
	memcpy(ret->bytes, a->data, a->len);
}

static int on_route(void *arg, struct netlink_message *m)
{
	struct route_list *list = arg;
	struct route *rt = &list->v[list->n];
	struct netlink_attr a;
	uint8_t family, all;
	int r;

	if (m->type != RTM_NEWROUTE)
		return 0;
	if (list->n == NET_ROUTES_MAX)
		return -E2BIG;
	*rt = (struct route){0};
	if (netlink_body(m, &rt->body, sizeof(rt->body)) < 0)
		return -EBADMSG;
	family = rt->body.rtm_family;
	all = (uint8_t)(net_address_size(family) * 8);
	if (!all || rt->body.rtm_table != RT_TABLE_MAIN ||
	    rt->body.rtm_type != RTN_UNICAST)
		return 0;
	while ((r = netlink_attr_next(&m->body, &a)) > 0) {
		if (a.type == RTA_DST)
			read_address(&a, family, rt->body.rtm_dst_len,
				     &rt->dest);
		else if (a.type == RTA_GATEWAY)
			read_address(&a, family, all, &rt->gateway);
		else if (a.type == RTA_PREFSRC)
			read_address(&a, family, all, &rt->source);
		else if (a.type == RTA_OIF)
			rt->link = netlink_attr_u32(&a);
		else if (a.type == RTA_PRIORITY)
			rt->metric = netlink_attr_u32(&a);
		else if (a.type == RTA_METRICS)
			read_metrics(&a, rt);
	}
	list->n++;
	return r;
}

static int get_routes(int fd, struct route_list *list)
{
	const struct rtmsg body = {.rtm_family = AF_UNSPEC};
	struct netlink_request q;
	int r;

	list->n = 0;
	list->v = calloc(NET_ROUTES_MAX + 1, sizeof(*list->v));
	if (!list->v)
		return -ENOMEM;
	netlink_begin(&q, RTM_GETROUTE, 0, &body, sizeof(body));
	r = netlink_dump(fd, &q, on_route, list);
	if (r < 0) {
		free(list->v);
		list->v = NULL;
	}
	return r;
}

/* Those that an earlier call has made. */
static int drop_routes(int fd)
{
	cleanup_free struct route *v = NULL;
	struct route_list list = {0};
	size_t i;
	int r = get_routes(fd, &list);

	v = list.v;
	/* Backwards: what needs another route goes before it. */
	for (i = list.n; !r && i-- > 0;) {
		if (v[i].body.rtm_protocol != RTPROT_BOOT)
			continue;
		v[i].body.rtm_flags = 0;
		r = change_route(fd, RTM_DELROUTE, 0, &v[i]);
		if (r == -ESRCH || r == -ENOENT)
			r = 0; /* went by itself */
	}
	return r;
}

int net_update_routes(int fd, const Grpc__Routes *routes, struct err *reterr)
{
	cleanup_free struct route *v = NULL;
	size_t i;
	int r = 0, gateways;

	if (routes->n_routes > NET_ROUTES_MAX)
		return err_set(reterr, -E2BIG, "%zu routes", routes->n_routes);
	v = calloc(routes->n_routes + 1, sizeof(*v));
	if (!v)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (i = 0; !r && i < routes->n_routes; i++)
		r = parse_route(fd, routes->routes[i], &v[i], reterr);
	if (r < 0)
		return r;
	r = drop_routes(fd);
	if (r < 0)
		return err_code(reterr, r, "remove routes");
	for (gateways = 0; gateways < 2; gateways++)
		for (i = 0; i < routes->n_routes; i++) {
			const Types__Route *rt = routes->routes[i];

			if ((v[i].gateway.family != 0) != gateways)
				continue;
			r = change_route(fd, RTM_NEWROUTE,
					 NLM_F_CREATE | NLM_F_APPEND, &v[i]);
			if (r < 0 && r != -EEXIST)
				return err_code(reterr, r,
						"add the route to '%.50s' by "
						"'%.50s', device '%.50s'",
						rt->dest, rt->gateway,
						rt->device);
		}
	return 0;
}

/* --- telling --- */

static char *address_text(const struct net_address *a, bool prefix)
{
	char text[NET_ADDRESS_TEXT_MAX] = "";
	char *ret = NULL;

	if (!a->family)
		return strdup("");
	net_address_format(a, text);
	if (!prefix)
		return strdup(text);
	return asprintf(&ret, "%s/%u", text, a->prefix) < 0 ? NULL : ret;
}

static int fill_route(Types__Route *p, const struct route *rt,
		      const struct net_link *links, size_t n)
{
	const char *name = "";
	size_t i;

	for (i = 0; i < n; i++)
		if ((uint32_t)links[i].index == rt->link)
			name = links[i].name;
	p->dest = address_text(&rt->dest, true);
	p->gateway = address_text(&rt->gateway, false);
	p->source = address_text(&rt->source, false);
	p->device = strdup(name);
	p->scope = rt->body.rtm_scope;
	p->flags = rt->body.rtm_flags;
	p->mtu = rt->mtu;
	p->metric = rt->metric;
	p->family = rt->body.rtm_family == AF_INET6 ? TYPES__IPFAMILY__v6
						    : TYPES__IPFAMILY__v4;
	return p->dest && p->gateway && p->source && p->device ? 0 : -ENOMEM;
}

int net_list_routes(int fd, Grpc__Routes *ret)
{
	cleanup_free struct net_link *links = NULL;
	cleanup_free struct route *v = NULL;
	struct route_list list = {0};
	size_t n = 0, i;
	int r = net_links(fd, &links, &n);

	if (!r)
		r = get_routes(fd, &list);
	v = list.v;
	if (r < 0)
		return r;
	ret->routes = calloc(list.n + 1, sizeof(*ret->routes));
	if (!ret->routes)
		return -ENOMEM;
	for (i = 0; !r && i < list.n; i++) {
		Types__Route *p = malloc(sizeof(*p));

		if (!p)
			return -ENOMEM;
		types__route__init(p);
		ret->routes[ret->n_routes++] = p;
		r = fill_route(p, &v[i], links, n);
	}
	return r;
}

int net_add_neighbour(int fd, const Types__ARPNeighbor *n, struct err *reterr)
{
	uint8_t mac[NET_MAC_SIZE];
	struct netlink_request q;
	struct net_address to;
	struct ndmsg body = {0};
	uint32_t link = 0;
	int r;

	if (!n->toipaddress ||
	    net_address_parse_mask(n->toipaddress->address, "", &to) < 0)
		return err_set(reterr, -EINVAL, "address '%.100s' of a "
			       "neighbour",
			       n->toipaddress ? n->toipaddress->address : "");
	if (*n->lladdr && net_mac_parse(n->lladdr, mac) < 0)
		return err_set(reterr, -EINVAL, "hardware address '%.100s' of "
			       "a neighbour", n->lladdr);
	if (n->state < 0 || n->state > UINT8_MAX || n->flags < 0 ||
	    n->flags > UINT8_MAX)
		return err_set(reterr, -EINVAL, "state %d, flags %d of a "
			       "neighbour", n->state, n->flags);
	r = device_index(fd, n->device, &link);
	if (r < 0)
		return err_code(reterr, r, "device '%.50s' of a neighbour",
				n->device);
	body.ndm_family = to.family;
	body.ndm_ifindex = (int)link;
	body.ndm_state = n->state ? (uint16_t)n->state : NUD_PERMANENT;
	body.ndm_flags = (uint8_t)n->flags;
	netlink_begin(&q, RTM_NEWNEIGH, NLM_F_CREATE | NLM_F_REPLACE, &body,
		      sizeof(body));
	netlink_put(&q, NDA_DST, to.bytes, net_address_size(to.family));
	if (*n->lladdr)
		netlink_put(&q, NDA_LLADDR, mac, sizeof(mac));
	r = netlink_call(fd, &q);
	return r < 0 ? err_code(reterr, r, "add neighbour '%.100s'",
				n->toipaddress->address) : 0;
}
