// SPDX-License-Identifier: Apache-2.0
#include "netlink.h"

#include <errno.h>
#include <linux/netlink.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>

#include "base/cleanup.h"
#include "base/macros.h"

/* The kernel answers at once; this only keeps a bug from stopping the agent. */
#define ANSWER_TIMEOUT_S 10

static void append(struct netlink_request *q, const void *p, size_t n)
{
	size_t padded = ALIGN_UP(n, (size_t)NLMSG_ALIGNTO);

	if (q->overflow || padded > sizeof(q->data) - q->len) {
		q->overflow = true;
		return;
	}
	memset(q->data + q->len, 0, padded);
	if (n)
		memcpy(q->data + q->len, p, n);
	q->len += padded;
}

void netlink_begin(struct netlink_request *q, uint16_t type, uint16_t flags,
		   const void *body, size_t n)
{
	const struct nlmsghdr head = {
		.nlmsg_type = type,
		.nlmsg_flags = (uint16_t)(flags | NLM_F_REQUEST),
	};

	q->len = 0;
	q->overflow = false;
	append(q, &head, sizeof(head));
	append(q, body, n);
}

void netlink_put(struct netlink_request *q, uint16_t type, const void *p,
		 size_t n)
{
	const struct nlattr head = {
		.nla_len = (uint16_t)(sizeof(head) + n),
		.nla_type = type,
	};

	if (n > NETLINK_MESSAGE_MAX) {
		q->overflow = true;
		return;
	}
	append(q, &head, sizeof(head));
	append(q, p, n);
}

void netlink_put_u32(struct netlink_request *q, uint16_t type, uint32_t v)
{
	netlink_put(q, type, &v, sizeof(v));
}

size_t netlink_nest(struct netlink_request *q, uint16_t type)
{
	size_t at = q->len;

	netlink_put(q, type, NULL, 0);
	return at;
}

void netlink_nest_end(struct netlink_request *q, size_t at)
{
	uint16_t n;

	if (q->overflow)
		return;
	n = (uint16_t)(q->len - at);
	memcpy(q->data + at + offsetof(struct nlattr, nla_len), &n, sizeof(n));
}

/* Moves R past the N bytes of a part and its padding, which the last may lack.
 */
static const uint8_t *take(struct buf_reader *r, size_t n)
{
	const uint8_t *p = buf_reader_get(r, n);
	size_t pad = ALIGN_UP(n, (size_t)NLMSG_ALIGNTO) - n;

	if (p)
		r->pos += MIN(pad, r->len - r->pos);
	return p;
}

int netlink_next(struct buf_reader *r, struct netlink_message *ret)
{
	struct nlmsghdr head;
	const uint8_t *p;

	if (r->pos == r->len)
		return 0;
	if (r->len - r->pos < sizeof(head))
		return -EBADMSG;
	memcpy(&head, r->data + r->pos, sizeof(head));
	if (head.nlmsg_len < sizeof(head))
		return -EBADMSG;
	p = take(r, head.nlmsg_len);
	if (!p)
		return -EBADMSG;
	ret->type = head.nlmsg_type;
	ret->seq = head.nlmsg_seq;
	ret->body = buf_reader_of(p + sizeof(head),
				  head.nlmsg_len - sizeof(head));
	return 1;
}

int netlink_body(struct netlink_message *m, void *ret, size_t n)
{
	const uint8_t *p = take(&m->body, n);

	if (!p)
		return -EBADMSG;
	memcpy(ret, p, n);
	return 0;
}

int netlink_attr_next(struct buf_reader *r, struct netlink_attr *ret)
{
	struct nlattr head;
	const uint8_t *p;

	if (r->pos == r->len)
		return 0;
	if (r->len - r->pos < sizeof(head))
		return -EBADMSG;
	memcpy(&head, r->data + r->pos, sizeof(head));
	if (head.nla_len < sizeof(head))
		return -EBADMSG;
	p = take(r, head.nla_len);
	if (!p)
		return -EBADMSG;
	ret->type = head.nla_type & NLA_TYPE_MASK;
	ret->data = p + sizeof(head);
	ret->len = head.nla_len - sizeof(head);
	return 1;
}

uint32_t netlink_attr_u32(const struct netlink_attr *a)
{
	uint32_t v = 0;

	if (a->len == sizeof(v))
		memcpy(&v, a->data, sizeof(v));
	return v;
}

int netlink_open(void)
{
	const struct timeval patience = {ANSWER_TIMEOUT_S, 0};
	const struct sockaddr_nl address = {.nl_family = AF_NETLINK};
	cleanup_close int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC,
				      NETLINK_ROUTE);

	if (fd < 0)
		return -errno;
	if (bind(fd, (const struct sockaddr *)&address, sizeof(address)) < 0 ||
	    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience,
		       sizeof(patience)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

/* Fills in what only now is known, and sends. *RET_SEQ tells the answers. */
static int send_request(int fd, struct netlink_request *q, uint16_t flags,
			uint32_t *ret_seq)
{
	static uint32_t seq;
	struct nlmsghdr head;
	ssize_t n;

	if (q->overflow)
		return -EMSGSIZE;
	memcpy(&head, q->data, sizeof(head));
	head.nlmsg_len = (uint32_t)q->len;
	head.nlmsg_seq = *ret_seq = ++seq;
	head.nlmsg_flags |= flags;
	memcpy(q->data, &head, sizeof(head));
	n = send(fd, q->data, q->len, 0);
	if (n < 0)
		return -errno;
	return (size_t)n == q->len ? 0 : -EIO;
}

/* One datagram of the kernel's; its length, or -errno. */
static ssize_t receive(int fd, uint8_t *data)
{
	struct sockaddr_nl from;
	socklen_t size = sizeof(from);
	ssize_t n;

	do {
		size = sizeof(from);
		n = recvfrom(fd, data, NETLINK_ANSWER_MAX, MSG_TRUNC,
			     (struct sockaddr *)&from, &size);
	} while ((n < 0 && errno == EINTR) ||
		 (n >= 0 && (size != sizeof(from) || from.nl_pid)));
	if (n < 0)
		return errno == EAGAIN ? -ETIMEDOUT : -errno;
	return n > NETLINK_ANSWER_MAX ? -EMSGSIZE : n;
}

/* NLMSG_ERROR, NLMSG_DONE: both start with a number that is 0 or -errno. */
static int verdict(struct netlink_message *m)
{
	int32_t code = 0;

	if (netlink_body(m, &code, sizeof(code)) < 0)
		return m->type == NLMSG_DONE ? 0 : -EBADMSG;
	return code > 0 || code < -4095 ? -EBADMSG : code;
}

/* 1: the answer is complete, 0: more comes, or -errno. */
static int look(struct buf_reader *r, uint32_t seq, netlink_fn fn, void *arg,
		unsigned int *left)
{
	struct netlink_message m;
	int n;

	while ((n = netlink_next(r, &m)) > 0) {
		if (m.seq != seq)
			continue;
		if (m.type == NLMSG_ERROR || m.type == NLMSG_DONE) {
			n = verdict(&m);
			return n < 0 ? n : 1;
		}
		if (!(*left)--)
			return -E2BIG;
		n = fn ? fn(arg, &m) : 0;
		if (n < 0)
			return n;
	}
	return n;
}

static int exchange(int fd, struct netlink_request *q, uint16_t flags,
		    netlink_fn fn, void *arg)
{
	cleanup_free uint8_t *data = malloc(NETLINK_ANSWER_MAX);
	unsigned int left = NETLINK_DUMP_MAX;
	uint32_t seq;
	int r;

	if (!data)
		return -ENOMEM;
	r = send_request(fd, q, flags, &seq);
	while (!r) {
		ssize_t n = receive(fd, data);
		struct buf_reader reader;

		if (n < 0)
			return (int)n;
		reader = buf_reader_of(data, (size_t)n);
		r = look(&reader, seq, fn, arg, &left);
	}
	return r < 0 ? r : 0;
}

int netlink_call(int fd, struct netlink_request *q)
{
	return exchange(fd, q, NLM_F_ACK, NULL, NULL);
}

int netlink_dump(int fd, struct netlink_request *q, netlink_fn fn, void *arg)
{
	return exchange(fd, q, NLM_F_DUMP, fn, arg);
}
