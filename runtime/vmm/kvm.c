// SPDX-License-Identifier: Apache-2.0
/*
 * Does KVM run our guests? A device node proves nothing: some hosts offer a
 * KVM on which small programs run and kernels die, or QEMU aborts. So the
 * guest's own kernel is booted, without a root file system: it must come to
 * the panic that says so.
 */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "os/event.h"
#include "os/io.h"
#include "runtime/vmm/host.h"
#include "runtime/vmm/vm.h"

/* What a kernel that works says when it has nothing to start. */
static const char *const last_words[] = {
	"nable to mount root",
	"No working init found",
};

#define SUCCESS "has booted this kernel"

struct probe {
	struct event_loop *loop;
	struct vm *vm;
	int result;
	char reason[RUNG_REASON_MAX];
};

/* A diagnosis without the VM's name and the advice to ask `kiln check`. */
static void shorten(const char *text, char *out, size_t size)
{
	const char *start = strstr(text, "): ");
	const char *end;

	start = start ? start + 3 : text;
	end = strstr(start, "; next: ");
	(void)snprintf(out, size, "%.*s",
		       (int)(end ? (size_t)(end - start) : strlen(start)),
		       start);
}

static void on_exited(void *arg, const struct vm_exit *end)
{
	struct probe *p = arg;

	p->result = -EIO;
	if (end->cause == VM_CAUSE_PANIC)
		for (size_t i = 0; i < ARRAY_SIZE(last_words); i++)
			if (strstr(end->err.text, last_words[i]))
				p->result = 0;
	if (p->result == 0)
		(void)snprintf(p->reason, sizeof(p->reason), "%s", SUCCESS);
	else
		shorten(end->err.text, p->reason, sizeof(p->reason));
	event_loop_quit(p->loop, 0);
}

static int probe_run(struct probe *p, const struct host_facts *facts,
		     const struct guest *guest, unsigned int timeout_ms)
{
	static const struct vm_callbacks cb = {.exited = on_exited};
	struct host_facts kvm = *facts;
	struct vm_spec spec;
	struct err err = {0};
	int r;

	kvm.kvm = true;
	vm_spec_init(&spec, guest->arch, &kvm);
	spec.name = "kvm-probe";
	spec.memory_mib = arch_round_memory_mib(guest->arch, 0);
	spec.kernel = guest->kernel.path;
	spec.boot_timeout_ms = timeout_ms;
	p->loop = event_loop_new();
	if (!p->loop)
		return -errno;
	r = vm_start(p->loop, &kvm, &spec, &cb, p, &p->vm, &err);
	if (r < 0) {
		(void)snprintf(p->reason, sizeof(p->reason), "%s", err.text);
		return r;
	}
	(void)event_loop_run(p->loop);
	vm_free(p->vm);
	event_loop_free(p->loop);
	return p->result;
}

static void __attribute__((noreturn))
probe_child(int out, const struct host_facts *facts, const struct guest *guest,
	    unsigned int timeout_ms)
{
	struct probe p = {.result = -EIO};
	int r;

	(void)prctl(PR_SET_PDEATHSIG, SIGKILL);
	r = probe_run(&p, facts, guest, timeout_ms);
	(void)write_full(out, p.reason, strlen(p.reason));
	_exit(r == 0 ? 0 : 1);
}

/* The child's words until it closes the pipe, or the time is over. */
static void collect(int fd, unsigned int timeout_ms,
		    char reason[RUNG_REASON_MAX])
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t end = event_now_ms() + timeout_ms;
	size_t n = 0;

	while (n < RUNG_REASON_MAX - 1) {
		uint64_t now = event_now_ms();
		ssize_t r;

		if (now >= end || poll(&pfd, 1, (int)(end - now)) <= 0)
			break;
		r = read(fd, reason + n, RUNG_REASON_MAX - 1 - n);
		if (r <= 0)
			break;
		n += (size_t)r;
	}
	reason[n] = '\0';
}

int kvm_boot_probe(const struct host_facts *facts, const struct guest *guest,
		   unsigned int timeout_ms, char reason[RUNG_REASON_MAX])
{
	cleanup_close int rd = -1;
	int p[2];
	int status;
	pid_t pid;

	if (pipe2(p, O_CLOEXEC) < 0)
		return -errno;
	rd = p[0];
	pid = fork();
	if (pid < 0) {
		(void)close(p[1]);
		return -errno;
	}
	if (pid == 0)
		probe_child(p[1], facts, guest, timeout_ms);
	(void)close(p[1]);
	collect(rd, timeout_ms + 1000, reason);
	(void)kill(pid, SIGKILL); /* it has said all, or hangs */
	while (waitpid(pid, &status, 0) < 0)
		if (errno != EINTR)
			return -errno;
	if (!reason[0])
		(void)snprintf(reason, RUNG_REASON_MAX,
			       "the probe ended without a word");
	return strcmp(reason, SUCCESS) == 0 ? 0 : -EIO;
}
