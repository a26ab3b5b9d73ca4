// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_GUEST_ROOT_H
#define RUNTIME_GUEST_ROOT_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "runtime/vmm/vmm.h"

/* How an image is laid out: docs/dax.md. */
enum guest_layout { GUEST_LAYOUT_PLAIN, GUEST_LAYOUT_PMEM, GUEST_LAYOUT_PAPR };

/* A root image, by its own bytes. */
struct guest_root {
	const char *type; /* file system, as rootfstype= has it */
	enum guest_layout layout;
	bool partition; /* the first partition has the file system */
	bool mappable;  /* the file system takes part in DAX */
	uint64_t size;  /* of the image, bytes */
};

#define GUEST_ROOT_PARAMS_MAX 768

/* Looks at the image PATH, which may be hostile. 0; -EBADMSG when it has no
 * file system that guest kernels read, or -errno. */
int guest_root_probe(const char *path, struct guest_root *ret,
		     struct err *reterr);

const char *guest_layout_name(enum guest_layout layout);

/* NULL when a guest of MACHINE can have ROOT as BUS, else the reason. */
const char *guest_root_refusal(const struct guest_root *root,
			       const struct arch_machine *machine,
			       enum vm_image_bus bus);

/*
 * The best that MACHINE has for ROOT: what maps it, unless it is VERIFIED by
 * dm-verity, which excludes that; else a disk.
 */
enum vm_image_bus guest_root_best(const struct guest_root *root,
				  const struct arch_machine *machine,
				  bool verified);

/* "virtio-blk", as in the configuration. */
const char *guest_root_bus_name(enum vm_image_bus bus);

/*
 * The kernel parameters to boot from ROOT as BUS. VERITY, the parameters for
 * dm-verity or "", is used with a disk only.
 */
void guest_root_params(const struct guest_root *root, enum vm_image_bus bus,
		       const char *verity, char ret[GUEST_ROOT_PARAMS_MAX]);

#endif
