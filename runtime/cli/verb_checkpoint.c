// SPDX-License-Identifier: Apache-2.0
/* Saving a container with its VM, and bringing it back. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/path.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"

/* As with runc. */
#define DEFAULT_PATH "checkpoint"

/* The folder of the checkpoint; to be freed. */
static char *image_path(const struct verb_options *o)
{
	const char *path = o->image_path ? o->image_path : DEFAULT_PATH;
	cleanup_free char *cwd = NULL;

	if (*path == '/')
		return strdup(path);
	cwd = getcwd(NULL, 0);
	return cwd ? path_join(cwd, path) : NULL;
}

int verb_checkpoint(const struct cli *cli, const struct verb_options *o,
		    int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_free char *path = image_path(o);
	int r = cli_check_id(argv[0], reterr);

	if (r == 0 && !path)
		r = err_set(reterr, -ENOMEM, "out of memory");
	return r < 0 ? r
		     : client_checkpoint(cli->root, argv[0], path,
					 o->leave_running, reterr);
}

int verb_restore(const struct cli *cli, const struct verb_options *o,
		 int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_config struct config *config = NULL;
	cleanup_free char *path = image_path(o), *arch = NULL;
	struct verb_options with_arch = *o;
	struct create_options create;
	int status = 0, r;

	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = client_checkpoint_arch(path, &arch, reterr);
	if (r < 0)
		return r;
	with_arch.arch = arch;
	r = cli_prepare(cli, &with_arch, argv[0], &config, &create, reterr);
	create.checkpoint = path;
	if (r == 0)
		r = client_restore(&create, o->detach, &status, reterr);
	return r < 0 ? r : status;
}
