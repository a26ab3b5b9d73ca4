// SPDX-License-Identifier: Apache-2.0
#ifndef NET_NETLINK_H
#define NET_NETLINK_H

#include <netlink/addr.h>
#include <netlink/cache.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/route/classifier.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <netlink/route/route.h>
#include <stdint.h>

#include "base/cleanup.h"

/* libnl's objects, let go at the end of their block. */
DEFINE_CLEANUP(struct nl_sock, nl_socket_free)
DEFINE_CLEANUP(struct nl_addr, nl_addr_put)
DEFINE_CLEANUP(struct nl_cache, nl_cache_free)
DEFINE_CLEANUP(struct rtnl_addr, rtnl_addr_put)
DEFINE_CLEANUP(struct rtnl_cls, rtnl_cls_put)
DEFINE_CLEANUP(struct rtnl_link, rtnl_link_put)
DEFINE_CLEANUP(struct rtnl_qdisc, rtnl_qdisc_put)
DEFINE_CLEANUP(struct rtnl_route, rtnl_route_put)
#define cleanup_nl_sock cleanup(nl_socket_freep)
#define cleanup_nl_addr cleanup(nl_addr_putp)
#define cleanup_nl_cache cleanup(nl_cache_freep)
#define cleanup_addr cleanup(rtnl_addr_putp)
#define cleanup_cls cleanup(rtnl_cls_putp)
#define cleanup_link cleanup(rtnl_link_putp)
#define cleanup_qdisc cleanup(rtnl_qdisc_putp)
#define cleanup_route cleanup(rtnl_route_putp)

/* Sets link INDEX up, with that MTU unless it is 0. 0, or a code of libnl. */
int net_put_up(struct nl_sock *sock, int index, uint32_t mtu);

#endif
