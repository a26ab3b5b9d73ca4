// SPDX-License-Identifier: Apache-2.0
/*
 * The init of feature tests (docs/kernel.md, "Features"): runs the probes that
 * kiln.probe= on the command line names, or all, and prints a line for each:
 *
 *   ok NAME: what it has to tell
 *   not ok NAME: why
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/reboot.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

#define PROBE_SECONDS 120

static const struct probe *const tables[] = {
	probes_block, probes_disk, probes_fs, probes_link, probes_filter,
	probes_socket, probes_security, probes_trace, probes_machine,
};

static char told[512];

static void tell(const char *fmt, va_list ap)
{
	vsnprintf(told, sizeof(told), fmt, ap);
	for (char *p = told; *p; p++)
		if (*p == '\n' || *p == '\r')
			*p = ' ';
}

int fail(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
	return -1;
}

void note(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	tell(fmt, ap);
	va_end(ap);
}

static void mount_api(const char *type, const char *path)
{
	(void)mkdir(path, 0755);
	if (mount(type, path, type, 0, NULL) < 0 && errno != EBUSY)
		printf("# mount %s: %s\n", path, strerror(errno));
}

/* What a probe may rely on. */
static void set_up(void)
{
	mount_api("proc", "/proc");
	mount_api("sysfs", "/sys");
	mount_api("devtmpfs", "/dev");
	mount_api("tmpfs", "/tmp");
	mount_api("cgroup2", "/sys/fs/cgroup");
	(void)mkdir("/mnt", 0755);
	(void)symlink("/proc/self/fd", "/dev/fd");
	/* Rings of probes that wait for one another fill no log. */
	(void)write_text("/proc/sys/kernel/printk", "3 4 1 3");
	(void)signal(SIGPIPE, SIG_IGN);
}

static _Noreturn void child(const struct probe *p, int out)
{
	int r;

	told[0] = '\0';
	if (unshare(CLONE_NEWNET | CLONE_NEWNS) < 0)
		r = fail("unshare: %m");
	else if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		r = fail("make mounts private: %m");
	else if (link_up("lo") < 0)
		r = fail("loopback up: %m");
	else
		r = p->run();
	(void)!write(out, told, strlen(told));
	_exit(r == 0 ? 0 : 1);
}

/* Whether it passed. */
static int run(const struct probe *p)
{
	char said[sizeof(told)] = "";
	int fds[2], status;
	ssize_t n = 0;
	struct pollfd wait;
	pid_t pid;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return 0;
	fflush(stdout);
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		child(p, fds[1]);
	}
	close(fds[1]);
	wait = (struct pollfd){ .fd = fds[0], .events = POLLIN };
	if (poll(&wait, 1, PROBE_SECONDS * 1000) == 0) {
		snprintf(said, sizeof(said), "no answer in %d s",
			 PROBE_SECONDS);
		kill(-pid, SIGKILL);
	} else {
		n = read(fds[0], said, sizeof(said) - 1);
		said[n > 0 ? n : 0] = '\0';
	}
	close(fds[0]);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	/* Servers that a probe left behind. */
	kill(-pid, SIGKILL);
	if (WIFSIGNALED(status) && n <= 0 && !*said)
		snprintf(said, sizeof(said), "killed by signal %d",
			 WTERMSIG(status));
	status = WIFEXITED(status) && WEXITSTATUS(status) == 0;
	printf("%s %s%s%s\n", status ? "ok" : "not ok", p->name,
	       *said ? ": " : "", said);
	return status;
}

/* Whether the list, of names between commas, has NAME; NULL has all. */
static int listed(const char *list, const char *name)
{
	size_t len = strlen(name);

	if (!list)
		return 1;
	while (list) {
		if (!strncmp(list, name, len) &&
		    (!list[len] || strchr(", \n", list[len])))
			return 1;
		list = strchr(list, ',');
		list += list ? 1 : 0;
	}
	return 0;
}

int main(void)
{
	static char cmdline[8192];
	int ran = 0, passed = 0;
	struct timespec boot;
	char *list;

	clock_gettime(CLOCK_MONOTONIC, &boot);
	set_up();
	(void)read_text("/proc/cmdline", cmdline, sizeof(cmdline));
	list = strstr(cmdline, "kiln.probe=");
	if (list) {
		list += strlen("kiln.probe=");
		list[strcspn(list, " ")] = '\0';
	}
	printf("KILN-PROBE-START %lld\n",
	       (long long)boot.tv_sec * 1000000000 + boot.tv_nsec);
	for (size_t t = 0; t < sizeof(tables) / sizeof(*tables); t++) {
		for (const struct probe *p = tables[t]; p->name; p++) {
			if (!listed(list, p->name))
				continue;
			ran++;
			passed += run(p);
		}
	}
	printf("KILN-PROBE-END %d of %d\n", passed, ran);
	fflush(stdout);
	(void)reboot(RB_POWER_OFF);
	(void)reboot(RB_AUTOBOOT);
	for (;;)
		pause();
}
