// SPDX-License-Identifier: Apache-2.0
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>

#include "base/cleanup.h"
#include "device.h"

/* virtio0/host0/target0:0:1/0:0:1:0/block is the deepest there is. */
#define DEPTH_MAX 5

static int first_entry(int fd, char **ret)
{
	cleanup_closedir DIR *d = fdopendir(fd);
	struct dirent *e;

	if (!d) {
		close_fd(&fd);
		return -ENOMEM;
	}
	while ((e = readdir(d))) {
		if (*e->d_name == '.')
			continue;
		*ret = strdup(e->d_name);
		return *ret ? 0 : -ENOMEM;
	}
	return -ENOENT;
}

/* Real directories only: sysfs has links back up ("subsystem", "driver"). */
static int search(int fd, int depth, char **ret)
{
	cleanup_closedir DIR *d = NULL;
	struct dirent *e;
	int block, r;

	block = openat(fd, "block", O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					    O_CLOEXEC);
	if (block >= 0) {
		close_fd(&fd);
		return first_entry(block, ret);
	}
	d = fdopendir(fd);
	if (!d) {
		close_fd(&fd);
		return -ENOMEM;
	}
	while (depth < DEPTH_MAX && (e = readdir(d))) {
		int sub;

		/* Another device behind this one is another address. */
		if (*e->d_name == '.' || !strncmp(e->d_name, "0000:", 5))
			continue;
		sub = openat(fd, e->d_name, O_RDONLY | O_DIRECTORY |
						    O_NOFOLLOW | O_CLOEXEC);
		if (sub < 0)
			continue;
		r = search(sub, depth + 1, ret);
		if (r != -ENOENT)
			return r;
	}
	return -ENOENT;
}

int device_block_below(const char *dir, char **ret)
{
	int fd = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);

	return fd < 0 ? -errno : search(fd, 0, ret);
}
