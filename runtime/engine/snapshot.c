// SPDX-License-Identifier: Apache-2.0
#include "snapshot.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/oci/spec.h"

#define GROUPS_MAX 256

int snapshot_save(int dirfd, const char *file, const char *bundle,
		  struct err *reterr)
{
	cleanup_free char *path = NULL, *text = NULL;
	size_t n;
	int r;

	if (!file)
		file = SPEC_FILE_NAME;
	path = *file == '/' ? strdup(file) : path_join(bundle, file);
	if (!path)
		return err_code(reterr, -ENOMEM, "keep '%s'", file);
	r = read_file(AT_FDCWD, path, SPEC_FILE_MAX, &text, &n);
	if (!r)
		r = write_file_atomic(dirfd, SPEC_FILE_NAME, text, n, 0600);
	return r < 0 ? err_code(reterr, r, "keep '%s'", path) : 0;
}

/* crun's annotation: the groups of the caller are kept. */
static int keep_groups(struct spec *s)
{
	const char *on = spec_annotation(s, "run.oci.keep_original_groups");
	Grpc__User *user = s->wire->process->user;
	gid_t groups[GROUPS_MAX];
	uint32_t *v;
	size_t i;
	int n;

	if (!on || !user || (strcmp(on, "1") && strcmp(on, "true")))
		return 0;
	n = getgroups(GROUPS_MAX, groups);
	if (n < 0)
		return -errno;
	v = arena_array(&s->arena, user->n_additionalgids + (size_t)n,
			sizeof(*v));
	if (!v)
		return -ENOMEM;
	for (i = 0; i < user->n_additionalgids; i++)
		v[i] = user->additionalgids[i];
	for (i = 0; i < (size_t)n; i++)
		v[user->n_additionalgids + i] = groups[i];
	user->additionalgids = v;
	user->n_additionalgids += (size_t)n;
	return 0;
}

int snapshot_load(int dirfd, const char *bundle, struct spec **ret,
		  struct err *reterr)
{
	cleanup_free char *text = NULL;
	size_t n;
	int r = read_file(dirfd, SPEC_FILE_NAME, SPEC_FILE_MAX, &text, &n);

	if (r == -ENOENT)
		return spec_load(bundle, ret, reterr);
	if (r < 0)
		return err_code(reterr, r, "read " SPEC_FILE_NAME);
	r = spec_parse(text, n, bundle, ret, reterr);
	if (r < 0)
		return err_wrap(reterr, SPEC_FILE_NAME);
	r = keep_groups(*ret);
	return r < 0 ? err_code(reterr, r, "keep the caller's groups") : 0;
}
