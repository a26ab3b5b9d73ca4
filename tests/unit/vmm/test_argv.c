// SPDX-License-Identifier: Apache-2.0
/*
 * The QEMU commands of all architectures, compared with tests/golden on any
 * host. UPDATE_GOLDEN=1 writes them anew; the difference is then reviewed.
 */
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/vmm/vmm.h"

#define GOLDEN_DIR "tests/golden"

struct golden {
	const char *arch;
	const char *name;
	const char *machine; /* NULL: the default */
	bool kvm, full, virtiofs, vsock, tuned, dimms;
	enum vm_image_bus image; /* of the full ones */
};

static const struct golden goldens[] = {
	{"x86_64", "tcg", .machine = NULL},
	{"x86_64", "kvm", NULL, .kvm = true},
	{"x86_64", "full-q35", "q35", .full = true},
	{"x86_64", "kvm-q35", "q35", .kvm = true, .full = true,
	 .virtiofs = true},
	{"x86_64", "dimms", "q35", .full = true, .dimms = true},
	{"x86_64", "virtio-pmem", "q35", .full = true,
	 .image = VM_IMAGE_VIRTIO_PMEM},
	{"x86_64", "nvdimm", "q35", .full = true, .image = VM_IMAGE_NVDIMM},
	{"x86_64", "virtiofs-vsock", NULL, .kvm = true, .virtiofs = true, .vsock = true},
	{"x86_64", "tuned", NULL, .tuned = true},
	{"aarch64", "tcg", .machine = NULL},
	{"aarch64", "kvm", NULL, .kvm = true},
	{"aarch64", "full", NULL, .full = true},
	{"aarch64", "full-pci", "virt-pci", .full = true},
	{"s390x", "tcg", .machine = NULL},
	{"s390x", "kvm", NULL, .kvm = true},
	{"s390x", "full", NULL, .full = true},
	{"ppc64le", "tcg", .machine = NULL},
	{"ppc64le", "kvm", NULL, .kvm = true},
	{"ppc64le", "full", NULL, .full = true},
	{"ppc64le", "nvdimm", NULL, .full = true, .image = VM_IMAGE_NVDIMM},
};

static void make_facts(const struct golden *g, struct host_facts *f)
{
	*f = (struct host_facts){
		.qemu_major = 7,
		.qemu_minor = 2,
		.qemu_sandbox = true,
		.native = g->kvm || g->virtiofs,
		.kvm = g->kvm,
		.privileged = true,
		.tsc_khz = 2500000,
		.firmware = "/usr/share/qemu/qboot.rom",
	};
}

static void make_spec(const struct golden *g, const struct host_facts *f,
		      struct vm_spec *s)
{
	const struct arch_desc *a = arch_find(g->arch);

	vm_spec_init(s, a, f);
	s->name = "golden";
	s->machine = arch_machine_find(a, g->machine);
	s->kernel = "/guests/kernel";
	s->initrd = "/guests/initrd.img";
	s->cmdline_sandbox = "agent.log=info";
	s->shares[s->n_shares++] = (struct vm_share){
		.tag = "kiln", .path = "/run/kiln/a,b", .fd = -1,
		.kind = g->virtiofs ? VM_SHARE_VIRTIOFS : VM_SHARE_9P,
	};
	if (g->vsock) {
		s->channel = VM_CHANNEL_VHOST_VSOCK;
		s->cid = 42;
	}
	if (g->tuned) {
		s->machine_options = "pic=off";
		s->cpu_features = "smap=off,smep=off";
		s->firmware = "/opt/fw.bin";
		s->entropy = "/dev/hw,rng";
		s->hugepages = s->prealloc = true;
	}
	if (!g->full)
		return;
	s->vcpus = 2;
	s->vcpus_max = 4;
	s->memory_mib = 1024;
	s->memory_max_mib = 4096;
	s->virtio_mem = !g->dimms;
	s->initrd = NULL;
	s->image = "/guests/rootfs.erofs.img";
	s->image_bus = g->image;
	s->image_size = (s->machine->pmem & ARCH_PMEM_PAPR)
				? (UINT64_C(256) << 20) + (128 << 10)
				: UINT64_C(6) << 20;
	s->cmdline_image = "root=/dev/vda ro";
	s->balloon = true;
	s->scsi = true;
	s->shares[0].read_only = true;
	s->disks[s->n_disks++] = (struct vm_disk){
		.id = "layer0", .path = "/var/layer0.img", .read_only = true};
	s->disks[s->n_disks++] = (struct vm_disk){
		.id = "vol0", .path = "/dev/loop7", .host_device = true,
		.bus = VM_DISK_SCSI};
	s->nics[s->n_nics++] = (struct vm_nic){
		.id = "eth0", .mac = "02:00:00:00:00:01", .queues = 2,
		.vhost = true};
}

static void put_addr(struct buf *b, const char *what, const struct vm_addr *a)
{
	if (a->kind != VM_ADDR_NONE)
		(void)buf_printf(b, "# %s %s\n", what, a->text);
}

static char *render(const struct golden *g)
{
	cleanup_buf struct buf b = BUF_INIT(1U << 20);
	cleanup_strv struct strv argv = STRV_INIT;
	struct vm_layout layout;
	struct host_facts facts;
	struct vm_spec spec;
	struct err err = {0};

	make_facts(g, &facts);
	make_spec(g, &facts, &spec);
	if (qemu_argv_build(&facts, &spec, &argv, &layout, &err) < 0)
		fail_msg("%s/%s: %s", g->arch, g->name, err.text);
	for (size_t i = 0; i < argv.n; i++)
		(void)buf_printf(&b, "%s\n", argv.v[i]);
	put_addr(&b, "channel", &layout.channel);
	put_addr(&b, "rng", &layout.rng);
	put_addr(&b, "balloon", &layout.balloon);
	put_addr(&b, "scsi", &layout.scsi);
	put_addr(&b, "image", &layout.image);
	put_addr(&b, "share", &layout.shares[0]);
	put_addr(&b, "disk", &layout.disks[0]);
	put_addr(&b, "disk", &layout.disks[1]);
	put_addr(&b, "nic", &layout.nics[0]);
	return buf_take_cstr(&b);
}

static void test_golden(void **state)
{
	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(goldens); i++) {
		const struct golden *g = &goldens[i];
		cleanup_free char *have = render(g);
		cleanup_free char *want = NULL;
		char path[256];

		(void)snprintf(path, sizeof(path), GOLDEN_DIR "/%s/%s.argv",
			       g->arch, g->name);
		if (getenv("UPDATE_GOLDEN"))
			assert_int_equal(write_file_atomic(AT_FDCWD, path,
							   have, strlen(have),
							   0644), 0);
		if (read_file(AT_FDCWD, path, 1U << 20, &want, NULL) < 0)
			fail_msg("no '%s': run with UPDATE_GOLDEN=1", path);
		assert_string_equal(have, want);
	}
}

static int build(struct vm_spec *s, const struct host_facts *f, char *text)
{
	cleanup_strv struct strv argv = STRV_INIT;
	struct vm_layout layout;
	struct err err = {0};
	int r = qemu_argv_build(f, s, &argv, &layout, &err);

	if (text)
		memcpy(text, err.text, sizeof(err.text));
	return r;
}

static void test_refusals(void **state)
{
	const struct golden g = {.arch = "ppc64le"};
	struct host_facts f;
	struct vm_spec s;
	char text[ERR_TEXT_MAX];

	(void)state;
	make_facts(&g, &f);
	make_spec(&g, &f, &s);
	assert_int_equal(build(&s, &f, NULL), 0);
	s.memory_mib = 300;
	assert_int_equal(build(&s, &f, text), -EINVAL);
	assert_non_null(strstr(text, "multiples of 256 MiB"));
	s.memory_mib = arch_round_memory_mib(s.arch, 300);
	assert_int_equal(s.memory_mib, 512);
	assert_int_equal(build(&s, &f, NULL), 0);
	s.accel = ARCH_ACCEL_KVM;
	assert_int_equal(build(&s, &f, NULL), -EOPNOTSUPP);
	s.accel = ARCH_ACCEL_TCG;
	s.shares[0].kind = VM_SHARE_VIRTIOFS;
	assert_int_equal(build(&s, &f, text), -EOPNOTSUPP);
	assert_non_null(strstr(text, "9p"));
	s.shares[0].kind = VM_SHARE_9P;
	s.shares[0].tag = "a,b";
	assert_int_equal(build(&s, &f, NULL), -EINVAL);
	s.shares[0].tag = "kiln";
	s.kernel = "kernel";
	assert_int_equal(build(&s, &f, NULL), -EINVAL);
	s.kernel = "/k";
	s.vcpus = 0;
	assert_int_equal(build(&s, &f, NULL), -EINVAL);
	s.vcpus = 1;
	s.channel = VM_CHANNEL_VHOST_VSOCK;
	s.cid = 2;
	assert_int_equal(build(&s, &f, NULL), -EINVAL);
}

static void test_image_refusals(void **state)
{
	const struct golden g = {.arch = "x86_64", .machine = "q35",
				 .full = true,
				 .image = VM_IMAGE_VIRTIO_PMEM};
	struct host_facts f;
	struct vm_spec s;
	char text[ERR_TEXT_MAX];

	(void)state;
	make_facts(&g, &f);
	make_spec(&g, &f, &s);
	assert_int_equal(build(&s, &f, NULL), 0);
	s.image_size += 4096;
	assert_int_equal(build(&s, &f, text), -EINVAL);
	assert_non_null(strstr(text, "multiple of 2 MiB"));
	s.image_size = 0;
	assert_int_equal(build(&s, &f, NULL), -EINVAL);
	s.image_size = 2 << 20;
	s.machine = arch_machine_find(s.arch, "microvm");
	assert_int_equal(build(&s, &f, text), -EINVAL);
	assert_non_null(strstr(text, "microvm"));
}

static void test_slots(void **state)
{
	const struct golden g = {.arch = "x86_64"};
	struct host_facts f;
	struct vm_spec s;
	char text[ERR_TEXT_MAX];

	(void)state;
	make_facts(&g, &f);
	make_spec(&g, &f, &s);
	s.n_shares = 0;
	for (; s.n_shares < 6; s.n_shares++)
		s.shares[s.n_shares] =
			(struct vm_share){.tag = "t", .path = "/t"};
	assert_int_equal(vm_spec_devices(&s), 8);
	assert_int_equal(build(&s, &f, NULL), 0);
	s.shares[s.n_shares++] = s.shares[0];
	assert_int_equal(build(&s, &f, text), -ENOSPC);
	assert_non_null(strstr(text, "q35"));
	s.machine = arch_machine_find(s.arch, "q35");
	assert_int_equal(build(&s, &f, NULL), 0);
}

static void test_hash(void **state)
{
	const struct golden g = {.arch = "s390x", .full = true};
	const int fd = 9;
	char one[VM_HASH_SIZE], two[VM_HASH_SIZE];
	struct host_facts f;
	struct vm_spec s;

	(void)state;
	make_facts(&g, &f);
	make_spec(&g, &f, &s);
	vm_spec_hash(&s, one);
	assert_int_equal(strlen(one), 64);
	s.name = "other";
	s.nics[0].fds = &fd;
	s.boot_timeout_ms = 5;
	vm_spec_hash(&s, two);
	assert_string_equal(one, two);
	s.disks[1].read_only = true;
	vm_spec_hash(&s, two);
	assert_string_not_equal(one, two);
	s.disks[1].read_only = false;
	/* Text must not move from one field to the next unseen. */
	s.cmdline_image = "root=/dev/vda ro agent.log=info";
	s.cmdline_sandbox = "";
	vm_spec_hash(&s, two);
	assert_string_not_equal(one, two);
}

static void test_long_cmdline(void **state)
{
	const struct golden g = {.arch = "x86_64"};
	struct host_facts f;
	struct vm_spec s;
	char words[2100];

	(void)state;
	make_facts(&g, &f);
	make_spec(&g, &f, &s);
	memset(words, 'x', sizeof(words));
	words[sizeof(words) - 1] = '\0';
	s.cmdline_sandbox = words;
	assert_int_equal(build(&s, &f, NULL), -E2BIG);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_image_refusals),
		cmocka_unit_test(test_slots),
		cmocka_unit_test(test_hash),
		cmocka_unit_test(test_long_cmdline),
	};

	return cmocka_run_group_tests_name("vmm/argv", tests, NULL, NULL);
}
