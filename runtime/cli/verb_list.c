// SPDX-License-Identifier: Apache-2.0
/* What is known of containers, for programs and for people. */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/log.h"
#include "codec/json.h"
#include "os/io.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"

#define OUTPUT_MAX (16u << 20)
#define STATE_DEPTH_MAX 32

DEFINE_CLEANUP(int, free)

static int add_string(json_object *o, const char *key, const char *value)
{
	return json_object_object_add(
		o, key, json_object_new_string(value ? value : ""));
}

static json_object *state_to_json(const struct container_state *s)
{
	cleanup_json json_object *o = json_object_new_object();
	cleanup_json json_object *annotations = NULL;
	struct err ignored;

	if (!o || add_string(o, "ociVersion", CLI_OCI_VERSION) ||
	    add_string(o, "id", s->id) ||
	    json_object_object_add(o, "pid", json_object_new_int(s->pid)) ||
	    add_string(o, "status", s->status) ||
	    add_string(o, "bundle", s->bundle) ||
	    add_string(o, "rootfs", s->rootfs) ||
	    add_string(o, "created", s->created))
		return NULL;
	/* Written by the engine; a damaged one is left out. */
	if (s->annotations_json &&
	    json_parse_text(s->annotations_json, strlen(s->annotations_json),
			    STATE_DEPTH_MAX, &annotations, &ignored) < 0)
		annotations = NULL;
	if (json_object_is_type(annotations, json_type_object) &&
	    json_object_object_length(annotations) > 0)
		(void)json_object_object_add(o, "annotations",
					     json_object_get(annotations));
	if (add_string(o, "owner", s->owner) || add_string(o, "arch", s->arch))
		return NULL;
	return TAKE_PTR(o);
}

static int print_json(const json_object *o, bool indented,
		      struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	int r = o ? json_write(o, indented, &out) : -ENOMEM;

	if (r == 0)
		r = buf_put_u8(&out, '\n');
	if (r < 0)
		return err_code(reterr, r, "JSON output");
	return cli_print(buf_data(&out), out.len, reterr);
}

int verb_state(const struct cli *cli, const struct verb_options *o UNUSED,
	       int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_json json_object *json = NULL;
	struct container_state state = {0};
	int r = cli_check_id(argv[0], reterr);

	if (r < 0)
		return r;
	r = client_state(cli->root, argv[0], &state, reterr);
	if (r < 0)
		return r;
	json = state_to_json(&state);
	container_state_release(&state);
	return print_json(json, true, reterr);
}

/* Columns as wide as their widest cell and three blanks, at least 12. */
struct table {
	size_t widths[8];
	size_t n_columns;
};

static void measure(struct table *t, const char *const *cells)
{
	size_t i;

	for (i = 0; i < t->n_columns; i++)
		t->widths[i] = MAX(t->widths[i], strlen(cells[i]) + 3);
}

static void print_row(const struct table *t, const char *const *cells)
{
	size_t i;

	for (i = 0; i < t->n_columns; i++)
		(void)printf("%-*s",
			     i + 1 < t->n_columns ? (int)t->widths[i] : 0,
			     cells[i]);
	(void)putchar('\n');
}

static const char *const list_head[] = {"ID",	   "PID",   "STATUS", "BUNDLE",
					"CREATED", "OWNER", "ARCH"};

struct list_row {
	char pid[16];
	const char *cells[ARRAY_SIZE(list_head)];
};

static void fill_row(struct list_row *row, const struct container_state *s)
{
	const char *cells[] = {s->id,	   row->pid, s->status, s->bundle,
			       s->created, s->owner, s->arch};
	size_t i;

	(void)snprintf(row->pid, sizeof(row->pid), "%d", s->pid);
	for (i = 0; i < ARRAY_SIZE(cells); i++)
		row->cells[i] = cells[i] ? cells[i] : "";
}

static void print_list(const struct container_state *v, size_t n)
{
	struct table t = {.n_columns = ARRAY_SIZE(list_head)};
	struct list_row row;
	size_t i;

	for (i = 0; i < t.n_columns; i++)
		t.widths[i] = 12;
	measure(&t, list_head);
	for (i = 0; i < n; i++) {
		fill_row(&row, &v[i]);
		measure(&t, row.cells);
	}
	print_row(&t, list_head);
	for (i = 0; i < n; i++) {
		fill_row(&row, &v[i]);
		print_row(&t, row.cells);
	}
}

static int print_list_json(const struct container_state *v, size_t n,
			   struct err *reterr)
{
	cleanup_json json_object *list = json_object_new_array();
	size_t i;

	for (i = 0; list && i < n; i++)
		if (json_object_array_add(list, state_to_json(&v[i])) < 0)
			return err_set(reterr, -ENOMEM, "out of memory");
	return print_json(list, false, reterr);
}

static int check_format(const char *format, struct err *reterr)
{
	if (!format || !strcmp(format, "table") || !strcmp(format, "json"))
		return 0;
	return err_set(reterr, -EINVAL, "--format '%s' is neither table nor json",
		       format);
}

int verb_list(const struct cli *cli, const struct verb_options *o,
	      int argc UNUSED, char **argv UNUSED, struct err *reterr)
{
	struct container_state *v = NULL;
	size_t n = 0, i;
	int r = check_format(o->format, reterr);

	if (r == 0)
		r = client_list(cli->root, &v, &n, reterr);
	if (r < 0)
		return r;
	if (o->quiet) {
		for (i = 0; i < n; i++)
			(void)puts(v[i].id);
	} else if (o->format && !strcmp(o->format, "json")) {
		r = print_list_json(v, n, reterr);
	} else {
		print_list(v, n);
	}
	container_states_free(v, n);
	return r;
}

/* Runs ps of the host; *RET gets what it prints, to be freed. */
static int run_ps(char *const *options, int n, char **ret, struct err *reterr)
{
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_close int out = memfd_create("kiln-ps", MFD_CLOEXEC);
	char path[40];
	int i, status;
	size_t size;
	pid_t pid;

	(void)strv_add(&argv, "ps");
	for (i = 0; i < n; i++)
		(void)strv_add(&argv, options[i]);
	if (n == 0)
		(void)strv_add(&argv, "-ef");
	if (out < 0 || strv_error(&argv) < 0)
		return err_code(reterr, -ENOMEM, "ps");
	pid = fork();
	if (pid < 0)
		return err_errno(reterr, "fork ps");
	if (!pid) {
		if (dup2(out, STDOUT_FILENO) >= 0)
			(void)execvp("ps", strv_argv(&argv));
		_exit(127);
	}
	if (waitpid(pid, &status, 0) < 0 || status)
		return err_set(reterr, -EIO, "the host's ps failed");
	(void)snprintf(path, sizeof(path), "/proc/self/fd/%d", out);
	status = read_file(AT_FDCWD, path, OUTPUT_MAX, ret, &size);
	return status < 0 ? err_code(reterr, status, "output of ps") : 0;
}

static bool has_pid(const char *line, size_t column, const int *pids, size_t n)
{
	uint64_t pid = 0;
	size_t i;

	for (i = 0; i < column; i++) {
		line += strspn(line, " ");
		line += strcspn(line, " ");
	}
	line += strspn(line, " ");
	if (!isdigit((unsigned char)*line))
		return false;
	for (; isdigit((unsigned char)*line); line++)
		pid = pid * 10 + (uint64_t)(*line - '0');
	for (i = 0; i < n; i++)
		if ((uint64_t)pids[i] == pid)
			return true;
	return false;
}

/* Of what ps says, the head and the lines of PIDS. */
static int print_processes(char *text, const int *pids, size_t n,
			   struct err *reterr)
{
	char *rest = text, *head = strsep(&rest, "\n"), *line;
	const char *p = head;
	size_t column = 0;

	for (p += strspn(p, " "); *p; p += strspn(p, " "), column++) {
		size_t len = strcspn(p, " ");

		if (len == 3 && !strncmp(p, "PID", 3))
			break;
		p += len;
	}
	if (!*p)
		return err_set(reterr, -EINVAL,
			       "ps with these options shows no column PID");
	(void)puts(head);
	while ((line = strsep(&rest, "\n")))
		if (has_pid(line, column, pids, n))
			(void)puts(line);
	return 0;
}

int verb_ps(const struct cli *cli, const struct verb_options *o,
	    int argc, char **argv, struct err *reterr)
{
	cleanup_json json_object *list = NULL;
	cleanup_free char *text = NULL;
	cleanup(freep) int *pids = NULL;
	size_t n = 0, i;
	int r = cli_check_id(argv[0], reterr);

	if (r == 0)
		r = check_format(o->format, reterr);
	if (r == 0)
		r = client_pids(cli->root, argv[0], &pids, &n, reterr);
	if (r < 0)
		return r;
	if (!o->format || strcmp(o->format, "json")) {
		r = run_ps(argv + 1, argc - 1, &text, reterr);
		return r < 0 ? r : print_processes(text, pids, n, reterr);
	}
	list = json_object_new_array();
	for (i = 0; list && i < n; i++)
		(void)json_object_array_add(list, json_object_new_int(pids[i]));
	return print_json(list, false, reterr);
}
