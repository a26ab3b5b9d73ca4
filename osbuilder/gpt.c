// SPDX-License-Identifier: Apache-2.0
#include "gpt.h"

#include <stdio.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"

#define HEADER_POS GPT_SECTOR

uint32_t gpt_crc32(const uint8_t *p, size_t n)
{
	/* What four bits leave, by the polynomial of IEEE 802.3. */
	static const uint32_t table[16] = {
		0x00000000, 0x1db71064, 0x3b6e20c8, 0x26d930ac,
		0x76dc4190, 0x6b6b51f4, 0x4db26158, 0x5005713c,
		0xedb88320, 0xf00f9344, 0xd6d6a3e8, 0xcb61b38c,
		0x9b64c2b0, 0x86d3d2d4, 0xa00ae278, 0xbdbdf21c,
	};
	uint32_t crc = UINT32_MAX;

	while (n--) {
		crc ^= *p++;
		crc = crc >> 4 ^ table[crc & 15];
		crc = crc >> 4 ^ table[crc & 15];
	}
	return ~crc;
}

void guid_format(const uint8_t g[16], char ret[GUID_TEXT_SIZE])
{
	(void)snprintf(ret, GUID_TEXT_SIZE,
		       "%08x-%04x-%04x-%02x%02x-%02x%02x%02x%02x%02x%02x",
		       get_le32(g), get_le16(g + 4), get_le16(g + 6), g[8],
		       g[9], g[10], g[11], g[12], g[13], g[14], g[15]);
}

static void read_name(const uint8_t *p, char *ret)
{
	size_t i;

	for (i = 0; i < GPT_NAME_UNITS; i++) {
		uint16_t c = get_le16(p + 2 * i);

		if (!c)
			break;
		ret[i] = c >= ' ' && c < 0x7f ? (char)c : '?';
	}
	ret[i] = '\0';
}

static void read_entry(const uint8_t *p, size_t n, struct gpt *ret)
{
	static const uint8_t none[16];
	struct gpt_partition *part = &ret->v[ret->n];
	uint64_t first = get_le64(p + GE_FIRST), last = get_le64(p + GE_LAST);

	if (!memcmp(p + GE_TYPE, none, sizeof(none)) || first == 0 ||
	    last < first || last >= n / GPT_SECTOR)
		return;
	part->start = first * GPT_SECTOR;
	part->size = (last - first + 1) * GPT_SECTOR;
	memcpy(part->type, p + GE_TYPE, 16);
	memcpy(part->uuid, p + GE_UUID, 16);
	read_name(p + GE_NAME, part->name);
	ret->n++;
}

static bool header_is_right(const uint8_t *h)
{
	uint32_t size = get_le32(h + GH_SIZE);
	uint8_t copy[GPT_SECTOR];

	if (memcmp(h + GH_SIGNATURE, "EFI PART", 8) != 0 ||
	    size < GPT_HEADER_SIZE || size > GPT_SECTOR)
		return false;
	memcpy(copy, h, size);
	put_le32(copy + GH_CRC, 0);
	return gpt_crc32(copy, size) == get_le32(h + GH_CRC);
}

/* The entries, or NULL: as many as are within bounds, and what they should. */
static const uint8_t *entries(const uint8_t *data, size_t n, const uint8_t *h)
{
	uint64_t pos = get_le64(h + GH_ENTRIES), bytes;
	uint32_t count = get_le32(h + GH_COUNT);

	if (get_le32(h + GH_ENTRY_SIZE) != GPT_ENTRY_SIZE ||
	    count > GPT_ENTRIES_MAX || pos > n / GPT_SECTOR)
		return NULL;
	pos *= GPT_SECTOR;
	bytes = (uint64_t)count * GPT_ENTRY_SIZE;
	if (bytes > n - pos ||
	    gpt_crc32(data + pos, bytes) != get_le32(h + GH_ENTRIES_CRC))
		return NULL;
	return data + pos;
}

bool gpt_read(const uint8_t *data, size_t n, struct gpt *ret)
{
	const uint8_t *h = data + HEADER_POS, *e;

	ret->present = false;
	ret->n = 0;
	if (n < HEADER_POS + GPT_SECTOR || !header_is_right(h))
		return false;
	e = entries(data, n, h);
	if (!e)
		return false;
	ret->present = true;
	memcpy(ret->disk, h + GH_DISK, 16);
	for (uint32_t i = 0; i < get_le32(h + GH_COUNT); i++)
		read_entry(e + (size_t)i * GPT_ENTRY_SIZE, n, ret);
	return true;
}
