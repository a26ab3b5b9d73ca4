// SPDX-License-Identifier: Apache-2.0
/*
 * A damaged journal and a damaged state.json. Whatever they say, undoing a
 * journal may only touch what is below the sandbox's own directory, and only
 * signal a process whose start was looked at: the calls that act are taken by
 * the functions here, which insist on that.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/path.h"
#include "os/io.h"
#include "runtime/engine/proc.h"
#include "runtime/net/net.h"

static const uint8_t *input;
static size_t input_size;
static pid_t looked_at;

static int fake_read_file(int dirfd, const char *path, size_t max, char **ret,
			  size_t *ret_len)
{
	(void)max, (void)path;
	/* The host's, which is asked for by its absolute path. */
	if (dirfd == AT_FDCWD) {
		*ret = strdup("9f2c\n");
		return *ret ? 0 : -ENOMEM;
	}
	*ret = malloc(input_size + 1);
	if (!*ret)
		return -ENOMEM;
	memcpy(*ret, input, input_size);
	(*ret)[input_size] = '\0';
	if (ret_len)
		*ret_len = input_size;
	return 0;
}

static void insist_on_path(const char *path)
{
	char *absolute = path_join("/", path);

	if (!absolute || *path == '/' || !path_is_normal(absolute) ||
	    strchr(path, '\n'))
		abort();
	free(absolute);
}

static int fake_unlinkat(int dirfd, const char *path, int flags)
{
	(void)dirfd, (void)flags;
	insist_on_path(path);
	errno = ENOENT;
	return -1;
}

static int fake_remove_tree(int dirfd, const char *path)
{
	(void)dirfd;
	insist_on_path(path);
	return 0;
}

static int fake_umount2(const char *path, int flags)
{
	static const char prefix[] = "/proc/self/fd/";
	const char *rest = strchr(path + sizeof(prefix) - 1, '/');

	if (strncmp(path, prefix, sizeof(prefix) - 1) || !rest ||
	    !(flags & UMOUNT_NOFOLLOW))
		abort();
	insist_on_path(rest + 1);
	return 0;
}

static int fake_kill(pid_t pid, int signo)
{
	(void)signo;
	if (pid >= -1 || -pid != looked_at)
		abort();
	return 0;
}

static bool fake_proc_is_alive(pid_t pid, uint64_t start)
{
	if (pid <= 0)
		abort();
	looked_at = pid;
	return start & 1;
}

static int fake_proc_kill(pid_t pid, uint64_t start, int timeout_ms)
{
	(void)start, (void)timeout_ms;
	if (pid <= 0)
		abort();
	return 0;
}

static int fake_proc_wait_gone(pid_t pid, uint64_t start, int timeout_ms)
{
	return fake_proc_kill(pid, start, timeout_ms);
}

static int fake_net_undo(const char *path, uint64_t inode)
{
	(void)inode;
	if (*path != '/' || strchr(path, '\n'))
		abort();
	return 0;
}

#define read_file fake_read_file
#define unlinkat fake_unlinkat
#define remove_tree fake_remove_tree
#define umount2 fake_umount2
#define kill fake_kill
#define proc_is_alive fake_proc_is_alive
#define proc_kill fake_proc_kill
#define proc_wait_gone fake_proc_wait_gone
#define net_undo fake_net_undo
#include "runtime/engine/journal.c"
#undef cleanup_json
#include "runtime/engine/state.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void ignore(void *arg, const char *kind, const char *what)
{
	(void)arg;
	if (!kind || !what)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct state_record record;
	struct err e = {0};

	input = data;
	input_size = size;
	journal_each(0, ignore, NULL);
	(void)journal_undo(0, &e);
	if (state_read(0, &record, &e) == 0)
		state_release(&record);
	return 0;
}
