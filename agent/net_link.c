// SPDX-License-Identifier: Apache-2.0
/* Interfaces and their addresses. */
#include <errno.h>
#include <fcntl.h>
#include <linux/if_addr.h>
#include <linux/rtnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "net.h"
#include "netlink.h"
#include "os/io.h"

#define MTU_MAX 65535

/* --- what there is --- */

struct link_list {
	struct net_link *v;
	size_t n;
};

static int on_link(void *arg, struct netlink_message *m)
{
	struct link_list *list = arg;
	struct net_link *l = &list->v[list->n];
	struct ifinfomsg body;
	struct netlink_attr a;
	int r;

	if (m->type != RTM_NEWLINK)
		return 0;
	if (list->n == NET_LINKS_MAX)
		return -E2BIG;
	if (netlink_body(m, &body, sizeof(body)) < 0)
		return -EBADMSG;
	*l = (struct net_link){.index = body.ifi_index,
			       .flags = body.ifi_flags};
	while ((r = netlink_attr_next(&m->body, &a)) > 0) {
		if (a.type == IFLA_IFNAME)
			(void)snprintf(l->name, sizeof(l->name), "%.*s",
				       (int)a.len, (const char *)a.data);
		else if (a.type == IFLA_MTU)
			l->mtu = netlink_attr_u32(&a);
		else if (a.type == IFLA_ADDRESS && a.len == NET_MAC_SIZE) {
			memcpy(l->mac, a.data, NET_MAC_SIZE);
			l->has_mac = true;
		}
	}
	list->n++;
	return r;
}

int net_links(int fd, struct net_link **ret, size_t *n)
{
	const struct ifinfomsg body = {.ifi_family = AF_UNSPEC};
	struct link_list list = {0};
	struct netlink_request q;
	int r;

	list.v = calloc(NET_LINKS_MAX + 1, sizeof(*list.v));
	if (!list.v)
		return -ENOMEM;
	netlink_begin(&q, RTM_GETLINK, 0, &body, sizeof(body));
	r = netlink_dump(fd, &q, on_link, &list);
	if (r < 0) {
		free(list.v);
		return r;
	}
	*ret = list.v;
	*n = list.n;
	return 0;
}

struct link_address {
	int link;
	uint8_t scope;
	struct net_address address;
};

struct address_list {
	struct link_address *v;
	size_t n;
};

static int on_address(void *arg, struct netlink_message *m)
{
	struct address_list *list = arg;
	struct link_address *l = &list->v[list->n];
	struct ifaddrmsg body;
	struct netlink_attr a;
	size_t size;
	int r;

	if (m->type != RTM_NEWADDR)
		return 0;
	if (list->n == NET_ADDRESSES_MAX)
		return -E2BIG;
	if (netlink_body(m, &body, sizeof(body)) < 0)
		return -EBADMSG;
	size = net_address_size(body.ifa_family);
	if (!size)
		return 0;
	*l = (struct link_address){.link = (int)body.ifa_index,
				   .scope = body.ifa_scope};
	l->address.family = body.ifa_family;
	l->address.prefix = body.ifa_prefixlen;
	while ((r = netlink_attr_next(&m->body, &a)) > 0) {
		/* IPv4 has both, IPv6 LOCAL only for point to point. */
		if ((a.type == IFA_LOCAL ||
		     (a.type == IFA_ADDRESS && body.ifa_family == AF_INET6)) &&
		    a.len == size)
			memcpy(l->address.bytes, a.data, size);
	}
	list->n++;
	return r;
}

static int get_addresses(int fd, struct address_list *list)
{
	const struct ifaddrmsg body = {.ifa_family = AF_UNSPEC};
	struct netlink_request q;
	int r;

	list->n = 0;
	list->v = calloc(NET_ADDRESSES_MAX + 1, sizeof(*list->v));
	if (!list->v)
		return -ENOMEM;
	netlink_begin(&q, RTM_GETADDR, 0, &body, sizeof(body));
	r = netlink_dump(fd, &q, on_address, list);
	if (r < 0) {
		free(list->v);
		list->v = NULL;
	}
	return r;
}

/* --- changing it --- */

static int set_flags(int fd, int index, unsigned int flags, unsigned int mask)
{
	const struct ifinfomsg body = {.ifi_index = index, .ifi_flags = flags,
				       .ifi_change = mask};
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, 0, &body, sizeof(body));
	return netlink_call(fd, &q);
}

static int set_name(int fd, int index, const char *name)
{
	const struct ifinfomsg body = {.ifi_index = index};
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, 0, &body, sizeof(body));
	netlink_put(&q, IFLA_IFNAME, name, strlen(name) + 1);
	return netlink_call(fd, &q);
}

static int set_mtu(int fd, int index, uint32_t mtu)
{
	const struct ifinfomsg body = {.ifi_index = index};
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, 0, &body, sizeof(body));
	netlink_put_u32(&q, IFLA_MTU, mtu);
	return netlink_call(fd, &q);
}

static int set_mac(int fd, int index, const uint8_t *mac)
{
	const struct ifinfomsg body = {.ifi_index = index};
	struct netlink_request q;

	netlink_begin(&q, RTM_NEWLINK, 0, &body, sizeof(body));
	netlink_put(&q, IFLA_ADDRESS, mac, NET_MAC_SIZE);
	return netlink_call(fd, &q);
}

/* A name is free for L: who has it gets another, until its own turn comes. */
static int rename_link(int fd, const struct net_link *l, const char *name,
		       const struct net_link *all, size_t n)
{
	char temporary[IF_NAMESIZE];
	size_t i;
	int r = set_flags(fd, l->index, 0, IFF_UP);

	for (i = 0; !r && i < n; i++) {
		if (all[i].index == l->index || strcmp(all[i].name, name))
			continue;
		(void)snprintf(temporary, sizeof(temporary), "kiln%d",
			       all[i].index);
		r = set_flags(fd, all[i].index, 0, IFF_UP);
		if (!r)
			r = set_name(fd, all[i].index, temporary);
	}
	return r < 0 ? r : set_name(fd, l->index, name);
}

/*
 * The host says which addresses there are: none is made up from what routers
 * announce, and none needs another second to be found unique, for it is in use
 * on the host's side already. A kernel without IPv6 has no such files.
 */
static void quiet_ipv6(const char *name)
{
	static const char *const files[] = {"accept_dad", "accept_ra",
					    "autoconf"};
	char path[128];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		(void)snprintf(path, sizeof(path),
			       "/proc/sys/net/ipv6/conf/%s/%s", name, files[i]);
		(void)write_file(AT_FDCWD, path, "0");
	}
}

static int change_address(int fd, uint16_t type, uint16_t flags, int index,
			  const struct net_address *a)
{
	struct ifaddrmsg body = {.ifa_family = a->family,
				 .ifa_prefixlen = a->prefix,
				 .ifa_index = (uint32_t)index};
	size_t size = net_address_size(a->family), i;
	struct netlink_request q;
	uint8_t broadcast[4];

	if (a->family == AF_INET6 && type == RTM_NEWADDR)
		body.ifa_flags = IFA_F_NODAD;
	netlink_begin(&q, type, flags, &body, sizeof(body));
	netlink_put(&q, IFA_LOCAL, a->bytes, size);
	netlink_put(&q, IFA_ADDRESS, a->bytes, size);
	if (type == RTM_NEWADDR && a->family == AF_INET && a->prefix < 31) {
		for (i = 0; i < 4; i++) {
			int bits = MIN(MAX(a->prefix - 8 * (int)i, 0), 8);

			broadcast[i] = a->bytes[i] | (uint8_t)(0xff >> bits);
		}
		netlink_put(&q, IFA_BROADCAST, broadcast, sizeof(broadcast));
	}
	return netlink_call(fd, &q);
}

static bool is_wanted(const struct net_address *a,
		      const struct net_address *wanted, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!memcmp(a, &wanted[i], sizeof(*a)))
			return true;
	return false;
}

static int set_addresses(int fd, int index, const struct net_address *wanted,
			 size_t n)
{
	cleanup_free struct link_address *v = NULL;
	struct address_list list = {0};
	size_t i;
	int r = get_addresses(fd, &list);

	v = list.v;
	for (i = 0; !r && i < list.n; i++) {
		const struct link_address *l = &v[i];

		/* The kernel's own link-local address is no one's to take. */
		if (l->link != index || is_wanted(&l->address, wanted, n) ||
		    (l->address.family == AF_INET6 &&
		     l->scope == RT_SCOPE_LINK))
			continue;
		r = change_address(fd, RTM_DELADDR, 0, index, &l->address);
		if (r == -EADDRNOTAVAIL)
			r = 0; /* went with its primary address */
	}
	for (i = 0; !r && i < n; i++)
		r = change_address(fd, RTM_NEWADDR,
				   NLM_F_CREATE | NLM_F_REPLACE, index,
				   &wanted[i]);
	return r;
}

/* --- the message --- */

static int parse_addresses(const Types__Interface *i, struct net_address *ret,
			   struct err *reterr)
{
	size_t k;

	if (i->n_ipaddresses > NET_ADDRESSES_MAX)
		return err_set(reterr, -E2BIG, "%zu addresses",
			       i->n_ipaddresses);
	for (k = 0; k < i->n_ipaddresses; k++) {
		const Types__IPAddress *a = i->ipaddresses[k];

		if (net_address_parse_mask(a->address, a->mask, &ret[k]) < 0)
			return err_set(reterr, -EINVAL,
				       "address '%.100s', mask '%.100s'",
				       a->address, a->mask);
	}
	return 0;
}

static int find_link(const char *sysfs, const Types__Interface *i,
		     const struct net_link *v, size_t n,
		     const struct net_link **ret, struct err *reterr)
{
	const char *want = *i->device ? i->device : i->name;
	cleanup_free char *name = NULL;
	uint8_t mac[NET_MAC_SIZE];
	bool by_mac = false;
	size_t k;
	int r;

	if (*i->devicepath) {
		r = net_device_find(sysfs, i->devicepath, &name);
		if (r < 0)
			return err_set(reterr, r == -ENOENT ? -ENODEV : r,
					"network device at '%.100s'",
					i->devicepath);
		want = name;
	} else if (*i->hwaddr) {
		if (net_mac_parse(i->hwaddr, mac) < 0)
			return err_set(reterr, -EINVAL,
				       "hardware address '%.100s'", i->hwaddr);
		by_mac = true;
	}
	for (k = 0; k < n; k++)
		if (by_mac ? v[k].has_mac &&
				     !memcmp(v[k].mac, mac, sizeof(mac))
			   : !strcmp(v[k].name, want)) {
			*ret = &v[k];
			return 0;
		}
	return err_set(reterr, -ENODEV, "network device '%.100s'",
		       by_mac ? i->hwaddr : want);
}

/* A device that has served another link of the host has that one's address. */
static int apply_mac(int fd, const struct net_link *l, const char *hwaddr)
{
	uint8_t mac[NET_MAC_SIZE];

	if (!*hwaddr || !l->has_mac)
		return 0;
	if (net_mac_parse(hwaddr, mac) < 0)
		return -EINVAL;
	return memcmp(mac, l->mac, sizeof(mac)) ? set_mac(fd, l->index, mac)
						: 0;
}

static int apply(int fd, const struct net_link *l, const Types__Interface *i,
		 const struct net_link *all, size_t n, struct err *reterr)
{
	const char *name = *i->name ? i->name : l->name;
	unsigned int flags = IFF_UP | (i->raw_flags & IFF_NOARP);
	int r = 0;

	if (strcmp(l->name, name))
		r = rename_link(fd, l, name, all, n);
	if (r < 0)
		return err_code(reterr, r, "rename '%s' to '%s'", l->name,
				name);
	r = apply_mac(fd, l, i->hwaddr);
	if (r < 0)
		return err_code(reterr, r, "give '%s' the hardware address "
				"'%.50s'", name, i->hwaddr);
	if (i->mtu && i->mtu != l->mtu)
		r = set_mtu(fd, l->index, (uint32_t)i->mtu);
	if (r < 0)
		return err_code(reterr, r, "set the MTU of '%s' to %u", name,
				(unsigned int)i->mtu);
	quiet_ipv6(name);
	r = set_flags(fd, l->index, flags, IFF_UP | IFF_NOARP);
	return r < 0 ? err_code(reterr, r, "put '%s' up", name) : 0;
}

static int remove_interface(const char *sysfs, const char *device_path,
			    struct err *reterr)
{
	int r = net_device_drive(sysfs, device_path, false);

	return r < 0 ? err_set(reterr, r == -ENOENT ? -ENODEV : r,
			       "network device at '%.100s'", device_path)
		     : 0;
}

int net_update_interface(int fd, const char *sysfs, const Types__Interface *i,
			 struct err *reterr)
{
	cleanup_free struct net_address *addresses = NULL;
	cleanup_free struct net_link *links = NULL;
	const struct net_link *l = NULL;
	size_t n = 0;
	int r;

	if (i->absent)
		return remove_interface(sysfs, i->devicepath, reterr);
	if (*i->name && !net_name_is_valid(i->name))
		return err_set(reterr, -EINVAL, "interface name '%.100s'",
			       i->name);
	if (i->mtu > MTU_MAX)
		return err_set(reterr, -EINVAL, "MTU of %llu",
			       (unsigned long long)i->mtu);
	addresses = calloc(NET_ADDRESSES_MAX, sizeof(*addresses));
	if (!addresses)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = parse_addresses(i, addresses, reterr);
	if (r < 0)
		return r;
	if (*i->devicepath) /* what was none shall be one again */
		(void)net_device_drive(sysfs, i->devicepath, true);
	r = net_links(fd, &links, &n);
	if (r < 0)
		return err_code(reterr, r, "list interfaces");
	r = find_link(sysfs, i, links, n, &l, reterr);
	if (!r)
		r = apply(fd, l, i, links, n, reterr);
	if (r < 0)
		return r;
	r = set_addresses(fd, l->index, addresses, i->n_ipaddresses);
	return r < 0 ? err_code(reterr, r, "set the addresses of '%s'",
				*i->name ? i->name : l->name) : 0;
}

static int add_address(Types__Interface *i, const struct net_address *a)
{
	char text[NET_ADDRESS_TEXT_MAX];
	Types__IPAddress *p = malloc(sizeof(*p));

	if (!p)
		return -ENOMEM;
	types__ipaddress__init(p);
	i->ipaddresses[i->n_ipaddresses++] = p;
	net_address_format(a, text);
	p->family = a->family == AF_INET6 ? TYPES__IPFAMILY__v6
					  : TYPES__IPFAMILY__v4;
	p->address = strdup(text);
	if (asprintf(&p->mask, "%u", a->prefix) < 0)
		p->mask = NULL;
	return p->address && p->mask ? 0 : -ENOMEM;
}

static int fill_interface(Types__Interface *i, const struct net_link *l,
			  const struct address_list *list)
{
	char mac[18] = "";
	size_t k;
	int r = 0;

	if (l->has_mac)
		net_mac_format(l->mac, mac);
	i->device = strdup(l->name);
	i->name = strdup(l->name);
	i->hwaddr = strdup(mac);
	i->mtu = l->mtu;
	i->raw_flags = l->flags;
	i->ipaddresses = calloc(list->n + 1, sizeof(*i->ipaddresses));
	if (!i->device || !i->name || !i->hwaddr || !i->ipaddresses)
		return -ENOMEM;
	for (k = 0; !r && k < list->n; k++)
		if (list->v[k].link == l->index)
			r = add_address(i, &list->v[k].address);
	return r;
}

int net_list_interfaces(int fd, Grpc__Interfaces *ret)
{
	cleanup_free struct net_link *links = NULL;
	cleanup_free struct link_address *v = NULL;
	struct address_list list = {0};
	size_t n = 0, i;
	int r = net_links(fd, &links, &n);

	if (!r)
		r = get_addresses(fd, &list);
	v = list.v;
	if (r < 0)
		return r;
	ret->interfaces = calloc(n + 1, sizeof(*ret->interfaces));
	if (!ret->interfaces)
		return -ENOMEM;
	for (i = 0; !r && i < n; i++) {
		Types__Interface *p = malloc(sizeof(*p));

		if (!p)
			return -ENOMEM;
		types__interface__init(p);
		ret->interfaces[ret->n_interfaces++] = p;
		r = fill_interface(p, &links[i], &list);
	}
	return r;
}
