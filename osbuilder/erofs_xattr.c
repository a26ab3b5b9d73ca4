// SPDX-License-Identifier: Apache-2.0
/* Extended attributes of EROFS. They are written behind each inode; those that
 * others have put together for several inodes are read as well. */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "erofs.h"

static size_t entry_size(const struct xattr *x)
{
	const char *rest = "";

	(void)xattr_space(x->name, &rest);
	return ALIGN_UP(EROFS_XATTR_ENTRY + strlen(rest) + x->size, (size_t)4);
}

size_t erofs_xattr_size(const struct xattrs *x)
{
	size_t n = EROFS_XATTR_HEAD;

	if (!x || !x->n)
		return 0;
	for (size_t i = 0; i < x->n; i++)
		n += entry_size(&x->v[i]);
	return n;
}

void erofs_xattr_write(const struct xattrs *x, uint8_t *p)
{
	p += EROFS_XATTR_HEAD;
	for (size_t i = 0; i < x->n; i++) {
		const struct xattr *a = &x->v[i];
		const char *rest = "";
		int space = xattr_space(a->name, &rest);
		size_t len = strlen(rest);

		p[XE_NAME_SIZE] = (uint8_t)len;
		p[XE_SPACE] = (uint8_t)space;
		put_le16(p + XE_SIZE, (uint16_t)a->size);
		memcpy(p + EROFS_XATTR_ENTRY, rest, len);
		if (a->size)
			memcpy(p + EROFS_XATTR_ENTRY + len, a->value, a->size);
		p += entry_size(a);
	}
}

/* One entry in the N bytes at P; the bytes it takes, or -errno. */
static ssize_t read_entry(const uint8_t *p, size_t n, struct xattrs **ret,
			  bool *unread, struct err *reterr)
{
	char name[XATTR_NAME_LEN_MAX + 16];
	const char *prefix;
	size_t len, size, at;

	if (n < EROFS_XATTR_ENTRY)
		return -EINVAL;
	len = p[XE_NAME_SIZE];
	size = get_le16(p + XE_SIZE);
	if (len + size > n - EROFS_XATTR_ENTRY)
		return -EINVAL;
	prefix = xattr_prefix(p[XE_SPACE]);
	at = prefix ? strlen(prefix) : 0;
	if (!prefix || !len || at + len > XATTR_NAME_LEN_MAX ||
	    memchr(p + EROFS_XATTR_ENTRY, '\0', len)) {
		*unread = true;
	} else {
		int r;

		memcpy(name, prefix, at);
		memcpy(name + at, p + EROFS_XATTR_ENTRY, len);
		name[at + len] = '\0';
		r = xattrs_set(ret, name, p + EROFS_XATTR_ENTRY + len, size,
			       reterr);
		if (r < 0)
			return r;
	}
	return (ssize_t)ALIGN_UP(EROFS_XATTR_ENTRY + len + size, (size_t)4);
}

static int read_shared(const uint8_t *fs, size_t n, uint64_t pos,
		       struct xattrs **ret, bool *unread, struct err *reterr)
{
	if (pos >= n)
		return -EINVAL;
	return (int)MIN(read_entry(fs + pos, n - pos, ret, unread, reterr),
			(ssize_t)0);
}

int erofs_xattr_read(const uint8_t *fs, size_t n, uint64_t shared,
		     const uint8_t *p, size_t size, struct xattrs **ret,
		     bool *unread, struct err *reterr)
{
	size_t at = EROFS_XATTR_HEAD;
	ssize_t took = 0;

	if (size < at)
		return -EINVAL;
	for (unsigned int k = p[EROFS_XATTR_SHARED]; k && took >= 0; k--) {
		if (at + 4 > size)
			return -EINVAL;
		took = read_shared(fs, n,
				   shared + 4 * (uint64_t)get_le32(p + at),
				   ret, unread, reterr);
		at += 4;
	}
	while (took >= 0 && at < size) {
		took = read_entry(p + at, size - at, ret, unread, reterr);
		if (took > 0)
			at += (size_t)took;
	}
	return (int)MIN(took, (ssize_t)0);
}
