// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_VMSPEC_H
#define ENGINE_VMSPEC_H

#include "runtime/config.h"
#include "runtime/oci/spec.h"
#include "runtime/vmm/vmm.h"

/* The VM that a container asks for, with what its pointers point to. */
struct vmspec {
	struct host_facts facts;
	struct vm_spec spec;
	struct guest *guest; /* owned */
	char *cmdline_image, *cmdline_sandbox; /* owned */
	char *packed; /* path of the disk; NULL: files are shared; owned */
};

/*
 * Puts together configuration, host, guest and the container's limits. ARCH is
 * a uname -m name, or NULL: what the container's program is made for. NAME and
 * SHARE (the folder to share; with `shared_fs = "none"` the image it is packed
 * into) are borrowed as long as the result. 0 or -errno.
 */
int vmspec_new(const struct config *config, const char *arch, const char *name,
	       const struct spec *container, const char *share,
	       struct vmspec **ret, struct err *reterr);
void vmspec_free(struct vmspec *v);

/* CPUs and memory that containers with these limits get. */
struct limits_sum;
uint32_t vmspec_sum_vcpus(const struct config_qemu *q,
			  const struct limits_sum *sum);
uint32_t vmspec_memory_mib(const struct config_qemu *q,
			   const struct arch_desc *arch,
			   const struct limits_sum *sum);

/* What carries the shared folder for a guest of a host with FACTS; 0, or
 * -EOPNOTSUPP with the reason. */
int vmspec_choose_share(const struct config *config,
			const struct host_facts *facts,
			enum vm_share_kind *ret, struct err *reterr);

/* How many processors a VM for container C starts with. */
uint32_t vmspec_vcpus(const struct config *config, const struct spec *c);

/* Refuses what is configured and would have no effect. */
int vmspec_check_config(const struct config *config, struct err *reterr);

#endif
