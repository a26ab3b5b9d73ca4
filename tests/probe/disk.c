// SPDX-License-Identifier: Apache-2.0
/*
 * Probes of file systems on disks. The disks come with the machine, formatted
 * by the host (tests/probe/run.sh); their serial number is the feature's name.
 */
#include <errno.h>
#include <fcntl.h>
#include <linux/btrfs.h>
#include <linux/fscrypt.h>
#include <linux/fsverity.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "probe.h"

/* FS_IOC_ENABLE_VERITY and the like came into <linux/fs.h> with a struct
 * that musl's <sys/mount.h> collides with; these headers are enough. */

static int on_disk(const char *serial, const char *type, const char *options)
{
	char disk[32];

	return disk_find(serial, disk, sizeof(disk)) < 0 ? -1 :
	       mount_check(disk, type, options);
}

static int btrfs(void)
{
	struct btrfs_ioctl_vol_args sub = { .name = "sub" };
	struct btrfs_ioctl_vol_args copy = { .name = "copy" };
	char text[32];
	int root, fd;

	if (on_disk("btrfs", "btrfs", "compress=zstd") < 0)
		return -1;
	root = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ioctl(root, BTRFS_IOC_SUBVOL_CREATE, &sub) < 0)
		return fail("subvolume: %m");
	fd = open("/mnt/sub/a", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "before", 6) != 6)
		return fail("write: %m");
	copy.fd = open("/mnt/sub", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ioctl(root, BTRFS_IOC_SNAP_CREATE, &copy) < 0)
		return fail("snapshot: %m");
	if (pwrite(fd, "behind", 6, 0) != 6 ||
	    read_text("/mnt/copy/a", text, sizeof(text)) < 0)
		return fail("read the snapshot: %m");
	note("files, a subvolume and its snapshot");
	return strcmp(text, "before") == 0 ? 0 :
	       fail("the snapshot changed");
}

static int xfs(void)
{
	return on_disk("xfs", "xfs", "uquota");
}

static int f2fs(void)
{
	return on_disk("f2fs", "f2fs", NULL);
}

static int vfat(void)
{
	if (on_disk("vfat", "vfat", NULL) < 0)
		return -1;
	if (umount("/mnt") < 0)
		return fail("unmount: %m");
	return on_disk("exfat", "exfat", NULL);
}

static int iso9660(void)
{
	char disk[32], text[32];

	if (disk_find("iso9660", disk, sizeof(disk)) < 0)
		return -1;
	if (mount(disk, "/mnt", "iso9660", MS_RDONLY, NULL) < 0)
		return fail("mount iso9660: %m");
	/* A long name in lower case comes from Rock Ridge. */
	if (read_text("/mnt/a-file-of-the-host", text, sizeof(text)) < 0 ||
	    strcmp(text, "from the host") != 0)
		return fail("the host's file: %m");
	if (umount("/mnt") < 0 || mount(disk, "/mnt", "udf", MS_RDONLY,
					NULL) < 0)
		return fail("mount udf: %m");
	return access("/mnt/a-file-of-the-host", R_OK) < 0 ?
	       fail("the host's file by UDF: %m") : 0;
}

static int ext4(void)
{
	char disk[32];

	if (disk_find("ext4", disk, sizeof(disk)) < 0)
		return -1;
	/* Formatted with the features quota, verity and encrypt. */
	return mount(disk, "/mnt", "ext4", 0, "usrquota") < 0 ?
	       fail("mount ext4: %m") : 0;
}

/* As user 1000: whether writing 1 MiB stops at the quota. */
static int fill_up(void)
{
	static char block[65536];
	int fd;

	if (setuid(1000) < 0)
		return 1;
	fd = open("/mnt/user", O_WRONLY | O_CLOEXEC);
	for (int i = 0; i < 16; i++)
		if (write(fd, block, sizeof(block)) < 0)
			return errno == EDQUOT ? 0 : 2;
	return fsync(fd) < 0 && errno == EDQUOT ? 0 : 3;
}

static int quota(void)
{
	/* struct if_dqblk */
	struct {
		uint64_t hard, soft, space, ihard, isoft, inodes, btime, itime;
		uint32_t valid, pad;
	} q = { .hard = 256, .soft = 256, .valid = 1 /* QIF_BLIMITS */ };
	char disk[32];
	int status;

	if (disk_find("ext4", disk, sizeof(disk)) < 0 || ext4() < 0)
		return -1;
	/* Q_SETQUOTA of USRQUOTA */
	if (syscall(SYS_quotactl, 0x800008 << 8, disk, 1000, &q) < 0)
		return fail("set a limit: %m");
	(void)unlink("/mnt/user");
	close(open("/mnt/user", O_CREAT | O_WRONLY | O_CLOEXEC, 0666));
	if (chmod("/mnt", 0777) < 0 || chown("/mnt/user", 1000, 1000) < 0)
		return fail("a file of the user: %m");
	if (fork() == 0)
		_exit(fill_up());
	wait(&status);
	note("a user stopped at 256 KiB");
	return status == 0 ? 0 : fail("writing past the limit: status %x",
				      status);
}

static int fsverity(void)
{
	static const char text[] = "sealed\n";
	struct fsverity_enable_arg arg = {
		.version = 1,
		.hash_algorithm = FS_VERITY_HASH_ALG_SHA256,
		.block_size = 4096,
	};
	union {
		struct fsverity_digest head;
		uint8_t room[64];
	} digest = { .head = { .digest_size = 32 } };
	int fd;

	if (ext4() < 0)
		return -1;
	(void)unlink("/mnt/sealed");
	fd = open("/mnt/sealed", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, text, sizeof(text)) < 0 || close(fd) < 0)
		return fail("write: %m");
	fd = open("/mnt/sealed", O_RDONLY | O_CLOEXEC);
	if (ioctl(fd, FS_IOC_ENABLE_VERITY, &arg) < 0)
		return fail("seal: %m");
	if (ioctl(fd, FS_IOC_MEASURE_VERITY, &digest) < 0 ||
	    digest.head.digest_size != 32)
		return fail("measure: %m");
	if (open("/mnt/sealed", O_WRONLY | O_CLOEXEC) >= 0)
		return fail("a sealed file can be opened for writing");
	return 0;
}

static int fscrypt(void)
{
	struct {
		struct fscrypt_add_key_arg head;
		uint8_t key[64];
	} add = { .head = { .raw_size = 64 } };
	struct fscrypt_policy_v2 policy = {
		.version = FSCRYPT_POLICY_V2,
		.contents_encryption_mode = FSCRYPT_MODE_AES_256_XTS,
		.filenames_encryption_mode = FSCRYPT_MODE_AES_256_CTS,
		.flags = FSCRYPT_POLICY_FLAGS_PAD_32,
	};
	struct fscrypt_remove_key_arg remove;
	int root, dir, fd;

	if (ext4() < 0)
		return -1;
	memset(add.key, 7, sizeof(add.key));
	add.head.key_spec.type = FSCRYPT_KEY_SPEC_TYPE_IDENTIFIER;
	root = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ioctl(root, FS_IOC_ADD_ENCRYPTION_KEY, &add) < 0)
		return fail("add a key: %m");
	memcpy(policy.master_key_identifier,
	       add.head.key_spec.u.identifier, 16);
	if (mkdir("/mnt/secret", 0755) < 0)
		return fail("mkdir: %m");
	dir = open("/mnt/secret", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (ioctl(dir, FS_IOC_SET_ENCRYPTION_POLICY, &policy) < 0)
		return fail("set the policy: %m");
	fd = openat(dir, "name", O_CREAT | O_WRONLY | O_CLOEXEC, 0644);
	if (fd < 0 || write(fd, "text", 4) != 4 || close(fd) < 0)
		return fail("write: %m");
	close(dir);
	remove.key_spec = add.head.key_spec;
	if (ioctl(root, FS_IOC_REMOVE_ENCRYPTION_KEY, &remove) < 0)
		return fail("remove the key: %m");
	note("a file whose name is gone with the key");
	return access("/mnt/secret/name", F_OK) == 0 ?
	       fail("the name is there without the key") : 0;
}

const struct probe probes_disk[] = {
	{ "btrfs", btrfs },
	{ "xfs", xfs },
	{ "f2fs", f2fs },
	{ "vfat", vfat },
	{ "iso9660", iso9660 },
	{ "quota", quota },
	{ "fsverity", fsverity },
	{ "fscrypt", fscrypt },
	{ NULL, NULL },
};
