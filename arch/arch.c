// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <elf.h>
#include <string.h>
#include <sys/utsname.h>

#include "arch/desc.h"
#include "base/endian.h"

const struct arch_desc *const arch_all[] = {
	&arch_x86_64, &arch_aarch64, &arch_s390x, &arch_ppc64le, NULL,
};

const struct arch_desc *arch_find(const char *name)
{
	for (size_t i = 0; arch_all[i]; i++)
		if (!strcmp(arch_all[i]->name, name))
			return arch_all[i];
	return NULL;
}

const struct arch_desc *arch_from_oci(const char *oci_name)
{
	for (size_t i = 0; arch_all[i]; i++)
		if (!strcmp(arch_all[i]->oci_name, oci_name))
			return arch_all[i];
	return NULL;
}

const struct arch_desc *arch_from_elf(const uint8_t *header, size_t n)
{
	uint16_t machine;

	/* e_ident, e_type and e_machine: the same place in both classes. */
	if (n < EI_NIDENT + 4 || memcmp(header, ELFMAG, SELFMAG) != 0)
		return NULL;
	switch (header[EI_DATA]) {
	case ELFDATA2LSB:
		machine = get_le16(header + EI_NIDENT + 2);
		break;
	case ELFDATA2MSB:
		machine = get_be16(header + EI_NIDENT + 2);
		break;
	default:
		return NULL;
	}
	for (size_t i = 0; arch_all[i]; i++) {
		const struct arch_desc *a = arch_all[i];

		if (a->elf_machine == machine &&
		    a->elf_class == header[EI_CLASS] &&
		    a->elf_data == header[EI_DATA])
			return a;
	}
	return NULL;
}

const struct arch_desc *arch_native(void)
{
	struct utsname u;

	if (uname(&u) < 0)
		return NULL;
	return arch_find(u.machine);
}

const struct arch_machine *arch_machine_find(const struct arch_desc *arch,
					     const char *name)
{
	if (!name)
		return &arch->machines[0];
	for (size_t i = 0; i < arch->n_machines; i++)
		if (!strcmp(arch->machines[i].name, name))
			return &arch->machines[i];
	return NULL;
}

uint32_t arch_round_memory_mib(const struct arch_desc *arch, uint32_t mib)
{
	uint32_t step = arch->memory_step_mib;

	if (mib < arch->memory_min_mib)
		mib = arch->memory_min_mib;
	/* Near the end of the range round down instead of overflowing. */
	if (mib > UINT32_MAX - step)
		return UINT32_MAX - UINT32_MAX % step;
	return (mib + step - 1) / step * step;
}

static bool elf_kernel_check(const struct arch_desc *arch, const uint8_t *head,
			     size_t n, const char **reason)
{
	if (memcmp(head, ELFMAG, SELFMAG) != 0) {
		*reason = "not an ELF file (an uncompressed vmlinux is needed)";
		return false;
	}
	if (arch_from_elf(head, n) != arch) {
		*reason = "an ELF file of another architecture";
		return false;
	}
	return true;
}

bool arch_kernel_check(const struct arch_desc *arch, const uint8_t *head,
		       size_t n, const char **reason)
{
	bool zero = true;

	if (n < 64) {
		*reason = "shorter than any kernel: empty or truncated";
		return false;
	}
	switch (arch->kernel_format) {
	case ARCH_KERNEL_ELF_PVH:
	case ARCH_KERNEL_ELF:
		return elf_kernel_check(arch, head, n, reason);
	case ARCH_KERNEL_ARM64_IMAGE:
		/* Linux, Documentation/arch/arm64/booting.rst, "magic" */
		if (memcmp(head + 56, "ARM\x64", 4) != 0) {
			*reason = "not an arm64 Image (compressed, or an EFI "
				  "zboot file)";
			return false;
		}
		return true;
	case ARCH_KERNEL_S390_IMAGE:
		/* The boot code of the image has no magic there that all
		 * kernels share; only what is certainly wrong is refused. */
		for (size_t i = 0; i < 64; i++)
			zero = zero && head[i] == 0;
		if (zero || !memcmp(head, ELFMAG, SELFMAG)) {
			*reason = "not an s390 kernel image";
			return false;
		}
		return true;
	}
	*reason = "of no known format";
	return false;
}
