// SPDX-License-Identifier: Apache-2.0
#include "verity.h"

#include <errno.h>
#include <fcntl.h>
#include <linux/dm-ioctl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"

#define CONTROL "/dev/mapper/control"
#define PARAMETERS_MAX 1024

/* One call to the device mapper, with a table of one target. */
struct request {
	struct dm_ioctl head;
	struct dm_target_spec target;
	char parameters[PARAMETERS_MAX];
};

static void request_init(struct request *rq, const char *name, uint32_t flags)
{
	memset(rq, 0, sizeof(*rq));
	rq->head.version[0] = DM_VERSION_MAJOR;
	rq->head.data_size = sizeof(*rq);
	rq->head.data_start = offsetof(struct request, target);
	rq->head.flags = flags;
	(void)snprintf(rq->head.name, sizeof(rq->head.name), "%s", name);
}

static int call(struct request *rq, unsigned long command)
{
	cleanup_close int fd = open(CONTROL, O_RDWR | O_CLOEXEC);

	if (fd < 0)
		return -errno;
	return ioctl(fd, (int)command, rq) < 0 ? -errno : 0;
}

static int fill_table(struct request *rq, dev_t dev,
		      const struct layer_verity *v)
{
	uint64_t blocks = v->hash_offset / v->block_size;
	uint64_t start = v->hash_offset / v->hash_size + !v->no_superblock;
	int n;

	rq->head.target_count = 1;
	rq->target.length = v->hash_offset / 512;
	(void)strcpy(rq->target.target_type, "verity");
	n = snprintf(rq->parameters, sizeof(rq->parameters),
		     "%u %u:%u %u:%u %u %u %llu %llu %s %s %s", v->type,
		     major(dev), minor(dev), major(dev), minor(dev),
		     v->block_size, v->hash_size, (unsigned long long)blocks,
		     (unsigned long long)start, v->algorithm, v->root_hash,
		     v->salt);
	return n < (int)sizeof(rq->parameters) ? 0 : -E2BIG;
}

static int set_up(const char *name, dev_t dev, const struct layer_verity *v,
		  dev_t *ret)
{
	struct request rq;
	int r;

	request_init(&rq, name, DM_READONLY_FLAG);
	r = fill_table(&rq, dev, v);
	if (!r)
		r = call(&rq, DM_TABLE_LOAD);
	if (r < 0)
		return r;
	request_init(&rq, name, 0); /* resumes: the table is in force */
	r = call(&rq, DM_DEV_SUSPEND);
	*ret = makedev(rq.head.dev >> 8 & 0xfff, /* huge_encode_dev() */
		       (rq.head.dev & 0xff) | (rq.head.dev >> 12 & 0xfff00));
	return r;
}

int verity_open(const struct agent *agent, const char *path,
		const struct layer_verity *v, char name[VERITY_NAME_MAX],
		char **ret, struct err *reterr)
{
	static unsigned int count;
	struct request rq;
	struct stat st;
	dev_t dev = 0;
	int r;

	if (stat(path, &st) < 0 || !S_ISBLK(st.st_mode))
		return err_set(reterr, -ENOTBLK, "'%s' is no block device",
			       path);
	(void)snprintf(name, VERITY_NAME_MAX, "kiln-layer-%u", count++);
	request_init(&rq, name, DM_READONLY_FLAG);
	r = call(&rq, DM_DEV_CREATE);
	if (r < 0) {
		*name = '\0';
		return err_code(reterr, r, "dm-verity: make a device");
	}
	r = set_up(name, st.st_rdev, v, &dev);
	if (!r && asprintf(ret, "%s/dm-%u", agent->dev, minor(dev)) < 0)
		r = -ENOMEM;
	return r < 0 ? err_code(reterr, r, "dm-verity of '%s'", path) : 0;
}

void verity_release(const char *name)
{
	struct request rq;
	int r;

	request_init(&rq, name, DM_DEFERRED_REMOVE);
	r = call(&rq, DM_DEV_REMOVE);
	if (r < 0)
		log_warn("dm-verity: remove '%s': %s", name, strerror(-r));
}
