// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <elf.h>
#include <string.h>

#include "arch/arch.h"
#include "base/macros.h"

static void test_names(void **state)
{
	(void)state;
	for (size_t i = 0; arch_all[i]; i++) {
		const struct arch_desc *a = arch_all[i];

		assert_ptr_equal(arch_find(a->name), a);
		assert_ptr_equal(arch_from_oci(a->oci_name), a);
		assert_ptr_equal(arch_machine_find(a, NULL), &a->machines[0]);
		assert_null(arch_machine_find(a, "pdp11"));
		assert_int_equal(strlen(a->gpt_root), 36);
		assert_int_equal(strlen(a->gpt_root_verity), 36);
		assert_non_null(strstr(a->cmdline, "panic=-1 "));
		assert_null(strchr(a->cmdline, '#'));
		assert_null(strstr(a->cmdline, "  "));
	}
	assert_null(arch_find("amd64"));
	assert_null(arch_from_oci("x86_64"));
}

static void elf(uint8_t h[64], uint8_t class, uint8_t data, uint16_t machine)
{
	memset(h, 0, 64);
	memcpy(h, ELFMAG, SELFMAG);
	h[EI_CLASS] = class;
	h[EI_DATA] = data;
	h[data == ELFDATA2MSB ? 19 : 18] = (uint8_t)machine;
	h[data == ELFDATA2MSB ? 18 : 19] = (uint8_t)(machine >> 8);
}

static void test_elf(void **state)
{
	uint8_t h[64];

	(void)state;
	for (size_t i = 0; arch_all[i]; i++) {
		const struct arch_desc *a = arch_all[i];

		elf(h, a->elf_class, a->elf_data, a->elf_machine);
		assert_ptr_equal(arch_from_elf(h, 64), a);
		assert_ptr_equal(arch_from_elf(h, 20), a);
		for (size_t n = 0; n < 20; n++)
			assert_null(arch_from_elf(h, n));
	}
	/* ppc64, big-endian; s390, 31 bits; x32 */
	elf(h, ELFCLASS64, ELFDATA2MSB, EM_PPC64);
	assert_null(arch_from_elf(h, 64));
	elf(h, ELFCLASS32, ELFDATA2MSB, EM_S390);
	assert_null(arch_from_elf(h, 64));
	elf(h, ELFCLASS32, ELFDATA2LSB, EM_X86_64);
	assert_null(arch_from_elf(h, 64));
	elf(h, ELFCLASS64, 7, EM_X86_64);
	assert_null(arch_from_elf(h, 64));
	memcpy(h, "#!/bin/sh", 9);
	assert_null(arch_from_elf(h, 64));
}

static void test_memory(void **state)
{
	const struct arch_desc *p = arch_find("ppc64le");

	(void)state;
	assert_int_equal(arch_round_memory_mib(p, 0), p->memory_min_mib);
	assert_int_equal(arch_round_memory_mib(p, 257), 512);
	assert_int_equal(arch_round_memory_mib(p, 512), 512);
	assert_int_equal(arch_round_memory_mib(p, UINT32_MAX) % 256, 0);
	for (size_t i = 0; arch_all[i]; i++)
		assert_int_equal(
			arch_round_memory_mib(arch_all[i],
					      arch_all[i]->memory_default_mib),
			arch_all[i]->memory_default_mib);
}

static void test_kernel(void **state)
{
	const char *why = NULL;
	uint8_t h[64];

	(void)state;
	for (size_t i = 0; arch_all[i]; i++) {
		memset(h, 0, sizeof(h));
		assert_false(arch_kernel_check(arch_all[i], h, 0, &why));
		assert_non_null(why);
		assert_false(arch_kernel_check(arch_all[i], h, 64, &why));
	}
	memcpy(h + 56, "ARM\x64", 4);
	assert_true(arch_kernel_check(arch_find("aarch64"), h, 64, &why));
	elf(h, ELFCLASS64, ELFDATA2LSB, EM_PPC64);
	assert_true(arch_kernel_check(arch_find("ppc64le"), h, 64, &why));
	assert_false(arch_kernel_check(arch_find("x86_64"), h, 64, &why));
	assert_false(arch_kernel_check(arch_find("s390x"), h, 64, &why));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names),
		cmocka_unit_test(test_elf),
		cmocka_unit_test(test_memory),
		cmocka_unit_test(test_kernel),
	};

	return cmocka_run_group_tests_name("vmm/arch", tests, NULL, NULL);
}
