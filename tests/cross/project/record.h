// SPDX-License-Identifier: Apache-2.0
#ifndef RECORD_H
#define RECORD_H

#include <stddef.h>
#include <stdint.h>

#define RECORD_SIZE 12

/* A record of a file that machines of all kinds exchange: little-endian. */
struct record {
	uint32_t id;
	uint64_t time;
};

void record_pack(const struct record *r, uint8_t out[RECORD_SIZE]);
void record_unpack(const uint8_t in[RECORD_SIZE], struct record *r);

#endif
