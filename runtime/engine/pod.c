// SPDX-License-Identifier: Apache-2.0
#include "pod.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "runtime/engine/client.h"
#include "runtime/engine/dir.h"
#include "runtime/engine/journal.h"
#include "runtime/engine/wire.h"

#define END_TIMEOUT_MS 5000
#define END_POLL_MS 20

/* Who says what a container is, and to which sandbox it belongs. */
static const struct {
	const char *type, *sandbox;
} keys[] = {
	{"io.kubernetes.cri.container-type", "io.kubernetes.cri.sandbox-id"},
	{"io.kubernetes.cri-o.ContainerType", "io.kubernetes.cri-o.SandboxID"},
};

static bool exists(const char *root, const char *id)
{
	struct err ignored;
	cleanup_close int fd = dir_open(root, id, &ignored);

	return fd >= 0;
}

/* The pid in "/proc/PID/ns/...", by which an engine names a container whose
 * network another is to have; of a pod Podman's infra container. */
static int pid_of_path(const char *path)
{
	int pid = 0;

	if (!path || sscanf(path, "/proc/%d/ns/", &pid) != 1)
		return 0;
	return pid;
}

static char *container_of_pid(const char *root, int pid)
{
	struct container_state *v = NULL;
	struct err ignored;
	char *found = NULL;
	size_t n = 0, i;

	if (pid <= 0 || client_list(root, &v, &n, &ignored) < 0)
		return NULL;
	for (i = 0; i < n && !found; i++)
		if (v[i].pid == pid)
			found = strdup(v[i].id);
	container_states_free(v, n);
	return found;
}

/* The sandbox that container ID is a member of, or ID itself. */
static char *sandbox_of(const char *root, const char *id)
{
	struct err ignored;
	cleanup_close int fd = dir_open(root, id, &ignored);
	char target[WIRE_ID_MAX + 32], *end;
	ssize_t n = readlinkat(fd, WIRE_TASK_SOCKET, target,
			       sizeof(target) - 1);

	if (n <= 0)
		return strdup(id);
	target[n] = '\0';
	end = strrchr(target, '/'); /* as link_to() made it: "../ID/NAME" */
	if (!end || end - target <= 3)
		return NULL;
	*end = '\0';
	return strdup(target + 3);
}

/*
 * --network container:X of Podman and Docker shares the VM of X, which is the
 * guest's network; --pid, --ipc and --uts alone would need two networks in it.
 */
static int sandbox_of_paths(const char *root, const struct spec *spec,
			    char **ret, struct err *reterr)
{
	static const char *const others[] = {"pid", "ipc", "uts"};
	cleanup_free char *found = container_of_pid(
		root, pid_of_path(spec_namespace(spec, "network")));
	size_t i;

	if (found) {
		*ret = sandbox_of(root, found);
		return *ret ? 0 : err_code(reterr, -ENOMEM, "sandbox");
	}
	for (i = 0; i < ARRAY_SIZE(others); i++) {
		const char *path = spec_namespace(spec, others[i]);
		cleanup_free char *other =
			container_of_pid(root, pid_of_path(path));

		if (other)
			return err_set(reterr, -EOPNOTSUPP,
				       "the %s namespace of container '%.128s' "
				       "is in another VM: share its network, "
				       "too, and with it its VM", others[i],
				       other);
	}
	return 0;
}

int pod_sandbox(const char *root, const char *id, const struct spec *spec,
		char **ret, struct err *reterr)
{
	const char *manager = spec_annotation(spec, "io.container.manager");
	const char *sandbox = NULL;
	size_t i;

	*ret = NULL;
	for (i = 0; i < ARRAY_SIZE(keys) && !sandbox; i++) {
		const char *type = spec_annotation(spec, keys[i].type);

		if (type && !strcmp(type, "container"))
			sandbox = spec_annotation(spec, keys[i].sandbox);
	}
	if (!sandbox)
		return sandbox_of_paths(root, spec, ret, reterr);
	if (!strcmp(sandbox, id))
		return 0;
	if (id_is_valid(sandbox) && exists(root, sandbox)) {
		*ret = strdup(sandbox);
		return *ret ? 0 : err_code(reterr, -ENOMEM, "sandbox");
	}
	/* Podman's sandbox is the pod, not the container that holds it. */
	*ret = container_of_pid(root,
				pid_of_path(spec_namespace(spec, "network")));
	if (*ret || (manager && !strcmp(manager, "libpod")))
		return 0; /* in a pod that nothing holds, each is on its own */
	return err_set(reterr, -ENOENT, "the sandbox '%.128s' of this pod does "
		       "not exist", sandbox);
}

int pod_check_arch(const char *root, const char *sandbox, const char *arch,
		   struct err *reterr)
{
	struct container_state s;
	struct err ignored;
	int r = 0;

	if (client_state(root, sandbox, &s, &ignored) < 0)
		return 0; /* joining it will tell */
	if (*s.arch && strcmp(s.arch, arch) != 0)
		r = err_set(reterr, -ENOEXEC,
			    "exec format error: this container's program is "
			    "for %s, the VM of its pod ('%.64s') is %s: a pod "
			    "has one VM, of the architecture of its first "
			    "container", arch, sandbox, s.arch);
	container_state_release(&s);
	return r;
}

static int link_to(int dirfd, struct journal *j, const char *sandbox,
		   const char *name)
{
	char target[WIRE_ID_MAX + 32];
	int r = journal_path(j, "file", name);

	(void)snprintf(target, sizeof(target), "../%s/%s", sandbox, name);
	if (!r && symlinkat(target, dirfd, name) < 0)
		r = -errno;
	return r;
}

int pod_join(int dirfd, const char *sandbox, struct err *reterr)
{
	struct journal j = JOURNAL_INIT;
	int r = journal_open(&j, dirfd, reterr);

	if (r < 0)
		return r;
	r = link_to(dirfd, &j, sandbox, WIRE_TASK_SOCKET);
	if (!r)
		r = link_to(dirfd, &j, sandbox, WIRE_STUB_SOCKET);
	journal_close(&j);
	return r < 0 ? err_code(reterr, r, "join sandbox '%s'", sandbox) : 0;
}

static bool is_member(const char *root, const char *id)
{
	struct err ignored;
	cleanup_close int fd = dir_open(root, id, &ignored);
	struct stat st;

	return fd >= 0 &&
	       fstatat(fd, WIRE_TASK_SOCKET, &st, AT_SYMLINK_NOFOLLOW) == 0 &&
	       S_ISLNK(st.st_mode);
}

static bool is_over(const char *root, const char *id)
{
	struct container_state s;
	struct err ignored;
	bool over;

	if (client_state(root, id, &s, &ignored) < 0)
		return true;
	over = !strcmp(s.status, "stopped");
	container_state_release(&s);
	return over;
}

bool pod_leave(const char *root, const char *id)
{
	const struct timespec pause = {0, END_POLL_MS * 1000000L};
	struct err ignored;
	int i;

	if (!is_member(root, id))
		return false;
	for (i = 0; i < END_TIMEOUT_MS / END_POLL_MS; i++) {
		if (is_over(root, id))
			break;
		if (!i)
			(void)client_kill(root, id, SIGKILL, true, &ignored);
		(void)nanosleep(&pause, NULL);
	}
	/* The supervisor forgets it; without one there is nothing to forget. */
	(void)client_forget(root, id, &ignored);
	return true;
}
