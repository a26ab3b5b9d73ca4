// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <string.h>

#ifdef BUG
/* As many programs do it, who only ever ran on a little-endian machine. */
void record_pack(const struct record *r, uint8_t out[RECORD_SIZE])
{
	memcpy(out, &r->id, sizeof(r->id));
	memcpy(out + 4, &r->time, sizeof(r->time));
}
#else
void record_pack(const struct record *r, uint8_t out[RECORD_SIZE])
{
	int i;

	for (i = 0; i < 4; i++)
		out[i] = (uint8_t)(r->id >> 8 * i);
	for (i = 0; i < 8; i++)
		out[4 + i] = (uint8_t)(r->time >> 8 * i);
}
#endif

void record_unpack(const uint8_t in[RECORD_SIZE], struct record *r)
{
	int i;

	memset(r, 0, sizeof(*r));
	for (i = 0; i < 4; i++)
		r->id |= (uint32_t)in[i] << 8 * i;
	for (i = 0; i < 8; i++)
		r->time |= (uint64_t)in[4 + i] << 8 * i;
}
