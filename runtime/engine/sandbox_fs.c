// SPDX-License-Identifier: Apache-2.0
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/wait.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/config.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/share.h"
#include "runtime/engine/vmspec.h"
#include "runtime/vmm/virtiofsd.h"

/* Between the end of the server and that of the VM, in which order ever. */
#define FS_GRACE_MS 1000
#define SOCKET_NAME "fs.sock"

static void on_fs_ended(void *arg, int status, const char *text)
{
	struct sandbox *sb = arg;
	bool clean = WIFEXITED(status) && !WEXITSTATUS(status);

	/* After the VM's end its stream ends, and so does the server. */
	if (sb->state == SANDBOX_STOPPING || !sb->vm)
		return;
	(void)err_set(&sb->fs_failure, -EIO,
		      "the file server (virtiofsd) has ended: %s %d%s%s",
		      WIFSIGNALED(status) ? "signal" : "status",
		      WIFSIGNALED(status) ? WTERMSIG(status)
					  : WEXITSTATUS(status),
		      *text ? ": " : "", text);
	log_warn("sandbox '%s': %s", sb->id, sb->fs_failure.text);
	/* Without its files a guest is of no use; but what the VMM says about
	 * its own end is the better reason, and may come right after. */
	if (!clean)
		sb->failure = sb->fs_failure;
	event_timer_set(sb->grace, FS_GRACE_MS);
}

int sandbox_fs_start(struct sandbox *sb, struct vmspec *v, struct err *reterr)
{
	const struct config_qemu *q = &sb->eng->config->qemu;
	const struct fs_server_options o = {
		.program = v->facts.virtiofsd,
		.source = sb->share->path,
		.dirfd = sb->eng->dirfd,
		.socket = SOCKET_NAME,
		.confined = v->spec.confined,
		.cache = q->virtio_fs_cache,
		.extra_args = q->virtio_fs_extra_args,
	};
	int r;

	if (v->spec.shares[0].kind != VM_SHARE_VIRTIOFS)
		return 0;
	r = journal_path(&sb->eng->journal, "file", SOCKET_NAME);
	if (!r)
		r = journal_process(&sb->eng->journal, "virtiofsd", 0);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	r = fs_server_start(sb->eng->loop, &o, on_fs_ended, sb, &sb->fs,
			    &v->spec.shares[0].fd, reterr);
	if (!r)
		(void)journal_process(&sb->eng->journal, "virtiofsd",
				      fs_server_pid(sb->fs));
	return r;
}

void sandbox_fs_passed(struct vmspec *v)
{
	close_fd(&v->spec.shares[0].fd);
}

void sandbox_fs_stop(struct sandbox *sb)
{
	fs_server_free(sb->fs);
	sb->fs = NULL;
}
