// SPDX-License-Identifier: Apache-2.0
/* Directories of the host: the source is the tag of the device. */
#include <errno.h>
#include <string.h>

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
};
const struct storage_driver storage_virtio_fs = {
	.name = "virtio-fs",
	.mount = mount_virtio_fs,
};
