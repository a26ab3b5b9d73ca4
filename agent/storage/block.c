// SPDX-License-Identifier: Apache-2.0
/* Block devices, found by the address at which the host has plugged them in. */
#include <errno.h>
#include <string.h>
#include <strings.h>

#include "agent.h"
#include "device/device.h"
#include "mount.h"
#include "storage.h"

static int find_pci(const struct agent *agent, const char *source, char **ret)
{
	return pci_find_block(agent->sysfs, source, ret);
}

static int find_ccw(const struct agent *agent, const char *source, char **ret)
{
	return ccw_find_block(agent->sysfs, source, ret);
}

static int find_scsi(const struct agent *agent, const char *source, char **ret)
{
	int r = scsi_find_block(agent->sysfs, source, ret);

	if (r == -ENOENT)
		scsi_scan(agent->sysfs, source);
	return r;
}

/* A device without an address of its own: its name, "/dev/vda". */
static int find_name(const struct agent *agent UNUSED, const char *source,
		     char **ret)
{
	const char *name = source + 5;

	if (strncmp(source, "/dev/", 5) || !*name || strchr(name, '/') ||
	    *name == '.')
		return -EINVAL;
	*ret = strdup(name);
	return *ret ? 0 : -ENOMEM;
}

static int mount_block(int targetfd, const Grpc__Storage *storage,
		       const char *device, struct err *reterr)
{
	struct mount_options o;
	int r = storage_mount_options(storage, &o);

	if (r < 0)
		return err_code(reterr, r, "mount options");
	if (!*storage->fstype)
		return err_set(reterr, -EINVAL, "no file system type");
	return mount_fs_at(targetfd, device, storage->fstype, &o, reterr);
}

const struct storage_driver storage_blk = {
	.name = "blk",
	.find = find_pci,
	.mount = mount_block,
};
const struct storage_driver storage_blk_ccw = {
	.name = "blk-ccw",
	.find = find_ccw,
	.mount = mount_block,
};
const struct storage_driver storage_scsi = {
	.name = "scsi",
	.find = find_scsi,
	.mount = mount_block,
};
/* "/dev/pmem0"; what else is named so is another kind of device. */
static int find_pmem(const struct agent *agent, const char *source, char **ret)
{
	return strncmp(source, "/dev/pmem", 9) ? -EINVAL
					       : find_name(agent, source, ret);
}

const struct storage_driver storage_nvdimm = {
	.name = "nvdimm",
	.find = find_pmem,
	.mount = mount_block,
};
const struct storage_driver storage_mmioblk = {
	.name = "mmioblk",
	.find = find_name,
	.mount = mount_block,
};
