// SPDX-License-Identifier: Apache-2.0
/* The state machine of a VM, with a VMM that is only played. */
#include "test.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "os/event.h"
#include "runtime/vmm/vm_priv.h"

#define FAKE_PID 0x7ffffffe

struct world {
	struct event_loop *loop;
	struct vm *vm;
	struct vm_exit end;
	int ends, kills, quits;
	enum vm_phase seen;
	size_t console;
	const char *complaint;
	bool refuse;
};

static struct world *current;

static int fake_start(struct vm *vm, const struct host_facts *facts,
		      const struct vm_spec *spec, struct err *reterr)
{
	(void)facts;
	(void)spec;
	if (current->refuse)
		return err_set(reterr, -ENOENT, "no fake today");
	vm->pid = FAKE_PID;
	vm_reached(vm, VM_PHASE_SPAWNED);
	return 0;
}

static void fake_quit(struct vm *vm, bool powerdown)
{
	(void)vm;
	(void)powerdown;
	current->quits++;
}

static void fake_kill(struct vm *vm)
{
	current->kills++;
	vm_ended(vm, SIGKILL);
}

static const char *fake_complaint(const struct vm *vm)
{
	(void)vm;
	return current->complaint;
}

static const struct vmm_ops fake = {
	.name = "fake", .start = fake_start, .quit = fake_quit,
	.kill = fake_kill, .complaint = fake_complaint,
};

static void on_phase(void *arg, enum vm_phase phase, uint64_t us)
{
	struct world *w = arg;

	(void)us;
	w->seen = phase;
}

static void on_console(void *arg, const void *p, size_t n)
{
	(void)p;
	((struct world *)arg)->console += n;
}

static void on_exited(void *arg, const struct vm_exit *end)
{
	struct world *w = arg;

	w->end = *end;
	w->ends++;
}

static const struct vm_callbacks callbacks = {
	.phase = on_phase, .console = on_console, .exited = on_exited,
};

static int start(struct world *w, uint32_t timeout_ms, struct err *err)
{
	const struct host_facts facts = {0};
	struct vm_spec spec;

	vm_spec_init(&spec, arch_find("s390x"), &facts);
	spec.name = "test";
	spec.kernel = "/kernel";
	spec.boot_timeout_ms = timeout_ms;
	return vm_start_with(&fake, w->loop, &facts, &spec, &callbacks, w,
			     &w->vm, err);
}

static int setup(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	struct err err = {0};

	w->loop = event_loop_new();
	current = w;
	assert_int_equal(start(w, 60000, &err), 0);
	*state = w;
	return 0;
}

static int teardown(void **state)
{
	struct world *w = *state;

	vm_free(w->vm);
	event_loop_free(w->loop);
	free(w);
	return 0;
}

static void feed(struct world *w, const char *text)
{
	vm_console_feed(w->vm, text, strlen(text));
}

static void test_boot(void **state)
{
	struct world *w = *state;

	assert_int_equal(vm_phase(w->vm), VM_PHASE_SPAWNED);
	feed(w, "[    0.000000] Linux ver");
	assert_int_equal(w->seen, VM_PHASE_CONSOLE);
	feed(w, "sion 6.12\r\n");
	assert_int_equal(w->seen, VM_PHASE_KERNEL);
	feed(w, "kiln-agent: up\n");
	assert_int_equal(w->seen, VM_PHASE_INIT);
	vm_mark_agent(w->vm);
	assert_int_equal(w->seen, VM_PHASE_AGENT);
	assert_true(vm_phase_us(w->vm, VM_PHASE_INIT) >=
		    vm_phase_us(w->vm, VM_PHASE_CONSOLE));
	/* Late milestones do not turn it back. */
	vm_reached(w->vm, VM_PHASE_VMM_UP);
	assert_int_equal(vm_phase(w->vm), VM_PHASE_AGENT);
	vm_ended(w->vm, 0);
	assert_int_equal(w->end.cause, VM_CAUSE_SHUTDOWN);
	assert_int_equal(vm_pid(w->vm), 0);
}

static void test_panic(void **state)
{
	struct world *w = *state;

	feed(w, "[    0.1] Linux version 6\n[    0.9] Kernel panic - not "
		"syncing: VFS: Unable to mount root fs on \x1b[31m(0,0)\n"
		"[    0.9] CPU: 0\n");
	vm_ended(w->vm, 0);
	assert_int_equal(w->ends, 1);
	assert_int_equal(w->end.cause, VM_CAUSE_PANIC);
	assert_int_equal(w->end.phase, VM_PHASE_KERNEL);
	assert_non_null(strstr(w->end.err.text, "Unable to mount root"));
	assert_non_null(strstr(w->end.err.text, "make image ARCH=s390x"));
	assert_non_null(strstr(w->end.err.text, "Linux version 6"));
	assert_null(strstr(w->end.err.text, "CPU: 0"));
	assert_null(strchr(w->end.err.text, '\x1b'));
	assert_null(strchr(w->end.err.text, '\n'));
}

/* A container that writes to the console must not end the VM. */
static void test_quoted_panic(void **state)
{
	struct world *w = *state;

	feed(w, "kiln-agent: up\n");
	feed(w, "log: Kernel panic - not syncing: just kidding\n");
	vm_mark_agent(w->vm);
	assert_string_equal(w->vm->panic, "");
	feed(w, "[    9.1] Kernel panic - not syncing: real\n");
	assert_string_not_equal(w->vm->panic, "");
}

static void test_vmm_fails(void **state)
{
	struct world *w = *state;

	w->complaint = "qemu: no such machine";
	vm_ended(w->vm, 1 << 8);
	assert_int_equal(w->end.cause, VM_CAUSE_VMM);
	assert_non_null(strstr(w->end.err.text, "no such machine"));
	assert_non_null(strstr(w->end.err.text, "kiln check"));
	assert_non_null(strstr(w->end.err.text, "exited with 1"));
}

static void test_deadline(void **state)
{
	struct world *w = *state;
	struct err err = {0};

	vm_free(w->vm);
	w->vm = NULL;
	assert_int_equal(start(w, 10, &err), 0);
	for (int i = 0; i < 50 && !w->ends; i++)
		(void)event_loop_once(w->loop, 10);
	assert_int_equal(w->kills, 1);
	assert_int_equal(w->end.cause, VM_CAUSE_TIMEOUT);
	assert_non_null(strstr(w->end.err.text, "in time"));
}

static void test_quit(void **state)
{
	struct world *w = *state;

	vm_quit(w->vm, false, 10);
	assert_int_equal(w->quits, 1);
	/* It does not obey. */
	for (int i = 0; i < 50 && !w->ends; i++)
		(void)event_loop_once(w->loop, 10);
	assert_int_equal(w->kills, 1);
	assert_int_equal(w->end.cause, VM_CAUSE_QUIT);
	assert_string_equal(w->end.err.text, "");
}

static void test_ring(void **state)
{
	struct world *w = *state;
	char line[64];
	char tail[200];

	for (int i = 0; i < 2000; i++) {
		(void)snprintf(line, sizeof(line), "line %d of many\n", i);
		feed(w, line);
	}
	assert_true(w->console > VM_CONSOLE_MAX);
	assert_string_equal(vm_console_tail(w->vm, 2, tail, sizeof(tail)),
			    "line 1998 of many; line 1999 of many");
	for (size_t i = 0; i < VM_CONSOLE_MAX * 2; i++)
		vm_console_feed(w->vm, "\xff", 1);
	(void)vm_console_tail(w->vm, 100, tail, sizeof(tail));
	assert_true(strlen(tail) < sizeof(tail));
	assert_null(strchr(tail, '\xff'));
	(void)vm_console_tail(w->vm, 100, tail, 1);
	assert_string_equal(tail, "");
}

static void test_refused(void **state)
{
	struct world *w = *state;
	struct err err = {0};
	struct vm *vm = w->vm;

	w->refuse = true;
	assert_int_equal(start(w, 0, &err), -ENOENT);
	assert_ptr_equal(w->vm, vm);
	assert_non_null(strstr(err.text, "no fake today"));
}

#define WORLD(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		WORLD(test_boot), WORLD(test_panic), WORLD(test_quoted_panic),
		WORLD(test_vmm_fails), WORLD(test_deadline), WORLD(test_quit),
		WORLD(test_ring), WORLD(test_refused),
	};

	return cmocka_run_group_tests_name("vmm/vm", tests, NULL, NULL);
}
