// SPDX-License-Identifier: Apache-2.0
/* What machines can make of a wish for more or less. */
#include "test.h"

#include <errno.h>
#include <string.h>

#include "runtime/vmm/resize.h"

struct fixture {
	struct vm_spec spec;
	struct resize_limits limits;
	struct vm_size size;
	struct err err;
};

static void make(struct fixture *f, const char *arch, const char *machine,
		 bool kvm)
{
	const struct host_facts facts = {.native = kvm, .kvm = kvm};
	const struct arch_desc *a = arch_find(arch);

	memset(f, 0, sizeof(*f));
	vm_spec_init(&f->spec, a, &facts);
	f->spec.machine = arch_machine_find(a, machine);
	f->spec.vcpus = 2;
	f->spec.vcpus_max = 4;
	f->spec.memory_mib = 1024;
	f->spec.memory_max_mib = 4096;
	f->spec.virtio_mem = f->spec.balloon = true;
	resize_limits(&f->spec, &f->limits);
}

/* 0 with F->size, or -errno. */
static int plan(struct fixture *f, uint32_t vcpus, uint32_t mib,
		uint32_t least)
{
	const struct vm_size want = {vcpus, mib};

	f->err = (struct err){0};
	return resize_plan(&f->limits, &want, least, &f->size, &f->err);
}

static void test_methods(void **state UNUSED)
{
	static const struct {
		const char *arch, *machine;
		bool kvm;
		enum resize_cpu cpu;
		enum resize_memory memory, without; /* virtio-mem */
	} rows[] = {
		{"x86_64", "microvm", true, RESIZE_CPU_ONLINE,
		 RESIZE_MEMORY_BALLOON, RESIZE_MEMORY_BALLOON},
		{"x86_64", "q35", true, RESIZE_CPU_PLUG,
		 RESIZE_MEMORY_VIRTIO_MEM, RESIZE_MEMORY_DIMM},
		{"x86_64", "q35", false, RESIZE_CPU_ONLINE,
		 RESIZE_MEMORY_VIRTIO_MEM, RESIZE_MEMORY_DIMM},
		{"aarch64", "virt", false, RESIZE_CPU_ONLINE,
		 RESIZE_MEMORY_BALLOON, RESIZE_MEMORY_BALLOON},
		{"aarch64", "virt-pci", false, RESIZE_CPU_ONLINE,
		 RESIZE_MEMORY_VIRTIO_MEM, RESIZE_MEMORY_BALLOON},
		{"s390x", NULL, false, RESIZE_CPU_ADD, RESIZE_MEMORY_BALLOON,
		 RESIZE_MEMORY_BALLOON},
		{"s390x", NULL, true, RESIZE_CPU_ADD, RESIZE_MEMORY_BALLOON,
		 RESIZE_MEMORY_BALLOON},
		{"ppc64le", NULL, false, RESIZE_CPU_ADD, RESIZE_MEMORY_DIMM,
		 RESIZE_MEMORY_DIMM},
		{"ppc64le", NULL, true, RESIZE_CPU_PLUG, RESIZE_MEMORY_DIMM,
		 RESIZE_MEMORY_DIMM},
	};
	struct fixture f;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(rows); i++) {
		make(&f, rows[i].arch, rows[i].machine, rows[i].kvm);
		assert_int_equal(f.limits.cpu, rows[i].cpu);
		assert_int_equal(f.limits.memory, rows[i].memory);
		assert_int_equal(f.limits.max.memory_mib,
				 rows[i].memory == RESIZE_MEMORY_BALLOON
					 ? 1024
					 : 4096);
		f.spec.virtio_mem = false;
		assert_int_equal(resize_memory_method(&f.spec),
				 rows[i].without);
		/* Nothing above the first size is nothing to add. */
		f.spec.memory_max_mib = 0;
		assert_int_equal(resize_memory_method(&f.spec),
				 RESIZE_MEMORY_BALLOON);
	}
}

static void test_huge_pages_stay(void **state UNUSED)
{
	struct fixture f;

	make(&f, "x86_64", "q35", true);
	f.spec.hugepages = true;
	resize_limits(&f.spec, &f.limits);
	assert_int_equal(f.limits.memory, RESIZE_MEMORY_BALLOON);
	assert_false(f.limits.balloon);
	assert_int_equal(plan(&f, 2, 512, 0), 0);
	assert_int_equal(f.size.memory_mib, 1024);
}

static void test_spare_cpus(void **state UNUSED)
{
	struct fixture f;

	make(&f, "aarch64", NULL, false);
	assert_true(resize_cpus_spare(&f.spec));
	f.spec.vcpus_max = 2;
	assert_false(resize_cpus_spare(&f.spec));
	make(&f, "ppc64le", NULL, false);
	assert_false(resize_cpus_spare(&f.spec));
	make(&f, "x86_64", "q35", true);
	assert_false(resize_cpus_spare(&f.spec));
}

static void test_plan_rounds(void **state UNUSED)
{
	struct fixture f;

	make(&f, "ppc64le", NULL, false);
	assert_int_equal(plan(&f, 3, 1025, 1000), 0);
	assert_int_equal(f.size.vcpus, 3);
	assert_int_equal(f.size.memory_mib, 1280);
	assert_int_equal(plan(&f, 0, 1024, 1000), 0);
	assert_int_equal(f.size.vcpus, 1);
	assert_int_equal(f.size.memory_mib, 1024);
	/* Below: a balloon of any size, and the cost of what it holds. */
	assert_int_equal(plan(&f, 1, 384, 0), 0);
	assert_int_equal(f.size.memory_mib, 384 + 640 / 64);
	assert_int_equal(plan(&f, 1, 1, 0), 0);
	assert_int_equal(f.size.memory_mib, 256 + 768 / 64);
	/* More than there can be, when the least is within it. */
	assert_int_equal(plan(&f, 1, 4100, 4096), 0);
	assert_int_equal(f.size.memory_mib, 4096);
	f.limits.balloon = false;
	assert_int_equal(plan(&f, 1, 384, 0), 0);
	assert_int_equal(f.size.memory_mib, 1024);
}

static void expect_refusal(struct fixture *f, const char *words)
{
	assert_int_equal(f->err.code, -EOPNOTSUPP);
	if (!strstr(f->err.text, words))
		fail_msg("'%s' is not in: %s", words, f->err.text);
}

static void test_refusals(void **state UNUSED)
{
	struct fixture f;

	make(&f, "x86_64", "microvm", false);
	assert_int_equal(plan(&f, 5, 1024, 0), -EOPNOTSUPP);
	expect_refusal(&f, "machine 'q35' does (machine_type)");
	expect_refusal(&f, "has 4, and machine 'microvm' of x86_64 adds none");
	assert_int_equal(plan(&f, 2, 2048, 2048), -EOPNOTSUPP);
	expect_refusal(&f, "2048 MiB of memory: this VM has 1024 MiB");
	expect_refusal(&f, "machine 'q35' does (machine_type)");
	make(&f, "aarch64", NULL, false);
	assert_int_equal(plan(&f, 5, 1024, 0), -EOPNOTSUPP);
	expect_refusal(&f, "no machine of aarch64 does");
	assert_int_equal(plan(&f, 2, 2048, 2048), -EOPNOTSUPP);
	expect_refusal(&f, "machine 'virt-pci' does (machine_type)");
	make(&f, "s390x", NULL, false);
	assert_int_equal(plan(&f, 2, 2048, 2048), -EOPNOTSUPP);
	expect_refusal(&f, "no machine of s390x does");
	assert_int_equal(plan(&f, 5, 1024, 0), -EOPNOTSUPP);
	expect_refusal(&f, "at most 4 (default_maxvcpus");
	make(&f, "ppc64le", NULL, false);
	assert_int_equal(plan(&f, 2, 5000, 5000), -EOPNOTSUPP);
	expect_refusal(&f, "at most 4096 MiB (default_maxmemory");
}

static void test_dimms(void **state UNUSED)
{
	struct fixture f;
	uint32_t v[4];

	make(&f, "ppc64le", NULL, false);
	assert_int_equal(resize_dimms(&f.limits, 256, v, 4), 1);
	assert_int_equal(v[0], 256);
	assert_int_equal(resize_dimms(&f.limits, 768, v, 4), 3);
	assert_int_equal(v[2], 256);
	assert_int_equal(resize_dimms(&f.limits, 9 * 256, v, 4), 4);
	assert_int_equal(v[0], 3 * 256);
	assert_int_equal(v[0] + v[1] + v[2] + v[3], 9 * 256);
	assert_int_equal(resize_dimms(&f.limits, 255, v, 4), 0);
}

static void test_spec(void **state UNUSED)
{
	struct fixture f;

	make(&f, "ppc64le", NULL, false);
	f.spec.kernel = "/k";
	assert_int_equal(vm_spec_check(&f.spec, &f.err), 0);
	f.spec.memory_max_mib = 512;
	assert_int_equal(vm_spec_check(&f.spec, &f.err), -EINVAL);
	f.spec.memory_max_mib = 1100;
	assert_int_equal(vm_spec_check(&f.spec, &f.err), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_methods),
		cmocka_unit_test(test_huge_pages_stay),
		cmocka_unit_test(test_spare_cpus),
		cmocka_unit_test(test_plan_rounds),
		cmocka_unit_test(test_refusals),
		cmocka_unit_test(test_dimms),
		cmocka_unit_test(test_spec),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
