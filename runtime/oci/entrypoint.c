// SPDX-License-Identifier: Apache-2.0
/*
 * What will be executed in a container, told from its files on the host before
 * there is a guest: that guest's architecture depends on it.
 */
#include "runtime/oci/entrypoint.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/elf.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "os/io.h"

/* Scripts that interpret scripts: as many as Linux follows. */
#define SCRIPTS_MAX 5
#define DEFAULT_PATH                                                           \
	"/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

/* The beginning of a file of the image. */
struct head {
	char path[PATH_MAX]; /* as the container has it */
	uint8_t bytes[ELF_HEAD_MAX + 1];
	size_t n;
};

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
		return S_ISDIR(st.st_mode) ? -EISDIR : -EACCES;
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

/* Reads the beginning of the file H->path; 0 or -errno. */
static int read_program(const struct spec *s, struct head *h)
{
	cleanup_close int fd = open_in_container(s, h->path);
	ssize_t n = fd < 0 ? fd : read_head(fd, h->bytes, ELF_HEAD_MAX);

	if (n < 0)
		return (int)n;
	h->n = (size_t)n;
	h->bytes[h->n] = '\0';
	return 0;
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

/* Finds NAME as execvp() in the container would; 0 or -errno. */
static int find_program(const struct spec *s, const char *name, struct head *h)
{
	const Grpc__Process *p = s->wire->process;
	const char *dirs = spec_process_env(p, "PATH");
	int best = -ENOENT, r;
	char file[PATH_MAX];

	if (strchr(name, '/')) {
		r = full_path(p, name, h->path, sizeof(h->path));
		return r < 0 ? r : read_program(s, h);
	}
	if (!dirs)
		dirs = DEFAULT_PATH;
	for (;;) {
		size_t len = strcspn(dirs, ":");

		(void)snprintf(file, sizeof(file), "%.*s/%s", (int)len,
			       len ? dirs : "", name);
		if (full_path(p, len ? file : name, h->path,
			      sizeof(h->path)) == 0) {
			r = read_program(s, h);
			if (r == 0)
				return 0;
			if (r != -ENOENT && r != -ENOTDIR)
				best = r;
		}
		if (!dirs[len])
			return best;
		dirs += len + 1;
	}
}

/* From a script to the program that interprets it, which Linux does not look
 * for in PATH. 0 or -errno. */
static int follow_scripts(const struct spec *s, struct head *h)
{
	const Grpc__Process *p = s->wire->process;
	unsigned int scripts = 0;
	const char *next;
	int r = 0;

	while (r == 0 && (next = script_interpreter((char *)h->bytes))) {
		if (++scripts > SCRIPTS_MAX)
			return -ELOOP;
		r = full_path(p, next, h->path, sizeof(h->path));
		if (r == 0)
			r = read_program(s, h);
	}
	return r;
}

/* The program's architecture: 0 and *RET, or as entrypoint_arch(). */
static int judge(const struct spec *s, struct head *h,
		 const struct arch_desc **ret, struct err *why)
{
	char machine[ELF_NAME_MAX];
	const char *kernel;
	int r = follow_scripts(s, h);

	if (r < 0)
		return err_code(why, r, "'%s' in the image", h->path);
	kernel = elf_kernel(h->bytes, h->n);
	if (kernel) {
		*ret = arch_find(kernel);
		return *ret ? 0 : err_code(why, -ENOEXEC, "%s", kernel);
	}
	if (!elf_machine_name(h->bytes, h->n, machine))
		return err_set(why, -ENOENT,
			       "'%s' in the image is neither a program nor a "
			       "script with '#!'", h->path);
	return err_set(why, -ENOEXEC,
		       "'%s' in the image is a program for %s: exec format "
		       "error; Kiln has guests for x86_64, aarch64, s390x and "
		       "ppc64le", h->path, machine);
}

/* The word that names the container's own program: not the first, when that is
 * an init of the engine's that is to start it. */
static size_t own_word(const struct spec *s)
{
	return entrypoint_init_mount(s) ? 2 : 0;
}

int entrypoint_arch(const struct spec *s, const struct arch_desc **ret,
		    struct err *why)
{
	const char *name = s->wire->process->args[own_word(s)];
	struct head h = {.n = 0};
	int r = find_program(s, name, &h);

	return r < 0 ? err_code(why, r, "'%s' in the image", name)
		     : judge(s, &h, ret, why);
}

struct spec_mount *entrypoint_init_mount(const struct spec *s)
{
	const Grpc__Process *p = s->wire->process;
	size_t i;

	if (p->n_args < 3 || strcmp(p->args[1], "--") != 0)
		return NULL;
	for (i = s->wire->n_mounts; i > 0; i--) {
		struct spec_mount *m = &s->mounts[i - 1];
		struct stat st;

		if (m->bind && !strcmp(m->wire->destination, p->args[0]))
			return stat(m->source, &st) == 0 &&
					       S_ISREG(st.st_mode)
				       ? m
				       : NULL;
	}
	return NULL;
}

bool entrypoint_init_runs(const struct spec *s, const struct arch_desc *arch)
{
	struct head h = {.n = 0};
	const struct arch_desc *its = NULL;
	struct err ignored;
	int r = find_program(s, s->wire->process->args[0], &h);

	if (r == 0)
		r = judge(s, &h, &its, &ignored);
	return r == 0 ? its == arch : r != -ENOEXEC;
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

/* NAME is somebody's wish, which a program of another architecture, where it
 * can be told, would only learn of in the guest. */
static int choose_named(const struct spec *s, const char *name,
			const char *what, const struct arch_desc **ret,
			struct err *reterr)
{
	const struct arch_desc *its = NULL;
	struct err why;
	int r = arch_by_any_name(name, what, ret, reterr);

	if (r < 0)
		return r;
	r = entrypoint_arch(s, &its, &why);
	if (r == -ENOEXEC)
		return err_set(reterr, r, "%s", why.text);
	if (r == 0 && its != *ret)
		return err_set(reterr, -ENOEXEC,
			       "%s is %s, but '%s' in the image is a program "
			       "for %s: exec format error", what, name,
			       s->wire->process->args[own_word(s)], its->name);
	return 0;
}

/* What the image is likely to be when its program does not tell. */
static const struct arch_desc *guess(const struct spec *s, const char **source)
{
	static const char *const programs[] = {"/bin/sh", "/usr/bin/env"};
	const char *label = spec_annotation(s, ENTRYPOINT_IMAGE_ANNOTATION);
	const struct arch_desc *arch = NULL;
	struct err ignored;
	size_t i;

	*source = "annotation " ENTRYPOINT_IMAGE_ANNOTATION;
	if (label && arch_by_any_name(label, "", &arch, &ignored) == 0)
		return arch;
	for (i = 0; i < ARRAY_SIZE(programs); i++) {
		struct head h = {.n = 0};

		*source = programs[i];
		if (find_program(s, programs[i], &h) == 0 &&
		    judge(s, &h, &arch, &ignored) == 0)
			return arch;
	}
	*source = "host";
	return arch_native();
}

int entrypoint_choose_arch(const struct spec *s, const char *option,
			   const struct arch_desc **ret, const char **source,
			   struct err *reterr)
{
	const char *annotation = spec_annotation(s, ENTRYPOINT_ARCH_ANNOTATION);
	const char *ignored;
	struct err why;
	int r;

	if (!source)
		source = &ignored;
	if (option) {
		*source = "option --arch";
		return choose_named(s, option, "--arch", ret, reterr);
	}
	if (annotation) {
		*source = "annotation " ENTRYPOINT_ARCH_ANNOTATION;
		return choose_named(s, annotation,
				    "annotation " ENTRYPOINT_ARCH_ANNOTATION,
				    ret, reterr);
	}
	*source = "program of the image";
	r = entrypoint_arch(s, ret, &why);
	if (r == 0)
		return 0;
	if (r == -ENOEXEC)
		return err_set(reterr, r, "%s", why.text);
	*ret = guess(s, source);
	if (!*ret)
		return err_set(reterr, -EOPNOTSUPP,
			       "no architecture: %s, and the host's is not "
			       "known; --arch sets one",
			       why.text);
	return 0;
}
