// SPDX-License-Identifier: Apache-2.0
/* Removes what sandboxes without an owner have left on the host. */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "codec/json.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/client.h"

#define OUTPUT_MAX (16u << 20)

static void add_string(json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static json_object *entry_to_json(const struct gc_entry *e, bool dry_run)
{
	json_object *o = json_object_new_object();
	json_object *items = json_object_new_array();
	size_t i;

	for (i = 0; items && i < e->n_items; i++) {
		json_object *item = json_object_new_object();

		add_string(item, "kind", e->items[i].kind);
		add_string(item, "what", e->items[i].what);
		(void)json_object_array_add(items, item);
	}
	add_string(o, "id", e->id);
	(void)json_object_object_add(o, "items", items);
	(void)json_object_object_add(
		o, "removed", json_object_new_boolean(!dry_run && !e->error));
	if (e->error)
		add_string(o, "error", e->text.text);
	return o;
}

static int print_json(const struct gc_entry *v, size_t n, bool dry_run,
		      struct err *reterr)
{
	cleanup_json json_object *list = json_object_new_array();
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	size_t i;
	int r;

	for (i = 0; list && i < n; i++)
		(void)json_object_array_add(list,
					    entry_to_json(&v[i], dry_run));
	r = list ? json_write(list, true, &out) : -ENOMEM;
	if (r == 0)
		r = buf_put_u8(&out, '\n');
	if (r < 0)
		return err_code(reterr, r, "JSON output");
	return cli_print(buf_data(&out), out.len, reterr);
}

static void print_text(const struct gc_entry *v, size_t n, bool dry_run)
{
	size_t i, j, done = 0;

	for (i = 0; i < n; i++) {
		done += !v[i].error;
		(void)printf("%s: nobody owns it\n", v[i].id);
		for (j = 0; j < v[i].n_items; j++)
			(void)printf("  %-8s %s\n", v[i].items[j].kind,
				     v[i].items[j].what);
		if (v[i].error)
			(void)printf("  not removed: %s\n", v[i].text.text);
	}
	(void)printf("%zu %s\n", done,
		     dry_run ? "would be removed" : "removed");
}

int verb_gc(const struct cli *cli, const struct verb_options *o,
	    int argc UNUSED, char **argv UNUSED, struct err *reterr)
{
	bool json = o->format && !strcmp(o->format, "json");
	struct gc_entry *v = NULL;
	size_t n = 0, i;
	int r = 0;

	if (o->format && !json && strcmp(o->format, "text"))
		return err_set(reterr, -EINVAL,
			       "--format '%s' is neither text nor json",
			       o->format);
	r = client_gc(cli->root, o->dry_run, &v, &n, reterr);
	if (r < 0)
		return r;
	if (json)
		r = print_json(v, n, o->dry_run, reterr);
	else
		print_text(v, n, o->dry_run);
	for (i = 0; i < n && !r; i++)
		if (v[i].error)
			r = err_set(reterr, v[i].error, "'%s': %s", v[i].id,
				    v[i].text.text);
	gc_entries_free(v, n);
	return r;
}
