// SPDX-License-Identifier: Apache-2.0
/*
 * The guest's console: kept, watched for the milestones of a boot and for the
 * kernel's last words, and quoted when something went wrong. Hostile bytes:
 * bounded, and escaped before anybody sees them.
 */
#include "runtime/vmm/vm_priv.h"

#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "os/event.h"
#include "os/io.h"

#define READ_SIZE 4096
#define TAIL_LINES 8
#define TAIL_MAX 600

/* What a line of the kernel or the agent means. */
static const struct {
	const char *text;
	enum vm_phase phase; /* NEW: the guest is lost */
} marks[] = {
	{"Linux version ", VM_PHASE_KERNEL},
	{"kiln-agent", VM_PHASE_INIT},
	{"Kernel panic - not syncing", VM_PHASE_NEW},
	/* s390 before the console works */
	{"disabled wait", VM_PHASE_NEW},
	/* the kernel's decompressor, arch/x86/boot and arch/s390/boot */
	{"-- System halted", VM_PHASE_NEW},
};

/* Without the kernel's "[    0.123456] ". */
static const char *skip_time(const char *line)
{
	const char *end;

	if (line[0] != '[')
		return line;
	end = strstr(line, "] ");
	return end ? end + 2 : line;
}

static void on_line(struct vm *vm)
{
	char text[VM_PANIC_MAX];

	vm->line[vm->line_len] = '\0';
	for (size_t i = 0; i < ARRAY_SIZE(marks); i++) {
		const char *body;

		if (!strstr(vm->line, marks[i].text))
			continue;
		/* After the agent has answered, lines are a container's as
		 * well; only a kernel's own form still counts. */
		if (marks[i].phase != VM_PHASE_NEW) {
			vm_reached(vm, marks[i].phase);
			continue;
		}
		body = skip_time(vm->line);
		if (vm->phase >= VM_PHASE_INIT &&
		    strncmp(body, marks[i].text, strlen(marks[i].text)) != 0)
			continue;
		vm_panicked(vm, log_escape(text, sizeof(text), body,
					   strlen(body)));
	}
	vm->line_len = 0;
}

void vm_console_feed(struct vm *vm, const char *p, size_t n)
{
	if (n == 0)
		return;
	vm_reached(vm, VM_PHASE_CONSOLE);
	if (vm->cb->console)
		vm->cb->console(vm->cb_arg, p, n);
	for (size_t i = 0; i < n; i++) {
		vm->ring[vm->total++ % VM_CONSOLE_MAX] = p[i];
		if (p[i] == '\n' || p[i] == '\r')
			on_line(vm);
		else if (p[i] && vm->line_len < VM_LINE_MAX - 1)
			vm->line[vm->line_len++] = p[i];
	}
}

static void on_console(void *arg, int fd, uint32_t events UNUSED)
{
	struct vm *vm = arg;
	char text[READ_SIZE];
	ssize_t n = recv(fd, text, sizeof(text), MSG_DONTWAIT);

	if (n < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	if (n <= 0) {
		/* The VMM's end is reported by its process, not here. */
		event_io_free(vm->console_io);
		vm->console_io = NULL;
		return;
	}
	vm_console_feed(vm, text, (size_t)n);
}

int vm_console_attach(struct vm *vm, int fd, struct err *reterr)
{
	vm->console_fd = fd;
	vm->console_io =
		event_io_new(vm->loop, fd, EPOLLIN, on_console, vm);
	if (!vm->console_io)
		return err_errno(reterr, "console of VM '%s'", vm->name);
	return 0;
}

void vm_console_drain(struct vm *vm)
{
	char text[READ_SIZE];
	ssize_t n;

	/* A socket holds a few hundred KiB at most, and nobody writes now. */
	for (int i = 0; i < 256 && vm->console_fd >= 0; i++) {
		n = recv(vm->console_fd, text, sizeof(text), MSG_DONTWAIT);
		if (n <= 0)
			break;
		vm_console_feed(vm, text, (size_t)n);
	}
	if (vm->line_len > 0)
		on_line(vm);
}

/* As vm_console_tail(), as if the console had ended at byte END. */
static void tail_until(const struct vm *vm, uint64_t end, unsigned int lines,
		       char *out, size_t size)
{
	uint64_t first =
		vm->total > VM_CONSOLE_MAX ? vm->total - VM_CONSOLE_MAX : 0;
	size_t have = end > first ? (size_t)(end - first) : 0;
	cleanup_free char *text = malloc(have + 1);
	size_t used = 0;
	size_t start;

	out[0] = '\0';
	if (!text)
		return;
	for (size_t i = 0; i < have; i++)
		text[i] = vm->ring[(first + i) % VM_CONSOLE_MAX];
	while (have > 0 && (text[have - 1] == '\n' || text[have - 1] == '\r'))
		have--;
	for (start = have; start > 0; start--)
		if (text[start - 1] == '\n' && --lines == 0)
			break;
	/* What does not fit is cut at the front: the end tells most. */
	if (have - start > size / 2)
		start = have - size / 2;
	while (start < have && used + 3 < size) {
		size_t n = 0;

		while (start + n < have && text[start + n] != '\n' &&
		       text[start + n] != '\r')
			n++;
		if (n > 0) {
			(void)log_escape(out + used, size - used, text + start,
					 n);
			used += strlen(out + used);
		}
		start += n;
		while (start < have &&
		       (text[start] == '\n' || text[start] == '\r'))
			start++;
		if (n > 0 && start < have && used + 3 < size) {
			memcpy(out + used, "; ", 3);
			used += 2;
		}
	}
}

char *vm_console_tail(const struct vm *vm, unsigned int lines, char *out,
		      size_t size)
{
	tail_until(vm, vm->total, lines, out, size);
	return out;
}

/* --- Diagnosis --- */

static void put_status(struct buf *b, const struct vm *vm)
{
	int s = vm->status;

	if (WIFSIGNALED(s))
		(void)buf_printf(b, "%s was killed by signal %d (%s)",
				 vm->ops->name, WTERMSIG(s),
				 strsignal(WTERMSIG(s)));
	else if (WEXITSTATUS(s))
		(void)buf_printf(b, "%s exited with %d", vm->ops->name,
				 WEXITSTATUS(s));
	else
		(void)buf_put_str(b, "the guest has shut down");
}

/* The command that most likely shows or mends it. */
static void put_advice(struct buf *b, const struct vm *vm)
{
	const char *arch = vm->arch->name;

	(void)buf_put_str(b, "; next: ");
	if (strstr(vm->panic, "nable to mount root") ||
	    strstr(vm->panic, "No working init found"))
		(void)buf_printf(b, "the guest's initrd or image does not fit "
				    "its kernel: 'make image ARCH=%s', or see "
				    "'kiln check'", arch);
	else if (strstr(vm->panic, "out of memory") ||
		 strstr(vm->panic, "Out of memory"))
		(void)buf_put_str(b, "give the VM more memory");
	else if (vm->phase < VM_PHASE_CPU_STARTED)
		(void)buf_put_str(b, "'kiln check' tests the VMM of this host");
	else if (vm->phase < VM_PHASE_KERNEL)
		(void)buf_printf(b, "the kernel is not one this machine "
				    "boots: 'make kernel ARCH=%s', or see "
				    "'kiln check'", arch);
	else
		(void)buf_put_str(b, "repeat with 'kiln --debug' to see the "
				     "guest's whole console");
}

int vm_diagnose(const struct vm *vm, int code, struct err *ret)
{
	cleanup_buf struct buf b = BUF_INIT(4096);
	const char *complaint =
		vm->ops->complaint ? vm->ops->complaint(vm) : NULL;
	char tail[TAIL_MAX];

	(void)buf_printf(&b, "VM '%s' (%s, %s, %s): ", vm->name,
			 vm->arch->name, vm->machine->name,
			 vm->accel == ARCH_ACCEL_KVM ? "KVM" : "TCG");
	if (vm->panic[0])
		(void)buf_printf(&b, "the guest's kernel gave up: %s",
				 vm->panic);
	else if (vm->wanted == VM_CAUSE_TIMEOUT || vm->pid > 0)
		(void)buf_put_str(&b, "no answer of the agent in time");
	else
		put_status(&b, vm);
	(void)buf_printf(&b, "; reached: %s (%" PRIu64 " ms)",
			 vm_phase_name(vm->phase),
			 vm->phase_us[vm->phase] / 1000);
	if (complaint && *complaint)
		(void)buf_printf(&b, "; %s says: %s", vm->ops->name, complaint);
	put_advice(&b, vm);
	/* What led to a panic tells more than the registers after it. */
	tail_until(vm, vm->panic_at ? vm->panic_at : vm->total, TAIL_LINES,
		   tail, sizeof(tail));
	if (tail[0])
		(void)buf_printf(&b, "; console: %s", tail);
	else
		(void)buf_put_str(&b, "; the console is empty");
	if (!buf_cstr(&b))
		return err_set(ret, code, "VM '%s' has failed", vm->name);
	return err_set(ret, code, "%s", (const char *)buf_data(&b));
}
