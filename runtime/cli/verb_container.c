// SPDX-License-Identifier: Apache-2.0
/* The verbs of a container's life: thin clients of the engine. */
#include <errno.h>
#include <regex.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "os/userns.h"
#include "runtime/cli/cli.h"
#include "runtime/cli/signals.h"
#include "runtime/engine/client.h"
#include "runtime/oci/effective.h"

static bool is_manager(const struct cli *cli, const char *name)
{
	return cli->cgroup_manager && !strcmp(cli->cgroup_manager, name);
}

int cli_prepare(const struct cli *cli, const struct verb_options *o,
		const char *id, struct config **config,
		struct create_options *ret, struct err *reterr)
{
	const char *bundle = o->bundle ? o->bundle : ".";
	const char *file = o->spec_file ? o->spec_file : SPEC_FILE_NAME;
	cleanup_spec struct spec *spec = NULL;
	const struct arch_desc *arch;
	int r = cli_check_id(id, reterr);

	if (r == 0)
		r = cli_load_config(cli, config, reterr);
	if (r == 0)
		r = spec_load_file(file, bundle, &spec, reterr);
	if (r == 0)
		r = effective_config(spec, o->arch, *config, &arch, reterr);
	/* Mounts and network namespaces take root, of a user namespace if it
	 * must be; a rootless caller as Podman has made one. */
	if (r == 0 && geteuid() != 0)
		r = userns_enter(reterr);
	if (r < 0)
		return r;
	*ret = (struct create_options){
		.root = cli->root,
		.id = id,
		.bundle = bundle,
		.spec_file = file,
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.preserve_fds = o->preserve_fds,
		.arch = arch->name,
		.config_path = cli->config_path,
		.config = *config,
		.no_pivot = o->no_pivot,
		.systemd_cgroup = cli->systemd_cgroup ||
				  is_manager(cli, "systemd"),
		.no_cgroup = is_manager(cli, "disabled"),
		.debug = cli->debug || (*config)->runtime.enable_debug,
	};
	return 0;
}

int verb_create(const struct cli *cli, const struct verb_options *o,
		int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_config struct config *config = NULL;
	struct create_options create;
	int r = cli_prepare(cli, o, argv[0], &config, &create, reterr);

	return r < 0 ? r : client_create(&create, reterr);
}

int verb_run(const struct cli *cli, const struct verb_options *o,
	     int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_config struct config *config = NULL;
	struct create_options create;
	int status = 0;
	int r = cli_prepare(cli, o, argv[0], &config, &create, reterr);

	if (r == 0)
		r = client_run(&create, o->detach, o->keep, &status, reterr);
	return r < 0 ? r : status;
}

int verb_start(const struct cli *cli, const struct verb_options *o UNUSED,
	       int argc UNUSED, char **argv, struct err *reterr)
{
	int r = cli_check_id(argv[0], reterr);

	return r < 0 ? r : client_start(cli->root, argv[0], reterr);
}

int verb_kill(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr)
{
	int signo = SIGTERM;
	int r = cli_check_id(argv[0], reterr);

	if (r < 0)
		return r;
	if (argc > 1) {
		signo = signal_parse(argv[1]);
		if (signo < 0)
			return err_set(reterr, -EINVAL, "no signal '%s'",
				       argv[1]);
	}
	return client_kill(cli->root, argv[0], signo, o->all, reterr);
}

static int delete_matching(const struct cli *cli, const struct verb_options *o,
			   const char *pattern, struct err *reterr)
{
	struct container_state *v = NULL;
	size_t n = 0, i;
	regex_t re;
	int r = 0;

	if (regcomp(&re, pattern, REG_EXTENDED | REG_NOSUB))
		return err_set(reterr, -EINVAL, "'%s' is no regular expression",
			       pattern);
	r = client_list(cli->root, &v, &n, reterr);
	for (i = 0; r == 0 && i < n; i++)
		if (!regexec(&re, v[i].id, 0, NULL, 0))
			r = client_delete(cli->root, v[i].id, o->force, reterr);
	regfree(&re);
	container_states_free(v, n);
	return r;
}

int verb_delete(const struct cli *cli, const struct verb_options *o,
		int argc UNUSED, char **argv, struct err *reterr)
{
	int r;

	if (o->regex)
		return delete_matching(cli, o, argv[0], reterr);
	r = cli_check_id(argv[0], reterr);
	if (r < 0)
		return r;
	return client_delete(cli->root, argv[0], o->force, reterr);
}

int verb_pause(const struct cli *cli, const struct verb_options *o UNUSED,
	       int argc UNUSED, char **argv, struct err *reterr)
{
	int r = cli_check_id(argv[0], reterr);

	return r < 0 ? r : client_pause(cli->root, argv[0], reterr);
}

int verb_resume(const struct cli *cli, const struct verb_options *o UNUSED,
		int argc UNUSED, char **argv, struct err *reterr)
{
	int r = cli_check_id(argv[0], reterr);

	return r < 0 ? r : client_resume(cli->root, argv[0], reterr);
}
