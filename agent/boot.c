// SPDX-License-Identifier: Apache-2.0
#include "boot.h"

#include <errno.h>
#include <fcntl.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/reboot.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "cgroup.h"
#include "os/io.h"
#include "policy.h"
#include "rpc.h"

#define OOM_SCORE "-997"
#define NOFILE_MAX 1048576
#define HOSTNAME_MAX 64
#define PATH_ENV "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"

static const struct {
	const char *type, *target;
	unsigned long flags;
	const char *data;
	bool optional;
} mounts[] = {
	{"proc", "/proc", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false},
	{"sysfs", "/sys", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, false},
	{"devtmpfs", "/dev", MS_NOSUID, "mode=0755", false},
	{"devpts", "/dev/pts", MS_NOSUID | MS_NOEXEC,
	 "mode=0620,ptmxmode=0666,gid=5", false},
	{"tmpfs", "/dev/shm", MS_NOSUID | MS_NODEV, "mode=1777", false},
	{"mqueue", "/dev/mqueue", MS_NOSUID | MS_NODEV | MS_NOEXEC, NULL, true},
	{"tmpfs", "/run", MS_NOSUID | MS_NODEV, "mode=0755", false},
	{"tmpfs", "/tmp", MS_NOSUID | MS_NODEV, "mode=1777", true},
	{"cgroup2", "/sys/fs/cgroup",
	 MS_NOSUID | MS_NODEV | MS_NOEXEC | MS_RELATIME, "nsdelegate", true},
};

/*
 * The root of a ramdisk cannot be pivoted away from, as it is mounted on
 * nothing. A second mount of it on top of itself can.
 */
static int step_root(struct agent *agent UNUSED, struct err *reterr)
{
	if (mkdir("/run", 0755) < 0 && errno != EEXIST)
		return err_errno(reterr, "make /run");
	if (mount("/", "/run", NULL, MS_BIND, NULL) < 0 || chdir("/run") < 0 ||
	    mount(".", "/", NULL, MS_MOVE, NULL) < 0 || chroot(".") < 0 ||
	    chdir("/") < 0)
		return err_errno(reterr, "mount the root on itself");
	return 0;
}

static bool is_mounted(const char *path)
{
	struct stat a, b;
	char up[64];
	size_t n = strlen(path);

	if (n + 4 > sizeof(up))
		return false;
	memcpy(up, path, n);
	memcpy(up + n, "/..", 4);
	return stat(path, &a) == 0 && stat(up, &b) == 0 && a.st_dev != b.st_dev;
}

static int step_mounts(struct agent *agent UNUSED, struct err *reterr)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(mounts); i++) {
		const char *target = mounts[i].target;

		/* A read-only root brings its directories along. */
		(void)mkdir(target, 0755);
		if (is_mounted(target))
			continue; /* by the kernel, or an initrd before us */
		if (mount(mounts[i].type, target, mounts[i].type,
			  mounts[i].flags, mounts[i].data) == 0)
			continue;
		if (!mounts[i].optional)
			return err_errno(reterr, "mount %s", target);
		log_warn("mount %s: %s", target, strerror(errno));
	}
	return 0;
}

static int step_console(struct agent *agent UNUSED, struct err *reterr UNUSED)
{
	int fd, i;

	/* Without O_NONBLOCK a host that does not read would stop the agent. */
	fd = open("/dev/console", O_RDWR | O_NOCTTY | O_NONBLOCK);
	if (fd < 0)
		fd = open("/dev/kmsg", O_WRONLY | O_NOCTTY);
	if (fd < 0)
		fd = open("/dev/null", O_RDWR);
	for (i = 0; i < 3 && fd >= 0; i++)
		if (fd != i)
			(void)dup2(fd, i);
	if (fd > 2)
		close_fd(&fd);
	return 0;
}

static int step_links(struct agent *agent UNUSED, struct err *reterr UNUSED)
{
	static const struct {
		const char *target, *path;
	} links[] = {
		{"/proc/self/fd", "/dev/fd"},
		{"/proc/self/fd/0", "/dev/stdin"},
		{"/proc/self/fd/1", "/dev/stdout"},
		{"/proc/self/fd/2", "/dev/stderr"},
		{"pts/ptmx", "/dev/ptmx"},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(links); i++) {
		if (!strcmp(links[i].path, "/dev/ptmx"))
			(void)unlink(links[i].path); /* devtmpfs's own */
		if (symlink(links[i].target, links[i].path) < 0 &&
		    errno != EEXIST)
			log_warn("link %s: %s", links[i].path, strerror(errno));
	}
	return 0;
}

static int step_config(struct agent *agent, struct err *reterr)
{
	cleanup_free char *text = NULL;
	int r = read_file(AT_FDCWD, "/proc/cmdline", CONFIG_CMDLINE_MAX, &text,
			  NULL);

	if (r < 0)
		return err_code(reterr, r, "read /proc/cmdline");
	config_parse_cmdline(&agent->config, text);
	log_setup(STDERR_FILENO, LOG_FORMAT_TEXT, agent->config.log_level,
		  "kiln-agent");
	if (agent->config.ignored)
		log_warn("%u parameters of the command line are not understood",
			 agent->config.ignored);
	return 0;
}

static int step_process(struct agent *agent UNUSED, struct err *reterr UNUSED)
{
	const struct rlimit files = {NOFILE_MAX, NOFILE_MAX};
	int r;

	r = write_file(AT_FDCWD, "/proc/self/oom_score_adj", OOM_SCORE);
	if (r < 0)
		log_warn("OOM score: %s", strerror(-r));
	if (setrlimit(RLIMIT_NOFILE, &files) < 0)
		log_warn("limit of open files: %s", strerror(errno));
	(void)setenv("PATH", PATH_ENV, 1);
	(void)umask(0022);
	(void)setsid();
	/* A panic, or a shutdown from inside, shall be the agent's matter. */
	(void)reboot(RB_DISABLE_CAD);
	return 0;
}

static int step_hostname(struct agent *agent UNUSED, struct err *reterr UNUSED)
{
	cleanup_free char *name = NULL;
	size_t n;

	if (read_file(AT_FDCWD, "/etc/hostname", 4096, &name, NULL) < 0)
		return 0;
	n = strcspn(name, " \t\n");
	if (n && n <= HOSTNAME_MAX && sethostname(name, n) < 0)
		log_warn("host name: %s", strerror(errno));
	return 0;
}

static int step_loopback(struct agent *agent UNUSED, struct err *reterr UNUSED)
{
	cleanup_close int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	struct ifreq request = {.ifr_name = "lo"};

	if (fd < 0 || ioctl(fd, SIOCGIFFLAGS, &request) < 0) {
		log_warn("loopback: %s", strerror(errno));
		return 0;
	}
	request.ifr_flags |= IFF_UP;
	if (ioctl(fd, SIOCSIFFLAGS, &request) < 0)
		log_warn("loopback: %s", strerror(errno));
	return 0;
}

static int step_cgroup(struct agent *agent, struct err *reterr)
{
	struct err e;

	(void)reterr;
	agent->has_cgroups = cgroup_available(agent->cgroup_root);
	if (!agent->has_cgroups)
		log_warn("no cgroups: containers run without limits");
	else if (cgroup_boot(agent->cgroup_root, &e) < 0)
		log_warn("cgroups: %s", e.text);
	return 0;
}

/* A policy that cannot be read must not be none. */
static int step_policy(struct agent *agent, struct err *reterr)
{
	cleanup_free char *text = NULL;
	int r = read_file(AT_FDCWD, POLICY_FILE, POLICY_TEXT_MAX, &text, NULL);

	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_code(reterr, r, "read " POLICY_FILE);
	return policy_parse(text, rpc_methods, rpc_nmethods, &agent->policy,
			    reterr);
}

/* The group that init has put this process in, and has delegated. */
static int step_group(struct agent *agent, struct err *reterr)
{
	cleanup_free char *text = NULL;
	static char root[CGROUP_PATH_MAX];
	char *path, *end;
	int r = read_file(AT_FDCWD, "/proc/self/cgroup", CGROUP_PATH_MAX, &text,
			  NULL);

	if (r < 0)
		return err_code(reterr, r, "read /proc/self/cgroup");
	path = strstr(text, "0::/");
	end = path ? strchr(path, '\n') : NULL;
	if (!end)
		return err_set(reterr, -ENOENT, "no group of version 2");
	*end = '\0';
	path += strlen("0::");
	r = snprintf(root, sizeof(root), "%s%s", agent->cgroup_root,
		     path[1] ? path : "");
	if (r < 0 || (size_t)r >= sizeof(root))
		return err_set(reterr, -ENAMETOOLONG, "group '%.64s'", path);
	agent->cgroup_root = root;
	return 0;
}

struct step {
	const char *name;
	int (*run)(struct agent *agent, struct err *reterr);
};

static const struct step steps[] = {
	{"root", step_root},	     {"mounts", step_mounts},
	{"console", step_console},   {"links", step_links},
	{"config", step_config},     {"process", step_process},
	{"hostname", step_hostname}, {"loopback", step_loopback},
	{"cgroup", step_cgroup},     {"policy", step_policy},
};

/* Mounts, links, names and the loopback are the other init's. */
static const struct step service_steps[] = {
	{"console", step_console}, {"config", step_config},
	{"process", step_process}, {"group", step_group},
	{"cgroup", step_cgroup},   {"policy", step_policy},
};

static int run_steps(struct agent *agent, const struct step *v, size_t n,
		     struct err *reterr)
{
	for (size_t i = 0; i < n; i++) {
		int r = v[i].run(agent, reterr);

		if (r < 0) {
			/* Maybe before there was a console. */
			(void)step_console(agent, reterr);
			return err_wrap(reterr, "boot: %s", v[i].name);
		}
	}
	return 0;
}

int boot(struct agent *agent, struct err *reterr)
{
	return run_steps(agent, steps, ARRAY_SIZE(steps), reterr);
}

int boot_service(struct agent *agent, struct err *reterr)
{
	return run_steps(agent, service_steps, ARRAY_SIZE(service_steps),
			 reterr);
}

void boot_power_off(bool restart)
{
	sync();
	(void)reboot(restart ? RB_AUTOBOOT : RB_POWER_OFF);
}

void boot_debug_console(void)
{
	static const char *const shells[] = {"/bin/bash", "/bin/sh"};
	char *argv[] = {NULL, NULL};
	size_t i;
	int fd;
	pid_t pid;

	for (i = 0; i < ARRAY_SIZE(shells); i++)
		if (access(shells[i], X_OK) == 0)
			break;
	if (i == ARRAY_SIZE(shells))
		return;
	pid = fork();
	if (pid)
		return; /* also when it failed: there is no shell then */
	event_restore_signals();
	(void)setsid();
	fd = open("/dev/console", O_RDWR);
	if (fd < 0 || dup2(fd, 0) < 0 || dup2(fd, 1) < 0 || dup2(fd, 2) < 0)
		_exit(126);
	(void)ioctl(0, TIOCSCTTY, 1);
	argv[0] = (char *)(uintptr_t)shells[i];
	(void)execv(shells[i], argv);
	_exit(127);
}
