// SPDX-License-Identifier: Apache-2.0
#ifndef ARCH_ARCH_H
#define ARCH_ARCH_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/*
 * What Kiln knows about an architecture: constant data, linked for all of them
 * into every host program, so that any host checks, builds and starts guests of
 * any architecture. What must be executed natively (and cannot be data) is the
 * last section; it is resolved at link time from arch/<arch>/host.c, else
 * arch/generic/host.c.
 *
 * Layer: uses lib/base only. Porting: docs/porting.md.
 */

/* How a guest runs. Array index and argument. */
enum arch_accel { ARCH_ACCEL_KVM, ARCH_ACCEL_TCG, ARCH_ACCEL_COUNT };

/* The bus that virtio devices are found on. */
enum arch_transport {
	ARCH_TRANSPORT_PCI,
	ARCH_TRANSPORT_CCW,
	ARCH_TRANSPORT_MMIO,
};

/* What the kernel file of a guest is. */
enum arch_kernel_format {
	ARCH_KERNEL_ELF_PVH,  /* x86: uncompressed ELF with the PVH entry note */
	ARCH_KERNEL_ARM64_IMAGE, /* "ARM\x64" at byte 56 */
	ARCH_KERNEL_S390_IMAGE,  /* raw, entered at 0x10000 */
	ARCH_KERNEL_ELF,      /* uncompressed ELF */
};

/* What maps the guest's root image without a page cache of the guest's. */
#define ARCH_PMEM_VIRTIO (1U << 0) /* virtio-pmem */
#define ARCH_PMEM_NVDIMM (1U << 1) /* NVDIMM that ACPI describes */
#define ARCH_PMEM_PAPR (1U << 2)   /* NVDIMM of pseries; needs labels */

/* What can be attached to, or taken from, a running guest. */
#define ARCH_HOTPLUG_SCSI (1U << 0)   /* LUN of a virtio-scsi controller */
#define ARCH_HOTPLUG_DEVICE (1U << 1) /* virtio device on the transport */
#define ARCH_HOTPLUG_CPU (1U << 2)
#define ARCH_HOTPLUG_CPU_ONLINE (1U << 3) /* the agent must online them */
#define ARCH_HOTPLUG_DIMM (1U << 4)
#define ARCH_HOTPLUG_VIRTIO_MEM (1U << 5)
#define ARCH_HOTPLUG_CPU_REMOVE (1U << 6) /* those added may go again */
/* Linux of x86 believes in CPUs that may come only under a hypervisor that it
 * knows, which TCG is not (arch/x86/kernel/acpi/boot.c). */
#define ARCH_HOTPLUG_CPU_KVM (1U << 7)

/*
 * A virtio-mmio bank: slot N is the bus "virtio-mmio-bus.N" of QEMU. The guest
 * names the platform device of a slot by the format: on x86_64 by the slot, as
 * our command line says, elsewhere by the address, as the device tree does.
 */
struct arch_mmio {
	unsigned int slots; /* 0: the machine has none */
	uint64_t base;      /* guest physical address of slot 0 */
	uint32_t stride;    /* bytes from one slot to the next */
	uint32_t irq_base;  /* interrupt of slot 0 */
	bool on_cmdline;    /* virtio_mmio.device= must announce each */
};

/* A machine type: one way to lay out a guest. */
struct arch_machine {
	const char *name; /* Kiln's name for it, in configuration */
	const char *qemu; /* QEMU's machine type */
	const char *options[ARCH_ACCEL_COUNT]; /* machine options, or "" */
	enum arch_transport transport;
	/* NULL, or what "-device" creates the boot console, without chardev;
	 * where NULL the machine has the UART built in ("-serial"). */
	const char *console_device;
	const char *console; /* guest's name of it: "ttyS0" */
	const char *cmdline; /* parameters this machine adds, or "" */
	struct arch_mmio mmio;
	unsigned int max_vcpus;
	unsigned int hotplug; /* ARCH_HOTPLUG_ */
	unsigned int pmem; /* ARCH_PMEM_ */
	/* HOTPLUG_DIMM: places for them, and what their size is a multiple
	 * of. */
	unsigned int dimm_slots;
	uint32_t dimm_step_mib;
	/* Firmware file that QEMU should use when its data folder has it, or
	 * NULL for QEMU's default. */
	const char *firmware;
};

struct arch_desc {
	const char *name;        /* as uname -m says; the one name in Kiln */
	const char *oci_name;    /* "amd64": OCI platform, GOARCH */
	const char *debian_name; /* "amd64": packages */
	uint16_t elf_machine;    /* EM_ */
	uint8_t elf_class;       /* ELFCLASS */
	uint8_t elf_data;        /* ELFDATA: byte order */
	uint32_t audit_arch;     /* AUDIT_ARCH_, for seccomp */
	const char *qemu_binary; /* "qemu-system-x86_64" */
	const char *cpu[ARCH_ACCEL_COUNT];
	const struct arch_machine *machines; /* the first is the default */
	size_t n_machines;
	uint32_t memory_step_mib; /* RAM must be a multiple */
	uint32_t memory_min_mib;  /* the least that boots a container */
	uint32_t memory_default_mib;
	uint32_t page_size; /* of the guest kernel, bytes */
	enum arch_kernel_format kernel_format;
	const char *cmdline; /* guest kernel parameters for every machine */
	/* Parameter that tells an emulated guest the rate of its cycle counter
	 * in kHz, up to and with '='; NULL where it knows. */
	const char *tsc_param;
	/* Why QEMU (7.2) cannot save and restore an emulated guest; NULL: it
	 * can. */
	const char *tcg_unsavable;
	/* Discoverable Partitions Specification: types of root and its verity
	 * data, lower case text. */
	const char *gpt_root;
	const char *gpt_root_verity;
};

/* All architectures, ending with NULL. */
extern const struct arch_desc *const arch_all[];

/* By name as from uname -m; NULL when not known. */
const struct arch_desc *arch_find(const char *name);

/* By OCI name; VARIANT (may be NULL) is ignored where it changes nothing.
 * NULL when not known. */
const struct arch_desc *arch_from_oci(const char *oci_name);

/*
 * The architecture of an ELF program from the first N bytes of it (20 suffice;
 * hostile input). NULL when it is not ELF or of an architecture not known.
 */
const struct arch_desc *arch_from_elf(const uint8_t *header, size_t n);

/* The architecture of the host, NULL when it is not one of ours. */
const struct arch_desc *arch_native(void);

/* The machine of that name, the default for NULL; NULL when not known. */
const struct arch_machine *arch_machine_find(const struct arch_desc *arch,
					     const char *name);

/* MIB raised to the minimum and rounded up to what the machine accepts. */
uint32_t arch_round_memory_mib(const struct arch_desc *arch, uint32_t mib);

/*
 * True when the N bytes (at least 64) begin a kernel in the format the
 * architecture boots. Else false, with *REASON set to what is wrong.
 */
bool arch_kernel_check(const struct arch_desc *arch, const uint8_t *head,
		       size_t n, const char **reason);

/* --- Native code: arch/<arch>/host.c, else arch/generic/host.c --- */

/*
 * Runs a few instructions in a VM of /dev/kvm, open as FD. 0 when they computed
 * the right thing within TIMEOUT_MS, else -errno; -EOPNOTSUPP where there is no
 * such program, and booting the guest kernel decides alone. Passing is needed,
 * not enough: it finds a useless KVM sooner than a boot that hangs.
 */
int arch_host_kvm_probe(int fd, unsigned int timeout_ms);

/*
 * Rate, in kHz, of the cycle counter that an emulated guest sees, which is the
 * host's own; takes 20 ms. 0 when not known: the guest then measures it, which
 * takes time and fails on a busy host.
 */
uint32_t arch_host_tsc_khz(void);

#endif
