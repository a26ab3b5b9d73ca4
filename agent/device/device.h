// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_DEVICE_H
#define AGENT_DEVICE_H

#include <stdint.h>

/*
 * Finding the device that the host means by an address. The host never sends
 * device names, for only the guest's kernel knows them; it sends where it has
 * plugged the device in. Everything here is compiled on every architecture;
 * which address comes depends on the machine.
 *
 * SYSFS is the root of sysfs ("/sys", or a fake tree of a test). The finders
 * return 0 and the name below /dev in *RET (to be freed), -ENOENT while there
 * is no such device (yet), -EINVAL for a malformed address, or -errno.
 */

#define PCI_PATH_DEPTH_MAX 8

/* Where a PCI device is: a slot on the root bus, then one behind each bridge. */
struct pci_path {
	unsigned int n;
	struct {
		uint8_t slot, function;
	} at[PCI_PATH_DEPTH_MAX];
};

/* "02/01" or "02.1/1f": hexadecimal slots (to 1f) with optional functions. */
int pci_path_parse(const char *text, struct pci_path *ret);

/* A channel subsystem address "0.<ssid>.<devno>", hexadecimal. */
struct ccw_address {
	uint8_t ssid;
	uint16_t devno;
};

int ccw_address_parse(const char *text, struct ccw_address *ret);

/* "<target>:<lun>" on any virtio-scsi host, decimal. */
struct scsi_address {
	uint32_t target, lun;
};

int scsi_address_parse(const char *text, struct scsi_address *ret);

int pci_find_block(const char *sysfs, const char *path, char **ret);
int ccw_find_block(const char *sysfs, const char *address, char **ret);
int scsi_find_block(const char *sysfs, const char *address, char **ret);

/* Makes the SCSI hosts look for a device that was plugged in. */
void scsi_scan(const char *sysfs, const char *address);

/* The sysfs directory of the PCI device at PATH, to be freed in *RET. */
int pci_find(const char *sysfs, const char *path, char **ret);

/* The name of the block device somewhere below the sysfs directory DIR. */
int device_block_below(const char *dir, char **ret);

/* One message of the kernel about a device. Strings point into the message. */
struct uevent {
	const char *action, *devpath, *subsystem, *devname;
};

#define UEVENT_MAX 8192

/* Takes the N bytes of a netlink message apart; it is given one NUL more, at
 * MESSAGE[N]. -EINVAL for what the kernel would not send. */
int uevent_parse(const char *message, uint32_t n, struct uevent *ret);

/* A socket that receives uevents; -errno. */
int uevent_open(void);

/* The next uevent: 1, 0 when there is none, or -errno. BUF is UEVENT_MAX. */
int uevent_receive(int fd, char *buf, struct uevent *ret);

#endif
