// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SEHDR_H
#define OSBUILDER_SEHDR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/* IBM Secure Execution puts no more than this in a header. */
#define SE_HEADER_MAX 8192
#define SE_SLOTS_MAX ((SE_HEADER_MAX - SE_HEAD - SE_TAG) / SE_SLOT)
#define SE_HEAD 416
#define SE_SLOT 80
#define SE_TAG 16

/* The header of an image for IBM Secure Execution, which is in the clear but
 * for its encrypted area. Refers to the bytes it was read from. */
struct se_header {
	uint64_t pos; /* in the image */
	uint32_t version, size;
	uint64_t slots;	    /* of host keys */
	uint64_t encrypted; /* bytes of the encrypted area */
	uint64_t pages;	    /* encrypted pages of the image */
	uint64_t flags;	    /* plaintext control flags */
	const uint8_t *pld, *ald, *tld; /* SHA-512: pages, addresses, tweaks */
	const uint8_t *slot; /* first; each begins with a key's SHA-256 */
	const uint8_t *tag;
};

/* Looks for a header at the pages of the N hostile bytes of an image. False
 * when there is none whose sizes agree. */
bool se_header_find(const uint8_t *data, size_t n, struct se_header *ret);

/* Whether these are the first bytes of a kernel of s390x. */
bool s390x_kernel_probe(const uint8_t *data, size_t n);

#endif
