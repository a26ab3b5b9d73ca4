// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_RESIZE_H
#define VMM_RESIZE_H

#include "runtime/vmm/vmm.h"

/*
 * How a VM that runs gets more or fewer CPUs, more or less memory: what its
 * machine can (from arch.h), and what that makes of a wish. Pure functions;
 * vm_resize() in vm.h acts, and the guest's agent puts CPUs on and off line.
 */

/* Where CPUs come from, and go to. */
enum resize_cpu {
	/* All are there from the start; those not wanted are off line. */
	RESIZE_CPU_ONLINE,
	/* Added by the VMM; it cannot take them away: they go off line. */
	RESIZE_CPU_ADD,
	/* Added and removed by the VMM. */
	RESIZE_CPU_PLUG,
};

/* What memory above that of the start is. Below it, it is always a balloon
 * that takes memory from the guest. */
enum resize_memory {
	RESIZE_MEMORY_BALLOON, /* none: there is only that of the start */
	RESIZE_MEMORY_DIMM,
	RESIZE_MEMORY_VIRTIO_MEM,
};

/* What QEMU knows them by. */
#define RESIZE_BALLOON_ID "balloon"
#define RESIZE_BACKEND_ID "more"
#define RESIZE_VIRTIO_MEM_ID "memory"
/* Memory that is to go again must not hold what cannot be moved; but more of
 * that kind than three times the other helps nobody (Linux, memory_hotplug). */
#define RESIZE_MOVABLE_PARAM "memory_hotplug.online_policy=auto-movable"

/* What a VM was made for. */
struct resize_limits {
	const struct arch_desc *arch;
	const struct arch_machine *machine;
	enum resize_cpu cpu;
	enum resize_memory memory;
	struct vm_size first, max;
	bool balloon;	   /* it has one */
	bool shared;	   /* its memory is mapped by others, too */
	uint32_t step_mib; /* of memory above the first */
};

enum resize_memory resize_memory_method(const struct vm_spec *spec);

/* CPUs from the start that the guest's kernel leaves off line. */
bool resize_cpus_spare(const struct vm_spec *spec);

void resize_limits(const struct vm_spec *spec, struct resize_limits *ret);

/*
 * The size that comes nearest to WANT: CPUs and memory rounded up to what the
 * machine takes, and not below what it can become. 0, or -EOPNOTSUPP with what
 * is too much for this machine, and what would do. LEAST_MIB is memory that
 * must be reached; up to WANT less is put up with.
 */
int resize_plan(const struct resize_limits *l, const struct vm_size *want,
		uint32_t least_mib, struct vm_size *ret, struct err *reterr);

/* The sizes of at most MAX DIMMs (the machine's steps, the larger first) that
 * make MIB together; how many. */
size_t resize_dimms(const struct resize_limits *l, uint32_t mib,
		    uint32_t *ret_mib, size_t max);

#endif
