// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "osbuilder/manifest.h"
#include "osbuilder/words.h"
#include "test.h"

static char dir[] = "/tmp/test_manifest.XXXXXX";

static void put(const char *name, const char *text)
{
	char path[128];
	FILE *f;

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	f = fopen(path, "we");
	assert_non_null(f);
	(void)fputs(text, f);
	assert_int_equal(fclose(f), 0);
}

static int load(const char *text, struct tree *t, struct err *err)
{
	struct manifest_vars vars = {.n = 0};
	char path[128];

	assert_int_equal(manifest_vars_add(&vars, "ARCH=x86_64", err), 0);
	assert_int_equal(manifest_vars_add(&vars, "EVIL=\" ${ARCH}", err), 0);
	assert_int_equal(manifest_vars_add(&vars, "ARCH=s390x", err), 0);
	put("t.manifest", text);
	(void)snprintf(path, sizeof(path), "%s/t.manifest", dir);
	return manifest_load(path, &vars, 1000, t, err);
}

static void refuse(const char *text, int code, const char *message)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err = {0};

	assert_int_equal(load(text, &t, &err), code);
	if (!strstr(err.text, message))
		fail_msg("'%s' does not tell '%s'", err.text, message);
}

static void one_xattr(const struct node *n, const char *name, const void *value,
		      size_t size)
{
	assert_int_equal(n->xattrs->n, 1);
	assert_string_equal(n->xattrs->v[0].name, name);
	assert_int_equal(n->xattrs->v[0].size, size);
	assert_memory_equal(n->xattrs->v[0].value, value, size);
}

static void names_and_attributes_are_set(void **state)
{
	static const uint8_t caps[20] = {1, 0, 0, 2, 0, 0x30, 0, 0, 0, 0,
					 0, 0, 0x80, 0};
	cleanup_tree struct tree t = TREE_INIT;
	const struct node *n;
	struct err err = {0};

	(void)state;
	if (load("file /f content=x\nhardlink /e /f\nhardlink /g /e\n"
		 "set /g caps=CAP_NET_RAW,net_admin,bpf=ep gid=7 mode=0711\n"
		 "file /d/t content=y xattr=user.t=text\n"
		 "dir /h xattr=user.h=0x00fF\n"
		 "dir /b xattr=user.b=0sAAEC\n"
		 "set /d uid=9\n"
		 "file /bin/x content=1\nfile /usr/bin/x content=2\n"
		 "file /usr/sbin/y content=3\n"
		 "set /bin/x uid=3\nset /sbin/y uid=4\n", &t, &err) < 0)
		fail_msg("%s", err.text);
	n = tree_find(&t, "/f");
	assert_int_equal(n->names, 3);
	assert_int_equal(n->gid, 7);
	assert_int_equal(n->mode, 0711);
	one_xattr(n, "security.capability", caps, sizeof(caps));
	assert_string_equal(t.v[n->first].path, "/e");
	one_xattr(tree_find(&t, "/d/t"), "user.t", "text", 4);
	one_xattr(tree_find(&t, "/h"), "user.h", "\0\xff", 2);
	one_xattr(tree_find(&t, "/b"), "user.b", "\0\1\2", 3);
	assert_int_equal(tree_find(&t, "/d")->uid, 9);
	assert_int_equal(tree_find(&t, "/bin/x")->uid, 3);
	assert_int_equal(tree_find(&t, "/usr/bin/x")->uid, 0);
	assert_int_equal(tree_find(&t, "/usr/sbin/y")->uid, 4);
	assert_int_equal(tree_find(&t, "/d")->mode, 0755);
}

static void every_statement_makes_its_file(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	const struct node *n;
	struct err err;

	(void)state;
	put("data", "from the host");
	put("inc.manifest", "dir /inc mode=0700\n");
	assert_int_equal(load("# comment\n"
			      "dir /d mode=01777 uid=1 gid=70000 # more\n"
			      "file /f source=data mode=0755\n"
			      "file /g content=\"a\\tb\\x41 ${ARCH}\"\n"
			      "link /l target\n"
			      "links /bin busybox a \\\n  b\n"
			      "node /c c 5 300\n"
			      "node /b b 8 1 mode=0660 gid=6\n"
			      "node /p p\n"
			      "include inc",
			      &t, &err),
			 0);
	n = tree_find(&t, "/d");
	assert_int_equal(n->mode, 01777);
	assert_int_equal(n->uid, 1);
	assert_int_equal(n->gid, 70000);
	assert_int_equal(n->mtime, 1000);
	n = tree_find(&t, "/f");
	assert_int_equal(n->size, 13);
	assert_memory_equal(n->data, "from the host", 13);
	n = tree_find(&t, "/g");
	assert_int_equal(n->size, 10);
	assert_memory_equal(n->data, "a\tbA s390x", 10);
	n = tree_find(&t, "/bin/b");
	assert_int_equal(n->type, NODE_LINK);
	assert_memory_equal(n->data, "busybox", 7);
	n = tree_find(&t, "/c");
	assert_int_equal(n->type, NODE_CHAR);
	assert_int_equal(n->minor, 300);
	assert_int_equal(tree_find(&t, "/b")->mode, 0660);
	assert_int_equal(tree_find(&t, "/p")->type, NODE_FIFO);
	assert_int_equal(tree_find(&t, "/inc")->mode, 0700);
}

/* Modes and times of the host, its umask, its links: nothing of it shows. */
static void only_bytes_come_from_the_host(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	char path[128];
	struct err err;

	(void)state;
	put("odd", "x");
	(void)snprintf(path, sizeof(path), "%s/odd", dir);
	assert_int_equal(chmod(path, 0600), 0);
	assert_int_equal(load("file /f source=odd\n", &t, &err), 0);
	assert_int_equal(tree_find(&t, "/f")->mode, 0644);
	assert_int_equal(tree_find(&t, "/f")->mtime, 1000);
}

static void a_value_is_not_looked_at_again(void **state)
{
	cleanup_tree struct tree t = TREE_INIT;
	struct err err;

	(void)state;
	assert_int_equal(load("file /f content=${EVIL}\n", &t, &err), 0);
	assert_int_equal(tree_find(&t, "/f")->size, 9);
	assert_memory_equal(tree_find(&t, "/f")->data, "\" ${ARCH}", 9);
}

static void mistakes_are_told_with_their_line(void **state)
{
	(void)state;
	refuse("\n\nbogus /x\n", -EINVAL, "t.manifest:3: unknown statement");
	refuse("dir /a \\\n\\\n\ndir\n", -EINVAL, "t.manifest:4: 'dir' with 1");
	refuse("file /a source=${NOPE}\n", -EINVAL, "'NOPE' has no value");
	refuse("file /a mode=0644\n", -EINVAL, "either source= or content=");
	refuse("file /a source=b content=c\n", -EINVAL, "either");
	refuse("file /a source=missing\n", -ENOENT, "missing");
	refuse("file /a source=.\n", -EINVAL, "no regular file");
	refuse("dir /a mode=99\n", -EINVAL, "bad number");
	refuse("dir /a mode=10000\n", -EINVAL, "bad number");
	refuse("dir /a uid=-1\n", -EINVAL, "bad number");
	refuse("dir /a uid=4294967295\n", -EINVAL, "bad number");
	refuse("dir /a color=red\n", -EINVAL, "unknown word");
	refuse("dir a\n", -EINVAL, "bad path");
	refuse("dir /a/../b\n", -EINVAL, "bad path");
	refuse("file /a content=\"x\n", -EINVAL, "quote not closed");
	refuse("file /a content=\"\\x00\"\n", -EINVAL, "bad escape");
	refuse("file /a content=\"\\q\"\n", -EINVAL, "bad escape");
	refuse("file /a content=$ARCH\n", -EINVAL, "'$' without");
	refuse("node /a x 1 2\n", -EINVAL, "a node is");
	refuse("node /a c 4096 2\n", -EINVAL, "bad number");
	refuse("link /a \"\"\n", -EINVAL, "bad link target");
	refuse("dir /a\nfile /a content=x\n", -EEXIST, "twice");
	refuse("include t\n", -ELOOP, "nested");
	refuse("include nope\n", -ENOENT, "nope");
	refuse("dir /a xattr=user.x\n", -EINVAL, "NAME=VALUE");
	refuse("dir /a xattr=system.posix_acl_access=x\n", -EINVAL, "carried");
	refuse("dir /a xattr=user.=x\n", -EINVAL, "carried");
	refuse("dir /a xattr=user.x=0x123\n", -EINVAL, "bad value");
	refuse("dir /a xattr=user.x=0s!!!!\n", -EINVAL, "bad value");
	refuse("dir /a caps=cap_net_raw\n", -EINVAL, "not like");
	refuse("dir /a caps=cap_nothing+ep\n", -EINVAL, "not like");
	refuse("dir /a caps=,net_raw+ep\n", -EINVAL, "not like");
	refuse("dir /a caps=net_raw+e\n", -EINVAL, "not like");
	refuse("node /a p xattr=user.x=y\n", -EINVAL, "has no 'user.x'");
	refuse("set /a mode=0700\n", -ENOENT, "no '/a'");
	refuse("link /a b\nset /a mode=0700\n", -EINVAL, "no mode");
	refuse("hardlink /a /b\n", -ENOENT, "no '/b'");
	refuse("dir /b\nhardlink /a /b\n", -EINVAL, "folder");
}

static void variables_have_names(void **state)
{
	struct manifest_vars vars = {.n = 0};
	struct err err;

	(void)state;
	assert_int_equal(manifest_vars_add(&vars, "=x", &err), -EINVAL);
	assert_int_equal(manifest_vars_add(&vars, "A", &err), -EINVAL);
	assert_int_equal(manifest_vars_add(&vars, "a=x", &err), -EINVAL);
	for (int i = 0; i < MANIFEST_VARS_MAX; i++)
		assert_int_equal(manifest_vars_add(&vars, "A=", &err), 0);
	assert_int_equal(manifest_vars_add(&vars, "A=", &err), -E2BIG);
}

static int set_up(void **state)
{
	(void)state;
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	static const char *const names[] = {"data", "inc.manifest", "odd",
					    "t.manifest"};
	char path[128];

	(void)state;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", dir, names[i]);
		(void)unlink(path);
	}
	return rmdir(dir);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_statement_makes_its_file),
		cmocka_unit_test(names_and_attributes_are_set),
		cmocka_unit_test(only_bytes_come_from_the_host),
		cmocka_unit_test(a_value_is_not_looked_at_again),
		cmocka_unit_test(mistakes_are_told_with_their_line),
		cmocka_unit_test(variables_have_names),
	};

	return cmocka_run_group_tests(tests, set_up, tear_down);
}
