// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_CLI_H
#define RUNTIME_CLI_H

#include <stdbool.h>
#include <stddef.h>

#include "base/err.h"
#include "base/strv.h"
#include "runtime/cli/options.h"
#include "runtime/config.h"

/* The OCI runtime specification that is implemented. */
#define CLI_OCI_VERSION "1.2.0"

/* What stands before the verb. */
struct cli {
	const char *version;
	const char *root; /* absolute */
	const char *log, *log_format, *config_path, *cgroup_manager;
	bool debug, systemd_cgroup, show_version, show_help;
	int error_status; /* to exit with on an error; 0: 1 */
};

/* What stands after it: the members that the verb's table of options names. */
struct verb_options {
	/* create, run, exec */
	const char *bundle, *spec_file, *console_socket;
	const char *pid_file, *arch;
	unsigned int preserve_fds;
	bool no_pivot, detach, keep;
	/* checkpoint, restore */
	const char *image_path;
	bool leave_running;
	/* exec */
	const char *process, *cwd, *user, *apparmor, *label;
	struct strv env, additional_gids, caps;
	const char *cgroup;
	bool tty, no_new_privs, ignore_paused;
	/* kill, delete, list, spec, config, gc */
	bool all, force, regex, quiet, rootless, no_origins, dry_run;
	const char *format;
	/* update */
	const char *resources, *memory, *memory_reservation, *memory_swap;
	const char *cpu_shares, *cpu_quota, *cpu_period, *cpuset_cpus;
	const char *cpuset_mems, *pids_limit, *blkio_weight;
	const char *cpu_rt_period, *cpu_rt_runtime;
	/* shell */
	const char *toolbox;
	/* events */
	const char *interval;
	bool stats;
	bool help;
};

/*
 * Carries a verb out: ARGC words that are no options in ARGV, as many as its
 * row allows. The exit status (0 or more), or -errno with the error set.
 */
typedef int (*verb_fn)(const struct cli *cli, const struct verb_options *o,
		       int argc, char **argv, struct err *reterr);

struct verb {
	const char *name;
	const char *summary; /* one line */
	const char *words;   /* usage of what are no options, or "" */
	verb_fn run;	     /* NULL: not implemented yet */
	const struct option_desc *options;
	size_t n_options;
	int min_words, max_words; /* max -1: any number */
	bool in_order;		  /* options only before the first word */
	/* In place of run: gets all words as they are, argv[0] the verb. */
	int (*raw)(int argc, char **argv);
	int error_status; /* when run fails; 0: 1 */
};

/* All verbs that are shown; ends with a NULL name. */
extern const struct verb cli_verbs[];

const struct verb *verb_find(const char *name);

/* Runs the whole program: `kiln …` of ARGC words. The exit status. */
int cli_main(int argc, char **argv, const char *version);

/* Fails unless ID is a valid one. */
int cli_check_id(const char *id, struct err *reterr);

/* The configuration that --config and the annotation-free rules give. */
int cli_load_config(const struct cli *cli, struct config **ret,
		    struct err *reterr);

/*
 * The options of a new container. The configuration that holds for it, *CONFIG,
 * depends on its spec, which is looked at here and again by the engine.
 */
struct create_options;
int cli_prepare(const struct cli *cli, const struct verb_options *o,
		const char *id, struct config **config,
		struct create_options *ret, struct err *reterr);

/* Writes the N bytes to standard output; 0 or -errno with the error set. */
int cli_print(const void *p, size_t n, struct err *reterr);

/* The verbs. */
int verb_create(const struct cli *cli, const struct verb_options *o, int argc,
		char **argv, struct err *reterr);
int verb_run(const struct cli *cli, const struct verb_options *o, int argc,
	     char **argv, struct err *reterr);
int verb_start(const struct cli *cli, const struct verb_options *o, int argc,
	       char **argv, struct err *reterr);
int verb_state(const struct cli *cli, const struct verb_options *o, int argc,
	       char **argv, struct err *reterr);
int verb_kill(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr);
int verb_delete(const struct cli *cli, const struct verb_options *o, int argc,
		char **argv, struct err *reterr);
int verb_exec(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr);
int verb_list(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr);
int verb_shell(const struct cli *cli, const struct verb_options *o, int argc,
	       char **argv, struct err *reterr);
int verb_ps(const struct cli *cli, const struct verb_options *o, int argc,
	    char **argv, struct err *reterr);
int verb_pause(const struct cli *cli, const struct verb_options *o, int argc,
	       char **argv, struct err *reterr);
int verb_resume(const struct cli *cli, const struct verb_options *o, int argc,
		char **argv, struct err *reterr);
int verb_checkpoint(const struct cli *cli, const struct verb_options *o,
		    int argc, char **argv, struct err *reterr);
int verb_restore(const struct cli *cli, const struct verb_options *o, int argc,
		 char **argv, struct err *reterr);
int verb_update(const struct cli *cli, const struct verb_options *o, int argc,
		char **argv, struct err *reterr);
int verb_spec(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr);
int verb_features(const struct cli *cli, const struct verb_options *o, int argc,
		  char **argv, struct err *reterr);
int verb_config(const struct cli *cli, const struct verb_options *o, int argc,
		char **argv, struct err *reterr);
int verb_gc(const struct cli *cli, const struct verb_options *o, int argc,
	    char **argv, struct err *reterr);
int verb_events(const struct cli *cli, const struct verb_options *o, int argc,
		char **argv, struct err *reterr);
int verb_explain(const struct cli *cli, const struct verb_options *o, int argc,
		 char **argv, struct err *reterr);
int verb_help(const struct cli *cli, const struct verb_options *o, int argc,
	      char **argv, struct err *reterr);

#endif
