// SPDX-License-Identifier: Apache-2.0
#include "module.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/module.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"

#define INDEX_MAX ((size_t)4 << 20)
#define NAME_MAX_LEN 63 /* the kernel's MODULE_NAME_LEN, less its pointer */
#define NEEDED_MAX 128
#define PARAMETERS_MAX 4096
#define MODULES_MAX 64

#ifndef MODULE_INIT_COMPRESSED_FILE
#define MODULE_INIT_COMPRESSED_FILE 4
#endif

static bool is_name(const char *name)
{
	size_t n = strlen(name);

	return n && n <= NAME_MAX_LEN &&
	       strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWX"
			    "YZ0123456789_-") == n;
}

/* True when the file at PATH (N bytes, "a/b-c.ko.xz") is of module NAME. */
static bool is_file_of(const char *path, size_t n, const char *name)
{
	const char *base = memrchr(path, '/', n), *end = path + n;
	size_t i;

	base = base ? base + 1 : path;
	for (i = 0; base + i < end && name[i]; i++)
		if ((base[i] == '-' ? '_' : base[i]) !=
		    (name[i] == '-' ? '_' : name[i]))
			return false;
	return !name[i] && end - base - i >= 3 &&
	       !memcmp(base + i, ".ko", 3) &&
	       (base + i + 3 == end || base[i + 3] == '.');
}

static bool is_builtin(const char *dir, const char *name)
{
	cleanup_free char *path = path_join(dir, "modules.builtin");
	cleanup_free char *text = NULL;
	const char *p;

	if (!path || read_file(AT_FDCWD, path, INDEX_MAX, &text, NULL) < 0)
		return false;
	for (p = text; *p; p += strspn(p, "\n")) {
		size_t n = strcspn(p, "\n");

		if (is_file_of(p, n, name))
			return true;
		p += n;
	}
	return false;
}

/* A path in modules.dep never leads out of the folder. */
static int add_file(struct strv *files, const char *path, size_t n)
{
	cleanup_free char *copy = strndup(path, n), *absolute = NULL;

	if (copy)
		absolute = path_join("/", copy);
	if (!absolute)
		return -ENOMEM;
	if (*copy == '/' || !path_is_normal(absolute) || files->n == NEEDED_MAX)
		return -EINVAL;
	return strv_add(files, copy);
}

/* "a.ko: b.ko c.ko": c.ko first, then b.ko, then a.ko. */
static int take_line(const char *line, size_t colon, size_t n,
		     struct strv *ret)
{
	size_t end = n;
	int r = 0;

	while (!r && end > colon + 1) {
		size_t start = end;

		while (start > colon + 1 && line[start - 1] != ' ')
			start--;
		if (start < end)
			r = add_file(ret, line + start, end - start);
		end = start > colon + 1 ? start - 1 : start;
	}
	return r ? r : add_file(ret, line, colon);
}

int module_resolve(const char *dir, const char *name, struct strv *ret)
{
	cleanup_free char *path = path_join(dir, "modules.dep");
	cleanup_free char *text = NULL;
	const char *p;
	int r;

	if (!is_name(name))
		return -EINVAL;
	if (is_builtin(dir, name))
		return -EEXIST;
	r = path ? read_file(AT_FDCWD, path, INDEX_MAX, &text, NULL) : -ENOMEM;
	if (r < 0)
		return r;
	for (p = text; *p; p += strspn(p, "\n")) {
		size_t n = strcspn(p, "\n"), colon = strcspn(p, ":\n");

		if (colon < n && is_file_of(p, colon, name))
			return take_line(p, colon, n, ret);
		p += n;
	}
	return -ENOENT;
}

static int load_file(const char *dir, const char *file, const char *parameters,
		     struct err *reterr)
{
	cleanup_free char *path = path_join(dir, file);
	cleanup_close int fd = -1;
	size_t n = strlen(file);
	int flags;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd < 0)
		return err_errno(reterr, "open '%s'", path);
	flags = n > 3 && !strcmp(file + n - 3, ".ko")
			? 0 : MODULE_INIT_COMPRESSED_FILE;
	if (syscall(SYS_finit_module, fd, parameters, flags) < 0 &&
	    errno != EEXIST)
		return err_errno(reterr, "load '%s' with '%.200s'", path,
				 parameters);
	return 0;
}

static int load(const char *dir, const Grpc__KernelModule *m,
		struct err *reterr)
{
	cleanup_buf struct buf parameters = BUF_INIT(PARAMETERS_MAX);
	cleanup_strv struct strv files = STRV_INIT;
	size_t i;
	int r = module_resolve(dir, m->name, &files);

	if (r == -EEXIST) {
		log_info("module '%s' is part of the kernel", m->name);
		return 0;
	}
	if (r < 0)
		return err_code(reterr, r, "module '%.64s' in '%s'", m->name,
				dir);
	for (i = 0; i < m->n_parameters; i++)
		(void)buf_printf(&parameters, "%s%s", i ? " " : "",
				 m->parameters[i]);
	if (!m->n_parameters)
		(void)buf_put_str(&parameters, "");
	if (buf_error(&parameters))
		return err_set(reterr, -E2BIG, "module '%s': parameters too "
			       "long", m->name);
	/* The last one is what was asked for; the others are as they come. */
	for (i = 0; !r && i < files.n; i++)
		r = load_file(dir, files.v[i],
			      i + 1 == files.n && m->n_parameters
				      ? buf_cstr(&parameters) : "", reterr);
	return r < 0 ? err_wrap(reterr, "module '%s'", m->name) : 0;
}

int module_load_all(const char *dir, Grpc__KernelModule *const *list, size_t n,
		    struct err *reterr)
{
	cleanup_free char *own = NULL;
	struct utsname u;
	size_t i;
	int r = 0;

	if (!n)
		return 0;
	if (n > MODULES_MAX || uname(&u) < 0)
		return err_set(reterr, -E2BIG, "more than %d modules",
			       MODULES_MAX);
	own = path_join(dir, u.release);
	if (!own)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (i = 0; !r && i < n; i++)
		r = load(own, list[i], reterr);
	return r;
}
