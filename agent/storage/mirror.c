// SPDX-License-Identifier: Apache-2.0
#include "mirror.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "os/safe_path.h"

#define DEPTH_MAX 8
#define TEMPORARY ".kiln-mirror" /* no name of a source; pruned when left */

DEFINE_CLEANUP(DIR, closedir)

/* What is done to an entry, one after the other for the whole tree. */
enum phase { MEASURE, FILES, LINKS, PRUNE };

struct mirror {
	enum phase phase;
	size_t entries;
	uint64_t bytes;
};

/* For a file that cannot be read, as something that will be another one. */
static int changed(int r)
{
	return r == -ENOENT || r == -ESTALE || r == -ENOTDIR || r == -ELOOP
		       ? -EAGAIN : r;
}

static bool same_time(const struct timespec *a, const struct timespec *b)
{
	return a->tv_sec == b->tv_sec && a->tv_nsec == b->tv_nsec;
}

static bool same_owner(const struct stat *a, const struct stat *b)
{
	return a->st_mode == b->st_mode && a->st_uid == b->st_uid &&
	       a->st_gid == b->st_gid;
}

static bool same_file(const struct stat *a, const struct stat *b)
{
	return same_owner(a, b) && a->st_size == b->st_size &&
	       same_time(&a->st_mtim, &b->st_mtim);
}

/* Owner, mode and, at last, the time by which a change is known. */
static int put_attributes(int fd, const struct stat *st)
{
	const struct timespec times[2] = {st->st_mtim, st->st_mtim};

	if (fchown(fd, st->st_uid, st->st_gid) < 0 ||
	    fchmod(fd, st->st_mode & 07777) < 0 || futimens(fd, times) < 0)
		return -errno;
	return 0;
}

/* The whole of a file that is as ST says, before and after; to be freed. */
static int read_whole(int fd, const struct stat *st, char **ret)
{
	cleanup_free char *data = NULL;
	struct stat after;
	ssize_t n;

	if (st->st_size < 0 || (uint64_t)st->st_size > MIRROR_BYTES_MAX)
		return -E2BIG;
	data = malloc((size_t)st->st_size + 1);
	if (!data)
		return -ENOMEM;
	n = read_full(fd, data, (size_t)st->st_size + 1);
	if (n < 0)
		return changed((int)n);
	if (n != st->st_size || fstat(fd, &after) < 0 ||
	    !same_file(st, &after))
		return -EAGAIN;
	*ret = TAKE_PTR(data);
	return 0;
}

static int open_regular(int dir, const char *name, struct stat *st)
{
	int fd = openat(dir, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK |
				   O_CLOEXEC);

	if (fd < 0)
		return changed(-errno);
	if (fstat(fd, st) < 0 || !S_ISREG(st->st_mode)) {
		(void)close(fd);
		return -EAGAIN;
	}
	return fd;
}

/* TEMPORARY takes the place of NAME, whatever that is. */
static int take_place(int dir, const char *name)
{
	int r;

	if (renameat(dir, TEMPORARY, dir, name) == 0)
		return 0;
	if (errno != EISDIR && errno != ENOTEMPTY && errno != EEXIST)
		return -errno;
	r = remove_tree(dir, name);
	if (!r && renameat(dir, TEMPORARY, dir, name) < 0)
		r = -errno;
	return r;
}

static int new_file(int dir, const char *data, const struct stat *st)
{
	cleanup_close int fd = -1;
	int r = remove_tree(dir, TEMPORARY);

	if (r < 0)
		return r;
	fd = openat(dir, TEMPORARY,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return -errno;
	r = write_full(fd, data, (size_t)st->st_size);
	return r < 0 ? r : put_attributes(fd, st);
}

static int copy_file(int from, int to, const char *name)
{
	cleanup_close int fd = -1;
	cleanup_free char *data = NULL;
	struct stat st, old;
	int r;

	fd = open_regular(from, name, &st);
	if (fd < 0)
		return fd;
	if (fstatat(to, name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
	    same_file(&st, &old))
		return 0;
	r = read_whole(fd, &st, &data);
	if (!r)
		r = new_file(to, data, &st);
	return r < 0 ? r : take_place(to, name);
}

static ssize_t read_link(int dir, const char *name, char text[PATH_MAX])
{
	ssize_t n = readlinkat(dir, name, text, PATH_MAX - 1);

	text[n < 0 ? 0 : n] = '\0';
	return n;
}

static int copy_link(int from, int to, const char *name, const struct stat *st)
{
	char text[PATH_MAX], old[PATH_MAX];
	int r;

	if (read_link(from, name, text) < 0)
		return changed(-errno);
	if (read_link(to, name, old) >= 0 && !strcmp(text, old))
		return 0;
	r = remove_tree(to, TEMPORARY);
	if (r < 0)
		return r;
	if (symlinkat(text, to, TEMPORARY) < 0 ||
	    fchownat(to, TEMPORARY, st->st_uid, st->st_gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return -errno;
	return take_place(to, name);
}

static int walk(struct mirror *m, int from, int to, int depth);

static int open_directory(int dir, const char *name)
{
	int fd = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				   O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

static int enter(struct mirror *m, int from, int to, const char *name,
		 int depth)
{
	cleanup_close int below = open_directory(from, name), copy = -1;
	struct stat st, old;
	int r;

	if (below < 0)
		return changed(below);
	if (m->phase == MEASURE)
		return walk(m, below, -1, depth + 1);
	copy = open_directory(to, name);
	if (copy < 0 && m->phase == FILES) {
		r = remove_tree(to, name); /* something else of that name */
		if (!r && mkdirat(to, name, 0700) < 0)
			r = -errno;
		if (r < 0)
			return r;
		copy = open_directory(to, name);
	}
	if (copy < 0)
		return copy == -ENOENT ? -EAGAIN : copy;
	r = walk(m, below, copy, depth + 1);
	if (r < 0 || m->phase == LINKS)
		return r;
	if (fstat(below, &st) < 0 || fstat(copy, &old) < 0)
		return -errno;
	return same_owner(&st, &old) ? 0 : put_attributes(copy, &st);
}

static int measure(struct mirror *m, const struct stat *st)
{
	if (++m->entries > MIRROR_ENTRIES_MAX)
		return -E2BIG;
	if (S_ISREG(st->st_mode))
		m->bytes += st->st_size > 0 ? (uint64_t)st->st_size : 0;
	return m->bytes > MIRROR_BYTES_MAX ? -E2BIG : 0;
}

/* An entry of the source, or of the copy when pruning. */
static int visit(struct mirror *m, int from, int to, const char *name,
		 int depth)
{
	struct stat st;
	int r;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0) {
		if (m->phase == PRUNE && errno == ENOENT)
			return remove_tree(to, name);
		return changed(-errno);
	}
	if (m->phase == MEASURE) {
		r = measure(m, &st);
		if (r < 0)
			return r;
	}
	if (S_ISDIR(st.st_mode))
		return enter(m, from, to, name, depth);
	if (m->phase == FILES && S_ISREG(st.st_mode))
		return copy_file(from, to, name);
	if (m->phase == LINKS && S_ISLNK(st.st_mode))
		return copy_link(from, to, name, &st);
	return 0;
}

static int walk(struct mirror *m, int from, int to, int depth)
{
	int fd = open_directory(m->phase == PRUNE ? to : from, ".");
	cleanup(closedirp) DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *d;
	int r = 0;

	if (!dir) {
		r = fd < 0 ? fd : -errno;
		close_fd(&fd);
		return changed(r);
	}
	if (depth > DEPTH_MAX)
		return -E2BIG;
	while (!r && (d = readdir(dir)))
		if (strcmp(d->d_name, ".") && strcmp(d->d_name, "..") &&
		    (m->phase == PRUNE || strcmp(d->d_name, TEMPORARY)))
			r = visit(m, from, to, d->d_name, depth);
	return r;
}

int mirror_tree(int fromdir, int todir)
{
	struct mirror m = {0};
	struct stat st, old;
	int r = 0;

	for (m.phase = MEASURE; !r && m.phase <= PRUNE; m.phase++)
		r = walk(&m, fromdir, todir, 0);
	if (r < 0)
		return r;
	if (fstat(fromdir, &st) < 0 || fstat(todir, &old) < 0)
		return -errno;
	return same_owner(&st, &old) ? 0 : put_attributes(todir, &st);
}

int mirror_file(int from, int todir, const char *name)
{
	cleanup_close int fd = -1, to = -1;
	cleanup_free char *data = NULL;
	char path[FD_PATH_SIZE];
	struct stat st, old;
	int r;

	fd = open(fd_path(path, from), O_RDONLY | O_NONBLOCK | O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return changed(-errno);
	if (!S_ISREG(st.st_mode))
		return -EAGAIN;
	if (fstatat(todir, name, &old, AT_SYMLINK_NOFOLLOW) == 0 &&
	    same_file(&st, &old))
		return 0;
	r = read_whole(fd, &st, &data);
	if (r < 0)
		return r;
	to = openat(todir, name, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (to < 0)
		return -errno;
	r = write_full(to, data, (size_t)st.st_size);
	if (!r && ftruncate(to, st.st_size) < 0)
		r = -errno;
	return r < 0 ? r : put_attributes(to, &st);
}
