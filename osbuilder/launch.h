// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_LAUNCH_H
#define OSBUILDER_LAUNCH_H

#include "firmware.h"

#define LAUNCH_DIGEST_MAX 48
#define LAUNCH_VCPUS_MAX 4096

/* Who starts the guest: registers and order differ. */
enum launch_vmm { LAUNCH_QEMU, LAUNCH_EC2, LAUNCH_GCE };

/* What the digest of a guest is made of, beside the firmware. Hashes are
 * SHA-256; there are none when the firmware loads what it starts. */
struct launch {
	const struct firmware *firmware;
	const uint8_t *firmware_ld; /* SNP: digest after the firmware, or NULL */
	bool has_kernel;
	uint8_t kernel[32], initrd[32], cmdline[32];
	uint32_t vcpus;
	uint32_t vcpu_sig;  /* CPUID leaf 1, EAX */
	uint64_t features;  /* SNP: SEV_FEATURES */
	enum launch_vmm vmm;
};

/* CPUID signature of a CPU model of QEMU's; -ENOENT. */
int launch_vcpu_sig(const char *model, uint32_t *ret);

/* The table of hashes that QEMU gives the firmware. */
#define SEV_HASHES_SIZE 176
void sev_hashes_table(const struct launch *l, uint8_t ret[SEV_HASHES_SIZE]);

/* Launch digests: of SEV, of SEV-ES (32 bytes), and of SEV-SNP (48 bytes). What
 * the firmware cannot do is -EOPNOTSUPP. */
int sev_digest(const struct launch *l, bool es, uint8_t ret[32],
	       struct err *reterr);
int snp_digest(const struct launch *l, uint8_t ret[48], struct err *reterr);

/* The digest of SEV-SNP after the firmware alone. */
int snp_firmware_digest(const struct firmware *f, uint8_t ret[48],
			struct err *reterr);

/* MRTD of TDX, of pages in the order in which QEMU and Linux's KVM add them. */
int tdx_mrtd(const struct firmware *f, uint8_t ret[48], struct err *reterr);

/* One page of initial registers: for the first CPU or another. */
void vmsa_page(const struct launch *l, bool first, bool snp,
	       uint8_t ret[FIRMWARE_PAGE]);

#endif
