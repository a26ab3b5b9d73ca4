// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "device.h"

#define SSID_MAX 3

int ccw_address_parse(const char *text, struct ccw_address *ret)
{
	uint32_t ssid, devno;
	char digit[2] = "";

	/* The channel subsystem id is 0 in every guest. */
	if (strlen(text) != 8 || strncmp(text, "0.", 2) || text[3] != '.')
		return -EINVAL;
	digit[0] = text[2];
	if (parse_u32(digit, 16, &ssid) < 0 || ssid > SSID_MAX ||
	    parse_u32(text + 4, 16, &devno) < 0)
		return -EINVAL;
	ret->ssid = (uint8_t)ssid;
	ret->devno = (uint16_t)devno;
	return 0;
}

int ccw_find_block(const char *sysfs, const char *text, char **ret)
{
	cleanup_free char *dir = NULL;
	struct ccw_address address;
	int r = ccw_address_parse(text, &address);

	if (r < 0)
		return r;
	if (asprintf(&dir, "%s/bus/ccw/devices/0.%x.%04x", sysfs, address.ssid,
		     address.devno) < 0)
		return -ENOMEM;
	return device_block_below(dir, ret);
}
