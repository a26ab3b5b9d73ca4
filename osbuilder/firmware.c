// SPDX-License-Identifier: Apache-2.0
/*
 * OVMF's table of GUIDs, as far as launch measurements need it. The table ends
 * 32 bytes before the image and is read backwards: each entry is its data, its
 * size in 16 bits and its GUID. Facts: OvmfPkg/ResetVector of edk2.
 */
#include "firmware.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "base/endian.h"

#define TABLE_END 32
#define ENTRY 18 /* size and GUID */
#define FOUR_GIB (UINT64_C(1) << 32)

#define SEV_HEAD 16
#define SEV_ITEM 12
#define TDX_HEAD 16
#define TDX_ITEM 32

/* GUIDs as they lie in memory. */
static const uint8_t guid_footer[16] = {0xde, 0x82, 0xb5, 0x96, 0xb2, 0x1f,
					0xf7, 0x45, 0xba, 0xea, 0xa3, 0x66,
					0xc5, 0x5a, 0x08, 0x2d};
static const uint8_t guid_hashes[16] = {0x1f, 0x37, 0x55, 0x72, 0x3b, 0x3a,
					0x04, 0x4b, 0x92, 0x7b, 0x1d, 0xa6,
					0xef, 0xa8, 0xd4, 0x54};
static const uint8_t guid_reset[16] = {0xde, 0x71, 0xf7, 0x00, 0x7e, 0x1a,
				       0xcb, 0x4f, 0x89, 0x0e, 0x68, 0xc7,
				       0x7e, 0x2f, 0xb4, 0x4e};
static const uint8_t guid_sev[16] = {0x66, 0x65, 0x88, 0xdc, 0x4a, 0x98,
				     0x98, 0x47, 0xa7, 0x5e, 0x55, 0x85,
				     0xa7, 0xbf, 0x67, 0xcc};
static const uint8_t guid_tdx[16] = {0x35, 0x65, 0x7a, 0xe4, 0x4a, 0x98,
				     0x98, 0x47, 0x86, 0x5e, 0x46, 0x85,
				     0xa7, 0xbf, 0x8e, 0xc2};

static int bad(struct err *reterr, const char *what)
{
	return err_set(reterr, -EINVAL, "firmware: %s", what);
}

/* HEAD bytes at OFFSET from the end; NULL when they are not all there. */
static const uint8_t *from_end(const struct firmware *f, uint32_t offset,
			       uint32_t head)
{
	return offset < head || offset > f->size ? NULL :
						   f->data + f->size - offset;
}

static int claim(uint64_t gpa, uint64_t size, uint64_t *sum,
		 struct err *reterr)
{
	if (gpa % FIRMWARE_PAGE || size % FIRMWARE_PAGE)
		return bad(reterr, "a section is not whole pages");
	if (size > FIRMWARE_CLAIM_MAX - *sum)
		return bad(reterr, "sections are too large");
	*sum += size;
	return 0;
}

static int parse_sev(struct firmware *f, uint32_t offset, struct err *reterr)
{
	const uint8_t *p = from_end(f, offset, SEV_HEAD);
	uint64_t sum = 0;
	uint32_t size;
	int r = 0;

	if (!p || memcmp(p, "ASEV", 4) != 0 || get_le32(p + 8) != 1)
		return bad(reterr, "unknown SEV metadata");
	size = get_le32(p + 4);
	f->n_sev = get_le32(p + 12);
	if (f->n_sev > FIRMWARE_SECTIONS_MAX || size > offset ||
	    size < SEV_HEAD + f->n_sev * SEV_ITEM)
		return bad(reterr, "SEV metadata out of bounds");
	p += SEV_HEAD;
	for (size_t i = 0; i < f->n_sev && r == 0; i++, p += SEV_ITEM) {
		f->sev[i] = (struct sev_section){
			get_le32(p), get_le32(p + 4), get_le32(p + 8)};
		r = claim(f->sev[i].gpa, f->sev[i].size, &sum, reterr);
	}
	f->has_sev = r == 0;
	return r;
}

int firmware_check_tdx(const struct firmware *f, struct err *reterr)
{
	uint64_t sum = 0;
	int r = 0;

	for (size_t i = 0; i < f->n_tdx && r == 0; i++) {
		const struct tdx_section *s = &f->tdx[i];

		if (s->data_size && (s->pos > f->size ||
				     s->data_size > f->size - s->pos ||
				     s->data_size > s->size))
			return bad(reterr, "a TDX section is out of bounds");
		r = claim(s->gpa, s->size, &sum, reterr);
	}
	return r;
}

static int parse_tdx(struct firmware *f, uint32_t offset, struct err *reterr)
{
	const uint8_t *p = from_end(f, offset, TDX_HEAD);
	uint32_t size;

	if (!p || memcmp(p, "TDVF", 4) != 0 || get_le32(p + 8) != 1)
		return bad(reterr, "unknown TDX metadata");
	size = get_le32(p + 4);
	f->n_tdx = get_le32(p + 12);
	if (f->n_tdx > FIRMWARE_SECTIONS_MAX || size > offset ||
	    size < TDX_HEAD + f->n_tdx * TDX_ITEM)
		return bad(reterr, "TDX metadata out of bounds");
	p += TDX_HEAD;
	for (size_t i = 0; i < f->n_tdx; i++, p += TDX_ITEM)
		f->tdx[i] = (struct tdx_section){
			.pos = get_le32(p),
			.data_size = get_le32(p + 4),
			.gpa = get_le64(p + 8),
			.size = get_le64(p + 16),
			.type = get_le32(p + 24),
			.attributes = get_le32(p + 28)};
	f->has_tdx = true;
	return 0;
}

/* One entry: N bytes of DATA. Those of fewer than 4 say nothing here. */
static int entry(struct firmware *f, const uint8_t *guid, const uint8_t *data,
		 size_t n, struct err *reterr)
{
	uint32_t value;

	if (n < 4)
		return 0;
	value = get_le32(data);
	if (!memcmp(guid, guid_hashes, 16)) {
		f->hashes_gpa = value;
	} else if (!memcmp(guid, guid_reset, 16)) {
		f->has_reset = true;
		f->reset_eip = value;
	} else if (!memcmp(guid, guid_sev, 16)) {
		return parse_sev(f, value, reterr);
	} else if (!memcmp(guid, guid_tdx, 16)) {
		return parse_tdx(f, value, reterr);
	}
	return 0;
}

int firmware_parse(const uint8_t *data, size_t n, struct firmware *ret,
		   struct err *reterr)
{
	size_t end, left, size;
	int r = 0;

	*ret = (struct firmware){.data = data, .size = n, .gpa = FOUR_GIB - n};
	if (n < FIRMWARE_PAGE || n > FIRMWARE_MAX || n % FIRMWARE_PAGE)
		return bad(reterr, "not whole pages of at most 64 MiB");
	end = n - TABLE_END - ENTRY;
	if (memcmp(data + end + 2, guid_footer, sizeof(guid_footer)) != 0)
		return 0;
	left = get_le16(data + end);
	if (left < ENTRY || left - ENTRY > end)
		return bad(reterr, "its table is out of bounds");
	left -= ENTRY;
	while (left >= ENTRY && r == 0) {
		size = get_le16(data + end - ENTRY);
		if (size < ENTRY || size > left)
			return bad(reterr, "an entry of its table is out of "
					   "bounds");
		r = entry(ret, data + end - 16, data + end - size,
			  size - ENTRY, reterr);
		end -= size;
		left -= size;
	}
	return r;
}
