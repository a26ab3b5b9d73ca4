// SPDX-License-Identifier: Apache-2.0
//
// Filters of system calls, loaded into a child that tells what calls give.
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "agent/sysfilter.h"
#include "base/macros.h"

#define UNKNOWN_CALL 4000
#define NAMES 6

static char names[NAMES][16] = {"exit_group", "exit", "getppid", "write",
				"rt_sigreturn", "madvise"};

/* The errno that CALL has under SPEC; 200 + n for the end by signal n. */
static int errno_of(const Grpc__LinuxSeccomp *spec, int error, long call)
{
	struct sysfilter *f = NULL;
	struct err err = {0};
	int status;
	pid_t pid;

	assert_int_equal(sysfilter_new(spec, error, &f, &err), 0);
	pid = fork();
	if (!pid) {
		if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) < 0 ||
		    sysfilter_load(f, &err) < 0)
			_exit(199);
		errno = 0;
		(void)syscall(call, 0, 0, 0);
		/* Not _exit(): the sanitizers' makes more calls. */
		(void)syscall(SYS_exit_group, errno);
	}
	assert_int_equal(waitpid(pid, &status, 0), pid);
	sysfilter_free(f);
	return WIFSIGNALED(status) ? 200 + WTERMSIG(status)
				   : WEXITSTATUS(status);
}

static void test_unknown_calls(void **state UNUSED)
{
	static char allow[] = "SCMP_ACT_ALLOW", deny[] = "SCMP_ACT_ERRNO";
	static char kill_it[] = "SCMP_ACT_KILL_PROCESS";
	Grpc__LinuxSeccomp spec = GRPC__LINUX_SECCOMP__INIT;
	Grpc__LinuxSyscall rule = GRPC__LINUX_SYSCALL__INIT;
	Grpc__LinuxSyscall *rules[] = {&rule};
	char *list[NAMES];
	size_t i;

	for (i = 0; i < NAMES; i++)
		list[i] = names[i];
	rule.names = list;
	rule.n_names = NAMES;
	rule.action = allow;
	spec.syscalls = rules;
	spec.n_syscalls = 1;
	spec.defaultaction = deny;
	/* Older than the newest that is named: as the default says. */
	assert_int_equal(errno_of(&spec, -1, SYS_getppid), 0);
	assert_int_equal(errno_of(&spec, -1, SYS_dup), EPERM);
	assert_int_equal(errno_of(&spec, -1, UNKNOWN_CALL), ENOSYS);
	/* An errno that was asked for is for all. */
	assert_int_equal(errno_of(&spec, ENXIO, SYS_dup), ENXIO);
	assert_int_equal(errno_of(&spec, ENXIO, UNKNOWN_CALL), ENXIO);
	spec.defaultaction = kill_it;
	assert_int_equal(errno_of(&spec, -1, SYS_dup), 200 + SIGSYS);
	assert_int_equal(errno_of(&spec, -1, UNKNOWN_CALL), ENOSYS);
	/* What the default lets pass is the kernel's to answer. */
	spec.defaultaction = allow;
	rule.action = deny;
	rule.n_names = 1;
	list[0] = names[2];
	assert_int_equal(errno_of(&spec, -1, SYS_getppid), EPERM);
	assert_int_equal(errno_of(&spec, -1, SYS_getpid), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_unknown_calls),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
