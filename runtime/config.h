// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_CONFIG_H
#define RUNTIME_CONFIG_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/*
 * The configuration: defaults, overlaid by files, overlaid by the sandbox's
 * annotations. Keys have the names they have in Kata's configuration.toml
 * where they mean the same. Reference: docs/configuration.md.
 *
 * A string is "" when unset and never NULL. Lists are NULL-terminated, never
 * NULL. All belong to the config.
 */

enum config_shared_fs {
	CONFIG_SHARED_FS_AUTO, /* virtio-fs where it can work, else 9p */
	CONFIG_SHARED_FS_VIRTIO_FS,
	CONFIG_SHARED_FS_9P,
	CONFIG_SHARED_FS_NONE,
};

enum config_accel {
	CONFIG_ACCEL_AUTO, /* KVM where it works, else TCG */
	CONFIG_ACCEL_KVM,
	CONFIG_ACCEL_TCG,
};

enum config_rootfs {
	CONFIG_ROOTFS_AUTO, /* the best that guest and machine have */
	CONFIG_ROOTFS_VIRTIO_BLK,
	CONFIG_ROOTFS_VIRTIO_PMEM,
	CONFIG_ROOTFS_NVDIMM,
	CONFIG_ROOTFS_INITRD,
};

/* [hypervisor.qemu] */
struct config_qemu {
	char *path;	/* program; "": from PATH by architecture */
	char *kernel;	/* file; "": of the guest folder */
	char *image;	/* disk image; "": of the guest folder */
	char *initrd;	/* excludes image; "": of the guest folder */
	char *rootfs_type; /* file system of the image; "": whatever it has */
	char *guest;	/* name of the guest folder, "default" */
	char *firmware; /* file; "": QEMU's own */
	char *machine_type;	    /* "": the architecture's */
	char *machine_accelerators; /* appended to -machine */
	char *cpu_features;	    /* appended to -cpu */
	char *kernel_params;	    /* appended to the command line */
	char *entropy_source;	    /* "/dev/urandom" */
	char *virtio_fs_daemon;	    /* program; "": searched */
	char *virtio_fs_cache;	    /* auto, always, never, metadata */
	char *block_device_driver;  /* virtio-scsi, virtio-blk */
	char **virtio_fs_extra_args;
	char **enable_annotations; /* keys (globs) an annotation may set */
	enum config_shared_fs shared_fs;
	enum config_accel accel;
	enum config_rootfs vm_rootfs_driver; /* what the image is attached as */
	uint32_t default_vcpus;	   /* at least 1 */
	uint32_t default_maxvcpus; /* 0: as many as the host has */
	uint32_t default_memory;   /* MiB; 0: the architecture's */
	uint32_t default_maxmemory; /* MiB; 0: the host's */
	uint32_t msize_9p;	   /* bytes */
	bool enable_debug;	   /* guest console and QEMU log at debug */
	bool enable_mem_prealloc;
	bool enable_hugepages;
	bool reclaim_guest_freed_memory;
	uint32_t network_spares; /* cards for links that come later */
	uint32_t network_queues; /* of a card; 0: as is of use */
	bool enable_virtio_mem; /* where the machine has it, instead of DIMMs */
	bool disable_vhost_net;
	char *confine; /* "auto", "always", "never": the jail of jail.h */
	bool seccomp_sandbox; /* -sandbox on,… */
	bool verify_guest; /* compare the guest's files with image.json */
};

/* [agent.kiln], also written [agent.kata] */
struct config_agent {
	bool enable_debug;
	bool debug_console_enabled;
	char **kernel_modules; /* "name parameter…" each */
	uint32_t silence_timeout; /* seconds; 0: as the accelerator needs */
	uint32_t dial_timeout; /* seconds from the VM's start to the hello */
};

/* [runtime] */
struct config_runtime {
	bool enable_debug;
	bool disable_guest_seccomp;
	bool disable_new_netns;
	bool sandbox_cgroup_only;
	char *internetworking_model; /* tcfilter, macvtap, none */
	uint32_t create_container_timeout; /* seconds */
};

struct config {
	struct config_qemu qemu;
	struct config_agent agent;
	struct config_runtime runtime;

	/* private: where each value is from, what files were read, and the
	 * values that hold on one architecture only */
	struct config_priv *priv;
};

/* One annotation of a sandbox. */
struct config_annotation {
	const char *key, *value;
};

/* The defaults alone. */
int config_new(struct config **ret, struct err *reterr);

/*
 * Defaults and files. With PATH (--config) that file alone must exist. Else
 * $KILN_CONF_FILE, or the first of /etc/kiln/configuration.toml and
 * <prefix>/share/kiln/configuration.toml, if any. Then the drop-ins
 * <directory of the file>/config.d/<name>.toml in the order of names.
 */
int config_load(const char *path, struct config **ret, struct err *reterr);

/* Overlays the N bytes of TOML; NAME is for messages and origins. */
int config_parse(struct config *c, const char *text, size_t n,
		 const char *name, struct err *reterr);

void config_free(struct config *c);
DEFINE_CLEANUP(struct config, config_free)
#define cleanup_config cleanup(config_freep)

/*
 * Overlays the values of [hypervisor.qemu.<ARCH>] (uname -m names). Call once,
 * when the architecture of the sandbox is known and before its annotations.
 */
int config_select_arch(struct config *c, const char *arch, struct err *reterr);

/*
 * Overlays io.katacontainers.config.{hypervisor,runtime,agent}.<key>. One of a
 * key that enable_annotations does not list, that is no key, or whose value is
 * wrong is an error that names it. Other annotations are passed over.
 */
int config_apply_annotations(struct config *c,
			     const struct config_annotation *v, size_t n,
			     struct err *reterr);

/* Appends the effective values as TOML that config_parse() reads back (how a
 * supervisor gets them); with ORIGINS each line tells where it is from. */
int config_write_toml(const struct config *c, bool origins, struct buf *out);

/* Appends an object: key -> {"value", "origin"}, and the list of files. */
int config_write_json(const struct config *c, struct buf *out);

/* The file that was read, or "" when there was none. */
const char *config_file(const struct config *c);

const char *config_shared_fs_name(enum config_shared_fs v);
const char *config_accel_name(enum config_accel v);

#endif
