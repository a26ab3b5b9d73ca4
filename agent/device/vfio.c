// SPDX-License-Identifier: Apache-2.0
#include "vfio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "device.h"
#include "os/io.h"

#define DRIVER "vfio-pci"
#define VARIABLE "PCIDEVICE_"

/* "dddd:bb:dd.f", all hexadecimal, the slot to 1f, the function to 7. */
static bool is_pci_address(const char *s, size_t n)
{
	static const char form[] = "hhhh:hh:hh.h";
	size_t i;

	if (n != VFIO_PCI_ADDRESS_LEN)
		return false;
	for (i = 0; i < n; i++)
		if (form[i] == 'h' ? !s[i] || !strchr("0123456789abcdef", s[i])
				   : s[i] != form[i])
			return false;
	return (s[8] == '0' || s[8] == '1') && s[11] <= '7';
}

int vfio_option_parse(const char *text, struct vfio_option *ret)
{
	size_t n = strcspn(text, "=");
	struct pci_path path;

	if (!text[n] || !is_pci_address(text, n))
		return -EINVAL;
	memcpy(ret->host, text, n);
	ret->host[n] = '\0';
	ret->path = text + n + 1;
	return pci_path_parse(ret->path, &path);
}

int ap_address_parse(const char *text, struct ap_address *ret)
{
	char card[3];
	uint32_t a, b;

	if (strlen(text) != 7 || text[2] != '.')
		return -EINVAL;
	memcpy(card, text, 2);
	card[2] = '\0';
	if (parse_u32(card, 16, &a) < 0 || parse_u32(text + 3, 16, &b) < 0)
		return -EINVAL;
	*ret = (struct ap_address){a, b};
	return 0;
}

static bool is_ap(const char *type)
{
	return !strcmp(type, "vfio-ap") || !strcmp(type, "vfio-ap-cold");
}

bool vfio_is_type(const char *type)
{
	return is_ap(type) || !strcmp(type, "vfio-pci") ||
	       !strcmp(type, "vfio-pci-gk");
}

static int look_at_queue(const char *sysfs, const char *text)
{
	cleanup_free char *path = NULL, *scan = NULL;
	struct ap_address a;
	int r = ap_address_parse(text, &a);

	if (r < 0)
		return r;
	if (asprintf(&path, "%s/bus/ap/devices/%02x.%04x", sysfs, a.card,
		     a.domain) < 0) {
		path = NULL;
		return -ENOMEM;
	}
	if (access(path, F_OK) == 0)
		return 0;
	r = -errno;
	/* The kernel looks by itself every half minute only. */
	scan = path_join(sysfs, "bus/ap/scans");
	if (scan && r == -ENOENT)
		(void)write_file(AT_FDCWD, scan, "1");
	return r;
}

int vfio_look(const char *sysfs, const Grpc__Device *device)
{
	size_t i;
	int r = 0;

	if (!device->n_options || device->n_options > VFIO_DEVICES_MAX)
		return -EINVAL;
	for (i = 0; !r && i < device->n_options; i++) {
		cleanup_free char *dir = NULL;
		struct vfio_option o;

		if (is_ap(device->type)) {
			r = look_at_queue(sysfs, device->options[i]);
			continue;
		}
		r = vfio_option_parse(device->options[i], &o);
		if (!r)
			r = pci_find(sysfs, o.path, &dir);
	}
	return r;
}

/* Writes to FILE of the device or bus at DIR. */
static int put(const char *dir, const char *file, const char *text)
{
	cleanup_free char *path = path_join(dir, file);

	return path ? write_file(AT_FDCWD, path, text) : -ENOMEM;
}

/* The last part of what the link NAME at DIR leads to; to be freed. */
static int link_name(const char *dir, const char *name, char **ret)
{
	cleanup_free char *path = path_join(dir, name);
	const char *slash;
	char target[512];
	ssize_t n;

	if (!path)
		return -ENOMEM;
	n = readlink(path, target, sizeof(target) - 1);
	if (n < 0)
		return -errno;
	target[n] = '\0';
	slash = strrchr(target, '/');
	*ret = strdup(slash ? slash + 1 : target);
	return *ret ? 0 : -ENOMEM;
}

/* Takes the device at DIR from its driver and gives it to vfio-pci. */
static int bind_driver(const char *sysfs, const char *dir, const char *address,
		       struct err *reterr)
{
	cleanup_free char *bus = path_join(sysfs, "bus/pci");
	cleanup_free char *before = NULL, *after = NULL;
	int r = bus ? put(dir, "driver_override", DRIVER) : -ENOMEM;

	if (r < 0)
		return err_code(reterr, r, "give device %s to " DRIVER,
				address);
	r = link_name(dir, "driver", &before);
	if (!r && !strcmp(before, DRIVER))
		return 0;
	if (!r)
		r = put(dir, "driver/unbind", address);
	if (r < 0 && r != -ENOENT)
		return err_code(reterr, r, "take device %s from '%s'", address,
				before ? before : "");
	r = put(bus, "drivers_probe", address);
	if (!r)
		r = link_name(dir, "driver", &after);
	if (r < 0 || strcmp(after, DRIVER) != 0)
		return err_set(reterr, r < 0 && r != -ENOENT ? r : -EOPNOTSUPP,
			       "device %s: no driver " DRIVER " took it: is it "
			       "in this guest's kernel?", address);
	return 0;
}

/* All devices of one number are of one group. */
static int add_group(const char *dir, const char *address, char **node,
		     struct err *reterr)
{
	cleanup_free char *group = NULL, *path = NULL;
	uint32_t number;
	int r = link_name(dir, "iommu_group", &group);

	if (r < 0 || parse_u32(group, 10, &number) < 0)
		return err_set(reterr, r < 0 && r != -ENOENT ? r : -EOPNOTSUPP,
			       "device %s has no IOMMU group: the guest has no "
			       "IOMMU", address);
	if (asprintf(&path, "vfio/%u", number) < 0) {
		path = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	if (*node && strcmp(*node, path) != 0)
		return err_set(reterr, -EINVAL, "device %s is of group %u, "
			       "others are of %s", address, number, *node);
	if (!*node)
		*node = TAKE_PTR(path);
	return 0;
}

/* Puts the guest's address in the place of the host's: both are of one length.
 * Each is looked at once, as one that was put in may be another's of the host. */
static void rename_value(const struct vfio_map *map, char *p)
{
	size_t i, n;

	for (;;) {
		n = strcspn(p, ",");
		for (i = 0; i < map->n; i++)
			if (n == VFIO_PCI_ADDRESS_LEN &&
			    !memcmp(p, map->at[i].host, n))
				break;
		if (i < map->n)
			memcpy(p, map->at[i].guest, n);
		if (!p[n])
			return;
		p += n + 1;
	}
}

void vfio_rename(const struct vfio_map *map, Grpc__Process *process)
{
	size_t i;

	for (i = 0; i < process->n_env; i++) {
		char *value = strchr(process->env[i], '=');

		if (value && !strncmp(process->env[i], VARIABLE,
				      strlen(VARIABLE)))
			rename_value(map, value + 1);
	}
}

static int take_pci(const char *sysfs, const char *text, bool bind,
		    struct vfio_map *map, char **node, struct err *reterr)
{
	cleanup_free char *dir = NULL;
	struct vfio_option o;
	const char *address;
	int r = vfio_option_parse(text, &o);

	if (!r)
		r = pci_find(sysfs, o.path, &dir);
	address = dir ? strrchr(dir, '/') + 1 : "";
	if (!r && (map->n == VFIO_DEVICES_MAX ||
		   !is_pci_address(address, strlen(address))))
		r = -E2BIG;
	if (r < 0)
		return err_code(reterr, r, "device '%.100s'", text);
	memcpy(map->at[map->n].host, o.host, sizeof(o.host));
	memcpy(map->at[map->n++].guest, address, sizeof(o.host));
	if (!bind)
		return 0;
	r = bind_driver(sysfs, dir, address, reterr);
	return r < 0 ? r : add_group(dir, address, node, reterr);
}

int vfio_take(const char *sysfs, const Grpc__Device *device,
	      struct vfio_map *map, char **node, struct err *reterr)
{
	bool bind = !strcmp(device->type, "vfio-pci");
	cleanup_free char *found = NULL;
	int r = vfio_look(sysfs, device);
	size_t i;

	*node = NULL;
	if (r < 0)
		return err_code(reterr, r, "device '%.100s' of type '%.64s'",
				device->id, device->type);
	if (is_ap(device->type)) {
		*node = strdup("z90crypt");
		return *node ? 0 : err_set(reterr, -ENOMEM, "out of memory");
	}
	for (i = 0; !r && i < device->n_options; i++)
		r = take_pci(sysfs, device->options[i], bind, map, &found,
			     reterr);
	if (!r)
		*node = TAKE_PTR(found);
	return r;
}
