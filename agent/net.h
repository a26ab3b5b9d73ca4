// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_NET_H
#define AGENT_NET_H

#include <net/if.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "base/err.h"
#include "proto/agent.pb-c.h"

/*
 * The guest's network: interfaces, routes and neighbours, as the messages of
 * the protocol name them. The one network namespace of the sandbox is the
 * agent's own. FD is a socket of netlink_open().
 */

#define NET_LINKS_MAX 256
#define NET_ADDRESSES_MAX 256
#define NET_ROUTES_MAX 4096
#define NET_NEIGHBOURS_MAX 4096
#define NET_MAC_SIZE 6

/* An IPv4 or IPv6 address, in the order of the wire. */
struct net_address {
	uint8_t family; /* AF_INET, AF_INET6; 0: none */
	uint8_t prefix;
	uint8_t bytes[16];
};

#define NET_ADDRESS_TEXT_MAX 64

/*
 * "10.1.2.3" or "fd00::1", with "/24" or without, which means all bits. The
 * family is what the text is. 0 or -EINVAL.
 */
int net_address_parse(const char *text, struct net_address *ret);

/* As above, with the prefix on its own: "24", "255.255.255.0", or "" for all
 * bits. */
int net_address_parse_mask(const char *text, const char *mask,
			   struct net_address *ret);

/* The bytes of an address of FAMILY. */
size_t net_address_size(uint8_t family);

/* Writes the address without its prefix. */
void net_address_format(const struct net_address *a,
			char ret[NET_ADDRESS_TEXT_MAX]);

/* "02:00:00:00:00:01"; 0 or -EINVAL. */
int net_mac_parse(const char *text, uint8_t ret[NET_MAC_SIZE]);
void net_mac_format(const uint8_t mac[NET_MAC_SIZE], char ret[18]);

/* An interface name that the kernel takes. */
bool net_name_is_valid(const char *name);

struct net_link {
	int index;
	unsigned int flags; /* IFF_* */
	uint32_t mtu;
	char name[IF_NAMESIZE];
	uint8_t mac[NET_MAC_SIZE];
	bool has_mac;
};

/* All links, up to NET_LINKS_MAX, to be freed. 0 or -errno. */
int net_links(int fd, struct net_link **ret, size_t *n);

/*
 * Makes the interface what I says: found by the device below SYSFS at its
 * address, else by its hardware address, else by its name; then renamed, given
 * this hardware address and exactly these addresses, and put up. Or no interface
 * at all, if it is to be absent. -ENODEV while there is no such device.
 */
int net_update_interface(int fd, const char *sysfs, const Types__Interface *i,
			 struct err *reterr);

/* The name of the network device at address DEVICE_PATH (PCI path, CCW bus id,
 * or name of a platform device); to be freed. 0, -ENOENT, -EINVAL, … */
int net_device_find(const char *sysfs, const char *device_path, char **ret);

/* The virtio device at that address has a driver from now on, or none, and then
 * is no interface. 0, also when it is so already, -ENOENT, … */
int net_device_drive(const char *sysfs, const char *device_path, bool driven);

/* Fills in a message that is to be freed with proto_free(). 0 or -errno. */
int net_list_interfaces(int fd, Grpc__Interfaces *ret);
int net_list_routes(int fd, Grpc__Routes *ret);

/*
 * Makes ROUTES the routes of the main table, besides those that the kernel made
 * by itself for addresses. Those without a gateway come first, as the others
 * need them.
 */
int net_update_routes(int fd, const Grpc__Routes *routes, struct err *reterr);

int net_add_neighbour(int fd, const Types__ARPNeighbor *n, struct err *reterr);

#endif
