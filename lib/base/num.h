// SPDX-License-Identifier: Apache-2.0
#ifndef BASE_NUM_H
#define BASE_NUM_H

#include <stdint.h>

/*
 * Numbers from text. The whole string must be the number: no white space, no
 * sign unless the type has one. 0, -EINVAL for text that is none, -ERANGE.
 */
int parse_u64(const char *s, unsigned int base, uint64_t *ret);
int parse_u32(const char *s, unsigned int base, uint32_t *ret);
int parse_i64(const char *s, int64_t *ret);

/* Bytes with an optional binary suffix K, M, G or T, e.g. "64M". */
int parse_size(const char *s, uint64_t *ret);

#endif
