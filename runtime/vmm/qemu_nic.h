// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_QEMU_NIC_H
#define VMM_QEMU_NIC_H

#include "runtime/vmm/vm_priv.h"

/*
 * A network card that a running VM gets: its descriptors are handed to QEMU,
 * then come netdev and device. One at a time; the owner is struct vm.
 */
struct qmp;

/* See vm_nic_add(). */
int qemu_nic_add(struct vm *vm, struct qmp *qmp, const struct vm_nic *nic,
		 struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		 struct err *reterr);

/* Forgets the request under way, before its connection is freed. */
void qemu_nic_cancel(struct vm *vm);

#endif
