// SPDX-License-Identifier: Apache-2.0
/*
 * The jail of a helper program. Everything is done by mount file descriptors
 * (open_tree(2), move_mount(2)): a path is opened in the old root and hung into
 * the new one, so none is looked up through what has been hung up before.
 */
#include "runtime/vmm/jail.h"

#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <linux/capability.h>
#include <linux/sched.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "os/io.h"
#include "os/userns.h"

/* Where the new root is built: a folder that every system has. What it hides
 * is opened before. */
#define STAGE "/proc"

#define NAMESPACES                                                             \
	(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWPID | CLONE_NEWNET |           \
	 CLONE_NEWIPC | CLONE_NEWUTS)

#define CAP_BIT(c) (UINT64_C(1) << (c))

/* Programs, libraries and their data, wherever a distribution keeps them; the
 * links among them (/lib -> usr/lib) are made anew. */
static const char *const system_paths[] = {
	"/usr",	  "/bin",	"/sbin",      "/lib",
	"/lib64", "/lib32",	"/nix/store", "/gnu/store",
	"/etc/ld.so.cache",	"/etc/ld.so.conf", "/etc/ld.so.conf.d",
	"/etc/ld-musl-x86_64.path", "/etc/alternatives",
};

static const char *const device_paths[] = {
	"/dev/null", "/dev/zero", "/dev/urandom",
};

int jail_add(struct jail *jail, const char *path, bool writable)
{
	if (!path || !*path)
		return 0;
	if (jail->n_paths == JAIL_PATHS_MAX)
		return -E2BIG;
	jail->paths[jail->n_paths++] = (struct jail_path){
		.path = path,
		.writable = writable,
	};
	return 0;
}

int jail_add_device(struct jail *jail, const char *path)
{
	int r = jail_add(jail, path, true);

	if (r == 0 && path && *path)
		jail->paths[jail->n_paths - 1].devices = true;
	return r;
}

uint64_t jail_file_capabilities(void)
{
	if (userns_count_ids() <= 1)
		return 0;
	return CAP_BIT(CAP_CHOWN) | CAP_BIT(CAP_DAC_OVERRIDE) |
	       CAP_BIT(CAP_FOWNER) | CAP_BIT(CAP_FSETID) | CAP_BIT(CAP_SETFCAP);
}

static pid_t fork_into(uint64_t flags)
{
	struct clone_args args = {.flags = flags, .exit_signal = SIGCHLD};

	return (pid_t)syscall(SYS_clone3, &args, sizeof(args));
}

pid_t jail_fork(int *ret_gate)
{
	int p[2];
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	pid = fork_into(NAMESPACES);
	if (pid < 0) {
		int code = -errno;

		(void)close(p[0]);
		(void)close(p[1]);
		return code;
	}
	/* The child keeps the reading end: it ends when we do. */
	(void)close(p[pid ? 0 : 1]);
	*ret_gate = p[pid ? 1 : 0];
	return pid;
}

int jail_open_gate(pid_t pid, int gate, struct err *reterr)
{
	int r = userns_map_same(pid, reterr);

	if (r == 0 && write(gate, "", 1) != 1)
		r = err_errno(reterr, "start the helper");
	(void)close(gate);
	return r;
}

/* --- The child --- */

static _Noreturn void fail(const char *what, const char *object)
{
	(void)dprintf(STDERR_FILENO, "kiln: confine: %s '%s': %s\n", what,
		      object, strerror(errno));
	_exit(127);
}

/* A path that is to be there, and its mount until it is hung up. */
struct item {
	char path[PATH_MAX];
	char link[PATH_MAX]; /* not "": a symbolic link with this text */
	int fd;
	bool folder, writable, devices;
};

struct items {
	struct item *v;
	size_t n, max;
};

/* Whether an earlier item that shows the same has PATH in it already. */
static bool is_covered(const struct items *items, const char *path)
{
	for (size_t i = 0; i < items->n; i++) {
		const struct item *it = &items->v[i];
		size_t n = strlen(it->path);

		if (!it->link[0] && !strncmp(it->path, path, n) &&
		    (!path[n] || (it->folder && path[n] == '/')))
			return true;
	}
	return false;
}

static void take_path(struct items *items, const char *path, bool writable,
		      bool devices)
{
	struct item *it = &items->v[items->n];
	struct stat st;

	if (items->n == items->max || strlen(path) >= sizeof(it->path))
		fail("too much to show", path);
	*it = (struct item){.writable = writable, .devices = devices};
	(void)snprintf(it->path, sizeof(it->path), "%s", path);
	it->fd = open_tree(AT_FDCWD, path,
			   OPEN_TREE_CLONE | OPEN_TREE_CLOEXEC |
				   (unsigned int)AT_RECURSIVE);
	if (it->fd < 0 || fstat(it->fd, &st) < 0)
		fail("open", path);
	it->folder = S_ISDIR(st.st_mode);
	items->n++;
}

/* A link from PATH to what it leads to. */
static void take_link(struct items *items, const char *path, const char *text)
{
	struct item *it = &items->v[items->n];

	if (items->n == items->max || strlen(path) >= sizeof(it->path) ||
	    strlen(text) >= sizeof(it->link))
		fail("too much to show", path);
	*it = (struct item){.fd = -1};
	(void)snprintf(it->path, sizeof(it->path), "%s", path);
	(void)snprintf(it->link, sizeof(it->link), "%s", text);
	items->n++;
}

static void take_system_path(struct items *items, const char *path)
{
	char text[PATH_MAX];
	ssize_t n;

	if (access(path, F_OK) < 0 || is_covered(items, path))
		return;
	n = readlink(path, text, sizeof(text) - 1);
	if (n <= 0) {
		take_path(items, path, false, false);
		return;
	}
	text[n] = '\0';
	take_link(items, path, text);
}

static void take_if_there(struct items *items, const char *path)
{
	if (access(path, F_OK) == 0 && !is_covered(items, path))
		take_path(items, path, false, false);
}

/* A program beyond the system's folders comes with its own and what was
 * installed beside that; it may have been named by a symbolic link. */
static void take_program(struct items *items, const char *program)
{
	static const char *const siblings[] = {"lib", "lib64", "share"};
	char folder[PATH_MAX], path[PATH_MAX + 16];
	char *slash;

	if (program[0] != '/' || !realpath(program, folder))
		return;
	/* Its data are looked for where the link leads. */
	if (strcmp(program, folder) != 0 && !is_covered(items, program))
		take_link(items, program, folder);
	slash = strrchr(folder, '/');
	if (slash == folder)
		return;
	*slash = '\0';
	take_if_there(items, folder);
	slash = strrchr(folder, '/');
	for (size_t i = 0; i < ARRAY_SIZE(siblings); i++) {
		(void)snprintf(path, sizeof(path), "%.*s/%s",
			       (int)(slash - folder), folder, siblings[i]);
		take_if_there(items, path);
	}
}

static void take_all(struct items *items, const struct jail *jail,
		     const char *program)
{
	for (size_t i = 0; i < ARRAY_SIZE(system_paths); i++)
		take_system_path(items, system_paths[i]);
	take_program(items, program);
	for (size_t i = 0; i < ARRAY_SIZE(device_paths); i++)
		take_path(items, device_paths[i], true, true);
	for (size_t i = 0; i < jail->n_paths; i++) {
		const struct jail_path *p = &jail->paths[i];

		if (p->writable || !is_covered(items, p->path))
			take_path(items, p->path, p->writable, p->devices);
	}
}

/* Makes the folders above PATH, which is absolute, below the working one. */
static void make_parents(const char *path)
{
	char part[PATH_MAX];

	(void)snprintf(part, sizeof(part), "%s", path + 1);
	for (char *p = strchr(part, '/'); p; p = strchr(p + 1, '/')) {
		*p = '\0';
		if (mkdir(part, 0755) < 0 && errno != EEXIST)
			fail("make folder", path);
		*p = '/';
	}
}

static void hang_up(struct item *it)
{
	struct mount_attr attr = {
		.attr_set = MOUNT_ATTR_NOSUID |
			    (it->devices ? 0 : MOUNT_ATTR_NODEV) |
			    (it->writable ? 0 : MOUNT_ATTR_RDONLY),
	};
	const char *at = it->path + 1;

	make_parents(it->path);
	if (it->link[0]) {
		/* Below a link of the system's, such as /bin, it is shown
		 * already. */
		if (symlink(it->link, at) < 0 && errno != EEXIST)
			fail("make link", it->path);
		return;
	}
	if (it->folder) {
		if (mkdir(at, 0755) < 0 && errno != EEXIST)
			fail("make folder", it->path);
	} else {
		int fd = open(at, O_WRONLY | O_CREAT | O_NOFOLLOW | O_CLOEXEC,
			      0600);

		if (fd < 0 && errno != EROFS && errno != EACCES)
			fail("make file", it->path);
		if (fd >= 0)
			(void)close(fd);
	}
	if (mount_setattr(it->fd, "", AT_EMPTY_PATH | AT_RECURSIVE, &attr,
			  sizeof(attr)) < 0)
		fail("restrict", it->path);
	if (move_mount(it->fd, "", AT_FDCWD, at, MOVE_MOUNT_F_EMPTY_PATH) < 0)
		fail("show", it->path);
	(void)close(it->fd);
}

/* /proc shows this process alone. Nothing in it may be written: files of
 * sysctl belong to root, whose id this process may well have. */
static void mount_proc(void)
{
	if (mkdir("proc", 0555) < 0 ||
	    mount("proc", "proc", "proc",
		  MS_RDONLY | MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL) < 0)
		fail("mount", "/proc");
}

static void change_root(void)
{
	struct mount_attr attr = {.attr_set = MOUNT_ATTR_RDONLY};

	if (mount_setattr(AT_FDCWD, ".", 0, &attr, sizeof(attr)) < 0)
		fail("restrict", "/");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		fail("change root", STAGE);
	if (umount2(".", MNT_DETACH) < 0 || chdir("/") < 0)
		fail("leave", "old root");
}

static void drop_capabilities(uint64_t keep)
{
	struct __user_cap_header_struct head = {
		.version = _LINUX_CAPABILITY_VERSION_3,
	};
	struct __user_cap_data_struct data[2];

	/* Those that this kernel does not know end the loop. */
	for (unsigned int c = 0; c < 64; c++)
		if (!(keep & CAP_BIT(c)) && prctl(PR_CAPBSET_DROP, c) < 0)
			break;
	for (unsigned int i = 0; i < 2; i++) {
		uint32_t set = (uint32_t)(keep >> (32 * i));

		data[i] = (struct __user_cap_data_struct){
			.effective = set, .permitted = set, .inheritable = set,
		};
	}
	if (syscall(SYS_capset, &head, data) < 0)
		fail("drop", "capabilities");
	/* Who is not root gets them at execve(2) by these alone. */
	for (unsigned int c = 0; c < 64; c++)
		if (keep & CAP_BIT(c))
			(void)prctl(PR_CAP_AMBIENT, PR_CAP_AMBIENT_RAISE, c, 0,
				    0);
	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0)
		fail("set", "no_new_privs");
}

void jail_enter(const struct jail *jail, int gate, const char *program)
{
	struct items items = {
		.max = ARRAY_SIZE(system_paths) + ARRAY_SIZE(device_paths) +
		       JAIL_PATHS_MAX + 8,
	};
	char byte;

	if (read_full(gate, &byte, 1) != 1)
		_exit(127);
	(void)close(gate);
	items.v = calloc(items.max, sizeof(*items.v));
	if (!items.v)
		fail("confine", program);
	/* What the caller mounts arrives; what is mounted here does not leave. */
	if (mount(NULL, "/", NULL, MS_REC | MS_SLAVE, NULL) < 0)
		fail("make mounts private below", "/");
	take_all(&items, jail, program);
	if (mount("kiln", STAGE, "tmpfs", MS_NOSUID | MS_NODEV,
		  "mode=755,size=256k") < 0 || chdir(STAGE) < 0)
		fail("mount", STAGE);
	for (size_t i = 0; i < items.n; i++)
		hang_up(&items.v[i]);
	if (mkdir("tmp", 01777) < 0 && errno != EEXIST)
		fail("make folder", "/tmp");
	mount_proc();
	change_root();
	free(items.v);
	if (sethostname("kiln", 4) < 0)
		fail("set", "host name");
	drop_capabilities(jail->capabilities);
}

/* --- The probe --- */

bool jail_works(char *why, size_t size)
{
	const struct jail jail = {0};
	struct err err = {0};
	int gate = -1, status = 0;
	pid_t pid = jail_fork(&gate);

	if (pid == 0) {
		int null = open("/dev/null", O_WRONLY);

		(void)dup2(null, STDERR_FILENO);
		jail_enter(&jail, gate, "");
		_exit(0);
	}
	if (pid < 0) {
		(void)snprintf(why, size, "no user namespace: %s",
			       strerror(-pid));
		return false;
	}
	if (jail_open_gate(pid, gate, &err) < 0) {
		(void)kill(pid, SIGKILL);
		(void)snprintf(why, size, "%s", err.text);
	} else {
		(void)snprintf(why, size, "its mounts are refused here");
	}
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		continue;
	return WIFEXITED(status) && WEXITSTATUS(status) == 0;
}
