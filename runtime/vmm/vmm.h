// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_VMM_H
#define VMM_VMM_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "arch/arch.h"
#include "base/err.h"
#include "base/strv.h"

/*
 * The contract between whoever runs a sandbox and the virtual machine
 * monitors: what a VM shall be (struct vm_spec, pure data), what the host
 * offers (struct host_facts), where the guest finds its devices (struct
 * vm_layout), and how a VMM is driven (struct vmm_ops; called through vm.h).
 */

struct event_loop;
struct vm;

#define VM_SHARES_MAX 8
#define VM_DISKS_MAX 16
#define VM_NICS_MAX 8
#define VM_QUEUES_MAX 4 /* of a card */
#define VM_ADDR_MAX 32
/* "sha256" in hexadecimal, with NUL */
#define VM_HASH_SIZE 65

/* The port of the agent: /sys/class/virtio-ports/<port>/name in the guest, and
 * the vsock port it listens on otherwise. */
#define VM_AGENT_PORT_NAME "kiln.agent.0"
#define VM_AGENT_VSOCK_PORT 1024U

/* What the host offers for one architecture; host_probe() in host.h fills it,
 * tests write it down. */
struct host_facts {
	char qemu[256];        /* path of the binary */
	unsigned int qemu_major, qemu_minor;
	bool qemu_sandbox;     /* "-sandbox on" is understood */
	bool native;           /* the guest's architecture is the host's */
	bool kvm;              /* KVM has run this guest kernel */
	bool privileged;       /* effective uid 0: ownership can be passed on */
	uint32_t tsc_khz;      /* arch_host_tsc_khz(), or 0 */
	bool vhost_vsock;      /* /dev/vhost-vsock opens */
	char firmware[256];    /* file for arch_machine.firmware, or "" */
	char virtiofsd[256];   /* path, or "" */
	bool jail;	       /* jail.h works here */
};

enum vm_channel { VM_CHANNEL_VIRTIO_SERIAL, VM_CHANNEL_VHOST_VSOCK };

enum vm_share_kind { VM_SHARE_9P, VM_SHARE_VIRTIOFS };

/* A folder of the host in the guest. The guest mounts it by TAG. */
struct vm_share {
	const char *tag;  /* 1 to 31 characters of [A-Za-z0-9_.-] */
	const char *path; /* absolute folder on the host */
	bool read_only;
	enum vm_share_kind kind;
	int fd; /* VIRTIOFS: connected to virtiofsd; borrowed by vm_start() */
};

enum vm_disk_bus { VM_DISK_BLK, VM_DISK_SCSI };

/* A raw file or block device. The guest finds it by layout address, or by the
 * serial number, which is ID. */
struct vm_disk {
	const char *id;   /* 1 to 20 characters of [A-Za-z0-9_.-], unique */
	const char *path; /* absolute */
	bool read_only;
	bool host_device; /* PATH is a block device, not a regular file */
	enum vm_disk_bus bus;
};

/* What the guest's root image is attached as. A disk, or memory that the guest
 * maps its files from (DAX). */
enum vm_image_bus { VM_IMAGE_BLK, VM_IMAGE_VIRTIO_PMEM, VM_IMAGE_NVDIMM };

/* A network card. */
struct vm_nic {
	const char *id;
	const char *mac; /* "02:…", six bytes */
	unsigned int queues; /* pairs of them; 0: one */
	const int *fds;  /* of the tap, one each; borrowed by vm_start() */
	bool vhost;      /* the kernel moves the packets */
	const int *vhost_fds; /* /dev/vhost-net, one each; borrowed as well */
};

/* What can change while a VM runs: resize.h. */
struct vm_size {
	uint32_t vcpus, memory_mib;
};

/*
 * A VM to be. Pure data; all pointers are borrowed and must live until the
 * function they are passed to returns. Start from vm_spec_init().
 */
struct vm_spec {
	const char *name; /* for people and "ps"; not part of the hash */
	const struct arch_desc *arch;
	const struct arch_machine *machine;
	enum arch_accel accel;
	const char *cpu;   /* NULL: the architecture's for the accelerator */
	/* Appended to -machine and -cpu, as QEMU reads them; may be NULL. */
	const char *machine_options, *cpu_features;
	const char *firmware; /* absolute path; NULL: the host's or QEMU's */
	const char *entropy;  /* absolute path; NULL: QEMU's own generator */
	bool hugepages, prealloc; /* of the guest's memory */
	uint32_t vcpus;    /* 1… */
	uint32_t vcpus_max; /* 0: as vcpus */
	uint32_t memory_mib; /* rounded by arch_round_memory_mib() */
	uint32_t memory_max_mib; /* 0: as memory_mib; see resize.h */
	bool virtio_mem; /* grows by it, not by DIMMs, if the machine can */
	const char *kernel;  /* absolute path */
	const char *initrd;  /* absolute path or NULL */
	const char *image;   /* root image, read-only; or NULL */
	enum vm_image_bus image_bus; /* BLK: it is the first disk */
	uint64_t image_size; /* bytes; not needed for BLK */
	/* Parameters after the architecture's and the machine's; may be NULL. */
	const char *cmdline_image;
	const char *cmdline_sandbox;
	bool confined; /* QEMU runs in a jail; needs host_facts.jail */
	bool debug; /* everything on the guest's console: slow under TCG */
	enum vm_channel channel;
	uint32_t tsc_khz; /* for arch_desc.tsc_param; 0: the guest measures */
	uint32_t cid; /* VHOST_VSOCK: the guest's, >= 3 */
	bool rng, balloon;
	bool scsi; /* a virtio-scsi controller, for disks attached later */
	struct vm_share shares[VM_SHARES_MAX];
	size_t n_shares;
	struct vm_disk disks[VM_DISKS_MAX];
	size_t n_disks;
	struct vm_nic nics[VM_NICS_MAX];
	size_t n_nics;
	/* From start to vm_mark_agent(); 0 means the default of 60 s. Not part
	 * of the hash. */
	uint32_t boot_timeout_ms;
	/* It does not boot but waits, halted, for vm_load(). Not part of the
	 * hash. */
	bool incoming;
};

/*
 * Where the guest finds a device, in the form its agent looks it up:
 *   PCI   "02": device number on the root bus, hexadecimal
 *   CCW   "0.0.0002": name in /sys/bus/ccw/devices
 *   MMIO  "a003e00.virtio_mmio", "virtio-mmio.3": name in
 *         /sys/bus/platform/devices
 *   SCSI  "0:3": target and LUN on the one virtio-scsi host
 */
enum vm_addr_kind {
	VM_ADDR_NONE,
	VM_ADDR_PCI,
	VM_ADDR_CCW,
	VM_ADDR_MMIO,
	VM_ADDR_SCSI,
};

struct vm_addr {
	enum vm_addr_kind kind;
	char text[VM_ADDR_MAX];
};

struct vm_layout {
	struct vm_addr channel, rng, balloon, scsi, image;
	struct vm_addr shares[VM_SHARES_MAX]; /* as in the spec */
	struct vm_addr disks[VM_DISKS_MAX];
	struct vm_addr nics[VM_NICS_MAX];
	unsigned int next_lun; /* the first LUN free for later disks */
	unsigned int next_device; /* the first place free on the transport */
};

#define VM_MEMORY_MAX_MIB (4U * 1024 * 1024)

/* Defaults for ARCH on a host with these facts: machine, accelerator, CPU
 * count 1, memory, channel, rng. */
void vm_spec_init(struct vm_spec *spec, const struct arch_desc *arch,
		  const struct host_facts *facts);

/* 0, or -EINVAL with what cannot be built and the values allowed. */
int vm_spec_check(const struct vm_spec *spec, struct err *reterr);

/* A stable hash over all that makes one VM differ from another (not its name,
 * file descriptors and time limits; of files the path). */
void vm_spec_hash(const struct vm_spec *spec, char ret[VM_HASH_SIZE]);

/*
 * Gives every device of SPEC its address, in the order channel, rng, balloon,
 * scsi, image, shares, disks, NICs: dense, so that the same spec has the same
 * addresses on every host. 0, or -ENOSPC when the machine has too few slots.
 */
int vm_layout_build(const struct vm_spec *spec, struct vm_layout *ret,
		    struct err *reterr);

/* The address of a LUN of the controller; 0, or -ENOSPC when too high. */
int vm_lun_addr(unsigned int lun, struct vm_addr *ret);

/* The pairs of queues of a card, at least one. */
unsigned int vm_nic_queues(const struct vm_nic *nic);

/* Devices of SPEC that need an address on the transport. */
unsigned int vm_spec_devices(const struct vm_spec *spec);

/* How many more the machine of SPEC has places for. */
unsigned int vm_spec_room(const struct vm_spec *spec);

/* The address of the N-th device on M's transport, from 0. */
void vm_device_addr(const struct arch_machine *m, unsigned int n,
		    struct vm_addr *ret);

/* Whether cards can be added to a running VM of machine M, as a device that its
 * guest finds by itself, and without a place kept for it from the start. */
bool vm_takes_nics(const struct arch_machine *m);

/*
 * The guest's command line: the architecture's, the machine's, the image's, the
 * sandbox's parameters, in this order. To be freed. NULL when it is longer than
 * every kernel takes (2047 bytes), or for lack of memory.
 */
char *vm_cmdline_build(const struct vm_spec *spec);

/* File descriptors of the VMM process, fixed so that commands are the same
 * every time. Those of shares, then NICs follow in the order of the spec. */
enum vm_fd {
	VM_FD_QMP = 3,
	VM_FD_CONSOLE = 4,
	VM_FD_AGENT = 5, /* socket of the port, or /dev/vhost-vsock */
	VM_FD_FIRST = 6,
};

/*
 * The QEMU command for SPEC, argv[0] included, and the guest's view of the
 * devices. A pure function: no system call, the same answer on every host.
 * 0 or -errno (-EINVAL, -ENOMEM).
 */
int qemu_argv_build(const struct host_facts *facts, const struct vm_spec *spec,
		    struct strv *argv, struct vm_layout *layout,
		    struct err *reterr);

/* How far a VM has come. Every phase implies those before it. */
enum vm_phase {
	VM_PHASE_NEW,
	VM_PHASE_SPAWNED,
	VM_PHASE_VMM_UP,      /* the VMM answers (QMP greeting) */
	VM_PHASE_CPU_STARTED, /* the VMM says the guest runs */
	VM_PHASE_CONSOLE,     /* first byte of the guest */
	VM_PHASE_KERNEL,      /* "Linux version" was seen */
	VM_PHASE_INIT,        /* a line of the agent was seen */
	VM_PHASE_AGENT,       /* vm_mark_agent(): it answered */
	VM_PHASE_COUNT,
};

enum vm_cause {
	VM_CAUSE_NONE,
	VM_CAUSE_QUIT,     /* we asked for it */
	VM_CAUSE_SHUTDOWN, /* the guest powered off or rebooted */
	VM_CAUSE_PANIC,    /* the guest's kernel gave up */
	VM_CAUSE_VMM,      /* the VMM refused or crashed */
	VM_CAUSE_TIMEOUT,  /* boot_timeout_ms */
};

/* The end of a VM. */
struct vm_exit {
	enum vm_cause cause;
	enum vm_phase phase; /* reached before the end */
	int status;          /* of the VMM process, as from waitpid() */
	struct err err;      /* for a human; empty text after VM_CAUSE_QUIT */
};

/* Told to the owner of a VM, always from the event loop, never from within
 * vm_start(). Each may be NULL. The VM may be freed in `exited` only. */
struct vm_callbacks {
	/* US is the time since vm_start(), microseconds. */
	void (*phase)(void *arg, enum vm_phase phase, uint64_t us);
	/* The stream to the agent stands: vm_agent_fd() will give it. */
	void (*channel)(void *arg);
	/* Raw bytes of the guest's console: hostile. */
	void (*console)(void *arg, const void *p, size_t n);
	/* The VM has ended, once, and all it held is released. */
	void (*exited)(void *arg, const struct vm_exit *exit);
};

/* STATUS 0, or -errno with a text, when the request is done. */
typedef void (*vm_done_fn)(void *arg, int status, const char *text);

#define VMM_FEATURE_9P (1U << 0)
#define VMM_FEATURE_VIRTIOFS (1U << 1)
#define VMM_FEATURE_VIRTIO_SERIAL (1U << 2)
#define VMM_FEATURE_VHOST_VSOCK (1U << 3)
#define VMM_FEATURE_DISK_HOTPLUG (1U << 4)
#define VMM_FEATURE_STATE (1U << 5) /* it can be saved and loaded */
#define VMM_FEATURE_NIC_HOTPLUG (1U << 6) /* see vm_takes_nics() */
#define VMM_FEATURE_RESIZE (1U << 7)

/*
 * A kind of VMM. Functions get a `struct vm` that `start` filled in; its
 * generic part (phases, console, diagnosis) belongs to vm.c.
 */
struct vmm_ops {
	const char *name;
	unsigned int features; /* VMM_FEATURE_ */
	/* Starts the process; the VM's generic part is ready. 0 or -errno. */
	int (*start)(struct vm *vm, const struct host_facts *facts,
		     const struct vm_spec *spec, struct err *reterr);
	/* Asks for a clean end: power button, or quit at once. */
	void (*quit)(struct vm *vm, bool powerdown);
	/* Ends the process now; its end is still reported. */
	void (*kill)(struct vm *vm);
	int (*disk_add)(struct vm *vm, const struct vm_disk *disk,
			struct vm_addr *ret_addr, vm_done_fn done, void *arg,
			struct err *reterr);
	int (*disk_del)(struct vm *vm, const char *id, vm_done_fn done,
			void *arg, struct err *reterr);
	int (*nic_add)(struct vm *vm, const struct vm_nic *nic,
		       struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		       struct err *reterr);
	/* See vm_set_running(), vm_save(), vm_load(). */
	int (*set_running)(struct vm *vm, bool run, vm_done_fn done, void *arg,
			   struct err *reterr);
	int (*save)(struct vm *vm, int fd, vm_done_fn done, void *arg,
		    struct err *reterr);
	int (*load)(struct vm *vm, int fd, vm_done_fn done, void *arg,
		    struct err *reterr);
	/* See vm_resize(). */
	int (*resize)(struct vm *vm, const struct vm_size *want,
		      vm_done_fn done, void *arg, struct err *reterr);
	/* Adds to the diagnosis what the VMM itself said (stderr's line). */
	const char *(*complaint)(const struct vm *vm);
	/* Releases what `start` made; the process has ended or is killed. */
	void (*release)(struct vm *vm);
};

extern const struct vmm_ops vmm_qemu;

#endif
