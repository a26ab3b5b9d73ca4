// SPDX-License-Identifier: Apache-2.0
/* The client's part of checkpoint and restore: folders and files. */
#include "runtime/engine/client.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "os/io.h"
#include "proto/task.pb-c.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/rootimage.h"
#include "runtime/engine/rpc.h"
#include "runtime/engine/sock.h"
#include "runtime/engine/spawn.h"
#include "runtime/engine/wire.h"
#include "runtime/oci/spec.h"

#define TEXT(s) ((char *)(uintptr_t)(s))
#define COPY_CHUNK ((size_t)64 << 20)

/* What does not change while the sandbox lives. */
static const char *const kept[] = {
	ROOTIMAGE_NAME, SPEC_FILE_NAME, SPAWN_CONFIG_NAME,
};

static int copy_content(int from, int to)
{
	ssize_t n;

	do {
		n = sendfile(to, from, NULL, COPY_CHUNK);
	} while (n > 0 || (n < 0 && errno == EINTR));
	return n < 0 ? -errno : 0;
}

static int copy_file(int from_dir, int to_dir, const char *name,
		     struct err *reterr)
{
	cleanup_close int from = openat(from_dir, name,
					O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_close int to = -1;
	int r;

	if (from < 0)
		return err_errno(reterr, "open '%s'", name);
	to = openat(to_dir, name,
		    O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		    0600);
	if (to < 0)
		return err_errno(reterr, "make '%s'", name);
	r = copy_content(from, to);
	return r < 0 ? err_code(reterr, r, "copy '%s'", name) : 0;
}

/* --- checkpoint --- */

static bool exists(int dirfd, const char *name)
{
	return faccessat(dirfd, name, F_OK, AT_SYMLINK_NOFOLLOW) == 0;
}

static void remove_files(int dirfd)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(kept); i++)
		(void)unlinkat(dirfd, kept[i], 0);
	(void)unlinkat(dirfd, CHECKPOINT_STATE_NAME, 0);
}

/* Before the VM is saved, as afterwards nothing may fail any more. Where there
 * is no image the supervisor will refuse, and tell why. */
static int keep_files(int sandbox, int to, struct err *reterr)
{
	size_t i;
	int r = 0;

	if (exists(to, CHECKPOINT_NAME))
		return err_set(reterr, -EEXIST,
			       "there is a checkpoint already: name another "
			       "folder, or remove it");
	remove_files(to); /* of one that was never completed */
	if (!exists(sandbox, ROOTIMAGE_NAME))
		return 0;
	for (i = 0; !r && i < ARRAY_SIZE(kept); i++)
		if (exists(sandbox, kept[i]))
			r = copy_file(sandbox, to, kept[i], reterr);
	return r;
}

static int task_checkpoint(int dirfd, const char *id, const char *path,
			   bool leave_running, struct err *reterr)
{
	Containerd__Task__V2__CheckpointTaskRequest request =
		CONTAINERD__TASK__V2__CHECKPOINT_TASK_REQUEST__INIT;
	Containerd__Task__V2__Any options = CONTAINERD__TASK__V2__ANY__INIT;
	cleanup_close int fd = sock_connect(dirfd, WIRE_TASK_SOCKET,
					    SOCK_STREAM);

	if (fd < 0)
		return err_set(reterr, -EPIPE,
			       "container '%s' is stopped: container not "
			       "running", id);
	options.type_url = TEXT(RPC_LEAVE_RUNNING_TYPE);
	request.id = TEXT(id);
	request.path = TEXT(path);
	if (leave_running)
		request.options = &options;
	return rpc_call(fd, RPC_TASK, "Checkpoint", &request.base, NULL, NULL,
			reterr);
}

static int save(const char *root, const char *id, const char *path,
		bool leave_running, struct err *reterr)
{
	cleanup_close int sandbox = dir_open(root, id, reterr);
	cleanup_close int to = -1;
	bool made;
	int r;

	if (sandbox < 0)
		return sandbox;
	made = access(path, F_OK) < 0;
	r = make_dirs(path, 0700);
	to = r < 0 ? -1 : open(path, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (to < 0)
		return err_errno(reterr, "make folder '%s'", path);
	r = keep_files(sandbox, to, reterr);
	if (r == -EEXIST)
		return err_wrap(reterr, "'%s'", path);
	if (!r)
		r = task_checkpoint(sandbox, id, path, leave_running, reterr);
	if (r < 0) {
		remove_files(to);
		if (made)
			(void)rmdir(path);
	}
	return r;
}

int client_checkpoint(const char *root, const char *id, const char *path,
		      bool leave_running, struct err *reterr)
{
	int r = save(root, id, path, leave_running, reterr);

	return r < 0 || leave_running ? r
				      : client_delete(root, id, true, reterr);
}

/* --- restore --- */

int client_checkpoint_arch(const char *path, char **ret, struct err *reterr)
{
	struct checkpoint *ck;
	int r = checkpoint_read(path, &ck, reterr);

	if (r < 0)
		return r;
	*ret = strdup(ck->arch);
	checkpoint_free(ck);
	return *ret ? 0 : err_code(reterr, -ENOMEM, "checkpoint");
}

int checkpoint_take(const char *path, int dirfd, struct err *reterr)
{
	cleanup_close int from = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	struct journal j = JOURNAL_INIT;
	int r;

	if (from < 0)
		return err_errno(reterr, "open checkpoint '%s'", path);
	r = journal_open(&j, dirfd, reterr);
	if (r < 0)
		return r;
	r = journal_path(&j, "file", ROOTIMAGE_NAME);
	journal_close(&j);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	r = copy_file(from, dirfd, ROOTIMAGE_NAME, reterr);
	if (!r && exists(from, SPAWN_CONFIG_NAME))
		r = copy_file(from, dirfd, SPAWN_CONFIG_NAME, reterr);
	return r < 0 ? err_wrap(reterr, "checkpoint '%s'", path) : 0;
}
