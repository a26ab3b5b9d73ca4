// SPDX-License-Identifier: Apache-2.0
#include "copyup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"

#define DEPTH_MAX 64
#define PIECE ((size_t)1 << 20)

static int copy_dir(int from, int to, int depth, struct err *reterr);

static int copy_bytes(int in, int out)
{
	ssize_t n;

	do {
		n = sendfile(out, in, NULL, PIECE);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_file(int from, int to, const char *name)
{
	cleanup_close int in = -1, out = -1;

	in = openat(from, name, O_RDONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC);
	if (in < 0)
		return -errno;
	out = openat(to, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
	return out < 0 ? -errno : copy_bytes(in, out);
}

static int copy_link(int from, int to, const char *name)
{
	char target[PATH_MAX];
	ssize_t n = readlinkat(from, name, target, sizeof(target) - 1);

	if (n < 0)
		return -errno;
	target[n] = '\0';
	return symlinkat(target, to, name) < 0 ? -errno : 0;
}

static int copy_entry(int from, int to, const char *name, int depth,
		      struct err *reterr)
{
	cleanup_close int in = -1, out = -1;
	struct timespec times[2];
	struct stat st;
	int r = 0;

	if (fstatat(from, name, &st, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(reterr, "look at '%.200s'", name);
	if (S_ISSOCK(st.st_mode))
		return 0;
	if (S_ISDIR(st.st_mode)) {
		if (mkdirat(to, name, 0700) < 0)
			return err_errno(reterr, "make '%.200s'", name);
		in = openat(from, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					O_CLOEXEC);
		out = openat(to, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				       O_CLOEXEC);
		if (in < 0 || out < 0)
			return err_errno(reterr, "open '%.200s'", name);
		r = copy_dir(in, out, depth + 1, reterr);
		if (r < 0)
			return r;
	} else if (S_ISREG(st.st_mode)) {
		r = copy_file(from, to, name);
	} else if (S_ISLNK(st.st_mode)) {
		r = copy_link(from, to, name);
	} else if (mknodat(to, name, st.st_mode, st.st_rdev) < 0) {
		r = -errno;
	}
	if (r < 0)
		return err_code(reterr, r, "copy '%.200s'", name);
	times[0] = st.st_atim;
	times[1] = st.st_mtim;
	/* The tmpfs is new and nobody else is in it: names stay what they are. */
	if (fchownat(to, name, st.st_uid, st.st_gid, AT_SYMLINK_NOFOLLOW) < 0 ||
	    (!S_ISLNK(st.st_mode) &&
	     fchmodat(to, name, st.st_mode & 07777, 0) < 0) ||
	    utimensat(to, name, times, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(reterr, "copy the mode of '%.200s'", name);
	return 0;
}

static int copy_dir(int from, int to, int depth, struct err *reterr)
{
	cleanup_closedir DIR *d = NULL;
	int copy = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;
	struct stat a, b;

	if (copy < 0 || fstat(copy, &a) < 0)
		return err_errno(reterr, "open the directory");
	d = fdopendir(copy);
	if (!d) {
		close_fd(&copy);
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	if (depth > DEPTH_MAX)
		return err_set(reterr, -ELOOP, "directories too deep");
	while ((e = readdir(d))) {
		int r;

		if (!strcmp(e->d_name, ".") || !strcmp(e->d_name, ".."))
			continue;
		/* What else is mounted in there is not of this directory. */
		if (fstatat(copy, e->d_name, &b, AT_SYMLINK_NOFOLLOW) == 0 &&
		    S_ISDIR(b.st_mode) && b.st_dev != a.st_dev)
			continue;
		r = copy_entry(copy, to, e->d_name, depth, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

int copyup(int from, int to, struct err *reterr)
{
	cleanup_close int in = -1, out = -1;
	struct stat st;
	int r;

	in = openat(from, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	out = openat(to, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (in < 0 || out < 0 || fstat(in, &st) < 0)
		return err_errno(reterr, "open the directory");
	r = copy_dir(in, out, 0, reterr);
	if (r < 0)
		return err_wrap(reterr, "tmpcopyup");
	if (fchown(out, st.st_uid, st.st_gid) < 0 ||
	    fchmod(out, st.st_mode & 07777) < 0)
		return err_errno(reterr, "tmpcopyup: mode");
	return 0;
}
