// SPDX-License-Identifier: Apache-2.0
/*
 * Writes SquashFS by way of mksquashfs, since SquashFS is for guests of others:
 * DAX cannot map it. The program reads definitions of all files, and their
 * data behind these, from one memory file and writes to another. (sqfstar of
 * 4.5 gives the root the time of day and cuts long targets of links.) It gets
 * an environment of its own, for it reads SOURCE_DATE_EPOCH itself and then
 * refuses the times given here.
 */
#include "squashfs.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <spawn.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "base/macros.h"
#include "fileio.h"
#include "os/io.h"

#define PROGRAM "mksquashfs"
#define OUT_FD 3
#define SPEC_MAX (IMAGE_MAX + (64u << 20))

/* The name, with what separates words escaped. A newline cannot be told. */
static int put_name(struct buf *out, const char *path)
{
	if (!path[1])
		return buf_put_u8(out, '/');
	for (const char *s = path + 1; *s; s++) {
		if (*s == '\n')
			return -EINVAL;
		if (strchr(" \t\r\f\v\\\"", *s))
			(void)buf_put_u8(out, '\\');
		(void)buf_put_u8(out, (uint8_t)*s);
	}
	return buf_error(out);
}

static int put_node(struct buf *out, const struct node *n, uint64_t offset)
{
	static const char codes[] = {
		[NODE_DIR] = 'D',   [NODE_FILE] = 'R',	[NODE_LINK] = 'S',
		[NODE_CHAR] = 'C',  [NODE_BLOCK] = 'B', [NODE_FIFO] = 'I',
		[NODE_SOCKET] = 'I',
	};
	int r = put_name(out, n->path);

	if (r < 0)
		return r;
	(void)buf_printf(out, " %c %" PRId64 " %o %u %u", codes[n->type],
			 n->mtime, n->mode, n->uid, n->gid);
	switch (n->type) {
	case NODE_FILE:
		(void)buf_printf(out, " %" PRIu64 " %" PRIu64, n->size, offset);
		break;
	case NODE_LINK:
		if (!n->size || memchr(n->data, '\n', n->size))
			return -EINVAL;
		(void)buf_put_u8(out, ' ');
		(void)buf_put(out, n->data, n->size);
		break;
	case NODE_CHAR:
	case NODE_BLOCK:
		(void)buf_printf(out, " %u %u", n->major, n->minor);
		break;
	case NODE_FIFO:
	case NODE_SOCKET:
		(void)buf_put_str(out, n->type == NODE_FIFO ? " f" : " s");
		break;
	case NODE_DIR:
	default:
		break;
	}
	return buf_put_u8(out, '\n');
}

static int put_spec(const struct tree *t, struct buf *out, struct err *reterr)
{
	uint64_t offset = 0;

	for (size_t i = 0; i < t->n; i++) {
		int r = put_node(out, &t->v[i], offset);

		if (r < 0)
			return err_set(reterr, r, "squashfs: '%s' cannot be "
				       "told to " PROGRAM, t->v[i].path);
		if (t->v[i].type == NODE_FILE)
			offset += t->v[i].size;
	}
	(void)buf_put_str(out, "#\n# START OF DATA - DO NOT MODIFY\n#\n");
	for (size_t i = 0; i < t->n; i++)
		if (t->v[i].type == NODE_FILE && t->v[i].size)
			(void)buf_put(out, t->v[i].data, t->v[i].size);
	return buf_error(out) ? err_code(reterr, buf_error(out), "squashfs") :
				0;
}

struct files {
	int in, out, log;
};

static int spawn(char *const *argv, const struct files *f, int *ret_status)
{
	static const char *const env[] = {
		"PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:"
		"/sbin:/bin", "LC_ALL=C", NULL};
	posix_spawn_file_actions_t a;
	pid_t pid;
	int r;

	r = posix_spawn_file_actions_init(&a);
	if (r != 0)
		return -r;
	(void)posix_spawn_file_actions_adddup2(&a, f->in, 0);
	(void)posix_spawn_file_actions_adddup2(&a, f->log, 1);
	(void)posix_spawn_file_actions_adddup2(&a, f->log, 2);
	(void)posix_spawn_file_actions_adddup2(&a, f->out, OUT_FD);
	r = posix_spawnp(&pid, PROGRAM, &a, NULL, argv,
			 (char **)(uintptr_t)env);
	(void)posix_spawn_file_actions_destroy(&a);
	if (r != 0)
		return -r;
	while (waitpid(pid, ret_status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	return 0;
}

/* The last line the program has said, for a human. */
static int complain(int log, int status, struct err *reterr)
{
	char text[512] = "";
	ssize_t n = pread(log, text, sizeof(text) - 1, 0);

	text[n > 0 ? n : 0] = '\0';
	text[strcspn(text, "\n")] = '\0';
	return err_set(reterr, -EIO, PROGRAM " failed (%s %d): %s",
		       WIFEXITED(status) ? "status" : "signal",
		       WIFEXITED(status) ? WEXITSTATUS(status) :
					   WTERMSIG(status), text);
}

static int run(const struct fs_params *params, const struct files *f,
	       struct err *reterr)
{
	char time[24];
	const char *argv[] = {
		PROGRAM, "-", "/proc/self/fd/3", "-pf", "/proc/self/fd/0",
		"-noappend", "-comp", "zstd", "-no-xattrs", "-no-progress",
		"-quiet", "-exit-on-error", "-processors", "1", "-reproducible",
		"-mkfs-time", time, NULL};
	int status = 0, r;

	_Static_assert(OUT_FD == 3, "as named above");
	(void)snprintf(time, sizeof(time), "%" PRId64, params->time);
	r = spawn((char **)(uintptr_t)argv, f, &status);
	if (r == -ENOENT)
		return err_set(reterr, r, "no '" PROGRAM "': squashfs needs "
			       "squashfs-tools 4.5 or later");
	if (r < 0)
		return err_code(reterr, r, "run '" PROGRAM "'");
	return WIFEXITED(status) && WEXITSTATUS(status) == 0 ?
		       0 : complain(f->log, status, reterr);
}

static int collect(int fd, struct buf *out, struct err *reterr)
{
	cleanup_free uint8_t *data = NULL;
	struct stat st;
	size_t n;
	int r;

	if (fstat(fd, &st) < 0)
		return err_errno(reterr, PROGRAM);
	if ((uint64_t)st.st_size > out->max)
		return err_set(reterr, -EFBIG, "squashfs: image too large");
	r = fd_read(fd, (uint64_t)st.st_size, &data, &n, reterr);
	if (r == 0 && buf_put(out, data, n) < 0)
		r = err_code(reterr, buf_error(out), "squashfs");
	return r;
}

int squashfs_write(const struct tree *tree, const struct fs_params *params,
		   struct buf *out, struct err *reterr)
{
	cleanup_buf struct buf spec = BUF_INIT(SPEC_MAX);
	cleanup_close int in = memfd_create("spec", MFD_CLOEXEC);
	cleanup_close int image = memfd_create("squashfs", MFD_CLOEXEC);
	cleanup_close int log = memfd_create("log", MFD_CLOEXEC);
	int r;

	if (in < 0 || image < 0 || log < 0)
		return err_errno(reterr, "squashfs: memory");
	r = put_spec(tree, &spec, reterr);
	if (r < 0)
		return r;
	r = write_full(in, buf_data(&spec), spec.len);
	if (r < 0)
		return err_code(reterr, r, "squashfs: memory");
	buf_release(&spec);
	if (lseek(in, 0, SEEK_SET) < 0)
		return err_errno(reterr, "squashfs: memory");
	r = run(params, &(struct files){in, image, log}, reterr);
	return r < 0 ? r : collect(image, out, reterr);
}

const struct fs_ops fs_squashfs = {
	.name = "squashfs",
	.write = squashfs_write,
	.probe = squashfs_probe,
	.read = squashfs_read,
};
