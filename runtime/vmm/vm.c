// SPDX-License-Identifier: Apache-2.0
/*
 * The part of a running VM that no VMM changes: phases of the boot, deadline,
 * end. The console and the diagnosis are in console.c. The guest is hostile:
 * what it says decides nothing but the words of a message and whether the VM
 * is over.
 */
#include "runtime/vmm/vm_priv.h"

#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <time.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "os/event.h"

#define BOOT_TIMEOUT_MS 60000
/* For the panic's last lines to come out before the VMM is killed. */
#define PANIC_GRACE_MS 1000

static const char *const phase_names[VM_PHASE_COUNT] = {
	[VM_PHASE_NEW] = "new",
	[VM_PHASE_SPAWNED] = "VMM started",
	[VM_PHASE_VMM_UP] = "VMM answered",
	[VM_PHASE_CPU_STARTED] = "CPU started",
	[VM_PHASE_CONSOLE] = "first console byte",
	[VM_PHASE_KERNEL] = "kernel banner",
	[VM_PHASE_INIT] = "agent started",
	[VM_PHASE_AGENT] = "agent answered",
};

static uint64_t now_us(void)
{
	struct timespec ts;

	(void)clock_gettime(CLOCK_MONOTONIC, &ts); /* cannot fail */
	return (uint64_t)ts.tv_sec * 1000000 + (uint64_t)ts.tv_nsec / 1000;
}

const char *vm_phase_name(enum vm_phase phase)
{
	return phase < VM_PHASE_COUNT ? phase_names[phase] : "unknown";
}

enum vm_phase vm_phase(const struct vm *vm)
{
	return vm->phase;
}

uint64_t vm_phase_us(const struct vm *vm, enum vm_phase phase)
{
	return phase < VM_PHASE_COUNT ? vm->phase_us[phase] : 0;
}

const struct vm_layout *vm_layout(const struct vm *vm)
{
	return &vm->layout;
}

pid_t vm_pid(const struct vm *vm)
{
	return vm->pid;
}

void vm_reached(struct vm *vm, enum vm_phase phase)
{
	uint64_t us = now_us() - vm->start_us;

	if (phase <= vm->phase)
		return;
	for (int p = (int)vm->phase + 1; p <= (int)phase; p++)
		vm->phase_us[p] = us;
	vm->phase = phase;
	log_debug("VM '%s': %s after %llu us", vm->name,
		  vm_phase_name(phase), (unsigned long long)us);
	if (vm->cb->phase)
		vm->cb->phase(vm->cb_arg, phase, us);
}

void vm_mark_agent(struct vm *vm)
{
	event_timer_stop(vm->deadline);
	vm_reached(vm, VM_PHASE_AGENT);
}

static void kill_after(struct vm *vm, uint32_t ms)
{
	if (vm->pid > 0)
		event_timer_set(vm->reaper, ms);
}

static void on_reaper(void *arg)
{
	struct vm *vm = arg;

	vm->ops->kill(vm);
}

static void on_deadline(void *arg)
{
	struct vm *vm = arg;

	if (vm->wanted == VM_CAUSE_NONE)
		vm->wanted = VM_CAUSE_TIMEOUT;
	vm->ops->kill(vm);
}

void vm_panicked(struct vm *vm, const char *text)
{
	if (vm->panic[0])
		return; /* the first is the cause, the others follow from it */
	(void)snprintf(vm->panic, sizeof(vm->panic), "%s", text);
	vm->panic_at = vm->total;
	kill_after(vm, PANIC_GRACE_MS);
}

void vm_quit(struct vm *vm, bool powerdown, uint32_t timeout_ms)
{
	if (vm->wanted == VM_CAUSE_NONE)
		vm->wanted = VM_CAUSE_QUIT;
	event_timer_stop(vm->deadline);
	vm->ops->quit(vm, powerdown);
	kill_after(vm, timeout_ms);
}

void vm_kill(struct vm *vm)
{
	if (vm->wanted == VM_CAUSE_NONE)
		vm->wanted = VM_CAUSE_QUIT;
	vm->ops->kill(vm);
}

int vm_agent_fd(struct vm *vm)
{
	if (vm->agent_taken)
		return -EBADF;
	if (vm->agent_fd < 0)
		return -EAGAIN;
	vm->agent_taken = true;
	return TAKE_FD(vm->agent_fd);
}

int vm_disk_add(struct vm *vm, const struct vm_disk *disk,
		struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		struct err *reterr)
{
	if (!(vm->ops->features & VMM_FEATURE_DISK_HOTPLUG) || !vm->scsi)
		return err_set(reterr, -EOPNOTSUPP,
			       "VM '%s' has no controller for disks that are "
			       "attached later", vm->name);
	return vm->ops->disk_add(vm, disk, ret_addr, done, arg, reterr);
}

int vm_disk_del(struct vm *vm, const char *id, vm_done_fn done, void *arg,
		struct err *reterr)
{
	if (!(vm->ops->features & VMM_FEATURE_DISK_HOTPLUG))
		return err_set(reterr, -EOPNOTSUPP,
			       "%s removes no disks", vm->ops->name);
	return vm->ops->disk_del(vm, id, done, arg, reterr);
}

int vm_nic_add(struct vm *vm, const struct vm_nic *nic,
	       struct vm_addr *ret_addr, vm_done_fn done, void *arg,
	       struct err *reterr)
{
	if (!(vm->ops->features & VMM_FEATURE_NIC_HOTPLUG) ||
	    !vm_takes_nics(vm->machine))
		return err_set(reterr, -EOPNOTSUPP,
			       "machine '%s' of %s takes no cards while it "
			       "runs", vm->machine->name, vm->arch->name);
	return vm->ops->nic_add(vm, nic, ret_addr, done, arg, reterr);
}

static int check_state(const struct vm *vm, struct err *reterr)
{
	if (vm->ops->features & VMM_FEATURE_STATE)
		return 0;
	return err_set(reterr, -EOPNOTSUPP, "%s saves no VM", vm->ops->name);
}

int vm_set_running(struct vm *vm, bool run, vm_done_fn done, void *arg,
		   struct err *reterr)
{
	int r = check_state(vm, reterr);

	return r ? r : vm->ops->set_running(vm, run, done, arg, reterr);
}

int vm_save(struct vm *vm, int fd, vm_done_fn done, void *arg,
	    struct err *reterr)
{
	int r = check_state(vm, reterr);

	return r ? r : vm->ops->save(vm, fd, done, arg, reterr);
}

int vm_load(struct vm *vm, int fd, vm_done_fn done, void *arg,
	    struct err *reterr)
{
	int r = check_state(vm, reterr);

	return r ? r : vm->ops->load(vm, fd, done, arg, reterr);
}

const struct resize_limits *vm_limits(const struct vm *vm)
{
	return &vm->limits;
}

const struct vm_size *vm_size(const struct vm *vm)
{
	return &vm->size;
}

int vm_resize(struct vm *vm, const struct vm_size *want, vm_done_fn done,
	      void *arg, struct err *reterr)
{
	if (!(vm->ops->features & VMM_FEATURE_RESIZE))
		return err_set(reterr, -EOPNOTSUPP, "%s resizes no VM",
			       vm->ops->name);
	return vm->ops->resize(vm, want, done, arg, reterr);
}

static enum vm_cause cause_of(const struct vm *vm, int status)
{
	if (vm->wanted == VM_CAUSE_QUIT)
		return VM_CAUSE_QUIT;
	if (vm->panic[0])
		return VM_CAUSE_PANIC;
	if (vm->wanted != VM_CAUSE_NONE)
		return vm->wanted;
	if (status == 0 && vm->phase >= VM_PHASE_VMM_UP)
		return VM_CAUSE_SHUTDOWN;
	return VM_CAUSE_VMM;
}

void vm_ended(struct vm *vm, int status)
{
	struct vm_exit end = {.phase = vm->phase, .status = status};

	vm->pid = 0;
	vm->status = status;
	event_timer_stop(vm->deadline);
	event_timer_stop(vm->reaper);
	vm_dial_free(vm->dial);
	vm->dial = NULL;
	end.cause = cause_of(vm, status);
	if (end.cause != VM_CAUSE_QUIT)
		(void)vm_diagnose(vm, -EIO, &end.err);
	if (vm->cb->exited)
		vm->cb->exited(vm->cb_arg, &end);
}

void vm_free(struct vm *vm)
{
	if (!vm)
		return;
	if (vm->ops->release)
		vm->ops->release(vm);
	vm_dial_free(vm->dial);
	event_io_free(vm->console_io);
	event_timer_free(vm->deadline);
	event_timer_free(vm->reaper);
	close_fd(&vm->console_fd);
	close_fd(&vm->agent_fd);
	free(vm);
}
DEFINE_CLEANUP(struct vm, vm_free)

static void on_dialed(void *arg, int fd)
{
	struct vm *vm = arg;

	vm_dial_free(vm->dial);
	vm->dial = NULL;
	vm->agent_fd = fd;
	if (vm->cb->channel)
		vm->cb->channel(vm->cb_arg);
}

/* virtio-serial: the stream stands from the start; said from the loop. */
static int start_channel(struct vm *vm, const struct vm_spec *spec,
			 struct err *reterr)
{
	if (spec->channel != VM_CHANNEL_VHOST_VSOCK)
		return 0;
	vm->dial = vm_dial_new(vm->loop, spec->cid, VM_AGENT_VSOCK_PORT,
			       on_dialed, vm);
	if (!vm->dial)
		return err_errno(reterr, "vsock");
	return 0;
}

int vm_start_with(const struct vmm_ops *ops, struct event_loop *loop,
		  const struct host_facts *facts, const struct vm_spec *spec,
		  const struct vm_callbacks *cb, void *arg, struct vm **ret,
		  struct err *reterr)
{
	cleanup(vm_freep) struct vm *vm = NULL;
	int r;

	r = vm_spec_check(spec, reterr);
	if (r < 0)
		return err_wrap(reterr, "VM '%s'", spec->name ? spec->name : "");
	vm = calloc(1, sizeof(*vm));
	if (!vm)
		return err_set(reterr, -ENOMEM, "VM: out of memory");
	*vm = (struct vm){
		.ops = ops,
		.loop = loop,
		.cb = cb,
		.cb_arg = arg,
		.arch = spec->arch,
		.machine = spec->machine,
		.accel = spec->accel,
		.scsi = spec->scsi,
		.console_fd = -1,
		.agent_fd = -1,
		.start_us = now_us(),
	};
	resize_limits(spec, &vm->limits);
	vm->size = vm->limits.first;
	(void)snprintf(vm->name, sizeof(vm->name), "%s",
		       spec->name ? spec->name : "unnamed");
	vm->deadline = event_timer_new(loop, on_deadline, vm);
	vm->reaper = event_timer_new(loop, on_reaper, vm);
	if (!vm->deadline || !vm->reaper)
		return err_errno(reterr, "VM '%s': timer", vm->name);
	r = ops->start(vm, facts, spec, reterr);
	if (r == 0)
		r = start_channel(vm, spec, reterr);
	if (r < 0)
		return err_wrap(reterr, "VM '%s' (%s, machine %s): start",
				vm->name, vm->arch->name, vm->machine->name);
	event_timer_set(vm->deadline, spec->boot_timeout_ms
					      ? spec->boot_timeout_ms
					      : BOOT_TIMEOUT_MS);
	*ret = TAKE_PTR(vm);
	return 0;
}

int vm_start(struct event_loop *loop, const struct host_facts *facts,
	     const struct vm_spec *spec, const struct vm_callbacks *cb,
	     void *arg, struct vm **ret, struct err *reterr)
{
	return vm_start_with(&vmm_qemu, loop, facts, spec, cb, arg, ret,
			     reterr);
}
