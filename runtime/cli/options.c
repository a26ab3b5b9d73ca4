// SPDX-License-Identifier: Apache-2.0
#include "runtime/cli/options.h"

#include <errno.h>
#include <string.h>

#include "base/num.h"
#include "base/strv.h"

#define HELP_COLUMN 30

struct parser {
	const struct option_desc *options;
	size_t n_options;
	int argc, next; /* the next word of argv to look at */
	char **argv;
	char *out;
	struct err *err;
};

static bool is_flag(const struct option_desc *o)
{
	return o->kind == OPTION_FLAG || o->kind == OPTION_IGNORED_FLAG;
}

static const struct option_desc *find_long(const struct parser *p,
					   const char *name, size_t n)
{
	size_t i;

	for (i = 0; i < p->n_options; i++)
		if (!strncmp(p->options[i].name, name, n) &&
		    !p->options[i].name[n])
			return &p->options[i];
	return NULL;
}

static const struct option_desc *find_short(const struct parser *p, char letter)
{
	size_t i;

	for (i = 0; i < p->n_options; i++)
		if (letter && p->options[i].letter == letter)
			return &p->options[i];
	return NULL;
}

static int store_flag(struct parser *p, const struct option_desc *o,
		      const char *value)
{
	bool on = true;

	if (value && (!strcmp(value, "false") || !strcmp(value, "0")))
		on = false;
	else if (value && strcmp(value, "true") && strcmp(value, "1"))
		return err_set(p->err, -EINVAL,
			       "option --%s: '%s' is neither true nor false",
			       o->name, value);
	if (o->kind == OPTION_FLAG)
		*(bool *)(p->out + o->offset) = on;
	return 0;
}

static int store(struct parser *p, const struct option_desc *o, char *value)
{
	void *at = p->out + o->offset;

	switch (o->kind) {
	case OPTION_STRING:
		*(const char **)at = value;
		return 0;
	case OPTION_LIST:
		if (strv_add(at, value) < 0)
			return err_set(p->err, -ENOMEM, "out of memory");
		return 0;
	case OPTION_UINT:
		if (parse_u32(value, 10, at) < 0)
			return err_set(p->err, -EINVAL,
				       "option --%s: '%s' is no number",
				       o->name, value);
		return 0;
	default:
		return 0;
	}
}

/* The value is the next word. */
static int store_next(struct parser *p, const struct option_desc *o)
{
	if (p->next == p->argc)
		return err_set(p->err, -EINVAL, "option --%s needs a value",
			       o->name);
	return store(p, o, p->argv[p->next++]);
}

static int parse_long(struct parser *p, char *word)
{
	size_t n = strcspn(word, "=");
	char *value = word[n] ? word + n + 1 : NULL;
	const struct option_desc *o = find_long(p, word, n);

	if (!o)
		return err_set(p->err, -EINVAL, "unknown option '--%.*s'",
			       (int)n, word);
	if (is_flag(o))
		return store_flag(p, o, value);
	return value ? store(p, o, value) : store_next(p, o);
}

static int parse_short(struct parser *p, char *word)
{
	int r = 0;

	for (; *word && r == 0; word++) {
		const struct option_desc *o = find_short(p, *word);

		if (!o)
			return err_set(p->err, -EINVAL, "unknown option '-%c'",
				       *word);
		if (!is_flag(o)) {
			if (!word[1])
				return store_next(p, o);
			return store(p, o, word + 1 + (word[1] == '='));
		}
		if (word[1] == '=')
			return store_flag(p, o, word + 2);
		r = store_flag(p, o, NULL);
	}
	return r;
}

int options_parse(const struct option_desc *options, size_t n_options,
		  bool in_order, int argc, char **argv, void *out,
		  struct err *reterr)
{
	struct parser p = {
		.options = options,
		.n_options = n_options,
		.argc = argc,
		.argv = argv,
		.out = out,
		.err = reterr,
	};
	int words = 0, r = 0;

	while (p.next < argc && r == 0) {
		char *word = argv[p.next++];

		if (!strcmp(word, "--"))
			break;
		if (word[0] == '-' && word[1] == '-') {
			r = parse_long(&p, word + 2);
		} else if (word[0] == '-' && word[1]) {
			r = parse_short(&p, word + 1);
		} else {
			argv[words++] = word;
			if (in_order)
				break;
		}
	}
	while (r == 0 && p.next < argc)
		argv[words++] = argv[p.next++];
	return r < 0 ? r : words;
}

void options_print(FILE *out, const struct option_desc *options,
		   size_t n_options)
{
	size_t i;

	for (i = 0; i < n_options; i++) {
		const struct option_desc *o = &options[i];
		char left[80], letter[8] = "    ";
		int n;

		if (!o->help)
			continue;
		if (o->letter)
			(void)snprintf(letter, sizeof(letter), "-%c, ",
				       o->letter);
		n = snprintf(left, sizeof(left), "  %s--%s%s%s", letter,
			     o->name, o->metavar ? " " : "",
			     o->metavar ? o->metavar : "");
		if (n < HELP_COLUMN - 1)
			(void)fprintf(out, "%-*s%s\n", HELP_COLUMN, left,
				      o->help);
		else
			(void)fprintf(out, "%s\n%*s%s\n", left, HELP_COLUMN, "",
				      o->help);
	}
}
