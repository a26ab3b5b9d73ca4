// SPDX-License-Identifier: Apache-2.0
/* Probes of network links. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/genetlink.h>
#include <linux/openvswitch.h>
#include <linux/pkt_sched.h>
#include <linux/rtnetlink.h>
#include <linux/wireguard.h>
#include <netinet/in.h>
#include <sched.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

/* Sends TEXT from one socket to the other's address until it arrives. */
static int udp_arrives(int from, int to, const char *address, uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	struct timeval limit = { .tv_sec = 2 };
	char got[16] = "";

	inet_pton(AF_INET, address, &a.sin_addr);
	(void)setsockopt(to, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	for (int i = 0; i < 15; i++) {
		if (sendto(from, "through", 8, 0, (struct sockaddr *)&a,
			   sizeof(a)) < 0)
			return fail("send to %s: %m", address);
		if (recv(to, got, sizeof(got), 0) == 8)
			return memcmp(got, "through", 8) == 0 ? 0 :
			       fail("other bytes arrived");
	}
	return fail("nothing arrived at %s", address);
}

static int udp_bound(uint16_t port)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
	};
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("bind to port %u: %m", port);
	return fd;
}

/* Sets private key and port of wg link NAME, and reads its public key. */
static int wg_key(const char *name, uint8_t seed, uint16_t port,
		  uint8_t public_key[32])
{
	const struct nlattr *a;
	uint8_t key[32];
	struct nl nl;
	int family;

	memset(key, seed, sizeof(key));
	if (nl_open(&nl, NETLINK_GENERIC) < 0)
		return fail("netlink: %m");
	family = genl_family(&nl, WG_GENL_NAME);
	if (family < 0)
		return fail("no family of WireGuard: %m");
	genl_begin(&nl, family, WG_CMD_SET_DEVICE, 1, 0);
	nl_text(&nl, WGDEVICE_A_IFNAME, name);
	nl_put(&nl, WGDEVICE_A_PRIVATE_KEY, key, sizeof(key));
	nl_u16(&nl, WGDEVICE_A_LISTEN_PORT, port);
	if (nl_call(&nl) < 0)
		return fail("set the key of %s: %m", name);
	genl_begin(&nl, family, WG_CMD_GET_DEVICE, 1, NLM_F_DUMP);
	nl_text(&nl, WGDEVICE_A_IFNAME, name);
	if (nl_call(&nl) < 0)
		return fail("read %s: %m", name);
	a = nl_find(nl.reply, GENL_HEADER, WGDEVICE_A_PUBLIC_KEY);
	if (!a || a->nla_len != NLA_HDRLEN + 32)
		return fail("%s has no public key", name);
	memcpy(public_key, (const char *)a + NLA_HDRLEN, 32);
	close(nl.fd);
	return 0;
}

static int wg_peer(const char *name, const uint8_t key[32], uint16_t port)
{
	struct sockaddr_in end = {
		.sin_family = AF_INET,
		.sin_port = htons(port),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	struct in_addr any = { 0 };
	size_t peers, peer, ips, ip;
	struct nl nl;
	int family;

	if (nl_open(&nl, NETLINK_GENERIC) < 0)
		return fail("netlink: %m");
	family = genl_family(&nl, WG_GENL_NAME);
	genl_begin(&nl, family, WG_CMD_SET_DEVICE, 1, 0);
	nl_text(&nl, WGDEVICE_A_IFNAME, name);
	peers = nl_nest(&nl, WGDEVICE_A_PEERS);
	peer = nl_nest(&nl, 0);
	nl_put(&nl, WGPEER_A_PUBLIC_KEY, key, 32);
	nl_put(&nl, WGPEER_A_ENDPOINT, &end, sizeof(end));
	ips = nl_nest(&nl, WGPEER_A_ALLOWEDIPS);
	ip = nl_nest(&nl, 0);
	nl_u16(&nl, WGALLOWEDIP_A_FAMILY, AF_INET);
	nl_put(&nl, WGALLOWEDIP_A_IPADDR, &any, sizeof(any));
	nl_u8(&nl, WGALLOWEDIP_A_CIDR_MASK, 0);
	nl_end(&nl, ip);
	nl_end(&nl, ips);
	nl_end(&nl, peer);
	nl_end(&nl, peers);
	if (nl_call(&nl) < 0)
		return fail("set the peer of %s: %m", name);
	close(nl.fd);
	return 0;
}

/*
 * Two links whose outer sockets stay in the first namespace; one of them moves
 * to a second. A packet between them has been encrypted and decrypted.
 */
static int wireguard(void)
{
	uint8_t keys[2][32];
	int first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	int second, here, there;

	if (link_new("wg0", "wireguard", NULL) < 0 ||
	    link_new("wg1", "wireguard", NULL) < 0)
		return fail("create a link: %m");
	if (wg_key("wg0", 1, 5001, keys[0]) < 0 ||
	    wg_key("wg1", 2, 5002, keys[1]) < 0 ||
	    wg_peer("wg0", keys[1], 5002) < 0 ||
	    wg_peer("wg1", keys[0], 5001) < 0)
		return -1;
	if (address_add("wg0", "10.1.1.1", 24) < 0 || link_up("wg0") < 0)
		return fail("wg0 up: %m");
	here = udp_bound(6000);
	if (unshare(CLONE_NEWNET) < 0)
		return fail("unshare: %m");
	second = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(first, CLONE_NEWNET) < 0 || link_move("wg1", second) < 0 ||
	    setns(second, CLONE_NEWNET) < 0)
		return fail("move wg1: %m");
	if (address_add("wg1", "10.1.1.2", 24) < 0 || link_up("wg1") < 0)
		return fail("wg1 up: %m");
	there = udp_bound(6000);
	if (here < 0 || there < 0)
		return -1;
	note("handshake and a packet between two links");
	return udp_arrives(here, there, "10.1.1.2", 6000);
}

/* A link of KIND on the dummy link d0, or alone. */
static int one_link(const char *kind, const char *parent)
{
	char name[16];

	snprintf(name, sizeof(name), "t-%s", kind);
	return link_new(name, kind, parent) < 0 ?
	       fail("create a link of kind %s: %m", kind) : 0;
}

static int macsec(void)
{
	if (link_new("d0", "dummy", NULL) < 0 || link_up("d0") < 0)
		return fail("dummy link: %m");
	if (one_link("macsec", "d0") < 0)
		return -1;
	return link_up("t-macsec") < 0 ? fail("link up: %m") : 0;
}

/* IFLA_GENEVE_ID and _REMOTE; IFLA_GRE_LOCAL and _REMOTE; of if_tunnel.h,
 * which does not go with <netinet/in.h>. */
static int geneve_link(void)
{
	struct in_addr remote = { htonl(0x0a020202) };
	struct link l;

	if (link_begin(&l, "t-geneve", "geneve", NULL) < 0)
		return -1;
	nl_u32(&l.nl, 1, 7);
	nl_put(&l.nl, 2, &remote, sizeof(remote));
	return link_commit(&l);
}

static int gre_link(const char *name, const char *local, const char *remote)
{
	struct in_addr a;
	struct link l;

	if (link_begin(&l, name, "gre", NULL) < 0)
		return -1;
	inet_pton(AF_INET, local, &a);
	nl_put(&l.nl, 6, &a, sizeof(a));
	inet_pton(AF_INET, remote, &a);
	nl_put(&l.nl, 7, &a, sizeof(a));
	return link_commit(&l);
}

/* A packet through GRE between two namespaces that a veth joins. */
static int gre_traffic(void)
{
	int first = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	size_t peer;
	struct link l;
	int second, here, there;

	if (link_begin(&l, "v0", "veth", NULL) < 0)
		return fail("netlink: %m");
	peer = nl_nest(&l.nl, 1 /* VETH_INFO_PEER */);
	l.nl.n += sizeof(struct ifinfomsg);
	nl_text(&l.nl, 3 /* IFLA_IFNAME */, "v1");
	nl_end(&l.nl, peer);
	if (link_commit(&l) < 0 || address_add("v0", "10.2.2.1", 24) < 0 ||
	    link_up("v0") < 0 ||
	    gre_link("g0", "10.2.2.1", "10.2.2.2") < 0 ||
	    address_add("g0", "10.3.3.1", 24) < 0 || link_up("g0") < 0)
		return fail("first end of the tunnel: %m");
	here = udp_bound(6000);
	if (unshare(CLONE_NEWNET) < 0)
		return fail("unshare: %m");
	second = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	if (setns(first, CLONE_NEWNET) < 0 || link_move("v1", second) < 0 ||
	    setns(second, CLONE_NEWNET) < 0 ||
	    address_add("v1", "10.2.2.2", 24) < 0 || link_up("v1") < 0 ||
	    gre_link("g1", "10.2.2.2", "10.2.2.1") < 0 ||
	    address_add("g1", "10.3.3.2", 24) < 0 || link_up("g1") < 0)
		return fail("second end of the tunnel: %m");
	there = udp_bound(6000);
	if (here < 0 || there < 0)
		return -1;
	return udp_arrives(here, there, "10.3.3.2", 6000);
}

/* A tunnel of KIND to somewhere: without a remote end it would collide with
 * the one that each namespace has. ATTRIBUTE and SIZE are its address's. */
static int tunnel(const char *kind, int attribute, size_t size)
{
	const uint8_t remote[16] = { 10, 2, 2, 2, 5, 6, 7, 8 };
	char name[16];
	struct link l;

	snprintf(name, sizeof(name), "t-%s", kind);
	if (link_begin(&l, name, kind, NULL) < 0)
		return fail("netlink: %m");
	nl_put(&l.nl, attribute, remote, size);
	return link_commit(&l) < 0 ?
	       fail("create a link of kind %s: %m", kind) : 0;
}

static int tunnels(void)
{
	/* IFLA_IPTUN_REMOTE is 3, IFLA_GRE_REMOTE is 7. */
	if (tunnel("ipip", 3, 4) < 0 || tunnel("sit", 3, 4) < 0 ||
	    tunnel("gretap", 7, 4) < 0 || tunnel("ip6tnl", 3, 16) < 0 ||
	    tunnel("ip6gre", 7, 16) < 0)
		return -1;
	if (geneve_link() < 0)
		return fail("create a link of kind geneve: %m");
	note("six kinds of link, and a packet through GRE");
	return gre_traffic();
}

static int links(void)
{
	static const char *const kinds[] = {
		"bond", "team", "netkit", "ifb", "nlmon",
	};
	struct link l;

	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (one_link(kinds[i], NULL) < 0)
			return -1;
	if (link_begin(&l, "t-vrf", "vrf", NULL) < 0)
		return fail("netlink: %m");
	nl_u32(&l.nl, 1 /* IFLA_VRF_TABLE */, 100);
	if (link_commit(&l) < 0)
		return fail("create a link of kind vrf: %m");
	return link_up("t-vrf") < 0 ? fail("vrf up: %m") : 0;
}

static int openvswitch(void)
{
	struct ovs_header h = { 0 };
	struct nl nl;
	int family;

	if (nl_open(&nl, NETLINK_GENERIC) < 0)
		return fail("netlink: %m");
	family = genl_family(&nl, OVS_DATAPATH_FAMILY);
	if (family < 0)
		return fail("no family of Open vSwitch: %m");
	genl_begin(&nl, family, OVS_DP_CMD_NEW, OVS_DATAPATH_VERSION, 0);
	memcpy(nl.out + nl.n, &h, sizeof(h));
	nl.n += sizeof(h);
	nl_text(&nl, OVS_DP_ATTR_NAME, "ovs-system");
	nl_u32(&nl, OVS_DP_ATTR_UPCALL_PID, 0);
	if (nl_call(&nl) < 0)
		return fail("create a datapath: %m");
	return link_index("ovs-system") < 0 ? fail("no link of it: %m") : 0;
}

static int qdisc(const char *kind, uint32_t parent)
{
	struct tcmsg h = {
		.tcm_ifindex = link_index("d0"),
		.tcm_parent = parent,
		.tcm_handle = parent == TC_H_CLSACT ? 0xffff0000 : 0,
	};
	struct nl nl;
	int r;

	if (nl_open(&nl, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(&nl, RTM_NEWQDISC, NLM_F_CREATE | NLM_F_REPLACE, &h,
		 sizeof(h));
	nl_text(&nl, TCA_KIND, kind);
	r = nl_call(&nl);
	close(nl.fd);
	return r < 0 ? fail("queueing discipline %s: %m", kind) : 0;
}

static int flower(void)
{
	struct tcmsg h = {
		.tcm_ifindex = link_index("d0"),
		.tcm_parent = TC_H_MAKE(TC_H_CLSACT, TC_H_MIN_INGRESS),
		.tcm_info = TC_H_MAKE(1u << 16, htons(0x0800)),
	};
	size_t options;
	struct nl nl;
	int r;

	if (nl_open(&nl, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(&nl, RTM_NEWTFILTER, NLM_F_CREATE, &h, sizeof(h));
	nl_text(&nl, TCA_KIND, "flower");
	options = nl_nest(&nl, TCA_OPTIONS);
	nl_be16(&nl, 8 /* TCA_FLOWER_KEY_ETH_TYPE */, 0x0800);
	nl_end(&nl, options);
	r = nl_call(&nl);
	close(nl.fd);
	return r < 0 ? fail("classifier flower: %m") : 0;
}

static int tc(void)
{
	static const char *const kinds[] = {
		"cake", "fq_pie", "sfq", "codel", "pie",
	};

	if (link_new("d0", "dummy", NULL) < 0 || link_up("d0") < 0)
		return fail("dummy link: %m");
	for (size_t i = 0; i < sizeof(kinds) / sizeof(*kinds); i++)
		if (qdisc(kinds[i], TC_H_ROOT) < 0)
			return -1;
	return qdisc("clsact", TC_H_CLSACT) < 0 ? -1 : flower();
}

static int ppp(void)
{
	int fd = open("/dev/ppp", O_RDWR | O_CLOEXEC), unit = -1;

	if (fd < 0)
		return fail("/dev/ppp: %m");
	if (ioctl(fd, _IOWR('t', 62, int) /* PPPIOCNEWUNIT */, &unit) < 0)
		return fail("new unit: %m");
	if (link_index("ppp0") < 0)
		return fail("no link of it: %m");
	fd = socket(24 /* AF_PPPOX */, SOCK_STREAM, 0);
	return fd < 0 ? fail("PPPoE socket: %m") : 0;
}

const struct probe probes_link[] = {
	{ "wireguard", wireguard },
	{ "macsec", macsec },
	{ "tunnels", tunnels },
	{ "links", links },
	{ "openvswitch", openvswitch },
	{ "tc", tc },
	{ "ppp", ppp },
	{ NULL, NULL },
};
