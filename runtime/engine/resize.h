// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RESIZE_H
#define ENGINE_RESIZE_H

#include "proto/oci.pb-c.h"
#include "runtime/engine/engine.h"
#include "runtime/vmm/vmm.h"

/*
 * The VM's size follows the limits of its containers: what they need together,
 * and the steps to it: the VMM's, the guest's and the host's control group.
 */

struct resize_wish {
	struct vm_size size;
	uint32_t least_mib; /* without which a limit could not be reached */
};

/*
 * What the containers of SB need; of container C (NULL: none) by LIMITS (NULL:
 * none) instead of its own.
 */
void resize_wish(const struct sandbox *sb, const struct container *c,
		 const Grpc__LinuxResources *limits, struct resize_wish *ret);

/* What the VM can make of WISH. 0, or -EOPNOTSUPP with the reason. */
int resize_check(const struct sandbox *sb, const struct resize_wish *wish,
		 struct vm_size *ret, struct err *reterr);

/* As resize_check(), with as much as it can. */
void resize_fit(const struct sandbox *sb, struct resize_wish wish,
		struct vm_size *ret);

/*
 * Gives the VM SIZE, which one of the two above has made; one request after
 * the other. DONE gets 0, or -errno with what the guest did not do.
 */
void resize_begin(struct sandbox *sb, const struct vm_size *size,
		  engine_done_fn done, void *arg);

/* True while the VM is not what it was when it was started, in a way that its
 * saved state would not fit into another; or on the way to it. */
bool resize_is_changed(const struct sandbox *sb);

/* Requests of ARG will not be answered any more; NULL: those of all. */
void resize_cancel(struct sandbox *sb, const void *arg);

#endif
