// SPDX-License-Identifier: Apache-2.0
/* Probes of security modules and of audit. */
#include <errno.h>
#include <fcntl.h>
#include <linux/audit.h>
#include <linux/landlock.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

/* Runs STEP in a child: its exit status. */
static int in_child(int (*step)(void))
{
	int status;

	if (fork() == 0)
		_exit(step());
	wait(&status);
	return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

/* What is below /tmp/allowed can be read then, and nothing else. */
static int landlocked(void)
{
	struct landlock_ruleset_attr attr = {
		.handled_access_fs = LANDLOCK_ACCESS_FS_READ_FILE,
	};
	struct landlock_path_beneath_attr path = {
		.allowed_access = LANDLOCK_ACCESS_FS_READ_FILE,
		.parent_fd = open("/tmp/allowed", O_PATH | O_CLOEXEC),
	};
	int fd = (int)syscall(444 /* landlock_create_ruleset */, &attr,
			      sizeof(attr), 0);

	if (fd < 0)
		return 1;
	if (syscall(445 /* landlock_add_rule */, fd, LANDLOCK_RULE_PATH_BENEATH,
		    &path, 0) < 0)
		return 2;
	(void)prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
	if (syscall(446 /* landlock_restrict_self */, fd, 0) < 0)
		return 3;
	if (open("/tmp/allowed/file", O_RDONLY | O_CLOEXEC) < 0)
		return 4;
	if (open("/proc/version", O_RDONLY | O_CLOEXEC) >= 0 ||
	    errno != EACCES)
		return 5;
	return 0;
}

static int landlock(void)
{
	int r;

	(void)mkdir("/tmp/allowed", 0755);
	close(open("/tmp/allowed/file", O_CREAT | O_WRONLY | O_CLOEXEC, 0644));
	r = in_child(landlocked);
	note("a file outside of the rule was refused");
	return r ? fail("step %d of restricting oneself", r) : 0;
}

static int chroot_refused(void)
{
	return chroot("/tmp") < 0 && errno == EPERM ? 0 : 1;
}

static int selinux(void)
{
	static char policy[1 << 16];
	char text[64];
	int fd, to;
	ssize_t n;

	if (mount("selinuxfs", "/sys/fs/selinux", "selinuxfs", 0, NULL) < 0)
		return fail("mount selinuxfs: %m");
	fd = open("/selinux.policy", O_RDONLY | O_CLOEXEC);
	if (fd < 0 || (n = read(fd, policy, sizeof(policy))) <= 0)
		return fail("the initrd's policy: %m");
	to = open("/sys/fs/selinux/load", O_WRONLY | O_CLOEXEC);
	if (to < 0 || write(to, policy, (size_t)n) != n)
		return fail("load the policy: %m");
	if (read_text("/proc/self/attr/current", text, sizeof(text)) < 0 ||
	    strcmp(text, "probe_u:probe_r:probe_t") != 0)
		return fail("the context is '%s'", text);
	if (in_child(chroot_refused) == 0)
		return fail("chroot is refused before the policy is enforced");
	if (write_text("/sys/fs/selinux/enforce", "1") < 0)
		return fail("enforce: %m");
	if (in_child(chroot_refused) != 0)
		return fail("chroot is allowed against the policy");
	(void)write_text("/sys/fs/selinux/enforce", "0");
	note("a policy was loaded, and refused chroot when enforced");
	return 0;
}

/* The binary form of a profile, as apparmor_parser would write it. */
static size_t put_number(char *at, uint32_t v)
{
	*at++ = 2;
	for (int i = 0; i < 4; i++)
		*at++ = (char)(v >> (8 * i));
	return 5;
}

static size_t put_string(char *at, int code, const char *text)
{
	size_t n = strlen(text) + 1;

	*at++ = (char)code;
	*at++ = (char)n;
	*at++ = 0;
	memcpy(at, text, n);
	return n + 3;
}

/* A profile without any rule: it allows nothing. */
static size_t profile(char *p)
{
	enum { NAME = 4, STRING = 5, STRUCT = 7, STRUCT_END = 8 };
	size_t n = 0;

	n += put_string(p + n, NAME, "version");
	n += put_number(p + n, 7);
	n += put_string(p + n, NAME, "profile");
	p[n++] = STRUCT;
	n += put_string(p + n, STRING, "kiln-probe");
	n += put_string(p + n, NAME, "flags");
	p[n++] = STRUCT;
	for (int i = 0; i < 3; i++)
		n += put_number(p + n, 0);
	p[n++] = STRUCT_END;
	for (int i = 0; i < 4; i++)
		n += put_number(p + n, 0);
	p[n++] = STRUCT_END;
	return n;
}

static int confined(void)
{
	if (write_text("/proc/self/attr/current",
		       "changeprofile kiln-probe") < 0)
		return 1;
	if (open("/proc/version", O_RDONLY | O_CLOEXEC) >= 0 ||
	    errno != EACCES)
		return 2;
	return 0;
}

static int apparmor(void)
{
	char blob[256], on[8];
	size_t n = profile(blob);
	int fd, r;

	if (read_text("/sys/module/apparmor/parameters/enabled", on,
		      sizeof(on)) < 0 || on[0] != 'Y')
		return fail("it is not enabled");
	if (mount("securityfs", "/sys/kernel/security", "securityfs", 0,
		  NULL) < 0 && errno != EBUSY)
		return fail("mount securityfs: %m");
	fd = open("/sys/kernel/security/apparmor/.load",
		  O_WRONLY | O_CLOEXEC);
	if (fd < 0 || write(fd, blob, n) != (ssize_t)n)
		return fail("load a profile: %m");
	if (!file_has("/sys/kernel/security/apparmor/profiles",
		      "kiln-probe (enforce)"))
		return fail("the profile is not listed");
	r = in_child(confined);
	note("a profile was loaded, and refused a file to who took it");
	return r ? fail("step %d of taking the profile", r) : 0;
}

/* Waits for a record with TEXT. */
static int record(int fd, const char *text)
{
	static char buf[16384];
	struct timeval limit = { .tv_sec = 10 };
	ssize_t n;

	(void)setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit));
	while ((n = recv(fd, buf, sizeof(buf) - 1, 0)) > 0) {
		buf[n] = '\0';
		if (n > NLMSG_HDRLEN && strstr(buf + NLMSG_HDRLEN, text))
			return 0;
	}
	return -1;
}

static int audit(void)
{
	struct audit_status on = {
		.mask = AUDIT_STATUS_ENABLED | AUDIT_STATUS_PID,
		.enabled = 1,
		.pid = (uint32_t)getpid(),
	};
	static const char text[] = "op=kiln-probe";
	struct nl nl;

	/* Audit speaks to its daemon in the first network namespace only. */
	if (setns(open("/proc/1/ns/net", O_RDONLY | O_CLOEXEC), 0) < 0)
		return fail("first network namespace: %m");
	if (nl_open(&nl, NETLINK_AUDIT) < 0)
		return fail("netlink of audit: %m");
	nl_begin(&nl, AUDIT_SET, 0, &on, sizeof(on));
	if (nl_call(&nl) < 0)
		return fail("switch it on: %m");
	nl_begin(&nl, AUDIT_USER, 0, text, sizeof(text));
	if (nl_call(&nl) < 0)
		return fail("send a message: %m");
	note("a message came back as a record");
	return record(nl.fd, text) < 0 ? fail("no record came") : 0;
}

const struct probe probes_security[] = {
	{ "landlock", landlock },
	{ "selinux", selinux },
	{ "apparmor", apparmor },
	{ "audit", audit },
	{ NULL, NULL },
};
