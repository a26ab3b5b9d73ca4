// SPDX-License-Identifier: Apache-2.0
/*
 * Answers of rtnetlink, to the agent's readers of links, addresses, routes. The
 * socket is not one: its calls are taken by the functions here, which hand out
 * the input in datagrams, each after its length in two bytes.
 */
#include <errno.h>
#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "base/endian.h"

static struct {
	const uint8_t *data;
	size_t n;
	uint32_t seq;
} input;

static ssize_t fake_send(int fd, const void *p, size_t n, int flags)
{
	struct nlmsghdr head;

	(void)fd, (void)flags;
	memcpy(&head, p, sizeof(head));
	input.seq = head.nlmsg_seq;
	return (ssize_t)n;
}

/* The sequence number of the first message is put right, so that it counts. */
static ssize_t fake_recvfrom(int fd, void *p, size_t size, int flags,
			     struct sockaddr *from, socklen_t *from_size)
{
	const struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	size_t n;

	(void)fd, (void)flags;
	memcpy(from, &kernel, sizeof(kernel));
	*from_size = sizeof(kernel);
	if (input.n < 2) {
		errno = EAGAIN;
		return -1;
	}
	n = get_le16(input.data);
	n = n > input.n - 2 ? input.n - 2 : n;
	n = n > size ? size : n;
	memcpy(p, input.data + 2, n);
	if (n >= sizeof(struct nlmsghdr))
		memcpy((char *)p + offsetof(struct nlmsghdr, nlmsg_seq),
		       &input.seq, sizeof(input.seq));
	input.data += n + 2;
	input.n -= n + 2;
	return (ssize_t)n;
}

#define send fake_send
#define recvfrom fake_recvfrom
#include "agent/netlink.c"
#undef send
#undef recvfrom

#include "agent/net.h"
#include "codec/ttrpc.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void start(const uint8_t *data, size_t size)
{
	input.data = data;
	input.n = size;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	Grpc__Interfaces *interfaces = malloc(sizeof(*interfaces));
	Grpc__Routes *routes = malloc(sizeof(*routes));
	struct net_link *links = NULL;
	size_t n = 0;

	if (!interfaces || !routes)
		abort();
	grpc__interfaces__init(interfaces);
	grpc__routes__init(routes);
	start(data, size);
	if (net_links(-1, &links, &n) == 0 && n > NET_LINKS_MAX)
		abort();
	free(links);
	start(data, size);
	(void)net_list_interfaces(-1, interfaces);
	start(data, size);
	(void)net_list_routes(-1, routes);
	proto_free(&interfaces->base);
	proto_free(&routes->base);
	return 0;
}
