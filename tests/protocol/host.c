// SPDX-License-Identifier: Apache-2.0
#include "host.h"

#include <elf.h>
#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "os/io.h"

static const char *const applets[] = {
	"sh", "cat", "echo", "id", "sleep", "ls", "stty", "kill", "mkdir",
	"head", "env", "pwd", "true", "grep", "hostname", "touch", "readlink",
	"wc", "trap", "tty", "dd", "mount", "umount", "rm", "chown", "mknod",
	"cut", "uname", "df", "tr", "ln",
};

const char *host_path(const struct host *h, const char *dir, const char *name)
{
	static char path[256];

	(void)h;
	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	return path;
}

static bool is_static(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	Elf64_Ehdr e;
	Elf64_Phdr p;
	int i;

	if (fd < 0 || read(fd, &e, sizeof(e)) != sizeof(e) ||
	    memcmp(e.e_ident, ELFMAG, SELFMAG))
		return false;
	for (i = 0; i < e.e_phnum; i++)
		if (pread(fd, &p, sizeof(p),
			  (off_t)(e.e_phoff + (size_t)i * sizeof(p))) !=
			    sizeof(p) ||
		    p.p_type == PT_INTERP)
			return false;
	return true;
}

static int copy_busybox(const char *to)
{
	const char *o = getenv("KILN_O");
	char built[256];
	struct utsname u;
	const char *from[] = {getenv("KILN_BUSYBOX"), built, "/bin/busybox",
			      "/usr/bin/busybox"};
	cleanup_free char *data = NULL;
	size_t i, n;

	(void)uname(&u);
	(void)snprintf(built, sizeof(built), "%s/%s/sysroot/busybox",
		       o ? o : "build", u.machine);
	for (i = 0; i < ARRAY_SIZE(from); i++)
		if (from[i] && is_static(from[i]) &&
		    !read_file(AT_FDCWD, from[i], 16 << 20, &data, &n))
			return write_file_atomic(AT_FDCWD, to, data, n, 0755);
	return -ENOENT;
}

static int make_rootfs(struct host *h)
{
	static const char *const dirs[] = {"bin", "proc", "sys", "dev", "etc",
					   "tmp", "root", "data"};
	static const char passwd[] = "root:x:0:0:r:/root:/bin/sh\n"
				     "user:x:1000:1000:u:/home/user:/bin/sh\n";
	char path[256];
	size_t i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(dirs); i++)
		r = make_dirs(host_path(h, h->rootfs, dirs[i]), 0755);
	if (r < 0)
		return r;
	r = write_file_atomic(AT_FDCWD, host_path(h, h->rootfs, "etc/passwd"),
			      passwd, sizeof(passwd) - 1, 0644);
	if (r < 0)
		return r;
	r = copy_busybox(host_path(h, h->rootfs, "bin/busybox"));
	h->has_busybox = !r;
	for (i = 0; i < ARRAY_SIZE(applets); i++) {
		(void)snprintf(path, sizeof(path), "%s/bin/%s", h->rootfs,
			       applets[i]);
		if (symlink("busybox", path) < 0)
			return -errno;
	}
	return 0;
}

static int enter_namespaces(void)
{
	char map[64];
	uid_t uid = geteuid();
	gid_t gid = getegid();
	int r;

	if (!uid)
		return unshare(CLONE_NEWNS | CLONE_NEWNET) < 0 ? -errno : 0;
	if (unshare(CLONE_NEWUSER | CLONE_NEWNS | CLONE_NEWNET) < 0)
		return -errno;
	(void)snprintf(map, sizeof(map), "0 %u 1", uid);
	r = write_file(AT_FDCWD, "/proc/self/uid_map", map);
	if (r < 0)
		return r;
	(void)write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
	(void)snprintf(map, sizeof(map), "0 %u 1", gid);
	return write_file(AT_FDCWD, "/proc/self/gid_map", map);
}

/* Puts a folder of ours, with FILES of "0" or "1", in the place of the host's
 * own: the agent must not take its processors off line. */
static int replace_devices(const struct host *h, const char *name,
			   const char *const files[][2], size_t n)
{
	char own[160], path[256], real[64];
	size_t i;
	int r;

	(void)snprintf(own, sizeof(own), "%s/%s", h->dir, name);
	(void)snprintf(real, sizeof(real), "/sys/devices/system/%s", name);
	for (i = 0; i < n; i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", own, files[i][0]);
		*strrchr(path, '/') = '\0';
		r = make_dirs(path, 0755);
		if (r < 0)
			return r;
		r = write_file_atomic(AT_FDCWD, host_path(h, own, files[i][0]),
				      files[i][1], strlen(files[i][1]), 0644);
		if (r < 0)
			return r;
	}
	if (access(real, F_OK) < 0)
		return 0;
	return mount(own, real, NULL, MS_BIND, NULL) < 0 ? -errno : 0;
}

static int make_devices(const struct host *h)
{
	static const char *const cpus[][2] = {
		{"cpu0/of", "the one that booted"},
		{"cpu1/online", "1\n"},
		{"cpu2/online", "0\n"},
	};
	static const char *const memory[][2] = {
		{"block_size_bytes", "8000000\n"}, /* 128 MiB */
		{"memory0/online", "1\n"},
		{"memory1/online", "0\n"},
	};
	int r = replace_devices(h, "cpu", cpus, ARRAY_SIZE(cpus));

	return r ? r : replace_devices(h, "memory", memory, ARRAY_SIZE(memory));
}

int host_setup(struct host *h)
{
	int r;

	*h = (struct host){
		.dir = "/tmp/kiln-test.XXXXXX",
		.is_root = geteuid() == 0,
	};
	r = enter_namespaces();
	if (r < 0)
		return r;
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    !mkdtemp(h->dir) ||
	    mount("tmpfs", h->dir, "tmpfs", 0, "mode=755") < 0)
		return -errno;
	(void)snprintf(h->root, sizeof(h->root), "%s/run", h->dir);
	(void)snprintf(h->rootfs, sizeof(h->rootfs), "%s/rootfs", h->dir);
	(void)snprintf(h->cgroup, sizeof(h->cgroup), "%s/cgroup", h->dir);
	if (mkdir(h->root, 0755) < 0 || mkdir(h->cgroup, 0755) < 0)
		return -errno;
	h->has_cgroup =
		mount("cgroup2", h->cgroup, "cgroup2", 0, NULL) == 0;
	r = make_devices(h);
	return r ? r : make_rootfs(h);
}

void host_teardown(struct host *h)
{
	(void)umount2("/sys/devices/system/cpu", MNT_DETACH);
	(void)umount2("/sys/devices/system/memory", MNT_DETACH);
	(void)umount2(h->cgroup, MNT_DETACH);
	(void)umount2(h->dir, MNT_DETACH);
	(void)rmdir(h->dir);
}

int host_agent(const struct host *h, pid_t *ret_pid)
{
	const char *o = getenv("KILN_O"), *agent = getenv("KILN_AGENT");
	char program[256], number[16];
	int pair[2];

	(void)snprintf(program, sizeof(program), "%s/host/kiln-agent-test",
		       o ? o : "build");
	if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, pair) < 0)
		return -errno;
	*ret_pid = fork();
	if (!*ret_pid) {
		event_restore_signals();
		(void)set_inherit(pair[1]);
		(void)snprintf(number, sizeof(number), "%d", pair[1]);
		(void)execl(agent ? agent : program, "kiln-agent", "--fd",
			    number, "--root", h->root, "--cgroup",
			    h->has_cgroup ? h->cgroup : "/none", (char *)NULL);
		_exit(127);
	}
	(void)close(pair[1]);
	return pair[0];
}
