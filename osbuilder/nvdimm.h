// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_NVDIMM_H
#define OSBUILDER_NVDIMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What Linux keeps on NVDIMMs (drivers/nvdimm/pfn.h, label.h), little endian on
 * every host. The info block says where the data of a namespace begins that has
 * struct pages; a label area, at the end of the device, says which namespaces
 * there are. Where the platform has no label area there is one namespace, all
 * of the device, without a UUID.
 */
#define PFN_POS 4096
#define PFN_SIZE 4096

enum pfn_field {
	PFN_SIGNATURE = 0,
	PFN_UUID = 16,
	PFN_PARENT_UUID = 32,
	PFN_MAJOR = 52,
	PFN_MINOR = 54,
	PFN_DATAOFF = 56,
	PFN_NPFNS = 64,
	PFN_MODE = 72,
	PFN_ALIGN = 84,
	PFN_PAGE_SIZE = 88,
	PFN_PAGE_STRUCT = 92,
	PFN_CHECKSUM = 4088,
};

#define PFN_MODE_RAM 1 /* struct pages are not on the device */

/* QEMU's smallest label area, and what pseries hot-plugs at a time. */
#define LABEL_AREA_SIZE (UINT64_C(128) << 10)
#define PAPR_BLOCK (UINT64_C(256) << 20)

/* What an info block says. */
struct pfn {
	uint8_t uuid[16];
	uint8_t parent[16];
	uint16_t major, minor;
	uint32_t mode, align;
	uint64_t dataoff, npfns;
};

/* Fills BLOCK, PFN_SIZE zero bytes, for a namespace of SIZE bytes. PARENT is
 * the namespace's UUID, NULL for one without. */
void pfn_write(uint8_t *block, const uint8_t uuid[16], const uint8_t *parent,
	       uint64_t dataoff, uint64_t size);

/* True when the N bytes of an image have an info block with a right checksum,
 * whose data begins inside. */
bool pfn_read(const uint8_t *data, size_t n, struct pfn *ret);

/* Fills AREA, LABEL_AREA_SIZE zero bytes, with index blocks and one label: a
 * namespace UUID of SIZE bytes on the NVDIMM that the firmware calls DIMM (both
 * in the byte order of their text). */
void labels_write(uint8_t *area, const uint8_t uuid[16], const uint8_t dimm[16],
		  uint64_t size);

/* True when the last LABEL_AREA_SIZE of the N bytes are what labels_write()
 * makes for a namespace; *RET_SIZE is its size, at most what is before. */
bool labels_read(const uint8_t *data, size_t n, uint64_t *ret_size);

/* Fletcher's sum of N bytes, a multiple of 4, as drivers/nvdimm has it. */
uint64_t fletcher64(const uint8_t *p, size_t n);

#endif
