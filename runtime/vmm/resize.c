// SPDX-License-Identifier: Apache-2.0
#include "runtime/vmm/resize.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>

/* What the guest keeps of memory that a balloon holds: its page structures. */
#define BALLOON_COST 64

/* Huge pages are the guest's for good: neither promised nor given later. */
static bool is_fixed(const struct vm_spec *s)
{
	return s->hugepages || s->prealloc;
}

enum resize_memory resize_memory_method(const struct vm_spec *s)
{
	unsigned int can = s->machine->hotplug;

	if (s->memory_max_mib <= s->memory_mib || is_fixed(s))
		return RESIZE_MEMORY_BALLOON;
	if (s->virtio_mem && (can & ARCH_HOTPLUG_VIRTIO_MEM))
		return RESIZE_MEMORY_VIRTIO_MEM;
	return can & ARCH_HOTPLUG_DIMM ? RESIZE_MEMORY_DIMM
				       : RESIZE_MEMORY_BALLOON;
}

static enum resize_cpu cpu_method(const struct vm_spec *s)
{
	unsigned int can = s->machine->hotplug;

	if (!(can & ARCH_HOTPLUG_CPU) ||
	    ((can & ARCH_HOTPLUG_CPU_KVM) && s->accel != ARCH_ACCEL_KVM))
		return RESIZE_CPU_ONLINE;
	/* QEMU 7.2's translator has contexts for as many CPUs as there may be,
	 * and gets none back from one that is removed: it aborts when as many
	 * have been added (tcg_register_thread()). */
	if (s->accel == ARCH_ACCEL_TCG || !(can & ARCH_HOTPLUG_CPU_REMOVE))
		return RESIZE_CPU_ADD;
	return RESIZE_CPU_PLUG;
}

bool resize_cpus_spare(const struct vm_spec *s)
{
	return s->vcpus_max > s->vcpus && cpu_method(s) == RESIZE_CPU_ONLINE;
}

void resize_limits(const struct vm_spec *s, struct resize_limits *ret)
{
	*ret = (struct resize_limits){
		.arch = s->arch,
		.machine = s->machine,
		.cpu = cpu_method(s),
		.memory = resize_memory_method(s),
		.first = {s->vcpus, s->memory_mib},
		.max = {MAX(s->vcpus, s->vcpus_max), s->memory_mib},
		.balloon = s->balloon && !is_fixed(s),
		.step_mib = s->arch->memory_step_mib,
	};
	for (size_t i = 0; i < s->n_shares; i++)
		ret->shared |= s->shares[i].kind == VM_SHARE_VIRTIOFS;
	if (ret->memory != RESIZE_MEMORY_BALLOON)
		ret->max.memory_mib = s->memory_max_mib;
	if (ret->memory == RESIZE_MEMORY_DIMM)
		ret->step_mib = s->machine->dimm_step_mib;
}

/* "; machine 'q35' does (machine_type)", or that none does. */
static const char *who_does(const struct resize_limits *l, unsigned int what,
			    char *text, size_t size)
{
	const struct arch_desc *a = l->arch;

	for (size_t i = 0; i < a->n_machines; i++)
		if (a->machines[i].hotplug & what) {
			(void)snprintf(text, size,
				       "; machine '%s' does (machine_type)",
				       a->machines[i].name);
			return text;
		}
	(void)snprintf(text, size, "; no machine of %s does", a->name);
	return text;
}

static int refuse_cpus(const struct resize_limits *l, uint32_t want,
		       struct err *reterr)
{
	char who[80];

	if (l->machine->hotplug & ARCH_HOTPLUG_CPU)
		return err_set(reterr, -EOPNOTSUPP,
			       "%" PRIu32 " CPUs: this VM can have at most %"
			       PRIu32 " (default_maxvcpus, when it is "
			       "started)", want, l->max.vcpus);
	return err_set(reterr, -EOPNOTSUPP,
		       "%" PRIu32 " CPUs: this VM has %" PRIu32 ", and machine "
		       "'%s' of %s adds none to one that runs%s; or start it "
		       "with more (default_vcpus), or spare ones "
		       "(default_maxvcpus)",
		       want, l->max.vcpus, l->machine->name, l->arch->name,
		       who_does(l, ARCH_HOTPLUG_CPU, who, sizeof(who)));
}

static int refuse_memory(const struct resize_limits *l, uint32_t want,
			 struct err *reterr)
{
	const unsigned int what = ARCH_HOTPLUG_DIMM | ARCH_HOTPLUG_VIRTIO_MEM;
	char who[80];

	if (l->machine->hotplug & what)
		return err_set(reterr, -EOPNOTSUPP,
			       "%" PRIu32 " MiB of memory: this VM can have at "
			       "most %" PRIu32 " MiB (default_maxmemory, when "
			       "it is started)", want, l->max.memory_mib);
	return err_set(reterr, -EOPNOTSUPP,
		       "%" PRIu32 " MiB of memory: this VM has %" PRIu32
		       " MiB, and machine '%s' of %s adds none to one that "
		       "runs%s; or start it with more (default_memory)",
		       want, l->max.memory_mib, l->machine->name,
		       l->arch->name, who_does(l, what, who, sizeof(who)));
}

static uint32_t plan_memory(const struct resize_limits *l, uint32_t want)
{
	uint32_t first = l->first.memory_mib;

	if (want > first)
		return (uint32_t)MIN(
			first + ALIGN_UP((uint64_t)want - first, l->step_mib),
			(uint64_t)l->max.memory_mib);
	if (!l->balloon)
		return first;
	want = MAX(want, l->arch->memory_min_mib);
	return want < first ? want + (first - want) / BALLOON_COST : first;
}

int resize_plan(const struct resize_limits *l, const struct vm_size *want,
		uint32_t least_mib, struct vm_size *ret, struct err *reterr)
{
	if (want->vcpus > l->max.vcpus)
		return refuse_cpus(l, want->vcpus, reterr);
	if (least_mib > l->max.memory_mib)
		return refuse_memory(l, least_mib, reterr);
	ret->vcpus = MAX(want->vcpus, 1U);
	ret->memory_mib = plan_memory(l, want->memory_mib);
	return 0;
}

size_t resize_dimms(const struct resize_limits *l, uint32_t mib,
		    uint32_t *ret_mib, size_t max)
{
	uint32_t steps = mib / l->step_mib;
	size_t n = MIN((size_t)steps, max);

	for (size_t i = 0; i < n; i++) {
		uint32_t left = (uint32_t)(n - i);
		uint32_t take = (steps + left - 1) / left;

		ret_mib[i] = take * l->step_mib;
		steps -= take;
	}
	return n;
}
