// SPDX-License-Identifier: Apache-2.0
#include <stdio.h>
#include <string.h>
#include <sys/utsname.h>

#include "record.h"

static const uint8_t file[RECORD_SIZE] = {
	0x78, 0x56, 0x34, 0x12, 0xef, 0xcd, 0xab, 0x90, 0x78, 0x56, 0x34, 0x12,
};
static int failed;

static void check(int ok, const char *what)
{
	printf("%s - %s\n", ok ? "ok" : "not ok", what);
	failed |= !ok;
}

int main(void)
{
	const struct record want = {0x12345678, 0x1234567890abcdef};
	uint8_t bytes[RECORD_SIZE];
	struct record r;
	struct utsname u;
	const uint16_t one = 1;

	record_pack(&want, bytes);
	check(!memcmp(bytes, file, sizeof(file)), "pack");
	record_unpack(file, &r);
	check(r.id == want.id && r.time == want.time, "unpack");
	if (uname(&u) == 0)
		printf("# %s, %s-endian\n", u.machine,
		       *(const uint8_t *)&one ? "little" : "big");
	return failed;
}
