// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "device.h"

#define SLOT_MAX 0x1f
#define FUNCTION_MAX 7
#define COMPONENT_MAX 8

/* "1f" or "1f.7" */
static int parse_component(const char *s, size_t n, uint8_t *slot,
			   uint8_t *function)
{
	char text[COMPONENT_MAX];
	uint32_t v, f = 0;
	char *dot;

	if (!n || n >= sizeof(text))
		return -EINVAL;
	memcpy(text, s, n);
	text[n] = '\0';
	dot = strchr(text, '.');
	if (dot) {
		*dot++ = '\0';
		if (parse_u32(dot, 10, &f) < 0 || f > FUNCTION_MAX)
			return -EINVAL;
	}
	if (parse_u32(text, 16, &v) < 0 || v > SLOT_MAX)
		return -EINVAL;
	*slot = (uint8_t)v;
	*function = (uint8_t)f;
	return 0;
}

int pci_path_parse(const char *text, struct pci_path *ret)
{
	ret->n = 0;
	for (;;) {
		size_t n = strcspn(text, "/");
		int r;

		if (ret->n == PCI_PATH_DEPTH_MAX)
			return -EINVAL;
		r = parse_component(text, n, &ret->at[ret->n].slot,
				    &ret->at[ret->n].function);
		if (r < 0)
			return r;
		ret->n++;
		if (!text[n])
			return 0;
		text += n + 1;
	}
}

/* The bus behind the bridge at sysfs directory DIR: "0000:01". */
static int bus_behind(const char *dir, char *ret, size_t size)
{
	cleanup_closedir DIR *d = NULL;
	cleanup_free char *path = NULL;
	struct dirent *e;

	if (asprintf(&path, "%s/pci_bus", dir) < 0)
		return -ENOMEM;
	d = opendir(path);
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		size_t n = strlen(e->d_name);

		if (*e->d_name == '.' || n >= size)
			continue;
		memcpy(ret, e->d_name, n + 1);
		return 0;
	}
	return -ENOENT;
}

int pci_find(const char *sysfs, const char *text, char **ret)
{
	cleanup_free char *dir = NULL;
	char bus[32] = "0000:00";
	struct pci_path path;
	unsigned int i;
	int r;

	r = pci_path_parse(text, &path);
	for (i = 0; !r && i < path.n; i++) {
		cleanup_free char *up = TAKE_PTR(dir);

		if (up)
			r = bus_behind(up, bus, sizeof(bus));
		/* The links of the bus spare knowing where the architecture
		 * keeps its root complex. */
		if (!r && asprintf(&dir, "%s/bus/pci/devices/%s:%02x.%x", sysfs,
				   bus, path.at[i].slot,
				   path.at[i].function) < 0)
			r = -ENOMEM;
	}
	if (!r && access(dir, F_OK) < 0)
		r = -errno;
	if (r < 0)
		return r;
	*ret = TAKE_PTR(dir);
	return 0;
}

int pci_find_block(const char *sysfs, const char *path, char **ret)
{
	cleanup_free char *dir = NULL;
	int r = pci_find(sysfs, path, &dir);

	return r < 0 ? r : device_block_below(dir, ret);
}
