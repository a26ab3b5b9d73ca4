// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <elf.h>
#include <linux/audit.h>

#include "arch/desc.h"

static const struct arch_machine machines[] = {
	{
		.name = "pseries",
		.qemu = "pseries",
		.options = {
			[ARCH_ACCEL_KVM] = "usb=off",
			/* Mitigations that TCG cannot offer must be given up
			 * by name. x-vof: firmware calls are answered by QEMU
			 * itself; SLOF interprets Forth for seconds. */
			[ARCH_ACCEL_TCG] = "usb=off,x-vof=on,cap-cfpc=broken,"
					   "cap-sbbc=broken,cap-ibs=broken,"
					   "cap-ccf-assist=off",
		},
		.transport = ARCH_TRANSPORT_PCI,
		.console_device = "spapr-vty",
		.console = "hvc0",
		.cmdline = "",
		.max_vcpus = 128,
		/* PCI hotplug needs helpers in the guest: not offered. */
		.hotplug = ARCH_HOTPLUG_SCSI | ARCH_HOTPLUG_CPU |
			   ARCH_HOTPLUG_CPU_REMOVE | ARCH_HOTPLUG_DIMM,
		/* QEMU has 32; one is for a root image that is mapped. */
		.dimm_slots = 31,
		.dimm_step_mib = 256,
		.pmem = ARCH_PMEM_PAPR,
	},
};

const struct arch_desc arch_ppc64le = {
	.name = "ppc64le",
	.oci_name = "ppc64le",
	.debian_name = "ppc64el",
	.elf_machine = EM_PPC64,
	.elf_class = ELFCLASS64,
	.elf_data = ELFDATA2LSB,
	.audit_arch = AUDIT_ARCH_PPC64LE,
	.qemu_binary = "qemu-system-ppc64",
	.cpu = {
		[ARCH_ACCEL_KVM] = "host",
		[ARCH_ACCEL_TCG] = "power9",
	},
	.machines = machines,
	.n_machines = ARRAY_SIZE(machines),
	.memory_step_mib = 256,
	.memory_min_mib = 256,
	.memory_default_mib = 2048,
	.page_size = 65536,
	.kernel_format = ARCH_KERNEL_ELF,
	.cmdline =
#include "arch/generic/cmdline.inc"
#include "arch/ppc64le/cmdline.inc"
	,
	.tcg_unsavable = "QEMU restores an emulated ppc64le's time base by a "
			 "clock of another rate, and its timers stand still",
	.gpt_root = "c31c45e6-3f39-412e-80fb-4809c4980599",
	.gpt_root_verity = "906bd944-4589-4aae-a4e4-dd983917446a",
};
