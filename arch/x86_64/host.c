// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <errno.h>
#include <linux/kvm.h>
#include <poll.h>
#include <signal.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>
#include <x86intrin.h>

#include "base/cleanup.h"

#define GUEST_PAGE 4096U
#define PORT 0xe9
#define EXPECTED 55 /* 10 + 9 + ... + 1 */

/* Real mode, at address 0x1000. */
static const uint8_t program[] = {
	0xb9, 0x0a, 0x00, /*       mov  $10, %cx */
	0x31, 0xc0,       /*       xor  %ax, %ax */
	0x01, 0xc8,       /* loop: add  %cx, %ax */
	0xe2, 0xfc,       /*       loop loop     */
	0xe6, PORT,       /*       out  %al, $PORT */
	0xf4,             /*       hlt           */
};

static int run_vcpu(int vcpu, const struct kvm_run *run)
{
	const uint8_t *data;

	for (int i = 0; i < 16; i++) {
		if (ioctl(vcpu, KVM_RUN, 0) < 0) {
			if (errno == EINTR)
				continue;
			return -errno;
		}
		switch (run->exit_reason) {
		case KVM_EXIT_IO:
			data = (const uint8_t *)run + run->io.data_offset;
			if (run->io.port == PORT && data[0] == EXPECTED)
				return 0;
			return -EIO;
		case KVM_EXIT_INTR:
			continue;
		default:
			return -EIO;
		}
	}
	return -EIO;
}

static int set_registers(int vcpu)
{
	struct kvm_sregs sregs;
	struct kvm_regs regs = {.rip = GUEST_PAGE, .rflags = 2};

	if (ioctl(vcpu, KVM_GET_SREGS, &sregs) < 0)
		return -errno;
	sregs.cs.base = 0;
	sregs.cs.selector = 0;
	if (ioctl(vcpu, KVM_SET_SREGS, &sregs) < 0 ||
	    ioctl(vcpu, KVM_SET_REGS, &regs) < 0)
		return -errno;
	return 0;
}

/* In a process of its own: all that is made here ends with it. */
static int probe(int kvm)
{
	struct kvm_userspace_memory_region region = {
		.guest_phys_addr = GUEST_PAGE,
		.memory_size = GUEST_PAGE,
	};
	struct kvm_run *run;
	void *memory;
	int vm, vcpu, size, r;

	if (ioctl(kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
		return -ENOTSUP;
	memory = mmap(NULL, GUEST_PAGE, PROT_READ | PROT_WRITE,
		      MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	vm = ioctl(kvm, KVM_CREATE_VM, 0);
	size = ioctl(kvm, KVM_GET_VCPU_MMAP_SIZE, 0);
	if (vm < 0 || size < 0 || memory == MAP_FAILED)
		return -errno;
	if (size < (int)sizeof(*run))
		return -EIO;
	memcpy(memory, program, sizeof(program));
	region.userspace_addr = (uintptr_t)memory;
	if (ioctl(vm, KVM_SET_USER_MEMORY_REGION, &region) < 0)
		return -errno;
	vcpu = ioctl(vm, KVM_CREATE_VCPU, 0);
	if (vcpu < 0)
		return -errno;
	run = mmap(NULL, (size_t)size, PROT_READ | PROT_WRITE, MAP_SHARED, vcpu,
		   0);
	if (run == MAP_FAILED)
		return -errno;
	r = set_registers(vcpu);
	return r < 0 ? r : run_vcpu(vcpu, run);
}

int arch_host_kvm_probe(int fd, unsigned int timeout_ms)
{
	cleanup_close int pidfd = -1;
	struct pollfd pfd = {.events = POLLIN};
	int status;
	pid_t pid = fork();
	int r;

	if (pid < 0)
		return -errno;
	if (pid == 0) {
		(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
		_exit(-probe(fd) & 0xff);
	}
	/* A KVM that is broken enough never comes back from KVM_RUN. */
	pidfd = (int)syscall(SYS_pidfd_open, pid, 0);
	pfd.fd = pidfd;
	r = pidfd < 0 ? 0 : poll(&pfd, 1, (int)timeout_ms);
	if (r <= 0)
		(void)kill(pid, SIGKILL);
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (WIFSIGNALED(status))
		return r <= 0 ? -ETIMEDOUT : -EIO;
	return -WEXITSTATUS(status);
}

struct stamp {
	uint64_t tsc, ns;
};

/* Both clocks at one moment: the best of some tries, since the host may run
 * something else between the two readings. */
static struct stamp take_stamp(void)
{
	struct stamp best = {0};
	uint64_t best_gap = UINT64_MAX;

	for (int i = 0; i < 16; i++) {
		struct timespec ts;
		uint64_t before = __rdtsc();
		uint64_t after;

		(void)clock_gettime(CLOCK_MONOTONIC_RAW, &ts);
		after = __rdtsc();
		if (after - before >= best_gap)
			continue;
		best_gap = after - before;
		best.tsc = before + best_gap / 2;
		best.ns = (uint64_t)ts.tv_sec * 1000000000 +
			  (uint64_t)ts.tv_nsec;
	}
	return best;
}

uint32_t arch_host_tsc_khz(void)
{
	const struct timespec pause = {.tv_nsec = 20000000};
	struct stamp a = take_stamp();
	struct stamp b;

	(void)nanosleep(&pause, NULL);
	b = take_stamp();
	if (b.ns <= a.ns || b.tsc <= a.tsc)
		return 0;
	return (uint32_t)((b.tsc - a.tsc) * 1000000 / (b.ns - a.ns));
}
