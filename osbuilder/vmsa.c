// SPDX-License-Identifier: Apache-2.0
/*
 * The registers that a CPU of a SEV-ES or SEV-SNP guest begins with: a page
 * laid out as AMD's manual has it (volume 2, table B-4), with the values that
 * KVM and the VMM set. They are measured.
 */
#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "launch.h"


enum vmsa {
	V_ES = 0x00,
	V_CS = 0x10,
	V_SS = 0x20,
	V_DS = 0x30,
	V_FS = 0x40,
	V_GS = 0x50,
	V_GDTR = 0x60,
	V_LDTR = 0x70,
	V_IDTR = 0x80,
	V_TR = 0x90,
	V_EFER = 0xd0,
	V_CR4 = 0x148,
	V_CR0 = 0x158,
	V_DR7 = 0x160,
	V_DR6 = 0x168,
	V_RFLAGS = 0x170,
	V_RIP = 0x178,
	V_G_PAT = 0x268,
	V_RDX = 0x310,
	V_SEV_FEATURES = 0x3b0,
	V_XCR0 = 0x3e8,
	V_MXCSR = 0x408,
	V_FCW = 0x410,
};

#define RESET_EIP 0xfffffff0u

/* What differs between those who start guests. */
struct vmm_state {
	uint16_t cs, ss, tr; /* attributes of segments */
	uint64_t g_pat;
	uint32_t mxcsr;
	uint16_t fcw;
};

static const struct vmm_state states[] = {
	[LAUNCH_QEMU] = {0x9b, 0x93, 0x8b, 0x7040600070406, 0x1f80, 0x37f},
	[LAUNCH_EC2] = {0x9b, 0x92, 0x83, 0x7040600070406, 0, 0},
	[LAUNCH_GCE] = {0x9b, 0x93, 0x8b, 0x70106, 0, 0},
};

static void segment(uint8_t *p, uint16_t selector, uint16_t attributes,
		    uint64_t base)
{
	put_le16(p, selector);
	put_le16(p + 2, attributes);
	put_le32(p + 4, 0xffff);
	put_le64(p + 8, base);
}

void vmsa_page(const struct launch *l, bool first, bool snp,
	       uint8_t ret[FIRMWARE_PAGE])
{
	const struct vmm_state *s = &states[l->vmm];
	uint32_t eip = first ? RESET_EIP : l->firmware->reset_eip;
	uint16_t cs = s->cs;

	/* EC2 has the first CPU's code segment not accessed. */
	if (l->vmm == LAUNCH_EC2 && eip == RESET_EIP)
		cs = 0x9a;
	memset(ret, 0, FIRMWARE_PAGE);
	segment(ret + V_ES, 0, 0x93, 0);
	segment(ret + V_CS, 0xf000, cs, eip & 0xffff0000);
	segment(ret + V_SS, 0, s->ss, 0);
	segment(ret + V_DS, 0, 0x93, 0);
	segment(ret + V_FS, 0, 0x93, 0);
	segment(ret + V_GS, 0, 0x93, 0);
	segment(ret + V_GDTR, 0, 0, 0);
	segment(ret + V_LDTR, 0, 0x82, 0);
	segment(ret + V_IDTR, 0, 0, 0);
	segment(ret + V_TR, 0, s->tr, 0);
	put_le64(ret + V_EFER, 0x1000); /* SVME */
	put_le64(ret + V_CR4, 0x40);	/* MCE */
	put_le64(ret + V_CR0, 0x10);
	put_le64(ret + V_DR7, 0x400);
	put_le64(ret + V_DR6, 0xffff0ff0);
	put_le64(ret + V_RFLAGS, 2);
	put_le64(ret + V_RIP, eip & 0xffff);
	put_le64(ret + V_G_PAT, s->g_pat);
	put_le64(ret + V_RDX, l->vmm == LAUNCH_QEMU ? l->vcpu_sig : 0x600);
	put_le64(ret + V_SEV_FEATURES, snp ? l->features : 0);
	put_le64(ret + V_XCR0, 1);
	put_le32(ret + V_MXCSR, s->mxcsr);
	put_le16(ret + V_FCW, s->fcw);
}

/* Family, model and stepping of QEMU's models; a version of a model ("-v2")
 * does not change them. */
static const struct {
	const char *name;
	unsigned int family, model, stepping;
} models[] = {
	{"EPYC", 23, 1, 2},	  {"EPYC-IBPB", 23, 1, 2},
	{"EPYC-Rome", 23, 49, 0}, {"EPYC-Milan", 25, 1, 1},
	{"EPYC-Genoa", 25, 17, 0}, {"EPYC-Turin", 26, 0, 0},
};

static size_t without_version(const char *model)
{
	size_t n = strlen(model);
	size_t digits = n;

	while (digits > 0 && model[digits - 1] >= '0' &&
	       model[digits - 1] <= '9')
		digits--;
	return digits < n && digits >= 2 && !strncmp(model + digits - 2, "-v", 2) ?
		       digits - 2 : n;
}

int launch_vcpu_sig(const char *model, uint32_t *ret)
{
	size_t n = without_version(model);

	for (size_t i = 0; i < ARRAY_SIZE(models); i++) {
		if (strlen(models[i].name) != n ||
		    strncmp(models[i].name, model, n) != 0)
			continue;
		/* All of them are beyond 15, where the family is in parts. */
		*ret = (models[i].family - 15) << 20 |
		       (models[i].model >> 4) << 16 | 15 << 8 |
		       (models[i].model & 15) << 4 | models[i].stepping;
		return 0;
	}
	return -ENOENT;
}
