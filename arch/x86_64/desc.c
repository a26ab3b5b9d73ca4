// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <elf.h>
#include <linux/audit.h>

#include "arch/desc.h"

static const struct arch_machine machines[] = {
	/* No PCI, no ACPI, no firmware to speak of: the quickest to boot. The
	 * PIT and PIC stay, since without kvmclock the guest calibrates its
	 * clock with them. */
	{
		.name = "microvm",
		.qemu = "microvm",
		.options = {
			[ARCH_ACCEL_KVM] = "acpi=off,rtc=off,"
					   "auto-kernel-cmdline=off",
			/* Without kvmclock the kernel reads the RTC, and
			 * waits a second for one that is missing. */
			[ARCH_ACCEL_TCG] = "acpi=off,rtc=on,"
					   "auto-kernel-cmdline=off",
		},
		.transport = ARCH_TRANSPORT_MMIO,
		.console = "ttyS0",
		.cmdline = "acpi=off pci=off",
		.mmio = {
			.slots = 8,
			.base = 0xfeb00000,
			.stride = 512,
			.irq_base = 5,
			.on_cmdline = true,
		},
		.max_vcpus = 240,
		.hotplug = ARCH_HOTPLUG_SCSI,
	},
	/* Everything: PCI, ACPI, hotplug of devices, CPUs and memory. */
	{
		.name = "q35",
		.qemu = "q35",
		.options = {
			[ARCH_ACCEL_KVM] = "usb=off,vmport=off,smbus=off,"
					   "sata=off",
			[ARCH_ACCEL_TCG] = "usb=off,vmport=off,smbus=off,"
					   "sata=off",
		},
		.transport = ARCH_TRANSPORT_PCI,
		.console = "ttyS0",
		.cmdline = "",
		.max_vcpus = 240,
		.hotplug = ARCH_HOTPLUG_SCSI | ARCH_HOTPLUG_DEVICE |
			   ARCH_HOTPLUG_CPU | ARCH_HOTPLUG_CPU_ONLINE |
			   ARCH_HOTPLUG_CPU_REMOVE | ARCH_HOTPLUG_CPU_KVM |
			   ARCH_HOTPLUG_DIMM | ARCH_HOTPLUG_VIRTIO_MEM,
		.dimm_slots = 8,
		.dimm_step_mib = 128,
		.pmem = ARCH_PMEM_VIRTIO | ARCH_PMEM_NVDIMM,
		.firmware = "qboot.rom",
	},
};

const struct arch_desc arch_x86_64 = {
	.name = "x86_64",
	.oci_name = "amd64",
	.debian_name = "amd64",
	.elf_machine = EM_X86_64,
	.elf_class = ELFCLASS64,
	.elf_data = ELFDATA2LSB,
	.audit_arch = AUDIT_ARCH_X86_64,
	.qemu_binary = "qemu-system-x86_64",
	.cpu = {
		[ARCH_ACCEL_KVM] = "host",
		/* With ERMS the kernel fills memory by "rep stosb", which TCG
		 * does a byte at a time. */
		[ARCH_ACCEL_TCG] = "max,erms=off",
	},
	.machines = machines,
	.n_machines = ARRAY_SIZE(machines),
	.memory_step_mib = 2,
	.memory_min_mib = 128,
	.memory_default_mib = 2048,
	.page_size = 4096,
	.kernel_format = ARCH_KERNEL_ELF_PVH,
	.cmdline =
#include "arch/generic/cmdline.inc"
#include "arch/x86_64/cmdline.inc"
	,
	.tsc_param = "tsc_early_khz=",
	.gpt_root = "4f68bce3-e8cd-4db1-96e7-fbcaf984b709",
	.gpt_root_verity = "2c7357ed-ebd2-46d9-aec1-23d437ec2bf5",
};
