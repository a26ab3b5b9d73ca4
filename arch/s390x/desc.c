// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <elf.h>
#include <linux/audit.h>

#include "arch/desc.h"

static const struct arch_machine machines[] = {
	{
		.name = "s390-ccw-virtio",
		.qemu = "s390-ccw-virtio",
		.options = {
			[ARCH_ACCEL_KVM] = "",
			[ARCH_ACCEL_TCG] = "",
		},
		.transport = ARCH_TRANSPORT_CCW,
		.console_device = "sclpconsole",
		.console = "ttysclp0",
		.cmdline = "",
		.max_vcpus = 248,
		.hotplug = ARCH_HOTPLUG_SCSI | ARCH_HOTPLUG_DEVICE |
			   ARCH_HOTPLUG_CPU | ARCH_HOTPLUG_CPU_ONLINE,
	},
};

const struct arch_desc arch_s390x = {
	.name = "s390x",
	.oci_name = "s390x",
	.debian_name = "s390x",
	.elf_machine = EM_S390,
	.elf_class = ELFCLASS64,
	.elf_data = ELFDATA2MSB,
	.audit_arch = AUDIT_ARCH_S390X,
	.qemu_binary = "qemu-system-s390x",
	.cpu = {
		[ARCH_ACCEL_KVM] = "host",
		/* Named models want crypto that TCG has not. */
		[ARCH_ACCEL_TCG] = "qemu",
	},
	.machines = machines,
	.n_machines = ARRAY_SIZE(machines),
	.memory_step_mib = 1,
	.memory_min_mib = 128,
	.memory_default_mib = 2048,
	.page_size = 4096,
	.kernel_format = ARCH_KERNEL_S390_IMAGE,
	.cmdline =
#include "arch/generic/cmdline.inc"
#include "arch/s390x/cmdline.inc"
	,
	.tcg_unsavable = "QEMU forgets the pending interrupts of an emulated "
			 "s390x, and its guest may stand still afterwards",
	.gpt_root = "5eead9a9-fe09-4a1e-a1d7-520d00531306",
	.gpt_root_verity = "b325bfbe-c7be-4ab8-8357-139e652d2f6b",
};
