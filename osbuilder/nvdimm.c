// SPDX-License-Identifier: Apache-2.0
#include "nvdimm.h"

#include <string.h>

#include "base/endian.h"

static const char pfn_signature[16] = "NVDIMM_PFN_INFO";
static const char index_signature[16] = "NAMESPACE_INDEX";

uint64_t fletcher64(const uint8_t *p, size_t n)
{
	uint32_t low = 0;
	uint64_t high = 0;

	for (size_t i = 0; i < n; i += 4) {
		low += get_le32(p + i);
		high += low;
	}
	return high << 32 | low;
}

void pfn_write(uint8_t *block, const uint8_t uuid[16], const uint8_t *parent,
	       uint64_t dataoff, uint64_t size)
{
	memcpy(block + PFN_SIGNATURE, pfn_signature, 16);
	memcpy(block + PFN_UUID, uuid, 16);
	if (parent)
		memcpy(block + PFN_PARENT_UUID, parent, 16);
	put_le16(block + PFN_MAJOR, 1);
	put_le16(block + PFN_MINOR, 4);
	put_le64(block + PFN_DATAOFF, dataoff);
	put_le64(block + PFN_NPFNS, (size - dataoff) / 4096);
	put_le32(block + PFN_MODE, PFN_MODE_RAM);
	put_le32(block + PFN_ALIGN, 2u << 20);
	put_le32(block + PFN_PAGE_SIZE, 4096);
	put_le16(block + PFN_PAGE_STRUCT, 64);
	put_le64(block + PFN_CHECKSUM, fletcher64(block, PFN_SIZE));
}

bool pfn_read(const uint8_t *data, size_t n, struct pfn *ret)
{
	uint8_t block[PFN_SIZE];
	uint64_t sum;

	if (n < PFN_POS + PFN_SIZE ||
	    memcmp(data + PFN_POS, pfn_signature, 16) != 0)
		return false;
	memcpy(block, data + PFN_POS, PFN_SIZE);
	sum = get_le64(block + PFN_CHECKSUM);
	put_le64(block + PFN_CHECKSUM, 0);
	if (fletcher64(block, PFN_SIZE) != sum)
		return false;
	memcpy(ret->uuid, block + PFN_UUID, 16);
	memcpy(ret->parent, block + PFN_PARENT_UUID, 16);
	ret->major = get_le16(block + PFN_MAJOR);
	ret->minor = get_le16(block + PFN_MINOR);
	ret->dataoff = get_le64(block + PFN_DATAOFF);
	ret->npfns = get_le64(block + PFN_NPFNS);
	ret->mode = get_le32(block + PFN_MODE);
	ret->align = get_le32(block + PFN_ALIGN);
	return ret->dataoff >= PFN_POS + PFN_SIZE && ret->dataoff < n;
}

/* Two index blocks, then labels. */
#define INDEX_SIZE 256
#define LABEL_SIZE 256
#define SLOTS ((LABEL_AREA_SIZE - 2 * INDEX_SIZE) / LABEL_SIZE)

enum index_field {
	IX_SIGNATURE = 0,
	IX_LABEL_SIZE = 19, /* 128 << this */
	IX_SEQUENCE = 20,
	IX_MY_POS = 24,
	IX_MY_SIZE = 32,
	IX_OTHER_POS = 40,
	IX_LABEL_POS = 48,
	IX_SLOTS = 56,
	IX_MAJOR = 60,
	IX_MINOR = 62,
	IX_CHECKSUM = 64,
	IX_FREE = 72, /* a bit for each slot */
};

enum label_field {
	LB_UUID = 0,
	LB_NAME = 16,
	LB_COUNT = 84,
	LB_COOKIE = 88,
	LB_BLOCK_SIZE = 96,
	LB_POS = 104,
	LB_SIZE = 112,
	LB_SLOT = 120,
	LB_CHECKSUM = 248,
};

_Static_assert(IX_FREE + (SLOTS + 7) / 8 <= INDEX_SIZE, "bits fit");

static void index_write(uint8_t *area, unsigned int i)
{
	uint8_t *p = area + (size_t)i * INDEX_SIZE;

	memcpy(p + IX_SIGNATURE, index_signature, 16);
	p[IX_LABEL_SIZE] = 1;
	/* Sequence numbers go 1, 2, 3, 1, …: the first one is the newer. */
	put_le32(p + IX_SEQUENCE, 3 - i);
	put_le64(p + IX_MY_POS, (uint64_t)i * INDEX_SIZE);
	put_le64(p + IX_MY_SIZE, INDEX_SIZE);
	put_le64(p + IX_OTHER_POS, (uint64_t)!i * INDEX_SIZE);
	put_le64(p + IX_LABEL_POS, UINT64_C(2) * INDEX_SIZE);
	put_le32(p + IX_SLOTS, SLOTS);
	put_le16(p + IX_MAJOR, 1);
	put_le16(p + IX_MINOR, 2);
	for (size_t slot = 1; slot < SLOTS; slot++)
		p[IX_FREE + slot / 8] |= (uint8_t)(1u << slot % 8);
	put_le64(p + IX_CHECKSUM, fletcher64(p, INDEX_SIZE));
}

void labels_write(uint8_t *area, const uint8_t uuid[16], const uint8_t dimm[16],
		  uint64_t size)
{
	uint8_t *label = area + 2 * INDEX_SIZE;

	index_write(area, 0);
	index_write(area, 1);
	memcpy(label + LB_UUID, uuid, 16);
	memcpy(label + LB_NAME, "kiln", 4);
	put_le16(label + LB_COUNT, 1);
	/* The cookie of labels 1.2 on papr_scm: half of the NVDIMM's UUID. */
	memcpy(label + LB_COOKIE, dimm + 8, 8);
	put_le64(label + LB_BLOCK_SIZE, 512);
	put_le64(label + LB_SIZE, size);
	put_le64(label + LB_CHECKSUM, fletcher64(label, LABEL_SIZE));
}

static bool sum_is_right(const uint8_t *p, size_t where, size_t size)
{
	uint8_t copy[LABEL_SIZE];

	_Static_assert(INDEX_SIZE <= LABEL_SIZE, "both fit");
	memcpy(copy, p, size);
	put_le64(copy + where, 0);
	return fletcher64(copy, size) == get_le64(p + where);
}

bool labels_read(const uint8_t *data, size_t n, uint64_t *ret_size)
{
	const uint8_t *area, *label;

	if (n < LABEL_AREA_SIZE)
		return false;
	area = data + n - LABEL_AREA_SIZE;
	label = area + 2 * INDEX_SIZE;
	if (memcmp(area, index_signature, 16) != 0 ||
	    get_le64(area + IX_MY_SIZE) != INDEX_SIZE ||
	    get_le32(area + IX_SLOTS) != SLOTS || area[IX_LABEL_SIZE] != 1 ||
	    !sum_is_right(area, IX_CHECKSUM, INDEX_SIZE) ||
	    !sum_is_right(label, LB_CHECKSUM, LABEL_SIZE))
		return false;
	*ret_size = get_le64(label + LB_SIZE);
	return *ret_size <= n - LABEL_AREA_SIZE;
}
