// SPDX-License-Identifier: Apache-2.0
/* Reads the extended attributes of ext4: facts of Linux fs/ext4/xattr.h. They
 * are behind the fields of an inode, in a block of their own, or both. */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "ext4.h"

#define MAGIC 0xea020000u
#define BLOCK_HEAD 32
#define ENTRY 16

enum xattr_entry {
	XE_NAME_SIZE = 0,
	XE_SPACE = 1, /* enum xattr_space */
	XE_POS = 2,   /* of the value */
	XE_INODE = 4, /* that has the value */
	XE_SIZE = 8,
};

/* One entry at P of N bytes, whose value is in the ROOM bytes at VALUES. The
 * bytes it takes, 0 at the end, -errno. */
static ssize_t read_entry(const uint8_t *p, size_t n, const uint8_t *values,
			  size_t room, struct xattrs **ret, bool *unread,
			  struct err *reterr)
{
	char name[XATTR_NAME_LEN_MAX + 16];
	const char *prefix;
	size_t len, pos, size, at;
	int r;

	if (n < 4 || !get_le32(p))
		return 0;
	len = n < ENTRY ? n : p[XE_NAME_SIZE];
	if (n < ENTRY || len > n - ENTRY)
		return -EINVAL;
	prefix = xattr_prefix(p[XE_SPACE]);
	at = prefix ? strlen(prefix) : 0;
	pos = get_le16(p + XE_POS);
	size = get_le32(p + XE_SIZE);
	if (!prefix || !len || at + len > XATTR_NAME_LEN_MAX ||
	    get_le32(p + XE_INODE) || memchr(p + ENTRY, '\0', len)) {
		*unread = true;
		return (ssize_t)ALIGN_UP(ENTRY + len, (size_t)4);
	}
	if (pos > room || size > room - pos)
		return -EINVAL;
	memcpy(name, prefix, at);
	memcpy(name + at, p + ENTRY, len);
	name[at + len] = '\0';
	r = xattrs_set(ret, name, values + pos, size, reterr);
	return r < 0 ? r : (ssize_t)ALIGN_UP(ENTRY + len, (size_t)4);
}

static int read_entries(const uint8_t *p, size_t n, const uint8_t *values,
			size_t room, struct xattrs **ret, bool *unread,
			struct err *reterr)
{
	ssize_t took;

	do {
		took = read_entry(p, n, values, room, ret, unread, reterr);
		if (took > 0) {
			p += MIN((size_t)took, n);
			n -= MIN((size_t)took, n);
		}
	} while (took > 0);
	return (int)took;
}

int ext4_xattr_inode(const uint8_t *p, size_t n, struct xattrs **ret,
		     bool *unread, struct err *reterr)
{
	if (n < 4 || get_le32(p) != MAGIC)
		return 0;
	return read_entries(p + 4, n - 4, p + 4, n - 4, ret, unread, reterr);
}

int ext4_xattr_block(const uint8_t *p, size_t n, struct xattrs **ret,
		     bool *unread, struct err *reterr)
{
	if (n < BLOCK_HEAD || get_le32(p) != MAGIC || get_le32(p + 8) != 1)
		return -EINVAL;
	return read_entries(p + BLOCK_HEAD, n - BLOCK_HEAD, p, n, ret, unread,
			    reterr);
}
