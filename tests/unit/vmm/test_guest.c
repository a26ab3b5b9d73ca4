// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "os/io.h"
#include "runtime/guest.h"

static char top[] = "/tmp/kiln-test-XXXXXX";

static void put(const char *name, const void *p, size_t n)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/aarch64/%s", top, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, p, n, 0644), 0);
}

static void put_json(const char *text)
{
	put("image.json", text, strlen(text));
}

static int setup(void **state)
{
	uint8_t kernel[128] = {0};
	char path[256];

	(void)state;
	strcpy(top, "/tmp/kiln-test-XXXXXX");
	assert_non_null(mkdtemp(top));
	(void)snprintf(path, sizeof(path), "%s/aarch64", top);
	assert_int_equal(mkdir(path, 0755), 0);
	memcpy(kernel + 56, "ARM\x64", 4);
	put("kernel", kernel, sizeof(kernel));
	put("initrd.img", "cpio", 4);
	return setenv("KILN_GUESTS", top, 1);
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(AT_FDCWD, top);
}

static int find(struct err *err)
{
	struct guest g;

	return guest_find(arch_find("aarch64"), &g, err);
}

static void test_bare(void **state)
{
	struct err err = {0};
	struct guest g;

	(void)state;
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_false(g.described);
	assert_string_equal(g.image.path, "");
	assert_int_equal(g.initrd.size, 4);
	assert_int_equal(guest_verify(&g, false, &err), 0);
}

static void test_missing(void **state)
{
	struct err err = {0};
	struct guest g;

	(void)state;
	assert_int_equal(guest_find(arch_find("s390x"), &g, &err), -ENOENT);
	assert_non_null(strstr(err.text, top));
	assert_non_null(strstr(err.text, "make image ARCH=s390x"));
}

static void test_described(void **state)
{
	struct err err = {0};
	struct guest g;

	(void)state;
	put_json("{\"arch\":\"aarch64\",\"agent_protocol\":\"0.0.1\","
		 "\"cmdline\":[\"panic=-1\",\"my.own=1\"],"
		 "\"versions\":{\"kiln\":\"0.1\",\"kernel\":\"6.12\"},"
		 "\"artifacts\":[{\"name\":\"initrd.img\",\"size\":4,"
		 "\"sha256\":\"00\"}]}");
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_string_equal(g.cmdline, "my.own=1");
	assert_string_equal(g.kernel_version, "6.12");
	assert_int_equal(guest_verify(&g, false, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "initrd.img"));
}

static void test_refused(void **state)
{
	struct err err = {0};

	(void)state;
	put_json("{\"arch\":\"aarch64\",\"agent_protocol\":\"9\"}");
	assert_int_equal(find(&err), -EPROTONOSUPPORT);
	assert_non_null(strstr(err.text, "'0.0.1'"));
	put_json("{\"arch\":\"aarch64\"}");
	assert_int_equal(find(&err), -EPROTONOSUPPORT);
	put_json("{\"arch\":\"x86_64\",\"agent_protocol\":\"0.0.1\"}");
	assert_int_equal(find(&err), -EBADMSG);
	put_json("[1]");
	assert_int_equal(find(&err), -EBADMSG);
	put_json("{");
	assert_int_equal(find(&err), -EBADMSG);
	put_json("{\"arch\":\"aarch64\",\"agent_protocol\":\"0.0.1\","
		 "\"artifacts\":[7,{\"name\":\"kernel\",\"size\":129}]}");
	assert_int_equal(find(&err), -EBADMSG);
	assert_non_null(strstr(err.text, "128 bytes"));
}

static void test_damaged(void **state)
{
	struct err err = {0};

	(void)state;
	put("initrd.img", "", 0);
	assert_int_equal(find(&err), -EBADMSG);
	put("initrd.img", "x", 1);
	put("kernel", "MZ", 2);
	assert_int_equal(find(&err), -EBADMSG);
	assert_non_null(strstr(err.text, "truncated"));
}

static void test_probe(void **state)
{
	uint8_t image[12288] = {0};
	struct guest_root root;
	struct err err = {0};
	char path[256];

	(void)state;
	(void)snprintf(path, sizeof(path), "%s/aarch64/img", top);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_probe(path, &root, &err), -EBADMSG);
	memcpy(image + 1024, "\xe2\xe1\xf5\xe0", 4);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_probe(path, &root, &err), 0);
	assert_string_equal(root.type, "erofs");
	assert_int_equal(root.layout, GUEST_LAYOUT_PLAIN);
	assert_true(root.mappable);
	assert_int_equal(root.size, sizeof(image));
	image[1024 + 80] = 1; /* lz4 with zero padding */
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_probe(path, &root, &err), 0);
	assert_false(root.mappable);
	put("img", "hsqs", 4);
	assert_int_equal(guest_root_probe(path, &root, &err), 0);
	assert_false(root.mappable);
	put("img", "hs", 2);
	assert_int_equal(guest_root_probe(path, &root, &err), -EBADMSG);
	put("img", "", 0);
	assert_int_equal(guest_root_probe(path, &root, &err), -EBADMSG);
	assert_int_equal(guest_root_probe("/no/such", &root, &err), -ENOENT);
}

/* A partition table, an info block, the labels of pseries. */
static void test_probe_layout(void **state)
{
	static uint8_t image[16384 + 131072];
	struct guest_root root;
	struct err err = {0};
	char path[256];

	(void)state;
	memset(image, 0, sizeof(image));
	(void)snprintf(path, sizeof(path), "%s/aarch64/img", top);
	memcpy(image + 510, "\x55\xaa", 2);
	image[446 + 8] = 16;
	memcpy(image + 8192 + 1080, "\x53\xef", 2);
	memcpy(image + 4096, "NVDIMM_PFN_INFO", 16);
	put("img", image, 16384);
	assert_int_equal(guest_root_probe(path, &root, &err), 0);
	assert_string_equal(root.type, "ext4");
	assert_true(root.partition);
	assert_int_equal(root.layout, GUEST_LAYOUT_PMEM);
	memcpy(image + 16384, "NAMESPACE_INDEX", 16);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_probe(path, &root, &err), 0);
	assert_int_equal(root.layout, GUEST_LAYOUT_PAPR);
	/* A partition beyond the end, and at the very start. */
	memset(image + 446 + 8, 0xff, 4);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_probe(path, &root, &err), -EBADMSG);
	memset(image + 446 + 8, 0, 4);
	put("img", image, sizeof(image));
	assert_int_equal(guest_root_probe(path, &root, &err), -EBADMSG);
}

static const struct arch_machine *machine(const char *arch, const char *name)
{
	return arch_machine_find(arch_find(arch), name);
}

static void test_choice(void **state)
{
	const struct arch_machine *q35 = machine("x86_64", "q35");
	const struct arch_machine *pseries = machine("ppc64le", NULL);
	const struct arch_machine *ccw = machine("s390x", NULL);
	struct guest_root r = {.type = "erofs", .size = 2 << 20,
			       .mappable = true};

	(void)state;
	assert_int_equal(guest_root_best(&r, q35, false), VM_IMAGE_VIRTIO_PMEM);
	assert_int_equal(guest_root_best(&r, q35, true), VM_IMAGE_BLK);
	assert_int_equal(guest_root_best(&r, ccw, false), VM_IMAGE_BLK);
	assert_int_equal(guest_root_best(&r, pseries, false), VM_IMAGE_BLK);
	assert_non_null(guest_root_refusal(&r, q35, VM_IMAGE_NVDIMM));
	assert_non_null(guest_root_refusal(&r, ccw, VM_IMAGE_NVDIMM));
	assert_non_null(guest_root_refusal(&r, ccw, VM_IMAGE_VIRTIO_PMEM));
	r.layout = GUEST_LAYOUT_PMEM;
	assert_null(guest_root_refusal(&r, q35, VM_IMAGE_NVDIMM));
	assert_non_null(guest_root_refusal(&r, pseries, VM_IMAGE_NVDIMM));
	r.layout = GUEST_LAYOUT_PAPR;
	r.size += 128 << 10;
	assert_int_equal(guest_root_best(&r, pseries, false), VM_IMAGE_NVDIMM);
	assert_int_equal(guest_root_best(&r, q35, false), VM_IMAGE_BLK);
	assert_non_null(guest_root_refusal(&r, q35, VM_IMAGE_NVDIMM));
	r.mappable = false;
	assert_int_equal(guest_root_best(&r, pseries, false), VM_IMAGE_BLK);
	for (size_t i = 0; arch_all[i]; i++)
		assert_null(guest_root_refusal(&r, arch_all[i]->machines,
					       VM_IMAGE_BLK));
}

static void test_params(void **state)
{
	struct guest_root r = {.type = "ext4", .partition = true};
	char text[GUEST_ROOT_PARAMS_MAX];

	(void)state;
	guest_root_params(&r, VM_IMAGE_BLK, "", text);
	assert_string_equal(text, "root=/dev/vda1 rootfstype=ext4 ro");
	guest_root_params(&r, VM_IMAGE_BLK, "dm-mod.create=x", text);
	assert_string_equal(text, "dm-mod.create=x");
	guest_root_params(&r, VM_IMAGE_NVDIMM, "dm-mod.create=x", text);
	assert_string_equal(text, "root=/dev/pmem0p1 rootfstype=ext4 "
				  "rootflags=dax=always ro");
}

#define IMAGE_JSON(content)                                                    \
	"{\"arch\":\"aarch64\",\"agent_protocol\":\"0.0.1\",\"artifacts\":["   \
	"{\"name\":\"rootfs.ext4.img\",\"size\":4,\"content\":" content "}]}"

static void test_image(void **state)
{
	struct guest_root root;
	struct err err = {0};
	struct guest g;
	char path[256];

	(void)state;
	put("rootfs.erofs.img", "hsqs", 4);
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_string_equal(path_base(g.image.path), "rootfs.erofs.img");
	assert_int_equal(guest_probe_image(&g, &root, &err), 0);
	put("rootfs.ext4.img", "hsqs", 4);
	put_json(IMAGE_JSON("{\"format\":\"squashfs\",\"layout\":\"plain\","
			    "\"verity\":{\"cmdline\":\"root=/dev/dm-0\"}}"));
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_string_equal(path_base(g.image.path), "rootfs.ext4.img");
	assert_string_equal(g.verity, "root=/dev/dm-0");
	assert_int_equal(guest_probe_image(&g, &root, &err), 0);
	assert_int_equal(guest_verify(&g, true, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "no image.json"));
	/* Another one, which is not described, has nothing of the first. */
	(void)snprintf(path, sizeof(path), "%s/aarch64/rootfs.erofs.img", top);
	assert_int_equal(guest_set_image(&g, path, &err), 0);
	assert_string_equal(g.verity, "");
	put_json(IMAGE_JSON("{\"format\":\"ext4\",\"layout\":\"plain\"}"));
	assert_int_equal(guest_find(arch_find("aarch64"), &g, &err), 0);
	assert_int_equal(guest_probe_image(&g, &root, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "image.json says ext4"));
	put_json(IMAGE_JSON("{\"verity\":{\"root_hash\":\"00\"}}"));
	assert_int_equal(find(&err), -EBADMSG);
	assert_non_null(strstr(err.text, "verity"));
	assert_int_equal(guest_set_image(&g, "/no/such.img", &err), -ENOENT);
}

#define GUEST(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		GUEST(test_probe), GUEST(test_probe_layout),
		GUEST(test_choice), GUEST(test_params), GUEST(test_image),
		GUEST(test_bare), GUEST(test_missing), GUEST(test_described),
		GUEST(test_refused), GUEST(test_damaged),
	};

	return cmocka_run_group_tests_name("vmm/guest", tests, NULL, NULL);
}
