// SPDX-License-Identifier: Apache-2.0
#ifndef ARCH_ELF_H
#define ARCH_ELF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What programs are for which machine, those of machines included that Kiln
 * has no guests for: so that an error can name them. For host and guest; the
 * bytes are hostile.
 */
#define ELF_HEAD_MAX 256 /* of a file: an ELF header, or a "#!" line */
#define ELF_NAME_MAX 32

/*
 * The machine that the program beginning with the N bytes is for: "riscv64",
 * "i386", "ELF machine 77". False when it is no ELF file.
 */
bool elf_machine_name(const uint8_t *head, size_t n, char ret[ELF_NAME_MAX]);

/*
 * The architecture (uname -m) whose kernel runs the program, maybe only if it
 * was built to: "x86_64" for i386. NULL when there is none in Kiln, or it is no
 * ELF file.
 */
const char *elf_kernel(const uint8_t *head, size_t n);

/*
 * The interpreter that a "#!" line names, cut out of HEAD (NUL-terminated)
 * where it is; NULL when HEAD is no such line.
 */
char *script_interpreter(char *head);

#endif
