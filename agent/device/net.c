// SPDX-License-Identifier: Apache-2.0
/* The network device at an address: "net/<name>" at or below its virtio one. */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "device.h"
#include "net.h"
#include "os/io.h"

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

/* The virtio device in directory DIR: "virtio3". */
static int virtio_in(const char *dir, char **ret)
{
	cleanup_closedir DIR *d = opendir(dir);
	struct dirent *e;

	if (!d)
		return -errno;
	while ((e = readdir(d)))
		if (!strncmp(e->d_name, "virtio", 6)) {
			*ret = strdup(e->d_name);
			return *ret ? 0 : -ENOMEM;
		}
	return -ENOENT;
}

static int net_below(const char *dir, char **ret)
{
	cleanup_free char *virtio = NULL, *sub = NULL;
	int r = virtio_in(dir, &virtio);

	if (r == -ENOENT)
		return entry_of(dir, "net", ret);
	if (r < 0)
		return r;
	return asprintf(&sub, "%s/net", virtio) < 0 ? -ENOMEM
						    : entry_of(dir, sub, ret);
}

/* "a003e00.virtio_mmio", "virtio-mmio.3" */
static bool is_platform_name(const char *s)
{
	size_t n = strlen(s);

	return n < PLATFORM_NAME_MAX && (strstr(s, ".virtio_mmio") ||
					 !strncmp(s, "virtio-mmio.", 12)) &&
	       !strchr(s, '/');
}

/* The directory of the device at address DEVICE_PATH. */
static int find_dir(const char *sysfs, const char *device_path, char **ret)
{
	struct ccw_address ccw;
	int n;

	if (is_platform_name(device_path))
		n = asprintf(ret, "%s/bus/platform/devices/%s", sysfs,
			     device_path);
	else if (ccw_address_parse(device_path, &ccw) == 0)
		n = asprintf(ret, "%s/bus/ccw/devices/0.%x.%04x", sysfs,
			     ccw.ssid, ccw.devno);
	else
		return pci_find(sysfs, device_path, ret);
	if (n >= 0)
		return 0;
	*ret = NULL;
	return -ENOMEM;
}

int net_device_find(const char *sysfs, const char *device_path, char **ret)
{
	cleanup_free char *dir = NULL;
	int r = find_dir(sysfs, device_path, &dir);

	return r < 0 ? r : net_below(dir, ret);
}

int net_device_drive(const char *sysfs, const char *device_path, bool driven)
{
	cleanup_free char *dir = NULL, *name = NULL;
	cleanup_free char *driver = NULL, *file = NULL;
	int r = find_dir(sysfs, device_path, &dir);

	if (!r)
		r = virtio_in(dir, &name);
	if (r < 0)
		return r;
	if (asprintf(&driver, "%s/%s/driver", dir, name) < 0)
		driver = NULL;
	if (asprintf(&file, "%s/bus/virtio/drivers/virtio_net/%s", sysfs,
		     driven ? "bind" : "unbind") < 0)
		file = NULL;
	if (!driver || !file)
		return -ENOMEM;
	if ((access(driver, F_OK) == 0) == driven)
		return 0;
	return write_file(AT_FDCWD, file, name);
}
