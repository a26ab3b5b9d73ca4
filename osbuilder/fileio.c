// SPDX-License-Identifier: Apache-2.0
#include "fileio.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define HOLE_SIZE 4096

static int open_regular(const char *path, struct stat *st, struct err *reterr)
{
	cleanup_close int fd = -1;

	/* O_NONBLOCK: a fifo in a file's place must not stop the build. */
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return err_errno(reterr, "open '%s'", path);
	if (fstat(fd, st) < 0)
		return err_errno(reterr, "stat '%s'", path);
	if (!S_ISREG(st->st_mode))
		return err_set(reterr, -EINVAL, "'%s' is no regular file",
			       path);
	return TAKE_FD(fd);
}

/* Where the next data of FD is, from POS on, and where they end: a file system
 * that knows no holes says that all is data. */
static bool next_data(int fd, uint64_t size, uint64_t pos, uint64_t *ret_start,
		      uint64_t *ret_end)
{
	off_t start = lseek(fd, (off_t)pos, SEEK_DATA);
	off_t end;

	if (start < 0 && errno == ENXIO)
		return false;
	end = start < 0 ? -1 : lseek(fd, start, SEEK_HOLE);
	*ret_start = start < 0 ? pos : (uint64_t)start;
	*ret_end = end < 0 ? size : MIN((uint64_t)end, size);
	return *ret_start < *ret_end;
}

static int read_range(int fd, uint8_t *p, uint64_t pos, uint64_t end,
		      struct err *reterr)
{
	while (pos < end) {
		ssize_t r = pread(fd, p + pos, (size_t)(end - pos),
				  (off_t)pos);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return err_errno(reterr, "read");
		if (r == 0)
			return err_set(reterr, -EIO, "file shrank while read");
		pos += (uint64_t)r;
	}
	return 0;
}

/* Holes are left as calloc() gives them: without memory behind. */
int fd_read(int fd, uint64_t size, uint8_t **ret, size_t *ret_size,
	    struct err *reterr)
{
	cleanup_free uint8_t *p = calloc((size_t)size + 1, 1);
	uint64_t pos = 0, start, end;
	int r;

	if (!p)
		return err_set(reterr, -ENOMEM, "out of memory");
	while (pos < size && next_data(fd, size, pos, &start, &end)) {
		r = read_range(fd, p, start, end, reterr);
		if (r < 0)
			return r;
		pos = end;
	}
	*ret = TAKE_PTR(p);
	*ret_size = (size_t)size;
	return 0;
}

int file_read(const char *path, size_t max, uint8_t **ret, size_t *ret_size,
	      struct err *reterr)
{
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	fd = open_regular(path, &st, reterr);
	if (fd < 0)
		return fd;
	if ((uint64_t)st.st_size > max)
		return err_set(reterr, -EFBIG, "'%s' is larger than %zu bytes",
			       path, max);
	r = fd_read(fd, (uint64_t)st.st_size, ret, ret_size, reterr);
	return r < 0 ? err_wrap(reterr, "'%s'", path) : 0;
}

static int write_full(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t r = write(fd, p, n);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
	}
	return 0;
}

static bool is_zero(const uint8_t *p, size_t n)
{
	return p[0] == 0 && memcmp(p, p + 1, n - 1) == 0;
}

static int write_sparse(int fd, const uint8_t *p, size_t n)
{
	int r;

	if (ftruncate(fd, (off_t)n) < 0)
		return -errno;
	while (n >= HOLE_SIZE) {
		if (is_zero(p, HOLE_SIZE))
			r = lseek(fd, HOLE_SIZE, SEEK_CUR) < 0 ? -errno : 0;
		else
			r = write_full(fd, p, HOLE_SIZE);
		if (r < 0)
			return r;
		p += HOLE_SIZE;
		n -= HOLE_SIZE;
	}
	return write_full(fd, p, n);
}

/* A device or pipe is written to: nothing may take its place, least of all that
 * of /dev/null. */
static int write_special(const char *path, const void *data, size_t n,
			 struct err *reterr)
{
	cleanup_close int fd = open(path, O_WRONLY | O_CLOEXEC | O_NOCTTY);
	int r;

	if (fd < 0)
		return err_errno(reterr, "open '%s'", path);
	r = write_full(fd, data, n);
	return r < 0 ? err_code(reterr, r, "write '%s'", path) : 0;
}

int file_write(const char *path, const void *data, size_t n,
	       struct err *reterr)
{
	cleanup_free char *tmp = NULL;
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	if (!strcmp(path, "-")) {
		r = write_full(STDOUT_FILENO, data, n);
		return r < 0 ? err_code(reterr, r, "write") : 0;
	}
	if (stat(path, &st) == 0 && !S_ISREG(st.st_mode) &&
	    !S_ISDIR(st.st_mode))
		return write_special(path, data, n, reterr);
	if (asprintf(&tmp, "%s.%d.tmp", path, (int)getpid()) < 0) {
		tmp = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW,
		  0644);
	if (fd < 0)
		return err_errno(reterr, "create '%s'", tmp);
	r = write_sparse(fd, data, n);
	if (r == 0 && fchmod(fd, 0644) < 0)
		r = -errno;
	if (r == 0 && rename(tmp, path) < 0)
		r = -errno;
	if (r < 0) {
		(void)unlink(tmp); /* the first error is the one to report */
		return err_code(reterr, r, "write '%s'", path);
	}
	return 0;
}
