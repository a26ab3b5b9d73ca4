// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_VM_PRIV_H
#define VMM_VM_PRIV_H

#include "resize.h"
#include "vm.h"

/*
 * What vm.c and the kinds of VMM share: the generic part of a VM, and what a
 * VMM reports to it. Nobody else includes this.
 */

struct event_io;
struct event_timer;
struct vm_dial;
struct qemu_nic;
struct qemu_state;
struct qemu_resize;

#define VM_LINE_MAX 256
#define VM_PANIC_MAX 200

struct vm {
	const struct vmm_ops *ops;
	void *impl; /* of the kind of VMM, owned by it */
	struct event_loop *loop;
	const struct vm_callbacks *cb;
	void *cb_arg;
	struct vm_layout layout;
	/* copies of what the diagnosis tells */
	char name[64];
	const struct arch_desc *arch;
	const struct arch_machine *machine;
	enum arch_accel accel;
	bool scsi;

	pid_t pid; /* 0 after its end */
	int status;
	enum vm_phase phase;
	uint64_t start_us;
	uint64_t phase_us[VM_PHASE_COUNT];

	int console_fd; /* owned */
	struct event_io *console_io;
	char ring[VM_CONSOLE_MAX]; /* the last bytes, at total % size */
	uint64_t total;
	char line[VM_LINE_MAX]; /* the line that comes in, cut */
	size_t line_len;
	char panic[VM_PANIC_MAX]; /* escaped; "" while there is none */
	uint64_t panic_at; /* of total */

	int agent_fd;      /* owned until taken */
	bool agent_taken;
	struct vm_dial *dial; /* vsock: trying to connect */
	struct qemu_state *state_op; /* of qemu_state.h; owned */
	struct qemu_nic *nic_op; /* of qemu_nic.h; owned */
	struct qemu_resize *resize_op; /* of qemu_resize.h; owned */
	struct resize_limits limits;
	struct vm_size size; /* now */

	struct event_timer *deadline; /* the boot's */
	struct event_timer *reaper;   /* kills who does not end */
	enum vm_cause wanted; /* why we end it, NONE while we do not */
};

/* PHASE and all before it hold from now on. */
void vm_reached(struct vm *vm, enum vm_phase phase);

/* The guest's kernel has given up: TEXT is escaped already. Who does not end
 * by itself soon is killed. */
void vm_panicked(struct vm *vm, const char *text);

/* Watches the console; FD is taken, in failure as well. */
int vm_console_attach(struct vm *vm, int fd, struct err *reterr);

/* Bytes of the guest's console. */
void vm_console_feed(struct vm *vm, const char *p, size_t n);

/* Reads what the console still holds after the VMM's end. */
void vm_console_drain(struct vm *vm);

/* The process has ended. Reports to the owner, who may free the VM. */
void vm_ended(struct vm *vm, int status);

/* vsock.c: connects to PORT of CID, again and again until it succeeds; then
 * DONE gets the stream. NULL with errno on failure. */
struct vm_dial *vm_dial_new(struct event_loop *loop, uint32_t cid,
			    uint32_t port, void (*done)(void *arg, int fd),
			    void *arg);
void vm_dial_free(struct vm_dial *dial);

#endif
