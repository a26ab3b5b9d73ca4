// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <string.h>

#include "runtime/cli/cli.h"
#include "runtime/cli/signals.h"
#include "runtime/suggest.h"

static void test_signals(void **state UNUSED)
{
	static const struct {
		const char *text;
		int number;
	} cases[] = {
		{"9", 9},	    {"KILL", 9},	{"SIGKILL", 9},
		{"sigterm", 15},    {"Hup", 1},		{"0", 0},
		{"64", 64},	    {"65", -EINVAL},	{"-9", -EINVAL},
		{"RTMIN", 34},	    {"SIGRTMIN+3", 37}, {"RTMAX-1", 63},
		{"RTMIN+31", -EINVAL}, {"", -EINVAL},	{"SIG", -EINVAL},
		{"FOO", -EINVAL},   {"9x", -EINVAL},	{"WINCH", 28},
	};
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++)
		if (signal_parse(cases[i].text) != cases[i].number)
			fail_msg("'%s': %d", cases[i].text,
				 signal_parse(cases[i].text));
}

/* Parses WORDS for VERB; the number of words left, or -errno. */
static int parse(const char *verb, struct verb_options *o, char **words,
		 struct err *e)
{
	const struct verb *v = verb_find(verb);
	int n = 0;

	while (words[n])
		n++;
	memset(o, 0, sizeof(*o));
	return options_parse(v->options, v->n_options, v->in_order, n, words, o,
			     e);
}

#define WORDS(...)                                                             \
	(char *[])                                                             \
	{                                                                      \
		__VA_ARGS__, NULL                                              \
	}

static void test_create_options(void **state UNUSED)
{
	struct verb_options o;
	struct err e = {0};
	char **w = WORDS((char *)"--bundle", (char *)"/b", (char *)"id",
			 (char *)"--pid-file=/p", (char *)"--preserve-fds=3",
			 (char *)"--no-pivot");

	assert_int_equal(parse("create", &o, w, &e), 1);
	assert_string_equal(w[0], "id");
	assert_string_equal(o.bundle, "/b");
	assert_string_equal(o.pid_file, "/p");
	assert_int_equal(o.preserve_fds, 3);
	assert_true(o.no_pivot);
}

static void test_exec_options(void **state UNUSED)
{
	struct verb_options o;
	struct err e = {0};
	char **w = WORDS((char *)"-td", (char *)"-eA=1", (char *)"-e",
			 (char *)"B=-x", (char *)"--user=1:2", (char *)"id",
			 (char *)"ls", (char *)"-l", (char *)"--", (char *)"-t");

	assert_int_equal(parse("exec", &o, w, &e), 5);
	assert_true(o.tty && o.detach);
	assert_int_equal(o.env.n, 2);
	assert_string_equal(o.env.v[0], "A=1");
	assert_string_equal(o.env.v[1], "B=-x");
	assert_string_equal(o.user, "1:2");
	assert_string_equal(w[0], "id");
	assert_string_equal(w[2], "-l");
	assert_string_equal(w[3], "--");
	strv_release(&o.env);
}

static void test_option_forms(void **state UNUSED)
{
	struct verb_options o;
	struct err e = {0};
	char **w = WORDS((char *)"id", (char *)"--force=false");

	assert_int_equal(parse("delete", &o, w, &e), 1);
	assert_false(o.force);
	w = WORDS((char *)"-f", (char *)"--", (char *)"-id");
	assert_int_equal(parse("delete", &o, w, &e), 1);
	assert_true(o.force);
	assert_string_equal(w[0], "-id");
	w = WORDS((char *)"--resources", (char *)"-", (char *)"id");
	assert_int_equal(parse("update", &o, w, &e), 1);
	assert_string_equal(o.resources, "-");
}

static void test_option_errors(void **state UNUSED)
{
	static const struct {
		const char *verb, *word, *error;
	} cases[] = {
		{"create", "--bundl", "unknown option '--bundl'"},
		{"create", "--bundle", "option --bundle needs a value"},
		{"create", "-b", "option --bundle needs a value"},
		{"create", "-x", "unknown option '-x'"},
		{"create", "--preserve-fds=a", "'a' is no number"},
		{"create", "--no-pivot=2", "neither true nor false"},
		{"kill", "-9", "unknown option '-9'"},
		{"list", "--=x", "unknown option '--'"},
	};
	struct verb_options o;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		struct err e = {0};
		char word[40];

		(void)snprintf(word, sizeof(word), "%s", cases[i].word);
		if (parse(cases[i].verb, &o, WORDS(word), &e) != -EINVAL ||
		    !strstr(e.text, cases[i].error))
			fail_msg("'%s': '%s'", cases[i].word, e.text);
	}
}

/* An offset of 0 would write to the first member: only "bundle" may. */
static void test_option_tables(void **state UNUSED)
{
	const struct verb *v;
	size_t i;

	for (v = cli_verbs; v->name; v++)
		for (i = 0; i < v->n_options; i++) {
			const struct option_desc *o = &v->options[i];

			if (o->kind >= OPTION_IGNORED_FLAG)
				continue;
			assert_true(o->offset || !strcmp(o->name, "bundle"));
			assert_true((o->kind == OPTION_FLAG) == !o->metavar);
		}
}

static void test_suggest(void **state UNUSED)
{
	assert_int_equal(edit_distance("", "abc"), 3);
	assert_int_equal(edit_distance("kitten", "sitting"), 3);
	assert_int_equal(edit_distance("same", "same"), 0);
}

static int run(char *verb, char *word)
{
	char *argv[] = {(char *)"kiln", verb, word, NULL};

	return cli_main(word ? 3 : 2, argv, "0");
}

static void test_exit_status(void **state UNUSED)
{
	assert_int_equal(run((char *)"nonsense", NULL), 1);
	assert_int_equal(run((char *)"create", NULL), 1);
	assert_int_equal(run((char *)"kill", (char *)"../x"), 1);
	assert_int_equal(run((char *)"events", (char *)"x"), 1);
	assert_int_equal(run((char *)"create", (char *)"--help"), 0);
	assert_int_equal(run((char *)"--version", NULL), 0);
	assert_int_equal(run((char *)"features", NULL), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_signals),
		cmocka_unit_test(test_create_options),
		cmocka_unit_test(test_exec_options),
		cmocka_unit_test(test_option_forms),
		cmocka_unit_test(test_option_errors),
		cmocka_unit_test(test_option_tables),
		cmocka_unit_test(test_suggest),
		cmocka_unit_test(test_exit_status),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
