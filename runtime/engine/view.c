// SPDX-License-Identifier: Apache-2.0
#include "view.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdbool.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/safe_path.h"
#include "runtime/engine/translate.h"

#define POINT_MODE 0755

/* Rather not shown than to be written to. */
static void seal(int rootfd, const struct spec_mount *m)
{
	cleanup_close int fd = root_open(rootfd, m->wire->destination,
					 O_PATH | O_CLOEXEC, 0);
	char path[FD_PATH_SIZE];

	if (fd >= 0 && mount(NULL, fd_path(path, fd), NULL,
			     MS_REMOUNT | MS_BIND | MS_RDONLY, NULL) < 0)
		(void)umount2(path, MNT_DETACH);
}

/* Best effort: what cannot be shown here is in the guest all the same. */
static void show(int rootfd, const struct spec_mount *m)
{
	cleanup_close int source = open(m->source, O_PATH | O_CLOEXEC);
	cleanup_close int point = -1;
	char from[FD_PATH_SIZE], to[FD_PATH_SIZE];
	unsigned long flags = MS_BIND | (m->recursive ? MS_REC : 0);
	struct stat st;

	if (source < 0 || fstat(source, &st) < 0)
		return;
	point = S_ISDIR(st.st_mode)
			? root_mkdirs(rootfd, m->wire->destination, POINT_MODE)
			: root_touch(rootfd, m->wire->destination, 0644);
	if (point < 0 || mount(fd_path(from, source), fd_path(to, point), NULL,
			       flags, NULL) < 0)
		return;
	if (m->readonly)
		seal(rootfd, m);
}

static bool is_host_root(const char *path)
{
	struct stat a, b;

	return stat(path, &a) == 0 && stat("/", &b) == 0 &&
	       a.st_dev == b.st_dev && a.st_ino == b.st_ino;
}

int view_enter(const struct spec *spec, struct err *reterr)
{
	cleanup_close int rootfd = -1;
	size_t i;

	if (is_host_root(spec->rootfs))
		return 0; /* there is nothing else to show */
	if (unshare(CLONE_NEWNS) < 0)
		return errno == EPERM && geteuid()
			       ? 0
			       : err_errno(reterr, "make a mount namespace");
	if (mount(NULL, "/", NULL, MS_SLAVE | MS_REC, NULL) < 0 ||
	    mount(spec->rootfs, spec->rootfs, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_errno(reterr, "show '%s' to callers", spec->rootfs);
	rootfd = open(spec->rootfs, O_DIRECTORY | O_CLOEXEC);
	if (rootfd < 0)
		return err_errno(reterr, "open '%s'", spec->rootfs);
	for (i = 0; i < spec->wire->n_mounts; i++)
		if (translate_mount_origin(&spec->mounts[i]) == MOUNT_SHARED)
			show(rootfd, &spec->mounts[i]);
	/* Over itself, so that no folder is needed to put the old root in. */
	if (fchdir(rootfd) < 0 || syscall(SYS_pivot_root, ".", ".") < 0 ||
	    umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		return err_errno(reterr, "make '%s' the root of the stub",
				 spec->rootfs);
	return 0;
}
