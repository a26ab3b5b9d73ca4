// SPDX-License-Identifier: Apache-2.0
#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/num.h"
#include "net.h"

size_t net_address_size(uint8_t family)
{
	return family == AF_INET ? 4 : family == AF_INET6 ? 16 : 0;
}

/* "255.255.255.0" is 24; ones after a zero are no prefix. */
static int mask_prefix(const char *text, uint8_t *ret)
{
	uint8_t b[4];
	uint32_t v;

	if (inet_pton(AF_INET, text, b) != 1)
		return -EINVAL;
	v = (uint32_t)b[0] << 24 | (uint32_t)b[1] << 16 | (uint32_t)b[2] << 8 |
	    b[3];
	if (~v & (~v + 1))
		return -EINVAL;
	*ret = (uint8_t)__builtin_popcount(v);
	return 0;
}

int net_address_parse_mask(const char *text, const char *mask,
			   struct net_address *ret)
{
	uint32_t bits, max;

	memset(ret, 0, sizeof(*ret));
	if (inet_pton(AF_INET, text, ret->bytes) == 1)
		ret->family = AF_INET;
	else if (inet_pton(AF_INET6, text, ret->bytes) == 1)
		ret->family = AF_INET6;
	else
		return -EINVAL;
	max = (uint32_t)net_address_size(ret->family) * 8;
	if (!*mask) {
		ret->prefix = (uint8_t)max;
		return 0;
	}
	if (ret->family == AF_INET && strchr(mask, '.'))
		return mask_prefix(mask, &ret->prefix);
	if (parse_u32(mask, 10, &bits) < 0 || bits > max)
		return -EINVAL;
	ret->prefix = (uint8_t)bits;
	return 0;
}

int net_address_parse(const char *text, struct net_address *ret)
{
	char copy[NET_ADDRESS_TEXT_MAX];
	char *slash;

	if (strlen(text) >= sizeof(copy))
		return -EINVAL;
	memcpy(copy, text, strlen(text) + 1);
	slash = strchr(copy, '/');
	if (slash)
		*slash++ = '\0';
	if (slash && !*slash)
		return -EINVAL;
	return net_address_parse_mask(copy, slash ? slash : "", ret);
}

void net_address_format(const struct net_address *a,
			char ret[NET_ADDRESS_TEXT_MAX])
{
	if (!net_address_size(a->family) ||
	    !inet_ntop(a->family, a->bytes, ret, NET_ADDRESS_TEXT_MAX))
		*ret = '\0';
}

int net_mac_parse(const char *text, uint8_t ret[NET_MAC_SIZE])
{
	size_t i;

	if (strlen(text) != 3 * NET_MAC_SIZE - 1)
		return -EINVAL;
	for (i = 0; i < NET_MAC_SIZE; i++) {
		char digits[3] = {text[3 * i], text[3 * i + 1], '\0'};
		uint32_t v;

		if (parse_u32(digits, 16, &v) < 0 || digits[1] == '\0' ||
		    (i && text[3 * i - 1] != ':'))
			return -EINVAL;
		ret[i] = (uint8_t)v;
	}
	return 0;
}

void net_mac_format(const uint8_t mac[NET_MAC_SIZE], char ret[18])
{
	(void)snprintf(ret, 18, "%02x:%02x:%02x:%02x:%02x:%02x", mac[0],
		       mac[1], mac[2], mac[3], mac[4], mac[5]);
}

bool net_name_is_valid(const char *name)
{
	size_t n = strlen(name), i;

	if (!n || n >= IF_NAMESIZE || !strcmp(name, ".") ||
	    !strcmp(name, ".."))
		return false;
	for (i = 0; i < n; i++)
		if (name[i] <= ' ' || name[i] > '~' || name[i] == '/' ||
		    name[i] == ':' || name[i] == '%')
			return false;
	return true;
}
