// SPDX-License-Identifier: Apache-2.0
/* Storage of the guest's own: in memory, or a plain directory. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "mount.h"
#include "os/safe_path.h"
#include "storage.h"

/* "fsgid=1000": who owns the volume, no option of the file system's. */
static int take_fsgid(struct mount_options *o, uint32_t *ret)
{
	char *at = strstr(o->data, "fsgid="), *end;

	*ret = UINT32_MAX;
	if (!at || (at != o->data && at[-1] != ','))
		return 0;
	end = at + strcspn(at, ",");
	if (*end)
		*end++ = '\0';
	if (parse_u32(at + 6, 10, ret) < 0)
		return -EINVAL;
	memmove(at, end, strlen(end) + 1);
	end = o->data + strlen(o->data);
	if (end != o->data && end[-1] == ',')
		end[-1] = '\0';
	return 0;
}

static int mount_ephemeral(int targetfd, const Grpc__Storage *storage,
			   const char *device UNUSED, struct err *reterr)
{
	const char *type = *storage->fstype ? storage->fstype : "tmpfs";
	struct mount_options o;
	uint32_t gid = UINT32_MAX;
	cleanup_close int top = -1;
	int r = mount_options_parse(&o, storage->options, storage->n_options);

	if (!r)
		r = take_fsgid(&o, &gid);
	if (r < 0)
		return err_code(reterr, r, "mount options");
	if (strcmp(type, "tmpfs") && strcmp(type, "hugetlbfs"))
		return err_set(reterr, -EINVAL, "file system type '%.64s'",
			       type);
	r = mount_fs_at(targetfd, type, type, &o, reterr);
	if (r < 0 || gid == UINT32_MAX)
		return r;
	top = mount_reopen(targetfd);
	if (top < 0 || fchownat(top, "", (uid_t)-1, gid, AT_EMPTY_PATH) < 0)
		return err_errno(reterr, "give it to group %u", gid);
	return 0;
}

/* "mode=0755" is the one option. */
static int mount_local(int targetfd, const Grpc__Storage *storage,
		       const char *device UNUSED, struct err *reterr)
{
	char path[FD_PATH_SIZE];
	uint32_t mode = 0777;
	size_t i;

	for (i = 0; i < storage->n_options; i++)
		if (!strncmp(storage->options[i], "mode=", 5) &&
		    (parse_u32(storage->options[i] + 5, 8, &mode) < 0 ||
		     mode > 07777))
			return err_set(reterr, -EINVAL, "option '%.64s'",
				       storage->options[i]);
	if (chmod(fd_path(path, targetfd), (mode_t)mode) < 0)
		return err_errno(reterr, "change the mode");
	return 0;
}

static int mount_overlay(int targetfd, const Grpc__Storage *storage,
			 const char *device UNUSED, struct err *reterr)
{
	struct mount_options o;
	int r = mount_options_parse(&o, storage->options, storage->n_options);

	if (r < 0)
		return err_code(reterr, r, "mount options");
	return mount_fs_at(targetfd, "overlay", "overlay", &o, reterr);
}

const struct storage_driver storage_ephemeral = {
	.name = "ephemeral",
	.mount = mount_ephemeral,
};
const struct storage_driver storage_local = {
	.name = "local",
	.mount = mount_local,
};
const struct storage_driver storage_overlayfs = {
	.name = "overlayfs",
	.mount = mount_overlay,
};
