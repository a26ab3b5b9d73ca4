// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_QEMU_STATE_H
#define VMM_QEMU_STATE_H

#include "runtime/vmm/vm_priv.h"

/*
 * The whole state of a VM as QEMU saves and loads it: what it calls migration,
 * to and from a file. One request at a time; the owner is struct vm.
 */
struct qmp;
struct qemu_state;

/* Begins to write the state of the halted VM to FD, or to read it from there;
 * FD is borrowed for the time of the call. 0 or -errno. */
int qemu_state_save(struct vm *vm, struct qmp *qmp, int fd, vm_done_fn done,
		    void *arg, struct err *reterr);
int qemu_state_load(struct vm *vm, struct qmp *qmp, int fd, vm_done_fn done,
		    void *arg, struct err *reterr);

/* Lets the VM's processors run, or halts them. */
int qemu_state_run(struct vm *vm, struct qmp *qmp, bool run, vm_done_fn done,
		   void *arg, struct err *reterr);

/* Forgets the request under way, before its connection is freed. */
void qemu_state_cancel(struct vm *vm);

#endif
