// SPDX-License-Identifier: Apache-2.0
/* Netlink and sockets for the probes. */
#include "net.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/genetlink.h>
#include <linux/if_link.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#include "probe.h"

#define ALIGN4(n) (((n) + 3) & ~(size_t)3)

int nl_open(struct nl *nl, int protocol)
{
	memset(nl, 0, sizeof(*nl));
	nl->fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, protocol);
	return nl->fd < 0 ? -1 : 0;
}

static struct nlmsghdr *message(struct nl *nl)
{
	return (struct nlmsghdr *)(void *)(nl->out + nl->start);
}

void nl_more(struct nl *nl, int type, int flags, const void *header,
	     size_t size)
{
	nl->start = ALIGN4(nl->n);
	*message(nl) = (struct nlmsghdr){
		.nlmsg_type = (uint16_t)type,
		.nlmsg_flags = (uint16_t)(NLM_F_REQUEST | flags),
		.nlmsg_seq = ++nl->seq,
	};
	memcpy(nl->out + nl->start + NLMSG_HDRLEN, header, size);
	nl->n = nl->start + NLMSG_HDRLEN + ALIGN4(size);
	message(nl)->nlmsg_len = (uint32_t)(nl->n - nl->start);
}

void nl_begin(struct nl *nl, int type, int flags, const void *header,
	      size_t size)
{
	memset(nl->out, 0, sizeof(nl->out));
	nl->n = 0;
	nl_more(nl, type, NLM_F_ACK | flags, header, size);
}

void nl_put(struct nl *nl, int type, const void *data, size_t size)
{
	struct nlattr *a = (struct nlattr *)(void *)(nl->out + nl->n);

	a->nla_type = (uint16_t)type;
	a->nla_len = (uint16_t)(NLA_HDRLEN + size);
	if (size)
		memcpy(nl->out + nl->n + NLA_HDRLEN, data, size);
	nl->n += ALIGN4(a->nla_len);
	message(nl)->nlmsg_len = (uint32_t)(nl->n - nl->start);
}

void nl_text(struct nl *nl, int type, const char *text)
{
	nl_put(nl, type, text, strlen(text) + 1);
}

void nl_u8(struct nl *nl, int type, uint8_t v)
{
	nl_put(nl, type, &v, sizeof(v));
}

void nl_u16(struct nl *nl, int type, uint16_t v)
{
	nl_put(nl, type, &v, sizeof(v));
}

void nl_u32(struct nl *nl, int type, uint32_t v)
{
	nl_put(nl, type, &v, sizeof(v));
}

void nl_be16(struct nl *nl, int type, uint16_t v)
{
	nl_u16(nl, type, htons(v));
}

void nl_be32(struct nl *nl, int type, uint32_t v)
{
	nl_u32(nl, type, htonl(v));
}

size_t nl_nest(struct nl *nl, int type)
{
	size_t at = nl->n;

	nl_put(nl, type | NLA_F_NESTED, NULL, 0);
	return at;
}

void nl_end(struct nl *nl, size_t nest)
{
	struct nlattr *a = (struct nlattr *)(void *)(nl->out + nest);

	a->nla_len = (uint16_t)(nl->n - nest);
}

/* Looks through what came: 1 goes on, else the result. */
static int take(struct nl *nl, size_t n)
{
	struct nlmsghdr *m = &nl->in_align;
	int left = (int)n;

	for (; NLMSG_OK(m, (unsigned int)left); m = NLMSG_NEXT(m, left)) {
		const struct nlmsgerr *e = NLMSG_DATA(m);

		if (m->nlmsg_type == NLMSG_DONE)
			return 0;
		if (m->nlmsg_type != NLMSG_ERROR) {
			nl->reply = m;
			continue;
		}
		if (e->error) {
			errno = -e->error;
			return -1;
		}
		/* Of a batch only its last message asks for an answer. */
		return 0;
	}
	return 1;
}

int nl_call(struct nl *nl)
{
	struct timeval limit = { .tv_sec = 20 };
	static char kept[16384];
	ssize_t n;
	int r = 1;

	nl->reply = NULL;
	(void)setsockopt(nl->fd, SOL_SOCKET, SO_RCVTIMEO, &limit,
			 sizeof(limit));
	if (send(nl->fd, nl->out, nl->n, 0) < 0)
		return -1;
	while (r == 1) {
		n = recv(nl->fd, nl->in, sizeof(nl->in), 0);
		if (n < 0)
			return -1;
		r = take(nl, (size_t)n);
		/* The ack comes behind the reply and would overwrite it. */
		if (nl->reply) {
			memcpy(kept, nl->reply, nl->reply->nlmsg_len);
			nl->reply = (struct nlmsghdr *)(void *)kept;
		}
	}
	return r;
}

const struct nlattr *nl_find(const struct nlmsghdr *m, size_t header, int type)
{
	size_t at = NLMSG_HDRLEN + ALIGN4(header);

	while (m && at + NLA_HDRLEN <= m->nlmsg_len) {
		const struct nlattr *a = (const struct nlattr *)(const void *)(
			(const char *)m + at);

		if ((a->nla_type & NLA_TYPE_MASK) == type)
			return a;
		if (a->nla_len < NLA_HDRLEN)
			break;
		at += ALIGN4(a->nla_len);
	}
	return NULL;
}

void genl_begin(struct nl *nl, int family, int command, int version,
		int flags)
{
	struct genlmsghdr h = {
		.cmd = (uint8_t)command,
		.version = (uint8_t)version,
	};

	nl_begin(nl, family, flags, &h, sizeof(h));
}

int genl_family(struct nl *nl, const char *name)
{
	const struct nlattr *id;
	uint16_t v;

	genl_begin(nl, GENL_ID_CTRL, CTRL_CMD_GETFAMILY, 1, 0);
	nl_text(nl, CTRL_ATTR_FAMILY_NAME, name);
	if (nl_call(nl) < 0)
		return -1;
	id = nl_find(nl->reply, GENL_HEADER, CTRL_ATTR_FAMILY_ID);
	if (!id) {
		errno = ENOENT;
		return -1;
	}
	memcpy(&v, (const char *)id + NLA_HDRLEN, sizeof(v));
	return v;
}

int link_index(const char *name)
{
	/* struct ifreq: <net/if.h> and the kernel's headers do not mix. */
	struct {
		char name[16];
		int index;
		char rest[20];
	} ifr = { .index = 0 };
	int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), r;

	snprintf(ifr.name, sizeof(ifr.name), "%s", name);
	r = ioctl(fd, 0x8933 /* SIOCGIFINDEX */, &ifr);
	close(fd);
	return r < 0 ? -1 : ifr.index;
}

int link_begin(struct link *l, const char *name, const char *kind,
	       const char *parent)
{
	struct ifinfomsg h = { .ifi_family = AF_UNSPEC };

	if (nl_open(&l->nl, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(&l->nl, RTM_NEWLINK, NLM_F_CREATE | NLM_F_EXCL, &h,
		 sizeof(h));
	nl_text(&l->nl, IFLA_IFNAME, name);
	if (parent)
		nl_u32(&l->nl, IFLA_LINK, (uint32_t)link_index(parent));
	l->info = nl_nest(&l->nl, IFLA_LINKINFO);
	nl_text(&l->nl, IFLA_INFO_KIND, kind);
	l->data = nl_nest(&l->nl, IFLA_INFO_DATA);
	return 0;
}

int link_commit(struct link *l)
{
	int r, saved;

	nl_end(&l->nl, l->data);
	nl_end(&l->nl, l->info);
	r = nl_call(&l->nl);
	saved = errno;
	close(l->nl.fd);
	errno = saved;
	return r;
}

int link_new(const char *name, const char *kind, const char *parent)
{
	struct link l;

	return link_begin(&l, name, kind, parent) < 0 ? -1 : link_commit(&l);
}

static int link_set(const char *name, unsigned int flags, int netns)
{
	struct ifinfomsg h = {
		.ifi_index = link_index(name),
		.ifi_flags = flags,
		.ifi_change = flags,
	};
	struct nl nl;
	int r;

	if (h.ifi_index < 0 || nl_open(&nl, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(&nl, RTM_NEWLINK, 0, &h, sizeof(h));
	if (netns >= 0)
		nl_u32(&nl, IFLA_NET_NS_FD, (uint32_t)netns);
	r = nl_call(&nl);
	close(nl.fd);
	return r;
}

int link_up(const char *name)
{
	return link_set(name, 1 /* IFF_UP */, -1);
}

int link_move(const char *name, int netns)
{
	return link_set(name, 0, netns);
}

int address_add(const char *name, const char *address, int prefix)
{
	struct ifaddrmsg h = {
		.ifa_family = AF_INET,
		.ifa_prefixlen = (uint8_t)prefix,
		.ifa_index = (uint32_t)link_index(name),
	};
	struct in_addr a;
	struct nl nl;
	int r;

	inet_pton(AF_INET, address, &a);
	if (nl_open(&nl, NETLINK_ROUTE) < 0)
		return -1;
	nl_begin(&nl, RTM_NEWADDR, NLM_F_CREATE, &h, sizeof(h));
	nl_put(&nl, IFA_LOCAL, &a, sizeof(a));
	nl_put(&nl, IFA_ADDRESS, &a, sizeof(a));
	r = nl_call(&nl);
	close(nl.fd);
	return r;
}

static int listen_on(int protocol, struct sockaddr_in *a)
{
	socklen_t len = sizeof(*a);
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);

	*a = (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	if (fd < 0 || bind(fd, (struct sockaddr *)a, sizeof(*a)) < 0 ||
	    listen(fd, 8) < 0 ||
	    getsockname(fd, (struct sockaddr *)a, &len) < 0)
		return fail("listen on loopback: %m");
	return fd;
}

int tcp_listen(uint16_t *port)
{
	struct sockaddr_in a;
	int fd = listen_on(0, &a);

	*port = ntohs(a.sin_port);
	return fd;
}

int tcp_pair(int fds[2], int protocol)
{
	struct sockaddr_in a;
	int server = listen_on(protocol, &a);

	if (server < 0)
		return -1;
	fds[0] = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, protocol);
	if (fds[0] < 0 ||
	    connect(fds[0], (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("connect to loopback: %m");
	fds[1] = accept(server, NULL, NULL);
	close(server);
	return fds[1] < 0 ? fail("accept: %m") : 0;
}

int read_all(int fd, void *buf, size_t size)
{
	char *at = buf;
	ssize_t n;

	while (size && (n = read(fd, at, size)) > 0) {
		at += n;
		size -= (size_t)n;
	}
	return size ? -1 : 0;
}
