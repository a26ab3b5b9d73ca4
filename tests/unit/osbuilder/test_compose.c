// SPDX-License-Identifier: Apache-2.0
/* Trees of several layers: archives, a manifest, an overlay. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "os/io.h"
#include "osbuilder/compose.h"
#include "osbuilder/overlay.h"
#include "osbuilder/tar.h"
#include "test.h"

#define HASH "00000000000000000000000000000000" \
	     "00000000000000000000000000000000"

static char dir[] = "/tmp/kiln-test-XXXXXX";

/* One entry of a tar archive. */
static void put_entry(struct buf *b, char type, const char *name,
		      unsigned int mode, const char *link, const char *data,
		      size_t n)
{
	unsigned int sum = 0;
	char h[512] = {0};

	(void)snprintf(h, 100, "%s", name);
	(void)snprintf(h + 100, 8, "%07o", mode);
	(void)snprintf(h + 108, 8, "%07o", 7);
	(void)snprintf(h + 116, 8, "%07o", 8);
	(void)snprintf(h + 124, 12, "%011zo", n);
	memset(h + 148, ' ', 8);
	h[156] = type;
	(void)snprintf(h + 157, 100, "%s", link ? link : "");
	memcpy(h + 257, "ustar  ", 8);
	for (size_t i = 0; i < sizeof(h); i++)
		sum += (unsigned char)h[i];
	(void)snprintf(h + 148, 8, "%06o", sum);
	(void)buf_put(b, h, sizeof(h));
	if (!n)
		return;
	(void)buf_put(b, data, n);
	(void)buf_put_zero(b, -n & 511);
}

static void entry(struct buf *b, char type, const char *name,
		  unsigned int mode, const char *link, const char *data)
{
	put_entry(b, type, name, mode, link, data, data ? strlen(data) : 0);
}

static int read_archive(const struct buf *b, struct tree *t, struct err *err)
{
	return tar_read(buf_data(b), b->len, LAYER_PACKAGES, "p", 5, t, err);
}

static void an_archive_is_read(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(1 << 20);
	cleanup_tree struct tree t = TREE_INIT;
	const struct node *n;
	char name[300];
	struct err err;

	(void)state;
	memset(name, 'x', 200);
	strcpy(name + 200, "/end");
	entry(&b, '5', "./", 0755, NULL, NULL);
	entry(&b, '5', "./usr/", 0755, NULL, NULL);
	entry(&b, '0', "./usr/a", 04755, NULL, "hello");
	entry(&b, '1', "./usr/b", 04755, "./usr/a", NULL);
	entry(&b, '2', "./usr/c", 0777, "../etc", NULL);
	entry(&b, 'L', "././@LongLink", 0, NULL, name);
	entry(&b, '0', "short", 0600, NULL, NULL);
	entry(&b, 'x', "pax", 0, NULL, "15 path=/pax/p\n19 linkpath=target\n");
	entry(&b, '2', "short", 0777, "short", NULL);
	(void)buf_put_zero(&b, 1024);
	if (read_archive(&b, &t, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(tree_finish(&t, 5, &err), 0);
	n = tree_find(&t, "/usr/a");
	assert_int_equal(n->mode, 04755);
	assert_int_equal(n->uid, 7);
	assert_int_equal(n->gid, 8);
	assert_int_equal(n->mtime, 5);
	assert_memory_equal(n->data, "hello", 5);
	n = tree_find(&t, "/usr/b");
	assert_int_equal(n->type, NODE_FILE);
	assert_int_equal(n->size, 5);
	n = tree_find(&t, "/usr/c");
	assert_memory_equal(n->data, "../etc", 6);
	memmove(name + 1, name, 205);
	name[0] = '/';
	assert_non_null(tree_find(&t, name));
	n = tree_find(&t, "/pax/p");
	assert_memory_equal(n->data, "target", 6);
}

static void names_attributes_and_holes_are_read(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(1 << 20);
	cleanup_tree struct tree t = TREE_INIT;
	const struct node *n;
	char holes[512 + 512] = "2\n512\n2\n1022\n2\n";
	struct err err;

	(void)state;
	memcpy(holes + 512, "abcd", 5);
	entry(&b, 'x', "pax", 0, NULL,
	      "28 SCHILY.xattr.user.a=b=\nc\n15 uid=4000000\n");
	entry(&b, '0', "f", 0644, NULL, "data");
	entry(&b, '1', "g", 0644, "f", NULL);
	entry(&b, 'x', "pax", 0, NULL,
	      "22 GNU.sparse.major=1\n22 GNU.sparse.minor=0\n"
	      "22 GNU.sparse.name=/s\n28 GNU.sparse.realsize=1024\n"
	      "22 path=GNUSparse.1/s\n");
	put_entry(&b, '0', "GNUSparse.1/s", 0600, NULL, holes, 516);
	if (read_archive(&b, &t, &err) < 0)
		fail_msg("%s", err.text);
	assert_int_equal(tree_finish(&t, 5, &err), 0);
	n = tree_find(&t, "/g");
	assert_int_equal(n->names, 2);
	assert_int_equal(n->uid, 4000000);
	assert_int_equal(n->xattrs->n, 1);
	assert_string_equal(n->xattrs->v[0].name, "user.a");
	assert_memory_equal(n->xattrs->v[0].value, "b=\nc", 4);
	n = tree_find(&t, "/s");
	assert_int_equal(n->size, 1024);
	assert_memory_equal(n->data + 510, "\0\0ab\0", 5);
	assert_memory_equal(n->data + 1022, "cd", 2);
}

static void a_broken_archive_is_refused(void **state)
{
	static const struct {
		char type;
		const char *name, *link, *data;
		int error;
	} bad[] = {
		{'1', "./a", "./none", NULL, -EINVAL},
		{'V', "./a", NULL, NULL, -EINVAL},
		{'0', "./../a", NULL, NULL, -EINVAL},
		{'2', "./a", "", NULL, -EINVAL},
		{'x', "./a", NULL, "99 path=x\n", -EINVAL},
		{'x', "./a", NULL, "9 pathxx\n", -EINVAL},
		{'x', "./a", NULL, "23 SCHILY.xattr.user=x\n", -EINVAL},
		{'x', "./a", NULL, "35 SCHILY.xattr.system.posix_acl=x\n",
		 -EINVAL},
		{'x', "./a", NULL, "22 GNU.sparse.major=0\n", -EOPNOTSUPP},
		{'x', "./a", NULL, "15 SCHILY.fl=x\n", -EOPNOTSUPP},
		{'S', "./a", NULL, "abc", -EINVAL},
	};
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		cleanup_buf struct buf b = BUF_INIT(1 << 20);
		cleanup_tree struct tree t = TREE_INIT;

		entry(&b, bad[i].type, bad[i].name, 0644, bad[i].link,
		      bad[i].data);
		assert_int_equal(read_archive(&b, &t, &err), bad[i].error);
	}
	for (size_t cut = 1; cut < 515; cut += 57) {
		cleanup_buf struct buf b = BUF_INIT(1 << 20);
		cleanup_tree struct tree t = TREE_INIT;

		entry(&b, '0', "./a", 0644, NULL, "abc");
		b.len = cut;
		assert_int_equal(read_archive(&b, &t, &err),
				 -EINVAL);
	}
}

static void put(const char *name, const void *p, size_t n, mode_t mode)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, p, n, mode), 0);
}

static void make_dir(const char *name)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", dir, name);
	assert_int_equal(mkdir(path, 0700), 0);
}

static void put_text(const char *name, const char *text)
{
	put(name, text, strlen(text), 0600);
}

static int setup(void **state)
{
	cleanup_buf struct buf b = BUF_INIT(1 << 20);

	(void)state;
	strcpy(dir, "/tmp/kiln-test-XXXXXX");
	assert_non_null(mkdtemp(dir));
	entry(&b, '5', "./bin/", 0755, NULL, NULL);
	entry(&b, '0', "./bin/sh", 0755, NULL, "package");
	entry(&b, '0', "./etc/conf", 0644, NULL, "package");
	entry(&b, '0', "./etc/gone", 0644, NULL, "package");
	entry(&b, '0', "./opt/gone/x", 0644, NULL, "package");
	entry(&b, '5', "./var/run/", 0755, NULL, NULL);
	put(HASH ".tar", buf_data(&b), b.len, 0600);
	put_text("list", "deb sh s390x 1.2 " HASH " sh.deb\n");
	put_text("m.manifest", "dir /tmp mode=01777\n"
			       "link /var/run /run\n"
			       "file /etc/conf content=manifest\n"
			       "file /sbin/init mode=0755 content=x\n");
	make_dir("over");
	make_dir("over/etc");
	make_dir("over/tmp");
	make_dir("over/opt");
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	return remove_tree(AT_FDCWD, dir);
}

static int join(struct composed *c, struct err *err)
{
	struct manifest_vars vars = {0};
	char manifest[256], list[256], overlay[256];
	const struct compose_params p = {.manifest = manifest,
					 .vars = &vars,
					 .packages = list,
					 .tars = dir,
					 .overlay = overlay,
					 .epoch = 9};

	(void)snprintf(manifest, sizeof(manifest), "%s/m.manifest", dir);
	(void)snprintf(list, sizeof(list), "%s/list", dir);
	(void)snprintf(overlay, sizeof(overlay), "%s/over", dir);
	return compose(&p, c, err);
}

static void layers_are_joined(void **state)
{
	cleanup_composed struct composed c = COMPOSED_INIT;
	const struct node *n;
	struct err err;

	(void)state;
	put("over/etc/run", "#!", 2, 0744);
	put_text("over/etc/.wh.gone", "");
	put_text("over/opt/.wh.gone", "");
	put_text("over/etc/secret", "s");
	put_text("over/.kiln.manifest",
		 "file /etc/secret source=etc/secret mode=0400 uid=5\n");
	if (join(&c, &err) < 0)
		fail_msg("%s", err.text);
	n = tree_find(&c.tree, "/etc/conf");
	assert_memory_equal(n->data, "manifest", 8);
	assert_string_equal(n->origin, "manifest m.manifest:3");
	n = tree_find(&c.tree, "/usr/bin/sh");
	assert_string_equal(n->origin, "package sh 1.2 s390x " HASH);
	assert_int_equal(n->mtime, 9);
	assert_memory_equal(tree_find(&c.tree, "/bin")->data, "usr/bin", 7);
	assert_memory_equal(tree_find(&c.tree, "/sbin")->data, "usr/sbin", 8);
	assert_null(tree_find(&c.tree, "/lib"));
	assert_non_null(tree_find(&c.tree, "/usr/sbin/init"));
	assert_int_equal(tree_find(&c.tree, "/var/run")->type, NODE_LINK);
	assert_int_equal(tree_find(&c.tree, "/tmp")->mode, 01777);
	assert_null(tree_find(&c.tree, "/etc/gone"));
	assert_null(tree_find(&c.tree, "/etc/.wh.gone"));
	assert_null(tree_find(&c.tree, "/opt/gone/x"));
	assert_null(tree_find(&c.tree, "/.kiln.manifest"));
	assert_int_equal(tree_find(&c.tree, "/etc/run")->mode, 0755);
	n = tree_find(&c.tree, "/etc/secret");
	assert_int_equal(n->mode, 0400);
	assert_int_equal(n->uid, 5);
}

static void contradictions_are_refused(void **state)
{
	struct err err;

	(void)state;
	{
		cleanup_composed struct composed c = COMPOSED_INIT;

		put_text("over/etc/other", "");
		assert_int_equal(join(&c, &err), 0);
	}
	{
		cleanup_composed struct composed c = COMPOSED_INIT;

		put_text("m.manifest", "dir /etc/conf\n");
		assert_int_equal(join(&c, &err), -EEXIST);
		assert_non_null(strstr(err.text, "package sh"));
	}
	{
		cleanup_composed struct composed c = COMPOSED_INIT;

		put_text("m.manifest", "dir /tmp\n");
		put_text("over/opt/gone", "a file where a directory is");
		assert_int_equal(join(&c, &err), -ENOTDIR);
		assert_non_null(strstr(err.text, "/opt/gone"));
	}
	{
		cleanup_composed struct composed c = COMPOSED_INIT;

		put_text("list", "deb sh s390x 1.2 zz sh.deb\n");
		assert_int_equal(join(&c, &err), -EINVAL);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_archive_is_read),
		cmocka_unit_test(names_attributes_and_holes_are_read),
		cmocka_unit_test(a_broken_archive_is_refused),
		cmocka_unit_test_setup_teardown(layers_are_joined, setup,
						teardown),
		cmocka_unit_test_setup_teardown(contradictions_are_refused,
						setup, teardown),
	};

	return cmocka_run_group_tests_name("osbuilder/compose", tests, NULL,
					   NULL);
}
