// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_GPT_H
#define OSBUILDER_GPT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * Partition tables of images of others: the GPT of UEFI 2.10, section 5.3, with
 * sectors of 512 bytes. Images of ours have none.
 */
#define GPT_SECTOR 512
#define GPT_HEADER_SIZE 92
#define GPT_ENTRY_SIZE 128
#define GPT_ENTRIES_MAX 128
#define GPT_NAME_UNITS 36

enum gpt_header {
	GH_SIGNATURE = 0,
	GH_SIZE = 12,
	GH_CRC = 16,
	GH_THIS = 24,
	GH_DISK = 56,
	GH_ENTRIES = 72, /* sector */
	GH_COUNT = 80,
	GH_ENTRY_SIZE = 84,
	GH_ENTRIES_CRC = 88,
};

enum gpt_entry {
	GE_TYPE = 0,
	GE_UUID = 16,
	GE_FIRST = 32,
	GE_LAST = 40,
	GE_NAME = 56,
};

struct gpt_partition {
	uint64_t start, size; /* bytes */
	uint8_t type[16], uuid[16];
	char name[GPT_NAME_UNITS + 1]; /* what is not ASCII is a '?' */
};

struct gpt {
	bool present;
	uint8_t disk[16];
	size_t n;
	struct gpt_partition v[GPT_ENTRIES_MAX];
};

/* Reads the table in the N hostile bytes of an image: false when there is none
 * or its checksums are wrong. Partitions that are not within N are left out. */
bool gpt_read(const uint8_t *data, size_t n, struct gpt *ret);

/* CRC-32 as GPT has it: ISO 3309. */
uint32_t gpt_crc32(const uint8_t *p, size_t n);

/* GUIDs are written with their first three parts in little endian. */
#define GUID_TEXT_SIZE 37
void guid_format(const uint8_t guid[16], char ret[GUID_TEXT_SIZE]);

#endif
