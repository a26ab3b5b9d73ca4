// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "base/num.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"
#include "runtime/oci/capability.h"
#include "runtime/oci/spec.h"

static int no_memory(struct err *reterr)
{
	return err_set(reterr, -ENOMEM, "out of memory");
}

static int set_user(Grpc__User *user, const char *text, struct arena *arena,
		    struct err *reterr)
{
	char *uid = arena_strdup(arena, text), *gid;

	if (!uid)
		return no_memory(reterr);
	gid = strchr(uid, ':');
	if (gid)
		*gid++ = '\0';
	if (parse_u32(uid, 10, &user->uid) < 0 ||
	    (gid && parse_u32(gid, 10, &user->gid) < 0))
		return err_set(reterr, -EINVAL,
			       "--user '%s' is not UID[:GID] in numbers",
			       text);
	return 0;
}

static int add_groups(Grpc__User *user, const struct strv *groups,
		      struct arena *arena, struct err *reterr)
{
	size_t n = user->n_additionalgids, i;
	uint32_t *v = arena_array(arena, n + groups->n, sizeof(*v));

	if (!v)
		return no_memory(reterr);
	for (i = 0; i < n; i++)
		v[i] = user->additionalgids[i];
	for (i = 0; i < groups->n; i++)
		if (parse_u32(groups->v[i], 10, &v[n + i]) < 0)
			return err_set(reterr, -EINVAL,
				       "--additional-gids '%s' is no number",
				       groups->v[i]);
	user->additionalgids = v;
	user->n_additionalgids = n + groups->n;
	return 0;
}

/* Appends MORE to the vector *V of *N strings; later ones win in an
 * environment, so nothing needs to be replaced. */
static int add_strings(char ***v, size_t *n, char *const *more, size_t n_more,
		       struct arena *arena, struct err *reterr)
{
	char **grown = arena_array(arena, *n + n_more, sizeof(*grown));
	size_t i;

	if (!grown)
		return no_memory(reterr);
	for (i = 0; i < *n; i++)
		grown[i] = (*v)[i];
	for (i = 0; i < n_more; i++) {
		grown[*n + i] = arena_strdup(arena, more[i]);
		if (!grown[*n + i])
			return no_memory(reterr);
	}
	*v = grown;
	*n += n_more;
	return 0;
}

/* An environment with a name twice means the first to some and the last to
 * others: only the one given here stays. */
static void drop_env(Grpc__Process *p, const char *assignment)
{
	size_t n = strcspn(assignment, "="), i, kept = 0;

	for (i = 0; i < p->n_env; i++)
		if (strncmp(p->env[i], assignment, n) || p->env[i][n] != '=')
			p->env[kept++] = p->env[i];
	p->n_env = kept;
}

static int add_env(Grpc__Process *p, const struct strv *env,
		   struct arena *arena, struct err *reterr)
{
	size_t i;

	for (i = 0; i < env->n; i++) {
		if (!strchr(env->v[i], '=') || env->v[i][0] == '=')
			return err_set(reterr, -EINVAL,
				       "--env '%s' is not NAME=VALUE",
				       env->v[i]);
		drop_env(p, env->v[i]);
	}
	return add_strings(&p->env, &p->n_env, env->v, env->n, arena, reterr);
}

static int add_caps(Grpc__Process *p, const struct strv *caps,
		    struct arena *arena, struct err *reterr)
{
	Grpc__LinuxCapabilities *c = p->capabilities;
	int r;

	if (!caps->n)
		return 0;
	if (!c) {
		c = arena_alloc(arena, sizeof(*c));
		if (!c)
			return no_memory(reterr);
		grpc__linux_capabilities__init(c);
		p->capabilities = c;
	}
	r = add_strings(&c->bounding, &c->n_bounding, caps->v, caps->n, arena,
			reterr);
	if (r == 0)
		r = add_strings(&c->effective, &c->n_effective, caps->v,
				caps->n, arena, reterr);
	if (r == 0)
		r = add_strings(&c->permitted, &c->n_permitted, caps->v,
				caps->n, arena, reterr);
	return r;
}

static int apply_flags(const struct verb_options *o, Grpc__Process *p,
		       struct arena *arena, struct err *reterr)
{
	int r = 0;

	if (o->cwd && *o->cwd != '/')
		return err_set(reterr, -EINVAL,
			       "--cwd '%s' is not an absolute path", o->cwd);
	if (o->cwd)
		p->cwd = arena_strdup(arena, o->cwd);
	if (o->apparmor)
		p->apparmorprofile = arena_strdup(arena, o->apparmor);
	if (o->label)
		p->selinuxlabel = arena_strdup(arena, o->label);
	if (!p->cwd || !p->apparmorprofile || !p->selinuxlabel)
		return no_memory(reterr);
	if (o->no_new_privs)
		p->nonewprivileges = true;
	if (o->user)
		r = set_user(p->user, o->user, arena, reterr);
	if (r == 0)
		r = add_groups(p->user, &o->additional_gids, arena, reterr);
	if (r == 0)
		r = add_env(p, &o->env, arena, reterr);
	if (r == 0)
		r = add_caps(p, &o->caps, arena, reterr);
	capabilities_drop_unknown(p->capabilities);
	return r;
}

/* The process of the container, with another command and the flags. */
static int process_from_flags(const struct cli *cli,
			      const struct verb_options *o, int argc,
			      char **argv, struct spec **spec,
			      struct err *reterr)
{
	Grpc__Process *p;
	int r = client_spec(cli->root, argv[0], spec, reterr);

	if (r < 0)
		return r;
	p = (*spec)->wire->process;
	p->n_args = 0;
	p->terminal = false;
	p->consolesize = NULL;
	r = add_strings(&p->args, &p->n_args, argv + 1, (size_t)argc - 1,
			&(*spec)->arena, reterr);
	if (r < 0)
		return r;
	return apply_flags(o, p, &(*spec)->arena, reterr);
}

static int process_from_file(const struct verb_options *o, struct arena *arena,
			     Grpc__Process **ret, struct err *reterr)
{
	bool ignored = false;
	int r = spec_process_load(o->process, arena, ret, &ignored, reterr);

	if (r == 0 && ignored)
		log_warn("%s: umask, ioPriority and scheduler are not passed "
			 "on to an exec",
			 o->process);
	return r;
}

int verb_exec(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr)
{
	cleanup_arena struct arena arena = {0};
	cleanup_spec struct spec *spec = NULL;
	struct exec_options exec = {
		.root = cli->root,
		.id = argv[0],
		.console_socket = o->console_socket,
		.pid_file = o->pid_file,
		.detach = o->detach,
		.ignore_paused = o->ignore_paused,
		.cgroup = o->cgroup,
	};
	Grpc__Process *process = NULL;
	int status = 0;
	int r = cli_check_id(argv[0], reterr);

	if (r < 0)
		return r;
	if (o->process && argc > 1)
		return err_set(reterr, -EINVAL,
			       "exec: --process and a command exclude each "
			       "other");
	if (!o->process && argc < 2)
		return err_set(reterr, -EINVAL,
			       "exec: neither a command nor --process");
	if (o->process)
		r = process_from_file(o, &arena, &process, reterr);
	else
		r = process_from_flags(cli, o, argc, argv, &spec, reterr);
	if (r < 0)
		return r;
	if (spec)
		process = spec->wire->process;
	exec.process = process;
	exec.tty = o->tty || process->terminal;
	r = client_exec(&exec, &status, reterr);
	return r < 0 ? r : status;
}
