// SPDX-License-Identifier: Apache-2.0
#include "runtime/cgroup_file.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/magic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/vfs.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "base/path.h"
#include "os/io.h"

#define PROC_MAX ((size_t)4 << 20)
#define FILE_MAX ((size_t)1 << 20)
#define DEPTH_MAX 32
#define REMOVE_PAUSE_MS 20

bool cgroup_is_v2(const struct cgroup_group *g)
{
	return !*g->controllers;
}

static void group_release(struct cgroup_group *g)
{
	free(g->controllers);
	free(g->mount);
	free(g->own);
	free(g->path);
	*g = (struct cgroup_group){0};
}

void cgroup_release(struct cgroup *g)
{
	size_t i;

	for (i = 0; i < g->n; i++)
		group_release(&g->v[i]);
	free(g->v);
	*g = (struct cgroup)CGROUP_INIT;
}

static void drop(struct cgroup *g, size_t i)
{
	group_release(&g->v[i]);
	memmove(&g->v[i], &g->v[i + 1], (g->n - i - 1) * sizeof(g->v[0]));
	g->n--;
}

/* --- what is mounted where --- */

/* True when LIST, separated by commas, has the first N bytes of WORD. */
static bool list_has(const char *list, const char *word, size_t n)
{
	while (*list) {
		size_t len = strcspn(list, ",\n ");

		if (len == n && !strncmp(list, word, n))
			return true;
		list += len;
		list += *list == ',';
		if (*list == '\n' || *list == ' ')
			break;
	}
	return false;
}

bool cgroup_has(const struct cgroup_group *g, const char *controller)
{
	return cgroup_is_v2(g) ||
	       list_has(g->controllers, controller, strlen(controller));
}

/* The kernel's \040 for a space and the like, in place. */
static void unescape(char *s)
{
	char *out = s;

	for (; *s; out++) {
		if (s[0] == '\\' && s[1] >= '0' && s[1] <= '3' && s[2] && s[3]) {
			*out = (char)((s[1] - '0') * 64 + (s[2] - '0') * 8 +
				      (s[3] - '0'));
			s += 4;
		} else {
			*out = *s++;
		}
	}
	*out = '\0';
}

/* One mount of mountinfo: root, mount point and options, to be freed. */
struct mount_line {
	char root[PATH_MAX], point[PATH_MAX], type[16], options[512];
};

static bool parse_mount(const char *line, struct mount_line *m)
{
	const char *dash = strstr(line, " - ");
	const char *end = strchr(line, '\n');

	if (!dash || (end && dash > end))
		return false;
	if (sscanf(line, "%*s %*s %*s %4095s %4095s", m->root, m->point) != 2)
		return false;
	if (sscanf(dash, " - %15s %*s %511s", m->type, m->options) != 2)
		return false;
	unescape(m->root);
	unescape(m->point);
	return !strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2");
}

/* The mount of the hierarchy with CONTROLLERS ("": version 2). */
static bool find_mount(const char *mountinfo, const char *controllers,
		       struct mount_line *m)
{
	const char *line = mountinfo, *p;

	for (; line && *line; line = strchr(line, '\n'),
			      line = line ? line + 1 : NULL) {
		bool all = true;

		if (!parse_mount(line, m) ||
		    !*controllers != !strcmp(m->type, "cgroup2"))
			continue;
		for (p = controllers; *p && all;) {
			size_t n = strcspn(p, ",");

			all = list_has(m->options, p, n);
			p += n;
			p += *p == ',';
		}
		if (all)
			return true;
	}
	return false;
}

/* PATH of /proc/self/cgroup as it is below a mount whose root is ROOT. */
static const char *below_root(const char *path, const char *root)
{
	size_t n = strlen(root);

	if (!strcmp(root, "/"))
		return path;
	if (!strncmp(path, root, n) && (!path[n] || path[n] == '/'))
		return path[n] ? path + n : "/";
	return "/"; /* outside of what is mounted here */
}

static int add_group(struct cgroup *g, const char *controllers,
		     const char *path, const struct mount_line *m)
{
	struct cgroup_group *v =
		reallocarray(g->v, g->n + 1, sizeof(*g->v));
	struct cgroup_group *new;

	if (!v)
		return -ENOMEM;
	g->v = v;
	new = &v[g->n];
	*new = (struct cgroup_group){0};
	new->controllers = strdup(controllers);
	new->mount = strdup(m->point);
	new->own = strdup(below_root(path, m->root));
	g->n++;
	return new->controllers && new->mount && new->own ? 0 : -ENOMEM;
}

int cgroup_parse(const char *mountinfo, const char *own, struct cgroup *ret)
{
	cleanup_free char *copy = strdup(own);
	cleanup_free struct mount_line *m = calloc(1, sizeof(*m));
	char *line, *save = NULL;
	int r = copy && m ? 0 : -ENOMEM;

	*ret = (struct cgroup)CGROUP_INIT;
	if (r < 0)
		return r;
	for (line = strtok_r(copy, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, ':');
		char *path = controllers ? strchr(controllers + 1, ':') : NULL;

		if (!path || path[1] != '/')
			continue;
		*path++ = '\0';
		controllers++;
		if (find_mount(mountinfo, controllers, m))
			r = add_group(ret, controllers, path, m);
	}
	if (r < 0)
		cgroup_release(ret);
	return r;
}

/* --- where the container's are --- */

/* Appends the parts of PATH to OUT, by text alone; "..", at most up to OUT's
 * first N bytes. */
static int append_clean(char *out, size_t size, size_t base, const char *path)
{
	size_t len = strlen(out);

	while (*path) {
		size_t n = strcspn(path, "/");

		if (n == 2 && !strncmp(path, "..", 2)) {
			while (len > base && out[len - 1] != '/')
				len--;
			len -= len > base;
			out[len] = '\0';
		} else if (n && !(n == 1 && path[0] == '.')) {
			if (len + n + 2 > size)
				return -ENAMETOOLONG;
			out[len++] = '/';
			memcpy(out + len, path, n);
			len += n;
			out[len] = '\0';
		}
		path += n;
		path += *path == '/';
	}
	return 0;
}

static int place_one(struct cgroup_group *g, const char *wanted,
		     const char *name, bool unified)
{
	char path[CGROUP_PATH_MAX] = "";
	size_t base;
	int r;

	base = strcmp(g->mount, "/") ? strlen(g->mount) : 0;
	if (base >= sizeof(path))
		return -ENAMETOOLONG;
	memcpy(path, g->mount, base);
	path[base] = '\0';
	if (*wanted != '/') {
		r = append_clean(path, sizeof(path), base, g->own);
		/* A group with processes has none with limits below it. */
		if (!r && unified)
			r = append_clean(path, sizeof(path), base, "..");
		if (r < 0)
			return r;
		base = strlen(path);
	}
	r = append_clean(path, sizeof(path), base, *wanted ? wanted : name);
	if (r < 0)
		return r;
	if (strlen(path) == base)
		return -EINVAL; /* the root, or the caller's own */
	g->path = strdup(path);
	return g->path ? 0 : -ENOMEM;
}

int cgroup_place(struct cgroup *g, const char *wanted, const char *name,
		 struct err *reterr)
{
	bool unified = true;
	const char *p;
	size_t i;

	for (p = wanted; *p; p++)
		if ((unsigned char)*p < ' ' || *p == 0x7f)
			return err_set(reterr, -EINVAL,
				       "linux.cgroupsPath: a control character "
				       "is in it");
	for (i = 0; i < g->n; i++)
		unified &= cgroup_is_v2(&g->v[i]);
	for (i = 0; i < g->n; i++) {
		int r = place_one(&g->v[i], wanted, name, unified);

		if (r < 0)
			return err_code(reterr, r,
					"linux.cgroupsPath '%.128s'", wanted);
	}
	return 0;
}

static bool is_reachable(const struct cgroup_group *g)
{
	struct statfs s;

	return statfs(g->mount, &s) == 0 &&
	       s.f_type == (cgroup_is_v2(g) ? CGROUP2_SUPER_MAGIC
				     : CGROUP_SUPER_MAGIC);
}

int cgroup_find(const char *wanted, const char *name, struct cgroup *ret,
		struct err *reterr)
{
	cleanup_free char *mountinfo = NULL, *own = NULL;
	size_t i;
	int r;

	*ret = (struct cgroup)CGROUP_INIT;
	r = read_file(AT_FDCWD, "/proc/self/mountinfo", PROC_MAX, &mountinfo,
		      NULL);
	if (!r)
		r = read_file(AT_FDCWD, "/proc/self/cgroup", PROC_MAX, &own,
			      NULL);
	if (!r)
		r = cgroup_parse(mountinfo, own, ret);
	if (r < 0)
		return err_code(reterr, r, "look for control groups");
	for (i = ret->n; i-- > 0;)
		if (!is_reachable(&ret->v[i]))
			drop(ret, i);
	r = cgroup_place(ret, wanted, name, reterr);
	if (r < 0)
		cgroup_release(ret);
	return r;
}

/* --- making --- */

int cgroup_read(const char *dir, const char *file, char *buf, size_t size)
{
	char path[CGROUP_PATH_MAX + 64];
	cleanup_close int fd = -1;
	ssize_t n;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	n = read_full(fd, buf, size - 1);
	if (n < 0)
		return (int)n;
	while (n > 0 && buf[n - 1] == '\n')
		n--;
	buf[n] = '\0';
	return 0;
}

int cgroup_write(const char *dir, const char *file, const char *value)
{
	char path[CGROUP_PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, file);
	return write_file(AT_FDCWD, path, value);
}

/* A new group of version 1's cpuset has no CPUs, and takes no process. */
static void inherit_cpuset(const char *parent, const char *dir)
{
	static const char *const files[] = {"cpuset.cpus", "cpuset.mems"};
	char text[4096];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(files); i++) {
		if (cgroup_read(dir, files[i], text, sizeof(text)) < 0 || *text)
			continue;
		if (!cgroup_read(parent, files[i], text, sizeof(text)) && *text)
			(void)cgroup_write(dir, files[i], text);
	}
}

/* Version 2: the groups below DIR may have what DIR has. */
static void delegate(const char *dir)
{
	char text[512], one[64], *word, *save = NULL;

	if (cgroup_read(dir, "cgroup.controllers", text, sizeof(text)) < 0)
		return;
	for (word = strtok_r(text, " ", &save); word;
	     word = strtok_r(NULL, " ", &save)) {
		(void)snprintf(one, sizeof(one), "+%s", word);
		(void)cgroup_write(dir, "cgroup.subtree_control", one);
	}
}

static int make_one(const struct cgroup_group *g, cgroup_note_fn note,
		    void *arg)
{
	char path[CGROUP_PATH_MAX], parent[CGROUP_PATH_MAX];
	size_t at = strcmp(g->mount, "/") ? strlen(g->mount) : 0;
	size_t len = strlen(g->path);

	(void)snprintf(parent, sizeof(parent), "%s", g->mount);
	while (at < len) {
		at += 1 + strcspn(g->path + at + 1, "/");
		memcpy(path, g->path, at);
		path[at] = '\0';
		if (cgroup_is_v2(g))
			delegate(parent);
		/* The last is the container's, whoever made it; but a parent
		 * is only ours when it was not there. */
		if (at == len || access(path, F_OK) < 0) {
			int r = note(arg, path, at == len);

			if (r < 0)
				return r;
			if (mkdir(path, 0755) < 0 && errno != EEXIST)
				return -errno;
		}
		if (list_has(g->controllers, "cpuset", 6))
			inherit_cpuset(parent, path);
		memcpy(parent, path, at + 1);
	}
	return 0;
}

int cgroup_make(struct cgroup *g, cgroup_note_fn note, void *arg,
		struct err *reterr)
{
	int first = 0;
	size_t i = 0;

	while (i < g->n) {
		int r = make_one(&g->v[i], note, arg);

		if (!r) {
			i++;
			continue;
		}
		if (!first)
			first = err_code(reterr, r, "make control group '%s'",
					 g->v[i].path);
		drop(g, i);
	}
	return first;
}

static size_t count_procs(const char *dir)
{
	cleanup_free char *text = NULL;
	char path[CGROUP_PATH_MAX + 64];
	size_t n = 0;
	const char *p;

	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	if (read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) < 0)
		return 0;
	for (p = text; *p; p++)
		n += *p == '\n';
	return n;
}

size_t cgroup_population(const struct cgroup *g)
{
	size_t i, most = 0;

	for (i = 0; i < g->n; i++)
		most = MAX(most, count_procs(g->v[i].path));
	return most;
}

bool cgroup_is_frozen(const struct cgroup *g)
{
	char text[64];
	size_t i;

	for (i = 0; i < g->n; i++) {
		const char *dir = g->v[i].path;

		if (cgroup_is_v2(&g->v[i]) &&
		    !cgroup_read(dir, "cgroup.freeze", text, sizeof(text)) &&
		    !strcmp(text, "1"))
			return true;
		if (list_has(g->v[i].controllers, "freezer", 7) &&
		    !cgroup_read(dir, "freezer.state", text, sizeof(text)) &&
		    strcmp(text, "THAWED") != 0)
			return true;
	}
	return false;
}

int cgroup_join(const struct cgroup *g, pid_t pid)
{
	char text[16];
	int first = 0;
	size_t i;

	(void)snprintf(text, sizeof(text), "%d", (int)pid);
	for (i = 0; i < g->n; i++) {
		int r = cgroup_write(g->v[i].path, "cgroup.procs", text);

		if (r < 0 && !first)
			first = r;
	}
	return first;
}

/* --- kept for the supervisor --- */

int cgroup_save(const struct cgroup *g, int dirfd, const char *name)
{
	cleanup_free char *text = NULL;
	size_t n = 0, i;
	FILE *f = open_memstream(&text, &n);

	if (!f)
		return -ENOMEM;
	for (i = 0; i < g->n; i++)
		(void)fprintf(f, "%s\t%s\t%s\n", g->v[i].mount,
			      g->v[i].controllers, g->v[i].path);
	if (fclose(f) != 0)
		return -ENOMEM;
	return write_file_atomic(dirfd, name, text, n, 0600);
}

int cgroup_load(struct cgroup *ret, int dirfd, const char *name)
{
	cleanup_free char *text = NULL;
	cleanup_free struct mount_line *m = calloc(1, sizeof(*m));
	char *line, *save = NULL;
	int r = m ? 0 : -ENOMEM;

	*ret = (struct cgroup)CGROUP_INIT;
	if (!r)
		r = read_file(dirfd, name, FILE_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? 0 : r;
	(void)strcpy(m->root, "/");
	for (line = strtok_r(text, "\n", &save); line && !r;
	     line = strtok_r(NULL, "\n", &save)) {
		char *controllers = strchr(line, '\t');
		char *path = controllers ? strchr(controllers + 1, '\t') : NULL;

		if (!path || strlen(path) > CGROUP_PATH_MAX)
			continue;
		*controllers++ = *path++ = '\0';
		(void)snprintf(m->point, sizeof(m->point), "%s", line);
		r = add_group(ret, controllers, "/", m);
		if (!r)
			ret->v[ret->n - 1].path = strdup(path);
		if (!r && !ret->v[ret->n - 1].path)
			r = -ENOMEM;
	}
	if (r < 0)
		cgroup_release(ret);
	return r;
}

/* --- the end --- */

static bool is_cgroup(const char *path)
{
	struct statfs s;

	return statfs(path, &s) == 0 && (s.f_type == CGROUP_SUPER_MAGIC ||
					 s.f_type == CGROUP2_SUPER_MAGIC);
}

/* True when DIR has process PID; *ANY when it has one at all. */
static bool has_process(const char *dir, pid_t pid, bool *any)
{
	cleanup_free char *text = NULL;
	char path[CGROUP_PATH_MAX + 64], *line, *save = NULL;
	bool found = false;

	*any = false;
	(void)snprintf(path, sizeof(path), "%s/cgroup.procs", dir);
	if (read_file(AT_FDCWD, path, FILE_MAX, &text, NULL) < 0)
		return false;
	for (line = strtok_r(text, "\n", &save); line;
	     line = strtok_r(NULL, "\n", &save)) {
		uint32_t n;

		*any = true;
		found |= parse_u32(line, 10, &n) == 0 && (pid_t)n == pid;
	}
	return found;
}

/* The caller goes to the root of the hierarchy of PATH. */
static void step_out(const char *path)
{
	char root[CGROUP_PATH_MAX], text[16], *slash;

	(void)snprintf(root, sizeof(root), "%s", path);
	while ((slash = strrchr(root, '/')) && slash != root) {
		*slash = '\0';
		if (!is_cgroup(root)) {
			*slash = '/';
			break;
		}
	}
	(void)snprintf(text, sizeof(text), "%d", (int)getpid());
	(void)cgroup_write(root, "cgroup.procs", text);
}

/* Groups below PATH, made by who was in it. */
static void remove_below(const char *path, unsigned int depth)
{
	cleanup_closedir DIR *dir = opendir(path);
	struct dirent *e;

	while (dir && depth < DEPTH_MAX && (e = readdir(dir))) {
		char sub[CGROUP_PATH_MAX];
		int n;

		if (e->d_type != DT_DIR || e->d_name[0] == '.')
			continue;
		n = snprintf(sub, sizeof(sub), "%s/%s", path, e->d_name);
		if ((size_t)n >= sizeof(sub))
			continue;
		remove_below(sub, depth + 1);
		(void)rmdir(sub);
	}
}

int cgroup_remove(const char *path, bool whole, unsigned int *patience_ms)
{
	const struct timespec pause = {0, REMOVE_PAUSE_MS * 1000000L};
	bool any;

	if (!path_is_normal(path) || strlen(path) >= CGROUP_PATH_MAX)
		return -EINVAL;
	if (access(path, F_OK) < 0)
		return 0;
	if (!is_cgroup(path))
		return -EINVAL;
	if (has_process(path, getpid(), &any))
		step_out(path);
	for (;;) {
		if (whole)
			remove_below(path, 0);
		if (rmdir(path) == 0 || errno == ENOENT)
			return 0;
		if (errno != EBUSY)
			return -errno;
		/* Processes that were killed may still be on their way out;
		 * what is of others is theirs to remove. */
		if (!whole || *patience_ms < REMOVE_PAUSE_MS)
			return 0;
		*patience_ms -= REMOVE_PAUSE_MS;
		(void)nanosleep(&pause, NULL);
	}
}
