// SPDX-License-Identifier: Apache-2.0
/* The container's /dev. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "mount.h"
#include "rootfs.h"
#include "os/safe_path.h"

struct node {
	const char *path;
	mode_t mode;
	dev_t rdev;
	uid_t uid;
	gid_t gid;
};

/* One made beside the guest's own; its name tells all there is to it. */
static void spare_path(const struct node *node, char *path, size_t size)
{
	(void)snprintf(path, size, "/dev/.kiln-%o-%x-%u-%u", node->mode,
		       (unsigned int)node->rdev, node->uid, node->gid);
}

static int make_spare(const struct node *node)
{
	char path[96];

	spare_path(node, path, sizeof(path));
	if (mknod(path, node->mode, node->rdev) < 0)
		return errno == EEXIST ? 0 : -1;
	if (lchown(path, node->uid, node->gid) < 0 ||
	    chmod(path, node->mode & 07777) < 0)
		return -1;
	return 0;
}

/* The spare made for it before, the guest's own of that name, or a spare. */
static int open_spare(const struct node *node)
{
	char path[96];
	int fd;

	spare_path(node, path, sizeof(path));
	fd = open(path, O_PATH | O_CLOEXEC);
	if (fd < 0)
		fd = open(node->path, O_PATH | O_CLOEXEC);
	if (fd < 0 && make_spare(node) == 0)
		fd = open(path, O_PATH | O_CLOEXEC);
	return fd;
}

/* From an id of the container to the guest's; false for one it has not. */
static bool map_id(Grpc__LinuxIDMapping *const *maps, size_t n, uint32_t *id)
{
	size_t i;

	for (i = 0; i < n; i++) {
		const Grpc__LinuxIDMapping *m = maps[i];

		if (*id < m->containerid || *id - m->containerid >= m->size)
			continue;
		*id = m->hostid + (*id - m->containerid);
		return true;
	}
	return !n; /* no user namespace, or one of others */
}

static bool map_owner(const Grpc__Linux *l, struct node *node)
{
	return map_id(l->uidmappings, l->n_uidmappings, &node->uid) &&
	       map_id(l->gidmappings, l->n_gidmappings, &node->gid);
}

/* Where nodes cannot be made (user namespaces, some shares): one of the
 * guest's, which has ids of the guest. */
static int bind_node(int rootfd, const Grpc__Linux *l, const struct node *node,
		     struct err *reterr)
{
	struct mount_options o = {.flags = MS_BIND};
	struct node mapped = *node;
	cleanup_close int source = open_spare(map_owner(l, &mapped) ? &mapped
								    : node);
	cleanup_close int target = root_touch(rootfd, node->path, 0666);
	struct stat st;

	if (source < 0 || fstat(source, &st) < 0)
		return err_errno(reterr, "open '%.200s'", node->path);
	if (st.st_rdev != node->rdev)
		return err_set(reterr, -EPERM, "the guest's '%.200s' is "
			       "another device", node->path);
	if (target < 0)
		return err_code(reterr, target, "make '%.200s'", node->path);
	return mount_bind_at(source, target, &o, reterr);
}

static int make_node(int rootfd, const Grpc__Linux *l, const struct node *node,
		     struct err *reterr)
{
	cleanup_close int dir = -1;
	const char *name;
	struct stat st;

	dir = root_parent(rootfd, node->path, &name);
	if (dir < 0)
		return err_code(reterr, dir, "device '%.200s'", node->path);
	if (fstatat(dir, name, &st, AT_SYMLINK_NOFOLLOW) == 0) {
		if ((st.st_mode & S_IFMT) == (node->mode & S_IFMT) &&
		    st.st_rdev == node->rdev)
			return 0;
		/* Something else of the image's; a directory it may keep. */
		if (!S_ISDIR(st.st_mode))
			(void)unlinkat(dir, name, 0);
	}
	if (mknodat(dir, name, node->mode, node->rdev) < 0)
		return bind_node(rootfd, l, node, reterr);
	if (fchownat(dir, name, node->uid, node->gid, AT_SYMLINK_NOFOLLOW) < 0)
		return err_errno(reterr, "device '%.200s': owner", node->path);
	return 0;
}

static int default_nodes(int rootfd, const Grpc__Linux *l, struct err *reterr)
{
	static const struct {
		const char *path;
		unsigned int major, minor;
	} nodes[] = {
		{"/dev/null", 1, 3},   {"/dev/zero", 1, 5},
		{"/dev/full", 1, 7},   {"/dev/random", 1, 8},
		{"/dev/urandom", 1, 9}, {"/dev/tty", 5, 0},
	};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < ARRAY_SIZE(nodes); i++) {
		const struct node node = {
			.path = nodes[i].path,
			.mode = S_IFCHR | 0666,
			.rdev = makedev(nodes[i].major, nodes[i].minor),
		};

		r = make_node(rootfd, l, &node, reterr);
	}
	return r;
}

static int parse_node(const Grpc__LinuxDevice *d, struct node *ret,
		      struct err *reterr)
{
	struct node node = {
		.path = d->path,
		.mode = (d->filemode ? d->filemode : 0666) & 07777,
		.rdev = makedev((unsigned int)d->major, (unsigned int)d->minor),
		.uid = d->uid,
		.gid = d->gid,
	};

	if (!path_is_normal(d->path) || !strcmp(d->path, "/"))
		return err_set(reterr, -EINVAL, "device '%.200s'", d->path);
	if (!strcmp(d->type, "c") || !strcmp(d->type, "u"))
		node.mode |= S_IFCHR;
	else if (!strcmp(d->type, "b"))
		node.mode |= S_IFBLK;
	else if (!strcmp(d->type, "p"))
		node.mode |= S_IFIFO;
	else
		return err_set(reterr, -EINVAL, "device '%.200s' of type "
			       "'%.16s'", d->path, d->type);
	if (d->major < 0 || d->major > 0xfff || d->minor < 0 ||
	    d->minor > 0xfffff)
		return err_set(reterr, -EINVAL, "device '%.200s': number",
			       d->path);
	*ret = node;
	return 0;
}

static int spec_node(int rootfd, const Grpc__Linux *l, size_t i,
		     struct err *reterr)
{
	struct node node;
	int r = parse_node(l->devices[i], &node, reterr);

	return r < 0 ? r : make_node(rootfd, l, &node, reterr);
}

/* Best effort: what cannot be made here the guest may have by itself. */
void rootfs_spare_devices(const Grpc__Linux *l)
{
	struct err ignored;
	struct node node;
	size_t i;

	for (i = 0; l->n_uidmappings && i < l->n_devices; i++)
		if (parse_node(l->devices[i], &node, &ignored) == 0 &&
		    map_owner(l, &node))
			(void)make_spare(&node);
}

static int make_links(int rootfd, struct err *reterr)
{
	static const struct {
		const char *name, *target;
	} links[] = {
		{"fd", "/proc/self/fd"},
		{"stdin", "/proc/self/fd/0"},
		{"stdout", "/proc/self/fd/1"},
		{"stderr", "/proc/self/fd/2"},
		{"ptmx", "pts/ptmx"},
	};
	cleanup_close int dev = root_mkdirs(rootfd, "dev", 0755);
	size_t i;

	if (dev < 0)
		return err_code(reterr, dev, "make /dev");
	for (i = 0; i < ARRAY_SIZE(links); i++)
		if (symlinkat(links[i].target, dev, links[i].name) < 0 &&
		    errno != EEXIST && errno != EROFS)
			return err_errno(reterr, "link /dev/%s", links[i].name);
	return 0;
}

/* A /dev that is bound from elsewhere has what it shall have. */
static bool dev_is_bound(const Grpc__Spec *spec)
{
	size_t i, j;

	for (i = 0; i < spec->n_mounts; i++) {
		const Grpc__Mount *m = spec->mounts[i];

		if (strcmp(m->destination, "/dev"))
			continue;
		if (!strcmp(m->type, "bind"))
			return true;
		for (j = 0; j < m->n_options; j++)
			if (!strcmp(m->options[j], "bind") ||
			    !strcmp(m->options[j], "rbind"))
				return true;
	}
	return false;
}

int rootfs_devices(int rootfd, const struct launch *launch, struct err *reterr)
{
	const Grpc__Linux *l = launch->spec->linux;
	size_t i;
	int r = 0;

	if (dev_is_bound(launch->spec))
		return 0;
	/* Those of the specification first: they may replace a default. */
	for (i = 0; !r && i < l->n_devices; i++)
		r = spec_node(rootfd, l, i, reterr);
	if (!r)
		r = default_nodes(rootfd, l, reterr);
	if (!r)
		r = make_links(rootfd, reterr);
	return r;
}
