// SPDX-License-Identifier: Apache-2.0
/* Probes of virtual machines, devices, and of unions of features. */
#include <endian.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/android/binder.h>
#include <linux/android/binderfs.h>
#include <linux/io_uring.h>
#include <linux/kvm.h>
#include <linux/uinput.h>
#include <linux/ublk_cmd.h>
#include <linux/vfio.h>
#include <linux/vhost.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

static int vhost(void)
{
	static const char *const nodes[] = { "/dev/vhost-net",
					     "/dev/vhost-vsock" };

	for (size_t i = 0; i < 2; i++) {
		int fd = open(nodes[i], O_RDWR | O_CLOEXEC);

		if (fd < 0 || ioctl(fd, VHOST_SET_OWNER, NULL) < 0)
			return fail("%s: %m", nodes[i]);
		close(fd);
	}
	return 0;
}

/* Without the CPU's extensions there is no device, and the log says why. */
static int kvm_refused(void)
{
	static const char *const reasons[] = {
		"SIE is not available", "HYP mode not available",
		"no hardware support", "not supported by CPU",
	};

	for (size_t i = 0; i < sizeof(reasons) / sizeof(*reasons); i++) {
		if (log_has(reasons[i])) {
			note("no machine was run: the log says '%s'; vhost "
			     "works", reasons[i]);
			return vhost();
		}
	}
	return fail("/dev/kvm is missing, and the log does not say why");
}

static int kvm(void)
{
	int fd = open("/dev/kvm", O_RDWR | O_CLOEXEC), vm, cpu;
	int size;
	struct kvm_run *run;

	if (fd < 0)
		return kvm_refused();
	if (ioctl(fd, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return fail("API version: %m");
	vm = ioctl(fd, KVM_CREATE_VM, 0ul);
	if (vm < 0)
		return fail("create a machine: %m");
	cpu = ioctl(vm, KVM_CREATE_VCPU, 0ul);
	if (cpu < 0)
		return fail("create a CPU: %m");
	size = ioctl(fd, KVM_GET_VCPU_MMAP_SIZE, 0);
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, cpu,
		   0);
	if (run == MAP_FAILED)
		return fail("state of the CPU: %m");
	/* A CPU without memory and registers leaves at once or is refused;
	 * either way it was entered through the extensions. */
	run->immediate_exit = 1;
	if (ioctl(cpu, KVM_RUN, 0) < 0 && errno != EINTR && errno != ENOEXEC)
		return fail("run: %m");
	note("a machine with a CPU was made; vhost works");
	return vhost();
}

/* DRM's ioctls, whose header is not among the kernel's own here. */
struct drm_name {
	int major, minor, level;
	size_t name_len;
	char *name;
	size_t date_len;
	char *date;
	size_t desc_len;
	char *desc;
};
struct drm_resources {
	uint64_t fb, crtc, connector, encoder;
	uint32_t fbs, crtcs, connectors, encoders, min_w, max_w, min_h, max_h;
};
struct drm_dumb {
	uint32_t height, width, bpp, flags, handle, pitch;
	uint64_t size;
};

static int gpu(void)
{
	char name[32] = "";
	struct drm_name v = { .name = name, .name_len = sizeof(name) - 1 };
	struct drm_resources res = { 0 };
	struct drm_dumb dumb = { .height = 64, .width = 64, .bpp = 32 };
	int fd;

	if (wait_for("/dev/dri/card0", 5) < 0)
		return fail("/dev/dri/card0: %m");
	fd = open("/dev/dri/card0", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, _IOWR('d', 0x00, struct drm_name), &v) < 0)
		return fail("version: %m");
	if (strcmp(name, "virtio_gpu") != 0)
		return fail("the driver is '%s'", name);
	if (ioctl(fd, _IOWR('d', 0xa0, struct drm_resources), &res) < 0 ||
	    !res.connectors || !res.crtcs)
		return fail("mode setting: %m");
	if (ioctl(fd, _IOWR('d', 0xb2, struct drm_dumb), &dumb) < 0)
		return fail("make a buffer: %m");
	note("virtio_gpu with %u connector(s), a buffer of %llu bytes",
	     res.connectors, (unsigned long long)dumb.size);
	return 0;
}

static int vfio(void)
{
	int fd = open("/dev/vfio/vfio", O_RDWR | O_CLOEXEC);

	if (fd < 0 || ioctl(fd, VFIO_GET_API_VERSION) != VFIO_API_VERSION)
		return fail("/dev/vfio/vfio: %m");
	if (ioctl(fd, VFIO_CHECK_EXTENSION, VFIO_NOIOMMU_IOMMU) < 0)
		return fail("extensions: %m");
	if (access("/sys/bus/pci/drivers/vfio-pci", F_OK) < 0)
		return fail("driver vfio-pci: %m");
	note("container and driver; no device was passed on");
	return 0;
}

static int vfio_ap(void)
{
	if (access("/sys/bus/ap", F_OK) == 0 &&
	    access("/sys/devices/vfio_ap/matrix", F_OK) == 0) {
		note("the matrix device is there");
		return 0;
	}
	/* drivers/s390/crypto/ap_bus.c says so where there is no AP. */
	if (!log_has("AP instructions") && !log_has("ap: The hardware system"))
		return fail("no matrix device, and the log does not say why");
	note("no AP instructions in this machine, as the log says");
	return 0;
}

static int uinput(void)
{
	struct uinput_setup setup = { .id = { .bustype = BUS_VIRTUAL },
				      .name = "kiln" };
	struct input_event e = { .type = EV_KEY, .code = KEY_A, .value = 1 };
	struct input_event in;
	int fd = open("/dev/uinput", O_RDWR | O_CLOEXEC), node;

	if (fd < 0)
		return fail("/dev/uinput: %m");
	if (ioctl(fd, UI_SET_EVBIT, EV_KEY) < 0 ||
	    ioctl(fd, UI_SET_KEYBIT, KEY_A) < 0 ||
	    ioctl(fd, UI_DEV_SETUP, &setup) < 0 ||
	    ioctl(fd, UI_DEV_CREATE) < 0)
		return fail("make a keyboard: %m");
	for (int i = 0; i < 8; i++) {
		char path[32], name[32] = "";

		snprintf(path, sizeof(path), "/dev/input/event%d", i);
		node = open(path, O_RDONLY | O_CLOEXEC);
		if (node < 0)
			continue;
		(void)ioctl(node, EVIOCGNAME(sizeof(name)), name);
		if (strcmp(name, "kiln") == 0)
			break;
		close(node);
		node = -1;
	}
	if (node < 0)
		return fail("it has no event device");
	if (write(fd, &e, sizeof(e)) != sizeof(e) ||
	    write(fd, &(struct input_event){ .type = EV_SYN },
		  sizeof(e)) != sizeof(e) ||
	    read(node, &in, sizeof(in)) != sizeof(in))
		return fail("press a key: %m");
	return in.code == KEY_A && in.value == 1 ? 0 :
	       fail("another event came");
}

static int binder(void)
{
	struct binderfs_device device = { .name = "kiln" };
	struct binder_version version;
	int fd;

	if (mount("binder", "/mnt", "binder", 0, NULL) < 0)
		return fail("mount binder: %m");
	fd = open("/mnt/binder-control", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BINDER_CTL_ADD, &device) < 0)
		return fail("make a device: %m");
	fd = open("/mnt/kiln", O_RDWR | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, BINDER_VERSION, &version) < 0)
		return fail("the device: %m");
	note("protocol %d", version.protocol_version);
	return version.protocol_version == BINDER_CURRENT_PROTOCOL_VERSION ?
	       0 : fail("protocol %d", version.protocol_version);
}

/* An i386 program: exit(42). */
static int ia32(void)
{
	static const unsigned char program[] = {
		0x7f, 'E', 'L', 'F', 1, 1, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0,
		2, 0, 3, 0, 1, 0, 0, 0, 0x54, 0x80, 4, 8, 52, 0, 0, 0,
		0, 0, 0, 0, 0, 0, 0, 0, 52, 0, 32, 0, 1, 0, 0, 0,
		0, 0, 0, 0,
		1, 0, 0, 0, 0, 0, 0, 0, 0, 0x80, 4, 8, 0, 0x80, 4, 8,
		0x60, 0, 0, 0, 0x60, 0, 0, 0, 5, 0, 0, 0, 0, 0x10, 0, 0,
		0x31, 0xc0, 0x40,		/* xor %eax, %eax; inc */
		0xbb, 42, 0, 0, 0,		/* mov $42, %ebx */
		0xcd, 0x80,			/* int $0x80 */
		0, 0,
	};
	int fd = open("/tmp/i386", O_CREAT | O_WRONLY | O_CLOEXEC, 0755);
	int status;

	if (fd < 0 || write(fd, program, sizeof(program)) < 0 || close(fd) < 0)
		return fail("write the program: %m");
	if (fork() == 0) {
		execl("/tmp/i386", "i386", (char *)NULL);
		_exit(errno == ENOEXEC ? 1 : 2);
	}
	wait(&status);
	return WIFEXITED(status) && WEXITSTATUS(status) == 42 ? 0 :
	       fail("the program ended with status %x", status);
}

/* One command of ublk through a ring of two entries of 128 bytes. */
static int ublk_command(int control, unsigned int op, void *cmd, size_t size)
{
	struct io_uring_params p = { .flags = IORING_SETUP_SQE128 };
	int ring = (int)syscall(SYS_io_uring_setup, 2, &p);
	uint32_t *sq, *tail, *array;
	struct io_uring_sqe *sqe;
	struct io_uring_cqe *cqe;
	size_t cq_at = p.cq_off.cqes;

	if (ring < 0)
		return fail("io_uring: %m");
	sq = mmap(NULL, 8192, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		  IORING_OFF_SQ_RING);
	sqe = mmap(NULL, 512, PROT_READ | PROT_WRITE, MAP_SHARED, ring,
		   IORING_OFF_SQES);
	if (sq == MAP_FAILED || sqe == MAP_FAILED)
		return fail("map the ring: %m");
	sqe->opcode = IORING_OP_URING_CMD;
	sqe->fd = control;
	sqe->cmd_op = op;
	memcpy(sqe->cmd, cmd, size);
	tail = sq + p.sq_off.tail / 4;
	array = sq + p.sq_off.array / 4;
	array[0] = 0;
	__atomic_store_n(tail, *tail + 1, __ATOMIC_RELEASE);
	if (syscall(SYS_io_uring_enter, ring, 1, 1, IORING_ENTER_GETEVENTS,
		    NULL, 0) < 0)
		return fail("submit: %m");
	cqe = (struct io_uring_cqe *)(void *)((char *)sq + cq_at);
	errno = -cqe->res;
	close(ring);
	return cqe->res;
}

static int ublk(void)
{
	struct ublksrv_ctrl_dev_info info = {
		.nr_hw_queues = 1,
		.queue_depth = 16,
		.max_io_buf_bytes = 65536,
		.dev_id = 3,
		.ublksrv_pid = -1,
	};
	struct ublksrv_ctrl_cmd cmd = {
		.dev_id = 3,
		.queue_id = (uint16_t)-1,
		.len = sizeof(info),
		.addr = (uintptr_t)&info,
	};
	int control = open("/dev/ublk-control", O_RDWR | O_CLOEXEC);

	if (control < 0)
		return fail("/dev/ublk-control: %m");
	if (ublk_command(control, _IOWR('u', UBLK_CMD_ADD_DEV,
					struct ublksrv_ctrl_cmd), &cmd,
			 sizeof(cmd)) < 0)
		return fail("add a device: %m");
	if (wait_for("/dev/ublkc3", 5) < 0)
		return fail("/dev/ublkc3: %m");
	if (ublk_command(control, _IOWR('u', UBLK_CMD_DEL_DEV,
					struct ublksrv_ctrl_cmd), &cmd,
			 sizeof(cmd)) < 0)
		return fail("delete the device: %m");
	note("a device was added and deleted");
	return 0;
}

/* What Docker's networks and its check-config ask for, in a few lines. */
static int docker(void)
{
	static const char *const kinds[] = { "bridge", "dummy", "veth" };
	struct nl nl;
	struct link l;

	for (size_t i = 0; i < 3; i++)
		if (link_new(kinds[i], kinds[i], NULL) < 0)
			return fail("link of kind %s: %m", kinds[i]);
	if (link_new("mv0", "macvlan", "dummy") < 0)
		return fail("link of kind macvlan: %m");
	if (link_begin(&l, "vx0", "vxlan", NULL) < 0)
		return fail("netlink: %m");
	nl_u32(&l.nl, 1 /* IFLA_VXLAN_ID */, 4096);
	if (link_commit(&l) < 0)
		return fail("link of kind vxlan: %m");
	if (nl_open(&nl, NETLINK_GENERIC) < 0 ||
	    genl_family(&nl, "IPVS") < 0)
		return fail("swarm's IPVS: %m");
	if (nl_open(&nl, NETLINK_XFRM) < 0)
		return fail("swarm's IPsec: %m");
	if (!file_has("/proc/filesystems", "btrfs") ||
	    !file_has("/proc/filesystems", "overlay"))
		return fail("no btrfs, or no overlay");
	if (!file_has("/proc/net/ip_tables_matches", "addrtype") ||
	    !file_has("/proc/net/ip_tables_matches", "ipvs"))
		return fail("no match addrtype, or no match ipvs");
	note("links of six kinds, IPVS, IPsec, btrfs, overlay");
	return 0;
}

static int k3s(void)
{
	if (docker() < 0)
		return -1;
	if (link_new("flannel-wg", "wireguard", NULL) < 0)
		return fail("flannel's WireGuard: %m");
	if (!file_has("/proc/filesystems", "nfs4"))
		return fail("no NFS for volumes");
	if (access("/sys/class/iscsi_transport/tcp", F_OK) < 0)
		return fail("iSCSI for volumes: %m");
	note("what Docker needs, WireGuard, NFS, iSCSI");
	return 0;
}

const struct probe probes_machine[] = {
	{ "kvm", kvm },
	{ "gpu", gpu },
	{ "vfio", vfio },
	{ "vfio-ap", vfio_ap },
	{ "uinput", uinput },
	{ "binder", binder },
	{ "ia32", ia32 },
	{ "ublk", ublk },
	{ "docker", docker },
	{ "k3s", k3s },
	{ NULL, NULL },
};
