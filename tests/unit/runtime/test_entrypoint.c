// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "os/io.h"
#include "runtime/oci/entrypoint.h"

/* A tree in a directory of its own, below which all paths of a test are. */
struct tree {
	char dir[64];
	int rootfd;
};

static void put(const struct tree *t, const char *name, const void *p, size_t n,
		mode_t mode)
{
	char path[256];

	(void)snprintf(path, sizeof(path), "%s/%s", t->dir, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, p, n, mode), 0);
	assert_int_equal(chmod(path, mode), 0);
}

static void put_text(const struct tree *t, const char *name, const char *text)
{
	put(t, name, text, strlen(text), 0755);
}

/* The first bytes of a program: class, byte order and machine are enough. */
static void put_elf(const struct tree *t, const char *name,
		    const struct arch_desc *arch)
{
	uint8_t h[64] = {0x7f, 'E', 'L', 'F', arch->elf_class, arch->elf_data,
			 1};
	bool big = arch->elf_data == 2;

	h[big ? 17 : 16] = 2; /* ET_EXEC */
	h[big ? 18 : 19] = (uint8_t)(arch->elf_machine >> 8);
	h[big ? 19 : 18] = (uint8_t)arch->elf_machine;
	h[big ? 23 : 20] = 1; /* EV_CURRENT */
	put(t, name, h, sizeof(h), 0755);
}

static void link_to(const struct tree *t, const char *target, const char *name)
{
	assert_int_equal(symlinkat(target, t->rootfd, name), 0);
}

static int setup(void **state)
{
	static struct tree t;
	char path[128];
	size_t i;
	static const char *const dirs[] = {"bin", "usr/bin", "data", "deep/er"};

	(void)snprintf(t.dir, sizeof(t.dir), "/tmp/kiln-test-XXXXXX");
	assert_non_null(mkdtemp(t.dir));
	for (i = 0; i < ARRAY_SIZE(dirs); i++) {
		(void)snprintf(path, sizeof(path), "%s/%s", t.dir, dirs[i]);
		assert_int_equal(make_dirs(path, 0755), 0);
	}
	t.rootfd = open(t.dir, O_PATH | O_DIRECTORY | O_CLOEXEC);
	assert_true(t.rootfd >= 0);
	put_elf(&t, "usr/bin/s390", arch_find("s390x"));
	put_elf(&t, "bin/arm", arch_find("aarch64"));
	put_elf(&t, "data/ppc", arch_find("ppc64le"));
	put_text(&t, "bin/script", "#! /usr/bin/s390 -x\necho\n");
	put_text(&t, "bin/nested", "#!/bin/script\n");
	put_text(&t, "bin/text", "echo\n");
	put(&t, "bin/plain", "x", 1, 0644);
	link_to(&t, "/usr/bin/s390", "bin/absolute");
	link_to(&t, "../../../../bin/arm", "deep/up");
	link_to(&t, "loop", "loop");
	link_to(&t, "/etc/passwd", "bin/passwd");
	assert_int_equal(mkfifoat(t.rootfd, "bin/fifo", 0755), 0);
	*state = &t;
	return 0;
}

static int teardown(void **state)
{
	struct tree *t = *state;

	(void)close(t->rootfd);
	assert_int_equal(remove_tree(AT_FDCWD, t->dir), 0);
	return 0;
}

/* The inode that an opener finds for PATH; 0 when it finds none. */
static ino_t inode(int (*opener)(int, const char *), int rootfd,
		   const char *path)
{
	struct stat st;
	int fd = opener(rootfd, path);

	if (fd < 0)
		return 0;
	assert_int_equal(fstat(fd, &st), 0);
	(void)close(fd);
	return st.st_ino;
}

static void test_open(void **state)
{
	static const char *const paths[] = {
		"/",	      ".",	     "bin/arm",	       "/bin//./arm",
		"deep/up",    "bin/absolute", "../../bin/arm", "deep/er/../up",
		"bin/passwd", "loop",	     "none",	       "bin/arm/x",
		"deep/er/../../../../usr/bin/../bin/s390",
	};
	const struct tree *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(paths); i++) {
		ino_t a = inode(entrypoint_open, t->rootfd, paths[i]);
		ino_t b = inode(entrypoint_open_walk, t->rootfd, paths[i]);

		if (a != b)
			fail_msg("'%s': %lu and %lu", paths[i],
				 (unsigned long)a, (unsigned long)b);
	}
	assert_int_equal(inode(entrypoint_open, t->rootfd, "bin/passwd"), 0);
	assert_int_not_equal(inode(entrypoint_open_walk, t->rootfd, "deep/up"),
			     0);
	assert_int_equal(entrypoint_open_walk(t->rootfd, "loop"), -ELOOP);
}

static struct spec *spec_for(const struct tree *t, const char *program,
			     const char *more)
{
	struct spec *s = NULL;
	struct err e = {0};
	char text[1024];

	(void)snprintf(text, sizeof(text),
		       "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":\"%s\"},"
		       "\"process\":{\"args\":[\"%s\"],\"cwd\":\"/bin\","
		       "\"env\":[\"PATH=/none:/bin:/usr/bin\"]}%s}",
		       t->dir, program, more);
	if (spec_parse(text, strlen(text), "/b", &s, &e) < 0)
		fail_msg("%s", e.text);
	return s;
}

static void test_arch(void **state)
{
	static const struct {
		const char *program, *arch; /* NULL: cannot be told */
	} cases[] = {
		{"arm", "aarch64"},	 {"/bin/arm", "aarch64"},
		{"./arm", "aarch64"},	 {"s390", "s390x"},
		{"absolute", "s390x"},	 {"../deep/up", "aarch64"},
		{"script", "s390x"},	 {"nested", NULL},
		{"text", NULL},		 {"plain", NULL},
		{"fifo", NULL},		 {"passwd", NULL},
		{"none", NULL},		 {"/bin", NULL},
	};
	const struct tree *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_spec struct spec *s = spec_for(t, cases[i].program, "");
		char why[256] = "";
		const struct arch_desc *a =
			entrypoint_arch(s, why, sizeof(why));
		const char *name = a ? a->name : NULL;

		if (!name != !cases[i].arch ||
		    (name && strcmp(name, cases[i].arch)))
			fail_msg("'%s': %s (%s)", cases[i].program,
				 name ? name : "none", why);
		assert_true(a || *why);
	}
}

/* A program that is mounted into the container counts as what it is. */
static void test_bind_mount(void **state)
{
	const struct tree *t = *state;
	char more[512];

	(void)snprintf(more, sizeof(more),
		       ",\"mounts\":[{\"destination\":\"/bin/arm\",\"type\":"
		       "\"bind\",\"source\":\"%s/data/ppc\"},"
		       "{\"destination\":\"/opt\",\"type\":\"bind\","
		       "\"source\":\"%s/usr\"}]",
		       t->dir, t->dir);
	{
		cleanup_spec struct spec *s = spec_for(t, "arm", more);
		char why[256];

		assert_string_equal(
			entrypoint_arch(s, why, sizeof(why))->name, "ppc64le");
	}
	{
		cleanup_spec struct spec *s =
			spec_for(t, "/opt/bin/s390", more);
		char why[256];

		assert_string_equal(
			entrypoint_arch(s, why, sizeof(why))->name, "s390x");
	}
}

static void test_choice(void **state)
{
	static const char note[] =
		",\"annotations\":{\"io.kiln.arch\":\"ppc64le\"}";
	const struct tree *t = *state;
	cleanup_spec struct spec *noted = spec_for(t, "arm", note);
	cleanup_spec struct spec *plain = spec_for(t, "arm", "");
	cleanup_spec struct spec *none = spec_for(t, "none", "");
	const struct arch_desc *a;
	const char *source;
	struct err e = {0};

	assert_int_equal(entrypoint_choose_arch(noted, "amd64", &a, &source,
						&e),
			 0);
	assert_string_equal(a->name, "x86_64");
	assert_int_equal(entrypoint_choose_arch(noted, NULL, &a, &source, &e),
			 0);
	assert_string_equal(a->name, "ppc64le");
	assert_int_equal(entrypoint_choose_arch(plain, NULL, &a, &source, &e),
			 0);
	assert_string_equal(a->name, "aarch64");
	assert_int_equal(entrypoint_choose_arch(plain, "vax", &a, NULL, &e),
			 -EINVAL);
	if (!arch_native())
		return;
	assert_int_equal(entrypoint_choose_arch(none, NULL, &a, &source, &e),
			 0);
	assert_string_equal(source, "host");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_arch),
		cmocka_unit_test(test_bind_mount),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
