// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/rootimage.h"

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strv.h"
#include "os/event.h"
#include "runtime/engine/share.h"
#include "runtime/vmm/spawn.h"

#define PROGRAM "mkfs.erofs"
#define STATUS_NOT_RUN 127
#define OUTPUT_MAX 400

struct rootimage {
	struct sandbox *sb;
	pid_t pid;
	int output; /* owned */
	engine_done_fn done;
	void *arg;
};

void rootimage_cancel(struct sandbox *sb)
{
	struct rootimage *ri = sb->rootimage;

	if (!ri)
		return;
	sb->rootimage = NULL;
	if (ri->pid > 0) {
		event_child_cancel(sb->eng->loop, ri->pid);
		(void)kill(ri->pid, SIGKILL);
	}
	close_fd(&ri->output);
	free(ri);
}

/* What it said last, which is where its errors are. */
static void read_complaint(int fd, char *out, size_t size)
{
	char text[OUTPUT_MAX];
	size_t have = 0;
	ssize_t n;

	while ((n = read(fd, text + have, sizeof(text) - have)) > 0) {
		have += (size_t)n;
		if (have == sizeof(text)) {
			memmove(text, text + have / 2, have / 2);
			have /= 2;
		}
	}
	while (have && text[have - 1] == '\n')
		have--;
	(void)log_escape(out, size, text, have);
}

static void on_packed(void *arg, pid_t pid UNUSED, int status)
{
	struct rootimage *ri = arg;
	struct sandbox *sb = ri->sb;
	engine_done_fn done = ri->done;
	void *done_arg = ri->arg;
	char why[2 * OUTPUT_MAX];
	struct err err = {0};
	int r = 0;

	ri->pid = 0;
	read_complaint(ri->output, why, sizeof(why));
	rootimage_cancel(sb);
	if (WIFEXITED(status) && WEXITSTATUS(status) == STATUS_NOT_RUN)
		r = err_set(&err, -EOPNOTSUPP,
			    "shared_fs = \"none\" needs " PROGRAM ": install "
			    "the package 'erofs-utils' (%s)", why);
	else if (!WIFEXITED(status) || WEXITSTATUS(status))
		r = err_set(&err, -EIO, PROGRAM " cannot pack the container's "
			    "files: %s", why);
	else
		engine_phase(sb->eng, "files packed");
	done(done_arg, r, &err);
}

static int start(struct rootimage *ri, struct err *reterr)
{
	struct engine *eng = ri->sb->eng;
	cleanup_free char *image = path_join(eng->dir, ROOTIMAGE_NAME);
	cleanup_strv struct strv argv = STRV_INIT;
	int r;

	if (!image)
		return err_code(reterr, -ENOMEM, "image");
	(void)strv_add(&argv, PROGRAM);
	(void)strv_add(&argv, "--quiet");
	(void)strv_add(&argv, image);
	(void)strv_add(&argv, ri->sb->share->path);
	if (strv_error(&argv))
		return err_code(reterr, strv_error(&argv), "image");
	r = journal_path(&eng->journal, "file", ROOTIMAGE_NAME);
	if (!r)
		r = journal_process(&eng->journal, "packer", 0);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	r = spawn_helper(strv_argv(&argv), NULL, 0, NULL, &ri->pid,
			 &ri->output, reterr);
	if (r < 0)
		return r;
	(void)journal_process(&eng->journal, "packer", ri->pid);
	r = event_child(eng->loop, ri->pid, on_packed, ri);
	return r < 0 ? err_code(reterr, r, "watch " PROGRAM) : 0;
}

void rootimage_make(struct sandbox *sb, engine_done_fn done, void *arg)
{
	struct rootimage *ri = calloc(1, sizeof(*ri));
	struct err err = {0};
	int r = -ENOMEM;

	if (!ri) {
		done(arg, err_code(&err, r, "image"), &err);
		return;
	}
	*ri = (struct rootimage){
		.sb = sb, .output = -1, .done = done, .arg = arg,
	};
	sb->rootimage = ri;
	r = start(ri, &err);
	if (r < 0) {
		rootimage_cancel(sb);
		done(arg, r, &err);
	}
}
