// SPDX-License-Identifier: Apache-2.0
/* What both formats write the same way. */
#include <errno.h>
#include <stdio.h>
#include <time.h>

#include "fileio.h"
#include "sbom.h"
#include "uuid.h"

int sbom_uuid(const void *data, size_t n, char ret[SBOM_UUID_SIZE])
{
	uint8_t hash[32];

	if (sha256(data, n, hash) < 0)
		return -EIO;
	hash[6] = (uint8_t)((hash[6] & 0x0f) | 0x80);
	hash[8] = (uint8_t)((hash[8] & 0x3f) | 0x80);
	uuid_format(hash, ret);
	return 0;
}

void sbom_ref(size_t i, char ret[32])
{
	(void)snprintf(ret, 32, "part-%05zu", i);
}

void sbom_time(int64_t epoch, char ret[32])
{
	time_t t = (time_t)epoch;
	struct tm tm = {0};

	(void)gmtime_r(&t, &tm);
	(void)strftime(ret, 32, "%Y-%m-%dT%H:%M:%SZ", &tm);
}
