// SPDX-License-Identifier: Apache-2.0
#include "test.h"

#include <elf.h>
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
static void put_machine(const struct tree *t, const char *name, uint8_t class,
			uint8_t data, uint16_t machine)
{
	uint8_t h[64] = {0x7f, 'E', 'L', 'F', class, data, 1};
	bool big = data == ELFDATA2MSB;

	h[big ? 17 : 16] = 2; /* ET_EXEC */
	h[big ? 18 : 19] = (uint8_t)(machine >> 8);
	h[big ? 19 : 18] = (uint8_t)machine;
	h[big ? 23 : 20] = 1; /* EV_CURRENT */
	put(t, name, h, sizeof(h), 0755);
}

static void put_elf(const struct tree *t, const char *name,
		    const struct arch_desc *arch)
{
	put_machine(t, name, arch->elf_class, arch->elf_data,
		    arch->elf_machine);
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
	put_text(&t, "bin/nested2", "#!../bin/nested x y\n");
	put_text(&t, "bin/endless", "#!/bin/endless\n");
	put_text(&t, "bin/by-path", "#!s390\n");
	put_text(&t, "bin/orphan", "#!/bin/bash\n");
	put_text(&t, "bin/empty", "#! \n");
	put_machine(&t, "bin/riscv", ELFCLASS64, ELFDATA2LSB, EM_RISCV);
	put_machine(&t, "bin/s390-31", ELFCLASS32, ELFDATA2MSB, EM_S390);
	put_machine(&t, "bin/ppc64", ELFCLASS64, ELFDATA2MSB, EM_PPC64);
	put_machine(&t, "bin/armhf", ELFCLASS32, ELFDATA2LSB, EM_ARM);
	put_machine(&t, "bin/unknown", ELFCLASS64, ELFDATA2LSB, 7777);
	put_machine(&t, "bin/i386", ELFCLASS32, ELFDATA2LSB, EM_386);
	put_text(&t, "bin/riscv-script", "#!/bin/riscv\n");
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

/* What entrypoint_arch() says of PROGRAM, in one word; the reason in WHY. */
static const char *answer(const struct spec *s, struct err *why)
{
	const struct arch_desc *a = NULL;
	int r = entrypoint_arch(s, &a, why);

	return r == 0 ? a->name : r == -ENOEXEC ? "refused" : "unknown";
}

static void test_arch(void **state)
{
	static const struct {
		const char *program, *answer;
	} cases[] = {
		{"arm", "aarch64"},	     {"/bin/arm", "aarch64"},
		{"./arm", "aarch64"},	     {"s390", "s390x"},
		{"absolute", "s390x"},	     {"../deep/up", "aarch64"},
		{"script", "s390x"},	     {"nested", "s390x"},
		{"nested2", "s390x"},	     {"endless", "unknown"},
		{"by-path", "unknown"},	     {"orphan", "unknown"},
		{"empty", "unknown"},	     {"text", "unknown"},
		{"plain", "unknown"},	     {"fifo", "unknown"},
		{"passwd", "unknown"},	     {"none", "unknown"},
		{"/bin", "unknown"},	     {"i386", "x86_64"},
		{"riscv", "refused"},	     {"s390-31", "refused"},
		{"ppc64", "refused"},	     {"armhf", "refused"},
		{"unknown", "refused"},	     {"riscv-script", "refused"},
	};
	const struct tree *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_spec struct spec *s = spec_for(t, cases[i].program, "");
		struct err why = {0};
		const char *a = answer(s, &why);

		if (strcmp(a, cases[i].answer) != 0)
			fail_msg("'%s': %s (%s)", cases[i].program, a,
				 why.text);
	}
}

static void test_refusals_name_things(void **state)
{
	static const struct {
		const char *program, *file, *machine;
	} cases[] = {
		{"riscv", "'/bin/riscv'", "riscv64"},
		{"riscv-script", "'/bin/riscv'", "riscv64"},
		{"s390-31", "'/bin/s390-31'", "31-bit s390"},
		{"ppc64", "'/bin/ppc64'", "ppc64 (big-endian)"},
		{"armhf", "'/bin/armhf'", "32-bit ARM"},
		{"unknown", "'/bin/unknown'", "ELF machine 7777"},
	};
	const struct tree *t = *state;
	const struct arch_desc *a;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_spec struct spec *s = spec_for(t, cases[i].program, "");
		struct err e = {0};

		assert_int_equal(entrypoint_choose_arch(s, NULL, &a, NULL, &e),
				 -ENOEXEC);
		if (!strstr(e.text, cases[i].file) ||
		    !strstr(e.text, cases[i].machine) ||
		    !strstr(e.text, "x86_64, aarch64, s390x and ppc64le"))
			fail_msg("'%s': %s", cases[i].program, e.text);
		/* Nobody's wish makes it run. */
		assert_int_equal(
			entrypoint_choose_arch(s, "s390x", &a, NULL, &e),
			-ENOEXEC);
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
		struct err why;

		assert_string_equal(answer(s, &why), "ppc64le");
	}
	{
		cleanup_spec struct spec *s =
			spec_for(t, "/opt/bin/s390", more);
		struct err why;

		assert_string_equal(answer(s, &why), "s390x");
	}
}

/* An engine's init is the host's; what it is to start is the container's. */
static void test_engine_init(void **state)
{
	static const struct {
		const char *args, *answer;
		bool is_init;
	} cases[] = {
		{"\"/run/init\",\"--\",\"arm\"", "aarch64", true},
		{"\"/run/init\",\"--\",\"script\"", "s390x", true},
		{"\"/run/init\",\"--\",\"riscv\"", "refused", true},
		{"\"/run/init\",\"--\",\"none\"", "unknown", true},
		{"\"/run/odd\",\"--\",\"arm\"", "aarch64", true},
		{"\"/run/init\",\"--\"", "ppc64le", false},
		{"\"/run/init\",\"-x\",\"arm\"", "ppc64le", false},
		{"\"/bin/arm\",\"--\",\"s390\"", "aarch64", false},
		{"\"/opt/bin/s390\",\"--\",\"arm\"", "s390x", false},
	};
	const struct tree *t = *state;
	size_t i;

	for (i = 0; i < ARRAY_SIZE(cases); i++) {
		cleanup_spec struct spec *s = NULL;
		struct err e = {0};
		char text[1024];
		struct spec_mount *m;

		(void)snprintf(text, sizeof(text),
			       "{\"ociVersion\":\"1.0.2\",\"root\":{\"path\":"
			       "\"%s\"},\"process\":{\"args\":[%s],\"cwd\":"
			       "\"/\",\"env\":[\"PATH=/bin:/usr/bin\"]},"
			       "\"mounts\":[{\"destination\":\"/opt\",\"type\":"
			       "\"bind\",\"source\":\"%s/usr\"},"
			       "{\"destination\":\"/run/init\",\"type\":"
			       "\"bind\",\"source\":\"%s/data/ppc\"},"
			       "{\"destination\":\"/run/odd\",\"type\":"
			       "\"bind\",\"source\":\"%s/bin/orphan\"}]}",
			       t->dir, cases[i].args, t->dir, t->dir, t->dir);
		if (spec_parse(text, strlen(text), "/b", &s, &e) < 0)
			fail_msg("%s", e.text);
		m = entrypoint_init_mount(s);
		assert_int_equal(m != NULL, cases[i].is_init);
		if (m)
			assert_non_null(strstr(cases[i].args,
					       m->wire->destination));
		assert_string_equal(answer(s, &e), cases[i].answer);
		assert_int_equal(
			entrypoint_init_runs(s, arch_find("ppc64le")),
			strstr(cases[i].args, "/run/") != NULL);
		/* What may be the user's own script is not taken away. */
		assert_int_equal(
			entrypoint_init_runs(s, arch_find("s390x")),
			strstr(cases[i].args, "/run/odd") ||
				strstr(cases[i].args, "/opt/bin/s390"));
	}
}

/* What S is run on, and whose word it was; "" when nothing is. */
static void check_choice(const struct spec *s, const char *option,
			 const char *arch, const char *by)
{
	const struct arch_desc *a = NULL;
	const char *source = "";
	struct err e = {0};
	int r = entrypoint_choose_arch(s, option, &a, &source, &e);

	if (strcmp(r < 0 ? "" : a->name, arch) != 0)
		fail_msg("%s by %s, not %s: %s", r < 0 ? "nothing" : a->name,
			 source, arch, e.text);
	assert_non_null(strstr(source, by));
}

static void test_choice(void **state)
{
	static const char note[] =
		",\"annotations\":{\"io.kiln.arch\":\"ppc64le\"}";
	static const char label[] =
		",\"annotations\":{\"org.opencontainers.image."
		"architecture\":\"arm64\"}";
	const struct tree *t = *state;
	cleanup_spec struct spec *noted = spec_for(t, "none", note);
	cleanup_spec struct spec *against = spec_for(t, "arm", note);
	cleanup_spec struct spec *plain = spec_for(t, "arm", "");
	cleanup_spec struct spec *labelled = spec_for(t, "none", label);
	cleanup_spec struct spec *mislabelled = spec_for(t, "s390", label);
	cleanup_spec struct spec *none = spec_for(t, "none", "");
	const struct arch_desc *a;
	struct err e = {0};

	check_choice(noted, "amd64", "x86_64", "--arch");
	check_choice(noted, NULL, "ppc64le", "io.kiln.arch");
	check_choice(plain, NULL, "aarch64", "program");
	check_choice(plain, "arm64", "aarch64", "--arch");
	check_choice(labelled, NULL, "aarch64", "image.architecture");
	check_choice(mislabelled, NULL, "s390x", "program");
	assert_int_equal(entrypoint_choose_arch(plain, "vax", &a, NULL, &e),
			 -EINVAL);
	/* What would not run there is refused here. */
	check_choice(plain, "ppc64le", "", "--arch");
	check_choice(against, NULL, "", "io.kiln.arch");
	if (arch_native())
		check_choice(none, NULL, arch_native()->name, "host");
	/* A missing program is told by a guest of the image's kind. */
	link_to(t, "../usr/bin/s390", "bin/sh");
	check_choice(none, NULL, "s390x", "/bin/sh");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_open),
		cmocka_unit_test(test_arch),
		cmocka_unit_test(test_refusals_name_things),
		cmocka_unit_test(test_engine_init),
		cmocka_unit_test(test_bind_mount),
		cmocka_unit_test(test_choice),
	};

	return cmocka_run_group_tests(tests, setup, teardown);
}
