// SPDX-License-Identifier: Apache-2.0
/*
 * The beginning of a program in an image, from which its architecture is told:
 * an ELF header, or a line that names an interpreter.
 */
#include <string.h>

#include "arch/arch.h"
#include "arch/elf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[ELF_HEAD_MAX + 1];
	size_t n = size < ELF_HEAD_MAX ? size : ELF_HEAD_MAX;
	char name[ELF_NAME_MAX];
	const struct arch_desc *arch;
	const char *kernel, *script;

	memcpy(head, data, n);
	head[n] = '\0';
	arch = arch_from_elf(head, n);
	kernel = elf_kernel(head, n);
	/* What boots as a kernel's architecture is a program of it. */
	if (arch && (!kernel || strcmp(kernel, arch->name) != 0))
		__builtin_trap();
	if (kernel && !arch_find(kernel))
		__builtin_trap();
	if (kernel && (!elf_machine_name(head, n, name) || !*name))
		__builtin_trap();
	script = script_interpreter((char *)head);
	if (script && (!*script || strpbrk(script, " \t\r\n")))
		__builtin_trap();
	return 0;
}
