// SPDX-License-Identifier: Apache-2.0
#include "dir.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/record.h"

/* A folder that gc takes away while it is being made is made again. */
#define MAKE_TRIES 16

int dir_open(const char *root, const char *id, struct err *reterr)
{
	cleanup_free char *path = path_join(root, id);
	int fd;

	if (!path)
		return err_code(reterr, -ENOMEM, "open '%s'", id);
	if (!id_is_valid(id))
		return err_set(reterr, -EINVAL, "invalid container id '%.128s'",
			       id);
	fd = open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (fd < 0 && errno == ENOENT)
		return err_set(reterr, -ENOENT, "container '%s' does not exist",
			       id);
	if (fd < 0)
		return err_errno(reterr, "open '%s'", path);
	return fd;
}

int dir_lock(int fd)
{
	while (flock(fd, LOCK_SH) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

bool dir_is_abandoned(int fd)
{
	return flock(fd, LOCK_EX | LOCK_NB) == 0;
}

/* FD is still what PATH names. */
static bool is_at(int fd, const char *path)
{
	struct stat a, b;

	return fstat(fd, &a) == 0 && lstat(path, &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int dir_make(const char *root, const char *id, struct err *reterr)
{
	cleanup_free char *path = path_join(root, id);
	int i, r;

	if (!path)
		return err_code(reterr, -ENOMEM, "make '%s'", id);
	if (!id_is_valid(id))
		return err_set(reterr, -EINVAL, "invalid container id '%.128s'",
			       id);
	r = make_dirs(root, 0711);
	if (r < 0)
		return err_code(reterr, r, "make state root '%s'", root);
	for (i = 0; i < MAKE_TRIES; i++) {
		cleanup_close int fd = -1;

		if (mkdir(path, 0700) < 0)
			return errno == EEXIST
				       ? err_set(reterr, -EEXIST,
						 "container id '%s' is in use",
						 id)
				       : err_errno(reterr, "make '%s'", path);
		fd = dir_open(root, id, reterr);
		if (fd < 0 && fd != -ENOENT)
			return fd;
		if (fd >= 0 && dir_lock(fd) == 0 && is_at(fd, path))
			return TAKE_FD(fd);
	}
	return err_set(reterr, -EBUSY, "make '%s': it is removed again and "
		       "again", path);
}

/* Files of ours that no journal line names, such as temporary ones. */
static void remove_files(int dirfd)
{
	cleanup_closedir DIR *dir = NULL;
	int fd = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir) {
		close_fd(&fd);
		return;
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			(void)unlinkat(dirfd, e->d_name, 0); /* not folders */
}

int dir_remove(const char *root, const char *id, struct err *reterr)
{
	cleanup_free char *path = path_join(root, id);
	cleanup_close int fd = dir_open(root, id, reterr);
	int r;

	if (fd == -ENOENT)
		return 0;
	if (fd < 0)
		return fd;
	if (!path)
		return err_code(reterr, -ENOMEM, "remove '%s'", id);
	record_save(root, id, fd);
	r = journal_undo(fd, reterr);
	if (r < 0)
		return r;
	remove_files(fd);
	/* Only empty folders go: what is still in one is not ours to lose. */
	if (rmdir(path) < 0 && errno != ENOENT)
		return err_errno(reterr, "remove '%s'", path);
	return 0;
}
