/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_NET_H
#define PROBE_NET_H

#include <linux/netlink.h>
#include <stddef.h>
#include <stdint.h>

/* A netlink conversation: one request is built, sent and answered at a time. */
struct nl {
	int fd;
	uint32_t seq;
	size_t n, start;	/* end and beginning of the message under way */
	union {
		struct nlmsghdr align;
		char out[8192];
	};
	union {
		struct nlmsghdr in_align;
		char in[16384];
	};
	struct nlmsghdr *reply;	/* the last one that was not an ack, or NULL */
};

/* -1 with errno, as everything below that returns int. */
int nl_open(struct nl *nl, int protocol);
/* Begins a message; FLAGS beyond NLM_F_REQUEST. */
void nl_begin(struct nl *nl, int type, int flags, const void *header,
	      size_t size);
/* Adds a message to the one under way (batches). */
void nl_more(struct nl *nl, int type, int flags, const void *header,
	     size_t size);
void nl_put(struct nl *nl, int type, const void *data, size_t size);
void nl_text(struct nl *nl, int type, const char *text);
void nl_u8(struct nl *nl, int type, uint8_t v);
void nl_u16(struct nl *nl, int type, uint16_t v);
void nl_u32(struct nl *nl, int type, uint32_t v);
void nl_be16(struct nl *nl, int type, uint16_t v);
void nl_be32(struct nl *nl, int type, uint32_t v);
size_t nl_nest(struct nl *nl, int type);
void nl_end(struct nl *nl, size_t nest);
/* Sends and waits for the acknowledgement (NLM_F_ACK is set by nl_begin). */
int nl_call(struct nl *nl);
/* An attribute of the reply behind a header of SIZE bytes, or NULL. */
const struct nlattr *nl_find(const struct nlmsghdr *m, size_t header, int type);

/* Begins a message of generic netlink: an open nl of NETLINK_GENERIC. */
int genl_family(struct nl *nl, const char *name);
void genl_begin(struct nl *nl, int family, int command, int version,
		int flags);
#define GENL_HEADER 4

/*
 * rtnetlink: link_begin leaves nests open that link_commit closes, so that
 * attributes of the kind can be put between them. PARENT may be NULL.
 */
struct link {
	struct nl nl;
	size_t info, data;
};
int link_begin(struct link *l, const char *name, const char *kind,
	       const char *parent);
int link_commit(struct link *l);
/* A link without attributes of its kind. */
int link_new(const char *name, const char *kind, const char *parent);
int link_up(const char *name);
int link_index(const char *name);
/* Moves a link to the network namespace of the file descriptor. */
int link_move(const char *name, int netns);
int address_add(const char *name, const char *address, int prefix);

#endif
