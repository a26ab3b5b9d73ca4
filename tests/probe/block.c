// SPDX-License-Identifier: Apache-2.0
/* Probes of block devices. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <linux/nbd.h>
#include <linux/netlink.h>
#include <linux/major.h>
#include <linux/raid/md_p.h>
#include <linux/raid/md_u.h>
#include <sched.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/swap.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

#define MIB ((size_t)1 << 20)

/* Serves NBD's requests from memory until the client hangs up. */
static _Noreturn void nbd_serve(int fd, char *memory)
{
	struct nbd_request q;
	struct nbd_reply a = { .magic = htobe32(NBD_REPLY_MAGIC) };

	while (read_all(fd, &q, sizeof(q)) == 0) {
		uint32_t type = be32toh(q.type) & 0xffff;
		char *at = memory + be64toh(q.from);
		size_t n = be32toh(q.len);

		if (type == NBD_CMD_DISC)
			break;
		if (type == NBD_CMD_WRITE && read_all(fd, at, n) < 0)
			break;
		memcpy(a.handle, &q.handle, sizeof(a.handle));
		if (write(fd, &a, sizeof(a)) != sizeof(a))
			break;
		if (type == NBD_CMD_READ && write(fd, at, n) != (ssize_t)n)
			break;
	}
	_exit(0);
}

static int nbd(void)
{
	int fds[2], device;
	char *memory = mmap(NULL, 4 * MIB, PROT_READ | PROT_WRITE,
			    MAP_SHARED | MAP_ANONYMOUS, -1, 0);

	if (socketpair(AF_UNIX, SOCK_STREAM, 0, fds) < 0 ||
	    memory == MAP_FAILED)
		return fail("socket and memory: %m");
	if (fork() == 0)
		nbd_serve(fds[1], memory);
	device = open("/dev/nbd0", O_RDWR | O_CLOEXEC);
	if (device < 0)
		return fail("/dev/nbd0: %m");
	if (ioctl(device, NBD_SET_BLKSIZE, 4096ul) < 0 ||
	    ioctl(device, NBD_SET_SIZE_BLOCKS, 4 * MIB / 4096) < 0 ||
	    ioctl(device, NBD_SET_SOCK, (unsigned long)fds[0]) < 0)
		return fail("connect: %m");
	if (fork() == 0) {
		(void)ioctl(device, NBD_DO_IT);
		_exit(0);
	}
	usleep(200000);
	if (block_check("/dev/nbd0", MIB, MIB) < 0)
		return -1;
	note("1 MiB to a server and back");
	return memory[MIB] == 0x5a ? 0 : fail("the server got other bytes");
}

static int nvme(void)
{
	bool disk = !file_has("/proc/cmdline", "kiln.without=nvme");
	int fd;

	if (disk && wait_for("/dev/nvme0n1", 10) < 0)
		return fail("/dev/nvme0n1: %m");
	if (disk && block_check("/dev/nvme0n1", MIB, MIB) < 0)
		return -1;
	fd = open("/dev/nvme-fabrics", O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail("/dev/nvme-fabrics: %m");
	/* Nobody listens: what counts is that it tried. */
	if (write(fd, "transport=tcp,traddr=127.0.0.1,trsvcid=4420,nqn=q\n",
		  50) >= 0 || errno != ECONNREFUSED)
		return fail("NVMe over TCP did not connect: %m");
	note("%s; over TCP it was refused, nobody listened",
	     disk ? "1 MiB to a disk on PCI and back" :
	     "this QEMU has no such disk");
	return 0;
}

/* What mkswap(8) writes. */
static int make_swap(const char *path, size_t size)
{
	static char page[65536];
	size_t page_size = (size_t)sysconf(_SC_PAGESIZE);
	uint32_t head[2] = { 1, (uint32_t)(size / page_size - 1) };
	int fd = open(path, O_RDWR | O_CLOEXEC), r;

	memset(page, 0, sizeof(page));
	memcpy(page + 1024, head, sizeof(head));
	memcpy(page + page_size - 10, "SWAPSPACE2", 10);
	r = fd < 0 || write(fd, page, page_size) != (ssize_t)page_size ||
	    fsync(fd) < 0;
	close(fd);
	return r ? fail("write swap to %s: %m", path) :
	       swapon(path, 0) < 0 ? fail("swapon %s: %m", path) : 0;
}

/* Makes the kernel write SIZE bytes of memory to swap, and reads them back. */
static int swap_out(size_t size)
{
	unsigned char *at = mmap(NULL, size, PROT_READ | PROT_WRITE,
				 MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

	if (at == MAP_FAILED)
		return fail("memory: %m");
	for (size_t i = 0; i < size; i++)
		at[i] = (unsigned char)(i >> 9);
	if (madvise(at, size, 21 /* MADV_PAGEOUT */) < 0)
		return fail("MADV_PAGEOUT: %m");
	return 0;
}

static long number_behind(const char *path, const char *key)
{
	FILE *f = fopen(path, "re");
	char line[256];
	long v = -1;

	while (f && fgets(line, sizeof(line), f))
		if (!strncmp(line, key, strlen(key)))
			v = strtol(line + strlen(key), NULL, 10);
	if (f)
		fclose(f);
	return v;
}

static int zram(void)
{
	static const char zswap[] = "/sys/module/zswap/parameters/enabled";
	char stat[256];

	if (write_text("/sys/block/zram0/comp_algorithm", "zstd") < 0)
		return fail("zram0 with zstd: %m");
	if (write_text("/sys/block/zram0/disksize", "64M") < 0)
		return fail("size of zram0: %m");
	if (block_check("/dev/zram0", 32 * MIB, 4 * MIB) < 0)
		return -1;
	if (read_text("/sys/block/zram0/mm_stat", stat, sizeof(stat)) < 0)
		return fail("statistics: %m");
	/* Where feature swap is there too, zswap would keep the pages. */
	(void)write_text(zswap, "0");
	if (make_swap("/dev/zram0", 64 * MIB) < 0 || swap_out(8 * MIB) < 0)
		return -1;
	(void)write_text(zswap, "1");
	if (number_behind("/proc/vmstat", "pswpout ") <= 0)
		return fail("nothing was swapped out");
	(void)swapoff("/dev/zram0");
	note("4 MiB written and read, 8 MiB swapped");
	return 0;
}

static int swap(void)
{
	char on[8], loop[32];
	long kib;

	if (read_text("/sys/module/zswap/parameters/enabled", on,
		      sizeof(on)) < 0 || on[0] != 'Y')
		return fail("zswap is not enabled");
	if (loop_new(32 * MIB, loop, sizeof(loop)) < 0 ||
	    make_swap(loop, 32 * MIB) < 0 || swap_out(8 * MIB) < 0)
		return -1;
	kib = number_behind("/proc/meminfo", "Zswapped:");
	(void)swapoff(loop);
	note("%ld KiB in zswap", kib);
	return kib > 0 ? 0 : fail("nothing was compressed");
}

/* One ioctl of the device mapper; TARGET may be NULL. */
static int dm_call(unsigned long request, const char *name, const char *target,
		   const char *params, uint64_t sectors, unsigned int flags)
{
	union {
		struct dm_ioctl head;
		char room[4096];
	} u;
	struct dm_target_spec *spec =
		(struct dm_target_spec *)(void *)(u.room + sizeof(u.head));
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), r;

	memset(&u, 0, sizeof(u));
	u.head.version[0] = 4;
	u.head.data_size = sizeof(u);
	u.head.data_start = sizeof(u.head);
	u.head.flags = flags;
	snprintf(u.head.name, sizeof(u.head.name), "%s", name);
	if (target) {
		u.head.target_count = 1;
		spec->length = sectors;
		snprintf(spec->target_type, sizeof(spec->target_type), "%s",
			 target);
		snprintf((char *)(spec + 1), 2048, "%s", params);
	}
	r = ioctl(fd, request, &u);
	close(fd);
	return r;
}

/* Makes /dev/mapper's NAME of one target; its node is /dev/dm-N, left in NODE. */
static int dm_new(const char *name, const char *target, const char *params,
		  size_t size, char *node, size_t n)
{
	char at[64], has[64];

	if (dm_call(DM_DEV_CREATE, name, NULL, NULL, 0, 0) < 0)
		return fail("device mapper: %m");
	if (dm_call(DM_TABLE_LOAD, name, target, params, size / 512, 0) < 0 ||
	    dm_call(DM_DEV_SUSPEND, name, NULL, NULL, 0, 0) < 0)
		return fail("table of %s: %m", target);
	for (int i = 0; i < 64; i++) {
		snprintf(at, sizeof(at), "/sys/block/dm-%d/dm/name", i);
		if (read_text(at, has, sizeof(has)) == 0 &&
		    strcmp(has, name) == 0) {
			snprintf(node, n, "/dev/dm-%d", i);
			return wait_for(node, 5);
		}
	}
	return fail("%s has no device", name);
}

/* Sectors whose digest is kept beside them; the journal needs room as well. */
static int dm_integrity(void)
{
	char loop[32], params[128], node[32];

	if (loop_new(16 * MIB, loop, sizeof(loop)) < 0)
		return -1;
	snprintf(params, sizeof(params), "%s 0 32 J 1 internal_hash:sha256",
		 loop);
	if (dm_new("integrity", "integrity", params, 4 * MIB, node,
		   sizeof(node)) < 0)
		return -1;
	return block_check(node, MIB, MIB);
}

static int dm_crypt(void)
{
	static unsigned char raw[4096];
	char loop[32], params[256], node[32];
	int fd;

	if (loop_new(4 * MIB, loop, sizeof(loop)) < 0)
		return -1;
	snprintf(params, sizeof(params), "aes-xts-plain64 "
		 "000102030405060708090a0b0c0d0e0f101112131415161718191a1b"
		 "1c1d1e1f202122232425262728292a2b2c2d2e2f3031323334353637"
		 "38393a3b3c3d3e3f 0 %s 0", loop);
	if (dm_new("crypt", "crypt", params, 4 * MIB, node, sizeof(node)) < 0 ||
	    block_check(node, MIB, MIB) < 0)
		return -1;
	fd = open(loop, O_RDONLY | O_CLOEXEC);
	(void)ioctl(fd, _IO(0x12, 97), 0);
	if (pread(fd, raw, sizeof(raw), (off_t)MIB) != sizeof(raw))
		return fail("read %s: %m", loop);
	if (raw[0] == 0x5a && raw[1] == (31 ^ 0x5a))
		return fail("it is not encrypted");
	note("1 MiB in AES-XTS and back, and with dm-integrity");
	return dm_integrity();
}

static int dm_message(const char *name, const char *text)
{
	union {
		struct dm_ioctl head;
		char room[1024];
	} u;
	struct dm_target_msg *m =
		(struct dm_target_msg *)(void *)(u.room + sizeof(u.head));
	int fd = open("/dev/mapper/control", O_RDWR | O_CLOEXEC), r;

	memset(&u, 0, sizeof(u));
	u.head.version[0] = 4;
	u.head.data_size = sizeof(u);
	u.head.data_start = sizeof(u.head);
	snprintf(u.head.name, sizeof(u.head.name), "%s", name);
	snprintf((char *)(m + 1), 256, "%s", text);
	r = ioctl(fd, DM_TARGET_MSG, &u);
	close(fd);
	return r;
}

static int lvm(void)
{
	char meta[32], data[32], pool[32], thin[32], params[128], snap[32];

	if (loop_new(4 * MIB, meta, sizeof(meta)) < 0 ||
	    loop_new(16 * MIB, data, sizeof(data)) < 0)
		return -1;
	snprintf(params, sizeof(params), "%s %s 128 0", meta, data);
	if (dm_new("pool", "thin-pool", params, 16 * MIB, pool,
		   sizeof(pool)) < 0)
		return -1;
	if (dm_message("pool", "create_thin 0") < 0)
		return fail("thin volume: %m");
	/* Larger than the pool: that is the point of it. */
	snprintf(params, sizeof(params), "%s 0", pool);
	if (dm_new("thin", "thin", params, 256 * MIB, thin, sizeof(thin)) < 0 ||
	    block_check(thin, 200 * MIB, MIB) < 0)
		return -1;
	if (loop_new(4 * MIB, data, sizeof(data)) < 0 ||
	    loop_new(4 * MIB, meta, sizeof(meta)) < 0)
		return -1;
	snprintf(params, sizeof(params), "%s %s N 8", data, meta);
	if (dm_new("snap", "snapshot", params, 4 * MIB, snap,
		   sizeof(snap)) < 0 || block_check(snap, 0, MIB) < 0)
		return -1;
	note("a thin volume of 256 MiB in 16, a snapshot");
	return 0;
}

/* An array of level LEVEL of N loop devices, without superblocks. */
static int md_array(int minor, int level, int disks)
{
	mdu_array_info_t array = {
		.major_version = 0,
		.minor_version = 90,
		.level = level,
		.size = 4096,	/* KiB of each disk */
		.nr_disks = disks,
		.raid_disks = disks,
		.md_minor = minor,
		.not_persistent = 1,
		.layout = level == 5 ? 2 : 0,
		.chunk_size = level == 1 ? 0 : 65536,
		.state = 1,	/* MD_SB_CLEAN */
	};
	char node[32], loop[32];
	struct stat st;
	int fd;

	snprintf(node, sizeof(node), "/dev/md%d", minor);
	(void)mknod(node, S_IFBLK | 0600, makedev(9, minor));
	fd = open(node, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return fail("%s: %m", node);
	if (ioctl(fd, SET_ARRAY_INFO, &array) < 0)
		return fail("array: %m");
	for (int i = 0; i < disks; i++) {
		mdu_disk_info_t disk = {
			.number = i,
			.raid_disk = i,
			.state = (1 << MD_DISK_ACTIVE) | (1 << MD_DISK_SYNC),
		};

		if (loop_new(4 * MIB, loop, sizeof(loop)) < 0 ||
		    stat(loop, &st) < 0)
			return -1;
		disk.major = (int)major(st.st_rdev);
		disk.minor = (int)minor(st.st_rdev);
		if (ioctl(fd, ADD_NEW_DISK, &disk) < 0)
			return fail("add a disk: %m");
	}
	if (ioctl(fd, RUN_ARRAY, NULL) < 0)
		return fail("run level %d: %m", level);
	close(fd);
	return block_check(node, MIB, MIB);
}

static int md_raid(void)
{
	if (md_array(1, 1, 2) < 0 || md_array(5, 5, 3) < 0 ||
	    md_array(6, 6, 4) < 0)
		return -1;
	note("1 MiB to arrays of levels 1, 5 and 6 and back");
	return file_has("/proc/mdstat", "md5 : active raid5") ? 0 :
	       fail("mdstat does not show the array");
}

/* iSCSI's netlink: struct iscsi_uevent, whose header is the kernel's own. */
struct iscsi_event {
	uint32_t type, error;
	uint64_t transport;
	union {
		struct {
			uint32_t cmdsn;
			uint16_t max, depth;
		} create;
		char room[64];
	} u;
	char result[64];
};

static int iscsi(void)
{
	struct iscsi_event e = { .type = 11 /* CREATE_SESSION */ };
	char handle[32];
	struct nl nl;
	struct {
		struct nlmsghdr head;
		struct iscsi_event e;
	} m;

	if (read_text("/sys/class/iscsi_transport/tcp/handle", handle,
		      sizeof(handle)) < 0)
		return fail("no transport tcp: %m");
	e.transport = strtoull(handle, NULL, 10);
	e.u.create.cmdsn = 1;
	e.u.create.max = 32;
	e.u.create.depth = 32;
	/* The kernel listens in the first network namespace only. */
	if (setns(open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC), 0) < 0)
		return fail("first network namespace: %m");
	if (nl_open(&nl, NETLINK_ISCSI) < 0)
		return fail("netlink of iSCSI: %m");
	m.head = (struct nlmsghdr){
		.nlmsg_len = sizeof(m),
		.nlmsg_type = 11,
		.nlmsg_flags = NLM_F_REQUEST,
		.nlmsg_pid = (uint32_t)getpid(),
	};
	m.e = e;
	if (send(nl.fd, &m, sizeof(m), 0) < 0)
		return fail("create a session: %m");
	if (wait_for("/sys/class/iscsi_session/session1", 5) < 0)
		return fail("no session came up");
	if (wait_for("/sys/class/iscsi_host/host0", 5) < 0 &&
	    wait_for("/sys/class/iscsi_host/host1", 1) < 0)
		return fail("no SCSI host of the session");
	note("a session of the TCP initiator, not logged in: "
	     "there is no target");
	return 0;
}

const struct probe probes_block[] = {
	{ "nbd", nbd },
	{ "nvme", nvme },
	{ "zram", zram },
	{ "swap", swap },
	{ "dm-crypt", dm_crypt },
	{ "lvm", lvm },
	{ "md-raid", md_raid },
	{ "iscsi", iscsi },
	{ NULL, NULL },
};
