// SPDX-License-Identifier: Apache-2.0
#include "os/safe_path.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

/* openat2() asks to be tried again when a rename races with it. */
#define ATTEMPTS_MAX 64

static int open_resolved(int rootfd, const char *path, int flags, mode_t mode,
			 uint64_t resolve)
{
	struct open_how how = {
		.flags = (uint64_t)(unsigned int)flags | O_CLOEXEC,
		.mode = flags & O_CREAT ? mode : 0,
		.resolve = resolve | RESOLVE_NO_MAGICLINKS,
	};
	int i;

	if (!*path)
		path = ".";
	for (i = 0; i < ATTEMPTS_MAX; i++) {
		long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));

		if (fd >= 0)
			return (int)fd;
		if (errno != EAGAIN && errno != EINTR)
			return -errno;
	}
	return -EAGAIN;
}

int root_open(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_resolved(rootfd, path, flags, mode, RESOLVE_IN_ROOT);
}

int root_open_nolinks(int rootfd, const char *path, int flags, mode_t mode)
{
	return open_resolved(rootfd, path, flags, mode,
			     RESOLVE_IN_ROOT | RESOLVE_NO_SYMLINKS);
}

int root_open_beneath(int rootfd, const char *path, int flags)
{
	return open_resolved(rootfd, path, flags, 0, RESOLVE_BENEATH);
}

static int open_dir(int rootfd, const char *path)
{
	return root_open(rootfd, path, O_PATH | O_DIRECTORY, 0);
}

int root_mkdirs(int rootfd, const char *path, mode_t mode)
{
	cleanup_free char *prefix = NULL;
	size_t end = 0, n = strlen(path);
	int fd = open_dir(rootfd, path);

	if (fd != -ENOENT)
		return fd;
	prefix = strdup(path);
	if (!prefix)
		return -ENOMEM;
	while (end < n) {
		cleanup_close int parent = -1;
		size_t start = end + strspn(path + end, "/");

		end = start + strcspn(path + start, "/");
		if (end == start)
			break;
		memcpy(prefix, path, end);
		prefix[end] = '\0';
		fd = open_dir(rootfd, prefix);
		if (fd >= 0) {
			close_fd(&fd);
			continue;
		}
		if (fd != -ENOENT)
			return fd;
		prefix[start] = '\0';
		parent = open_dir(rootfd, prefix);
		if (parent < 0)
			return parent;
		memcpy(prefix + start, path + start, end - start);
		/* A dangling link gives EEXIST here, and ENOENT at the end. */
		if (mkdirat(parent, prefix + start, mode) < 0 &&
		    errno != EEXIST)
			return -errno;
	}
	return open_dir(rootfd, path);
}

int root_follow(int rootfd, const char *path, char **ret)
{
	cleanup_free char *copy = strdup(path), *target = NULL;
	cleanup_close int link = -1;
	char text[PATH_MAX];
	size_t n = copy ? strlen(copy) : 0;
	ssize_t len;

	while (n && copy[n - 1] == '/')
		copy[--n] = '\0';
	if (!n)
		return -ENOENT;
	link = root_open(rootfd, copy, O_PATH | O_NOFOLLOW, 0);
	if (link < 0)
		return link;
	len = readlinkat(link, "", text, sizeof(text) - 1);
	if (len < 0)
		return errno == EINVAL || errno == ENOENT ? -EEXIST : -errno;
	text[len] = '\0';
	while (n && copy[n - 1] != '/')
		n--;
	copy[n] = '\0';
	target = *text == '/' ? strdup(text) : path_join(copy, text);
	if (!target)
		return -ENOMEM;
	*ret = TAKE_PTR(target);
	return 0;
}

int root_parent(int rootfd, const char *path, const char **ret_name)
{
	const char *name = path_base(path);
	cleanup_free char *dir = NULL;

	if (!*name || !strcmp(name, ".") || !strcmp(name, ".."))
		return -EINVAL;
	dir = strndup(path, (size_t)(name - path));
	if (!dir)
		return -ENOMEM;
	*ret_name = name;
	return root_mkdirs(rootfd, dir, 0755);
}

int root_touch(int rootfd, const char *path, mode_t mode)
{
	cleanup_close int parent = -1, made = -1;
	const char *name;
	int fd = root_open(rootfd, path, O_PATH, 0);

	if (fd != -ENOENT)
		return fd;
	parent = root_parent(rootfd, path, &name);
	if (parent < 0)
		return parent;
	made = openat(parent, name,
		      O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC,
		      mode);
	if (made < 0)
		return -errno;
	return root_open(rootfd, path, O_PATH, 0);
}

bool path_is_within(const char *dir, const char *path)
{
	size_t n = strlen(dir);

	if (!path_is_normal(path) || strncmp(path, dir, n))
		return false;
	return !path[n] || path[n] == '/' || (n == 1 && *dir == '/');
}

const char *fd_path(char out[FD_PATH_SIZE], int fd)
{
	(void)snprintf(out, FD_PATH_SIZE, "/proc/self/fd/%d", fd);
	return out;
}
