// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/engine/proc.h"
#include "runtime/net/net.h"

#define JOURNAL_MAX ((size_t)4 << 20)
#define LINE_TEXT_MAX 4096
#define KILL_TIMEOUT_MS 5000
/* A stub ends by itself, with status 137, once its supervisor is gone. */
#define STUB_TIMEOUT_MS 2000

int journal_open(struct journal *j, int dirfd, struct err *reterr)
{
	j->fd = openat(dirfd, JOURNAL_NAME,
		       O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	if (j->fd < 0)
		return err_errno(reterr, "open journal");
	return 0;
}

void journal_close(struct journal *j)
{
	close_fd(&j->fd);
}

static int PRINTF(2, 3) note(struct journal *j, const char *fmt, ...)
{
	char line[LINE_TEXT_MAX];
	va_list ap;
	int n;

	if (j->fd < 0)
		return 0;
	va_start(ap, fmt);
	n = vsnprintf(line, sizeof(line), fmt, ap);
	va_end(ap);
	if (n < 0 || (size_t)n >= sizeof(line))
		return -ENAMETOOLONG;
	/* One write: lines of the client and of the supervisor never mix. */
	return write_full(j->fd, line, (size_t)n);
}

/* Below the sandbox's directory, whatever a damaged journal says. */
static bool path_is_ours(const char *path)
{
	cleanup_free char *absolute = path_join("/", path);

	return absolute && path[0] != '/' && path_is_normal(absolute) &&
	       path[0] != '\0' && !strchr(path, '\n');
}

int journal_path(struct journal *j, const char *kind, const char *path)
{
	if (!path_is_ours(path))
		return -EINVAL;
	return note(j, "%s %s\n", kind, path);
}

int journal_process(struct journal *j, const char *role, pid_t pid)
{
	uint64_t start = 0;

	if (!pid)
		return note(j, "process %s\n", role);
	if (proc_start_time(pid, &start) < 0)
		return 0; /* gone already: nothing to undo */
	return note(j, "process %s %d %" PRIu64 "\n", role, (int)pid, start);
}

int journal_netns(struct journal *j, const char *path, uint64_t inode)
{
	if (path[0] != '/' || strchr(path, '\n'))
		return -EINVAL;
	return note(j, "netns %" PRIu64 " %s\n", inode, path);
}

void journal_phase(struct journal *j, const char *name, uint64_t ms)
{
	/* For the record only: nothing depends on it. */
	(void)note(j, "phase %s %" PRIu64 "\n", name, ms);
}

static void keep_first(struct err *reterr, int *first, int r, const char *kind,
		       const char *what)
{
	if (r < 0 && !*first)
		*first = err_code(reterr, r, "undo %s '%s'", kind, what);
}

static int undo_process(const char *rest)
{
	cleanup_free char *copy = strdup(rest);
	char *pid, *start;
	uint64_t ticks;
	uint32_t n;

	if (!copy)
		return -ENOMEM;
	pid = strchr(copy, ' ');
	if (!pid)
		return 0; /* was about to be forked */
	*pid++ = '\0';
	start = strchr(pid, ' ');
	if (!start)
		return 0; /* torn line */
	*start++ = '\0';
	if (parse_u32(pid, 10, &n) < 0 || parse_u64(start, 10, &ticks) < 0)
		return 0;
	if ((pid_t)n == getpid())
		return 0;
	if (!strcmp(copy, "stub"))
		(void)proc_wait_gone((pid_t)n, ticks, STUB_TIMEOUT_MS);
	return proc_kill((pid_t)n, ticks, KILL_TIMEOUT_MS);
}

static int undo_scratch(int dirfd, const char *path)
{
	return remove_tree(dirfd, path);
}

static int undo_mount(int dirfd, const char *path)
{
	char full[LINE_TEXT_MAX + 64];

	/* Mounts live in the supervisor's namespace and went with it; only
	 * one made in ours by a supervisor that shares it is found here. */
	(void)snprintf(full, sizeof(full), "/proc/self/fd/%d/%s", dirfd, path);
	if (umount2(full, MNT_DETACH | UMOUNT_NOFOLLOW) < 0 &&
	    errno != EINVAL && errno != ENOENT && errno != EPERM)
		return -errno;
	return 0;
}

static int undo_name(int dirfd, const char *path, int flags)
{
	if (unlinkat(dirfd, path, flags) < 0 && errno != ENOENT)
		return -errno;
	return 0;
}

/* The taps went with the VM; what led to them is still at the links. */
static int undo_netns(const char *rest)
{
	char inode[24];
	uint64_t n;
	size_t len = strcspn(rest, " ");

	if (len >= sizeof(inode) || rest[len] != ' ' || rest[len + 1] != '/')
		return 0; /* torn line */
	memcpy(inode, rest, len);
	inode[len] = '\0';
	return parse_u64(inode, 10, &n) < 0 ? 0 : net_undo(rest + len + 1, n);
}

static int undo_line(int dirfd, const char *kind, const char *path)
{
	if (!strcmp(kind, "netns"))
		return undo_netns(path);
	if (!path_is_ours(path))
		return 0;
	if (!strcmp(kind, "mount"))
		return undo_mount(dirfd, path);
	if (!strcmp(kind, "file"))
		return undo_name(dirfd, path, 0);
	if (!strcmp(kind, "dir"))
		return undo_name(dirfd, path, AT_REMOVEDIR);
	if (!strcmp(kind, "scratch"))
		return undo_scratch(dirfd, path);
	return 0;
}

/* Splits "KIND REST" in place. */
static char *split_line(char *line)
{
	char *rest = strchr(line, ' ');

	if (!rest)
		return NULL;
	*rest++ = '\0';
	return rest;
}

static void undo_all(int dirfd, char **lines, size_t n, struct err *reterr,
		     int *first)
{
	size_t i;

	for (i = 0; i < n; i++) {
		char *rest = split_line(lines[i]);

		if (rest && !strcmp(lines[i], "process"))
			keep_first(reterr, first, undo_process(rest),
				   lines[i], rest);
	}
	for (i = n; i-- > 0;) {
		/* Where the line was split, its path starts. */
		const char *rest = lines[i] + strlen(lines[i]) + 1;

		keep_first(reterr, first, undo_line(dirfd, lines[i], rest),
			   lines[i], rest);
	}
}

int journal_undo(int dirfd, struct err *reterr)
{
	cleanup_free char *text = NULL;
	cleanup_free char **lines = NULL;
	size_t n = 0, room = 0;
	int first = 0, r;
	char *p, *end;

	r = read_file(dirfd, JOURNAL_NAME, JOURNAL_MAX, &text, NULL);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_code(reterr, r, "read journal");
	for (p = text; (end = strchr(p, '\n')); p = end + 1) {
		*end = '\0';
		if (!strchr(p, ' '))
			continue;
		if (n == room) {
			char **grown;

			room = room ? room * 2 : 64;
			grown = reallocarray(lines, room, sizeof(*lines));
			if (!grown)
				return err_code(reterr, -ENOMEM, "undo");
			lines = grown;
		}
		lines[n++] = p;
	}
	undo_all(dirfd, lines, n, reterr, &first);
	if (!first)
		first = undo_name(dirfd, JOURNAL_NAME, 0);
	return first;
}
