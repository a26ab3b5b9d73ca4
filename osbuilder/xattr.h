// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_XATTR_H
#define OSBUILDER_XATTR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

/* Linux's own limits, <linux/limits.h>, but for a size of 16 bits in EROFS. */
#define XATTR_NAME_LEN_MAX 255
#define XATTR_VALUE_MAX 65535
#define XATTR_COUNT_MAX 128

/* One extended attribute: its whole name, "user.x", and its bytes. */
struct xattr {
	char *name;	/* owned */
	uint8_t *value; /* owned; NULL when it is empty */
	size_t size;
};

/* Those of one file, sorted by name in the order of bytes, each name once. */
struct xattrs {
	struct xattr *v; /* owned */
	size_t n;
};

/* The name spaces that are carried, by their numbers in EROFS and ext4. */
enum xattr_space {
	XATTR_USER = 1,
	XATTR_TRUSTED = 4,
	XATTR_SECURITY = 6,
};

void xattrs_free(struct xattrs *x);

/* Sets NAME in *X, which is made when it is NULL. -EINVAL for a name of another
 * space or too long, -E2BIG beyond the caps. */
int xattrs_set(struct xattrs **x, const char *name, const void *value,
	       size_t size, struct err *reterr);

/* A copy; NULL for NULL. False when there is no memory. */
bool xattrs_copy(const struct xattrs *x, struct xattrs **ret);

/* What the names and values take. */
size_t xattrs_bytes(const struct xattrs *x);

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b);

/* The space of a name and where the rest of it begins, or -1. */
int xattr_space(const char *name, const char **ret_rest);

/* The prefix of a space, "user.", or NULL. */
const char *xattr_prefix(int space);

/*
 * A value as setfattr(1) takes and getfattr(1) shows it: "0x" and hexadecimal
 * digits, "0s" and base64, or text. To text, what is no printable text becomes
 * hexadecimal.
 */
int xattr_value_parse(const char *text, struct buf *ret);
void xattr_value_format(const struct xattr *x, struct buf *ret);

/*
 * What setcap(8) takes, to the value of security.capability: names with or
 * without "cap_", separated by commas, "=" or "+", and some of "eip". Linux
 * include/uapi/linux/capability.h, VFS_CAP_REVISION_2.
 */
#define XATTR_CAPABILITY "security.capability"
#define XATTR_CAPABILITY_SIZE 20
int xattr_caps_parse(const char *text, uint8_t ret[XATTR_CAPABILITY_SIZE]);

#endif
