// SPDX-License-Identifier: Apache-2.0
#ifndef NET_NET_H
#define NET_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "os/event.h"
#include "proto/agent.pb-c.h"
#include "runtime/oci/arena.h"
#include "runtime/vmm/vmm.h"

/*
 * The host's side of a sandbox' network. The caller's network namespace holds
 * links (veth, macvlan, tap, …) with addresses and routes. Each is joined to a
 * network card of the VM by a tap in the same namespace: what comes in at one
 * goes out at the other, unseen by the host's own stack. The guest gets the
 * links' names, hardware addresses, addresses, routes and neighbours.
 *
 * Taps are not persistent: they vanish with the descriptors that QEMU holds.
 * The redirection of a link stays with the link, so net_undo() removes it.
 *
 * Links come and go while the container runs (podman network connect). So the
 * namespace is read again when it changes, and compared with what was known.
 */

#define NET_LINKS_MAX VM_NICS_MAX
#define NET_CARDS_MAX VM_NICS_MAX
#define NET_ADDRESSES_MAX 32
#define NET_ROUTES_MAX 256
#define NET_NEIGHBOURS_MAX 256
#define NET_MAC_SIZE 6
#define NET_MAC_TEXT 18

struct net_address {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix;
	uint8_t bytes[16];
};

/* A card of the VM, and the tap it is joined to: they stay, and may serve one
 * link after another. */
struct net_card {
	char tap[IF_NAMESIZE]; /* "": there is none */
	int link; /* index of the link that it serves; 0: none; -1: never any */
	/* By the VMM: its tap is no card, and LINK waits for another. */
	bool refused;
};

struct net_link {
	int index;
	unsigned int card; /* in net_plan.cards */
	char name[IF_NAMESIZE];
	char mac[NET_MAC_TEXT];
	uint32_t mtu;
	uint32_t flags; /* IFF_* */
	bool is_tun;	/* a process of the host is at its other end */
	size_t n_addresses;
	struct net_address addresses[NET_ADDRESSES_MAX];
};

struct net_route {
	unsigned int link; /* in net_plan.links */
	uint8_t family, scope;
	uint32_t flags, mtu, metric;
	struct net_address dest, gateway, source;
};

struct net_neighbour {
	unsigned int link;
	uint32_t state, flags;
	struct net_address address;
	char mac[NET_MAC_TEXT];
};

/* What a namespace holds. No pointers: it is sent from process to process. */
struct net_plan {
	struct err err; /* code < 0: there is no plan */
	struct net_card cards[NET_CARDS_MAX]; /* those there are come first */
	size_t cards_max; /* so many there may be */
	bool macvtap; /* in place of tap and redirection */
	pid_t owner;  /* the supervisor; bears macvtaps */
	unsigned int queues; /* of each card */
	size_t n_links, n_routes, n_neighbours;
	struct net_link links[NET_LINKS_MAX];
	struct net_route routes[NET_ROUTES_MAX];
	struct net_neighbour neighbours[NET_NEIGHBOURS_MAX];
	/* Links left out, with the reason; for the log. */
	char skipped[256];
	bool want_near; /* net_near() is to be done, for the first card */
	bool is_near; /* it has been */
	char unreached[256]; /* why net_reach() or net_near() failed, or "" */
};

/* --- scan.c: reads the namespace the caller is in --- */

/* Fills in the links of PLAN, without cards yet; its own taps are none. */
int net_scan_links(struct net_plan *plan, struct err *reterr);

/* Then routes and neighbours, those of its links. */
int net_scan_rest(struct net_plan *plan, struct err *reterr);

/* Link I is none of PLAN's, nor are its routes and neighbours. */
void net_drop_link(struct net_plan *plan, size_t i);

/* Notes that link NAME is left out, for the reason WHY. */
void net_skip(struct net_plan *plan, const char *name, const char *why);

/* --- tap.c: acts on the namespace the caller is in --- */

/* Makes a tap with N queues for card C, which serves nobody yet: FDS, -1
 * before. 0 or -errno. */
int net_card_make(struct net_card *c, unsigned int n, int *fds,
		  struct err *reterr);

/* Joins link L to card C. 0 or -errno; -EBUSY when the link serves somebody
 * else. */
int net_join(struct net_card *c, struct net_link *l, struct err *reterr);

/* Whether the redirection of link INDEX is still there, or another's filters
 * are: it goes when the link moves to another namespace. */
bool net_is_joined(int index);

/* Card C serves nobody any more; its link may be gone. */
void net_part(struct net_card *c);

/* Makes the tap of C as large as MTU. 0 or -errno. */
int net_resize(const struct net_card *c, uint32_t mtu, struct err *reterr);

/* Removes the redirection of every link whose tap is gone. How many links lead
 * to a tap that is there, or -errno. */
int net_clean(struct err *reterr);

struct rtnl_cls;
/* What the filter CLS (of kind u32) takes goes out at link TO: ACTION and
 * POLICY as in linux/tc_act/tc_mirred.h and linux/pkt_cls.h. 0 or -NLE_*. */
int net_mirred(struct rtnl_cls *cls, int action, int policy, int to);

/* --- macvtap.c: the same --- */

/* Gives link L a macvtap, which is card C of PLAN and has all its queues, FDS.
 * 0 or -errno; -EBUSY when the link serves somebody else. */
int net_macvtap_join(const struct net_plan *plan, struct net_card *c,
		     const struct net_link *l, int *fds, struct err *reterr);

void net_macvtap_delete(const char *name);

enum net_owner {
	NET_OWNER_NONE, /* not made by net_macvtap_join() */
	NET_OWNER_ALIVE,
	NET_OWNER_DEAD,
};

struct rtnl_link;
enum net_owner net_macvtap_owner(struct rtnl_link *link);

/* --- reach.c: the same --- */

struct nl_sock;

/* Filters of these priorities, up to the redirection's, spare something. */
#define NET_REDIRECT_PRIORITY 0x4b4c
#define NET_SPARE_PRIORITY 0x4b4a

/* Of the first link's tap and of what is behind it in the guest, where they are
 * to know one another. Nobody else's, and never routed further. */
#define NET_NEAR_HOST "169.254.77.1"
#define NET_NEAR_GUEST "169.254.77.2"
/* Docker's name server, in the namespace of a container. */
#define NET_RESOLVER "127.0.0.11"

/* Lets processes of the namespace reach the guest at the addresses of link L,
 * when that is a tun or tap and has been joined. 0 or -errno. */
int net_reach(struct net_plan *plan, const struct net_link *l,
	      struct err *reterr);

/* Lets the guest reach NET_NEAR_HOST by L, the link of the first card, which
 * has been joined, and the name server of the namespace those of the network.
 * 0 or -errno. */
int net_near(struct net_plan *plan, const struct net_link *l,
	     struct err *reterr);

/* Adds to PLAN what the guest needs for that, once all else is known. */
int net_tell_near(struct net_plan *plan, struct err *reterr);

/* The addresses of link INDEX are the host's own again, as far as possible. */
void net_unreach(struct nl_sock *sock, int index);

/* --- helper.c: enters the namespace, in a process of its own --- */

struct net_job;

/* What to do there. */
struct net_order {
	int nsfd; /* the namespace; borrowed */
	/* Start with nothing there, or follow what has become of this. */
	const struct net_plan *before;
	bool retry; /* follow: also links whose cards were refused */
	bool near;     /* start: with net_near() */
	size_t spares; /* start: cards more than links, for later ones */
	unsigned int queues; /* start: of each card, 1 to VM_QUEUES_MAX */
	bool macvtap; /* start: without spares, near and taps then */
	bool watch;    /* start: a socket that tells of changes */
};

/* What came of it: descriptors are the callee's now. */
struct net_result {
	const struct net_plan *plan;
	int taps[NET_CARDS_MAX][VM_QUEUES_MAX]; /* of new cards, else -1 */
	int watch;				/* or -1 */
};

/* All are closed; in the beginning they are to be -1. */
void net_close_taps(int taps[NET_CARDS_MAX][VM_QUEUES_MAX]);


/* CODE 0 with the result, or -errno with the reason. */
typedef void (*net_done_fn)(void *arg, int code, const struct net_result *res,
			    const struct err *e);

/* Scans, joins and parts as ORDER says. NULL with RETERR set on failure; else
 * DONE is called once, from the loop, and frees the job. */
struct net_job *net_start(struct event_loop *loop,
			  const struct net_order *order, net_done_fn done,
			  void *arg, struct err *reterr);

/* Ends the job; DONE is not called. NULL is fine. */
void net_cancel(struct net_job *job);

/* The process that does it, until DONE is called. */
pid_t net_pid(const struct net_job *job);

/* net_clean() in the namespace at PATH, if that still is the one with inode
 * number INODE. Waits. 0, also when there is no such namespace, or -errno. */
int net_undo(const char *path, uint64_t inode);

/* --- relay.c --- */

/* A child in namespace NSFD that answers at NET_NEAR_HOST for NET_RESOLVER,
 * until it is killed or its parent ends. Its pid or -errno. */
pid_t net_relay(int nsfd);

/* Kills it, waits for its end and reaps it. */
void net_relay_end(pid_t pid);

/* --- message.c: as the agent's protocol has it --- */

void net_address_format(const struct net_address *a, bool prefix, char *ret,
			size_t size);

/* The request for link L, whose card is at DEVICE_PATH; without L, that this
 * card shall be no interface. NULL for lack of memory. What it points to is in
 * A or borrowed. */
Grpc__UpdateInterfaceRequest *
net_interface_request(struct arena *a, const struct net_link *l,
		      const char *device_path);
Grpc__UpdateRoutesRequest *net_routes_request(struct arena *a,
					      const struct net_plan *plan);
Grpc__AddARPNeighborsRequest *
net_neighbours_request(struct arena *a, const struct net_plan *plan);

#endif
