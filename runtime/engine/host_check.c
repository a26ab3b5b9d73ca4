// SPDX-License-Identifier: Apache-2.0
#include "host_check.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "codec/ttrpc.h"
#include "runtime/engine/translate.h"

/* Left in a frame for paths of the guest's and the rest of the request. */
#define FRAME_SPARE (64u << 10)

static int check_root(const struct spec *s, struct err *reterr)
{
	struct stat st;

	if (stat(s->rootfs, &st) < 0)
		return err_errno(reterr, "root.path: root file system '%.256s'",
				 s->rootfs);
	if (!S_ISDIR(st.st_mode))
		return err_code(reterr, -ENOTDIR,
				"root.path: root file system '%.256s'",
				s->rootfs);
	return 0;
}

/* What a caller may not look at may still be there: opening it will tell. */
static bool is_missing(const char *path)
{
	struct stat st;

	return stat(path, &st) < 0 && errno != EACCES && errno != EPERM;
}

static int check_mounts(const struct spec *s, struct err *reterr)
{
	size_t i;

	for (i = 0; i < s->wire->n_mounts; i++) {
		const struct spec_mount *m = &s->mounts[i];

		if (translate_mount_origin(m) == MOUNT_SHARED &&
		    is_missing(m->source))
			return err_errno(reterr, "mounts[%zu].source: '%.256s'",
					 i, m->source);
	}
	return 0;
}

/* A guest has a kernel and a network stack of its own: the host's is not to be
 * had. */
static int check_network(const struct spec *s, struct err *reterr)
{
	const Grpc__Linux *l = s->wire->linux;
	size_t i;

	for (i = 0; i < l->n_namespaces; i++) {
		const Grpc__LinuxNamespace *ns = l->namespaces[i];

		if (strcmp(ns->type, "network") != 0)
			continue;
		if (*ns->path && is_missing(ns->path))
			return err_errno(reterr, "linux.namespaces[%zu].path: "
					 "'%.256s'", i, ns->path);
		return 0;
	}
	return err_set(reterr, -EOPNOTSUPP,
		       "network=host is not possible in a VM, which has a "
		       "network stack of its own: use a bridge network, or "
		       "none (linux.namespaces has no entry \"network\")");
}

/* Whoever set the filter up could not say so any more. */
static bool names_write(const Grpc__LinuxSyscall *s)
{
	size_t i;

	for (i = 0; i < s->n_names; i++)
		if (!strcmp(s->names[i], "write"))
			return true;
	return false;
}

static int check_seccomp(const struct spec *s, struct err *reterr)
{
	const Grpc__LinuxSeccomp *f = s->wire->linux->seccomp;
	static const char why[] = "SCMP_ACT_NOTIFY needs a listener, which is "
				  "on the host and cannot see the guest's "
				  "processes";
	size_t i;

	if (!f)
		return 0;
	if (!strcmp(f->defaultaction, "SCMP_ACT_NOTIFY"))
		return err_set(reterr, -EOPNOTSUPP,
			       "linux.seccomp.defaultAction: %s", why);
	for (i = 0; i < f->n_syscalls; i++)
		if (!strcmp(f->syscalls[i]->action, "SCMP_ACT_NOTIFY") &&
		    names_write(f->syscalls[i]))
			return err_set(reterr, -EINVAL,
				       "linux.seccomp.syscalls[%zu].action: "
				       "SCMP_ACT_NOTIFY cannot be used for the "
				       "write syscall", i);
	for (i = 0; i < f->n_syscalls; i++)
		if (!strcmp(f->syscalls[i]->action, "SCMP_ACT_NOTIFY"))
			return err_set(reterr, -EOPNOTSUPP,
				       "linux.seccomp.syscalls[%zu].action: %s",
				       i, why);
	return 0;
}

/* Which of the parts that have no bound of their own is the largest is for
 * whoever wrote them to see; how much is too much is not. */
static int check_size(const struct spec *s, struct err *reterr)
{
	const size_t max = TTRPC_PAYLOAD_MAX - FRAME_SPARE;
	size_t n = grpc__spec__get_packed_size(s->wire), i;

	for (i = 0; i < s->n_extra; i++)
		n += strlen(s->extra[i]->key) + strlen(s->extra[i]->value) + 16;
	if (n <= max)
		return 0;
	return err_set(reterr, -E2BIG, "the specification takes %zu bytes, "
		       "an agent takes %zu at most", n, max);
}

int host_check(const struct spec *s, bool seccomp, struct err *reterr)
{
	int r = check_root(s, reterr);

	if (!r)
		r = check_mounts(s, reterr);
	if (!r)
		r = check_network(s, reterr);
	if (!r && seccomp)
		r = check_seccomp(s, reterr);
	return r ? r : check_size(s, reterr);
}
