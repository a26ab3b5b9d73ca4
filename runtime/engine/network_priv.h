// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_NETWORK_PRIV_H
#define ENGINE_NETWORK_PRIV_H

#include "runtime/engine/network.h"
#include "runtime/net/net.h"

/*
 * What network.c (its life, and the start), network_guest.c (telling the agent)
 * and network_follow.c (changes of the namespace) share.
 */
struct network {
	struct sandbox *sb;
	struct net_job *job; /* a look at the namespace, until it is done */
	struct net_plan *plan; /* owned; NULL: no network */
	struct net_plan *told; /* what the guest knows of it; owned */
	int taps[NET_CARDS_MAX][VM_QUEUES_MAX]; /* owned */
	int vhost[NET_CARDS_MAX][VM_QUEUES_MAX]; /* owned */
	struct vm_addr at[NET_CARDS_MAX]; /* where the guest finds cards */
	int nsfd; /* owned */
	int watch; /* tells of changes in the namespace; owned */
	struct event_io *watch_io;
	struct event_timer *settle; /* from the first change on */
	bool changed, settles;
	bool adds; /* QEMU is given cards, CARD just now */
	size_t card;
	bool failed; /* the last look, or what followed from it */
	bool retries; /* the next look is for no change, but for that */
	unsigned int tries; /* in a row; see network_follow.c */
	bool follows; /* the guest has been told what there was at the start */
	pid_t relay; /* answers for a name server; 0: none */
	size_t next; /* the step of network_tell() under way */
	bool any; /* an earlier step was taken */
	struct err failure; /* of an earlier step */
	engine_done_fn done, configured;
	void *done_arg, *configured_arg;
};

/* "nic3" for card 3. */
const char *network_card_id(size_t card);

/* Card CARD, with its descriptors, for QEMU. */
void network_fill_card(struct network *net, size_t card, struct vm_nic *ret);

/* QEMU has what card CARD needs. */
void network_close_card(struct network *net, size_t card);

/* Answers the guest's questions for NET_RESOLVER. */
void network_start_relay(struct network *net);

void network_finish(struct network *net, int code, const struct err *e);

/* Tells the guest what has changed from net->told, which is net->plan then.
 * DONE is called once, unless the agent's connection ends first. */
void network_tell(struct network *net, engine_done_fn done, void *arg);

/* From now on the guest is told of what changes in the namespace. */
void network_follow(struct network *net);

#endif
