// SPDX-License-Identifier: Apache-2.0
/* Probes of packet filters, sets, load balancing and IPsec. */
#include <arpa/inet.h>
#include <errno.h>
#include <linux/ip_vs.h>
#include <linux/netfilter/ipset/ip_set.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/xfrm.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

#define NFPROTO_INET 1
#define NFPROTO_IPV4 2
#define NFPROTO_ARP 3

/* One change of nftables between the messages that make it a transaction. */
static void nft_begin(struct nl *nl, int command, int family)
{
	struct nfgenmsg batch = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };
	struct nfgenmsg h = { .nfgen_family = (uint8_t)family };

	nl_begin(nl, NFNL_MSG_BATCH_BEGIN, 0, &batch, sizeof(batch));
	((struct nlmsghdr *)(void *)nl->out)->nlmsg_flags = NLM_F_REQUEST;
	nl_more(nl, NFNL_SUBSYS_NFTABLES << 8 | command,
		NLM_F_CREATE | NLM_F_ACK, &h, sizeof(h));
}

static int nft_commit(struct nl *nl)
{
	struct nfgenmsg batch = { .res_id = htons(NFNL_SUBSYS_NFTABLES) };

	nl_more(nl, NFNL_MSG_BATCH_END, 0, &batch, sizeof(batch));
	return nl_call(nl);
}

static int nft_table(struct nl *nl, int family)
{
	nft_begin(nl, NFT_MSG_NEWTABLE, family);
	nl_text(nl, NFTA_TABLE_NAME, "t");
	return nft_commit(nl);
}

/* A chain of the forward hook. */
static int nft_chain(struct nl *nl)
{
	size_t hook;

	nft_begin(nl, NFT_MSG_NEWCHAIN, NFPROTO_INET);
	nl_text(nl, NFTA_CHAIN_TABLE, "t");
	nl_text(nl, NFTA_CHAIN_NAME, "c");
	hook = nl_nest(nl, NFTA_CHAIN_HOOK);
	nl_be32(nl, NFTA_HOOK_HOOKNUM, 2);
	nl_be32(nl, NFTA_HOOK_PRIORITY, 0);
	nl_end(nl, hook);
	nl_text(nl, NFTA_CHAIN_TYPE, "filter");
	return nft_commit(nl);
}

static int nft_flowtable(struct nl *nl)
{
	size_t hook, devices;

	nft_begin(nl, NFT_MSG_NEWFLOWTABLE, NFPROTO_INET);
	nl_text(nl, NFTA_FLOWTABLE_TABLE, "t");
	nl_text(nl, NFTA_FLOWTABLE_NAME, "f");
	hook = nl_nest(nl, NFTA_FLOWTABLE_HOOK);
	nl_be32(nl, NFTA_FLOWTABLE_HOOK_NUM, 0);
	nl_be32(nl, NFTA_FLOWTABLE_HOOK_PRIORITY, 0);
	devices = nl_nest(nl, NFTA_FLOWTABLE_HOOK_DEVS);
	nl_text(nl, NFTA_DEVICE_NAME, "lo");
	nl_end(nl, devices);
	nl_end(nl, hook);
	return nft_commit(nl);
}

/* The rule "flow add @f". */
static int nft_offload(struct nl *nl)
{
	size_t list, element, data;

	nft_begin(nl, NFT_MSG_NEWRULE, NFPROTO_INET);
	nl_text(nl, NFTA_RULE_TABLE, "t");
	nl_text(nl, NFTA_RULE_CHAIN, "c");
	list = nl_nest(nl, NFTA_RULE_EXPRESSIONS);
	element = nl_nest(nl, NFTA_LIST_ELEM);
	nl_text(nl, NFTA_EXPR_NAME, "flow_offload");
	data = nl_nest(nl, NFTA_EXPR_DATA);
	nl_text(nl, NFTA_FLOW_TABLE_NAME, "f");
	nl_end(nl, data);
	nl_end(nl, element);
	nl_end(nl, list);
	return nft_commit(nl);
}

static int nftables(void)
{
	struct nl nl;

	if (nl_open(&nl, NETLINK_NETFILTER) < 0)
		return fail("netlink: %m");
	if (nft_table(&nl, NFPROTO_INET) < 0 || nft_chain(&nl) < 0)
		return fail("table and chain: %m");
	if (nft_flowtable(&nl) < 0)
		return fail("flowtable: %m");
	if (nft_offload(&nl) < 0)
		return fail("rule that offloads: %m");
	if (nft_table(&nl, NFPROTO_ARP) < 0)
		return fail("table of family arp: %m");
	note("a flowtable, a rule that fills it, a table of family arp");
	return 0;
}

/* An object names its helper: it can be made only if the helper is there. */
static int helper(struct nl *nl, const char *name, int protocol)
{
	size_t data;

	nft_begin(nl, NFT_MSG_NEWOBJ, NFPROTO_IPV4);
	nl_text(nl, NFTA_OBJ_TABLE, "t");
	nl_text(nl, NFTA_OBJ_NAME, name);
	nl_be32(nl, NFTA_OBJ_TYPE, NFT_OBJECT_CT_HELPER);
	data = nl_nest(nl, NFTA_OBJ_DATA);
	nl_text(nl, NFTA_CT_HELPER_NAME, name);
	nl_be16(nl, NFTA_CT_HELPER_L3PROTO, AF_INET);
	nl_u8(nl, NFTA_CT_HELPER_L4PROTO, (uint8_t)protocol);
	nl_end(nl, data);
	return nft_commit(nl) < 0 ? fail("helper %s: %m", name) : 0;
}

static int conntrack_helpers(void)
{
	static const struct {
		const char *name;
		int protocol;
	} helpers[] = {
		{ "ftp", IPPROTO_TCP },	   { "tftp", IPPROTO_UDP },
		{ "sip", IPPROTO_UDP },	   { "irc", IPPROTO_TCP },
		{ "amanda", IPPROTO_UDP }, { "pptp", IPPROTO_TCP },
		{ "snmp", IPPROTO_UDP },   { "Q.931", IPPROTO_TCP },
	};
	size_t n = sizeof(helpers) / sizeof(*helpers);
	struct nl nl;

	if (nl_open(&nl, NETLINK_NETFILTER) < 0 ||
	    nft_table(&nl, NFPROTO_IPV4) < 0)
		return fail("table: %m");
	for (size_t i = 0; i < n; i++)
		if (helper(&nl, helpers[i].name, helpers[i].protocol) < 0)
			return -1;
	note("%zu helpers", n);
	return 0;
}

/* getsockopt of legacy tables, whose headers do not go with musl's: the name,
 * then what the kernel fills in. */
static int table_info(int level, int option, const char *table, size_t size)
{
	char info[128] = "";
	socklen_t len = (socklen_t)size;
	int fd = socket(level == IPPROTO_IPV6 ? AF_INET6 : AF_INET, SOCK_RAW,
			IPPROTO_RAW);
	int r;

	snprintf(info, sizeof(info), "%s", table);
	r = getsockopt(fd, level, option, info, &len);
	close(fd);
	return r < 0 ? fail("table %s: %m", table) : 0;
}

/* Which revision of a match or target there is: IPT_SO_GET_REVISION_*. */
static int revision(int option, const char *name, uint8_t wanted)
{
	struct {
		char name[29];
		uint8_t revision;
	} query = { .revision = wanted };
	socklen_t len = sizeof(query);
	int fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW), r;

	snprintf(query.name, sizeof(query.name), "%s", name);
	r = getsockopt(fd, IPPROTO_IP, option, &query, &len);
	close(fd);
	return r < 0 ? fail("extension %s: %m", name) : 0;
}

static int iptables(void)
{
	static const char *const tables[] = { "raw", "security" };
	static const char *const matches[] = {
		"rpfilter", "ttl", "cluster", "connbytes", "connlabel",
		"cpu", "dscp", "helper", "length", "quota", "time",
	};
	static const char *const targets[] = {
		"CLASSIFY", "DSCP", "NOTRACK", "TTL", "TRACE",
	};

	for (size_t i = 0; i < 2; i++) {
		/* IPT_SO_GET_INFO of struct ipt_getinfo */
		if (table_info(IPPROTO_IP, 64, tables[i], 84) < 0 ||
		    table_info(IPPROTO_IPV6, 64, tables[i], 84) < 0)
			return -1;
	}
	for (size_t i = 0; i < sizeof(matches) / sizeof(*matches); i++)
		if (revision(66, matches[i], 0) < 0)
			return -1;
	for (size_t i = 0; i < sizeof(targets) / sizeof(*targets); i++)
		if (revision(67, targets[i], 0) < 0)
			return -1;
	if (revision(66, "string", 1) < 0 || revision(67, "TEE", 1) < 0 ||
	    revision(66, "connlimit", 1) < 0)
		return -1;
	note("tables raw and security, 14 matches, 6 targets");
	return 0;
}

static int ebtables(void)
{
	static const char *const tables[] = { "filter", "nat", "broute" };

	for (size_t i = 0; i < 3; i++)
		/* EBT_SO_GET_INFO of struct ebt_replace */
		if (table_info(IPPROTO_IP, 128, tables[i], 120) < 0)
			return -1;
	/* ARPT_SO_GET_INFO */
	return table_info(IPPROTO_IP, 96, "filter", 68);
}

static void set_begin(struct nl *nl, int command)
{
	struct nfgenmsg h = { .nfgen_family = AF_INET };

	nl_begin(nl, NFNL_SUBSYS_IPSET << 8 | command, NLM_F_CREATE, &h,
		 sizeof(h));
	nl_u8(nl, IPSET_ATTR_PROTOCOL, 7);
	nl_text(nl, IPSET_ATTR_SETNAME, "s");
}

static int set_new(struct nl *nl, const char *type)
{
	struct nfgenmsg h = { .nfgen_family = AF_INET };
	size_t data;

	nl_begin(nl, NFNL_SUBSYS_IPSET << 8 | IPSET_CMD_CREATE, NLM_F_CREATE,
		 &h, sizeof(h));
	nl_u8(nl, IPSET_ATTR_PROTOCOL, 7);
	nl_text(nl, IPSET_ATTR_SETNAME, type);
	nl_text(nl, IPSET_ATTR_TYPENAME, type);
	nl_u8(nl, IPSET_ATTR_REVISION, 0);
	nl_u8(nl, IPSET_ATTR_FAMILY,
	      strcmp(type, "hash:mac") ? AF_INET : AF_UNSPEC);
	data = nl_nest(nl, IPSET_ATTR_DATA);
	nl_end(nl, data);
	return nl_call(nl) < 0 ? fail("set of %s: %m", type) : 0;
}

/* Adds or looks up 10.2.3.0/24 with 10.4.0.0/16. */
static int set_element(struct nl *nl, int command, uint32_t first)
{
	size_t data, ip;

	set_begin(nl, command);
	/* The name that set_begin gave is that of the type. */
	nl->n -= 8;
	nl_text(nl, IPSET_ATTR_SETNAME, "hash:net,net");
	data = nl_nest(nl, IPSET_ATTR_DATA);
	ip = nl_nest(nl, IPSET_ATTR_IP);
	nl_be32(nl, IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, first);
	nl_end(nl, ip);
	nl_u8(nl, IPSET_ATTR_CIDR, 24);
	ip = nl_nest(nl, IPSET_ATTR_IP2);
	nl_be32(nl, IPSET_ATTR_IPADDR_IPV4 | NLA_F_NET_BYTEORDER, 0x0a040000);
	nl_end(nl, ip);
	nl_u8(nl, IPSET_ATTR_CIDR2, 16);
	nl_end(nl, data);
	return nl_call(nl);
}

static int ipset(void)
{
	static const char *const types[] = {
		"hash:net,net", "hash:ip,mark", "hash:ip,mac", "hash:mac",
		"hash:net,port,net", "hash:net,iface",
	};
	struct nl nl;

	if (nl_open(&nl, NETLINK_NETFILTER) < 0)
		return fail("netlink: %m");
	for (size_t i = 0; i < sizeof(types) / sizeof(*types); i++)
		if (set_new(&nl, types[i]) < 0)
			return -1;
	if (set_element(&nl, IPSET_CMD_ADD, 0x0a020300) < 0)
		return fail("add an element: %m");
	if (set_element(&nl, IPSET_CMD_TEST, 0x0a020300) < 0)
		return fail("the element is not found: %m");
	if (set_element(&nl, IPSET_CMD_TEST, 0x0a020400) == 0)
		return fail("an element that was not added is found");
	return 0;
}

static void ipvs_service(struct nl *nl)
{
	struct in_addr address[4] = { { htonl(0x0a090901) } };
	struct ip_vs_flags flags = { .mask = ~0u };
	size_t service = nl_nest(nl, IPVS_CMD_ATTR_SERVICE);

	nl_u16(nl, IPVS_SVC_ATTR_AF, AF_INET);
	nl_u16(nl, IPVS_SVC_ATTR_PROTOCOL, IPPROTO_TCP);
	nl_put(nl, IPVS_SVC_ATTR_ADDR, address, sizeof(address));
	nl_be16(nl, IPVS_SVC_ATTR_PORT, 80);
	nl_text(nl, IPVS_SVC_ATTR_SCHED_NAME, "rr");
	nl_put(nl, IPVS_SVC_ATTR_FLAGS, &flags, sizeof(flags));
	nl_u32(nl, IPVS_SVC_ATTR_TIMEOUT, 0);
	nl_be32(nl, IPVS_SVC_ATTR_NETMASK, 0xffffffff);
	nl_end(nl, service);
}

static void ipvs_server(struct nl *nl, uint16_t port)
{
	struct in_addr address[4] = { { htonl(INADDR_LOOPBACK) } };
	size_t dest = nl_nest(nl, IPVS_CMD_ATTR_DEST);

	nl_put(nl, IPVS_DEST_ATTR_ADDR, address, sizeof(address));
	nl_be16(nl, IPVS_DEST_ATTR_PORT, port);
	nl_u32(nl, IPVS_DEST_ATTR_FWD_METHOD, IP_VS_CONN_F_MASQ);
	nl_u32(nl, IPVS_DEST_ATTR_WEIGHT, 1);
	nl_u32(nl, IPVS_DEST_ATTR_U_THRESH, 0);
	nl_u32(nl, IPVS_DEST_ATTR_L_THRESH, 0);
	nl_end(nl, dest);
}

/* A connection to the virtual address reaches the server behind it. */
static int ipvs_connect(int server)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(80),
		.sin_addr = { htonl(0x0a090901) },
	};
	struct timeval limit = { .tv_sec = 20 };
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;
	char c = 'x';

	(void)setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &limit, sizeof(limit));
	(void)setsockopt(server, SOL_SOCKET, SO_RCVTIMEO, &limit,
			 sizeof(limit));
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("connect to the virtual address: %m");
	peer = accept(server, NULL, NULL);
	if (peer < 0 || write(fd, &c, 1) != 1 || read(peer, &c, 1) != 1)
		return fail("nothing arrived at the server: %m");
	note("a TCP connection to a virtual address, by rr and masquerading");
	return 0;
}

static int ipvs(void)
{
	struct nl nl;
	uint16_t port;
	int family, server;

	if (nl_open(&nl, NETLINK_GENERIC) < 0)
		return fail("netlink: %m");
	family = genl_family(&nl, IPVS_GENL_NAME);
	if (family < 0)
		return fail("no family of IPVS: %m");
	genl_begin(&nl, family, IPVS_CMD_NEW_SERVICE, 1, 0);
	ipvs_service(&nl);
	if (nl_call(&nl) < 0)
		return fail("new service: %m");
	server = tcp_listen(&port);
	if (server < 0)
		return -1;
	genl_begin(&nl, family, IPVS_CMD_NEW_DEST, 1, 0);
	ipvs_service(&nl);
	ipvs_server(&nl, port);
	if (nl_call(&nl) < 0)
		return fail("new server: %m");
	if (address_add("lo", "10.9.9.1", 32) < 0)
		return fail("virtual address: %m");
	return ipvs_connect(server);
}

/* A security association from 10.0.0.1 to 10.0.0.2 by SPI. */
static int association(struct nl *nl, int protocol, uint32_t spi)
{
	struct xfrm_usersa_info sa = {
		.id = { .spi = htonl(spi), .proto = (uint8_t)protocol },
		.family = AF_INET,
		.mode = XFRM_MODE_TRANSPORT,
		.lft = { XFRM_INF, XFRM_INF, XFRM_INF, XFRM_INF },
	};
	struct {
		struct xfrm_algo_aead head;
		char key[20];
	} aead = { .head = { .alg_key_len = 160, .alg_icv_len = 128 } };
	struct {
		struct xfrm_algo head;
		char key[32];
	} hash = { .head = { .alg_key_len = 256 } };

	sa.saddr.a4 = htonl(0x0a000001);
	sa.id.daddr.a4 = htonl(0x0a000002);
	nl_begin(nl, XFRM_MSG_NEWSA, NLM_F_CREATE | NLM_F_EXCL, &sa,
		 sizeof(sa));
	snprintf(aead.head.alg_name, sizeof(aead.head.alg_name),
		 "rfc4106(gcm(aes))");
	snprintf(hash.head.alg_name, sizeof(hash.head.alg_name),
		 "hmac(sha256)");
	if (protocol == IPPROTO_ESP)
		nl_put(nl, XFRMA_ALG_AEAD, &aead,
		       sizeof(aead.head) + sizeof(aead.key));
	else
		nl_put(nl, XFRMA_ALG_AUTH, &hash,
		       sizeof(hash.head) + sizeof(hash.key));
	return nl_call(nl);
}

static int ipsec(void)
{
	struct link l;
	struct nl nl;

	if (nl_open(&nl, NETLINK_XFRM) < 0)
		return fail("netlink of xfrm: %m");
	if (association(&nl, IPPROTO_ESP, 0x1001) < 0)
		return fail("association of ESP with AES-GCM: %m");
	if (association(&nl, IPPROTO_AH, 0x1002) < 0)
		return fail("association of AH: %m");
	if (!file_has("/proc/net/xfrm_stat", "XfrmInError"))
		return fail("no statistics");
	if (link_begin(&l, "xfrm0", "xfrm", "lo") < 0)
		return fail("netlink: %m");
	nl_u32(&l.nl, 2 /* IFLA_XFRM_IF_ID */, 7);
	if (link_commit(&l) < 0)
		return fail("xfrm interface: %m");
	if (socket(15 /* AF_KEY */, SOCK_RAW, 2) < 0)
		return fail("PF_KEY: %m");
	note("associations of ESP and AH, an xfrm interface");
	return 0;
}

const struct probe probes_filter[] = {
	{ "nftables", nftables },
	{ "conntrack-helpers", conntrack_helpers },
	{ "iptables", iptables },
	{ "ebtables", ebtables },
	{ "ipset", ipset },
	{ "ipvs", ipvs },
	{ "ipsec", ipsec },
	{ NULL, NULL },
};
