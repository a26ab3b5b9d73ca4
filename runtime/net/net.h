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
 */

#define NET_LINKS_MAX VM_NICS_MAX
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

struct net_link {
	int index;
	char name[IF_NAMESIZE];
	char tap[IF_NAMESIZE];
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
	size_t n_links, n_routes, n_neighbours;
	struct net_link links[NET_LINKS_MAX];
	struct net_route routes[NET_ROUTES_MAX];
	struct net_neighbour neighbours[NET_NEIGHBOURS_MAX];
	/* Links left out, with the reason; for the log. */
	char skipped[256];
	bool is_near; /* net_near() has done it */
	char unreached[256]; /* why net_reach() or net_near() failed, or "" */
};

/* --- scan.c: reads the namespace the caller is in --- */

int net_scan(struct net_plan *plan, struct err *reterr);

/* --- tap.c: acts on the namespace the caller is in --- */

/* Makes a tap for L and joins them; *RET_FD is the tap. 0 or -errno; -EBUSY
 * when the link serves somebody else. */
int net_join(struct net_link *l, int *ret_fd, struct err *reterr);

/* Removes the redirection of every link whose tap is gone. How many links lead
 * to a tap that is there, or -errno. */
int net_clean(struct err *reterr);

struct rtnl_cls;
/* What the filter CLS (of kind u32) takes goes out at link TO: ACTION and
 * POLICY as in linux/tc_act/tc_mirred.h and linux/pkt_cls.h. 0 or -NLE_*. */
int net_mirred(struct rtnl_cls *cls, int action, int policy, int to);

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

/* Lets processes of the namespace reach the guest at the addresses of link I,
 * when that is a tun or tap and has been joined; the guest is to have a route
 * for it, which is added to PLAN. 0 or -errno. */
int net_reach(struct net_plan *plan, size_t i, struct err *reterr);

/* Lets the guest reach NET_NEAR_HOST by the first link of PLAN, which has been
 * joined, and the name server of the namespace those of the network. PLAN gets
 * what the guest needs for it. 0 or -errno. */
int net_near(struct net_plan *plan, struct err *reterr);

/* The addresses of link INDEX are the host's own again, as far as possible. */
void net_unreach(struct nl_sock *sock, int index);

/* --- helper.c: enters the namespace, in a process of its own --- */

struct net_job;

/* CODE 0 with the plan and the taps of its links, which are now the callee's;
 * or -errno with the reason. */
typedef void (*net_done_fn)(void *arg, int code, const struct net_plan *plan,
			    const int *taps, const struct err *e);

/* Scans and joins what is in namespace NSFD, NEAR with net_near(). NULL with
 * REREER set on failure; else DONE is called once, from the loop, and frees the
 * job. */
struct net_job *net_start(struct event_loop *loop, int nsfd, bool near,
			  net_done_fn done, void *arg, struct err *reterr);

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

/* The request for link I, whose card is at DEVICE_PATH; NULL for lack of
 * memory. What it points to is in A or borrowed from PLAN. */
Grpc__UpdateInterfaceRequest *
net_interface_request(struct arena *a, const struct net_plan *plan, size_t i,
		      const char *device_path);
Grpc__UpdateRoutesRequest *net_routes_request(struct arena *a,
					      const struct net_plan *plan);
Grpc__AddARPNeighborsRequest *
net_neighbours_request(struct arena *a, const struct net_plan *plan);

#endif
