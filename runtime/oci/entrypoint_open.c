// SPDX-License-Identifier: Apache-2.0
/* The way to a file of an image, which never leads out of it. */
#include "runtime/oci/entrypoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/safe_path.h"

#define LINKS_MAX 40

/* Opens one directory or file NAME, itself if it is a link. */
static int open_step(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * What is left to walk: the target of the link at FD, then REST. 1 when FD is
 * a link and PATH (PATH_MAX bytes) is the new text, 0 when it is none.
 */
static int expand_link(int fd, const char *rest, char *path)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;
	int len;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlinkat(fd, "", text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (strlen(text) + strlen(rest) + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	len = snprintf(path, PATH_MAX, "%s/%s", text, rest);
	return len < 0 ? -EINVAL : 1;
}

/*
 * The directories on the way are kept open, so that ".." is a step back on our
 * own way and never asks the file system.
 */
struct walk {
	int fds[64];
	size_t n;
};

static void walk_back(struct walk *w, size_t n)
{
	while (w->n > n)
		close_fd(&w->fds[--w->n]);
}

static void walk_release(struct walk *w)
{
	walk_back(w, 0);
}

static int walk_to(struct walk *w, int fd)
{
	if (w->n == ARRAY_SIZE(w->fds)) {
		close_fd(&fd);
		return -ENAMETOOLONG;
	}
	w->fds[w->n++] = fd;
	return 0;
}

/* Takes the first component off *PATH: 1 with it in NAME, 0 for none left. */
static int next_component(char **path, char *name, size_t size)
{
	size_t n;

	*path += strspn(*path, "/");
	n = strcspn(*path, "/");
	if (n == 0)
		return 0;
	if (n >= size)
		return -ENAMETOOLONG;
	memcpy(name, *path, n);
	name[n] = '\0';
	*path += n;
	return 1;
}

static int walk_path(struct walk *w, int rootfd, char *path)
{
	char name[NAME_MAX + 1], expanded[PATH_MAX];
	unsigned int links = 0;
	char *p = path;
	int r;

	while ((r = next_component(&p, name, sizeof(name))) > 0) {
		int fd;

		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			walk_back(w, w->n ? w->n - 1 : 0);
			continue;
		}
		fd = open_step(w->n ? w->fds[w->n - 1] : rootfd, name);
		if (fd < 0)
			return fd;
		r = expand_link(fd, p, expanded);
		if (r == 0) {
			r = walk_to(w, fd);
			if (r < 0)
				return r;
			continue;
		}
		close_fd(&fd);
		if (r < 0)
			return r;
		if (++links > LINKS_MAX)
			return -ELOOP;
		memcpy(path, expanded, sizeof(expanded));
		p = path;
		if (*p == '/')
			walk_back(w, 0);
	}
	return r;
}

int entrypoint_open_walk(int rootfd, const char *path)
{
	cleanup(walk_release) struct walk w = {.n = 0};
	char text[PATH_MAX];
	int fd, r;

	if (strlen(path) >= sizeof(text))
		return -ENAMETOOLONG;
	memset(text, 0, sizeof(text));
	memcpy(text, path, strlen(path));
	r = walk_path(&w, rootfd, text);
	if (r < 0)
		return r;
	if (w.n == 0)
		fd = openat(rootfd, ".", O_PATH | O_CLOEXEC);
	else
		fd = fcntl(w.fds[w.n - 1], F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

int entrypoint_open(int rootfd, const char *path)
{
	int fd = root_open(rootfd, path, O_PATH, 0);

	return fd == -ENOSYS || fd == -EPERM ?
		       entrypoint_open_walk(rootfd, path) : fd;
}
