// SPDX-License-Identifier: Apache-2.0
#include "record.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "codec/json.h"
#include "os/io.h"
#include "runtime/engine/client.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/ring.h"
#include "runtime/engine/spawn.h"
#include "runtime/engine/state.h"

#define HISTORY_NAME ".history"
#define SUFFIX ".json"
#define RECORD_MAX ((size_t)1 << 20)
#define RECORD_DEPTH 8
/* Of a file that may have grown, the end is read. */
#define LOG_TAIL ((size_t)16 << 10)
#define JOURNAL_TEXT_MAX ((size_t)16 << 20)
#define LINE_SHOWN 1024
#define PHASES_MAX 256

static void add_text(json_object *o, const char *key, const char *text)
{
	(void)json_object_object_add(o, key,
				     json_object_new_string(text ? text : ""));
}

static void add_number(json_object *o, const char *key, int64_t n)
{
	(void)json_object_object_add(o, key, json_object_new_int64(n));
}

/* An array of the lines of TEXT, which a guest may have had its hand in. */
static void add_lines(json_object *o, const char *key, const char *text,
		      size_t n)
{
	json_object *lines = json_object_new_array();
	char shown[LINE_SHOWN];
	size_t start, len;

	for (start = 0; lines && start < n; start += len + 1) {
		const char *line = text + start;
		const char *nl = memchr(line, '\n', n - start);
		size_t visible;

		len = nl ? (size_t)(nl - line) : n - start;
		for (visible = len; visible && line[visible - 1] == '\r';)
			visible--;
		if (!visible)
			continue;
		(void)log_escape(shown, sizeof(shown), line, visible);
		(void)json_object_array_add(lines,
					    json_object_new_string(shown));
	}
	(void)json_object_object_add(o, key, lines);
}

/* The last N bytes of a file, from a line's start; NULL when there is none. */
static char *read_tail(int dirfd, const char *name, size_t max, size_t *n)
{
	cleanup_close int fd =
		openat(dirfd, name, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
	cleanup_free char *text = malloc(max);
	struct stat st;
	ssize_t got;
	char *nl;

	if (fd < 0 || !text || fstat(fd, &st) < 0 || !S_ISREG(st.st_mode))
		return NULL;
	if ((uint64_t)st.st_size > max)
		(void)lseek(fd, st.st_size - (off_t)max, SEEK_SET);
	got = read_full(fd, text, max);
	if (got < 0)
		return NULL;
	*n = (size_t)got;
	nl = (uint64_t)st.st_size > max ? memchr(text, '\n', *n) : NULL;
	if (nl) {
		*n -= (size_t)(nl + 1 - text);
		memmove(text, nl + 1, *n);
	}
	return TAKE_PTR(text);
}

static void add_phase(json_object *phases, char *text)
{
	json_object *o = json_object_new_object();
	char *ms = strrchr(text, ' ');
	uint64_t n;

	if (!o || !ms || parse_u64(ms + 1, 10, &n) < 0) {
		(void)json_object_put(o);
		return; /* a torn line */
	}
	*ms = '\0';
	add_text(o, "name", text);
	add_number(o, "ms", (int64_t)n);
	(void)json_object_array_add(phases, o);
}

static void add_journal(json_object *o, int dirfd)
{
	json_object *phases = json_object_new_array();
	cleanup_free char *text = NULL;
	const char *failure = "";
	char *line, *rest;

	(void)read_file(dirfd, JOURNAL_NAME, JOURNAL_TEXT_MAX, &text, NULL);
	rest = text;
	while (phases && (line = strsep(&rest, "\n"))) {
		if (!strncmp(line, "phase ", 6) &&
		    json_object_array_length(phases) < PHASES_MAX)
			add_phase(phases, line + 6);
		else if (!strncmp(line, "failure ", 8) && !*failure)
			failure = line + 8; /* the first is the cause */
	}
	add_text(o, "failure", failure);
	(void)json_object_object_add(o, "phases", phases);
}

static void add_state(json_object *o, int dirfd, const char *id)
{
	struct state_record r;
	struct err ignored;

	add_text(o, "id", id);
	if (state_read_live(dirfd, &r, &ignored) < 0) {
		add_text(o, "status", "creating");
		return;
	}
	add_text(o, "status", r.s.status);
	if (r.s.exit_status >= 0)
		add_number(o, "exitStatus", r.s.exit_status);
	if (r.s.pid)
		add_number(o, "pid", r.s.pid);
	add_text(o, "created", r.s.created);
	add_text(o, "arch", r.s.arch);
	add_text(o, "bundle", r.s.bundle);
	state_release(&r);
}

static json_object *record_of(int dirfd, const char *id)
{
	json_object *o = json_object_new_object();
	cleanup_free char *console = NULL, *log = NULL;
	size_t n = 0;

	if (!o)
		return NULL;
	add_state(o, dirfd, id);
	add_journal(o, dirfd);
	console = ring_read(dirfd, RING_CONSOLE_NAME, &n);
	add_lines(o, "console", console ? console : "", console ? n : 0);
	log = read_tail(dirfd, SPAWN_LOG_NAME, LOG_TAIL, &n);
	add_lines(o, "log", log ? log : "", log ? n : 0);
	return o;
}

static char *history_file(const char *id)
{
	char *name = NULL;

	return asprintf(&name, "%s" SUFFIX, id) < 0 ? NULL : name;
}

static int history_open(const char *root)
{
	cleanup_free char *path = path_join(root, HISTORY_NAME);
	int fd = path ? open(path, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
					   O_CLOEXEC)
		      : -1;

	return fd < 0 ? -errno : fd;
}

/* Removes the oldest of more than RECORD_COUNT. */
static void history_trim(int fd)
{
	cleanup_closedir DIR *dir = NULL;
	char oldest[NAME_MAX + 1] = "";
	struct timespec least = {0};
	int copy = openat(fd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	unsigned int count = 0;
	struct dirent *e;
	struct stat st;

	dir = copy < 0 ? NULL : fdopendir(copy);
	if (!dir) {
		close_fd(&copy);
		return;
	}
	while ((e = readdir(dir))) {
		if (fstatat(fd, e->d_name, &st, AT_SYMLINK_NOFOLLOW) < 0 ||
		    !S_ISREG(st.st_mode))
			continue;
		if (!count++ || st.st_mtim.tv_sec < least.tv_sec ||
		    (st.st_mtim.tv_sec == least.tv_sec &&
		     st.st_mtim.tv_nsec < least.tv_nsec)) {
			least = st.st_mtim;
			(void)snprintf(oldest, sizeof(oldest), "%s", e->d_name);
		}
	}
	if (count > RECORD_COUNT)
		(void)unlinkat(fd, oldest, 0);
}

void record_save(const char *root, const char *id, int dirfd)
{
	cleanup_free char *path = path_join(root, HISTORY_NAME);
	cleanup_free char *name = history_file(id);
	cleanup_buf struct buf text = BUF_INIT(RECORD_MAX);
	cleanup_json json_object *o = NULL;
	cleanup_free char *now = state_timestamp();
	cleanup_close int fd = -1;

	/* Made by halves, or saved already by who was killed in removing it. */
	if (!path || !name || faccessat(dirfd, JOURNAL_NAME, F_OK, 0) < 0)
		return;
	if (mkdir(path, 0700) < 0 && errno != EEXIST)
		return;
	fd = history_open(root);
	o = fd < 0 ? NULL : record_of(dirfd, id);
	if (!o)
		return;
	add_text(o, "removed", now);
	if (json_write(o, false, &text) < 0)
		return;
	if (write_file_atomic(fd, name, buf_data(&text), text.len, 0600) == 0)
		history_trim(fd);
}

int record_load(const char *root, const char *id, struct json_object **ret,
		struct err *reterr)
{
	cleanup_free char *name = history_file(id);
	cleanup_close int dirfd = dir_open(root, id, reterr);
	cleanup_close int history = -1;
	cleanup_free char *text = NULL;
	size_t n;

	if (dirfd >= 0) {
		*ret = record_of(dirfd, id);
		return *ret ? 0 : err_code(reterr, -ENOMEM, "explain");
	}
	if (dirfd != -ENOENT || !name)
		return dirfd < 0 ? dirfd : -ENOMEM;
	history = history_open(root);
	/* The first error stands: there is no such container. */
	if (history < 0 || read_file(history, name, RECORD_MAX, &text, &n) < 0)
		return -ENOENT;
	return json_parse_text(text, n, RECORD_DEPTH, ret, reterr);
}
