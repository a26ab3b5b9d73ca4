// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_QEMU_RESIZE_H
#define VMM_QEMU_RESIZE_H

#include "runtime/vmm/vm_priv.h"

/*
 * CPUs and memory of a running QEMU: it is asked what there is, told to add or
 * remove one thing, and asked again, until what there is is what is wanted, or
 * the guest does nothing more about it. One request at a time; the owner is
 * struct vm.
 */
struct qmp;
struct qemu_resize;

/* See vm_resize(). */
int qemu_resize_begin(struct vm *vm, struct qmp *qmp,
		      const struct vm_size *want, vm_done_fn done, void *arg,
		      struct err *reterr);

/* Forgets the request under way, before its connection is freed. */
void qemu_resize_cancel(struct vm *vm);

#endif
