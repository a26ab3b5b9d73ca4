// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <elf.h>
#include <linux/audit.h>

#include "arch/desc.h"

#define KVM_OPTIONS "gic-version=host,its=off,acpi=off,usb=off"
#define TCG_OPTIONS "gic-version=2,its=off,acpi=off,usb=off"

static const struct arch_machine machines[] = {
	/* Devices in the machine's own virtio-mmio bank: no PCI to scan. */
	{
		.name = "virt",
		.qemu = "virt",
		.options = {
			[ARCH_ACCEL_KVM] = KVM_OPTIONS,
			[ARCH_ACCEL_TCG] = TCG_OPTIONS,
		},
		.transport = ARCH_TRANSPORT_MMIO,
		.console = "ttyAMA0",
		.cmdline = "pci=off",
		.mmio = {
			.slots = 32,
			.base = 0x0a000000,
			.stride = 512,
			.irq_base = 16,
		},
		/* A GICv2 serves eight. */
		.max_vcpus = 8,
		.hotplug = ARCH_HOTPLUG_SCSI,
	},
	{
		.name = "virt-pci",
		.qemu = "virt",
		.options = {
			[ARCH_ACCEL_KVM] = KVM_OPTIONS,
			[ARCH_ACCEL_TCG] = "gic-version=3,its=off,acpi=off,"
					   "usb=off",
		},
		.transport = ARCH_TRANSPORT_PCI,
		.console = "ttyAMA0",
		.cmdline = "",
		.max_vcpus = 123,
		.hotplug = ARCH_HOTPLUG_SCSI | ARCH_HOTPLUG_DEVICE |
			   ARCH_HOTPLUG_VIRTIO_MEM,
	},
};

const struct arch_desc arch_aarch64 = {
	.name = "aarch64",
	.oci_name = "arm64",
	.debian_name = "arm64",
	.elf_machine = EM_AARCH64,
	.elf_class = ELFCLASS64,
	.elf_data = ELFDATA2LSB,
	.audit_arch = AUDIT_ARCH_AARCH64,
	.qemu_binary = "qemu-system-aarch64",
	.cpu = {
		[ARCH_ACCEL_KVM] = "host",
		/* Pointer authentication costs TCG a factor of five. */
		[ARCH_ACCEL_TCG] = "max,pauth=off",
	},
	.machines = machines,
	.n_machines = ARRAY_SIZE(machines),
	.memory_step_mib = 2,
	.memory_min_mib = 128,
	.memory_default_mib = 2048,
	.page_size = 4096,
	.kernel_format = ARCH_KERNEL_ARM64_IMAGE,
	.cmdline =
#include "arch/generic/cmdline.inc"
#include "arch/aarch64/cmdline.inc"
	,
	.gpt_root = "b921b045-1df0-41c3-af44-4c6f280d3fae",
	.gpt_root_verity = "df3300ce-d69f-4c92-978c-9bfb0f38d820",
};
