// SPDX-License-Identifier: Apache-2.0
/*
 * Bytes of a foreign firmware, and of a foreign image for Secure Execution: what
 * is read of them is measured. A firmware is whole pages with its table at the
 * end: the input is put there.
 */
#include <stdlib.h>
#include <string.h>

#include "osbuilder/launch.h"
#include "osbuilder/sehdr.h"

#define SIZE_MAX_FUZZED 32768u
/* More pages than this only take time. */
#define CLAIM_FUZZED (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void measure(const struct firmware *f)
{
	struct launch l = {.firmware = f, .has_kernel = true, .vcpus = 2};
	uint64_t claim = 0;
	uint8_t digest[48];
	struct err err;

	for (size_t i = 0; i < f->n_sev; i++)
		claim += f->sev[i].size;
	if (claim < CLAIM_FUZZED)
		(void)snp_digest(&l, digest, &err);
	(void)sev_digest(&l, true, digest, &err);
	claim = 0;
	for (size_t i = 0; i < f->n_tdx; i++)
		claim += f->tdx[i].size;
	if (claim < CLAIM_FUZZED || firmware_check_tdx(f, &err) < 0)
		(void)tdx_mrtd(f, digest, &err);
}

static void header(const uint8_t *data, size_t size)
{
	volatile uint8_t sink = 0;
	struct se_header h;

	(void)s390x_kernel_probe(data, size);
	if (!se_header_find(data, size, &h))
		return;
	for (uint64_t i = 0; i < h.slots; i++)
		sink ^= h.slot[i * SE_SLOT] ^ h.slot[i * SE_SLOT + 31];
	sink ^= h.pld[0] ^ h.tld[63] ^ h.tag[15];
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t n = (size + FIRMWARE_PAGE - 1) / FIRMWARE_PAGE * FIRMWARE_PAGE;
	struct firmware f;
	struct err err;
	uint8_t *p;

	if (!size || size > SIZE_MAX_FUZZED)
		return 0;
	p = calloc(1, n);
	if (!p)
		return 0;
	memcpy(p + n - size, data, size);
	if (firmware_parse(p, n, &f, &err) == 0)
		measure(&f);
	free(p);
	p = malloc(size);
	if (!p)
		return 0;
	memcpy(p, data, size);
	header(p, size);
	free(p);
	return 0;
}
