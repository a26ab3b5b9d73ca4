// SPDX-License-Identifier: Apache-2.0
#include "os/userns.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <pwd.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/num.h"
#include "os/io.h"

#define MAP_MAX 65536
/* Lines of a map, at most (user_namespaces(7)). */
#define RANGES_MAX 340

struct range {
	uint32_t inside, outside, count;
};

/* The ranges of /proc/self/uid_map or gid_map; how many, or -errno. */
static int read_map(const char *name, struct range *v, size_t max)
{
	cleanup_free char *text = NULL;
	char path[64], *rest;
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "/proc/self/%s", name);
	r = read_file(AT_FDCWD, path, MAP_MAX, &text, NULL);
	if (r < 0)
		return r;
	rest = text;
	while (rest && *rest && n < max) {
		const char *line = strsep(&rest, "\n");

		if (sscanf(line, "%" SCNu32 " %" SCNu32 " %" SCNu32,
			   &v[n].inside, &v[n].outside, &v[n].count) == 3)
			n++;
	}
	return (int)n;
}

bool userns_real_root(void)
{
	struct range v[2];
	int n;

	if (geteuid() != 0)
		return false;
	n = read_map("uid_map", v, ARRAY_SIZE(v));
	/* A kernel without user namespaces has no such file. */
	return n < 0 || (n == 1 && v[0].inside == 0 && v[0].outside == 0 &&
			 v[0].count == UINT32_MAX);
}

uint64_t userns_count_ids(void)
{
	struct range v[RANGES_MAX];
	int n = read_map("uid_map", v, ARRAY_SIZE(v));
	uint64_t sum = 0;

	for (int i = 0; i < n; i++)
		sum += v[i].count;
	return n < 0 ? UINT32_MAX : sum;
}

uid_t userns_outer_uid(uid_t id)
{
	struct range v[RANGES_MAX];
	int n = read_map("uid_map", v, ARRAY_SIZE(v));

	for (int i = 0; i < n; i++)
		if (id >= v[i].inside && id - v[i].inside < v[i].count)
			return v[i].outside + (id - v[i].inside);
	return id;
}

/* The first range that FILE, as /etc/subuid, grants to NAME or ID. */
static bool subordinate(const char *file, const char *name, uid_t id,
			struct range *ret)
{
	cleanup_free char *text = NULL;
	char number[16], *rest;

	(void)snprintf(number, sizeof(number), "%u", (unsigned int)id);
	if (read_file(AT_FDCWD, file, (size_t)1 << 20, &text, NULL) < 0)
		return false;
	rest = text;
	while (rest) {
		char *line = strsep(&rest, "\n");
		const char *who = strsep(&line, ":");
		const char *first = strsep(&line, ":");

		if (!who || !first || !line ||
		    (strcmp(who, number) && (!name || strcmp(who, name))))
			continue;
		ret->inside = 1;
		if (!parse_u32(first, 10, &ret->outside) &&
		    !parse_u32(line, 10, &ret->count) && ret->count)
			return true;
	}
	return false;
}

/* Runs PROGRAM PID 0 ID 1 1 FIRST COUNT; whether it did its work. */
static bool run_mapper(const char *program, pid_t pid, uid_t id,
		       const struct range *sub)
{
	char text[5][16];
	char *argv[] = {(char *)(uintptr_t)program, text[0], (char[]){"0"},
			text[1], (char[]){"1"}, (char[]){"1"}, text[2],
			text[3], NULL};
	int status = 0;
	pid_t child;

	(void)snprintf(text[0], sizeof(text[0]), "%d", (int)pid);
	(void)snprintf(text[1], sizeof(text[1]), "%u", (unsigned int)id);
	(void)snprintf(text[2], sizeof(text[2]), "%" PRIu32, sub->outside);
	(void)snprintf(text[3], sizeof(text[3]), "%" PRIu32, sub->count);
	child = fork();
	if (child == 0) {
		(void)execvp(program, argv);
		_exit(127);
	}
	if (child < 0)
		return false;
	while (waitpid(child, &status, 0) < 0)
		if (errno != EINTR)
			return false;
	return status == 0;
}

/* Only who is outside may map more than itself: a child made before. */
static _Noreturn void mapper_main(int go, uid_t uid, gid_t gid,
				  const struct range *uids,
				  const struct range *gids)
{
	pid_t parent = getppid();
	char byte;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (read_full(go, &byte, 1) != 1)
		_exit(1);
	_exit(run_mapper("newgidmap", parent, gid, gids) &&
			      run_mapper("newuidmap", parent, uid, uids)
		      ? 0
		      : 1);
}

static int map_self_alone(uid_t uid, gid_t gid, struct err *reterr)
{
	char text[32];
	int r;

	/* Else a group that denies access could be left. */
	r = write_file(AT_FDCWD, "/proc/self/setgroups", "deny");
	if (r == 0) {
		(void)snprintf(text, sizeof(text), "0 %u 1", (unsigned int)gid);
		r = write_file(AT_FDCWD, "/proc/self/gid_map", text);
	}
	if (r == 0) {
		(void)snprintf(text, sizeof(text), "0 %u 1", (unsigned int)uid);
		r = write_file(AT_FDCWD, "/proc/self/uid_map", text);
	}
	return r < 0 ? err_code(reterr, r, "map the user's id") : 0;
}

int userns_enter(struct err *reterr)
{
	cleanup_close int go_read = -1, go_write = -1;
	uid_t uid = geteuid();
	gid_t gid = getegid();
	struct range uids, gids;
	const struct passwd *pw = getpwuid(uid);
	const char *name = pw ? pw->pw_name : NULL;
	bool mapped = false;
	pid_t mapper = -1;
	int p[2], status = 0;

	if (pipe2(p, O_CLOEXEC) < 0)
		return err_errno(reterr, "pipe");
	go_read = p[0];
	go_write = p[1];
	if (subordinate("/etc/subuid", name, uid, &uids) &&
	    subordinate("/etc/subgid", name, uid, &gids))
		mapper = fork();
	if (mapper == 0) {
		close_fd(&go_write);
		mapper_main(go_read, uid, gid, &uids, &gids);
	}
	close_fd(&go_read);
	if (unshare(CLONE_NEWUSER) < 0)
		return err_errno(reterr,
				 "make a user namespace (as root, allow them: "
				 "sysctl user.max_user_namespaces, "
				 "kernel.unprivileged_userns_clone)");
	if (mapper > 0) {
		(void)!write(go_write, "", 1);
		while (waitpid(mapper, &status, 0) < 0 && errno == EINTR)
			continue;
		mapped = status == 0;
	}
	if (!mapped) {
		int r = map_self_alone(uid, gid, reterr);

		if (r < 0)
			return r;
	}
	if (setresgid(0, 0, 0) < 0 || setresuid(0, 0, 0) < 0)
		return err_errno(reterr, "become root of the user namespace");
	return 0;
}

static int write_same(pid_t pid, const char *name, struct err *reterr)
{
	cleanup_buf struct buf b = BUF_INIT(MAP_MAX);
	struct range v[RANGES_MAX];
	char path[64];
	int n = read_map(name, v, ARRAY_SIZE(v)), r;

	if (n < 0)
		return err_code(reterr, n, "read the user namespace's ids");
	for (int i = 0; i < n; i++)
		(void)buf_printf(&b, "%" PRIu32 " %" PRIu32 " %" PRIu32 "\n",
				 v[i].inside, v[i].inside, v[i].count);
	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, name);
	r = buf_error(&b);
	if (r == 0)
		r = write_file(AT_FDCWD, path, buf_cstr(&b));
	return r < 0 ? err_code(reterr, r, "write '%s'", path) : 0;
}

int userns_map_same(pid_t pid, struct err *reterr)
{
	int r;

	/* Who has but one id may not map groups while setgroups is allowed. */
	if (userns_count_ids() == 1) {
		char path[64];

		(void)snprintf(path, sizeof(path), "/proc/%d/setgroups",
			       (int)pid);
		(void)write_file(AT_FDCWD, path, "deny");
	}
	r = write_same(pid, "gid_map", reterr);
	return r < 0 ? r : write_same(pid, "uid_map", reterr);
}
