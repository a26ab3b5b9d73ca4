// SPDX-License-Identifier: Apache-2.0
/* Calls that concern volumes: file systems that the host has had mounted. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <sys/sysmacros.h>
#include <sys/vfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "base/strv.h"
#include "os/io.h"
#include "proto/csi.pb-c.h"
#include "rootfs.h"
#include "rpc.h"
#include "os/safe_path.h"
#include "storage/storage.h"
#include "task.h"

#define SHARED "shared/containers"
#define MOUNTINFO_MAX ((size_t)4 << 20)
#define STALE_TIMEOUT_MS 10000
#define RESIZE_TIMEOUT_MS 60000
#define SECTOR 512
#define EXT4_MAGIC 0xef53
#define TMPFS_MAGIC_ 0x01021994
/* EXT4_IOC_RESIZE_FS of the kernel's fs/ext4/ext4.h, which is not exported */
#define EXT4_RESIZE _IOW('f', 16, uint64_t)

void rpc_update_ephemeral(struct agent *agent, struct ttrpc_call *call,
			  const ProtobufCMessage *request)
{
	const Grpc__UpdateEphemeralMountsRequest *rq =
		(const Grpc__UpdateEphemeralMountsRequest *)request;
	struct err e = {0};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < rq->n_storages; i++)
		r = storage_remount(agent, rq->storages[i], &e);
	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}

/* An O_PATH fd of a volume, or an error. */
static int open_volume(const struct agent *agent, const char *path,
		       struct err *reterr)
{
	int fd;

	if (!path_is_normal(path))
		return err_set(reterr, -EINVAL, "volume '%.200s' is no "
			       "absolute, normal path", path);
	fd = rootfs_open_source(agent, path);
	if (fd < 0)
		return err_code(reterr, fd, "open volume '%.200s'", path);
	return fd;
}

static void fill_usage(Grpc__VolumeUsage *u, Grpc__VolumeUsage__Unit unit,
		       uint64_t size, uint64_t free_, uint64_t available)
{
	grpc__volume_usage__init(u);
	u->unit = unit;
	u->total = size;
	u->used = size - free_;
	u->available = available;
}

void rpc_volume_stats(struct agent *agent, struct ttrpc_call *call,
		      const ProtobufCMessage *request)
{
	const Grpc__VolumeStatsRequest *rq =
		(const Grpc__VolumeStatsRequest *)request;
	Grpc__VolumeStatsResponse response = GRPC__VOLUME_STATS_RESPONSE__INIT;
	Grpc__VolumeCondition condition = GRPC__VOLUME_CONDITION__INIT;
	Grpc__VolumeUsage usage[2], *list[] = {&usage[0], &usage[1]};
	struct statvfs st;
	struct err e = {0};
	cleanup_close int fd = open_volume(agent, rq->volume_guest_path, &e);
	int r = fd < 0 ? fd : 0;

	if (!r && fstatvfs(fd, &st) < 0)
		r = err_errno(&e, "look at volume '%.200s'",
			      rq->volume_guest_path);
	if (r < 0) {
		rpc_reply_err(call, r, &e);
		return;
	}
	fill_usage(list[0], GRPC__VOLUME_USAGE__UNIT__BYTES,
		   st.f_blocks * st.f_frsize, st.f_bfree * st.f_frsize,
		   st.f_bavail * st.f_frsize);
	fill_usage(list[1], GRPC__VOLUME_USAGE__UNIT__INODES, st.f_files,
		   st.f_ffree, st.f_favail);
	response.usage = list;
	response.n_usage = 2;
	response.volume_condition = &condition;
	ttrpc_reply(call, &response.base);
}

struct resize {
	const struct agent *agent;
	const char *path;
	uint64_t size;
};

/* The bytes of the block device with the number DEV. */
static int device_size(const struct agent *agent, dev_t dev, uint64_t *ret)
{
	cleanup_free char *path = NULL, *text = NULL;

	if (asprintf(&path, "%s/dev/block/%u:%u/size", agent->sysfs,
		     major(dev), minor(dev)) < 0)
		return -ENOMEM;
	if (read_file(AT_FDCWD, path, 64, &text, NULL) < 0)
		return -ENODEV;
	text[strcspn(text, "\n")] = '\0';
	if (parse_u64(text, 10, ret) < 0 || mul_overflows(*ret, SECTOR, ret))
		return -EIO;
	return 0;
}

static int resize_ext4(const struct resize *j, int fd, const struct statfs *fs,
		       struct err *reterr)
{
	uint64_t most, blocks;
	struct stat st;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(reterr, "look at '%.200s'", j->path);
	r = device_size(j->agent, st.st_dev, &most);
	if (r < 0)
		return err_code(reterr, r, "size of the device of '%.200s'",
				j->path);
	if (j->size > most)
		return err_set(reterr, -ERANGE, "volume '%.200s': %llu bytes "
			       "asked for, its device has %llu", j->path,
			       (unsigned long long)j->size,
			       (unsigned long long)most);
	blocks = (j->size ? j->size : most) / (uint64_t)fs->f_bsize;
	if (ioctl(fd, EXT4_RESIZE, &blocks) < 0)
		return err_errno(reterr, "resize volume '%.200s'", j->path);
	return 0;
}

static int resize_tmpfs(const struct resize *j, int fd, struct err *reterr)
{
	char path[FD_PATH_SIZE], data[64];
	struct statvfs st;

	if (fstatvfs(fd, &st) < 0)
		return err_errno(reterr, "look at '%.200s'", j->path);
	(void)snprintf(data, sizeof(data), "size=%llu",
		       (unsigned long long)j->size);
	/* The flags of mount() and of statvfs() are the same numbers here. */
	if (mount("tmpfs", fd_path(path, fd), "tmpfs",
		  MS_REMOUNT | (st.f_flag & (MS_RDONLY | MS_NOSUID | MS_NODEV |
					     MS_NOEXEC)), data) < 0)
		return err_errno(reterr, "resize volume '%.200s'", j->path);
	return 0;
}

static int resize(const void *arg, struct err *reterr)
{
	const struct resize *j = arg;
	cleanup_close int where = open_volume(j->agent, j->path, reterr);
	cleanup_close int fd = -1;
	struct statfs fs;

	if (where < 0)
		return where;
	fd = openat(where, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0 || fstatfs(fd, &fs) < 0)
		return err_errno(reterr, "open volume '%.200s'", j->path);
	if (fs.f_type == EXT4_MAGIC)
		return resize_ext4(j, fd, &fs, reterr);
	if (fs.f_type == TMPFS_MAGIC_ && j->size)
		return resize_tmpfs(j, fd, reterr);
	return err_set(reterr, -EOPNOTSUPP, "volume '%.200s': a file system "
		       "of type 0x%lx cannot be resized", j->path,
		       (unsigned long)fs.f_type);
}

void rpc_resize_volume(struct agent *agent, struct ttrpc_call *call,
		       const ProtobufCMessage *request)
{
	const Grpc__ResizeVolumeRequest *rq =
		(const Grpc__ResizeVolumeRequest *)request;
	const struct resize job = {agent, rq->volume_guest_path, rq->size};

	task_run(agent, call, resize, &job, NULL, 0, RESIZE_TIMEOUT_MS,
		 task_reply_empty);
}

/* Octal escapes of /proc/self/mountinfo, in place. */
static void unescape(char *s)
{
	char *out = s;

	while (*s) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' &&
		    s[2] >= '0' && s[2] <= '7' && s[3] >= '0' && s[3] <= '7') {
			*out++ = (char)((s[1] - '0') << 6 | (s[2] - '0') << 3 |
					(s[3] - '0'));
			s += 4;
		} else {
			*out++ = *s++;
		}
	}
	*out = '\0';
}

/* The mount points below DIR, in the order of the kernel. */
static int list_mounts(const char *dir, struct strv *ret)
{
	cleanup_free char *text = NULL;
	char *rest, *line;
	size_t n = strlen(dir);
	int r = read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX,
			  &text, NULL);

	if (r < 0)
		return r;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		char *point = NULL;
		int i;

		for (i = 0; line && i < 5; i++)
			point = strsep(&line, " ");
		if (!point)
			continue;
		unescape(point);
		if (!strncmp(point, dir, n) && point[n] == '/')
			(void)strv_add(ret, point);
	}
	return strv_error(ret);
}

/* In a child: a share whose server is gone may never answer. */
static int drop_stale(const void *arg, struct err *reterr)
{
	cleanup_strv struct strv points = STRV_INIT;
	const char *dir = arg;
	size_t i;
	int r = list_mounts(dir, &points);

	if (r < 0)
		return err_code(reterr, r, "list the mounts");
	for (i = points.n; i-- > 0;) {
		struct stat st;

		if (stat(points.v[i], &st) == 0)
			continue;
		if (umount2(points.v[i], MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
			return err_errno(reterr, "unmount '%.200s'",
					 points.v[i]);
	}
	return 0;
}

void rpc_remove_stale(struct agent *agent, struct ttrpc_call *call,
		      const ProtobufCMessage *request UNUSED)
{
	cleanup_free char *dir = path_join(agent->root, SHARED);

	if (!dir)
		ttrpc_reply_error(call, TTRPC_RESOURCE_EXHAUSTED,
				  "out of memory");
	else
		task_run(agent, call, drop_stale, dir, NULL, 0,
			 STALE_TIMEOUT_MS, task_reply_empty);
}
