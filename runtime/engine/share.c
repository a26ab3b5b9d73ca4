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
#include <sys/statvfs.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"

int share_init(struct share *s, int dirfd, const char *dir,
	       struct journal *journal, struct err *reterr)
{
	int r;

	*s = (struct share){.dirfd = dirfd, .journal = journal};
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
	s->path = path_join(dir, SHARE_NAME);
	return s->path ? 0 : err_code(reterr, -ENOMEM, "share");
}

void share_release(struct share *s)
{
	free(s->path);
	s->path = NULL;
}

/* "shared/<cid>[/<name>]" relative to the sandbox; to be freed. */
static char *relative(const char *cid, const char *name)
{
	char *path = NULL;

	if (asprintf(&path, "%s/%s%s%s", SHARE_NAME, cid, name ? "/" : "",
		     name ? name : "") < 0)
		return NULL;
	return path;
}

int share_add_container(struct share *s, const char *cid, struct err *reterr)
{
	cleanup_free char *path = relative(cid, NULL);
	int r;

	if (!path)
		return err_code(reterr, -ENOMEM, "share");
	r = journal_path(s->journal, "dir", path);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	if (mkdirat(s->dirfd, path, 0711) < 0)
		return err_errno(reterr, "make folder '%s'", path);
	return 0;
}

/* An empty folder or file to mount on. */
static int make_mount_point(struct share *s, const char *path, bool folder,
			    struct err *reterr)
{
	cleanup_close int fd = -1;
	int r = journal_path(s->journal, folder ? "dir" : "file", path);

	if (!r)
		r = journal_path(s->journal, "mount", path);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	if (folder) {
		if (mkdirat(s->dirfd, path, 0700) < 0)
			return err_errno(reterr, "make folder '%s'", path);
		return 0;
	}
	fd = openat(s->dirfd, path,
		    O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC, 0600);
	if (fd < 0)
		return err_errno(reterr, "make file '%s'", path);
	return 0;
}

/* Read-only, without giving up what the mount is restricted to already. */
static int remount_read_only(const char *path)
{
	unsigned long flags = MS_REMOUNT | MS_BIND | MS_RDONLY;
	struct statvfs st;

	if (statvfs(path, &st) == 0) {
		if (st.f_flag & ST_NOSUID)
			flags |= MS_NOSUID;
		if (st.f_flag & ST_NODEV)
			flags |= MS_NODEV;
		if (st.f_flag & ST_NOEXEC)
			flags |= MS_NOEXEC;
	}
	return mount(NULL, path, NULL, flags, NULL) < 0 ? -errno : 0;
}

int share_bind(struct share *s, const char *cid, const char *name,
	       const char *source, bool recursive, bool read_only, char **ret,
	       struct err *reterr)
{
	cleanup_free char *path = relative(cid, name), *guest = NULL;
	cleanup_free char *target = NULL;
	unsigned long flags = MS_BIND | (recursive ? MS_REC : 0);
	struct stat st;
	int r;

	if (stat(source, &st) < 0)
		return err_errno(reterr, "mount source '%s'", source);
	if (!path || asprintf(&target, "%s/%s/%s", s->path, cid, name) < 0)
		return err_code(reterr, -ENOMEM, "share");
	if (asprintf(&guest, "%s/%s/%s", SHARE_GUEST_PATH, cid, name) < 0)
		return err_code(reterr, -ENOMEM, "share");
	r = make_mount_point(s, path, S_ISDIR(st.st_mode), reterr);
	if (r < 0)
		return r;
	if (mount(source, target, NULL, flags, NULL) < 0)
		return err_errno(reterr, "bind '%s' to '%s'", source, target);
	if (read_only) {
		r = remount_read_only(target);
		if (r < 0)
			return err_code(reterr, r, "make '%s' read-only",
					target);
	}
	*ret = TAKE_PTR(guest);
	return 0;
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
	cleanup_closedir DIR *dir = base ? opendir(base) : NULL;
	struct dirent *e;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		if (strcmp(e->d_name, ".") && strcmp(e->d_name, ".."))
			remove_mount_point(dirfd(dir), base, e->d_name);
	(void)rmdir(base);
}
