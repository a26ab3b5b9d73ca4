// SPDX-License-Identifier: Apache-2.0
#include "num.h"

#include <errno.h>
#include <string.h>

#include "macros.h"

static unsigned int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return (unsigned int)(c - '0');
	if (c >= 'a' && c <= 'z')
		return (unsigned int)(c - 'a') + 10;
	if (c >= 'A' && c <= 'Z')
		return (unsigned int)(c - 'A') + 10;
	return 99;
}

static int parse_digits(const char *s, size_t n, unsigned int base,
			uint64_t *ret)
{
	uint64_t v = 0;
	size_t i;

	if (!n)
		return -EINVAL;
	for (i = 0; i < n; i++) {
		unsigned int d = digit_value(s[i]);

		if (d >= base)
			return -EINVAL;
		if (mul_overflows(v, (uint64_t)base, &v) ||
		    add_overflows(v, (uint64_t)d, &v))
			return -ERANGE;
	}
	*ret = v;
	return 0;
}

int parse_u64(const char *s, unsigned int base, uint64_t *ret)
{
	return parse_digits(s, strlen(s), base, ret);
}

int parse_u32(const char *s, unsigned int base, uint32_t *ret)
{
	uint64_t v;
	int r = parse_u64(s, base, &v);

	if (r < 0)
		return r;
	if (v > UINT32_MAX)
		return -ERANGE;
	*ret = (uint32_t)v;
	return 0;
}

int parse_i64(const char *s, int64_t *ret)
{
	int negative = *s == '-';
	uint64_t v;
	int r = parse_u64(s + negative, 10, &v);

	if (r < 0)
		return r;
	if (v > (uint64_t)INT64_MAX + (uint64_t)negative)
		return -ERANGE;
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int parse_size(const char *s, uint64_t *ret)
{
	static const char suffixes[] = "KMGT";
	size_t n = strlen(s);
	const char *suffix;
	uint64_t v;
	int r, shift = 0;

	suffix = n ? strchr(suffixes, s[n - 1]) : NULL;
	if (suffix && *suffix) {
		shift = 10 * (int)(suffix - suffixes + 1);
		n--;
	}
	r = parse_digits(s, n, 10, &v);
	if (r < 0)
		return r;
	if (mul_overflows(v, (uint64_t)1 << shift, &v))
		return -ERANGE;
	*ret = v;
	return 0;
}
