// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/entrypoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/openat2.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"

#define LINKS_MAX 40
#define HEAD_MAX 256 /* of the file: an ELF header or a "#!" line */
#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* Opens one directory or file NAME, itself if it is a link. */
static int open_step(int dirfd, const char *name)
{
	int fd = openat(dirfd, name, O_PATH | O_NOFOLLOW | O_CLOEXEC);

	return fd < 0 ? -errno : fd;
}

/*
 * What is left to walk: the target of the link at FD, then REST. 1 when FD is
 * a link and PATH (PATH_MAX bytes) is the new text, 0 when it is none.
 */
static int expand_link(int fd, const char *rest, char *path)
{
	char text[PATH_MAX];
	struct stat st;
	ssize_t n;
	int len;

	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISLNK(st.st_mode))
		return 0;
	n = readlinkat(fd, "", text, sizeof(text) - 1);
	if (n < 0)
		return -errno;
	text[n] = '\0';
	if (strlen(text) + strlen(rest) + 2 > PATH_MAX)
		return -ENAMETOOLONG;
	len = snprintf(path, PATH_MAX, "%s/%s", text, rest);
	return len < 0 ? -EINVAL : 1;
}

/*
 * The directories on the way are kept open, so that ".." is a step back on our
 * own way and never asks the file system.
 */
struct walk {
	int fds[64];
	size_t n;
};

static void walk_back(struct walk *w, size_t n)
{
	while (w->n > n)
		close_fd(&w->fds[--w->n]);
}

static void walk_release(struct walk *w)
{
	walk_back(w, 0);
}

static int walk_to(struct walk *w, int fd)
{
	if (w->n == ARRAY_SIZE(w->fds)) {
		close_fd(&fd);
		return -ENAMETOOLONG;
	}
	w->fds[w->n++] = fd;
	return 0;
}

/* Takes the first component off *PATH: 1 with it in NAME, 0 for none left. */
static int next_component(char **path, char *name, size_t size)
{
	size_t n;

	*path += strspn(*path, "/");
	n = strcspn(*path, "/");
	if (n == 0)
		return 0;
	if (n >= size)
		return -ENAMETOOLONG;
	memcpy(name, *path, n);
	name[n] = '\0';
	*path += n;
	return 1;
}

static int walk_path(struct walk *w, int rootfd, char *path)
{
	char name[NAME_MAX + 1], expanded[PATH_MAX];
	unsigned int links = 0;
	char *p = path;
	int r;

	while ((r = next_component(&p, name, sizeof(name))) > 0) {
		int fd;

		if (!strcmp(name, "."))
			continue;
		if (!strcmp(name, "..")) {
			walk_back(w, w->n ? w->n - 1 : 0);
			continue;
		}
		fd = open_step(w->n ? w->fds[w->n - 1] : rootfd, name);
		if (fd < 0)
			return fd;
		r = expand_link(fd, p, expanded);
		if (r == 0) {
			r = walk_to(w, fd);
			if (r < 0)
				return r;
			continue;
		}
		close_fd(&fd);
		if (r < 0)
			return r;
		if (++links > LINKS_MAX)
			return -ELOOP;
		memcpy(path, expanded, sizeof(expanded));
		p = path;
		if (*p == '/')
			walk_back(w, 0);
	}
	return r;
}

int entrypoint_open_walk(int rootfd, const char *path)
{
	cleanup(walk_release) struct walk w = {.n = 0};
	char text[PATH_MAX];
	int fd, r;

	if (strlen(path) >= sizeof(text))
		return -ENAMETOOLONG;
	memset(text, 0, sizeof(text));
	memcpy(text, path, strlen(path));
	r = walk_path(&w, rootfd, text);
	if (r < 0)
		return r;
	if (w.n == 0)
		fd = openat(rootfd, ".", O_PATH | O_CLOEXEC);
	else
		fd = fcntl(w.fds[w.n - 1], F_DUPFD_CLOEXEC, 3);
	return fd < 0 ? -errno : fd;
}

int entrypoint_open(int rootfd, const char *path)
{
	struct open_how how = {
		.flags = O_PATH | O_CLOEXEC,
		.resolve = RESOLVE_IN_ROOT | RESOLVE_NO_MAGICLINKS,
	};
	long fd = syscall(SYS_openat2, rootfd, path, &how, sizeof(how));

	if (fd >= 0)
		return (int)fd;
	if (errno != ENOSYS && errno != EPERM)
		return -errno;
	return entrypoint_open_walk(rootfd, path);
}

/* The first bytes of the regular file at FD (O_PATH); bytes or -errno. */
static ssize_t read_head(int fd, uint8_t *head, size_t n)
{
	cleanup_close int file = -1;
	char self[40];
	struct stat st;

	/* Opening a device or a pipe may do things. */
	if (fstat(fd, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return S_ISDIR(st.st_mode) ? -EISDIR : -ENOEXEC;
	if (!(st.st_mode & 0111))
		return -EACCES;
	(void)snprintf(self, sizeof(self), "/proc/self/fd/%d", fd);
	file = open(self, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (file < 0)
		return -errno;
	return read_full(file, head, n);
}

/* True when PATH is DIR or below it; *REST is what follows, maybe "". */
static bool below(const char *path, const char *dir, const char **rest)
{
	size_t n = strlen(dir);

	while (n && dir[n - 1] == '/')
		n--;
	if (strncmp(path, dir, n) || (path[n] && path[n] != '/'))
		return false;
	*rest = path + n;
	return true;
}

/*
 * Opens PATH (absolute) as the container sees it: the last bind mount that
 * covers it counts, else the rootfs.
 */
static int open_in_container(const struct spec *s, const char *path)
{
	const char *root = s->rootfs, *rest = path, *r;
	cleanup_close int rootfd = -1;
	size_t i;

	for (i = s->wire->n_mounts; i > 0; i--) {
		const struct spec_mount *m = &s->mounts[i - 1];

		if (!m->bind || !below(path, m->wire->destination, &r))
			continue;
		root = m->source;
		rest = r;
		break;
	}
	rootfd = open(root, O_PATH | O_CLOEXEC);
	if (rootfd < 0)
		return -errno;
	if (!*rest)
		return TAKE_FD(rootfd);
	return entrypoint_open(rootfd, rest);
}

static ssize_t head_of(const struct spec *s, const char *path, uint8_t *head,
		       size_t n)
{
	cleanup_close int fd = open_in_container(s, path);

	return fd < 0 ? fd : read_head(fd, head, n);
}

static int full_path(const Grpc__Process *p, const char *name, char *out,
		     size_t size)
{
	int n;

	if (*name == '/')
		n = snprintf(out, size, "%s", name);
	else
		n = snprintf(out, size, "%s/%s", p->cwd, name);
	return n < 0 || (size_t)n >= size ? -ENAMETOOLONG : 0;
}

/* Finds NAME as execvp() in the container would; bytes of its head. */
static ssize_t find_program(const struct spec *s, const char *name,
			    uint8_t *head, size_t n)
{
	const Grpc__Process *p = s->wire->process;
	const char *dirs = spec_process_env(p, "PATH");
	ssize_t best = -ENOENT, r;
	char path[PATH_MAX], file[PATH_MAX];

	if (strchr(name, '/')) {
		r = full_path(p, name, path, sizeof(path));
		return r < 0 ? r : head_of(s, path, head, n);
	}
	if (!dirs)
		dirs = DEFAULT_PATH;
	for (;;) {
		size_t len = strcspn(dirs, ":");

		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)len,
			       len ? dirs : "", name);
		if (full_path(p, len ? file : name, path, sizeof(path)) == 0) {
			r = head_of(s, path, head, n);
			if (r >= 0)
				return r;
			if (r != -ENOENT && r != -ENOTDIR)
				best = r;
		}
		if (!dirs[len])
			return best;
		dirs += len + 1;
	}
}

/* The interpreter a "#!" line names, in place; NULL when it is no such line. */
static char *interpreter(char *line)
{
	char *p = line + 2;

	if (strncmp(line, "#!", 2))
		return NULL;
	p += strspn(p, " \t");
	p[strcspn(p, " \t\r\n")] = '\0';
	return *p ? p : NULL;
}

const struct arch_desc *entrypoint_arch(const struct spec *s, char *why,
					size_t size)
{
	const char *name = s->wire->process->args[0];
	uint8_t head[HEAD_MAX + 1];
	const struct arch_desc *arch;
	char *script;
	ssize_t n = find_program(s, name, head, HEAD_MAX);

	if (n < 0)
		goto unreadable;
	head[n] = '\0';
	script = interpreter((char *)head);
	if (script) {
		char copy[HEAD_MAX + 1];

		(void)snprintf(copy, sizeof(copy), "%s", script);
		n = find_program(s, copy, head, HEAD_MAX);
		if (n < 0)
			goto unreadable;
	}
	arch = arch_from_elf(head, (size_t)n);
	if (!arch)
		(void)snprintf(why, size,
			       "'%s' is no program of a known architecture",
			       name);
	return arch;

unreadable:
	(void)snprintf(why, size, "'%s' in the image: %s", name,
		       strerror((int)-n));
	return NULL;
}

static int arch_by_any_name(const char *name, const char *what,
			    const struct arch_desc **ret, struct err *reterr)
{
	*ret = arch_find(name);
	if (!*ret)
		*ret = arch_from_oci(name);
	if (!*ret)
		return err_set(reterr, -EINVAL,
			       "%s '%s': not an architecture Kiln runs "
			       "(x86_64, aarch64, s390x, ppc64le)",
			       what, name);
	return 0;
}

int entrypoint_choose_arch(const struct spec *s, const char *option,
			   const struct arch_desc **ret, const char **source,
			   struct err *reterr)
{
	const char *annotation = spec_annotation(s, ENTRYPOINT_ARCH_ANNOTATION);
	const char *ignored;
	char why[256];

	if (!source)
		source = &ignored;
	if (option) {
		*source = "option --arch";
		return arch_by_any_name(option, "--arch", ret, reterr);
	}
	if (annotation) {
		*source = "annotation " ENTRYPOINT_ARCH_ANNOTATION;
		return arch_by_any_name(annotation,
					"annotation " ENTRYPOINT_ARCH_ANNOTATION,
					ret, reterr);
	}
	*source = "program of the image";
	*ret = entrypoint_arch(s, why, sizeof(why));
	if (*ret)
		return 0;
	*source = "host";
	*ret = arch_native();
	if (!*ret)
		return err_set(reterr, -EOPNOTSUPP,
			       "no architecture: %s, and the host's is not "
			       "known; --arch sets one",
			       why);
	return 0;
}
