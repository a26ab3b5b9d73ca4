// SPDX-License-Identifier: Apache-2.0
/* The network device at an address: "net/<name>" at or below its virtio one. */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "device.h"
#include "net.h"

#define PLATFORM_NAME_MAX 64

/* The one name in directory "<DIR>/<SUB>". */
static int entry_of(const char *dir, const char *sub, char **ret)
{
	cleanup_free char *path = NULL;
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;

	if (asprintf(&path, "%s/%s", dir, sub) < 0)
		return -ENOMEM;
	d = opendir(path);
	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (net_name_is_valid(e->d_name)) {
			*ret = strdup(e->d_name);
			return *ret ? 0 : -ENOMEM;
		}
	return -ENOENT;
}

static int net_below(const char *dir, char **ret)
{
	cleanup_closedir DIR *d = opendir(dir);
	struct dirent *e;
	int r = -ENOENT;

	if (!d)
		return -errno;
	while (r == -ENOENT && (e = readdir(d))) {
		cleanup_free char *sub = NULL;

		if (strncmp(e->d_name, "virtio", 6))
			continue;
		if (asprintf(&sub, "%s/net", e->d_name) < 0)
			return -ENOMEM;
		r = entry_of(dir, sub, ret);
	}
	return r == -ENOENT ? entry_of(dir, "net", ret) : r;
}

/* "a003e00.virtio_mmio", "virtio-mmio.3" */
static bool is_platform_name(const char *s)
{
	size_t n = strlen(s);

	return n < PLATFORM_NAME_MAX && (strstr(s, ".virtio_mmio") ||
					 !strncmp(s, "virtio-mmio.", 12)) &&
	       !strchr(s, '/');
}

int net_device_find(const char *sysfs, const char *device_path, char **ret)
{
	cleanup_free char *dir = NULL;
	struct ccw_address ccw;
	int r = 0;

	if (is_platform_name(device_path)) {
		if (asprintf(&dir, "%s/bus/platform/devices/%s", sysfs,
			     device_path) < 0)
			return -ENOMEM;
	} else if (ccw_address_parse(device_path, &ccw) == 0) {
		if (asprintf(&dir, "%s/bus/ccw/devices/0.%x.%04x", sysfs,
			     ccw.ssid, ccw.devno) < 0)
			return -ENOMEM;
	} else {
		r = pci_find(sysfs, device_path, &dir);
	}
	return r < 0 ? r : net_below(dir, ret);
}
