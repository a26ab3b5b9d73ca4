// SPDX-License-Identifier: Apache-2.0
/* What is known of containers, for programs and for people. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>

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

static int print_json(const json_object *o, struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	int r = o ? json_write(o, true, &out) : -ENOMEM;

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
	return print_json(json, reterr);
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
	return print_json(list, reterr);
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

static void print_process(int pid)
{
	cleanup_free char *name = NULL;
	char path[40], shown[64] = "";
	size_t n;

	(void)snprintf(path, sizeof(path), "/proc/%d/comm", pid);
	if (read_file(AT_FDCWD, path, 64, &name, &n) == 0)
		(void)log_escape(shown, sizeof(shown), name, strcspn(name, "\n"));
	(void)printf("%-12d%s\n", pid, shown);
}

int verb_ps(const struct cli *cli, const struct verb_options *o,
	    int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_json json_object *list = NULL;
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
		(void)printf("%-12s%s\n", "PID", "COMMAND");
		for (i = 0; i < n; i++)
			print_process(pids[i]);
		return 0;
	}
	list = json_object_new_array();
	for (i = 0; list && i < n; i++)
		(void)json_object_array_add(list, json_object_new_int(pids[i]));
	return print_json(list, reterr);
}
