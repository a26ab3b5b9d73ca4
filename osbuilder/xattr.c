// SPDX-License-Identifier: Apache-2.0
#include "xattr.h"

#include <errno.h>
#include <linux/capability.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/endian.h"
#include "base/macros.h"

static const struct {
	const char *prefix;
	enum xattr_space space;
} spaces[] = {
	{"user.", XATTR_USER},
	{"trusted.", XATTR_TRUSTED},
	{"security.", XATTR_SECURITY},
};

void xattrs_free(struct xattrs *x)
{
	if (!x)
		return;
	for (size_t i = 0; i < x->n; i++) {
		free(x->v[i].name);
		free(x->v[i].value);
	}
	free(x->v);
	free(x);
}

int xattr_space(const char *name, const char **ret_rest)
{
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++) {
		size_t n = strlen(spaces[i].prefix);

		if (strncmp(name, spaces[i].prefix, n) != 0 || !name[n])
			continue;
		*ret_rest = name + n;
		return (int)spaces[i].space;
	}
	return -1;
}

const char *xattr_prefix(int space)
{
	for (size_t i = 0; i < ARRAY_SIZE(spaces); i++)
		if ((int)spaces[i].space == space)
			return spaces[i].prefix;
	return NULL;
}

/* Where NAME is, or belongs. */
static size_t place_of(const struct xattrs *x, const char *name, bool *found)
{
	size_t i = 0;

	while (i < x->n && strcmp(x->v[i].name, name) < 0)
		i++;
	*found = i < x->n && !strcmp(x->v[i].name, name);
	return i;
}

static int insert(struct xattrs *x, size_t at, const char *name)
{
	struct xattr *v = reallocarray(x->v, x->n + 1, sizeof(*v));
	char *copy = strdup(name);

	if (v)
		x->v = v;
	if (!v || !copy) {
		free(copy);
		return -ENOMEM;
	}
	memmove(v + at + 1, v + at, (x->n - at) * sizeof(*v));
	v[at] = (struct xattr){.name = copy};
	x->n++;
	return 0;
}

static int set(struct xattrs *x, const char *name, const void *value,
	       size_t size)
{
	uint8_t *copy = size ? malloc(size) : NULL;
	bool found;
	size_t at = place_of(x, name, &found);

	if ((size && !copy) || (!found && insert(x, at, name) < 0)) {
		free(copy);
		return -ENOMEM;
	}
	if (size)
		memcpy(copy, value, size);
	free(x->v[at].value);
	x->v[at].value = copy;
	x->v[at].size = size;
	return 0;
}

int xattrs_set(struct xattrs **x, const char *name, const void *value,
	       size_t size, struct err *reterr)
{
	const char *rest;

	if (xattr_space(name, &rest) < 0 || strlen(name) > XATTR_NAME_LEN_MAX)
		return err_set(reterr, -EINVAL, "extended attribute '%.64s': "
			       "only user.*, trusted.* and security.* are "
			       "carried", name);
	if (!*x)
		*x = calloc(1, sizeof(**x));
	if (*x && ((*x)->n >= XATTR_COUNT_MAX || size > XATTR_VALUE_MAX))
		return err_set(reterr, -E2BIG, "extended attribute '%.64s': "
			       "too many, or too long", name);
	if (!*x || set(*x, name, value, size) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

bool xattrs_copy(const struct xattrs *x, struct xattrs **ret)
{
	struct xattrs *copy;

	*ret = NULL;
	if (!x)
		return true;
	copy = calloc(1, sizeof(*copy));
	for (size_t i = 0; copy && i < x->n; i++) {
		if (set(copy, x->v[i].name, x->v[i].value, x->v[i].size) == 0)
			continue;
		xattrs_free(copy);
		copy = NULL;
	}
	*ret = copy;
	return copy != NULL;
}

size_t xattrs_bytes(const struct xattrs *x)
{
	size_t n = 0;

	for (size_t i = 0; x && i < x->n; i++)
		n += strlen(x->v[i].name) + x->v[i].size;
	return n;
}

bool xattrs_equal(const struct xattrs *a, const struct xattrs *b)
{
	size_t n = a ? a->n : 0;

	if (n != (b ? b->n : 0))
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(a->v[i].name, b->v[i].name) != 0 ||
		    a->v[i].size != b->v[i].size ||
		    (a->v[i].size &&
		     memcmp(a->v[i].value, b->v[i].value, a->v[i].size) != 0))
			return false;
	return true;
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

static int parse_hex(const char *s, struct buf *ret)
{
	for (; *s; s += 2) {
		int high = hex_digit(s[0]);
		int low = high < 0 ? -1 : hex_digit(s[1]);

		if (low < 0)
			return -EINVAL;
		(void)buf_put_u8(ret, (uint8_t)(high << 4 | low));
	}
	return buf_error(ret);
}

static int parse_base64(const char *s, struct buf *ret)
{
	size_t n = strlen(s), pad = 0;
	uint8_t *to;
	int got;

	if (n == 0)
		return 0;
	to = buf_reserve(ret, n);
	if (!to)
		return buf_error(ret);
	while (pad < 2 && pad < n && s[n - 1 - pad] == '=')
		pad++;
	got = EVP_DecodeBlock(to, (const unsigned char *)s, (int)n);
	if (got < 0 || (size_t)got < pad)
		return -EINVAL;
	buf_commit(ret, (size_t)got - pad); /* it counts the padding */
	return 0;
}

int xattr_value_parse(const char *text, struct buf *ret)
{
	if (strlen(text) > 2 * XATTR_VALUE_MAX + 2)
		return -EINVAL;
	if (!strncasecmp(text, "0x", 2))
		return parse_hex(text + 2, ret);
	if (!strncasecmp(text, "0s", 2))
		return parse_base64(text + 2, ret);
	return buf_put_str(ret, text);
}

void xattr_value_format(const struct xattr *x, struct buf *ret)
{
	bool text = true;

	for (size_t i = 0; i < x->size; i++)
		if (x->value[i] <= ' ' || x->value[i] >= 0x7f)
			text = false;
	/* What begins like one of the other forms would be read as that. */
	if (x->size >= 2 && x->value[0] == '0' &&
	    memchr("xXsS", x->value[1], 4))
		text = false;
	if (text) {
		(void)buf_put(ret, x->value, x->size);
		return;
	}
	(void)buf_put_str(ret, "0x");
	for (size_t i = 0; i < x->size; i++)
		(void)buf_printf(ret, "%02x", x->value[i]);
}

static const char *const cap_names[] = {
	[CAP_CHOWN] = "chown",
	[CAP_DAC_OVERRIDE] = "dac_override",
	[CAP_DAC_READ_SEARCH] = "dac_read_search",
	[CAP_FOWNER] = "fowner",
	[CAP_FSETID] = "fsetid",
	[CAP_KILL] = "kill",
	[CAP_SETGID] = "setgid",
	[CAP_SETUID] = "setuid",
	[CAP_SETPCAP] = "setpcap",
	[CAP_LINUX_IMMUTABLE] = "linux_immutable",
	[CAP_NET_BIND_SERVICE] = "net_bind_service",
	[CAP_NET_BROADCAST] = "net_broadcast",
	[CAP_NET_ADMIN] = "net_admin",
	[CAP_NET_RAW] = "net_raw",
	[CAP_IPC_LOCK] = "ipc_lock",
	[CAP_IPC_OWNER] = "ipc_owner",
	[CAP_SYS_MODULE] = "sys_module",
	[CAP_SYS_RAWIO] = "sys_rawio",
	[CAP_SYS_CHROOT] = "sys_chroot",
	[CAP_SYS_PTRACE] = "sys_ptrace",
	[CAP_SYS_PACCT] = "sys_pacct",
	[CAP_SYS_ADMIN] = "sys_admin",
	[CAP_SYS_BOOT] = "sys_boot",
	[CAP_SYS_NICE] = "sys_nice",
	[CAP_SYS_RESOURCE] = "sys_resource",
	[CAP_SYS_TIME] = "sys_time",
	[CAP_SYS_TTY_CONFIG] = "sys_tty_config",
	[CAP_MKNOD] = "mknod",
	[CAP_LEASE] = "lease",
	[CAP_AUDIT_WRITE] = "audit_write",
	[CAP_AUDIT_CONTROL] = "audit_control",
	[CAP_SETFCAP] = "setfcap",
	[CAP_MAC_OVERRIDE] = "mac_override",
	[CAP_MAC_ADMIN] = "mac_admin",
	[CAP_SYSLOG] = "syslog",
	[CAP_WAKE_ALARM] = "wake_alarm",
	[CAP_BLOCK_SUSPEND] = "block_suspend",
	[CAP_AUDIT_READ] = "audit_read",
	[CAP_PERFMON] = "perfmon",
	[CAP_BPF] = "bpf",
	[CAP_CHECKPOINT_RESTORE] = "checkpoint_restore",
};

/* The bit of the capability of N bytes at NAME, or 0. */
static uint64_t cap_bit(const char *name, size_t n)
{
	if (n > 4 && !strncasecmp(name, "cap_", 4)) {
		name += 4;
		n -= 4;
	}
	for (size_t i = 0; i < ARRAY_SIZE(cap_names); i++)
		if (strlen(cap_names[i]) == n &&
		    !strncasecmp(cap_names[i], name, n))
			return UINT64_C(1) << i;
	return 0;
}

int xattr_caps_parse(const char *text, uint8_t ret[XATTR_CAPABILITY_SIZE])
{
	size_t end = strcspn(text, "=+");
	const char *flags = text + end;
	uint64_t caps = 0, permitted, inheritable;

	if (!*flags++ || !*flags || strspn(flags, "eip") != strlen(flags))
		return -EINVAL;
	for (size_t at = 0; at < end;) {
		size_t n = strcspn(text + at, ",=+");
		uint64_t bit = cap_bit(text + at, n);

		if (!bit)
			return -EINVAL;
		caps |= bit;
		at += n + 1;
	}
	permitted = strchr(flags, 'p') ? caps : 0;
	inheritable = strchr(flags, 'i') ? caps : 0;
	if (!caps || !(permitted | inheritable))
		return -EINVAL;
	put_le32(ret, VFS_CAP_REVISION_2 |
			      (strchr(flags, 'e') ? VFS_CAP_FLAGS_EFFECTIVE : 0));
	put_le32(ret + 4, (uint32_t)permitted);
	put_le32(ret + 8, (uint32_t)inheritable);
	put_le32(ret + 12, (uint32_t)(permitted >> 32));
	put_le32(ret + 16, (uint32_t)(inheritable >> 32));
	return 0;
}
