// SPDX-License-Identifier: Apache-2.0
#include "arch/elf.h"

#include <elf.h>
#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"

#ifndef EM_LOONGARCH
#define EM_LOONGARCH 258
#endif

static const struct machine {
	uint16_t machine;
	uint8_t class, data;
	const char *name;
	const char *kernel; /* NULL: no guest of ours runs it */
} machines[] = {
	{EM_X86_64, ELFCLASS64, ELFDATA2LSB, "x86_64", "x86_64"},
	{EM_AARCH64, ELFCLASS64, ELFDATA2LSB, "aarch64", "aarch64"},
	{EM_S390, ELFCLASS64, ELFDATA2MSB, "s390x", "s390x"},
	{EM_PPC64, ELFCLASS64, ELFDATA2LSB, "ppc64le", "ppc64le"},
	/* A kernel with the feature ia32 has it. */
	{EM_386, ELFCLASS32, ELFDATA2LSB, "i386", "x86_64"},
	{EM_X86_64, ELFCLASS32, ELFDATA2LSB, "x32", NULL},
	{EM_AARCH64, ELFCLASS64, ELFDATA2MSB, "aarch64_be", NULL},
	{EM_ARM, ELFCLASS32, ELFDATA2LSB, "32-bit ARM", NULL},
	{EM_S390, ELFCLASS32, ELFDATA2MSB, "31-bit s390", NULL},
	{EM_PPC64, ELFCLASS64, ELFDATA2MSB, "ppc64 (big-endian)", NULL},
	{EM_PPC, ELFCLASS32, ELFDATA2MSB, "32-bit PowerPC", NULL},
	{EM_RISCV, ELFCLASS64, ELFDATA2LSB, "riscv64", NULL},
	{EM_RISCV, ELFCLASS32, ELFDATA2LSB, "riscv32", NULL},
	{EM_LOONGARCH, ELFCLASS64, ELFDATA2LSB, "loongarch64", NULL},
	{EM_MIPS, ELFCLASS64, ELFDATA2LSB, "mips64el", NULL},
	{EM_MIPS, ELFCLASS64, ELFDATA2MSB, "mips64", NULL},
	{EM_MIPS, ELFCLASS32, ELFDATA2LSB, "mipsel", NULL},
	{EM_MIPS, ELFCLASS32, ELFDATA2MSB, "mips", NULL},
	{EM_SPARCV9, ELFCLASS64, ELFDATA2MSB, "sparc64", NULL},
};

/* e_machine: in both classes at the same place. False: no ELF file. */
static bool read_machine(const uint8_t *head, size_t n, uint16_t *ret)
{
	if (n < EI_NIDENT + 4 || memcmp(head, ELFMAG, SELFMAG) != 0)
		return false;
	*ret = head[EI_DATA] == ELFDATA2MSB ? get_be16(head + EI_NIDENT + 2)
					    : get_le16(head + EI_NIDENT + 2);
	return true;
}

static const struct machine *find_machine(const uint8_t *head,
					  uint16_t machine)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(machines); i++)
		if (machines[i].machine == machine &&
		    machines[i].class == head[EI_CLASS] &&
		    machines[i].data == head[EI_DATA])
			return &machines[i];
	return NULL;
}

bool elf_machine_name(const uint8_t *head, size_t n, char ret[ELF_NAME_MAX])
{
	const struct machine *m;
	uint16_t machine;

	if (!read_machine(head, n, &machine))
		return false;
	m = find_machine(head, machine);
	if (m)
		(void)snprintf(ret, ELF_NAME_MAX, "%s", m->name);
	else
		(void)snprintf(ret, ELF_NAME_MAX, "ELF machine %u", machine);
	return true;
}

const char *elf_kernel(const uint8_t *head, size_t n)
{
	const struct machine *m;
	uint16_t machine;

	if (!read_machine(head, n, &machine))
		return NULL;
	m = find_machine(head, machine);
	return m ? m->kernel : NULL;
}

char *script_interpreter(char *head)
{
	char *p = head + 2;

	if (strncmp(head, "#!", 2))
		return NULL;
	p += strspn(p, " \t");
	p[strcspn(p, " \t\r\n")] = '\0';
	return *p ? p : NULL;
}
