// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_EFFECTIVE_H
#define OCI_EFFECTIVE_H

#include "arch/arch.h"
#include "base/err.h"
#include "runtime/config.h"
#include "runtime/oci/spec.h"

/*
 * Makes CONFIG, as loaded, the configuration of the sandbox that container S
 * is the first of: its architecture (ARCH_OPTION, or as the image is) is chosen
 * and that architecture's values and the container's annotations are laid over
 * it. 0 with *RET set, or -errno.
 */
int effective_config(const struct spec *s, const char *arch_option,
		     struct config *config, const struct arch_desc **ret,
		     struct err *reterr);

#endif
