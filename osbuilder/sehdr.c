// SPDX-License-Identifier: Apache-2.0
/*
 * The header of an image for IBM Secure Execution, big-endian: 416 bytes, a
 * slot for each host key, the encrypted area, a tag. Facts: the documentation
 * of s390-tools' genprotimg and pvimg.
 */
#include "sehdr.h"

#include <string.h>

#include "base/endian.h"

#define PAGE 4096

enum head {
	H_MAGIC = 0,
	H_VERSION = 8,
	H_SIZE = 12,
	H_SLOTS = 32,
	H_ENCRYPTED = 40,
	H_PAGES = 48,
	H_FLAGS = 56,
	H_PLD = 224, /* behind a public key of 160 bytes */
	H_ALD = 288,
	H_TLD = 352,
};

#define VERSION 0x100

static const uint8_t magic[8] = "IBMSecEx";

static bool parse(const uint8_t *p, size_t n, struct se_header *ret)
{
	if (n < SE_HEAD || memcmp(p + H_MAGIC, magic, sizeof(magic)) != 0)
		return false;
	*ret = (struct se_header){.version = get_be32(p + H_VERSION),
				  .size = get_be32(p + H_SIZE),
				  .slots = get_be64(p + H_SLOTS),
				  .encrypted = get_be64(p + H_ENCRYPTED),
				  .pages = get_be64(p + H_PAGES),
				  .flags = get_be64(p + H_FLAGS),
				  .pld = p + H_PLD,
				  .ald = p + H_ALD,
				  .tld = p + H_TLD,
				  .slot = p + SE_HEAD};
	if (ret->version != VERSION || ret->size > n ||
	    ret->size > SE_HEADER_MAX || ret->slots > SE_SLOTS_MAX ||
	    ret->encrypted > SE_HEADER_MAX ||
	    ret->size < SE_HEAD + ret->slots * SE_SLOT + ret->encrypted +
				SE_TAG)
		return false;
	ret->tag = p + ret->size - SE_TAG;
	return true;
}

bool se_header_find(const uint8_t *data, size_t n, struct se_header *ret)
{
	for (size_t pos = 0; pos + SE_HEAD <= n; pos += PAGE) {
		if (parse(data + pos, n - pos, ret)) {
			ret->pos = pos;
			return true;
		}
	}
	return false;
}

bool s390x_kernel_probe(const uint8_t *data, size_t n)
{
	static const uint8_t name[8] = {'S', '3', '9', '0', 'E', 'P', 0, 1};

	return n >= 0x10010 &&
	       memcmp(data + 0x10008, name, sizeof(name)) == 0;
}
