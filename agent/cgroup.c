// SPDX-License-Identifier: Apache-2.0
#include "cgroup.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <linux/magic.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "base/path.h"
#include "base/log.h"
#include "os/io.h"

#define FILE_MAX 65536
#define REMOVE_STEPS_MAX 100000
#define FREEZE_ATTEMPTS 200 /* of a millisecond */

uint64_t cgroup_weight_of_shares(uint64_t shares)
{
	/* 2..262144 onto 1..10000, as all runtimes do. */
	if (shares < 2)
		shares = 2;
	if (shares > 262144)
		shares = 262144;
	return 1 + (shares - 2) * 9999 / 262142;
}

uint64_t cgroup_weight_of_blkio(uint32_t weight)
{
	uint64_t w = weight < 10 ? 10 : weight > 1000 ? 1000 : weight;

	return 1 + (w - 10) * 9999 / 990;
}

int64_t cgroup_swap_of_memsw(int64_t swap, int64_t limit)
{
	if (swap < 0)
		return -1;
	if (limit < 0)
		limit = 0; /* no limit on memory: swap is meant alone */
	return swap < limit ? INT64_MIN : swap - limit;
}

static int systemd_path(const char *path, char ret[CGROUP_PATH_MAX])
{
	const char *prefix = strchr(path, ':') + 1;
	const char *name = strchr(prefix, ':');
	int n;

	if (!name || strchr(name + 1, ':') || !name[1])
		return -EINVAL;
	n = snprintf(ret, CGROUP_PATH_MAX, "%.*s/%.*s-%s.scope",
		     (int)(prefix - 1 - path), path, (int)(name - prefix),
		     prefix, name + 1);
	return n < 0 || n >= CGROUP_PATH_MAX ? -EINVAL : 0;
}

int cgroup_path(const char *path, const char *id, char ret[CGROUP_PATH_MAX])
{
	char check[CGROUP_PATH_MAX + 1];
	size_t n;
	int r = 0;

	path += strspn(path, "/");
	n = strlen(path);
	while (n && path[n - 1] == '/')
		n--;
	if (n >= CGROUP_PATH_MAX)
		return -EINVAL;
	if (!n) {
		(void)snprintf(ret, CGROUP_PATH_MAX, "kiln/%s", id);
	} else if (strchr(path, ':')) {
		r = systemd_path(path, ret);
	} else {
		memcpy(ret, path, n);
		ret[n] = '\0';
	}
	(void)snprintf(check, sizeof(check), "/%s", ret);
	if (r < 0 || !path_is_normal(check) ||
	    !strncmp(ret, CGROUP_AGENT "/", strlen(CGROUP_AGENT) + 1) ||
	    !strcmp(ret, CGROUP_AGENT))
		return -EINVAL;
	return 0;
}

bool cgroup_available(const char *root)
{
	struct statfs st;

	return statfs(root, &st) == 0 &&
	       (uint64_t)st.f_type == CGROUP2_SUPER_MAGIC;
}

/* Enables in DIRFD's children every controller that DIRFD itself has. One by
 * one: some cannot be (cpu, with real-time processes about). */
static void enable_controllers(int dirfd)
{
	cleanup_free char *list = NULL;
	char *rest, *name;

	if (read_file(dirfd, "cgroup.controllers", FILE_MAX, &list, NULL) < 0)
		return;
	for (rest = list; (name = strsep(&rest, " \n"));) {
		char word[64];
		int r;

		if (!*name)
			continue;
		(void)snprintf(word, sizeof(word), "+%s", name);
		r = write_file(dirfd, "cgroup.subtree_control", word);
		if (r < 0)
			log_debug("cgroup controller '%s': %s", name,
				  strerror(-r));
	}
}

int cgroup_boot(const char *root, struct err *reterr)
{
	cleanup_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (fd < 0)
		return err_errno(reterr, "open '%s'", root);
	if (mkdirat(fd, CGROUP_AGENT, 0755) < 0 && errno != EEXIST)
		return err_errno(reterr, "make cgroup '%s'", CGROUP_AGENT);
	r = write_file(fd, CGROUP_AGENT "/cgroup.procs", "0");
	if (r < 0)
		return err_code(reterr, r, "enter cgroup '%s'", CGROUP_AGENT);
	enable_controllers(fd);
	return 0;
}

int cgroup_create(const char *root, const char *path, struct err *reterr)
{
	cleanup_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *copy = strdup(path);
	char *rest = copy, *name;

	if (fd < 0 || !copy)
		return err_errno(reterr, "open '%s'", root);
	while ((name = strsep(&rest, "/"))) {
		int sub;

		enable_controllers(fd);
		/* A group that was killed once may kill whom clone3() puts into
		 * it later (the kernel compares the counts of two groups), so
		 * what is left of an earlier one is not used again. */
		if (!rest)
			(void)unlinkat(fd, name, AT_REMOVEDIR);
		if (mkdirat(fd, name, 0755) < 0 && errno != EEXIST)
			return err_errno(reterr, "make cgroup '%s'", path);
		sub = openat(fd, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
						O_CLOEXEC);
		if (sub < 0)
			return err_errno(reterr, "open cgroup '%s'", path);
		close_fd(&fd);
		fd = sub;
	}
	if (!cgroup_is_empty(fd))
		return err_set(reterr, -EBUSY, "cgroup '%s' is in use", path);
	return TAKE_FD(fd);
}

/* The name of the first group in DIRFD; -ENOENT. */
static int first_child(int dirfd, char name[NAME_MAX + 1])
{
	cleanup_closedir DIR *d = NULL;
	int copy = openat(dirfd, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	struct dirent *e;

	d = copy < 0 ? NULL : fdopendir(copy);
	if (!d) {
		close_fd(&copy);
		return -ENOENT;
	}
	while ((e = readdir(d))) {
		if (e->d_type != DT_DIR || *e->d_name == '.')
			continue;
		memcpy(name, e->d_name, strlen(e->d_name) + 1);
		return 0;
	}
	return -ENOENT;
}

/*
 * Removes what the container has made in its group (an init system makes many).
 * Its depth is the container's choice, so this walks instead of recursing: down
 * to a leaf, which goes, then from the top again.
 */
static int remove_children(int topfd)
{
	char name[NAME_MAX + 1], below[NAME_MAX + 1];
	unsigned int i;

	for (i = 0; i < REMOVE_STEPS_MAX && !first_child(topfd, name); i++) {
		cleanup_close int dir = fcntl(topfd, F_DUPFD_CLOEXEC, 3);

		for (;;) {
			int sub = openat(dir, name, O_RDONLY | O_DIRECTORY |
					 O_NOFOLLOW | O_CLOEXEC);

			if (sub < 0)
				return -errno;
			if (first_child(sub, below) < 0) {
				close_fd(&sub);
				break;
			}
			memcpy(name, below, sizeof(name));
			close_fd(&dir);
			dir = sub;
		}
		if (unlinkat(dir, name, AT_REMOVEDIR) < 0)
			return -errno;
	}
	return 0;
}

int cgroup_remove(const char *root, const char *path)
{
	cleanup_close int fd = open(root, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	cleanup_free char *copy = strdup(path);
	char *slash;

	if (fd < 0 || !copy)
		return -errno;
	if (unlinkat(fd, copy, AT_REMOVEDIR) < 0 && errno == EBUSY) {
		cleanup_close int top = openat(fd, copy, O_RDONLY |
					       O_DIRECTORY | O_CLOEXEC);

		if (top >= 0)
			(void)remove_children(top); /* shows below */
	}
	if (unlinkat(fd, copy, AT_REMOVEDIR) < 0 && errno != ENOENT)
		return -errno;
	while ((slash = strrchr(copy, '/'))) {
		*slash = '\0';
		if (unlinkat(fd, copy, AT_REMOVEDIR) < 0)
			break; /* others are in it */
	}
	return 0;
}

struct setting {
	int fd;
	struct err *err;
};

/* Writes VALUE to FILE of the group. Where the kernel or the parent lacks the
 * controller a limit that was asked for must not be silently void. */
static int set(const struct setting *s, const char *file, const char *fmt, ...)
	PRINTF(3, 4);

static int set(const struct setting *s, const char *file, const char *fmt, ...)
{
	char value[1024];
	va_list ap;
	int r;

	va_start(ap, fmt);
	(void)vsnprintf(value, sizeof(value), fmt, ap);
	va_end(ap);
	r = write_file(s->fd, file, value);
	if (r < 0)
		return err_code(s->err, r, "cgroup: set %s to '%s'", file,
				value);
	return 0;
}

static int set_limit(const struct setting *s, const char *file, int64_t value)
{
	return value < 0 ? set(s, file, "max")
			 : set(s, file, "%" PRId64, value);
}

static int apply_memory(const struct setting *s, const Grpc__LinuxMemory *m)
{
	int64_t swap;
	int r = 0;

	if (m->swap) {
		swap = cgroup_swap_of_memsw(m->swap, m->limit);
		if (swap == INT64_MIN)
			return err_set(s->err, -EINVAL,
				       "cgroup: memory and swap limit below "
				       "the memory limit");
		/* A kernel without swap has no such file, and no swap. */
		if (faccessat(s->fd, "memory.swap.max", F_OK, 0) == 0)
			r = set_limit(s, "memory.swap.max", swap);
	}
	if (!r && m->limit)
		r = set_limit(s, "memory.max", m->limit);
	if (!r && m->reservation)
		r = set_limit(s, "memory.low", m->reservation);
	return r;
}

static int apply_cpu(const struct setting *s, const Grpc__LinuxCPU *c)
{
	uint64_t period = c->period ? c->period : 100000;
	int r = 0;

	if (c->shares)
		r = set(s, "cpu.weight", "%" PRIu64,
			cgroup_weight_of_shares(c->shares));
	if (!r && c->quota > 0)
		r = set(s, "cpu.max", "%" PRId64 " %" PRIu64, c->quota, period);
	else if (!r && (c->quota < 0 || c->period))
		r = set(s, "cpu.max", "max %" PRIu64, period);
	if (!r && *c->cpus)
		r = set(s, "cpuset.cpus", "%s", c->cpus);
	if (!r && *c->mems)
		r = set(s, "cpuset.mems", "%s", c->mems);
	return r;
}

static int apply_throttle(const struct setting *s, const char *key, size_t n,
			  Grpc__LinuxThrottleDevice *const *list)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < n; i++)
		r = set(s, "io.max", "%" PRId64 ":%" PRId64 " %s=%" PRIu64,
			list[i]->major, list[i]->minor, key, list[i]->rate);
	return r;
}

static int apply_io(const struct setting *s, const Grpc__LinuxBlockIO *b)
{
	int r = 0;

	/* Weights need a scheduler that honours them; without, the default
	 * holds, as for every runtime. */
	if (b->weight && faccessat(s->fd, "io.weight", F_OK, 0) == 0)
		r = set(s, "io.weight", "%" PRIu64,
			cgroup_weight_of_blkio(b->weight));
	else if (b->weight && faccessat(s->fd, "io.bfq.weight", F_OK, 0) == 0)
		r = set(s, "io.bfq.weight", "%u", b->weight);
	if (!r)
		r = apply_throttle(s, "rbps", b->n_throttlereadbpsdevice,
				   b->throttlereadbpsdevice);
	if (!r)
		r = apply_throttle(s, "wbps", b->n_throttlewritebpsdevice,
				   b->throttlewritebpsdevice);
	if (!r)
		r = apply_throttle(s, "riops", b->n_throttlereadiopsdevice,
				   b->throttlereadiopsdevice);
	if (!r)
		r = apply_throttle(s, "wiops", b->n_throttlewriteiopsdevice,
				   b->throttlewriteiopsdevice);
	return r;
}

static int apply_hugetlb(const struct setting *s,
			 const Grpc__LinuxHugepageLimit *limit)
{
	char file[64];

	if (strlen(limit->pagesize) > 16 || strchr(limit->pagesize, '/'))
		return err_set(s->err, -EINVAL, "cgroup: huge page size");
	(void)snprintf(file, sizeof(file), "hugetlb.%s.max", limit->pagesize);
	return set(s, file, "%" PRIu64, limit->limit);
}

int cgroup_apply(int fd, const Grpc__LinuxResources *resources,
		 struct err *reterr)
{
	const struct setting s = {fd, reterr};
	size_t i;
	int r = 0;

	if (resources->memory)
		r = apply_memory(&s, resources->memory);
	if (!r && resources->cpu)
		r = apply_cpu(&s, resources->cpu);
	if (!r && resources->pids && resources->pids->limit)
		r = set_limit(&s, "pids.max", resources->pids->limit);
	if (!r && resources->blockio)
		r = apply_io(&s, resources->blockio);
	for (i = 0; !r && i < resources->n_hugepagelimits; i++)
		r = apply_hugetlb(&s, resources->hugepagelimits[i]);
	return r;
}

int cgroup_set(int fd, const char *name, const char *value, struct err *reterr)
{
	const struct setting s = {fd, reterr};

	if (strchr(name, '/') || *name == '.' || !*name ||
	    !strncmp(name, "cgroup.", 7))
		return err_set(reterr, -EINVAL, "cgroup: file '%.200s'", name);
	return set(&s, name, "%s", value);
}

int cgroup_kill(int fd)
{
	return write_file(fd, "cgroup.kill", "1");
}

int cgroup_freeze(int fd, bool freeze)
{
	const struct timespec pause = {.tv_nsec = 1000000};
	int i, r = write_file(fd, "cgroup.freeze", freeze ? "1" : "0");

	/* It takes effect process by process, when each leaves the kernel. */
	for (i = 0; !r && freeze && i < FREEZE_ATTEMPTS; i++) {
		uint64_t frozen;

		if (cgroup_read(fd, "cgroup.events", "frozen", &frozen) < 0 ||
		    frozen)
			break;
		(void)nanosleep(&pause, NULL);
	}
	return r;
}

int cgroup_below(int fd, const char *path, struct err *reterr)
{
	cleanup_close int dir = fcntl(fd, F_DUPFD_CLOEXEC, 3);
	const char *part = path;

	if (dir < 0)
		return err_errno(reterr, "no control groups");
	while (*(part += strspn(part, "/"))) {
		size_t n = strcspn(part, "/");
		char name[NAME_MAX + 1];
		int sub;

		if (n > NAME_MAX || !strncmp(part, "..", MAX(n, 2U)))
			return err_set(reterr, -EINVAL,
				       "bad sub cgroup path: %.200s is not a "
				       "sub cgroup path", path);
		memcpy(name, part, n);
		name[n] = '\0';
		sub = openat(dir, name, O_RDONLY | O_DIRECTORY | O_NOFOLLOW |
						O_CLOEXEC);
		if (sub < 0)
			return err_set(reterr, -errno,
				       "error adding pid to cgroups: open "
				       "%.200s/cgroup.procs: %s", path,
				       errno == ENOENT
					       ? "no such file or directory"
					       : strerror(errno));
		close_fd(&dir);
		dir = sub;
		part += n;
	}
	return TAKE_FD(dir);
}

bool cgroup_is_frozen(int fd)
{
	uint64_t v;

	return cgroup_read(fd, "cgroup.freeze", NULL, &v) == 0 && v;
}

int cgroup_of_pid(const char *root, pid_t pid)
{
	cleanup_free char *text = NULL, *full = NULL;
	char path[64], *rest, *line;
	int fd;

	(void)snprintf(path, sizeof(path), "/proc/%d/cgroup", (int)pid);
	if (read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) < 0)
		return -ESRCH;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (strncmp(line, "0::/", 4))
			continue;
		full = path_join(root, line + 4);
		if (!full || strstr(full, "/../"))
			return -EINVAL;
		fd = open(full, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		return fd < 0 ? -errno : fd;
	}
	return -ENOENT;
}

bool cgroup_is_empty(int fd)
{
	uint64_t populated;

	return cgroup_read(fd, "cgroup.events", "populated", &populated) < 0 ||
	       !populated;
}

int cgroup_read(int fd, const char *file, const char *key, uint64_t *ret)
{
	cleanup_free char *text = NULL;
	char *rest, *line;
	int r = read_file(fd, file, FILE_MAX, &text, NULL);

	if (r < 0)
		return r;
	for (rest = text; (line = strsep(&rest, "\n"));) {
		if (key) {
			size_t n = strlen(key);

			if (strncmp(line, key, n) || line[n] != ' ')
				continue;
			line += n + 1;
		}
		if (!strcmp(line, "max")) {
			*ret = UINT64_MAX;
			return 0;
		}
		return parse_u64(line, 10, ret);
	}
	return -ENOENT;
}
