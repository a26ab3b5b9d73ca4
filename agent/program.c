// SPDX-License-Identifier: Apache-2.0
#include "program.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "arch/elf.h"
#include "base/cleanup.h"
#include "os/io.h"

/* Scripts that interpret scripts: as many as Linux follows. */
#define SCRIPTS_MAX 5
#define PATH_SHOWN 200

struct program {
	char path[PATH_SHOWN + 56];
	uint8_t head[ELF_HEAD_MAX + 1];
	size_t n;
};

static int read_head(struct program *p)
{
	cleanup_close int fd = -1;
	struct stat st;
	ssize_t n;

	/* Opening a device or a pipe may do things. */
	if (stat(p->path, &st) < 0)
		return -errno;
	if (!S_ISREG(st.st_mode))
		return -EACCES;
	fd = open(p->path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	if (fd < 0)
		return -errno;
	n = read_full(fd, p->head, ELF_HEAD_MAX);
	if (n < 0)
		return (int)n;
	p->n = (size_t)n;
	p->head[p->n] = '\0';
	return 0;
}

/* From a script to the program that interprets it. 0, or -errno with P->path
 * what could not be read. */
static int follow(struct program *p)
{
	unsigned int scripts = 0;
	const char *next;
	char copy[sizeof(p->path)];
	int r = read_head(p);

	while (r == 0 && (next = script_interpreter((char *)p->head))) {
		if (++scripts > SCRIPTS_MAX)
			return -ELOOP;
		(void)snprintf(copy, sizeof(copy), "%s", next);
		memcpy(p->path, copy, sizeof(copy));
		r = read_head(p);
	}
	return r;
}

static int wrong_format(const struct program *p, const char *name,
			struct err *reterr)
{
	char machine[ELF_NAME_MAX];
	struct utsname u;
	const char *ours;

	if (!elf_machine_name(p->head, p->n, machine))
		return err_set(reterr, -ENOEXEC,
			       "exec: \"%.200s\": '%s' is neither a program "
			       "nor a script with '#!': exec format error",
			       name, p->path);
	if (uname(&u) < 0 || !strcmp(machine, u.machine))
		return err_set(reterr, -ENOEXEC,
			       "exec: \"%.200s\": '%s' is a damaged program: "
			       "exec format error", name, p->path);
	ours = elf_kernel(p->head, p->n);
	return err_set(reterr, -ENOEXEC,
		       "exec: \"%.200s\": '%s' is a program for %s, this "
		       "guest is %s%s: exec format error", name, p->path,
		       machine, u.machine,
		       ours && !strcmp(ours, u.machine)
			       ? " and its kernel was made without FEATURES=ia32"
			       : "");
}

int program_failure(const char *path, const char *name, int error,
		    struct err *reterr)
{
	struct program p = {.n = 0};
	int r, n = snprintf(p.path, sizeof(p.path), "%s", path);

	if (n > 0 && (size_t)n < sizeof(p.path)) {
		r = follow(&p);
		if (r == 0 && error == ENOEXEC)
			return wrong_format(&p, name, reterr);
		if (r == 0 && error == ENOENT)
			return err_set(reterr, -ENOENT,
				       "exec: \"%.200s\": the dynamic linker "
				       "that '%s' asks for: no such file or "
				       "directory", name, p.path);
		if (r == -error && strcmp(p.path, path) != 0)
			return err_code(reterr, r,
					"exec: \"%.200s\": its interpreter "
					"'%s'", name, p.path);
	}
	return err_code(reterr, -error, "exec: \"%.200s\"", name);
}
