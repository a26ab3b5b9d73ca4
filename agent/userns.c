// SPDX-License-Identifier: Apache-2.0
#include "userns.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>

#include "base/buf.h"
#include "os/io.h"
#include "process.h"

#define MAP_MAX 4096 /* the kernel takes less than a page */

int userns_write(pid_t pid, const char *file, const char *lines,
		 struct err *reterr)
{
	char path[64];
	int r;

	(void)snprintf(path, sizeof(path), "/proc/%d/%s", (int)pid, file);
	r = write_file(AT_FDCWD, path, lines);
	if (r < 0)
		return err_code(reterr, r, "user namespace: write %s", file);
	return 0;
}

static int write_map(pid_t pid, const char *file,
		     Grpc__LinuxIDMapping *const *maps, size_t n,
		     struct err *reterr)
{
	cleanup_buf struct buf b = BUF_INIT(MAP_MAX);
	size_t i;

	for (i = 0; i < n; i++)
		(void)buf_printf(&b, "%u %u %u\n", maps[i]->containerid,
				 maps[i]->hostid, maps[i]->size);
	if (!n || !buf_cstr(&b))
		return err_set(reterr, -EINVAL, "user namespace: no %s", file);
	return userns_write(pid, file, buf_cstr(&b), reterr);
}

int userns_map(pid_t pid, const struct launch *launch, struct err *reterr)
{
	const Grpc__Linux *l;
	int r;

	if (!(launch->clone_flags & CLONE_NEWUSER))
		return 0;
	l = launch->spec->linux;
	r = write_map(pid, "uid_map", l->uidmappings, l->n_uidmappings, reterr);
	if (!r)
		r = write_map(pid, "gid_map", l->gidmappings, l->n_gidmappings,
			      reterr);
	return r;
}
