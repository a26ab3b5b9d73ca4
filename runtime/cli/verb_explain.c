// SPDX-License-Identifier: Apache-2.0
/* What happened to a container, from its files alone: VM or no VM. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

#include "base/log.h"
#include "base/path.h"
#include "os/io.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"

#define FILE_MAX ((size_t)8 << 20)
#define TAIL_LINES 20
#define LINE_MAX_SHOWN 512

static char *read_part(const struct cli *cli, const char *id, const char *name)
{
	cleanup_free char *dir = path_join(cli->root, id);
	cleanup_free char *path = dir ? path_join(dir, name) : NULL;
	char *text = NULL;
	size_t n;

	if (!path || read_file(AT_FDCWD, path, FILE_MAX, &text, &n) < 0)
		return NULL;
	return text;
}

static void print_state(const struct container_state *s)
{
	(void)printf("id        %s\nstatus    %s\n", s->id, s->status);
	if (s->exit_status >= 0)
		(void)printf("exit      %d\n", s->exit_status);
	if (s->pid)
		(void)printf("pid       %d\n", s->pid);
	(void)printf("created   %s\narch      %s\nbundle    %s\n", s->created,
		     s->arch, s->bundle);
}

static void print_phases(char *journal)
{
	char *line, *rest = journal;

	(void)puts("\nphases, in ms since the supervisor's start:");
	while ((line = strsep(&rest, "\n"))) {
		char *name, *ms;

		if (strncmp(line, "phase ", 6))
			continue;
		name = line + 6;
		ms = strrchr(name, ' ');
		if (!ms)
			continue; /* a torn line */
		*ms++ = '\0';
		(void)printf("  %-20s %8s\n", name, ms);
	}
}

/* The last lines, which a guest may have had its hand in: escaped. */
static void print_log(char *log)
{
	size_t n = strlen(log), lines = 0;
	char *line, *rest;

	while (n && log[n - 1] == '\n')
		log[--n] = '\0';
	for (rest = log + n; rest > log; rest--)
		if (rest[-1] == '\n' && ++lines == TAIL_LINES)
			break;
	(void)puts("\nlast lines of the log:");
	while ((line = strsep(&rest, "\n"))) {
		char shown[LINE_MAX_SHOWN];

		(void)log_escape(shown, sizeof(shown), line, strlen(line));
		(void)printf("  %s\n", shown);
	}
}

int verb_explain(const struct cli *cli, const struct verb_options *o UNUSED,
		 int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_free char *journal = NULL, *log = NULL;
	struct container_state s = {0};
	int r = cli_check_id(argv[0], reterr);

	if (r == 0)
		r = client_state(cli->root, argv[0], &s, reterr);
	if (r < 0)
		return r;
	print_state(&s);
	container_state_release(&s);
	journal = read_part(cli, argv[0], "journal");
	if (journal)
		print_phases(journal);
	log = read_part(cli, argv[0], "supervisor.log");
	if (log)
		print_log(log);
	return 0;
}
