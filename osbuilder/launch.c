// SPDX-License-Identifier: Apache-2.0
/*
 * Launch digests of confidential guests: what the processor will have measured
 * when the guest starts. SEV and SEV-ES hash what is put into the guest one
 * after another. SEV-SNP chains: each page makes a record of the digest so far,
 * the hash of the page and its place, whose hash is the next digest (SEV-SNP
 * firmware ABI, 8.17.2). TDX hashes records of pages and of their content.
 */
#include "launch.h"

#include <errno.h>
#include <inttypes.h>
#include <string.h>

#include <openssl/evp.h>

#include "base/cleanup.h"
#include "base/endian.h"

#define PAGE FIRMWARE_PAGE
#define LD 48

/* Kinds of pages of SEV-SNP's records. */
enum snp_page {
	SNP_NORMAL = 1,
	SNP_VMSA = 2,
	SNP_ZERO = 3,
	SNP_UNMEASURED = 4,
	SNP_SECRETS = 5,
	SNP_CPUID = 6,
};

#define SNP_INFO_SIZE 0x70
/* Registers have no address: all ones, as far as there are address bits. */
#define SNP_VMSA_GPA UINT64_C(0xfffffffff000)

#define TDX_RECORD 128
#define TDX_CHUNK 256

DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)

static int no_digest(struct err *reterr)
{
	return err_set(reterr, -EIO, "no SHA-2");
}

static bool sha384(const void *p, size_t n, uint8_t ret[LD])
{
	return EVP_Digest(p, n, ret, NULL, EVP_sha384(), NULL) == 1;
}

/* The table of hashes: a head and an entry each, of GUID, size and hash. */
static uint8_t *put_entry(uint8_t *p, const uint8_t guid[16], uint16_t size,
			  const uint8_t *hash)
{
	memcpy(p, guid, 16);
	put_le16(p + 16, size);
	if (!hash)
		return p + 18;
	memcpy(p + 18, hash, 32);
	return p + 50;
}

void sev_hashes_table(const struct launch *l, uint8_t ret[SEV_HASHES_SIZE])
{
	static const uint8_t table[16] = {0x06, 0xd6, 0x38, 0x94, 0x22, 0x4f,
					  0xc9, 0x4c, 0xb4, 0x79, 0xa7, 0x93,
					  0xd4, 0x11, 0xfd, 0x21};
	static const uint8_t kernel[16] = {0x37, 0x94, 0xe7, 0x4d, 0xd2, 0xab,
					   0x7f, 0x42, 0xb8, 0x35, 0xd5, 0xb1,
					   0x72, 0xd2, 0x04, 0x5b};
	static const uint8_t initrd[16] = {0x31, 0xf7, 0xba, 0x44, 0x2f, 0x3a,
					   0xd7, 0x4b, 0x9a, 0xf1, 0x41, 0xe2,
					   0x91, 0x69, 0x78, 0x1d};
	static const uint8_t cmdline[16] = {0xd8, 0x2d, 0xd0, 0x97, 0x20, 0xbd,
					    0x94, 0x4c, 0xaa, 0x78, 0xe7, 0x71,
					    0x4d, 0x36, 0xab, 0x2a};
	uint8_t *p = ret;

	memset(ret, 0, SEV_HASHES_SIZE);
	p = put_entry(p, table, 18 + 3 * 50, NULL);
	p = put_entry(p, cmdline, 50, l->cmdline);
	p = put_entry(p, initrd, 50, l->initrd);
	(void)put_entry(p, kernel, 50, l->kernel);
}

static int check(const struct launch *l, bool registers, struct err *reterr)
{
	if (registers && (l->vcpus < 1 || l->vcpus > LAUNCH_VCPUS_MAX))
		return err_set(reterr, -EINVAL, "1 to %d CPUs",
			       LAUNCH_VCPUS_MAX);
	if (registers && !l->firmware->has_reset)
		return err_set(reterr, -EOPNOTSUPP, "the firmware is none for "
			       "SEV-ES: it has no reset block");
	if (l->has_kernel && !l->firmware->hashes_gpa)
		return err_set(reterr, -EOPNOTSUPP, "the firmware does not "
			       "measure a kernel: it has no table of hashes");
	return 0;
}

int sev_digest(const struct launch *l, bool es, uint8_t ret[32],
	       struct err *reterr)
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t table[SEV_HASHES_SIZE], page[PAGE];
	bool ok;
	int r;

	r = check(l, es, reterr);
	if (r < 0)
		return r;
	ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha256(), NULL) &&
	     EVP_DigestUpdate(ctx, l->firmware->data, l->firmware->size);
	if (ok && l->has_kernel) {
		sev_hashes_table(l, table);
		ok = EVP_DigestUpdate(ctx, table, sizeof(table));
	}
	for (uint32_t i = 0; ok && es && i < l->vcpus; i++) {
		vmsa_page(l, i == 0, false, page);
		ok = EVP_DigestUpdate(ctx, page, sizeof(page));
	}
	return ok && EVP_DigestFinal_ex(ctx, ret, NULL) ? 0 :
							  no_digest(reterr);
}

/* Continues LD by a page at GPA. DATA is NULL where its content counts not. */
static bool snp_page(uint8_t ld[LD], enum snp_page type, uint64_t gpa,
		     const uint8_t *data)
{
	uint8_t info[SNP_INFO_SIZE] = {0};

	memcpy(info, ld, LD);
	if (data && !sha384(data, PAGE, info + LD))
		return false;
	put_le16(info + 2 * LD, SNP_INFO_SIZE);
	info[2 * LD + 2] = (uint8_t)type;
	put_le64(info + 2 * LD + 8, gpa);
	return sha384(info, sizeof(info), ld);
}

static bool snp_pages(uint8_t ld[LD], enum snp_page type, uint64_t gpa,
		      uint64_t size, const uint8_t *data)
{
	bool ok = true;

	for (uint64_t i = 0; ok && i < size; i += PAGE)
		ok = snp_page(ld, type, gpa + i, data ? data + i : NULL);
	return ok;
}

int snp_firmware_digest(const struct firmware *f, uint8_t ret[LD],
			struct err *reterr)
{
	memset(ret, 0, LD);
	return snp_pages(ret, SNP_NORMAL, f->gpa, f->size, f->data) ?
		       0 : no_digest(reterr);
}

static int snp_hashes(const struct launch *l, const struct sev_section *s,
		      uint8_t ld[LD], struct err *reterr)
{
	uint32_t offset = l->firmware->hashes_gpa % PAGE;
	uint8_t page[PAGE] = {0};

	if (!l->has_kernel)
		return snp_pages(ld, SNP_ZERO, s->gpa, s->size, NULL) ?
			       0 : no_digest(reterr);
	if (offset > PAGE - SEV_HASHES_SIZE || s->size != PAGE)
		return err_set(reterr, -EINVAL, "firmware: the table of hashes "
						"is not in one page");
	sev_hashes_table(l, page + offset);
	return snp_page(ld, SNP_NORMAL, s->gpa, page) ? 0 : no_digest(reterr);
}

static int snp_section(const struct launch *l, const struct sev_section *s,
		       uint8_t ld[LD], struct err *reterr)
{
	bool ok = true;

	switch (s->type) {
	case SEV_SECTION_MEMORY:
		ok = snp_pages(ld, l->vmm == LAUNCH_GCE ? SNP_UNMEASURED :
							  SNP_ZERO,
			       s->gpa, s->size, NULL);
		break;
	case SEV_SECTION_CAA:
		ok = snp_pages(ld, SNP_ZERO, s->gpa, s->size, NULL);
		break;
	case SEV_SECTION_SECRETS:
		ok = snp_page(ld, SNP_SECRETS, s->gpa, NULL);
		break;
	case SEV_SECTION_CPUID:
		/* EC2 adds it behind all others. */
		ok = l->vmm == LAUNCH_EC2 ||
		     snp_page(ld, SNP_CPUID, s->gpa, NULL);
		break;
	case SEV_SECTION_KERNEL_HASHES:
		return snp_hashes(l, s, ld, reterr);
	default:
		return err_set(reterr, -EOPNOTSUPP,
			       "firmware: unknown section type %" PRIu32,
			       s->type);
	}
	return ok ? 0 : no_digest(reterr);
}

static int snp_sections(const struct launch *l, uint8_t ld[LD],
			struct err *reterr)
{
	const struct firmware *f = l->firmware;
	bool hashes = false, ok = true;
	int r = 0;

	for (size_t i = 0; i < f->n_sev && r == 0; i++) {
		hashes |= f->sev[i].type == SEV_SECTION_KERNEL_HASHES;
		r = snp_section(l, &f->sev[i], ld, reterr);
	}
	if (r < 0)
		return r;
	if (l->has_kernel && !hashes)
		return err_set(reterr, -EOPNOTSUPP, "the firmware does not "
			       "measure a kernel: it has no page for hashes");
	for (size_t i = 0; i < f->n_sev && ok && l->vmm == LAUNCH_EC2; i++)
		if (f->sev[i].type == SEV_SECTION_CPUID)
			ok = snp_page(ld, SNP_CPUID, f->sev[i].gpa, NULL);
	return ok ? 0 : no_digest(reterr);
}

int snp_digest(const struct launch *l, uint8_t ret[LD], struct err *reterr)
{
	uint8_t page[PAGE];
	bool ok = true;
	int r;

	r = check(l, true, reterr);
	if (r == 0 && l->firmware_ld)
		memcpy(ret, l->firmware_ld, LD);
	else if (r == 0)
		r = snp_firmware_digest(l->firmware, ret, reterr);
	if (r == 0)
		r = snp_sections(l, ret, reterr);
	if (r < 0)
		return r;
	for (uint32_t i = 0; i < l->vcpus && ok; i++) {
		vmsa_page(l, i == 0, true, page);
		ok = snp_page(ret, SNP_VMSA, SNP_VMSA_GPA, page);
	}
	return ok ? 0 : no_digest(reterr);
}

static bool tdx_record(EVP_MD_CTX *ctx, const char *name, uint64_t gpa)
{
	uint8_t record[TDX_RECORD] = {0};

	memcpy(record, name, strlen(name));
	put_le64(record + 16, gpa);
	return EVP_DigestUpdate(ctx, record, sizeof(record));
}

/* A page is added, then, if the section says so, extended by its content. */
static bool tdx_page(EVP_MD_CTX *ctx, uint64_t gpa, bool extend,
		     const uint8_t page[PAGE])
{
	bool ok = tdx_record(ctx, "MEM.PAGE.ADD", gpa);

	for (unsigned int i = 0; ok && extend && i < PAGE; i += TDX_CHUNK)
		ok = tdx_record(ctx, "MR.EXTEND", gpa + i) &&
		     EVP_DigestUpdate(ctx, page + i, TDX_CHUNK);
	return ok;
}

static bool tdx_section(EVP_MD_CTX *ctx, const struct firmware *f,
			const struct tdx_section *s)
{
	bool ok = true;

	for (uint64_t i = 0; ok && i < s->size; i += PAGE) {
		uint8_t page[PAGE] = {0};
		uint64_t n = i < s->data_size ? s->data_size - i : 0;

		if (n)
			memcpy(page, f->data + s->pos + i, n < PAGE ? n : PAGE);
		ok = tdx_page(ctx, s->gpa + i,
			      s->attributes & TDX_SECTION_EXTEND, page);
	}
	return ok;
}

int tdx_mrtd(const struct firmware *f, uint8_t ret[LD], struct err *reterr)
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool ok;
	int r;

	if (!f->has_tdx)
		return err_set(reterr, -EOPNOTSUPP,
			       "the firmware is none for TDX: no TDVF metadata");
	r = firmware_check_tdx(f, reterr);
	if (r < 0)
		return r;
	ok = ctx && EVP_DigestInit_ex(ctx, EVP_sha384(), NULL);
	for (size_t i = 0; ok && i < f->n_tdx; i++) {
		/* QEMU knows no others, and no other attribute. */
		if (f->tdx[i].type > TDX_SECTION_TEMP ||
		    f->tdx[i].attributes & ~TDX_SECTION_EXTEND)
			return err_set(reterr, -EOPNOTSUPP, "firmware: TDX "
				       "section of type %" PRIu32
				       ", attributes %#" PRIx32,
				       f->tdx[i].type, f->tdx[i].attributes);
		ok = tdx_section(ctx, f, &f->tdx[i]);
	}
	return ok && EVP_DigestFinal_ex(ctx, ret, NULL) ? 0 :
							  no_digest(reterr);
}
