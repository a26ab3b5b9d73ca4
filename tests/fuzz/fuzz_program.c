// SPDX-License-Identifier: Apache-2.0
/*
 * The beginning of a program in an image, from which its architecture is told:
 * an ELF header, or a line that names an interpreter.
 */
#include "runtime/oci/entrypoint.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	uint8_t head[HEAD_MAX + 1];
	size_t n = size < HEAD_MAX ? size : HEAD_MAX;
	const char *script;

	memcpy(head, data, n);
	head[n] = '\0';
	(void)arch_from_elf(head, n);
	script = interpreter((char *)head);
	if (script && (!*script || strpbrk(script, " \t\r\n")))
		__builtin_trap();
	return 0;
}
