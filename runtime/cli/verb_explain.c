// SPDX-License-Identifier: Apache-2.0
/* What happened to a container, from its files alone: VM or no VM. */
#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include "codec/json.h"
#include "runtime/cli/cli.h"
#include "runtime/engine/record.h"

#define OUTPUT_MAX (4u << 20)
#define TAIL_LINES 20
/* What the agent writes on the console begins with its name. */
#define AGENT_MARK "kiln-agent"

static const char *text_of(const json_object *o, const char *key)
{
	const char *text = json_to_str(json_member(o, key));

	return text ? text : "";
}

static void print_text(const json_object *o, const char *key,
		       const char *label)
{
	const char *text = text_of(o, key);

	if (*text)
		(void)printf("%-9s %s\n", label, text);
}

static void print_number(const json_object *o, const char *key,
			 const char *label)
{
	int64_t n;

	if (json_to_i64(json_member(o, key), 0, INT32_MAX, &n) == 0)
		(void)printf("%-9s %" PRId64 "\n", label, n);
}

static void print_state(const json_object *o)
{
	print_text(o, "id", "id");
	print_text(o, "status", "status");
	print_number(o, "exitStatus", "exit");
	print_number(o, "pid", "pid");
	print_text(o, "created", "created");
	print_text(o, "removed", "removed");
	print_text(o, "arch", "arch");
	print_text(o, "bundle", "bundle");
	print_text(o, "failure", "failure");
}

static void print_phases(json_object *phases)
{
	size_t i, n = json_object_is_type(phases, json_type_array)
			      ? json_object_array_length(phases)
			      : 0;

	if (n)
		(void)puts("\nphases, in ms since the supervisor's start:");
	for (i = 0; i < n; i++) {
		const json_object *p = json_object_array_get_idx(phases, i);
		int64_t ms = 0;

		(void)json_to_i64(json_member(p, "ms"), 0, INT64_MAX, &ms);
		(void)printf("  %-20s %8" PRId64 "\n", text_of(p, "name"), ms);
	}
}

/* The last TAIL_LINES of LINES, of the agent's or of all. */
static void print_tail(json_object *lines, bool agent, const char *title)
{
	size_t i, n = json_object_is_type(lines, json_type_array)
			      ? json_object_array_length(lines)
			      : 0;
	size_t shown = 0;
	bool titled = false;

	for (i = n; i > 0 && shown < TAIL_LINES; i--) {
		const char *s = json_to_str(
			json_object_array_get_idx(lines, i - 1));

		shown += s && (!agent || strstr(s, AGENT_MARK));
	}
	for (; i < n; i++) {
		const char *s =
			json_to_str(json_object_array_get_idx(lines, i));

		if (!s || (agent && !strstr(s, AGENT_MARK)))
			continue;
		if (!titled)
			(void)printf("\n%s:\n", title);
		titled = true;
		(void)printf("  %s\n", s);
	}
}

static int print_json(const json_object *o, struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(OUTPUT_MAX);
	int r = json_write(o, true, &out);

	if (r == 0)
		r = buf_put_u8(&out, '\n');
	if (r < 0)
		return err_code(reterr, r, "JSON output");
	return cli_print(buf_data(&out), out.len, reterr);
}

int verb_explain(const struct cli *cli, const struct verb_options *o,
		 int argc UNUSED, char **argv, struct err *reterr)
{
	cleanup_json json_object *record = NULL;
	int r = cli_check_id(argv[0], reterr);

	if (r == 0 && o->format && strcmp(o->format, "json") &&
	    strcmp(o->format, "text"))
		r = err_set(reterr, -EINVAL,
			    "--format '%s' is neither text nor json",
			    o->format);
	if (r == 0)
		r = record_load(cli->root, argv[0], &record, reterr);
	if (r < 0)
		return r;
	if (o->format && !strcmp(o->format, "json"))
		return print_json(record, reterr);
	print_state(record);
	print_phases(json_member(record, "phases"));
	print_tail(json_member(record, "console"), true,
		   "last lines of the agent");
	print_tail(json_member(record, "console"), false,
		   "last lines of the guest's console");
	print_tail(json_member(record, "log"), false,
		   "last lines of the supervisor's log");
	return 0;
}
