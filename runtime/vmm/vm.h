// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_VM_H
#define VMM_VM_H

#include "vmm.h"

/*
 * A running VM on the event loop. One thread; nothing here blocks but the
 * fork in vm_start().
 */

/* Bytes of the guest's console that are kept. */
#define VM_CONSOLE_MAX (16U * 1024)

/*
 * Starts the VM with QEMU. 0 with *RET (free with vm_free()), else -errno with
 * the phase, object and what to try. Callbacks come later, from the loop.
 */
int vm_start(struct event_loop *loop, const struct host_facts *facts,
	     const struct vm_spec *spec, const struct vm_callbacks *cb,
	     void *arg, struct vm **ret, struct err *reterr);

/* As vm_start() with another VMM: the seam for more of them, and for tests. */
int vm_start_with(const struct vmm_ops *ops, struct event_loop *loop,
		  const struct host_facts *facts, const struct vm_spec *spec,
		  const struct vm_callbacks *cb, void *arg, struct vm **ret,
		  struct err *reterr);

/* Kills the VM if it still runs and frees it; no callback comes any more.
 * NULL is fine. */
void vm_free(struct vm *vm);

/*
 * The stream to the agent, now the caller's. virtio-serial: at once after
 * vm_start(); what is written waits in QEMU until the guest opens the port.
 * vsock: after the callback `channel`; -EAGAIN before. -EBADF when taken.
 */
int vm_agent_fd(struct vm *vm);

/* The agent has answered: the boot deadline no longer holds. */
void vm_mark_agent(struct vm *vm);

/* Where the guest finds its devices. Valid as long as the VM. */
const struct vm_layout *vm_layout(const struct vm *vm);

/* Pid of the VMM process, 0 once it has ended. */
pid_t vm_pid(const struct vm *vm);

enum vm_phase vm_phase(const struct vm *vm);
const char *vm_phase_name(enum vm_phase phase);

/* When PHASE was reached, microseconds after vm_start(); 0 if not yet. */
uint64_t vm_phase_us(const struct vm *vm, enum vm_phase phase);

/*
 * Ends the VM: `exited` follows with VM_CAUSE_QUIT. POWERDOWN lets the guest's
 * kernel act (system_powerdown) where the machine has a power button; without,
 * the VMM quits at once. If it has not ended after TIMEOUT_MS it is killed.
 */
void vm_quit(struct vm *vm, bool powerdown, uint32_t timeout_ms);

/* Kills the VMM now; `exited` follows with VM_CAUSE_QUIT. */
void vm_kill(struct vm *vm);

/*
 * Attaches a disk to the running guest, as a LUN of the controller that
 * spec.scsi asked for; *RET_ADDR is valid at once, the disk with DONE.
 * 0 or -errno (then DONE is not called).
 */
int vm_disk_add(struct vm *vm, const struct vm_disk *disk,
		struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		struct err *reterr);
int vm_disk_del(struct vm *vm, const char *id, vm_done_fn done, void *arg,
		struct err *reterr);

/*
 * Adds a card to the running guest, where vm_takes_nics(); its descriptors are
 * borrowed for the time of the call. *RET_ADDR is valid at once, the card with
 * DONE. One at a time. 0 or -errno (then DONE is not called). It is not called
 * either when the VM ends first: `exited` is.
 */
int vm_nic_add(struct vm *vm, const struct vm_nic *nic,
	       struct vm_addr *ret_addr, vm_done_fn done, void *arg,
	       struct err *reterr);

/*
 * Halts the VM's processors, or lets them go on. 0 or -errno (then DONE is not
 * called). It is not called either when the VM ends first: `exited` is.
 */
int vm_set_running(struct vm *vm, bool run, vm_done_fn done, void *arg,
		   struct err *reterr);

/*
 * Writes all of a halted VM, memory and devices, to the file FD; or reads it
 * into one that was started with `incoming` and the same spec, and leaves it
 * halted. FD is borrowed for the time of the call; the rest as above.
 */
int vm_save(struct vm *vm, int fd, vm_done_fn done, void *arg,
	    struct err *reterr);
int vm_load(struct vm *vm, int fd, vm_done_fn done, void *arg,
	    struct err *reterr);

/* What the VM was made for, and what the VMM gives it now. Valid as long as the
 * VM. */
const struct resize_limits *vm_limits(const struct vm *vm);
const struct vm_size *vm_size(const struct vm *vm);

/*
 * Gives the VM more or less, up to the size WANT that resize_plan() has made.
 * DONE gets 0, or -EBUSY with what the guest did not take or give back in time;
 * vm_size() tells what it has then. CPUs are on and off line by the guest's
 * agent: here they are only there or not. One at a time (-EBUSY); the rest as
 * above.
 */
int vm_resize(struct vm *vm, const struct vm_size *want, vm_done_fn done,
	      void *arg, struct err *reterr);

/*
 * One message for a human on where the VM stands: phase reached, panic or
 * VMM's complaint, last console lines, next command to try. For a caller whose
 * own deadline has passed. Returns CODE.
 */
int vm_diagnose(const struct vm *vm, int code, struct err *ret);

/* The last lines (at most LINES) of the console, escaped, "; " between; OUT is
 * always terminated. Returns OUT. */
char *vm_console_tail(const struct vm *vm, unsigned int lines, char *out,
		      size_t size);

#endif
