// SPDX-License-Identifier: Apache-2.0
#include "sysctl.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#include "base/macros.h"
#include "os/io.h"

static const struct {
	const char *prefix;
	unsigned int flag; /* namespace it belongs to; 0: the sandbox's */
} rules[] = {
	{"kernel/msgmax", CLONE_NEWIPC},
	{"kernel/msgmnb", CLONE_NEWIPC},
	{"kernel/msgmni", CLONE_NEWIPC},
	{"kernel/sem", CLONE_NEWIPC},
	{"kernel/shmall", CLONE_NEWIPC},
	{"kernel/shmmax", CLONE_NEWIPC},
	{"kernel/shmmni", CLONE_NEWIPC},
	{"kernel/shm_rmid_forced", CLONE_NEWIPC},
	{"fs/mqueue/", CLONE_NEWIPC},
	{"kernel/hostname", CLONE_NEWUTS},
	{"kernel/domainname", CLONE_NEWUTS},
	{"net/", 0},
};

static bool matches(const char *path, const char *prefix)
{
	size_t n = strlen(prefix);

	if (prefix[n - 1] == '/')
		return !strncmp(path, prefix, n) && path[n];
	return !strcmp(path, prefix);
}

int sysctl_path(const char *key, unsigned int namespaces,
		char ret[SYSCTL_PATH_MAX])
{
	/* As sysctl(8): the first separator tells; the other then is literal
	 * ("net.ipv4.conf.eth0/1.forwarding"). */
	size_t i, first = strcspn(key, "./"), n = strlen(key);
	char separator = key[first];

	if (!n || n >= SYSCTL_PATH_MAX || !separator)
		return -EINVAL;
	for (i = 0; i <= n; i++) {
		char c = key[i];

		if (c && !strchr("abcdefghijklmnopqrstuvwxyz"
				 "ABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-./:@",
				 c))
			return -EINVAL;
		if (c == separator)
			c = '/';
		else if (separator == '.' && c == '/')
			c = '.';
		ret[i] = c;
	}
	if (*ret == '/' || strstr(ret, "//") || strstr(ret, "/.") ||
	    ret[n - 1] == '/' || *ret == '.')
		return -EINVAL;
	for (i = 0; i < ARRAY_SIZE(rules); i++)
		if (matches(ret, rules[i].prefix) &&
		    (!rules[i].flag || rules[i].flag & namespaces))
			return 0;
	return -EPERM;
}

int sysctl_set(const char *key, const char *value, unsigned int namespaces,
	       struct err *reterr)
{
	char path[SYSCTL_PATH_MAX], full[SYSCTL_PATH_MAX + 16];
	int r = sysctl_path(key, namespaces, path);

	if (r == -EPERM)
		return err_set(reterr, r, "sysctl '%.200s' is not of a "
			       "namespace of the container's", key);
	if (r < 0)
		return err_set(reterr, r, "sysctl '%.200s'", key);
	(void)snprintf(full, sizeof(full), "/proc/sys/%s", path);
	r = write_file(AT_FDCWD, full, value);
	if (r < 0)
		return err_code(reterr, r, "sysctl '%.200s' to '%.200s'", key,
				value);
	return 0;
}
