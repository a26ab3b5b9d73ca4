// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_ENGINE_FAKE_HOST_H
#define TESTS_UNIT_ENGINE_FAKE_HOST_H

/*
 * What tests of the whole engine stand on: a folder with a state root, a bundle
 * and a machine that is no machine (fake_qemu.h). The test program itself is
 * the supervisor and the VMM: see fake_host_main().
 */
#include <dirent.h>
#include <fcntl.h>
#include <limits.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "arch/arch.h"
#include "engine/fake_qemu.h"
#include "runtime/engine/client.h"

static char base[PATH_MAX], root[PATH_MAX + 8], bundle[PATH_MAX + 8];

/* Writes a file below the folder of the tests. */
static void put_file(const char *name, const char *text)
{
	char path[PATH_MAX + 64];

	(void)snprintf(path, sizeof(path), "%s/%s", base, name);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, text, strlen(text),
					   0644), 0);
}

/* Nothing of any sandbox is left: folder, mount or process. */
static void assert_clean(void)
{
	DIR *dir = opendir(root);
	struct dirent *e;
	int n = 0;

	if (!dir)
		return;
	while ((e = readdir(dir)))
		n += e->d_name[0] != '.';
	closedir(dir);
	assert_int_equal(n, 0);
}

/* What passes for a kernel of the host's architecture: our own beginning. */
static void put_kernel(void)
{
	int fd = open("/proc/self/exe", O_RDONLY | O_CLOEXEC);
	uint8_t head[4096] = {0};
	char path[PATH_MAX + 64];

	assert_int_equal(read_full(fd, head, sizeof(head)), sizeof(head));
	close(fd);
	if (arch_native()->kernel_format == ARCH_KERNEL_ARM64_IMAGE)
		memcpy(head + 56, "ARM\x64", 4);
	if (arch_native()->kernel_format == ARCH_KERNEL_S390_IMAGE)
		memset(head, 1, 64);
	(void)snprintf(path, sizeof(path), "%s/kernel", base);
	assert_int_equal(write_file_atomic(AT_FDCWD, path, head, sizeof(head),
					   0644), 0);
}

/* The folder of the tests, and in PATH a QEMU that is this program. */
static int fake_host_setup(void)
{
	char path[PATH_MAX + 64], *env = NULL;
	const char *name = arch_native()->qemu_binary;

	(void)prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0);
	(void)snprintf(base, sizeof(base), "/tmp/kiln-engine.XXXXXX");
	if (!mkdtemp(base))
		return -1;
	(void)snprintf(root, sizeof(root), "%s/root", base);
	(void)snprintf(bundle, sizeof(bundle), "%s/bundle", base);
	if (mkdir(bundle, 0755) < 0)
		return -1;
	(void)snprintf(path, sizeof(path), "%s/rootfs", bundle);
	if (mkdir(path, 0755) < 0)
		return -1;
	put_kernel();
	put_file("initrd", "initrd");
	(void)snprintf(path, sizeof(path), "%s/%s", base, name);
	if (symlink("/proc/self/exe", path) < 0)
		return -1;
	(void)unlink(path);
	env = realpath("/proc/self/exe", NULL);
	if (!env || symlink(env, path) < 0)
		return -1;
	free(env);
	if (asprintf(&env, "%s:%s", base, getenv("PATH")) < 0)
		return -1;
	(void)setenv("PATH", env, 1);
	free(env);
	return 0;
}

static int fake_host_teardown(void **state UNUSED)
{
	return remove_tree(AT_FDCWD, base);
}

/* The main() of a test program: whatever it was started as. */
static int fake_host_main(int argc, char **argv, const struct CMUnitTest *tests,
			  size_t n, int (*setup)(void **))
{
	const char *self = strrchr(argv[0], '/');

	if (argc > 1 && !strcmp(argv[1], "supervisor"))
		return supervisor_main(argc - 1, argv + 1);
	if (!strncmp(self ? self + 1 : argv[0], "qemu-system-", 12))
		return fake_qemu_main(argc, argv);
	return _cmocka_run_group_tests("tests", tests, n, setup,
				       fake_host_teardown);
}

#endif
