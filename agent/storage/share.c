// SPDX-License-Identifier: Apache-2.0
/* Directories of the host: the source is the tag of the device. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mount.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "mount.h"
#include "storage.h"

/* Gives up loudly on what mount_options_parse() refuses. */
static int parse(struct mount_options *o, const Grpc__Storage *s,
		 struct err *reterr)
{
	int r = mount_options_parse(o, s->options, s->n_options);

	return r < 0 ? err_code(reterr, r, "mount options") : 0;
}

static int mount_9p(int targetfd, const Grpc__Storage *storage,
		    const char *device UNUSED, struct err *reterr)
{
	static const char transport[] = "trans=virtio,version=9p2000.L";
	struct mount_options o;
	size_t n;
	int r = parse(&o, storage, reterr);

	if (r < 0)
		return r;
	n = strlen(o.data);
	if (!strstr(o.data, "trans=")) {
		if (n + sizeof(transport) + 1 > sizeof(o.data))
			return err_set(reterr, -E2BIG, "mount options");
		if (n)
			o.data[n++] = ',';
		memcpy(o.data + n, transport, sizeof(transport));
	}
	return mount_fs_at(targetfd, storage->source, "9p", &o, reterr);
}

/* A file system that outlives its mount, until the loop comes round again. */
struct hold {
	struct event_timer *timer;
	int fd;
};

static void on_round(void *arg)
{
	struct hold *h = arg;

	close_fd(&h->fd);
	event_timer_free(h->timer);
	free(h);
}

/* Takes FD, unless there is no memory. */
static void hold(struct agent *agent, int *fd)
{
	struct hold *h = calloc(1, sizeof(*h));

	if (h)
		h->timer = event_timer_new(agent->loop, on_round, h);
	if (!h || !h->timer) {
		free(h);
		return;
	}
	h->fd = TAKE_FD(*fd);
	event_timer_set(h->timer, 0);
}

/*
 * The end of a 9p client waits for ordinary grace periods of RCU, a few ticks
 * of the clock, and nobody need wait with it: what has been synced is with the
 * host. So the file system ends when the call that drops it has been answered.
 */
static void drop_9p(struct agent *agent, const char *mount_point)
{
	cleanup_close int fd = open(mount_point, O_RDONLY | O_DIRECTORY |
						 O_NOFOLLOW | O_CLOEXEC);

	if (fd < 0 || syncfs(fd) < 0)
		log_warn("sync '%s': %s", mount_point, strerror(errno));
	else
		hold(agent, &fd);
	if (umount2(mount_point, UMOUNT_NOFOLLOW | MNT_DETACH) < 0)
		log_warn("unmount '%s': %s", mount_point, strerror(errno));
	(void)rmdir(mount_point); /* others may have put files there */
}

static int mount_virtio_fs(int targetfd, const Grpc__Storage *storage,
			   const char *device UNUSED, struct err *reterr)
{
	struct mount_options o;
	int r = parse(&o, storage, reterr);

	if (r < 0)
		return r;
	return mount_fs_at(targetfd, storage->source, "virtiofs", &o, reterr);
}

const struct storage_driver storage_9p = {
	.name = "9p",
	.mount = mount_9p,
	.drop = drop_9p,
};
const struct storage_driver storage_virtio_fs = {
	.name = "virtio-fs",
	.mount = mount_virtio_fs,
};
