// SPDX-License-Identifier: Apache-2.0
/* The table of verbs and their options: the help text is made from it. */
#include <string.h>

#include "runtime/check.h"
#include "runtime/cli/cli.h"

#define AT(member) offsetof(struct verb_options, member)
#define FLAG(l, n, member, h) {(l), (n), OPTION_FLAG, NULL, AT(member), (h)}
#define STRING(l, n, m, member, h)                                             \
	{(l), (n), OPTION_STRING, (m), AT(member), (h)}
#define LIST(l, n, m, member, h) {(l), (n), OPTION_LIST, (m), AT(member), (h)}
#define UINT(l, n, m, member, h) {(l), (n), OPTION_UINT, (m), AT(member), (h)}
#define IGNORED(n) {0, (n), OPTION_IGNORED_FLAG, NULL, 0, NULL}
#define IGNORED_STRING(n) {0, (n), OPTION_IGNORED_STRING, NULL, 0, NULL}
#define HELP FLAG('h', "help", help, "show this")

#define CREATE_OPTIONS                                                         \
	STRING('b', "bundle", "DIR", bundle,                                   \
	       "bundle with config.json (default: .)"),                        \
	STRING('f', "config", "FILE", spec_file,                               \
	       "in place of the bundle's config.json"),                        \
	STRING(0, "console-socket", "SOCKET", console_socket,                  \
	       "socket that gets the terminal"),                               \
	STRING(0, "pid-file", "FILE", pid_file, "file to write the pid to"),   \
	STRING(0, "arch", "ARCH", arch,                                        \
	       "architecture of the guest (default: the image's)"),            \
	UINT(0, "preserve-fds", "N", preserve_fds,                             \
	     "further descriptors to pass on"),                                \
	FLAG(0, "no-pivot", no_pivot, "accepted; the guest decides"),          \
	IGNORED("no-new-keyring"), HELP

static const struct option_desc create_options[] = {CREATE_OPTIONS};

static const struct option_desc run_options[] = {
	CREATE_OPTIONS,
	FLAG('d', "detach", detach, "do not wait for the end"),
	FLAG(0, "keep", keep, "do not delete afterwards"),
	IGNORED("no-subreaper"),
};

/* A VM is saved whole: what CRIU wants to be told about the parts is taken, and
 * changes nothing. */
#define CRIU_OPTIONS                                                           \
	IGNORED("tcp-established"), IGNORED("ext-unix-sk"),                    \
	IGNORED("shell-job"), IGNORED("file-locks"),                           \
	IGNORED_STRING("manage-cgroups-mode"), IGNORED_STRING("empty-ns")

static const struct option_desc checkpoint_options[] = {
	STRING(0, "image-path", "DIR", image_path,
	       "where to write it (default: checkpoint)"),
	{0, "work-path", OPTION_IGNORED_STRING, "DIR", 0,
	 "accepted; there are no working files"},
	FLAG(0, "leave-running", leave_running,
	     "let it go on; else it is deleted"),
	CRIU_OPTIONS, HELP,
};

static const struct option_desc restore_options[] = {
	STRING(0, "image-path", "DIR", image_path,
	       "where it was written (default: checkpoint)"),
	{0, "work-path", OPTION_IGNORED_STRING, "DIR", 0,
	 "accepted; there are no working files"},
	STRING('b', "bundle", "DIR", bundle,
	       "bundle with config.json (default: .)"),
	STRING('f', "config", "FILE", spec_file,
	       "in place of the bundle's config.json"),
	STRING(0, "console-socket", "SOCKET", console_socket,
	       "socket that gets the terminal"),
	STRING(0, "pid-file", "FILE", pid_file, "file to write the pid to"),
	FLAG('d', "detach", detach, "do not wait for the end"),
	FLAG(0, "no-pivot", no_pivot, "accepted; the guest decides"),
	IGNORED("no-subreaper"), CRIU_OPTIONS, HELP,
};

static const struct option_desc help_options[] = {HELP};

static const struct option_desc kill_options[] = {
	FLAG('a', "all", all, "send to all processes"),
	HELP,
};

static const struct option_desc delete_options[] = {
	FLAG('f', "force", force, "kill it first; no error when unknown"),
	FLAG('r', "regex", regex, "all whose id matches ID"),
	HELP,
};

static const struct option_desc exec_options[] = {
	STRING('p', "process", "FILE", process, "process as JSON"),
	FLAG('t', "tty", tty, "allocate a terminal"),
	FLAG('d', "detach", detach, "do not wait for the end"),
	STRING(0, "cwd", "DIR", cwd, "working directory"),
	LIST('e', "env", "NAME=VALUE", env, "environment variable; repeatable"),
	STRING('u', "user", "UID[:GID]", user, "user and group"),
	LIST('g', "additional-gids", "GID", additional_gids,
	     "supplementary group; repeatable"),
	LIST('c', "cap", "CAP", caps, "capability to add; repeatable"),
	STRING(0, "pid-file", "FILE", pid_file, "file to write the pid to"),
	STRING(0, "console-socket", "SOCKET", console_socket,
	       "socket that gets the terminal"),
	FLAG(0, "no-new-privs", no_new_privs, "set no_new_privs"),
	STRING(0, "apparmor", "PROFILE", apparmor, "AppArmor profile"),
	STRING(0, "process-label", "LABEL", label, "SELinux label"),
	UINT(0, "preserve-fds", "N", preserve_fds,
	     "further descriptors to pass on"),
	IGNORED("no-subreaper"),
	FLAG(0, "ignore-paused", ignore_paused,
	     "in a paused container, wait until it goes on"),
	STRING(0, "cgroup", "PATH", cgroup,
	       "control group, below the container's, in the guest"),
	HELP,
};

static const struct option_desc list_options[] = {
	STRING('f', "format", "FORMAT", format, "table (default) or json"),
	FLAG('q', "quiet", quiet, "ids only"),
	HELP,
};

static const struct option_desc ps_options[] = {
	STRING('f', "format", "FORMAT", format, "table (default) or json"),
	HELP,
};

static const struct option_desc update_options[] = {
	STRING('r', "resources", "FILE", resources,
	       "limits as JSON, - for standard input"),
	STRING(0, "memory", "BYTES", memory, "memory limit"),
	STRING(0, "memory-reservation", "BYTES", memory_reservation,
	       "soft memory limit"),
	STRING(0, "memory-swap", "BYTES", memory_swap,
	       "limit of memory and swap; -1: none"),
	STRING(0, "cpu-share", "N", cpu_shares, "weight of CPU time"),
	STRING(0, "cpu-shares", "N", cpu_shares, NULL),
	STRING(0, "cpu-quota", "USEC", cpu_quota, "CPU time a period"),
	STRING(0, "cpu-period", "USEC", cpu_period, "length of a period"),
	STRING(0, "cpuset-cpus", "LIST", cpuset_cpus, "CPUs"),
	STRING(0, "cpuset-mems", "LIST", cpuset_mems, "memory nodes"),
	STRING(0, "pids-limit", "N", pids_limit, "number of processes"),
	STRING(0, "blkio-weight", "N", blkio_weight, "weight of block I/O"),
	IGNORED_STRING("kernel-memory"),
	IGNORED_STRING("kernel-memory-tcp"),
	STRING(0, "cpu-rt-period", "USEC", cpu_rt_period,
	       "length of a real-time period"),
	STRING(0, "cpu-rt-runtime", "USEC", cpu_rt_runtime,
	       "real-time CPU time a period"),
	HELP,
};

static const struct option_desc shell_options[] = {
	STRING(0, "toolbox", "DIR", toolbox,
	       "root file system to attach, with the programs to use"),
	HELP,
};

static const struct option_desc events_options[] = {
	FLAG(0, "stats", stats, "once, and no more"),
	STRING(0, "interval", "TIME", interval,
	       "time between two, as 100ms (default: 5s)"),
	HELP,
};

static const struct option_desc spec_options[] = {
	STRING('b', "bundle", "DIR", bundle, "where to write (default: .)"),
	FLAG(0, "rootless", rootless, "for a user without privileges"),
	HELP,
};

static const struct option_desc config_options[] = {
	STRING('f', "format", "FORMAT", format, "toml (default) or json"),
	STRING(0, "arch", "ARCH", arch, "as it holds for guests of ARCH"),
	FLAG(0, "no-origins", no_origins, "TOML without where it is from"),
	HELP,
};

/* For the help; check_main() parses them. */
static const struct option_desc check_options[] = {
	STRING(0, "format", "FORMAT", format, "text (default) or json"),
	STRING(0, "arch", "ARCH", arch, "this architecture; repeatable"),
	HELP,
};

static const struct option_desc gc_options[] = {
	FLAG('n', "dry-run", dry_run, "only tell what would be removed"),
	STRING('f', "format", "FORMAT", format, "text (default) or json"),
	HELP,
};

static const struct option_desc explain_options[] = {
	STRING('f', "format", "FORMAT", format, "text (default) or json"),
	HELP,
};

/* As runc: no status that a command is likely to exit with. */
#define EXEC_FAILED 255

#define OPTIONS(t) .options = (t), .n_options = ARRAY_SIZE(t)

const struct verb cli_verbs[] = {
	{"create", "make a container and its VM, not started", "ID",
	 verb_create, OPTIONS(create_options), 1, 1, false},
	{"run", "create and start a container", "ID", verb_run,
	 OPTIONS(run_options), 1, 1, false},
	{"start", "start the process of a created container", "ID", verb_start,
	 OPTIONS(help_options), 1, 1, false},
	{"state", "print the state of a container as JSON", "ID", verb_state,
	 OPTIONS(help_options), 1, 1, false},
	{"kill", "send a signal (default: TERM)", "ID [SIGNAL]", verb_kill,
	 OPTIONS(kill_options), 1, 2, false},
	{"delete", "remove what a stopped container holds", "ID", verb_delete,
	 OPTIONS(delete_options), 1, 1, false},
	{"exec", "run a further process in a container",
	 "ID COMMAND [ARG...] | --process FILE ID", verb_exec,
	 OPTIONS(exec_options), 1, -1, true, NULL, EXEC_FAILED},
	{"list", "list containers", "", verb_list, OPTIONS(list_options), 0, 0,
	 false},
	{"ps", "list the processes that stand for a container's",
	 "ID [ARG-OF-PS...]",
	 verb_ps, OPTIONS(ps_options), 1, -1, true},
	{"pause", "suspend all processes of a container", "ID", verb_pause,
	 OPTIONS(help_options), 1, 1, false},
	{"resume", "let a paused container go on", "ID", verb_resume,
	 OPTIONS(help_options), 1, 1, false},
	{"checkpoint", "save a container with its VM, and end it", "ID",
	 verb_checkpoint, OPTIONS(checkpoint_options), 1, 1, false},
	{"restore", "let a saved container go on, as ID", "ID", verb_restore,
	 OPTIONS(restore_options), 1, 1, false},
	{"update", "change the limits of a container", "ID", verb_update,
	 OPTIONS(update_options), 1, 1, false},
	{"events", "show what a container uses, again and again", "ID",
	 verb_events, OPTIONS(events_options), 1, 1, false},
	{"spec", "write a config.json to start from", "", verb_spec,
	 OPTIONS(spec_options), 0, 0, false},
	{"features", "print what is supported as JSON", "", verb_features,
	 OPTIONS(help_options), 0, 0, false},
	{"config", "print the configuration and where it is from", "",
	 verb_config, OPTIONS(config_options), 0, 0, false},
	{"check", "tell what this host can run, and why", "[ARCH...]", NULL,
	 OPTIONS(check_options), 0, -1, false, check_main},
	{"gc", "remove what dead sandboxes have left", "", verb_gc,
	 OPTIONS(gc_options), 0, 0, false},
	{"explain", "tell what happened to a container", "ID", verb_explain,
	 OPTIONS(explain_options), 1, 1, false},
	{"shell", "a shell in the guest of a container, not in it",
	 "ID [COMMAND [ARG...]]", verb_shell, OPTIONS(shell_options), 1, -1,
	 true, NULL, EXEC_FAILED},
	{"help", "show help, of all or of a verb", "[VERB]", verb_help,
	 OPTIONS(help_options), 0, 1, false},
	{0},
};

const struct verb *verb_find(const char *name)
{
	const struct verb *v;

	for (v = cli_verbs; v->name; v++)
		if (!strcmp(v->name, name))
			return v;
	return NULL;
}
