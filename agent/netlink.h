// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_NETLINK_H
#define AGENT_NETLINK_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"

/*
 * rtnetlink: requests are built into a message of fixed size, answers are taken
 * apart by readers that never leave the bytes they were given. Integers are in
 * the byte order of the machine, as the kernel's are.
 */

#define NETLINK_MESSAGE_MAX 1024
#define NETLINK_ANSWER_MAX 65536
/* Messages of one dump; a guest with more is not to be listed. */
#define NETLINK_DUMP_MAX 65536

struct netlink_request {
	uint8_t data[NETLINK_MESSAGE_MAX];
	size_t len;
	bool overflow; /* sticky */
};

/* Starts a message of TYPE (RTM_*) with FLAGS (NLM_F_*) and its fixed part. */
void netlink_begin(struct netlink_request *q, uint16_t type, uint16_t flags,
		   const void *body, size_t n);
void netlink_put(struct netlink_request *q, uint16_t type, const void *p,
		 size_t n);
void netlink_put_u32(struct netlink_request *q, uint16_t type, uint32_t v);

/* An attribute that holds others: returns what netlink_nest_end() takes. */
size_t netlink_nest(struct netlink_request *q, uint16_t type);
void netlink_nest_end(struct netlink_request *q, size_t at);

/* One message of an answer. */
struct netlink_message {
	uint16_t type;
	uint32_t seq;
	struct buf_reader body; /* the fixed part, then attributes */
};

struct netlink_attr {
	uint16_t type; /* without NLA_F_NESTED and NLA_F_NET_BYTEORDER */
	const uint8_t *data;
	size_t len;
};

/* The next message of R: 1, 0 at the end, or -EBADMSG. */
int netlink_next(struct buf_reader *r, struct netlink_message *ret);

/* Takes the fixed part of N bytes; a shorter one is -EBADMSG. */
int netlink_body(struct netlink_message *m, void *ret, size_t n);

/* The next attribute of R: 1, 0 at the end, or -EBADMSG. */
int netlink_attr_next(struct buf_reader *r, struct netlink_attr *ret);

/* The number in an attribute of four bytes; 0 for another length. */
uint32_t netlink_attr_u32(const struct netlink_attr *a);

/* A socket; or -errno. */
int netlink_open(void);

/* Sends Q and waits for the kernel's verdict: 0 or -errno. */
int netlink_call(int fd, struct netlink_request *q);

/* Return 0 to go on, or -errno. */
typedef int (*netlink_fn)(void *arg, struct netlink_message *m);

/* Sends Q, of a RTM_GET… type, and calls FN for each object. 0 or -errno. */
int netlink_dump(int fd, struct netlink_request *q, netlink_fn fn, void *arg);

#endif
