// SPDX-License-Identifier: Apache-2.0
#include "share.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "os/io.h"

#define MOUNTINFO_MAX ((size_t)4 << 20)

/*
 * The guest sees the folder by a mount of its own, which is read-only: else it
 * could put links in the way of what we make and remove there. What is mounted
 * below is as writable as it says itself. The mount is shared, as a file server
 * has a mount namespace of its own, made before the containers' mounts, and
 * those must arrive there.
 */
static int mount_view(struct share *s, struct err *reterr)
{
	/* Adds these and keeps the rest, as who is root of a user namespace
	 * may not take off what the file system was mounted with. */
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_RDONLY | MOUNT_ATTR_NOSUID |
			    MOUNT_ATTR_NODEV,
		.propagation = MS_SHARED,
	};

	if (mount(s->path, s->path, NULL, MS_BIND, NULL) < 0)
		return err_errno(reterr, "mount '%s'", s->path);
	s->mounted = true;
	if (mount_setattr(AT_FDCWD, s->path, AT_SYMLINK_NOFOLLOW, &attr,
			  sizeof(attr)) < 0)
		return err_errno(reterr, "mount '%s' read-only", s->path);
	return 0;
}

int share_init(struct share *s, int dirfd, const char *dir,
	       struct journal *journal, struct err *reterr)
{
	int r;

	*s = (struct share){.fd = -1, .journal = journal};
	if (unshare(CLONE_NEWNS) < 0)
		return err_errno(reterr, "make a mount namespace");
	/* Mounts of the host still arrive here; ours stay here. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		return err_errno(reterr, "make mounts private");
	r = journal_path(journal, "dir", SHARE_NAME);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	if (mkdirat(dirfd, SHARE_NAME, 0711) < 0 && errno != EEXIST)
		return err_errno(reterr, "make folder '%s'", SHARE_NAME);
	s->fd = openat(dirfd, SHARE_NAME,
		       O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	if (s->fd < 0)
		return err_errno(reterr, "open folder '%s'", SHARE_NAME);
	s->path = path_join(dir, SHARE_NAME);
	if (!s->path)
		return err_code(reterr, -ENOMEM, "share");
	return mount_view(s, reterr);
}

void share_release(struct share *s)
{
	/* The folder is to be emptied, maybe by this very process. */
	if (s->mounted)
		(void)umount2(s->path, MNT_DETACH | UMOUNT_NOFOLLOW);
	s->mounted = false;
	close_fd(&s->fd);
	free(s->path);
	s->path = NULL;
}

/* Notes "shared/<path>", which is about to be made. */
static int note(struct share *s, const char *kind, const char *path,
		struct err *reterr)
{
	cleanup_free char *full = path_join(SHARE_NAME, path);
	int r = full ? journal_path(s->journal, kind, full) : -ENOMEM;

	return r < 0 ? err_code(reterr, r, "write journal") : 0;
}

int share_add_container(struct share *s, const char *cid, struct err *reterr)
{
	int r = note(s, "dir", cid, reterr);

	if (r < 0)
		return r;
	if (mkdirat(s->fd, cid, 0711) < 0)
		return err_errno(reterr, "make folder '%s/%s'", s->path, cid);
	return 0;
}

/* An empty folder or file to mount on. */
static int make_mount_point(struct share *s, const char *path, bool folder,
			    struct err *reterr)
{
	cleanup_close int fd = -1;
	int r = note(s, folder ? "dir" : "file", path, reterr);

	if (!r)
		r = note(s, "mount", path, reterr);
	if (r < 0)
		return r;
	if (folder) {
		if (mkdirat(s->fd, path, 0700) < 0)
			return err_errno(reterr, "make folder '%s'", path);
		return 0;
	}
	fd = openat(s->fd, path,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "make file '%s'", path);
	return 0;
}

/* A mount of SOURCE that is nowhere yet: read-only from its first moment, as
 * a later change would not arrive at the file server. */
static int clone_mount(const char *source, bool recursive, bool read_only,
		       struct err *reterr)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};
	cleanup_close int fd = -1;

	fd = open_tree(AT_FDCWD, source,
		       OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
			       (recursive ? (unsigned int)AT_RECURSIVE : 0));
	if (fd < 0)
		return err_errno(reterr, "mount source '%s'", source);
	if (read_only &&
	    mount_setattr(fd, "", AT_EMPTY_PATH, &attr, sizeof(attr)) < 0)
		return err_errno(reterr, "make '%s' read-only", source);
	return TAKE_FD(fd);
}

int share_bind(struct share *s, const char *cid, const char *name,
	       const char *source, bool recursive, bool read_only, char **ret,
	       struct err *reterr)
{
	cleanup_free char *path = path_join(cid, name), *guest = NULL;
	cleanup_free char *target = path ? path_join(s->path, path) : NULL;
	cleanup_close int fd = -1;
	struct stat st;
	int r;

	if (!target || asprintf(&guest, "%s/%s", SHARE_GUEST_PATH, path) < 0)
		return err_code(reterr, -ENOMEM, "share");
	fd = clone_mount(source, recursive, read_only, reterr);
	if (fd < 0)
		return fd;
	if (fstat(fd, &st) < 0)
		return err_errno(reterr, "mount source '%s'", source);
	r = make_mount_point(s, path, S_ISDIR(st.st_mode), reterr);
	if (r < 0)
		return r;
	if (move_mount(fd, "", AT_FDCWD, target, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		return err_errno(reterr, "bind '%s' to '%s'", source, target);
	*ret = TAKE_PTR(guest);
	return 0;
}

bool share_has_submounts(const struct share *s, const char *cid,
			 const char *name)
{
	cleanup_free char *below = NULL, *text = NULL;

	/* As a field of its own, up to the slash. */
	if (asprintf(&below, " %s/%s/%s/", s->path, cid, name) < 0)
		return false;
	if (read_file(AT_FDCWD, "/proc/self/mountinfo", MOUNTINFO_MAX, &text,
		      NULL) < 0)
		return false;
	return strstr(text, below) != NULL;
}

static void remove_mount_point(int dirfd, const char *base, const char *name)
{
	cleanup_free char *path = path_join(base, name);

	if (!path)
		return;
	(void)umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW);
	/* Only ever an empty folder or file of ours: a mount that is still
	 * there makes this fail, which loses nothing. */
	if (unlinkat(dirfd, name, AT_REMOVEDIR) < 0 && errno == ENOTDIR)
		(void)unlinkat(dirfd, name, 0);
}

void share_remove_container(struct share *s, const char *cid)
{
	cleanup_free char *base = path_join(s->path, cid);
	cleanup_closedir DIR *dir = NULL;
	int fd = openat(s->fd, cid,
			O_RDONLY | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC);
	struct dirent *e;

	dir = fd < 0 ? NULL : fdopendir(fd);
	if (!dir || !base) {
		if (!dir)
			close_fd(&fd);
		return;
	}
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			remove_mount_point(dirfd(dir), base, e->d_name);
	(void)unlinkat(s->fd, cid, AT_REMOVEDIR);
}
