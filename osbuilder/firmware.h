// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_FIRMWARE_H
#define OSBUILDER_FIRMWARE_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

#define FIRMWARE_MAX ((size_t)64 << 20)
#define FIRMWARE_PAGE 4096
#define FIRMWARE_SECTIONS_MAX 64
/* Guest memory that the sections of a firmware may claim together. */
#define FIRMWARE_CLAIM_MAX (UINT64_C(256) << 20)

/* Kinds of pages that a firmware for SEV-SNP asks for. */
enum sev_section_type {
	SEV_SECTION_MEMORY = 1,
	SEV_SECTION_SECRETS = 2,
	SEV_SECTION_CPUID = 3,
	SEV_SECTION_CAA = 4,
	SEV_SECTION_KERNEL_HASHES = 0x10,
};

struct sev_section {
	uint32_t gpa, size, type;
};

/* Kinds of memory that a firmware for TDX describes. */
enum tdx_section_type {
	TDX_SECTION_CODE = 0,
	TDX_SECTION_VARS = 1,
	TDX_SECTION_HOB = 2,
	TDX_SECTION_TEMP = 3,
};

#define TDX_SECTION_EXTEND 1u /* its content is measured */

struct tdx_section {
	uint32_t pos, data_size; /* in the firmware */
	uint64_t gpa, size;
	uint32_t type, attributes;
};

/* What a firmware's table of GUIDs says. Refers to the bytes it was read
 * from. */
struct firmware {
	const uint8_t *data;
	size_t size;
	uint64_t gpa; /* where it lies: it ends at 4 GiB */
	uint32_t hashes_gpa; /* place for hashes of a kernel; 0: none */
	bool has_reset;
	uint32_t reset_eip; /* where further CPUs begin */
	bool has_sev;
	struct sev_section sev[FIRMWARE_SECTIONS_MAX];
	size_t n_sev;
	bool has_tdx;
	struct tdx_section tdx[FIRMWARE_SECTIONS_MAX];
	size_t n_tdx;
};

/* Reads the N hostile bytes of an OVMF image. One without a table is no error;
 * a table that contradicts itself is -EINVAL. */
int firmware_parse(const uint8_t *data, size_t n, struct firmware *ret,
		   struct err *reterr);

/* Whether the sections for TDX, which parsing only copies, are inside the
 * firmware and of bearable size. -EINVAL. */
int firmware_check_tdx(const struct firmware *f, struct err *reterr);

#endif
