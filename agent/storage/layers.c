// SPDX-License-Identifier: Apache-2.0
/*
 * An overlay of EROFS layers. They are mounted in a file system of their own in
 * memory, which is let go once the overlay stands: that holds on to its layers,
 * and they to their devices, as long as it is mounted.
 */
#include "layers.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/loop.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <unistd.h>

#include "agent.h"
#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "mount.h"
#include "os/io.h"
#include "os/safe_path.h"
#include "storage.h"
#include "verity.h"

#define LOOP_ATTEMPTS 16
#define UPPER "u"

/* A layer's device while it is being mounted. */
struct source {
	char *path;
	int loop;	/* keeps a loop device until it is mounted, or -1 */
	char verity[VERITY_NAME_MAX]; /* or "" */
};

static void source_release(struct source *s)
{
	cleanup_freep(&s->path);
	close_fd(&s->loop);
	if (*s->verity)
		verity_release(s->verity); /* with its last user */
}

static int configure_loop(const struct agent *agent, int file, bool is_upper,
			  char **ret)
{
	const uint32_t read_only = is_upper ? 0 : LO_FLAGS_READ_ONLY;
	struct loop_config config = {
		.fd = (uint32_t)file,
		.info.lo_flags = LO_FLAGS_AUTOCLEAR | read_only,
	};
	cleanup_free char *control = path_join(agent->dev, "loop-control");
	cleanup_close int ctl = control ? open(control, O_RDWR | O_CLOEXEC)
					: -1;
	cleanup_free char *path = NULL;
	cleanup_close int fd = -1, keep = -1;
	int number = ctl < 0 ? -1 : ioctl(ctl, LOOP_CTL_GET_FREE);

	if (number < 0)
		return -errno;
	if (asprintf(&path, "%s/loop%d", agent->dev, number) < 0)
		return -ENOMEM;
	fd = open(path, (is_upper ? O_RDWR : O_RDONLY) | O_CLOEXEC);
	if (fd < 0 || ioctl(fd, LOOP_CONFIGURE, &config) < 0)
		return -errno; /* EBUSY: somebody was faster */
	/* What is open for writing cannot be mounted. */
	keep = open(path, O_RDONLY | O_CLOEXEC);
	if (keep < 0)
		return -errno;
	*ret = TAKE_PTR(path);
	return TAKE_FD(keep);
}

/* A file below the agent's root, through no link. */
static int open_file(const struct agent *agent, struct source *src,
		     const Grpc__Storage *s, bool is_upper, struct err *reterr)
{
	cleanup_close int root = open(agent->root,
				      O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int file = -1;
	struct stat st;
	int i;

	if (!path_is_within(agent->root, s->source))
		return err_set(reterr, -EINVAL, "source '%.200s' is not below "
			       "%s", s->source, agent->root);
	file = root < 0 ? -errno
			: root_open_nolinks(root, s->source +
					    strlen(agent->root), O_PATH, 0);
	if (file < 0)
		return err_code(reterr, file, "layer '%.200s'", s->source);
	if (fstat(file, &st) < 0 || !S_ISREG(st.st_mode))
		return err_set(reterr, -EINVAL, "layer '%.200s' is no file",
			       s->source);
	close_fd(&file);
	file = root_open_nolinks(root, s->source + strlen(agent->root),
				 is_upper ? O_RDWR : O_RDONLY, 0);
	if (file < 0)
		return err_code(reterr, file, "layer '%.200s'", s->source);
	src->loop = -EBUSY;
	for (i = 0; i < LOOP_ATTEMPTS && src->loop == -EBUSY; i++)
		src->loop = configure_loop(agent, file, is_upper,
					   &src->path);
	if (src->loop < 0)
		return err_code(reterr, src->loop, "a loop device for '%.200s'",
				s->source);
	return 0;
}

static int open_source(const struct agent *agent, const struct layer *l,
		       bool is_upper, struct source *src, struct err *reterr)
{
	const Grpc__Storage *s = l->storage;
	cleanup_free char *checked = NULL;
	int r;

	if (!strcmp(s->driver, storage_layers.name) &&
	    strncmp(s->source, "/dev/", 5)) {
		r = open_file(agent, src, s, is_upper, reterr);
	} else {
		r = storage_find_device(agent, s, &src->path);
		if (r < 0)
			r = err_code(reterr, r, "%.64s device '%.100s'",
				     s->driver, s->source);
	}
	if (r < 0 || !l->verity.is_on)
		return r;
	r = verity_open(agent, src->path, &l->verity, src->verity, &checked,
			reterr);
	if (r < 0)
		return r;
	free(src->path);
	src->path = TAKE_PTR(checked);
	return 0;
}

static int mount_layer(const struct agent *agent, const struct layer *l,
		       int base, const char *name, struct err *reterr)
{
	cleanup(source_release) struct source src = {.loop = -1};
	cleanup_close int target = -1;
	bool is_upper = !strcmp(name, UPPER);
	struct mount_options o;
	int r = storage_mount_options(l->storage, &o);

	if (r < 0)
		return err_code(reterr, r, "mount options");
	r = open_source(agent, l, is_upper, &src, reterr);
	if (r < 0)
		return r;
	if (mkdirat(base, name, 0755) < 0)
		return err_errno(reterr, "make a directory for a layer");
	target = openat(base, name, O_PATH | O_DIRECTORY | O_CLOEXEC);
	if (target < 0)
		return err_errno(reterr, "open the directory of a layer");
	if (!is_upper)
		o.flags |= MS_RDONLY;
	return mount_fs_at(target, src.path, l->storage->fstype, &o, reterr);
}

static int make_dir(int base, const struct layer_dir *d, struct err *reterr)
{
	cleanup_free char *path = strndup(d->path, d->n);
	cleanup_close int layer = openat(base, d->in_lower ? "0" : UPPER,
					 O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int fd = -1;

	if (!path || layer < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	fd = root_mkdirs(layer, path, d->mode);
	return fd < 0 ? err_code(reterr, fd, "make '%s' in a layer", path) : 0;
}

/* The upper layer: a file system of the host's, or a directory in memory. */
static int make_upper(const struct agent *agent, const struct layers *l,
		      int base, struct err *reterr)
{
	static const char *const needed[] = {UPPER "/upper", UPPER "/work"};
	size_t i;
	int r = 0;

	if (l->upper.storage)
		r = mount_layer(agent, &l->upper, base, UPPER, reterr);
	else if (mkdirat(base, UPPER, 0755) < 0)
		r = err_errno(reterr, "make the upper layer");
	for (i = 0; !r && i < l->ndirs; i++)
		r = make_dir(base, &l->dirs[i], reterr);
	for (i = 0; !r && i < ARRAY_SIZE(needed); i++)
		if (mkdirat(base, needed[i], 0755) < 0 && errno != EEXIST)
			r = err_errno(reterr, "make '%s'", needed[i]);
	return r;
}

static int mount_lower(const struct agent *agent, const struct layers *l,
		       int base, struct err *reterr)
{
	char name[16];
	size_t i;
	int r = 0;

	for (i = 0; !r && i < l->n; i++) {
		(void)snprintf(name, sizeof(name), "%zu", i);
		r = mount_layer(agent, &l->lower[i], base, name, reterr);
		if (r < 0)
			r = err_wrap(reterr, "layer %zu", i);
	}
	return r;
}

/* The names are relative to BASE: 128 long ones would not fit a page. */
static int join(const struct agent *agent, const struct layers *l, int base,
		struct err *reterr)
{
	cleanup_close int here = open(".", O_PATH | O_DIRECTORY | O_CLOEXEC);
	cleanup_close int target = -1;
	cleanup_buf struct buf b = BUF_INIT(MOUNT_DATA_MAX - 1);
	struct mount_options o = {0};
	size_t i;
	int r;

	for (i = 0; i < l->n; i++)
		(void)buf_printf(&b, "%s%zu", i ? ":" : "lowerdir=", i);
	(void)buf_put_str(&b, ",upperdir=" UPPER "/upper,workdir=" UPPER
			  "/work");
	if (!buf_cstr(&b))
		return err_set(reterr, -ENOMEM, "out of memory");
	(void)snprintf(o.data, sizeof(o.data), "%s", buf_cstr(&b));
	target = storage_open_mount_point(agent, l->mount_point, reterr);
	if (target < 0)
		return target;
	if (here < 0 || fchdir(base) < 0)
		return err_errno(reterr, "enter the directory of layers");
	r = mount_fs_at(target, "overlay", "overlay", &o, reterr);
	if (fchdir(here) < 0)
		log_warn("leave the directory of layers: %s", strerror(errno));
	return r;
}

static int assemble(const struct agent *agent, const struct layers *l,
		    const char *path, struct err *reterr)
{
	cleanup_close int base = open(path, O_PATH | O_DIRECTORY | O_CLOEXEC);
	int r;

	if (base < 0)
		return err_errno(reterr, "open '%s'", path);
	r = mount_lower(agent, l, base, reterr);
	if (!r)
		r = make_upper(agent, l, base, reterr);
	return r < 0 ? r : join(agent, l, base, reterr);
}

int layers_mount(struct agent *agent, const struct layers *l,
		 struct err *reterr)
{
	struct mount_options o = {.flags = MS_NOSUID | MS_NODEV,
				  .data = "mode=0700"};
	cleanup_free char *path = path_join(agent->root, "layers");
	cleanup_close int fd = -1;
	int r;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* Checked before anything is mounted. */
	fd = storage_open_mount_point(agent, l->mount_point, reterr);
	if (fd < 0)
		return fd;
	close_fd(&fd);
	fd = storage_open_mount_point(agent, path, reterr);
	if (fd < 0)
		return fd;
	r = mount_fs_at(fd, "tmpfs", "tmpfs", &o, reterr);
	if (r < 0)
		return r;
	r = assemble(agent, l, path, reterr);
	if (umount2(path, MNT_DETACH | UMOUNT_NOFOLLOW) < 0)
		log_warn("unmount '%s': %s", path, strerror(errno));
	(void)rmdir(path);
	return r;
}

/* "/dev/vda", as with mmioblk; what is a file is found when it is opened. */
static int find(const struct agent *agent, const char *source, char **ret)
{
	return storage_mmioblk.find(agent, source, ret);
}

const struct storage_driver storage_layers = {
	.name = "erofs.multi-layer",
	.find = find,
};
