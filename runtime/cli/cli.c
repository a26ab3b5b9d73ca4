// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/cli.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "os/userns.h"
#include "runtime/suggest.h"

#define DEFAULT_ROOT "/run/kiln"

#define AT(member) offsetof(struct cli, member)

static const struct option_desc global_options[] = {
	{0, "root", OPTION_STRING, "DIR", AT(root),
	 "where state is kept (default: " DEFAULT_ROOT ")"},
	{0, "log", OPTION_STRING, "FILE", AT(log), "log file"},
	{0, "log-format", OPTION_STRING, "FORMAT", AT(log_format),
	 "text (default) or json"},
	{0, "debug", OPTION_FLAG, NULL, AT(debug), "log at level debug"},
	{0, "config", OPTION_STRING, "FILE", AT(config_path),
	 "configuration, in place of the installed one"},
	{0, "systemd-cgroup", OPTION_FLAG, NULL, AT(systemd_cgroup),
	 "cgroup paths are systemd's"},
	{0, "rootless", OPTION_IGNORED_STRING, "MODE", 0,
	 "accepted: true, false or auto"},
	{0, "cgroup-manager", OPTION_STRING, "MANAGER", AT(cgroup_manager),
	 "cgroupfs (default), systemd or disabled"},
	{0, "criu", OPTION_IGNORED_STRING, NULL, 0, NULL},
	{'v', "version", OPTION_FLAG, NULL, AT(show_version),
	 "show the version"},
	{'h', "help", OPTION_FLAG, NULL, AT(show_help), "show this"},
};

int cli_check_id(const char *id, struct err *reterr)
{
	if (id_is_valid(id))
		return 0;
	return err_set(reterr, -EINVAL,
		       "invalid id '%s': 1 to 128 letters, digits or any of "
		       "_.+- that begin with a letter or a digit",
		       id);
}

int cli_load_config(const struct cli *cli, struct config **ret,
		    struct err *reterr)
{
	return config_load(cli->config_path, ret, reterr);
}

int cli_print(const void *p, size_t n, struct err *reterr)
{
	int r;

	(void)fflush(stdout);
	r = write_full(STDOUT_FILENO, p, n);
	if (r < 0)
		return err_code(reterr, r, "write to standard output");
	return 0;
}

static bool is_there(const struct verb *v)
{
	return v->run || v->raw;
}

static void print_general_help(FILE *out)
{
	const struct verb *v;

	(void)fprintf(out,
		      "NAME:\n   %s - Open Container Initiative runtime, "
		      "containers in virtual machines of their own\n\n"
		      "Usage: %s [OPTION...] VERB [OPTION...] [WORD...]\n\n"
		      "Verbs:\n",
		      program_invocation_short_name,
		      program_invocation_short_name);
	for (v = cli_verbs; v->name; v++)
		(void)fprintf(out, "  %-10s %s%s\n", v->name, v->summary,
			      is_there(v) ? "" : " (not implemented yet)");
	(void)fputs("\nOptions:\n", out);
	options_print(out, global_options, ARRAY_SIZE(global_options));
	(void)fputs("\n`kiln VERB --help` tells the options of a verb.\n", out);
}

static void print_verb_help(FILE *out, const struct verb *v)
{
	(void)fprintf(out,
		      "NAME:\n   %s %s - %s%s\n\n"
		      "Usage: %s [OPTION...] %s [OPTION...]%s%s\n",
		      program_invocation_short_name, v->name, v->summary,
		      is_there(v) ? "" : " (not implemented yet)",
		      program_invocation_short_name, v->name,
		      *v->words ? " " : "", v->words);
	(void)fputs("\nOptions:\n", out);
	options_print(out, v->options, v->n_options);
}

static const char *next_verb(size_t i)
{
	return cli_verbs[i].name;
}

static int fail_verb(const char *name, struct err *reterr)
{
	const char *near = suggest(name, next_verb);

	if (near)
		return err_set(reterr, -EINVAL,
			       "unknown verb '%s', is '%s' meant?", name, near);
	return err_set(reterr, -EINVAL,
		       "unknown verb '%s'; `kiln --help` lists them", name);
}

int verb_help(const struct cli *cli UNUSED, const struct verb_options *o UNUSED,
	      int argc, char **argv, struct err *reterr)
{
	const struct verb *v;

	if (argc == 0) {
		print_general_help(stdout);
		return 0;
	}
	v = verb_find(argv[0]);
	if (!v)
		return fail_verb(argv[0], reterr);
	print_verb_help(stdout, v);
	return 0;
}

static int check_words(const struct verb *v, int words, struct err *reterr)
{
	if (words >= v->min_words &&
	    (v->max_words < 0 || words <= v->max_words))
		return 0;
	if (!*v->words)
		return err_set(reterr, -EINVAL, "%s takes no words", v->name);
	return err_set(reterr, -EINVAL,
		       "%s: %s, usage: kiln %s [OPTION...] %s", v->name,
		       words < v->min_words ? "too few words" : "too many words",
		       v->name, v->words);
}

static bool wants_help(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--help") || !strcmp(argv[i], "-h"))
			return true;
	return false;
}

static int run_verb(struct cli *cli, int argc, char **argv,
		    struct err *reterr)
{
	struct verb_options o = {0};
	const struct verb *v = verb_find(argv[0]);
	int words, r;

	if (!v && wants_help(argc, argv))
		return err_set(reterr, -EINVAL,
			       "No help topic for '%s'; `kiln --help` lists "
			       "the verbs", argv[0]);
	if (!v)
		return fail_verb(argv[0], reterr);
	if (v->raw && !wants_help(argc, argv))
		return v->raw(argc, argv);
	words = options_parse(v->options, v->n_options, v->in_order, argc - 1,
			      argv + 1, &o, reterr);
	if (words < 0) {
		r = err_wrap(reterr, "%s", v->name);
	} else if (o.help) {
		print_verb_help(stdout, v);
		r = 0;
	} else if (!v->run) {
		r = err_set(reterr, -ENOSYS, "%s: not implemented yet",
			    v->name);
	} else {
		r = check_words(v, words, reterr);
		if (r == 0) {
			cli->error_status = v->error_status;
			r = v->run(cli, &o, words, argv + 1, reterr);
		}
	}
	strv_release(&o.env);
	strv_release(&o.additional_gids);
	strv_release(&o.caps);
	return r;
}

/* *ROOT made absolute; the result is owned by *KEEP. */
static int choose_root(const char **root, char **keep, struct err *reterr)
{
	const char *runtime_dir = getenv("XDG_RUNTIME_DIR");
	cleanup_free char *cwd = NULL;

	if (*root && **root == '/')
		return 0;
	if (*root && **root) {
		cwd = getcwd(NULL, 0);
		if (!cwd)
			return err_errno(reterr, "working directory");
		*keep = path_join(cwd, *root);
	} else if (!userns_real_root() && runtime_dir && *runtime_dir == '/') {
		*keep = path_join(runtime_dir, "kiln");
	} else {
		*keep = strdup(DEFAULT_ROOT);
	}
	if (!*keep)
		return err_set(reterr, -ENOMEM, "out of memory");
	*root = *keep;
	return 0;
}

/* Opens the log; *FD is stderr without one. */
static int open_log(const struct cli *cli, int *fd, struct err *reterr)
{
	enum log_format format = LOG_FORMAT_TEXT;

	if (cli->log_format && !strcmp(cli->log_format, "json"))
		format = LOG_FORMAT_JSON;
	else if (cli->log_format && strcmp(cli->log_format, "text"))
		return err_set(reterr, -EINVAL,
			       "--log-format '%s' is neither text nor json",
			       cli->log_format);
	*fd = STDERR_FILENO;
	if (cli->log && *cli->log) {
		*fd = open(cli->log, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC,
			   0644);
		if (*fd < 0) {
			*fd = STDERR_FILENO;
			return err_errno(reterr, "open log '%s'", cli->log);
		}
	}
	log_setup(*fd, format, cli->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN,
		  "kiln");
	return 0;
}

/* Callers show either the log or standard error to their user. */
static void report(const struct err *e, int log_fd)
{
	char text[4 * ERR_TEXT_MAX];

	log_err("%s", e->text);
	if (log_fd == STDERR_FILENO)
		return;
	(void)log_escape(text, sizeof(text), e->text, strlen(e->text));
	(void)fprintf(stderr, "kiln: error: %s\n", text);
}

static int dispatch(struct cli *cli, int words, char **argv,
		    struct err *reterr)
{
	if (cli->show_version) {
		/* By the name it is called, as callers of runc expect; what it
		 * really is stands where runc has its commit. */
		(void)printf("%s version %s\ncommit: kiln-%s\nspec: %s\n",
			     program_invocation_short_name, cli->version,
			     cli->version, CLI_OCI_VERSION);
		return 0;
	}
	if (cli->show_help) {
		print_general_help(stdout);
		return 0;
	}
	if (words == 0) {
		print_general_help(stderr);
		return 1;
	}
	return run_verb(cli, words, argv, reterr);
}

int cli_main(int argc, char **argv, const char *version)
{
	struct cli cli = {.version = version};
	cleanup_free char *root = NULL;
	int log_fd = STDERR_FILENO, words, r;
	struct err e = {0};

	words = options_parse(global_options, ARRAY_SIZE(global_options), true,
			      argc - 1, argv + 1, &cli, &e);
	r = words < 0 ? words : 0;
	if (r == 0)
		r = open_log(&cli, &log_fd, &e);
	if (r == 0)
		r = choose_root(&cli.root, &root, &e);
	if (r == 0)
		r = dispatch(&cli, words, argv + 1, &e);
	if (r == 0 && (fflush(stdout) != 0 || ferror(stdout)))
		r = err_set(&e, -EIO, "write to standard output failed");
	if (r < 0) {
		report(&e, log_fd);
		r = cli.error_status ? cli.error_status : 1;
	}
	if (log_fd != STDERR_FILENO)
		close_fd(&log_fd);
	return r;
}
