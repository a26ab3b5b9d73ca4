// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_HOST_H
#define VMM_HOST_H

#include "runtime/guest.h"
#include "runtime/vmm/vmm.h"

/*
 * What this host offers to guests of an architecture: the facts that
 * qemu_argv_build() takes, and the ladders behind them, best rung first, with
 * the reason why a rung is or is not used.
 */

#define RUNG_REASON_MAX 256

struct rung {
	const char *name;
	bool usable;
	char reason[RUNG_REASON_MAX];
};

enum { RUNG_KVM, RUNG_TCG, RUNGS_ACCEL };
enum { RUNG_VHOST_VSOCK, RUNG_VIRTIO_SERIAL, RUNGS_CHANNEL };
enum { RUNG_VIRTIOFS, RUNG_9P, RUNGS_SHARE };
enum { RUNG_JAIL, RUNG_OPEN, RUNGS_CONFINE };

struct host {
	const struct arch_desc *arch;
	struct host_facts facts;
	char qemu_version[64]; /* "7.2.22", or "" */
	struct rung accel[RUNGS_ACCEL];
	struct rung channel[RUNGS_CHANNEL];
	struct rung share[RUNGS_SHARE];
	struct rung confine[RUNGS_CONFINE];
};

/* Cached results of earlier probes are not used, but renewed. */
#define HOST_PROBE_AGAIN (1U << 0)

/*
 * Probes the host for guests of ARCH; QEMU is the program, else (NULL or "") it
 * is searched in PATH. KVM counts as usable only after it has
 * booted GUEST's kernel to its end within 3 seconds, which is remembered until
 * the next boot of the host, or until kernel or QEMU change; without GUEST
 * (NULL) KVM is not used. May fork and wait; not to be called within a callback
 * of an event loop that is in a hurry. 0; -ENOENT without a QEMU, naming the
 * package; RET is filled in as far as known in both cases.
 */
int host_probe(const struct arch_desc *arch, const struct guest *guest,
	       const char *qemu, unsigned int flags, struct host *ret,
	       struct err *reterr);

/* host_probe() for those who need the facts only; with GUEST NULL KVM is tried
 * with the guest that guest_find() finds. */
int host_facts(const struct arch_desc *arch, const struct guest *guest,
	       const char *qemu, struct host_facts *ret, struct err *reterr);

/*
 * kvm.c: boots GUEST's kernel under KVM in a child process. 0 when it came to
 * where a kernel without a root file system gives up, else -errno with REASON.
 */
int kvm_boot_probe(const struct host_facts *facts, const struct guest *guest,
		   unsigned int timeout_ms, char reason[RUNG_REASON_MAX]);

#endif
