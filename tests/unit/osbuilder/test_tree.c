// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "osbuilder/tree.h"
#include "test.h"

static int add(struct tree *t, const char *path, enum node_type type)
{
	struct node n = {.path = (char *)(uintptr_t)path, .type = type};
	struct err err;

	return tree_add(t, &n, &err);
}

static void files_come_out_in_order_with_their_parents(void **state)
{
	static const char *const expected[] = {
		"/", "/a", "/a/b", "/a/b/c", "/a-b", "/a.c", "/a.c/x",
	};
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	assert_int_equal(add(&t, "/a-b", NODE_FILE), 0);
	assert_int_equal(add(&t, "/a/b/c", NODE_FILE), 0);
	assert_int_equal(add(&t, "/a.c/x", NODE_FILE), 0);
	assert_int_equal(add(&t, "/a", NODE_DIR), 0);
	assert_int_equal(tree_finish(&t, 7, &err), 0);
	assert_int_equal(t.n, sizeof(expected) / sizeof(expected[0]));
	for (size_t i = 0; i < t.n; i++)
		assert_string_equal(t.v[i].path, expected[i]);
	assert_true(tree_find(&t, "/a/b")->implied);
	assert_int_equal(tree_find(&t, "/a/b")->mode, 0755);
	assert_int_equal(tree_find(&t, "/a/b")->mtime, 7);
	assert_null(tree_find(&t, "/b"));
}

static void an_empty_tree_has_a_root(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	assert_int_equal(tree_finish(&t, 0, &err), 0);
	assert_int_equal(t.n, 1);
	assert_string_equal(t.v[0].path, "/");
}

static void what_is_there_twice_is_refused(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	(void)add(&t, "/a", NODE_FILE);
	(void)add(&t, "/b", NODE_FILE);
	(void)add(&t, "/a", NODE_DIR);
	assert_int_equal(tree_finish(&t, 0, &err), -EEXIST);
	assert_non_null(strstr(err.text, "'/a'"));
}

static void nothing_is_below_a_file(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	(void)add(&t, "/a", NODE_LINK);
	(void)add(&t, "/a/b/c", NODE_FILE);
	assert_int_equal(tree_finish(&t, 0, &err), -ENOTDIR);
}

static void a_root_that_is_no_directory_is_refused(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	(void)add(&t, "/", NODE_FILE);
	assert_int_equal(tree_finish(&t, 0, &err), -ENOTDIR);
}

static void paths_are_normal_and_in_bounds(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct node big = {.path = (char[]){"/x"}, .size = TREE_FILE_MAX + 1};
	char name[TREE_NAME_MAX + 3] = "/", path[TREE_PATH_MAX + 3] = "";
	struct err err;

	(void)state;
	assert_int_equal(add(&t, "a", NODE_FILE), -EINVAL);
	assert_int_equal(add(&t, "", NODE_FILE), -EINVAL);
	assert_int_equal(add(&t, "/a/../b", NODE_FILE), -EINVAL);
	assert_int_equal(add(&t, "/a//b", NODE_FILE), -EINVAL);
	assert_int_equal(tree_add(&t, &big, &err), -EINVAL);
	memset(name + 1, 'n', TREE_NAME_MAX);
	assert_int_equal(add(&t, name, NODE_FILE), 0);
	name[TREE_NAME_MAX + 1] = 'n';
	assert_int_equal(add(&t, name, NODE_FILE), -EINVAL);
	while (strlen(path) < TREE_PATH_MAX)
		strcat(path, "/p");
	assert_int_equal(add(&t, path, NODE_FILE), 0);
	strcat(path, "/p");
	assert_int_equal(add(&t, path, NODE_FILE), -EINVAL);
}

static void the_number_of_files_has_a_cap(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	int r = 0;

	(void)state;
	for (int i = 0; i < TREE_NODES_MAX; i++)
		r |= add(&t, "/a", NODE_FILE);
	assert_int_equal(r, 0);
	assert_int_equal(add(&t, "/a", NODE_FILE), -E2BIG);
}

static void types_have_linux_modes(void **state)
{
	enum node_type type;

	(void)state;
	assert_int_equal(node_type_to_mode(NODE_DIR), 0040000);
	assert_int_equal(node_type_to_mode(NODE_LINK), 0120000);
	assert_int_equal(node_type_from_mode(0100644, &type), 0);
	assert_int_equal(type, NODE_FILE);
	assert_int_equal(node_type_from_mode(0, &type), -EINVAL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(files_come_out_in_order_with_their_parents),
		cmocka_unit_test(an_empty_tree_has_a_root),
		cmocka_unit_test(what_is_there_twice_is_refused),
		cmocka_unit_test(nothing_is_below_a_file),
		cmocka_unit_test(a_root_that_is_no_directory_is_refused),
		cmocka_unit_test(paths_are_normal_and_in_bounds),
		cmocka_unit_test(the_number_of_files_has_a_cap),
		cmocka_unit_test(types_have_linux_modes),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
