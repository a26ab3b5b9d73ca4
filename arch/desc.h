// SPDX-License-Identifier: Apache-2.0
#ifndef ARCH_DESC_H
#define ARCH_DESC_H

/* Private to arch/: the descriptions that arch_all[] of arch.c lists. */

#include "arch/arch.h"
#include "base/macros.h"

extern const struct arch_desc arch_x86_64;
extern const struct arch_desc arch_aarch64;
extern const struct arch_desc arch_s390x;
extern const struct arch_desc arch_ppc64le;

#endif
