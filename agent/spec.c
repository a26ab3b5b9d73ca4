// SPDX-License-Identifier: Apache-2.0
#include "spec.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/macros.h"
#include "base/path.h"
#include "device/vfio.h"
#include "storage/storage.h"

#define MOUNTS_MAX 4096
#define DEVICES_MAX 4096
#define PATHS_MAX 4096

/* The extras that are carried out, see spec_extra(). A name that ends in a full
 * stop stands for all that start so. */
static const char *const extras[] = {
	"process.umask", "domainname", "linux.seccomp.errno", "linux.unified.",
	"linux.cpu.idle", "linux.cpu.burst", "process.ioprio",
	"process.scheduler", "linux.personality", "linux.timeoffset.monotonic",
	"linux.timeoffset.boottime", "mount.",
};

const char *spec_extra(const Grpc__Spec *spec, const char *key)
{
	const size_t n = strlen(SPEC_EXTRA_PREFIX);
	size_t i;

	for (i = 0; i < spec->n_annotations; i++) {
		const Grpc__Spec__AnnotationsEntry *a = spec->annotations[i];

		if (!strncmp(a->key, SPEC_EXTRA_PREFIX, n) &&
		    !strcmp(a->key + n, key))
			return a->value;
	}
	return NULL;
}

static bool extra_is_known(const char *key)
{
	size_t i;

	for (i = 0; i < ARRAY_SIZE(extras); i++) {
		size_t n = strlen(extras[i]);

		if (!strcmp(extras[i], key) ||
		    (extras[i][n - 1] == '.' && !strncmp(extras[i], key, n)))
			return true;
	}
	return false;
}

/* What cannot be done must not be passed over in silence. */
static int check_extras(const Grpc__Spec *spec, struct err *reterr)
{
	const size_t n = strlen(SPEC_EXTRA_PREFIX);
	size_t i;

	for (i = 0; i < spec->n_annotations; i++) {
		const char *key = spec->annotations[i]->key;

		if (!strncmp(key, SPEC_EXTRA_PREFIX, n) &&
		    !extra_is_known(key + n))
			return err_set(reterr, -EOPNOTSUPP,
				       "'%.200s' is not supported in guests",
				       key + n);
	}
	return 0;
}

int spec_check_process(const Grpc__Process *p, struct err *reterr)
{
	if (!p)
		return err_set(reterr, -EINVAL, "no process");
	if (!p->n_args || !*p->args[0])
		return err_set(reterr, -EINVAL, "process: no arguments");
	if (*p->cwd && *p->cwd != '/')
		return err_set(reterr, -EINVAL,
			       "process: directory '%.200s' is not absolute",
			       p->cwd);
	if (*p->selinuxlabel || *p->apparmorprofile)
		return err_set(reterr, -EOPNOTSUPP,
			       "process: security labels are not supported");
	return 0;
}

int spec_check(const Grpc__Spec *spec, struct err *reterr)
{
	const Grpc__Linux *l;

	if (!spec)
		return err_set(reterr, -EINVAL, "no OCI specification");
	if (!spec->root || *spec->root->path != '/')
		return err_set(reterr, -EINVAL, "no absolute root path");
	l = spec->linux;
	if (!l)
		return err_set(reterr, -EINVAL, "no section 'linux'");
	if (spec->n_mounts > MOUNTS_MAX || l->n_devices > DEVICES_MAX ||
	    l->n_maskedpaths > PATHS_MAX || l->n_readonlypaths > PATHS_MAX)
		return err_set(reterr, -EINVAL, "specification too large");
	if (spec->hooks &&
	    (spec->hooks->n_prestart || spec->hooks->n_createruntime ||
	     spec->hooks->n_createcontainer || spec->hooks->n_poststart ||
	     spec->hooks->n_poststop))
		return err_set(reterr, -EOPNOTSUPP,
			       "hooks other than startContainer run on the "
			       "host");
	if (check_extras(spec, reterr) < 0)
		return reterr->code;
	return spec_check_process(spec->process, reterr);
}

/* A device of the host's as the guest has it: its node, and the rules that are
 * about it. */
static void renumber(Grpc__Linux *l, Grpc__LinuxDevice *d, dev_t rdev)
{
	Grpc__LinuxResources *r = l->resources;
	size_t i;

	for (i = 0; r && i < r->n_devices; i++) {
		Grpc__LinuxDeviceCgroup *rule = r->devices[i];

		if (strcmp(rule->type, d->type) || rule->major != d->major ||
		    rule->minor != d->minor)
			continue;
		rule->major = (int64_t)major(rdev);
		rule->minor = (int64_t)minor(rdev);
	}
	d->major = (int64_t)major(rdev);
	d->minor = (int64_t)minor(rdev);
}

/* The device of the specification that the host means by CONTAINER_PATH. */
static Grpc__LinuxDevice *find_device(const Grpc__Linux *l, const char *path)
{
	size_t i;

	/* What is left out of a message is no memory of its own. */
	for (i = 0; *path && i < l->n_devices; i++)
		if (!strcmp(l->devices[i]->path, path))
			return l->devices[i];
	return NULL;
}

/* The guest's device at PATH takes the place of the host's. */
static int put_device(Grpc__Linux *l, const Grpc__Device *device,
		      const char *path, struct err *reterr)
{
	Grpc__LinuxDevice *d = find_device(l, device->container_path);
	struct stat st;

	if (stat(path, &st) < 0)
		return err_errno(reterr, "look at '%s'", path);
	if (d)
		renumber(l, d, st.st_rdev);
	return 0;
}

static int add_vfio(const struct agent *agent, const Grpc__Device *device,
		    struct vfio_map *map, Grpc__Linux *l, struct err *reterr)
{
	cleanup_free char *node = NULL, *path = NULL, *inside = NULL;
	Grpc__LinuxDevice *d;
	int r = vfio_take(agent->sysfs, device, map, &node, reterr);

	if (r < 0 || !node)
		return r;
	path = path_join(agent->dev, node);
	inside = path_join("/dev", node);
	if (!path || !inside)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = put_device(l, device, path, reterr);
	d = find_device(l, device->container_path);
	/* A group has another number here than on the host. */
	if (!r && d && !strncmp(node, "vfio/", 5)) {
		free(d->path);
		d->path = TAKE_PTR(inside);
	}
	return r;
}

int spec_add_devices(const struct agent *agent,
		     const Grpc__CreateContainerRequest *request,
		     struct err *reterr)
{
	Grpc__Linux *l = request->oci->linux;
	struct vfio_map map = {0};
	size_t i;
	int r = 0;

	for (i = 0; !r && i < request->n_devices; i++) {
		const Grpc__Device *device = request->devices[i];
		cleanup_free char *path = NULL;

		if (vfio_is_type(device->type)) {
			r = add_vfio(agent, device, &map, l, reterr);
			continue;
		}
		r = device_find(agent, device, &path);
		if (r < 0)
			return err_code(reterr, r, "device '%.100s' of type "
					"'%.64s'", device->id, device->type);
		r = put_device(l, device, path, reterr);
	}
	if (!r)
		vfio_rename(&map, request->oci->process);
	return r;
}
