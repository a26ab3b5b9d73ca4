// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/cleanup.h"
#include "osbuilder/symbols.h"

/* Kconfig in small: a bus that only others select, a driver, alternatives. */
static const char small[] =
	"kiln-kconfig 1 s390x 6.12.1\n"
	"symbol 64BIT bool y\n"
	" prompt Kconfig:1 64-bit kernel\n"
	"symbol BUS bool n\n"
	"symbol BUS_CORE bool n\n"
	" depends NET\n"
	"symbol CARD bool n\n"
	" prompt drivers/Kconfig:9 Cards\n"
	" if (NET && !OLD)\n"
	" depends NET\n"
	"symbol DRIVER tristate n\n"
	" asked n kernel/configs/50-x.config:7\n"
	" prompt drivers/Kconfig:5 A driver\n"
	" depends (NET && (BUS || CARD))\n"
	" select BUS_CORE if (NET && (BUS || CARD))\n"
	"symbol LOOP_A bool n\n"
	" select LOOP_B\n"
	"symbol LOOP_B bool n\n"
	" select LOOP_A\n"
	"symbol NARROW bool n\n"
	" prompt Kconfig:30 For 32 bits\n"
	" depends !64BIT\n"
	"symbol NET bool y\n"
	" asked y kernel/configs/40-x.config:1\n"
	" prompt net/Kconfig:1 Networking\n"
	"symbol NEVER bool n\n"
	" prompt Kconfig:40 Never\n"
	" depends (LOOP_A || (BUS && X86))\n"
	"symbol OLD bool y\n"
	" asked y kernel/configs/00-x.config:3\n"
	" prompt Kconfig:50 Old things\n"
	"symbol SIZE integer 9\n"
	" default \"9\" if NET\n"
	"symbol SIZED bool n\n"
	" prompt Kconfig:60 Sized\n"
	" depends (SIZE>=\"9\")\n"
	"symbol TINY bool n\n"
	" prompt Kconfig:61 Tiny\n"
	" depends (SIZE<\"9\")\n"
	"feature cards kernel/configs/features/cards.config:2 CARD y\n"
	"without cards no slots\n"
	"end\n";

static void load(struct symbols *s)
{
	char *copy = strdup(small);
	struct err err;

	assert_non_null(copy);
	err.text[0] = '\0';
	if (symbols_parse(copy, s, &err) < 0)
		fail_msg("%s", err.text);
}

static struct symbol *get(struct symbols *s, const char *name)
{
	struct symbol *sym = symbols_find(s, name, strlen(name));

	assert_non_null(sym);
	return sym;
}

/* The plan of NAME, its lines joined by blanks. */
static void expect_plan(struct symbols *s, const char *name, const char *want)
{
	struct strv plan = STRV_INIT;
	char text[512] = "";

	assert_int_equal(reach_plan(s, get(s, name), &plan), 0);
	for (size_t i = 0; i < plan.n; i++) {
		if (i)
			strcat(text, " ");
		strcat(text, plan.v[i]);
	}
	assert_string_equal(text, want);
	strv_release(&plan);
}

static void expect_blame(struct symbols *s, const char *name, const char *want)
{
	struct strv blame = STRV_INIT;
	bool found = false;

	assert_int_equal(reach_blame(s, get(s, name), &blame), 0);
	for (size_t i = 0; i < blame.n; i++)
		found |= strstr(blame.v[i], want) != NULL;
	assert_true(found);
	strv_release(&blame);
}

static void test_read(void **state)
{
	struct symbols s;

	(void)state;
	load(&s);
	assert_string_equal(s.arch, "s390x");
	assert_string_equal(s.version, "6.12.1");
	assert_int_equal(s.n, 14);
	assert_string_equal(get(&s, "NET")->asked, "y");
	assert_string_equal(get(&s, "NET")->asked_at,
			    "kernel/configs/40-x.config:1");
	assert_string_equal(symbol_prompt(get(&s, "CARD"))->text, "Cards");
	assert_null(symbol_prompt(get(&s, "BUS")));
	assert_null(symbols_find(&s, "NE", 2));
	assert_null(symbols_find(&s, "NETS", 4));
	assert_int_equal(s.n_features, 1);
	assert_string_equal(s.features[0].symbol, "CARD");
	assert_string_equal(s.without[0].reason, "no slots");
	symbols_release(&s);
}

static void test_reach(void **state)
{
	struct symbols s;

	(void)state;
	load(&s);
	assert_int_equal(reach_on(&s, get(&s, "NET")), 0);
	expect_plan(&s, "NET", "");
	/* The prompt's own condition, stricter than what it depends on. */
	expect_plan(&s, "CARD", "OLD=n\t%override CARD=y");
	/* The alternative that can be had. */
	expect_plan(&s, "DRIVER",
		    "OLD=n\t%override CARD=y DRIVER=y\t%override");
	assert_int_equal(reach_on(&s, get(&s, "DRIVER")), 3);
	/* No prompt: by what selects it. */
	expect_plan(&s, "BUS_CORE",
		    "OLD=n\t%override CARD=y DRIVER=y\t%override");
	expect_plan(&s, "SIZED", "SIZED=y");
	symbols_release(&s);
}

static void test_never(void **state)
{
	static const char *const names[] = {"BUS",    "LOOP_A", "LOOP_B",
					    "NARROW", "NEVER",	"TINY",
					    "SIZE"};
	struct symbols s;

	(void)state;
	load(&s);
	for (size_t i = 0; i < ARRAY_SIZE(names); i++) {
		assert_int_equal(reach_on(&s, get(&s, names[i])), REACH_NEVER);
		expect_plan(&s, names[i], "");
	}
	expect_blame(&s, "BUS", "has no prompt");
	expect_blame(&s, "NARROW", "64BIT is on, and cannot be off");
	expect_blame(&s, "NEVER", "X86 does not exist on this architecture");
	expect_blame(&s, "TINY", "SIZE<\"9 does not hold");
	symbols_release(&s);
}

static void test_like(void **state)
{
	struct strv like = STRV_INIT;
	struct symbols s;

	(void)state;
	load(&s);
	assert_int_equal(symbols_like(&s, "DRIVR", 3, &like), 0);
	assert_int_equal(like.n, 1);
	assert_string_equal(like.v[0], "DRIVER");
	strv_release(&like);
	assert_int_equal(symbols_like(&s, "CORE", 3, &like), 0);
	assert_string_equal(like.v[0], "BUS_CORE");
	strv_release(&like);
	symbols_release(&s);
}

static void test_refused(void **state)
{
	static const char *const texts[] = {
		"",
		"kiln-kconfig 1 s390x 6.12\n",
		"kiln-kconfig 1\nend\n",
		"kiln-kconfig 2 s390x 6.12\nend\n",
		"kiln-kconfig 1 s390x 6.12\nsymbol A bool n\n",
		"kiln-kconfig 1 s390x 6.12\n prompt a:1 b\nend\n",
		"kiln-kconfig 1 s390x 6.12\nsymbol A bool n\n if B\nend\n",
		"kiln-kconfig 1 s390x 6.12\nsymbol B bool n\nsymbol A bool n\n"
		"end\n",
		"kiln-kconfig 1 s390x 6.12\nsymbol A bool n\n asked y\nend\n",
		"kiln-kconfig 1 s390x 6.12\nfeature a b\nend\n",
		"kiln-kconfig 1 s390x 6.12\nend\nsymbol A bool n\n",
	};
	struct symbols s;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(texts); i++) {
		char *copy = strdup(texts[i]);

		assert_non_null(copy);
		assert_int_equal(symbols_parse(copy, &s, &err), -EINVAL);
		assert_true(*err.text);
		symbols_release(&s);
	}
}

static void test_conditions(void **state)
{
	static const char *const bad[] = {"",	    "(A",      "A)",   "(A & B)",
					  "(A && )", "A=",     "\"A",  "!",
					  "(A ||B)", "(A && B || C)"};
	struct conditions owner = {0};
	char deep[4096];
	struct condition *c;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++)
		assert_int_equal(condition_parse(&owner, bad[i], &c, &err),
				 -EINVAL);
	memset(deep, '(', sizeof(deep) - 1);
	deep[sizeof(deep) - 1] = '\0';
	assert_int_equal(condition_parse(&owner, deep, &c, &err), -EINVAL);
	memset(deep, '!', sizeof(deep) - 1);
	assert_int_equal(condition_parse(&owner, deep, &c, &err), -EINVAL);
	assert_int_equal(condition_parse(&owner, "((A && !B) || (C!=\"x y\"))",
					 &c, &err), 0);
	assert_int_equal(c->op, CONDITION_OR);
	assert_int_equal(c->left->right->op, CONDITION_NOT);
	assert_int_equal(c->right->op, CONDITION_COMPARE);
	assert_int_equal(c->right->other.n, 3);
	conditions_release(&owner);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_read),	 cmocka_unit_test(test_reach),
		cmocka_unit_test(test_never),	 cmocka_unit_test(test_like),
		cmocka_unit_test(test_refused),	 cmocka_unit_test(test_conditions),
	};

	cmocka_set_message_output(CM_OUTPUT_TAP);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
