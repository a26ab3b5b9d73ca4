// SPDX-License-Identifier: Apache-2.0
#include "idmap.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/mount.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "mount.h"
#include "ns.h"
#include "rootfs.h"
#include "spec.h"
#include "userns.h"

#define MAP_TEXT_MAX 4096

int idmap_parse(const char *text, char *ret, size_t size)
{
	size_t used = 0;

	while (*text) {
		size_t n = strcspn(text, ",");
		cleanup_free char *word = strndup(text, n);
		char *rest = word;
		uint32_t v[3];
		int i, written;

		if (!word)
			return -ENOMEM;
		for (i = 0; i < 3; i++) {
			const char *number = strsep(&rest, ":");

			if (!number || parse_u32(number, 10, &v[i]) < 0)
				return -EINVAL;
		}
		if (rest || !v[2])
			return -EINVAL;
		written = snprintf(ret + used, size - used, "%u %u %u\n", v[0],
				   v[1], v[2]);
		if (written < 0 || (size_t)written >= size - used)
			return -E2BIG;
		used += (size_t)written;
		text += n + (text[n] == ',');
	}
	return used ? 0 : -EINVAL;
}

static int lines_of(Grpc__LinuxIDMapping *const *maps, size_t n, char *ret,
		    size_t size)
{
	size_t i, used = 0;

	for (i = 0; i < n; i++) {
		int written = snprintf(ret + used, size - used, "%u %u %u\n",
				       maps[i]->containerid, maps[i]->hostid,
				       maps[i]->size);

		if (written < 0 || (size_t)written >= size - used)
			return -E2BIG;
		used += (size_t)written;
	}
	return used ? 0 : -EINVAL;
}

/* The lines of one mapping: an annotation's, or the container's. */
static int get_lines(const Grpc__Spec *spec, size_t mount, bool is_gid,
		     char *ret, size_t size)
{
	const Grpc__Linux *l = spec->linux;
	const char *text;
	char key[64];

	(void)snprintf(key, sizeof(key), "mount.%zu.%s", mount,
		       is_gid ? "gidmap" : "uidmap");
	text = spec_extra(spec, key);
	if (text)
		return idmap_parse(text, ret, size);
	return is_gid ? lines_of(l->gidmappings, l->n_gidmappings, ret, size)
		      : lines_of(l->uidmappings, l->n_uidmappings, ret, size);
}

/*
 * A user namespace to name a mapping by. It lives by a child that does nothing
 * and goes as soon as there is an fd.
 */
static int make_userns(const char *uids, const char *gids, struct err *reterr)
{
	cleanup_close int pidfd = -1;
	char path[64];
	int fd = -1, r;
	pid_t pid = ns_clone(CLONE_NEWUSER, -1, -1, &pidfd);

	if (!pid)
		for (;;)
			(void)pause();
	if (pid < 0)
		return err_code(reterr, pid, "make a user namespace");
	r = userns_write(pid, "uid_map", uids, reterr);
	if (!r)
		r = userns_write(pid, "gid_map", gids, reterr);
	if (!r) {
		(void)snprintf(path, sizeof(path), "/proc/%d/ns/user",
			       (int)pid);
		fd = open(path, O_RDONLY | O_CLOEXEC);
		if (fd < 0)
			r = err_errno(reterr, "open a user namespace");
	}
	(void)kill(pid, SIGKILL);
	(void)waitpid(pid, NULL, 0);
	return r < 0 ? r : fd;
}

static int open_one(const struct agent *agent, const Grpc__Spec *spec,
		    size_t i, const struct mount_options *o, struct err *reterr)
{
	char uids[MAP_TEXT_MAX], gids[MAP_TEXT_MAX];
	cleanup_close int source = -1, userns = -1;
	int r;

	r = get_lines(spec, i, false, uids, sizeof(uids));
	if (!r)
		r = get_lines(spec, i, true, gids, sizeof(gids));
	if (r < 0)
		return err_code(reterr, r, "id mapping");
	source = rootfs_open_source(agent, spec->mounts[i]->source);
	if (source < 0)
		return err_code(reterr, source, "open the source '%.500s'",
				spec->mounts[i]->source);
	userns = make_userns(uids, gids, reterr);
	if (userns < 0)
		return userns;
	return mount_open_idmapped(source, userns, o, reterr);
}

int idmaps_open(const struct agent *agent, const Grpc__Spec *spec,
		struct idmaps *ret, struct err *reterr)
{
	size_t i;

	for (i = 0; i < spec->n_mounts; i++) {
		const Grpc__Mount *m = spec->mounts[i];
		struct mount_options o;
		char key[64];
		int r, tree;

		(void)snprintf(key, sizeof(key), "mount.%zu.uidmap", i);
		r = mount_options_parse(&o, m->options, m->n_options);
		if (r < 0)
			return err_code(reterr, r, "mount options");
		if (!o.idmap && !spec_extra(spec, key))
			continue;
		if (!(o.flags & MS_BIND) && strcmp(m->type, "bind"))
			return err_set(reterr, -EOPNOTSUPP, "mount '%.200s': "
				       "an id mapping is for bind mounts",
				       m->destination);
		if (ret->n == IDMAPS_MAX)
			return err_set(reterr, -E2BIG, "more than %d mounts "
				       "with id mappings", IDMAPS_MAX);
		tree = open_one(agent, spec, i, &o, reterr);
		if (tree < 0)
			return err_wrap(reterr, "mount '%.200s'",
					m->destination);
		ret->at[ret->n].mount = i;
		ret->at[ret->n++].tree = tree;
	}
	return 0;
}

void idmaps_close(struct idmaps *maps)
{
	while (maps->n)
		close_fd(&maps->at[--maps->n].tree);
}

int idmaps_find(const struct idmaps *maps, size_t i)
{
	unsigned int k;

	for (k = 0; k < maps->n; k++)
		if (maps->at[k].mount == i)
			return (int)k;
	return -1;
}
