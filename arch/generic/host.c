// SPDX-License-Identifier: Apache-2.0
#include "arch/arch.h"

#include <errno.h>

#include "base/macros.h"

/* No probe program: the boot of the guest kernel decides alone. */
int arch_host_kvm_probe(int fd UNUSED, unsigned int timeout_ms UNUSED)
{
	return -EOPNOTSUPP;
}

uint32_t arch_host_tsc_khz(void)
{
	return 0;
}
