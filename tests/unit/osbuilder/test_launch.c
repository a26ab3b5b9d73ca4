// SPDX-License-Identifier: Apache-2.0
/*
 * Launch digests, of a firmware made here. Its table says what that of edk2's
 * AmdSev build of May 2024 says: with the published digest of that firmware in
 * place of our bytes, the published digests of guests come out. The other
 * values are what sev-snp-measure 0.0.13 computes of the same bytes; that of
 * TDX is what a few lines of Python compute.
 */
#include "test.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "osbuilder/fileio.h"
#include "osbuilder/launch.h"
#include "osbuilder/sehdr.h"

#define SIZE 8192

/* Digest of the AmdSev firmware's last page, as published with the others. */
#define AMD_SEV                                                                \
	"086e2e9149ebf45abdc3445fba5b2da8270bdbb04094d7a2"                     \
	"c37faaa4b24af3aa16aff8c374c2a55c467a50da6d466b74"

/* Of the firmware made here, a kernel and an initrd of no bytes, "panic=-1",
 * two CPUs EPYC-Milan and features 1. */
#define OWN_SEV							\
	"78d5b4a0897f5b36889c41fec4352b31"			\
	"6ddbff2ef54baf7c87f25f944ed5de80"
#define OWN_SEV_ES						\
	"3e4573de950b55809ee1408e7bb3e384"			\
	"51ef63887c348190c92c6f406032c2d5"
#define OWN_SNP							\
	"8a67de3a7be420c28c595b7b493fb6c0474be86be75c7a79"	\
	"69620e297bf815e291b3841b20ad3f66ab25cb7374c6a648"
#define OWN_MRTD							\
	"035ef0781e22e818d43c714c2fcb5955a96ef4b149dfef72"	\
	"99c0d1032e6ce20f2e3c39bf594de43339bd5fa12559baca"

struct made {
	uint8_t p[SIZE];
	size_t at; /* where the next entry ends */
};

static void put_guid(uint8_t *p, const char *text)
{
	static const int order[16] = {3, 2, 1, 0, 5,  4,  7,  6,
				      8, 9, 10, 11, 12, 13, 14, 15};
	int n = 0;

	for (; *text; text++) {
		unsigned int v;

		if (*text == '-')
			continue;
		assert_int_equal(sscanf(text, "%2x", &v), 1);
		p[order[n++]] = (uint8_t)v;
		text++;
	}
}

static void put_entry(struct made *m, const char *guid, uint32_t a, uint32_t b)
{
	m->at -= 26;
	put_le32(m->p + m->at, a);
	put_le32(m->p + m->at + 4, b);
	put_le16(m->p + m->at + 8, 26);
	put_guid(m->p + m->at + 10, guid);
}

static void put_words(uint8_t *p, const uint32_t *v, size_t n)
{
	for (size_t i = 0; i < n; i++)
		put_le32(p + 4 * i, v[i]);
}

/* Sections of the AmdSev build. */
static const uint32_t sev[][3] = {
	{0x800000, 0x9000, 1}, {0x80a000, 0x3000, 1}, {0x80d000, 0x1000, 2},
	{0x80e000, 0x1000, 3}, {0x80f000, 0x1000, 4}, {0x810000, 0x1000, 16},
	{0x811000, 0xf000, 1},
};

/* One of each kind: offset and size in the firmware, address, size, kind,
 * attributes. */
static const uint32_t tdx[][8] = {
	{0x1000, 0x1000, 0xfffff000, 0, 0x1000, 0, 0, 1},
	{0, 0x1000, 0xffffe000, 0, 0x1000, 0, 1, 0},
	{0, 0, 0x809000, 0, 0x2000, 0, 2, 0},
	{0, 0, 0x810000, 0, 0x10000, 0, 3, 0},
};

#define SEV_POS 0x1800
#define TDX_POS 0x1900

static void make(struct made *m)
{
	static const uint32_t sev_head[] = {0x56455341, 16 + sizeof(sev), 1,
					    ARRAY_SIZE(sev)};
	static const uint32_t tdx_head[] = {0x46564454, 16 + sizeof(tdx), 1,
					    ARRAY_SIZE(tdx)};

	for (size_t i = 0; i < SIZE; i++)
		m->p[i] = (uint8_t)(i * 7 + i / 256);
	put_words(m->p + SEV_POS, sev_head, 4);
	put_words(m->p + SEV_POS + 16, sev[0], sizeof(sev) / 4);
	put_words(m->p + TDX_POS, tdx_head, 4);
	put_words(m->p + TDX_POS + 16, tdx[0], sizeof(tdx) / 4);
	m->at = SIZE - 32 - 18;
	put_guid(m->p + m->at + 2, "96b582de-1fb2-45f7-baea-a366c55a082d");
	put_le16(m->p + m->at, 18 + 4 * 26);
	put_entry(m, "00f771de-1a7e-4fcb-890e-68c77e2fb44e", 0x80b004, 0);
	put_entry(m, "7255371f-3a3b-4b04-927b-1da6efa8d454", 0x810c00, 0x400);
	put_entry(m, "dc886566-984a-4798-a75e-5585a7bf67cc", SIZE - SEV_POS, 0);
	put_entry(m, "e47a6535-984a-4798-865e-4685a7bf8ec2", SIZE - TDX_POS, 0);
}

static struct firmware parsed(struct made *m)
{
	struct firmware f;
	struct err err;

	make(m);
	assert_int_equal(firmware_parse(m->p, SIZE, &f, &err), 0);
	return f;
}

static void unhex(const char *text, uint8_t *ret)
{
	for (; *text; text += 2) {
		unsigned int v;

		assert_int_equal(sscanf(text, "%2x", &v), 1);
		*ret++ = (uint8_t)v;
	}
}

static void assert_digest(const uint8_t *got, const char *want)
{
	uint8_t raw[64];

	unhex(want, raw);
	assert_memory_equal(got, raw, strlen(want) / 2);
}

/* Kernel and initrd of no bytes, as in the published values. */
static void with_kernel(struct launch *l, const char *append)
{
	l->has_kernel = true;
	assert_int_equal(sha256("", 0, l->kernel), 0);
	assert_int_equal(sha256("", 0, l->initrd), 0);
	assert_int_equal(sha256(append, strlen(append) + 1, l->cmdline), 0);
}

static void table_is_read(void **state)
{
	struct made m;
	struct firmware f = parsed(&m);

	(void)state;
	assert_int_equal(f.gpa, UINT64_C(0x100000000) - SIZE);
	assert_int_equal(f.hashes_gpa, 0x810c00);
	assert_int_equal(f.reset_eip, 0x80b004);
	assert_int_equal(f.n_sev, ARRAY_SIZE(sev));
	assert_int_equal(f.sev[5].type, SEV_SECTION_KERNEL_HASHES);
	assert_int_equal(f.n_tdx, ARRAY_SIZE(tdx));
	assert_int_equal(f.tdx[3].gpa, 0x810000);
}

static void published_snp_digests(void **state)
{
	static const struct {
		const char *append; /* NULL: no kernel */
		uint32_t vcpus;
		uint64_t features;
		enum launch_vmm vmm;
		const char *want;
	} tests[] = {
		{"", 1, 0x21, LAUNCH_QEMU,
		 "329c8ce0972ae52343b64d34a434a86f245dfd74f5ed7aae"
		 "15d22efc78fb9683632b9b50e4e1d7fa41179ef98a7ef198"},
		{"", 1, 0x1, LAUNCH_QEMU,
		 "ddc5224521617a536ee7ce9dd6224d1b58a8d4fda1c741f3"
		 "ac99fc4bfa04ba6e9fc98646d4a07a9079397fa3852819b5"},
		{"console=ttyS0 loglevel=7", 1, 0x21, LAUNCH_QEMU,
		 "803f691094946e42068aaa3a8f9e26a5c89f36f7b73ecfb2"
		 "8c653360fe4b3aba7e534442e7e1e17895dfe778d0228977"},
		{NULL, 1, 0x21, LAUNCH_QEMU,
		 "e1e1ca029dd7973ab9513295be68198472dcd4fc834bd9af"
		 "9b63f6e8a1674dbf281a9278a4a2ebe0eed9f22adbcd0e2b"},
		{"", 4, 0x21, LAUNCH_QEMU,
		 "4953b1fb416fa874980e8442b3706d345926d5f38879134e"
		 "00813c5d7abcbe78eafe7b422907be0b4698e2414a631942"},
		{"", 1, 0x21, LAUNCH_EC2,
		 "0ce9ccc06bab55eebe8abc234f3df6514883977a68a591b7"
		 "1052498ab52b2f1aa415db338033946ef93aa8278c0d67fb"},
		{"", 4, 0x1, LAUNCH_GCE,
		 "5c5debf100fc339f90276e761ee1f1658d08922c3b20e2a2"
		 "e6c7a6c3370b2452a15a00eae11886a93d6fd1e7ab81e29d"},
	};
	struct made m;
	struct firmware f = parsed(&m);
	uint8_t seed[48], got[48];
	struct err err;

	(void)state;
	f.reset_eip = 0x80b004;
	unhex(AMD_SEV, seed);
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		struct launch l = {.firmware = &f, .firmware_ld = seed,
				   .vcpus = tests[i].vcpus,
				   .features = tests[i].features,
				   .vmm = tests[i].vmm};

		assert_int_equal(launch_vcpu_sig("EPYC-v4", &l.vcpu_sig), 0);
		if (tests[i].append)
			with_kernel(&l, tests[i].append);
		assert_int_equal(snp_digest(&l, got, &err), 0);
		assert_digest(got, tests[i].want);
	}
}

static void own_digests(void **state)
{
	struct made m;
	struct firmware f = parsed(&m);
	struct launch l = {.firmware = &f, .vcpus = 2, .features = 1};
	uint8_t got[48];
	struct err err;

	(void)state;
	assert_int_equal(launch_vcpu_sig("EPYC-Milan", &l.vcpu_sig), 0);
	with_kernel(&l, "panic=-1");
	assert_int_equal(sev_digest(&l, false, got, &err), 0);
	assert_digest(got, OWN_SEV);
	assert_int_equal(sev_digest(&l, true, got, &err), 0);
	assert_digest(got, OWN_SEV_ES);
	assert_int_equal(snp_digest(&l, got, &err), 0);
	assert_digest(got, OWN_SNP);
	assert_int_equal(tdx_mrtd(&f, got, &err), 0);
	assert_digest(got, OWN_MRTD);
}

static void cpu_models(void **state)
{
	uint32_t sig;

	(void)state;
	assert_int_equal(launch_vcpu_sig("EPYC", &sig), 0);
	assert_int_equal(sig, 0x800f12);
	assert_int_equal(launch_vcpu_sig("EPYC-Rome-v3", &sig), 0);
	assert_int_equal(sig, 0x830f10);
	assert_int_equal(launch_vcpu_sig("EPYC-Genoa-v1", &sig), 0);
	assert_int_equal(sig, 0xa10f10);
	assert_int_equal(launch_vcpu_sig("EPYC-Roma", &sig), -ENOENT);
	assert_int_equal(launch_vcpu_sig("-v1", &sig), -ENOENT);
	assert_int_equal(launch_vcpu_sig("", &sig), -ENOENT);
}

static void what_the_firmware_cannot(void **state)
{
	struct made m;
	struct firmware f = parsed(&m);
	struct launch l = {.firmware = &f, .vcpus = 1};
	uint8_t got[48];
	struct err err;

	(void)state;
	with_kernel(&l, "");
	f.hashes_gpa = 0;
	assert_int_equal(sev_digest(&l, false, got, &err), -EOPNOTSUPP);
	f.hashes_gpa = 0x810ff0; /* over the end of its page */
	assert_int_equal(snp_digest(&l, got, &err), -EINVAL);
	f.hashes_gpa = 0x810c00;
	f.sev[5].type = SEV_SECTION_MEMORY;
	assert_int_equal(snp_digest(&l, got, &err), -EOPNOTSUPP);
	f.sev[5].type = 99;
	assert_int_equal(snp_digest(&l, got, &err), -EOPNOTSUPP);
	f.has_reset = false;
	assert_int_equal(sev_digest(&l, true, got, &err), -EOPNOTSUPP);
	l.vcpus = 0;
	assert_int_equal(snp_digest(&l, got, &err), -EINVAL);
	f.tdx[0].data_size = SIZE;
	assert_int_equal(tdx_mrtd(&f, got, &err), -EINVAL);
	f.tdx[0].data_size = 0x1000;
	f.tdx[3].attributes = 2;
	assert_int_equal(tdx_mrtd(&f, got, &err), -EOPNOTSUPP);
	f.has_tdx = false;
	assert_int_equal(tdx_mrtd(&f, got, &err), -EOPNOTSUPP);
}

static void refuses_a_bad_table(void **state)
{
	static const struct {
		size_t at;
		uint32_t value;
	} tests[] = {
		{SIZE - 32 - 18, 0xffff},	/* its size */
		{SIZE - 32 - 36, 0},		/* of an entry */
		{SIZE - 32 - 36, 0xffff},
		{SEV_POS + 4, SIZE},		/* of the metadata */
		{SEV_POS + 12, 65},
		{SEV_POS + 16, 0x800001},	/* no page */
		{SEV_POS + 20, 0xfffff000},	/* too much */
		{TDX_POS, 0},
		{TDX_POS + 12, 0xffffffff},
	};
	struct firmware f;
	struct made m;
	struct err err;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(tests); i++) {
		make(&m);
		if (tests[i].at >= SIZE - 256)
			put_le16(m.p + tests[i].at, (uint16_t)tests[i].value);
		else
			put_le32(m.p + tests[i].at, tests[i].value);
		assert_int_equal(firmware_parse(m.p, SIZE, &f, &err), -EINVAL);
	}
	assert_int_equal(firmware_parse(m.p, SIZE - 1, &f, &err), -EINVAL);
	assert_int_equal(firmware_parse(m.p, 0, &f, &err), -EINVAL);
	memset(m.p, 0, SIZE);
	assert_int_equal(firmware_parse(m.p, SIZE, &f, &err), 0);
	assert_false(f.has_sev || f.has_tdx || f.has_reset);
}

/* A header of Secure Execution on the second page: two slots. */
static void make_se(uint8_t *p)
{
	uint8_t *h = p + 4096;

	memset(p, 0, SIZE);
	memcpy(h, "IBMSecEx", 8);
	put_be32(h + 8, 0x100);
	put_be32(h + 12, 416 + 2 * 80 + 128 + 16);
	put_be32(h + 36, 2);
	put_be32(h + 44, 128);
	put_be32(h + 52, 7);
	put_be32(h + 60, 0x40);
	memset(h + 224, 0xaa, 64);
	memset(h + 288, 0xbb, 64);
	memset(h + 352, 0xcc, 64);
	memset(h + 416, 1, 80);
	memset(h + 496, 2, 80);
	memset(h + 416 + 2 * 80 + 128, 0xee, 16);
}

static void secure_execution_header(void **state)
{
	static const size_t fields[] = {8, 12, 32, 40};
	struct se_header h;
	uint8_t p[SIZE];

	(void)state;
	make_se(p);
	assert_true(se_header_find(p, SIZE, &h));
	assert_int_equal(h.pos, 4096);
	assert_int_equal(h.slots, 2);
	assert_int_equal(h.pages, 7);
	assert_int_equal(h.flags, 0x40);
	assert_int_equal(h.pld[63], 0xaa);
	assert_int_equal(h.ald[0], 0xbb);
	assert_int_equal(h.tld[63], 0xcc);
	assert_int_equal(h.slot[SE_SLOT], 2);
	assert_int_equal(h.tag[15], 0xee);
	assert_false(se_header_find(p, 4096 + 415, &h));
	assert_false(se_header_find(p, 4096 + 719, &h));
	assert_false(se_header_find(p, 0, &h));
	for (size_t i = 0; i < ARRAY_SIZE(fields); i++) {
		make_se(p);
		put_be32(p + 4096 + fields[i], 0x10000000);
		assert_false(se_header_find(p, SIZE, &h));
	}
}

int main(int argc, char **argv)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(table_is_read),
		cmocka_unit_test(published_snp_digests),
		cmocka_unit_test(own_digests),
		cmocka_unit_test(cpu_models),
		cmocka_unit_test(what_the_firmware_cannot),
		cmocka_unit_test(refuses_a_bad_table),
		cmocka_unit_test(secure_execution_header),
	};
	struct made m;

	/* With an argument: the firmware, for another program to measure. */
	if (argc > 1) {
		make(&m);
		return fwrite(m.p, SIZE, 1, stdout) != 1;
	}
	(void)argv;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
