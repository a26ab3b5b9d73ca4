// SPDX-License-Identifier: Apache-2.0
#include "storage.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "device/device.h"
#include "device/vfio.h"
#include "layers.h"
#include "mount.h"
#include "os/io.h"
#include "os/safe_path.h"
#include "verity.h"

#define CREATE_DIRECTORY "io.katacontainers.volume.overlayfs.create_directory"

/* A mount point in use. */
struct storage_use {
	struct list link;
	unsigned int users;
	const struct storage_driver *driver;
	char *mount_point;
};

static const struct storage_driver *const drivers[] = {
	&storage_9p,	  &storage_virtio_fs, &storage_blk,
	&storage_blk_ccw, &storage_scsi,      &storage_mmioblk,
	&storage_ephemeral, &storage_local,   &storage_overlayfs,
	&storage_nvdimm,  &storage_watchable, &storage_layers,
};

char *const *storage_driver_names(size_t *ret_n)
{
	static char *names[ARRAY_SIZE(drivers)];
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		names[i] = (char *)(uintptr_t)drivers[i]->name;
	*ret_n = ARRAY_SIZE(drivers);
	return names;
}

static const struct storage_driver *find_driver(const char *name)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(drivers); i++)
		if (!strcmp(drivers[i]->name, name))
			return drivers[i];
	return NULL;
}

/* The node of a disk is there before the disk can be opened. */
static int check_open(const char *path)
{
	cleanup_close int fd = open(path, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

	if (fd < 0 && errno == ENXIO)
		return -ENOENT;
	return fd < 0 && errno == ENOENT ? -ENOENT : 0;
}

/* The device, once devtmpfs has it as well. */
static int find_device(const struct agent *agent,
		       const struct storage_driver *driver, const char *source,
		       char **ret)
{
	cleanup_free char *name = NULL, *path = NULL;
	int r = driver->find(agent, source, &name);

	if (r < 0)
		return r;
	path = path_join(agent->dev, name);
	if (!path)
		return -ENOMEM;
	r = check_open(path);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(path);
	return 0;
}

static bool is_there(const struct agent *agent, const char *driver_name,
		     const char *source, char *what, size_t size)
{
	const struct storage_driver *driver = find_driver(driver_name);
	cleanup_free char *path = NULL;

	if (!driver || !driver->find ||
	    find_device(agent, driver, source, &path) != -ENOENT)
		return true;
	(void)snprintf(what, size, "%s device '%.100s'", driver_name, source);
	return false;
}

/* "/dev/vda" and 2 are "/dev/vda2"; "/dev/loop0" and 2 "/dev/loop0p2". */
static int find_partition(char **path, int64_t number)
{
	cleanup_free char *disk = TAKE_PTR(*path);
	size_t n = strlen(disk);
	bool is_digit = n && disk[n - 1] >= '0' && disk[n - 1] <= '9';

	if (asprintf(path, "%s%s%d", disk, is_digit ? "p" : "",
		     (int)number) < 0) {
		*path = NULL;
		return -ENOMEM;
	}
	return access(*path, F_OK) < 0 ? -errno : 0;
}

int storage_find_device(const struct agent *agent, const Grpc__Storage *s,
			char **ret)
{
	const struct storage_driver *driver = find_driver(s->driver);
	int64_t partition = layers_is_member(s) ? layers_partition(s) : 0;
	cleanup_free char *path = NULL;
	int r;

	if (!driver || !driver->find || partition < 0)
		return -EINVAL;
	r = find_device(agent, driver, s->source, &path);
	if (!r && partition)
		r = find_partition(&path, partition);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(path);
	return 0;
}

/* As is_there(), with the partition of a layer. */
static bool storage_is_there(const struct agent *agent, const Grpc__Storage *s,
			     char *what, size_t size)
{
	cleanup_free char *path = NULL;

	if (!is_there(agent, s->driver, s->source, what, size))
		return false;
	if (!layers_is_member(s) || layers_partition(s) <= 0 ||
	    storage_find_device(agent, s, &path) != -ENOENT)
		return true;
	(void)snprintf(what, size, "partition %d of %.32s device '%.80s'",
		       (int)layers_partition(s), s->driver, s->source);
	return false;
}

bool storage_ready(const struct agent *agent, Grpc__Storage *const *list,
		   size_t n, char *what, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!storage_is_there(agent, list[i], what, size))
			return false;
	return true;
}

/* Says of all parts which ones are waited for, as one of them is not there. */
static bool vfio_is_there(const struct agent *agent, const Grpc__Device *d,
			  char *what, size_t size)
{
	size_t i, n;

	if (vfio_look(agent->sysfs, d) != -ENOENT)
		return true;
	n = (size_t)snprintf(what, size, "%s device", d->type);
	for (i = 0; i < d->n_options && n < size; i++)
		n += (size_t)snprintf(what + n, size - n, " '%.40s'",
				      d->options[i]);
	return false;
}

bool device_ready(const struct agent *agent, Grpc__Device *const *list,
		  size_t n, char *what, size_t size)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (vfio_is_type(list[i]->type)) {
			if (!vfio_is_there(agent, list[i], what, size))
				return false;
		} else if (!is_there(agent, list[i]->type, list[i]->id, what,
				     size)) {
			return false;
		}
	return true;
}

int device_find(const struct agent *agent, const Grpc__Device *device,
		char **ret)
{
	const struct storage_driver *driver = find_driver(device->type);

	if (!driver || !driver->find)
		return -EOPNOTSUPP;
	return find_device(agent, driver, device->id, ret);
}

static struct storage_use *find_use(struct sandbox *s, const char *mount_point)
{
	struct list *pos;

	list_foreach(pos, &s->storages) {
		struct storage_use *u =
			list_entry(pos, struct storage_use, link);

		if (!strcmp(u->mount_point, mount_point))
			return u;
	}
	return NULL;
}

static void use_free(struct storage_use *u)
{
	list_del(&u->link);
	free(u->mount_point);
	free(u);
}

/* Opens (and makes) the mount point, in the agent's own part of the tree and
 * through no link of anybody's. */
int storage_open_mount_point(const struct agent *agent, const char *path,
			     struct err *reterr)
{
	cleanup_close int root = -1;
	int fd, r;

	if (!path_is_within(agent->root, path) || !strcmp(agent->root, path))
		return err_set(reterr, -EINVAL,
			       "storage: mount point '%.500s' is not below %s",
			       path, agent->root);
	r = make_dirs(agent->root, 0755);
	root = open(agent->root, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (r < 0 || root < 0)
		return err_errno(reterr, "open '%s'", agent->root);
	path += strlen(agent->root) + 1;
	fd = root_mkdirs(root, path, 0755);
	if (fd >= 0) {
		close_fd(&fd);
		fd = root_open_nolinks(root, path, O_PATH | O_DIRECTORY, 0);
	}
	if (fd < 0)
		return err_code(reterr, fd, "storage: make '%s'", path);
	return fd;
}

/* Directories that the host wants for an overlay: driver option
 * io.katacontainers.volume.overlayfs.create_directory=<path>. */
static int make_wanted(const struct agent *agent, const Grpc__Storage *s,
		       struct err *reterr)
{
	static const char key[] = CREATE_DIRECTORY "=";
	size_t i;

	for (i = 0; i < s->n_driver_options; i++) {
		cleanup_close int fd = -1;

		if (strncmp(s->driver_options[i], key, sizeof(key) - 1))
			continue;
		fd = storage_open_mount_point(agent, s->driver_options[i] +
				      sizeof(key) - 1, reterr);
		if (fd < 0)
			return fd;
	}
	return 0;
}

int storage_mount_options(const Grpc__Storage *s, struct mount_options *ret)
{
	cleanup_free char **rest = calloc(s->n_options + 1, sizeof(*rest));
	size_t i, n = 0;

	if (!rest)
		return -ENOMEM;
	for (i = 0; i < s->n_options; i++)
		if (strncmp(s->options[i], "X-", 2))
			rest[n++] = s->options[i];
	return mount_options_parse(ret, rest, n);
}

/* The device of a storage while it is being mounted. */
struct device {
	char *path;
	char verity[VERITY_NAME_MAX]; /* or "" */
};

static void device_release(struct device *d)
{
	cleanup_freep(&d->path);
	if (*d->verity)
		verity_release(d->verity); /* with its last user */
}

/* What dm-verity is to check is mounted through a device that does. */
static int open_device(const struct agent *agent,
		       const struct storage_driver *driver,
		       const Grpc__Storage *s, struct device *ret,
		       struct err *reterr)
{
	struct layer_verity verity;
	char *checked;
	int r = find_device(agent, driver, s->source, &ret->path);

	if (r < 0)
		return err_code(reterr, r, "storage: %s device '%.100s'",
				s->driver, s->source);
	r = layers_parse_verity(s, &verity, reterr);
	if (r < 0 || !verity.is_on)
		return r;
	r = verity_open(agent, ret->path, &verity, ret->verity, &checked,
			reterr);
	if (r < 0)
		return r;
	free(ret->path);
	ret->path = checked;
	return 0;
}

static int mount_storage(struct agent *agent,
			 const struct storage_driver *driver,
			 const Grpc__Storage *s, struct err *reterr)
{
	cleanup(device_release) struct device device = {.path = NULL};
	cleanup_close int target = -1;
	int r = 0;

	if (driver->add) {
		r = driver->add(agent, s, reterr);
		return r < 0 ? err_wrap(reterr, "storage '%.200s'",
					s->mount_point) : 0;
	}
	if (driver->find)
		r = open_device(agent, driver, s, &device, reterr);
	if (!r)
		r = make_wanted(agent, s, reterr);
	if (r < 0)
		return r;
	target = storage_open_mount_point(agent, s->mount_point, reterr);
	if (target < 0)
		return target;
	r = driver->mount(target, s, device.path, reterr);
	if (r < 0)
		return err_wrap(reterr, "storage '%.200s'", s->mount_point);
	if (s->fs_group) {
		cleanup_close int top = open(s->mount_point,
					     O_RDONLY | O_DIRECTORY | O_CLOEXEC);
		/* The group owns the root; what is made below inherits it. */
		if (top >= 0 && fchown(top, (uid_t)-1, s->fs_group->group_id) == 0)
			(void)fchmod(top, 02775);
	}
	return 0;
}

static void undo(struct agent *agent, const struct storage_driver *driver,
		 const char *mount_point)
{
	bool is_mounted = driver != &storage_local;

	if (driver->drop) {
		driver->drop(agent, mount_point);
		return;
	}
	if (is_mounted && umount2(mount_point, UMOUNT_NOFOLLOW) < 0) {
		/* Busy, by a process that is on its way out: the mount goes
		 * when the last file is closed. */
		log_debug("unmount '%s': %s", mount_point, strerror(errno));
		if (umount2(mount_point, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
			log_warn("unmount '%s': %s", mount_point,
				 strerror(errno));
	}
	if (is_mounted)
		(void)rmdir(mount_point); /* others may have put files there */
	else
		(void)remove_tree(AT_FDCWD, mount_point);
}

static void drop_one(struct agent *agent, const char *mount_point)
{
	struct storage_use *u = find_use(&agent->sandbox, mount_point);

	if (!u || --u->users)
		return;
	undo(agent, u->driver, u->mount_point);
	use_free(u);
}

/* What DRIVER has just mounted is in use from now on. */
static struct storage_use *use_new(struct agent *agent,
				   const struct storage_driver *driver,
				   const char *mount_point)
{
	struct storage_use *u = calloc(1, sizeof(*u));

	if (u)
		u->mount_point = strdup(mount_point);
	if (!u || !u->mount_point) {
		cleanup_freep(&u);
		undo(agent, driver, mount_point);
		return NULL;
	}
	u->driver = driver;
	list_append(&agent->sandbox.storages, &u->link);
	return u;
}

/* One user more, who will drop what is in USED. */
static int count_use(struct agent *agent, struct storage_use *u,
		     struct strv *used, struct err *reterr)
{
	int r;

	if (!u)
		return err_set(reterr, -ENOMEM, "out of memory");
	u->users++;
	r = strv_add(used, u->mount_point);
	if (r < 0) {
		drop_one(agent, u->mount_point);
		return err_code(reterr, r, "storage");
	}
	return 0;
}

static int add_one(struct agent *agent, const Grpc__Storage *storage,
		   struct strv *used, struct err *reterr)
{
	struct storage_use *u = find_use(&agent->sandbox,
					 storage->mount_point);
	const struct storage_driver *driver = find_driver(storage->driver);
	int r;

	if (!driver)
		return err_set(reterr, -EINVAL, "storage: unknown driver "
			       "'%.64s'", storage->driver);
	if (!u) {
		r = mount_storage(agent, driver, storage, reterr);
		if (r < 0)
			return r;
		u = use_new(agent, driver, storage->mount_point);
	}
	return count_use(agent, u, used, reterr);
}

/* All layers of the request together. */
static int add_layers(struct agent *agent, Grpc__Storage *const *list,
		      size_t n, struct strv *used, struct err *reterr)
{
	cleanup_free struct layers *l = malloc(sizeof(*l));
	struct storage_use *u;
	int r;

	if (!l)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = layers_parse(l, list, n, reterr);
	if (r < 0)
		return err_wrap(reterr, "storage");
	u = find_use(&agent->sandbox, l->mount_point);
	if (!u) {
		r = layers_mount(agent, l, reterr);
		if (r < 0)
			return err_wrap(reterr, "storage '%.200s'",
					l->mount_point);
		u = use_new(agent, &storage_layers, l->mount_point);
	}
	return count_use(agent, u, used, reterr);
}

int storage_add_all(struct agent *agent, Grpc__Storage *const *list, size_t n,
		    struct strv *used, struct err *reterr)
{
	bool has_layers = false;
	size_t i;
	int r = 0;

	if (n > STORAGES_MAX)
		return err_set(reterr, -EINVAL, "too many storages");
	for (i = 0; !r && i < n; i++) {
		if (!layers_is_member(list[i])) {
			r = add_one(agent, list[i], used, reterr);
		} else if (!has_layers) {
			r = add_layers(agent, list, n, used, reterr);
			has_layers = true;
		}
	}
	if (r < 0) {
		storage_drop_all(agent, used);
		strv_release(used);
	}
	return r;
}

int storage_remount(struct agent *agent, const Grpc__Storage *s,
		    struct err *reterr)
{
	struct mount_options o;
	cleanup_close int fd = -1;
	char path[FD_PATH_SIZE];
	int r;

	if (strcmp(s->driver, storage_ephemeral.name))
		return err_set(reterr, -EINVAL, "storage '%.200s': only those "
			       "of driver 'ephemeral' are remounted",
			       s->mount_point);
	if (!find_use(&agent->sandbox, s->mount_point))
		return err_set(reterr, -ENOENT, "storage '%.200s' is not in "
			       "use", s->mount_point);
	r = mount_options_parse(&o, s->options, s->n_options);
	if (r < 0)
		return err_code(reterr, r, "mount options");
	fd = storage_open_mount_point(agent, s->mount_point, reterr);
	if (fd < 0)
		return fd;
	if (mount("tmpfs", fd_path(path, fd), "tmpfs",
		  MS_REMOUNT | (o.flags & ~(unsigned long)(MS_BIND | MS_REC)),
		  *o.data ? o.data : NULL) < 0)
		return err_errno(reterr, "storage '%.200s': remount with '%s'",
				 s->mount_point, o.data);
	return 0;
}

void storage_drop_all(struct agent *agent, const struct strv *used)
{
	size_t i;

	/* Backwards: one may be mounted on another. */
	for (i = used->n; i-- > 0;)
		drop_one(agent, used->v[i]);
}
