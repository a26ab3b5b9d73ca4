// SPDX-License-Identifier: Apache-2.0
/* Device addresses, looked up in trees that look like each machine's sysfs. */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent/device/device.h"
#include "agent/device/vfio.h"
#include "agent/net.h"
#include "base/cleanup.h"
#include "base/macros.h"
#include "os/io.h"

static char sysfs[64];

static void dir(const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	assert_int_equal(make_dirs(full, 0755), 0);
}

static void link_to(const char *target, const char *path)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	assert_int_equal(symlink(target, full), 0);
}

static int setup(void **state UNUSED)
{
	(void)strcpy(sysfs, "/tmp/kiln-sysfs.XXXXXX");
	if (!mkdtemp(sysfs))
		return -1;
	dir("bus/pci/devices");
	/* A disk on the root bus, one behind a bridge, and a NIC. */
	dir("devices/pci0000:00/0000:00:02.0/virtio0/block/vda/vda1");
	dir("devices/pci0000:00/0000:00:03.0/pci_bus/0000:01");
	dir("devices/pci0000:00/0000:00:03.0/0000:01:1f.2/virtio1/block/vdb");
	dir("devices/pci0000:00/0000:00:04.0/virtio2/net/eth0");
	link_to("../../../devices/pci0000:00/0000:00:02.0",
		"bus/pci/devices/0000:00:02.0");
	link_to("../../../devices/pci0000:00/0000:00:03.0",
		"bus/pci/devices/0000:00:03.0");
	link_to("../../../devices/pci0000:00/0000:00:04.0",
		"bus/pci/devices/0000:00:04.0");
	link_to("../../../devices/pci0000:00/0000:00:03.0/0000:01:1f.2",
		"bus/pci/devices/0000:01:1f.2");
	/* s390x */
	dir("bus/ccw/devices");
	dir("devices/css0/0.0.0001/0.0.1a2b/virtio3/block/vdc");
	link_to("../../../devices/css0/0.0.0001/0.0.1a2b",
		"bus/ccw/devices/0.0.1a2b");
	/* virtio-scsi */
	dir("bus/scsi/devices");
	dir("devices/x/virtio4/host0/target0:0:1/0:0:1:5/block/sda");
	link_to("../../../devices/x/virtio4/host0/target0:0:1/0:0:1:5",
		"bus/scsi/devices/0:0:1:5");
	dir("class/scsi_host/host0");
	return 0;
}

static int teardown(void **state UNUSED)
{
	return remove_tree(AT_FDCWD, sysfs);
}

static void expect(int r, char *name, const char *want)
{
	assert_int_equal(r, 0);
	assert_string_equal(name, want);
	free(name);
}

static void test_pci(void **state UNUSED)
{
	char *name = NULL;
	int r;

	r = pci_find_block(sysfs, "02", &name);
	expect(r, name, "vda");
	r = pci_find_block(sysfs, "02.0", &name);
	expect(r, name, "vda");
	r = pci_find_block(sysfs, "03/1f.2", &name);
	expect(r, name, "vdb");
	assert_int_equal(pci_find_block(sysfs, "03/01", &name), -ENOENT);
	assert_int_equal(pci_find_block(sysfs, "02/01", &name), -ENOENT);
	assert_int_equal(pci_find_block(sysfs, "05", &name), -ENOENT);
	/* A bridge is not what is behind it; a NIC is no disk. */
	assert_int_equal(pci_find_block(sysfs, "03", &name), -ENOENT);
	assert_int_equal(pci_find_block(sysfs, "04", &name), -ENOENT);
}

static void file_is(const char *path, const char *want)
{
	char full[256];
	char *text = NULL;
	size_t n = 0;

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	assert_int_equal(read_file(AT_FDCWD, full, 100, &text, &n), 0);
	assert_string_equal(text, want);
	free(text);
}

static void make_file(const char *path)
{
	char full[256];
	int fd;

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	fd = open(full, O_WRONLY | O_CREAT | O_CLOEXEC, 0600);
	assert_true(fd >= 0);
	close_fd(&fd);
}

/* A network device loses its driver, and gets it again. */
static void test_drive(void **state UNUSED)
{
#define DRIVER "bus/virtio/drivers/virtio_net"
#define LINK "devices/pci0000:00/0000:00:04.0/virtio2/driver"
	char *name = NULL;
	char full[256];
	int r = net_device_find(sysfs, "04", &name);

	expect(r, name, "eth0");
	dir(DRIVER);
	make_file(DRIVER "/bind");
	make_file(DRIVER "/unbind");
	assert_int_equal(net_device_drive(sysfs, "04", false), 0);
	file_is(DRIVER "/unbind", ""); /* it has none */
	assert_int_equal(net_device_drive(sysfs, "04", true), 0);
	file_is(DRIVER "/bind", "virtio2");
	make_file(DRIVER "/bind");
	link_to("../../../../" DRIVER, LINK);
	assert_int_equal(net_device_drive(sysfs, "04", false), 0);
	file_is(DRIVER "/unbind", "virtio2");
	assert_int_equal(net_device_drive(sysfs, "05", false), -ENOENT);
	assert_int_equal(net_device_drive(sysfs, "03", false), -ENOENT);
	assert_int_equal(net_device_drive(sysfs, "", false), -EINVAL);
	(void)snprintf(full, sizeof(full), "%s/" LINK, sysfs);
	assert_int_equal(unlink(full), 0);
#undef LINK
#undef DRIVER
}

static void test_pci_path(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "/", "02/", "/02", "20", "g1", "02.8", "02.", ".1", "-1",
		"02 ", "1/2/3/4/5/6/7/8/9", "../02", "000000002", "2.0.0",
	};
	struct pci_path path;
	size_t i;

	assert_int_equal(pci_path_parse("1F.7/0a/1", &path), 0);
	assert_int_equal(path.n, 3);
	assert_int_equal(path.at[0].slot, 0x1f);
	assert_int_equal(path.at[0].function, 7);
	assert_int_equal(path.at[1].slot, 0x0a);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(pci_path_parse(bad[i], &path), -EINVAL);
}

static void test_ccw(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "0.0.12", "0.0.12345", "1.0.0001", "0.4.0001", "0-0.0001",
		"0.0.00g1", "fe.0.001", "0.0/0001", "0.0.-001",
	};
	struct ccw_address address;
	char *name = NULL;
	size_t i;
	int r;

	r = ccw_find_block(sysfs, "0.0.1a2b", &name);
	expect(r, name, "vdc");
	r = ccw_find_block(sysfs, "0.0.1A2B", &name);
	expect(r, name, "vdc");
	assert_int_equal(ccw_find_block(sysfs, "0.0.0002", &name), -ENOENT);
	assert_int_equal(ccw_address_parse("0.3.ffff", &address), 0);
	assert_int_equal(address.ssid, 3);
	assert_int_equal(address.devno, 0xffff);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(ccw_address_parse(bad[i], &address), -EINVAL);
}

static void test_scsi(void **state UNUSED)
{
	static const char *const bad[] = {"", "1", ":", "1:", ":1", "256:0",
					  "0:16384", "1:2:3", "a:1", "-1:0"};
	struct scsi_address address;
	char *name = NULL, *text;
	char path[128];
	size_t i;
	int r;

	r = scsi_find_block(sysfs, "1:5", &name);
	expect(r, name, "sda");
	assert_int_equal(scsi_find_block(sysfs, "1:6", &name), -ENOENT);
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(scsi_address_parse(bad[i], &address), -EINVAL);
	(void)snprintf(path, sizeof(path), "%s/class/scsi_host/host0/scan",
		       sysfs);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, "", 0, 0600), 0);
	scsi_scan(sysfs, "3:4");
	assert_int_equal(read_file(AT_FDCWD, path, 100, &text, NULL), 0);
	assert_string_equal(text, "0 3 4");
	free(text);
}

static void test_uevent(void **state UNUSED)
{
	static const char good[] = "add@/devices/x\0ACTION=add\0"
				   "DEVPATH=/devices/x\0SUBSYSTEM=block\0"
				   "DEVNAME=vda\0SEQNUM=1";
	static const char no_path[] = "add@/devices/x\0ACTION=add";
	static const char libudev[] = "libudev\0\xfe\xed\xca\xfe";
	struct uevent ev;

	assert_int_equal(uevent_parse(good, sizeof(good) - 1, &ev), 0);
	assert_string_equal(ev.action, "add");
	assert_string_equal(ev.devpath, "/devices/x");
	assert_string_equal(ev.subsystem, "block");
	assert_string_equal(ev.devname, "vda");
	assert_int_equal(uevent_parse(no_path, sizeof(no_path) - 1, &ev),
			 -EINVAL);
	assert_int_equal(uevent_parse(libudev, sizeof(libudev) - 1, &ev),
			 -EINVAL);
	assert_int_equal(uevent_parse("", 0, &ev), -EINVAL);
}

/* --- devices of the host's --- */

static void file_with(const char *path, const char *text)
{
	char full[256];

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	assert_int_equal(write_file_atomic(AT_FDCWD, full, text, strlen(text),
					   0644), 0);
}

static void assert_file(const char *path, const char *want)
{
	char full[256], *text = NULL;

	(void)snprintf(full, sizeof(full), "%s/%s", sysfs, path);
	assert_int_equal(read_file(AT_FDCWD, full, 4096, &text, NULL), 0);
	assert_string_equal(text, want);
	free(text);
}

static void test_vfio_parse(void **state UNUSED)
{
	static const char *const bad[] = {
		"", "=", "02", "0000:65:00.0", "0000:65:00.0=", "65:00.0=02",
		"0000:65:00.8=02", "0000:65:20.0=02", "0000:65:00.0=20",
		"0000:65:00.0=02/", "0000:6G:00.0=02", "0000:65:00.0 =02",
		"00000:65:00.0=02", "../0:65:00.0=02",
	};
	static const char *const bad_queues[] = {
		"", "0a", "0a.", "0a.00041", "0a.004", "a.0004", "0a:0004",
		"-1.0004", "0a.00g4", "0a.-004", "../0004",
	};
	struct vfio_option o;
	struct ap_address a;
	size_t i;

	assert_int_equal(vfio_option_parse("0000:65:1f.7=02/1f", &o), 0);
	assert_string_equal(o.host, "0000:65:1f.7");
	assert_string_equal(o.path, "02/1f");
	for (i = 0; i < ARRAY_SIZE(bad); i++)
		if (vfio_option_parse(bad[i], &o) != -EINVAL)
			fail_msg("'%s'", bad[i]);
	assert_int_equal(ap_address_parse("0a.0104", &a), 0);
	assert_int_equal(a.card, 10);
	assert_int_equal(a.domain, 0x104);
	for (i = 0; i < ARRAY_SIZE(bad_queues); i++)
		if (ap_address_parse(bad_queues[i], &a) != -EINVAL)
			fail_msg("'%s'", bad_queues[i]);
}

static Grpc__Device vfio_device(const char *type, char **options, size_t n)
{
	Grpc__Device d = GRPC__DEVICE__INIT;

	d.type = (char *)(uintptr_t)type;
	d.options = options;
	d.n_options = n;
	return d;
}

static void test_vfio_guest_kernel(void **state UNUSED)
{
	char two[] = "0000:65:00.0=02", nic[] = "0000:00:02.0=04";
	char none[] = "0000:65:00.0=1f";
	char env[][64] = {
		"PCIDEVICE_NIC=0000:65:00.0,0000:00:02.0,0000:66:00.0",
		"OTHER=0000:65:00.0", "PCIDEVICE_X",
	};
	char *options[] = {two, nic}, *missing[] = {none};
	char *vars[] = {env[0], env[1], env[2]}, *node;
	Grpc__Device d = vfio_device("vfio-pci-gk", options, 2);
	Grpc__Process p = GRPC__PROCESS__INIT;
	struct vfio_map map = {0};
	struct err e;

	assert_true(vfio_is_type(d.type));
	assert_int_equal(vfio_look(sysfs, &d), 0);
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), 0);
	assert_null(node);
	/* The second host address is the first one's in the guest. */
	p.env = vars;
	p.n_env = 3;
	vfio_rename(&map, &p);
	assert_string_equal(env[0],
			    "PCIDEVICE_NIC=0000:00:02.0,0000:00:04.0,"
			    "0000:66:00.0");
	assert_string_equal(env[1], "OTHER=0000:65:00.0");
	d = vfio_device("vfio-pci-gk", missing, 1);
	assert_int_equal(vfio_look(sysfs, &d), -ENOENT);
	d = vfio_device("vfio-pci-gk", NULL, 0);
	assert_int_equal(vfio_look(sysfs, &d), -EINVAL);
}

#define NIC "devices/pci0000:00/0000:00:04.0/"

static void test_vfio_group(void **state UNUSED)
{
	char nic[] = "0000:65:00.0=04", disk[] = "0000:66:00.0=02";
	char *one[] = {nic}, *both[] = {nic, disk}, *node = NULL;
	Grpc__Device d = vfio_device("vfio-pci", one, 1);
	struct vfio_map map = {0};
	char path[256];
	struct err e;

	/* Nobody takes it, as no driver answers in this tree. */
	file_with(NIC "driver_override", "");
	file_with("bus/pci/drivers_probe", "");
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "0000:00:04.0"));
	assert_file(NIC "driver_override", "vfio-pci");
	assert_file("bus/pci/drivers_probe", "0000:00:04.0");

	/* It had another driver, that is asked to let go. */
	dir("bus/pci/drivers/virtio-pci");
	file_with("bus/pci/drivers/virtio-pci/unbind", "");
	link_to("../../../bus/pci/drivers/virtio-pci", NIC "driver");
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), -EOPNOTSUPP);
	assert_file("bus/pci/drivers/virtio-pci/unbind", "0000:00:04.0");

	/* It has the right one, and no IOMMU; then a group. */
	(void)snprintf(path, sizeof(path), "%s/" NIC "driver", sysfs);
	assert_int_equal(unlink(path), 0);
	dir("bus/pci/drivers/vfio-pci");
	link_to("../../../bus/pci/drivers/vfio-pci", NIC "driver");
	map.n = 0;
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), -EOPNOTSUPP);
	assert_non_null(strstr(e.text, "IOMMU"));
	dir("kernel/iommu_groups/12");
	link_to("../../../kernel/iommu_groups/12", NIC "iommu_group");
	map.n = 0;
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), 0);
	assert_string_equal(node, "vfio/12");
	assert_string_equal(map.at[0].guest, "0000:00:04.0");
	free(node);

	/* Another device of another group is no part of it. */
	dir("kernel/iommu_groups/13");
	link_to("../../../kernel/iommu_groups/13",
		"devices/pci0000:00/0000:00:02.0/iommu_group");
	file_with("devices/pci0000:00/0000:00:02.0/driver_override", "");
	link_to("../../../bus/pci/drivers/vfio-pci",
		"devices/pci0000:00/0000:00:02.0/driver");
	d = vfio_device("vfio-pci", both, 2);
	map.n = 0;
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), -EINVAL);
	assert_non_null(strstr(e.text, "group 13"));
	assert_null(node);
}

static void test_vfio_ap(void **state UNUSED)
{
	char queue[] = "0a.0104", *options[] = {queue}, *node = NULL;
	Grpc__Device d = vfio_device("vfio-ap", options, 1);
	struct vfio_map map = {0};
	struct err e;

	dir("bus/ap/devices");
	file_with("bus/ap/scans", "");
	assert_int_equal(vfio_look(sysfs, &d), -ENOENT);
	assert_file("bus/ap/scans", "1"); /* the bus is asked to look */
	dir("bus/ap/devices/0a.0104");
	assert_int_equal(vfio_look(sysfs, &d), 0);
	assert_int_equal(vfio_take(sysfs, &d, &map, &node, &e), 0);
	assert_string_equal(node, "z90crypt");
	free(node);
	queue[2] = '/';
	assert_int_equal(vfio_look(sysfs, &d), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pci),  cmocka_unit_test(test_pci_path),
		cmocka_unit_test(test_ccw),  cmocka_unit_test(test_scsi),
		cmocka_unit_test(test_uevent),
		cmocka_unit_test(test_drive),
		cmocka_unit_test(test_vfio_parse),
		cmocka_unit_test(test_vfio_guest_kernel),
		cmocka_unit_test(test_vfio_group),
		cmocka_unit_test(test_vfio_ap),
	};

	return cmocka_run_group_tests_name("agent/device", tests, setup,
					   teardown);
}
