// SPDX-License-Identifier: Apache-2.0
#include "journal.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/cgroup.h"
#include "runtime/engine/proc.h"
#include "runtime/net/net.h"

#define JOURNAL_MAX ((size_t)16 << 20)
/* From this size on, what is over is left out again; see journal_trim(). */
#define TRIM_SIZE (128 * 1024)
#define BOOT_ID "/proc/sys/kernel/random/boot_id"
#define BOOT_ID_MAX 64
#define LINE_TEXT_MAX 4096
#define KILL_TIMEOUT_MS 5000
/* A stub ends by itself, with status 137, once its supervisor is gone. */
#define STUB_TIMEOUT_MS 2000
/* For all of a sandbox together. */
#define CGROUP_TIMEOUT_MS 1000

static int open_file(int dirfd)
{
	int fd = openat(dirfd, JOURNAL_NAME,
			O_WRONLY | O_CREAT | O_APPEND | O_NOFOLLOW | O_CLOEXEC,
			0600);

	return fd < 0 ? -errno : fd;
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
	n = write_full(j->fd, line, (size_t)n);
	journal_step(line);
	return n;
}

#ifndef JOURNAL_STEPS
void journal_step(const char *line UNUSED)
{
}
#endif

/* Names this boot of the host: pids mean nothing in another. */
static int boot_id(char ret[BOOT_ID_MAX])
{
	cleanup_free char *text = NULL;
	int r = read_file(AT_FDCWD, BOOT_ID, BOOT_ID_MAX - 1, &text, NULL);

	if (r < 0)
		return r;
	text[strcspn(text, "\n ")] = '\0';
	(void)snprintf(ret, BOOT_ID_MAX, "%s", text);
	return 0;
}

int journal_open(struct journal *j, int dirfd, struct err *reterr)
{
	char boot[BOOT_ID_MAX];
	struct stat st;
	int r;

	j->fd = open_file(dirfd);
	if (j->fd < 0)
		return err_code(reterr, j->fd, "open journal");
	if (fstat(j->fd, &st) < 0 || st.st_size || boot_id(boot) < 0)
		return 0;
	r = note(j, "boot %s\n", boot);
	return r < 0 ? err_code(reterr, r, "write journal") : 0;
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

int journal_cgroup(struct journal *j, const char *path, bool parent)
{
	if (!path_is_normal(path) || strchr(path, '\n'))
		return -EINVAL;
	return note(j, "cgroup%s %s\n", parent ? "-parent" : "", path);
}

void journal_phase(struct journal *j, const char *name, uint64_t ms)
{
	/* For the record only: nothing depends on it. */
	(void)note(j, "phase %s %" PRIu64 "\n", name, ms);
}

void journal_failure(struct journal *j, const char *text)
{
	char escaped[LINE_TEXT_MAX / 2];

	(void)note(j, "failure %s\n",
		   log_escape(escaped, sizeof(escaped), text, strlen(text)));
}

/* "ROLE PID START", split in place; false for one that was about to be forked,
 * and for a torn line. What leads a group is killed as -PID: never as -1. */
static bool parse_process(char *text, pid_t *pid, uint64_t *start)
{
	char *number = strchr(text, ' '), *ticks;
	uint32_t n;

	if (!number)
		return false;
	*number++ = '\0';
	ticks = strchr(number, ' ');
	if (!ticks)
		return false;
	*ticks++ = '\0';
	if (parse_u32(number, 10, &n) < 0 || n <= 1 || n > INT_MAX ||
	    parse_u64(ticks, 10, start) < 0)
		return false;
	*pid = (pid_t)n;
	return true;
}

static bool is_over(const char *line)
{
	cleanup_free char *copy = NULL;
	uint64_t start;
	pid_t pid;

	if (strncmp(line, "process ", 8) != 0)
		return false;
	copy = strdup(line + 8);
	return copy && parse_process(copy, &pid, &start) &&
	       !proc_is_alive(pid, start);
}

void journal_trim(struct journal *j, int dirfd)
{
	cleanup_buf struct buf kept = BUF_INIT(JOURNAL_MAX);
	cleanup_free char *text = NULL;
	struct stat st;
	char *p, *end;
	int fd;

	if (j->fd < 0 || fstat(j->fd, &st) < 0 || st.st_size < TRIM_SIZE ||
	    (uint64_t)st.st_size < 2 * j->trimmed)
		return;
	if (read_file(dirfd, JOURNAL_NAME, JOURNAL_MAX, &text, NULL) < 0)
		return;
	for (p = text; (end = strchr(p, '\n')); p = end + 1) {
		*end = '\0';
		if (!is_over(p))
			(void)buf_printf(&kept, "%s\n", p);
	}
	if (buf_error(&kept) ||
	    write_file_atomic(dirfd, JOURNAL_NAME, buf_data(&kept), kept.len,
			      0600) < 0)
		return;
	fd = open_file(dirfd);
	if (fd < 0)
		return; /* what follows is lost for the journal: as it was */
	j->trimmed = kept.len;
	close_fd(&j->fd);
	j->fd = fd;
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
	uint64_t start;
	pid_t pid;

	if (!copy)
		return -ENOMEM;
	if (!parse_process(copy, &pid, &start) || pid == getpid())
		return 0;
	if (!strcmp(copy, "stub"))
		(void)proc_wait_gone(pid, start, STUB_TIMEOUT_MS);
	/* A hook leads a group: what it started goes with it. */
	if (!strcmp(copy, "hook") && proc_is_alive(pid, start))
		(void)kill(-pid, SIGKILL);
	return proc_kill(pid, start, KILL_TIMEOUT_MS);
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

static int undo_line(int dirfd, const char *kind, const char *path,
		     unsigned int *patience_ms)
{
	char step[LINE_TEXT_MAX];

	(void)snprintf(step, sizeof(step), "undo %s %s", kind, path);
	journal_step(step);
	if (!strcmp(kind, "netns"))
		return undo_netns(path);
	if (!strcmp(kind, "cgroup") || !strcmp(kind, "cgroup-parent"))
		return cgroup_remove(path, !strcmp(kind, "cgroup"),
				     patience_ms);
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
	char boot[BOOT_ID_MAX] = "";
	bool same_boot = true;
	unsigned int patience_ms = CGROUP_TIMEOUT_MS;
	size_t i;

	(void)boot_id(boot);
	for (i = 0; i < n; i++) {
		char *rest = split_line(lines[i]);

		if (rest && *boot && !strcmp(lines[i], "boot"))
			same_boot = !strcmp(rest, boot);
		if (rest && same_boot && !strcmp(lines[i], "process"))
			keep_first(reterr, first, undo_process(rest),
				   lines[i], rest);
	}
	for (i = n; i-- > 0;) {
		/* Where the line was split, its path starts. */
		const char *rest = lines[i] + strlen(lines[i]) + 1;

		keep_first(reterr, first,
			   undo_line(dirfd, lines[i], rest, &patience_ms),
			   lines[i], rest);
	}
}

/* The lines of the journal, without a torn one; *TEXT owns them. 0 or -errno;
 * -ENOENT when there is none. */
static int read_lines(int dirfd, char **text, char ***ret, size_t *ret_n)
{
	cleanup_free char **lines = NULL;
	size_t n = 0, room = 0;
	char *p, *end;
	int r = read_file(dirfd, JOURNAL_NAME, JOURNAL_MAX, text, NULL);

	if (r < 0)
		return r;
	for (p = *text; (end = strchr(p, '\n')); p = end + 1) {
		*end = '\0';
		if (!strchr(p, ' '))
			continue;
		if (n == room) {
			char **grown;

			room = room ? room * 2 : 64;
			grown = reallocarray(lines, room, sizeof(*lines));
			if (!grown)
				return -ENOMEM;
			lines = grown;
		}
		lines[n++] = p;
	}
	*ret = TAKE_PTR(lines);
	*ret_n = n;
	return 0;
}

int journal_undo(int dirfd, struct err *reterr)
{
	cleanup_free char *text = NULL;
	cleanup_free char **lines = NULL;
	size_t n = 0;
	int first = 0, r = read_lines(dirfd, &text, &lines, &n);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_code(reterr, r, "read journal");
	undo_all(dirfd, lines, n, reterr, &first);
	if (!first)
		first = undo_name(dirfd, JOURNAL_NAME, 0);
	return first;
}

static bool process_exists(const char *rest)
{
	cleanup_free char *copy = strdup(rest);
	uint64_t start;
	pid_t pid;

	return copy && parse_process(copy, &pid, &start) &&
	       proc_is_alive(pid, start);
}

static bool exists(int dirfd, const char *kind, const char *rest)
{
	const char *path;
	struct stat st;

	if (!strcmp(kind, "process"))
		return process_exists(rest);
	if (!strcmp(kind, "netns")) {
		path = strchr(rest, ' ');
		return path && stat(path + 1, &st) == 0 &&
		       strtoull(rest, NULL, 10) == (uint64_t)st.st_ino;
	}
	if (strcmp(kind, "file") && strcmp(kind, "dir") &&
	    strcmp(kind, "scratch"))
		return false; /* mounts went with the namespace */
	return path_is_ours(rest) &&
	       fstatat(dirfd, rest, &st, AT_SYMLINK_NOFOLLOW) == 0;
}

void journal_each(int dirfd, journal_fn fn, void *arg)
{
	cleanup_free char *text = NULL;
	cleanup_free char **lines = NULL;
	size_t n = 0, i;

	if (read_lines(dirfd, &text, &lines, &n) < 0)
		return;
	for (i = 0; i < n; i++) {
		const char *rest = split_line(lines[i]);

		if (rest && exists(dirfd, lines[i], rest))
			fn(arg, lines[i], rest);
	}
}
