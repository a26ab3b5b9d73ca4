// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "device.h"
#include "os/io.h"

#define TARGET_MAX 255
#define LUN_MAX 16383

int scsi_address_parse(const char *text, struct scsi_address *ret)
{
	const char *colon = strchr(text, ':');
	char target[8];
	size_t n;

	if (!colon)
		return -EINVAL;
	n = (size_t)(colon - text);
	if (n >= sizeof(target))
		return -EINVAL;
	memcpy(target, text, n);
	target[n] = '\0';
	if (parse_u32(target, 10, &ret->target) < 0 ||
	    parse_u32(colon + 1, 10, &ret->lun) < 0 ||
	    ret->target > TARGET_MAX || ret->lun > LUN_MAX)
		return -EINVAL;
	return 0;
}

int scsi_find_block(const char *sysfs, const char *text, char **ret)
{
	cleanup_free char *path = NULL;
	cleanup_closedir DIR *d = NULL;
	struct scsi_address address;
	struct dirent *e;
	char tail[32];
	int r = scsi_address_parse(text, &address);

	if (r < 0)
		return r;
	(void)snprintf(tail, sizeof(tail), ":0:%u:%u", address.target,
		       address.lun);
	path = path_join(sysfs, "bus/scsi/devices");
	if (!path)
		return -ENOMEM;
	d = opendir(path);
	if (!d)
		return -errno;
	while ((e = readdir(d))) {
		cleanup_free char *dir = NULL;
		const char *colon = strchr(e->d_name, ':');

		if (!colon || strcmp(colon, tail))
			continue;
		dir = path_join(path, e->d_name);
		return dir ? device_block_below(dir, ret) : -ENOMEM;
	}
	return -ENOENT;
}

void scsi_scan(const char *sysfs, const char *text)
{
	cleanup_free char *path = NULL;
	cleanup_closedir DIR *d = NULL;
	struct scsi_address address;
	struct dirent *e;
	char what[32];

	if (scsi_address_parse(text, &address) < 0)
		return;
	(void)snprintf(what, sizeof(what), "0 %u %u", address.target,
		       address.lun);
	path = path_join(sysfs, "class/scsi_host");
	d = path ? opendir(path) : NULL;
	while (d && (e = readdir(d))) {
		cleanup_free char *scan = NULL;

		if (*e->d_name == '.' ||
		    asprintf(&scan, "%s/%s/scan", path, e->d_name) < 0)
			continue;
		/* Best effort: what counts is whether the device appears. */
		(void)write_file(AT_FDCWD, scan, what);
	}
}
