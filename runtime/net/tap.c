// SPDX-License-Identifier: Apache-2.0
#include "runtime/net/net.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/if_ether.h>
#include <linux/if_tun.h>
#include <linux/pkt_cls.h>
#include <linux/rtnetlink.h>
#include <linux/tc_act/tc_mirred.h>
#include <netlink/netlink.h>
#include <netlink/route/act/mirred.h>
#include <netlink/route/action.h>
#include <netlink/route/classifier.h>
#include <netlink/route/cls/u32.h>
#include <netlink/route/link.h>
#include <netlink/route/qdisc.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/net/netlink.h"

#define TUN "/dev/net/tun"
/* By their priority filters are known as ours. */
#define FILTER_PRIORITY NET_REDIRECT_PRIORITY
#define INGRESS_HANDLE 0xffff0000U

/* -errno for what libnl returned; only what is told apart keeps its own. */
static int nl_errno(int r)
{
	switch (-r) {
	case NLE_SUCCESS:
		return 0;
	case NLE_EXIST:
		return -EEXIST;
	case NLE_NOMEM:
		return -ENOMEM;
	case NLE_PERM:
		return -EPERM;
	case NLE_NODEV:
	case NLE_OBJ_NOTFOUND:
		return -ENODEV;
	default:
		return -EIO;
	}
}

static int nl_fail(struct err *reterr, int r, const char *what,
		   const char *name)
{
	return err_set(reterr, nl_errno(r), "%s '%s': %s", what, name,
		       nl_geterror(r));
}

static int open_socket(struct nl_sock **ret, struct err *reterr)
{
	struct nl_sock *sock = nl_socket_alloc();
	int r;

	if (!sock)
		return err_code(reterr, -ENOMEM, "netlink");
	r = nl_connect(sock, NETLINK_ROUTE);
	if (r < 0) {
		nl_socket_free(sock);
		return nl_fail(reterr, r, "open", "netlink");
	}
	*ret = sock;
	return 0;
}

/* --- redirection --- */

static struct rtnl_qdisc *ingress(int index)
{
	struct rtnl_qdisc *q = rtnl_qdisc_alloc();

	if (!q)
		return NULL;
	rtnl_tc_set_ifindex(TC_CAST(q), index);
	rtnl_tc_set_parent(TC_CAST(q), TC_H_INGRESS);
	rtnl_tc_set_handle(TC_CAST(q), INGRESS_HANDLE);
	(void)rtnl_tc_set_kind(TC_CAST(q), "ingress");
	return q;
}

static int ingress_add(struct nl_sock *sock, int index)
{
	cleanup_qdisc struct rtnl_qdisc *q = ingress(index);

	return q ? rtnl_qdisc_add(sock, q, NLM_F_CREATE | NLM_F_EXCL)
		 : -NLE_NOMEM;
}

static int ingress_delete(struct nl_sock *sock, int index)
{
	cleanup_qdisc struct rtnl_qdisc *q = ingress(index);

	return q ? rtnl_qdisc_delete(sock, q) : -NLE_NOMEM;
}

int net_mirred(struct rtnl_cls *cls, int action, int policy, int to)
{
	struct rtnl_act *act = rtnl_act_alloc();
	int r = act ? rtnl_tc_set_kind(TC_CAST(act), "mirred") : -NLE_NOMEM;

	if (r >= 0)
		r = rtnl_mirred_set_action(act, action);
	if (r >= 0)
		r = rtnl_mirred_set_ifindex(act, (uint32_t)to);
	if (r >= 0)
		r = rtnl_mirred_set_policy(act, policy);
	if (r >= 0)
		r = rtnl_u32_add_action(cls, act);
	if (act)
		rtnl_act_put(act);
	return r;
}

/* All that comes in at link FROM goes out at link TO. */
static int filter_add(struct nl_sock *sock, int from, int to)
{
	cleanup_cls struct rtnl_cls *cls = rtnl_cls_alloc();
	int r;

	if (!cls)
		return -NLE_NOMEM;
	rtnl_tc_set_ifindex(TC_CAST(cls), from);
	rtnl_tc_set_parent(TC_CAST(cls), INGRESS_HANDLE);
	rtnl_cls_set_prio(cls, FILTER_PRIORITY);
	rtnl_cls_set_protocol(cls, ETH_P_ALL);
	r = rtnl_tc_set_kind(TC_CAST(cls), "u32");
	if (r >= 0)
		r = rtnl_u32_add_key_uint32(cls, 0, 0, 0, 0);
	if (r >= 0)
		r = rtnl_u32_set_cls_terminal(cls);
	if (r >= 0)
		r = net_mirred(cls, TCA_EGRESS_REDIR, TC_ACT_STOLEN, to);
	return r < 0 ? r
		     : rtnl_cls_add(sock, cls, NLM_F_CREATE | NLM_F_EXCL);
}

/* Where an ingress filter of ours leads: the index of a tap, 0 when that is
 * gone, -1 when the filter is none of ours. */
static int filter_target(struct rtnl_cls *cls)
{
	const char *kind = rtnl_tc_get_kind(TC_CAST(cls));
	struct rtnl_act *act;

	if (rtnl_cls_get_prio(cls) != FILTER_PRIORITY || !kind ||
	    strcmp(kind, "u32"))
		return -1;
	act = rtnl_u32_get_action(cls);
	return act ? (int)rtnl_mirred_get_ifindex(act) : 0;
}

static bool link_exists(struct nl_sock *sock, int index)
{
	cleanup_link struct rtnl_link *link = NULL;

	return rtnl_link_get_kernel(sock, index, NULL, &link) >= 0;
}

enum use {
	USE_OTHER, /* filters of somebody else */
	USE_EMPTY, /* no filter, which does nothing: a join that was cut off */
	USE_ALIVE, /* leads to or from a VM */
	USE_STALE, /* all lead nowhere: the VM has ended */
};

/* What the ingress filters of link INDEX say. */
static enum use use_of(struct nl_sock *sock, int index)
{
	cleanup_nl_cache struct nl_cache *cache = NULL;
	enum use use = USE_EMPTY;
	struct nl_object *o;

	if (rtnl_cls_alloc_cache(sock, index, INGRESS_HANDLE, &cache) < 0)
		return USE_OTHER;
	for (o = nl_cache_get_first(cache); o; o = nl_cache_get_next(o)) {
		struct rtnl_cls *cls = (struct rtnl_cls *)(void *)o;
		int to = filter_target(cls);
		int priority = rtnl_cls_get_prio(cls);

		if (priority >= NET_SPARE_PRIORITY &&
		    priority < NET_REDIRECT_PRIORITY)
			continue;
		if (to < 0)
			return USE_OTHER;
		if (to > 0 && link_exists(sock, to))
			return USE_ALIVE;
		use = USE_STALE;
	}
	return use;
}

static int take_ingress(struct nl_sock *sock, const struct net_link *l,
			struct err *reterr)
{
	int r = ingress_add(sock, l->index);

	if (r == -NLE_EXIST) {
		enum use use = use_of(sock, l->index);

		if (use == USE_STALE || use == USE_EMPTY) {
			(void)ingress_delete(sock, l->index);
			r = ingress_add(sock, l->index);
		}
	}
	if (r == -NLE_EXIST)
		return err_set(reterr, -EBUSY,
			       "interface '%s' of the network namespace serves "
			       "another VM, or has filters of its own: a VM "
			       "cannot share it", l->name);
	return r < 0 ? nl_fail(reterr, r, "ingress of", l->name) : 0;
}

/* --- tap --- */

/* A further queue of the tap named in RQ, or the first. */
static int open_queue(struct ifreq *rq, struct err *reterr)
{
	cleanup_close int fd = open(TUN, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return err_errno(reterr, "open '" TUN "'");
	if (ioctl(fd, TUNSETIFF, rq) < 0)
		return err_errno(reterr, "make a tap");
	return TAKE_FD(fd);
}

int net_card_make(struct net_card *c, unsigned int n, int *fds,
		  struct err *reterr)
{
	struct ifreq rq = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	unsigned int i;

	if (n > 1)
		rq.ifr_flags |= IFF_MULTI_QUEUE;
	(void)snprintf(rq.ifr_name, sizeof(rq.ifr_name), "kiln%%d");
	for (i = 0; i < n; i++) {
		fds[i] = open_queue(&rq, reterr);
		if (fds[i] < 0) {
			int r = fds[i];

			fds[i] = -1;
			while (i-- > 0)
				close_fd(&fds[i]);
			return r;
		}
	}
	*c = (struct net_card){0};
	memcpy(c->tap, rq.ifr_name, sizeof(c->tap) - 1);
	return 0;
}

/* The host itself says nothing on it. */
static void silence(const char *name)
{
	char path[80];

	(void)snprintf(path, sizeof(path),
		       "/proc/sys/net/ipv6/conf/%s/disable_ipv6", name);
	(void)write_file(AT_FDCWD, path, "1");
}

int net_put_up(struct nl_sock *sock, int index, uint32_t mtu)
{
	cleanup_link struct rtnl_link *old = rtnl_link_alloc();
	cleanup_link struct rtnl_link *change = rtnl_link_alloc();

	if (!old || !change)
		return -NLE_NOMEM;
	rtnl_link_set_ifindex(old, index);
	if (mtu)
		rtnl_link_set_mtu(change, mtu);
	rtnl_link_set_flags(change, IFF_UP);
	return rtnl_link_change(sock, old, change, 0);
}

static int put_down(struct nl_sock *sock, int index)
{
	cleanup_link struct rtnl_link *old = rtnl_link_alloc();
	cleanup_link struct rtnl_link *change = rtnl_link_alloc();

	if (!old || !change)
		return -NLE_NOMEM;
	rtnl_link_set_ifindex(old, index);
	rtnl_link_unset_flags(change, IFF_UP);
	return rtnl_link_change(sock, old, change, 0);
}

int net_join(struct net_card *c, struct net_link *l, struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	int tap = (int)if_nametoindex(c->tap);
	int r = open_socket(&sock, reterr);

	if (!r)
		r = take_ingress(sock, l, reterr);
	if (r < 0)
		return r;
	silence(c->tap);
	r = net_put_up(sock, tap, l->mtu);
	if (r >= 0)
		r = ingress_add(sock, tap);
	if (r >= 0)
		r = filter_add(sock, tap, l->index);
	if (r >= 0)
		r = filter_add(sock, l->index, tap);
	if (r >= 0 && !(l->flags & IFF_UP))
		r = net_put_up(sock, l->index, 0);
	if (r >= 0) {
		c->link = l->index;
		return 0;
	}
	r = nl_fail(reterr, r, "join a tap to", l->name);
	(void)ingress_delete(sock, l->index);
	(void)ingress_delete(sock, tap);
	return r;
}

bool net_is_joined(int index)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	struct err ignored;
	enum use use = USE_OTHER;

	if (!open_socket(&sock, &ignored))
		use = use_of(sock, index);
	return use != USE_EMPTY && use != USE_STALE;
}

static void give_back(struct nl_sock *sock, struct rtnl_link *link)
{
	int index = rtnl_link_get_ifindex(link);

	(void)ingress_delete(sock, index);
	if (!strcmp(rtnl_link_get_type(link) ?: "", "tun"))
		net_unreach(sock, index);
}

void net_part(struct net_card *c)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	cleanup_link struct rtnl_link *link = NULL;
	int tap = (int)if_nametoindex(c->tap);
	struct err ignored;

	if (!open_socket(&sock, &ignored)) {
		(void)ingress_delete(sock, tap);
		(void)put_down(sock, tap);
		if (rtnl_link_get_kernel(sock, c->link, NULL, &link) >= 0)
			give_back(sock, link);
	}
	c->link = 0;
}

int net_resize(const struct net_card *c, uint32_t mtu, struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	int r = open_socket(&sock, reterr);

	if (r < 0)
		return r;
	r = net_put_up(sock, (int)if_nametoindex(c->tap), mtu);
	return r < 0 ? nl_fail(reterr, r, "set the MTU of", c->tap) : 0;
}

int net_clean(struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = NULL;
	cleanup_nl_cache struct nl_cache *links = NULL;
	struct nl_object *o;
	int first = 0, alive = 0, r = open_socket(&sock, reterr);

	if (r < 0)
		return r;
	r = rtnl_link_alloc_cache(sock, AF_UNSPEC, &links);
	if (r < 0)
		return nl_fail(reterr, r, "list", "interfaces");
	for (o = nl_cache_get_first(links); o; o = nl_cache_get_next(o)) {
		struct rtnl_link *link = (struct rtnl_link *)(void *)o;
		int index = rtnl_link_get_ifindex(link);
		enum net_owner owner = net_macvtap_owner(link);
		enum use use;

		if (owner == NET_OWNER_DEAD)
			net_macvtap_delete(rtnl_link_get_name(link));
		alive += owner == NET_OWNER_ALIVE;
		if (owner != NET_OWNER_NONE)
			continue;
		use = use_of(sock, index);
		alive += use == USE_ALIVE;
		if (use != USE_STALE && use != USE_EMPTY)
			continue;
		r = ingress_delete(sock, index);
		if (!strcmp(rtnl_link_get_type(link) ?: "", "tun"))
			net_unreach(sock, index);
		if (use == USE_STALE && r < 0 && !first)
			first = nl_fail(reterr, r, "ingress of",
					rtnl_link_get_name(link));
	}
	return first ? first : alive;
}
