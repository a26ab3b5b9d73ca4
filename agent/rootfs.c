// SPDX-License-Identifier: Apache-2.0
#include "rootfs.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "container.h"
#include "copyup.h"
#include "mount.h"
#include "os/safe_path.h"

#define LINKS_MAX 16
#define ATTR_RDONLY 1 /* MOUNT_ATTR_RDONLY */

static bool is_bind(const Grpc__Mount *m, const struct mount_options *o)
{
	return o->flags & MS_BIND || !strcmp(m->type, "bind") ||
	       !strcmp(m->type, "rbind");
}

/* The mount's target: of the kind that the source is. */
static int make_target(int rootfd, const char *path, bool is_dir,
		       struct err *reterr)
{
	cleanup_free char *at = strdup(path);
	int fd = at ? -EEXIST : -ENOMEM, links, r;

	/* A link that dangles names what is to be made. */
	for (links = 0; fd < 0 && at && links < LINKS_MAX; links++) {
		char *next = NULL;

		fd = is_dir ? root_mkdirs(rootfd, at, 0755)
			    : root_touch(rootfd, at, 0644);
		if (fd != -EEXIST && fd != -ENOENT)
			break;
		r = root_follow(rootfd, at, &next);
		if (r < 0)
			break;
		free(at);
		at = next;
	}
	if (fd < 0)
		return err_code(reterr, fd, "make the target");
	return fd;
}

/* What the host shares, containers may write to: a link planted in there does
 * not lead out of it. Elsewhere in the guest is nobody but the agent. */
int rootfs_open_source(const struct agent *agent, const char *path)
{
	const char *root = agent->root;
	cleanup_close int rootfd = -1;
	int fd;

	if (path_is_within(root, path) && strcmp(root, path)) {
		rootfd = open(root, O_PATH | O_DIRECTORY | O_CLOEXEC);
		if (rootfd < 0)
			return -errno;
		return root_open_beneath(rootfd, path + strlen(root) + 1,
					 O_PATH);
	}
	fd = open(path, O_PATH | O_CLOEXEC);
	return fd < 0 ? -errno : fd;
}

/* Podman without root gives a privileged container every device of the host by
 * a bind mount each; of those it gets what the guest has. */
static bool is_spare(const Grpc__Spec *spec, const char *source)
{
	size_t i;

	if (!path_is_within("/dev", source))
		return false;
	for (i = 0; i < spec->n_annotations; i++)
		if (!strcmp(spec->annotations[i]->key,
			    "io.podman.annotations.privileged"))
			return !strcmp(spec->annotations[i]->value, "TRUE");
	return false;
}

static int bind(int rootfd, const struct launch *launch, size_t i,
		struct mount_options *o, struct err *reterr)
{
	const Grpc__Mount *m = launch->spec->mounts[i];
	int mapped = idmaps_find(&launch->idmaps, i);
	cleanup_close int source = -1, target = -1;
	struct stat st;

	if (*m->source != '/')
		return err_set(reterr, -EINVAL, "source '%.500s' is not "
			       "absolute", m->source);
	if (mapped >= 0) {
		source = fcntl(child_idmap_fd(launch, mapped), F_DUPFD_CLOEXEC,
			       3);
		if (source < 0)
			return err_errno(reterr, "duplicate a mount");
	} else {
		source = rootfs_open_source(launch->container->agent,
					    m->source);
	}
	if (source == -ENOENT && is_spare(launch->spec, m->source))
		return 0;
	if (source < 0)
		return err_code(reterr, source, "open the source '%.500s'",
				m->source);
	if (fstat(source, &st) < 0)
		return err_errno(reterr, "look at the source '%.500s'",
				 m->source);
	target = make_target(rootfd, m->destination, S_ISDIR(st.st_mode),
			     reterr);
	if (target < 0)
		return target;
	return mapped >= 0 ? mount_attach(source, target, o, reterr)
			   : mount_bind_at(source, target, o, reterr);
}

/* A bind mount of the guest's directory PATH, with O. */
static int bind_path(const char *path, int target, struct mount_options *o,
		     struct err *reterr)
{
	cleanup_close int source = open(path, O_PATH | O_CLOEXEC);

	if (source < 0)
		return err_errno(reterr, "open '%s'", path);
	o->flags |= MS_BIND | MS_REC;
	return mount_bind_at(source, target, o, reterr);
}

static int mount_cgroup(int rootfd, const struct launch *launch,
			const Grpc__Mount *m, struct mount_options *o,
			struct err *reterr)
{
	cleanup_close int target = make_target(rootfd, m->destination, true,
					       reterr);

	if (target < 0)
		return target;
	if (!launch->cgroup_dir)
		return 0; /* the agent has warned that there are none */
	*o->data = '\0'; /* options for version 1 */
	if (launch->new_cgroupns) {
		int r = mount_fs_at(target, "cgroup", "cgroup2", o, reterr);

		/* The namespace may be another user namespace's. */
		if (r != -EBUSY && r != -EPERM)
			return r;
	}
	/* Without a namespace: the container's part of the tree only. */
	return bind_path(launch->cgroup_dir, target, o, reterr);
}

/* A tmpfs over TARGET that starts with what it hides. */
static int mount_copied(int target, const Grpc__Mount *m,
			const struct mount_options *o, struct err *reterr)
{
	struct mount_options first = *o;
	cleanup_close int top = -1;
	int r;

	if (strcmp(m->type, "tmpfs"))
		return err_set(reterr, -EINVAL, "tmpcopyup is for tmpfs");
	first.flags &= ~(unsigned long)MS_RDONLY;
	r = mount_fs_at(target, "tmpfs", "tmpfs", &first, reterr);
	if (r < 0)
		return r;
	top = mount_reopen(target);
	if (top < 0)
		return err_code(reterr, top, "open the tmpfs");
	r = copyup(target, top, reterr);
	if (!r && o->flags & MS_RDONLY) {
		r = mount_attr_set(top, false, ATTR_RDONLY, 0, 0);
		if (r < 0)
			r = err_code(reterr, r, "make it read-only");
	}
	return r;
}

static bool is_own_dev(const Grpc__Mount *m)
{
	return !strcmp(m->type, "tmpfs") && !strcmp(m->destination, "/dev");
}

/* A /dev that is to be read-only becomes so once everything is there. */
static int restrict_dev(const Grpc__Spec *spec, struct err *reterr)
{
	cleanup_close int dev = -1;
	struct mount_options o;
	size_t i;
	int r;

	for (i = 0; i < spec->n_mounts; i++) {
		const Grpc__Mount *m = spec->mounts[i];

		if (!is_own_dev(m) ||
		    mount_options_parse(&o, m->options, m->n_options) < 0 ||
		    !(o.flags & MS_RDONLY))
			continue;
		dev = open("/dev", O_PATH | O_DIRECTORY | O_NOFOLLOW |
					   O_CLOEXEC);
		if (dev < 0)
			return err_errno(reterr, "open /dev");
		r = mount_attr_set(dev, false, ATTR_RDONLY, 0, 0);
		return r < 0 ? err_code(reterr, r, "make /dev read-only") : 0;
	}
	return 0;
}

static int mount_one(int rootfd, const struct launch *launch, size_t i,
		     struct err *reterr)
{
	const Grpc__Mount *m = launch->spec->mounts[i];
	bool is_kernel = !strcmp(m->type, "proc") || !strcmp(m->type, "sysfs");
	const char *source = *m->source ? m->source : m->type;
	cleanup_close int target = -1, check = -1;
	struct mount_options o;
	int r = mount_options_parse(&o, m->options, m->n_options);

	if (r < 0)
		return err_code(reterr, r, "mount options");
	if (!strcmp(m->type, "cgroup") || !strcmp(m->type, "cgroup2"))
		return mount_cgroup(rootfd, launch, m, &o, reterr);
	if (is_bind(m, &o))
		return bind(rootfd, launch, i, &o, reterr);
	target = make_target(rootfd, m->destination, true, reterr);
	if (target < 0)
		return target;
	if (is_kernel) {
		/* An image must not choose where these are. */
		check = root_open_nolinks(rootfd, m->destination, O_PATH, 0);
		if (check < 0)
			return err_code(reterr, check, "no links allowed");
	}
	/* Nodes and mounts go there yet; rootfs_enter() sets it right. */
	if (is_own_dev(m))
		o.flags &= ~(unsigned long)MS_RDONLY;
	if (o.copy_up)
		return mount_copied(target, m, &o, reterr);
	r = mount_fs_at(target, source, m->type, &o, reterr);
	/* In a user namespace sysfs is only for who owns the network's. */
	if (r == -EPERM && !strcmp(m->type, "sysfs")) {
		*o.data = '\0';
		r = bind_path("/sys", target, &o, reterr);
	}
	return r;
}

static int mount_all(int rootfd, const struct launch *launch,
		     struct err *reterr)
{
	const Grpc__Spec *spec = launch->spec;
	size_t i;

	for (i = 0; i < spec->n_mounts; i++) {
		int r = mount_one(rootfd, launch, i, reterr);

		if (r < 0)
			return err_wrap(reterr, "mount '%.500s'",
					spec->mounts[i]->destination);
	}
	return 0;
}

static int open_root(const Grpc__Spec *spec, struct err *reterr)
{
	const char *path = spec->root->path;
	int fd;

	/* What happens here is nobody else's business, unless asked for. */
	if (mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0)
		return err_errno(reterr, "make mounts private");
	if (mount(path, path, NULL, MS_BIND | MS_REC, NULL) < 0)
		return err_errno(reterr, "bind the root '%.500s'", path);
	fd = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(reterr, "open the root '%.500s'", path);
	return fd;
}

int rootfs_prepare(const struct launch *launch, struct err *reterr)
{
	const Grpc__Spec *spec = launch->spec;
	cleanup_close int rootfd = open_root(spec, reterr), cwd = -1;
	int r;

	if (rootfd < 0)
		return rootfd;
	r = mount_all(rootfd, launch, reterr);
	if (!r)
		r = rootfs_devices(rootfd, launch, reterr);
	if (r < 0)
		return r;
	if (*launch->process->cwd) /* on failure: chdir() says more */
		cwd = root_mkdirs(rootfd, launch->process->cwd, 0755);
	return TAKE_FD(rootfd);
}

int rootfs_console(int rootfd, int ttyfd, struct err *reterr)
{
	struct mount_options o = {.flags = MS_BIND};
	cleanup_close int target = root_touch(rootfd, "dev/console", 0600);
	int r;

	if (target < 0)
		return err_code(reterr, target, "make /dev/console");
	r = mount_bind_at(ttyfd, target, &o, reterr);
	return r < 0 ? err_wrap(reterr, "/dev/console") : 0;
}

static int mask(int rootfd, const char *path, struct err *reterr)
{
	struct mount_options o = {.flags = MS_RDONLY};
	cleanup_close int target = root_open(rootfd, path, O_PATH, 0);
	cleanup_close int null = -1;
	struct stat st;

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0 || fstat(target, &st) < 0)
		return err_code(reterr, target, "mask '%.500s'", path);
	if (S_ISDIR(st.st_mode))
		return mount_fs_at(target, "tmpfs", "tmpfs", &o, reterr);
	null = open("/dev/null", O_PATH | O_CLOEXEC);
	if (null < 0)
		return err_errno(reterr, "open /dev/null");
	o.flags = MS_BIND;
	return mount_bind_at(null, target, &o, reterr);
}

static int make_readonly(int rootfd, const char *path, struct err *reterr)
{
	struct mount_options o = {.flags = MS_BIND | MS_REC,
				  .rec_set = ATTR_RDONLY};
	cleanup_close int target = root_open(rootfd, path, O_PATH, 0);

	if (target == -ENOENT || target == -ENOTDIR)
		return 0;
	if (target < 0)
		return err_code(reterr, target, "read-only '%.500s'", path);
	return mount_bind_at(target, target, &o, reterr);
}

int rootfs_restrict(int rootfd, const Grpc__Linux *l, struct err *reterr)
{
	size_t i;
	int r = 0;

	for (i = 0; !r && i < l->n_readonlypaths; i++)
		r = make_readonly(rootfd, l->readonlypaths[i], reterr);
	for (i = 0; !r && i < l->n_maskedpaths; i++)
		r = mask(rootfd, l->maskedpaths[i], reterr);
	return r;
}

/* The old root is mounted over the new one for a moment and goes from there:
 * no directory is needed, and the image may be read-only. */
static int pivot(int rootfd, struct err *reterr)
{
	cleanup_close int old = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);

	if (old < 0 || fchdir(rootfd) < 0)
		return err_errno(reterr, "enter the root");
	if (syscall(SYS_pivot_root, ".", ".") < 0)
		return err_errno(reterr, "pivot the root");
	if (fchdir(old) < 0 || umount2(".", MNT_DETACH) < 0)
		return err_errno(reterr, "let the old root go");
	if (chdir("/") < 0)
		return err_errno(reterr, "enter the new root");
	return 0;
}

int rootfs_enter(int rootfd, const struct launch *launch, struct err *reterr)
{
	const char *name = launch->spec->linux->rootfspropagation;
	unsigned long propagation = *name ? mount_propagation(name) : 0;
	cleanup_close int root = -1;
	int r = 0;

	if (*name && !propagation)
		return err_set(reterr, -EINVAL, "root propagation '%.64s'",
			       name);
	r = pivot(rootfd, reterr);
	if (r < 0)
		return r;
	root = open("/", O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (root < 0)
		return err_errno(reterr, "open the new root");
	r = restrict_dev(launch->spec, reterr);
	if (r < 0)
		return r;
	if (launch->spec->root->readonly) {
		r = mount_attr_set(root, false, ATTR_RDONLY, 0, 0);
		if (r < 0)
			return err_code(reterr, r, "make the root read-only");
	}
	if (propagation)
		r = mount_attr_set(root, propagation & MS_REC, 0, 0,
				   propagation & ~(unsigned long)MS_REC);
	return r < 0 ? err_code(reterr, r, "root propagation") : 0;
}
