// SPDX-License-Identifier: Apache-2.0
#include "io.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"

#define FDS_MAX 64
#define TREE_DEPTH_MAX 64

ssize_t read_full(int fd, void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = read(fd, (char *)p + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		if (!r)
			break;
		done += (size_t)r;
	}
	return (ssize_t)done;
}

int write_full(int fd, const void *p, size_t n)
{
	size_t done = 0;

	while (done < n) {
		ssize_t r = write(fd, (const char *)p + done, n - done);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		done += (size_t)r;
	}
	return 0;
}

int read_file(int dirfd, const char *path, size_t max, char **ret,
	      size_t *ret_len)
{
	cleanup_close int fd = openat(dirfd, path, O_RDONLY | O_CLOEXEC);
	cleanup_free char *text = NULL;
	size_t len = 0, size = 4096;
	ssize_t r;

	if (fd < 0)
		return -errno;
	for (;;) {
		/* st_size says nothing in procfs and sysfs: read to the end. */
		char *grown = realloc(text, size + 1);

		if (!grown)
			return -ENOMEM;
		text = grown;
		r = read_full(fd, text + len, size - len);
		if (r < 0)
			return (int)r;
		len += (size_t)r;
		if (len < size)
			break;
		if (len > max)
			return -EFBIG;
		size *= 2;
	}
	if (len > max)
		return -EFBIG;
	text[len] = '\0';
	if (ret_len)
		*ret_len = len;
	*ret = TAKE_PTR(text);
	return 0;
}

int write_file(int dirfd, const char *path, const char *text)
{
	cleanup_close int fd = openat(dirfd, path, O_WRONLY | O_CLOEXEC);
	size_t n = strlen(text);
	ssize_t r;

	if (fd < 0)
		return -errno;
	r = write(fd, text, n);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

int write_file_atomic(int dirfd, const char *path, const void *p, size_t n,
		      mode_t mode)
{
	cleanup_free char *tmp = NULL;
	cleanup_close int fd = -1;
	int r;

	if (asprintf(&tmp, "%s.%d.tmp", path, (int)getpid()) < 0)
		return -ENOMEM;
	fd = openat(dirfd, tmp,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    mode);
	if (fd < 0)
		return -errno;
	r = write_full(fd, p, n);
	if (!r && renameat(dirfd, tmp, dirfd, path) < 0)
		r = -errno;
	if (r < 0)
		(void)unlinkat(dirfd, tmp, 0); /* the first error counts */
	return r;
}

int make_dirs(const char *path, mode_t mode)
{
	cleanup_free char *copy = strdup(path);
	char *p;

	if (!copy)
		return -ENOMEM;
	for (p = copy + 1; *p; p++) {
		if (*p != '/')
			continue;
		*p = '\0';
		if (mkdir(copy, 0755) < 0 && errno != EEXIST)
			return -errno;
		*p = '/';
	}
	if (mkdir(copy, mode) < 0 && errno != EEXIST)
		return -errno;
	return 0;
}

static int remove_tree_at(int dirfd, const char *name, dev_t dev, int depth)
{
	cleanup_closedir DIR *dir = NULL;
	struct dirent *e;
	struct stat st;
	int fd, r;

	if (unlinkat(dirfd, name, 0) == 0 || errno == ENOENT)
		return 0;
	if (errno != EISDIR && errno != EPERM)
		return -errno;
	if (depth > TREE_DEPTH_MAX)
		return -ELOOP;
	fd = openat(dirfd, name,
		    O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	dir = fdopendir(fd);
	if (!dir) {
		r = -errno;
		close_fd(&fd);
		return r;
	}
	if (fstat(fd, &st) < 0)
		return -errno;
	if (depth && st.st_dev != dev)
		return -EXDEV; /* somebody's mount: never reach into it */
	while ((e = readdir(dir))) {
		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		r = remove_tree_at(fd, e->d_name, st.st_dev, depth + 1);
		if (r < 0)
			return r;
	}
	return unlinkat(dirfd, name, AT_REMOVEDIR) < 0 ? -errno : 0;
}

int remove_tree(int dirfd, const char *path)
{
	return remove_tree_at(dirfd, path, 0, 0);
}

int set_nonblock(int fd)
{
	int flags = fcntl(fd, F_GETFL);

	if (flags < 0 || fcntl(fd, F_SETFL, flags | O_NONBLOCK) < 0)
		return -errno;
	return 0;
}

int set_inherit(int fd)
{
	return fcntl(fd, F_SETFD, 0) < 0 ? -errno : 0;
}

union control {
	char space[CMSG_SPACE(FDS_MAX * sizeof(int))];
	struct cmsghdr align;
};

int send_fds(int sock, const void *p, size_t n, const int *fds, size_t nfds)
{
	union control control = {{0}};
	struct iovec iov = {(void *)(uintptr_t)p, n};
	struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
	struct cmsghdr *c;
	ssize_t r;

	if (nfds > FDS_MAX)
		return -EINVAL;
	if (nfds) {
		msg.msg_control = &control;
		msg.msg_controllen = CMSG_SPACE(nfds * sizeof(int));
		c = CMSG_FIRSTHDR(&msg);
		c->cmsg_level = SOL_SOCKET;
		c->cmsg_type = SCM_RIGHTS;
		c->cmsg_len = CMSG_LEN(nfds * sizeof(int));
		memcpy(CMSG_DATA(c), fds, nfds * sizeof(int));
	}
	do {
		r = sendmsg(sock, &msg, MSG_NOSIGNAL);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	return (size_t)r == n ? 0 : -EIO;
}

ssize_t recv_fds(int sock, void *p, size_t n, int *fds, size_t *nfds)
{
	union control control = {{0}};
	struct iovec iov = {p, n};
	struct msghdr msg = {.msg_iov = &iov,
			     .msg_iovlen = 1,
			     .msg_control = &control,
			     .msg_controllen = sizeof(control)};
	size_t room = *nfds, i;
	struct cmsghdr *c;
	ssize_t r;

	*nfds = 0;
	do {
		r = recvmsg(sock, &msg, MSG_CMSG_CLOEXEC);
	} while (r < 0 && errno == EINTR);
	if (r < 0)
		return -errno;
	for (c = CMSG_FIRSTHDR(&msg); c; c = CMSG_NXTHDR(&msg, c)) {
		size_t count;

		if (c->cmsg_level != SOL_SOCKET || c->cmsg_type != SCM_RIGHTS)
			continue;
		count = (c->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (i = 0; i < count; i++) {
			int fd;

			memcpy(&fd, CMSG_DATA(c) + i * sizeof(int), sizeof(fd));
			if (*nfds < room)
				fds[(*nfds)++] = fd;
			else
				close_fd(&fd); /* more than was asked for */
		}
	}
	return r;
}
