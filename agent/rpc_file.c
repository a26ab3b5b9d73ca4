// SPDX-License-Identifier: Apache-2.0
/* CopyFile: the host hands files in, in pieces, for containers to be given. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "os/io.h"
#include "rpc.h"
#include "os/safe_path.h"

#define FILE_SIZE_MAX ((int64_t)1 << 40)
#define LINK_MAX_LEN 4095
#define TMP_SUFFIX ".kiln-part"

/* Only below this directory of the agent's root. */
#define SHARED "shared/containers"

struct target {
	int dir; /* the directory, O_PATH, owned */
	const char *name;
	char tmp[NAME_MAX + 1];
};

static void target_release(struct target *t)
{
	close_fd(&t->dir);
}

static int open_target(const struct agent *agent,
		       const Grpc__CopyFileRequest *rq, struct target *t,
		       struct err *reterr)
{
	cleanup_free char *shared = path_join(agent->root, SHARED);
	cleanup_close int root = -1;
	const char *rest;
	int n;

	if (!shared)
		return err_set(reterr, -ENOMEM, "out of memory");
	if (!path_is_within(shared, rq->path) || !strcmp(shared, rq->path))
		return err_set(reterr, -EINVAL, "path '%.500s' is not below %s",
			       rq->path, shared);
	root = open(shared, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(reterr, "open '%s'", shared);
	rest = rq->path + strlen(shared) + 1;
	/* Links in there lead to places in there. */
	t->dir = root_parent(root, rest, &t->name);
	if (t->dir < 0)
		return err_code(reterr, t->dir, "directory of '%.500s'",
				rq->path);
	n = snprintf(t->tmp, sizeof(t->tmp), "%s" TMP_SUFFIX, t->name);
	if (n < 0 || (size_t)n >= sizeof(t->tmp))
		return err_set(reterr, -ENAMETOOLONG, "path '%.500s'",
			       rq->path);
	return 0;
}

/* By fd: a container may write here too, and put a link in the place of a
 * name between two calls. */
static int set_owner(int fd, const char *name, const Grpc__CopyFileRequest *rq,
		     struct err *reterr)
{
	if (fchown(fd, (uid_t)rq->uid, (gid_t)rq->gid) < 0)
		return err_errno(reterr, "change the owner of '%s'", name);
	/* After the owner, which clears the set-id bits. */
	if (fchmod(fd, rq->file_mode & 07777) < 0)
		return err_errno(reterr, "change the mode of '%s'", name);
	return 0;
}

static int copy_dir(const struct target *t, const Grpc__CopyFileRequest *rq,
		    struct err *reterr)
{
	cleanup_close int fd = -1;

	if (mkdirat(t->dir, t->name, 0700) < 0 && errno != EEXIST)
		return err_errno(reterr, "make directory '%s'", t->name);
	fd = openat(t->dir, t->name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
				     O_CLOEXEC);
	if (fd < 0)
		return err_set(reterr, -EEXIST, "'%s' is no directory",
			       t->name);
	return set_owner(fd, t->name, rq, reterr);
}

static int copy_link(const struct target *t, const Grpc__CopyFileRequest *rq,
		     struct err *reterr)
{
	cleanup_free char *to = NULL;

	if (!rq->data.len || rq->data.len > LINK_MAX_LEN ||
	    memchr(rq->data.data, 0, rq->data.len))
		return err_set(reterr, -EINVAL, "target of link '%s'", t->name);
	to = strndup((const char *)rq->data.data, rq->data.len);
	if (!to)
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)unlinkat(t->dir, t->tmp, 0);
	if (symlinkat(to, t->dir, t->tmp) < 0)
		return err_errno(reterr, "link '%s'", t->name);
	if (fchownat(t->dir, t->tmp, (uid_t)rq->uid, (gid_t)rq->gid,
		     AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(reterr, "change the owner of '%s'", t->name);
	if (renameat(t->dir, t->tmp, t->dir, t->name) < 0)
		return err_errno(reterr, "put '%s' in place", t->name);
	return 0;
}

static int write_at(int fd, const uint8_t *p, size_t n, int64_t offset)
{
	while (n) {
		ssize_t r = pwrite(fd, p, n, offset);

		if (r < 0 && errno == EINTR)
			continue;
		if (r < 0)
			return -errno;
		p += r;
		n -= (size_t)r;
		offset += r;
	}
	return 0;
}

/* Pieces go to a file beside it, which takes its place with the last one. */
static int copy_regular(const struct target *t, const Grpc__CopyFileRequest *rq,
			struct err *reterr)
{
	cleanup_close int fd = -1;
	int64_t end;
	int flags = O_WRONLY | O_NOFOLLOW | O_NONBLOCK | O_CLOEXEC;
	int r;

	if (rq->file_size < 0 || rq->file_size > FILE_SIZE_MAX ||
	    rq->offset < 0 ||
	    add_overflows(rq->offset, (int64_t)rq->data.len, &end) ||
	    end > rq->file_size)
		return err_set(reterr, -EINVAL, "offset or size of '%s'",
			       t->name);
	/* The first piece makes the file anew: one that is there could be a
	 * second name of something else. */
	if (!rq->offset) {
		(void)unlinkat(t->dir, t->tmp, 0);
		flags |= O_CREAT | O_EXCL;
	}
	fd = openat(t->dir, t->tmp, flags, 0600);
	if (fd < 0)
		return err_errno(reterr, "open '%s'", t->tmp);
	r = write_at(fd, rq->data.data, rq->data.len, rq->offset);
	if (r < 0)
		return err_code(reterr, r, "write '%s'", t->tmp);
	if (end < rq->file_size)
		return 0;
	r = set_owner(fd, t->tmp, rq, reterr);
	if (r < 0)
		return r;
	if (renameat(t->dir, t->tmp, t->dir, t->name) < 0)
		return err_errno(reterr, "put '%s' in place", t->name);
	return 0;
}

void rpc_copy_file(struct agent *agent, struct ttrpc_call *call,
		   const ProtobufCMessage *request)
{
	cleanup(target_release) struct target t = {.dir = -1};
	const Grpc__CopyFileRequest *rq =
		(const Grpc__CopyFileRequest *)request;
	struct err e = {0};
	int r;

	r = open_target(agent, rq, &t, &e);
	if (!r && S_ISDIR(rq->file_mode))
		r = copy_dir(&t, rq, &e);
	else if (!r && S_ISLNK(rq->file_mode))
		r = copy_link(&t, rq, &e);
	else if (!r && (S_ISREG(rq->file_mode) || !(rq->file_mode & S_IFMT)))
		r = copy_regular(&t, rq, &e);
	else if (!r)
		r = err_set(&e, -EINVAL, "file type of '%.500s'", rq->path);
	if (r < 0)
		rpc_reply_err(call, r, &e);
	else
		rpc_reply_empty(call);
}
