// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_DEVICE_VFIO_H
#define AGENT_DEVICE_VFIO_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "proto/agent.pb-c.h"

/*
 * Devices of the host's that the guest has as its own. Their address is in the
 * options, one a device: "<host's PCI address>=<PCI path>" (02/01) of types
 *
 *	vfio-pci-gk	for the guest's kernel, which has a driver: waited for,
 *			that is all
 *	vfio-pci	for the container: given to the driver vfio-pci; the
 *			container gets /dev/vfio/<group>
 *
 * or an adjunct processor's queue, "<card>.<domain>" (0a.0004), of types
 *
 *	vfio-ap, vfio-ap-cold	the container gets /dev/z90crypt
 *
 * Variables PCIDEVICE_* of the container's process name devices by the host's
 * addresses: they get the guest's.
 */

#define VFIO_PCI_ADDRESS_LEN 12 /* "0000:65:00.0" */

struct vfio_option {
	char host[VFIO_PCI_ADDRESS_LEN + 1];
	const char *path; /* in the option's text */
};

/* 0 or -EINVAL. */
int vfio_option_parse(const char *text, struct vfio_option *ret);

struct ap_address {
	unsigned int card, domain;
};

int ap_address_parse(const char *text, struct ap_address *ret);

bool vfio_is_type(const char *type);

/* 0 when all of the device's parts are in SYSFS, -ENOENT, -EINVAL, … */
int vfio_look(const char *sysfs, const Grpc__Device *device);

#define VFIO_DEVICES_MAX 64

/* The addresses of a container's devices, as the host has and as we have them. */
struct vfio_map {
	size_t n;
	struct {
		char host[VFIO_PCI_ADDRESS_LEN + 1];
		char guest[VFIO_PCI_ADDRESS_LEN + 1];
	} at[VFIO_DEVICES_MAX];
};

/*
 * Makes the device ready and adds its addresses to MAP. *NODE is the name below
 * /dev of what the container gets, to be freed, or NULL.
 */
int vfio_take(const char *sysfs, const Grpc__Device *device,
	      struct vfio_map *map, char **node, struct err *reterr);

/* Corrects the PCIDEVICE_* of the process' environment, in place. */
void vfio_rename(const struct vfio_map *map, Grpc__Process *process);

#endif
