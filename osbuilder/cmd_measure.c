// SPDX-License-Identifier: Apache-2.0
/* The command that computes reference values of confidential guests. */
#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "base/num.h"
#include "command.h"
#include "fileio.h"
#include "json_write.h"
#include "launch.h"
#include "sehdr.h"

#define HEX_MAX (2 * 64 + 1)
#define REPORT_MAX (1u << 20)

/* What is computed and shown: texts by name. */
struct value {
	const char *name;
	char text[HEX_MAX];
	bool number;	     /* the text is one */
	const char *why_not; /* instead of a text */
};

#define VALUES_MAX 160

struct report {
	const char *tee;
	struct value v[VALUES_MAX];
	size_t n;
};

static void hex(const uint8_t *p, size_t n, char ret[HEX_MAX])
{
	static const char digits[] = "0123456789abcdef";

	for (size_t i = 0; i < n; i++) {
		ret[2 * i] = digits[p[i] >> 4];
		ret[2 * i + 1] = digits[p[i] & 15];
	}
	ret[2 * n] = '\0';
}

static void put_hex(struct report *r, const char *name, const uint8_t *p,
		    size_t n)
{
	struct value *v = &r->v[r->n++];

	v->name = name;
	hex(p, n, v->text);
}

static void put_number(struct report *r, const char *name, uint64_t number)
{
	struct value *v = &r->v[r->n++];

	v->name = name;
	v->number = true;
	(void)snprintf(v->text, sizeof(v->text), "%llu",
		       (unsigned long long)number);
}

static void put_why_not(struct report *r, const char *name, const char *why)
{
	r->v[r->n++] = (struct value){.name = name, .why_not = why};
}

static int unhex(const char *text, uint8_t *ret, size_t n)
{
	if (strlen(text) != 2 * n)
		return -EINVAL;
	for (size_t i = 0; i < n; i++) {
		char two[3] = {text[2 * i], text[2 * i + 1], '\0'};
		uint32_t v;

		if (parse_u32(two, 16, &v) < 0)
			return -EINVAL;
		ret[i] = (uint8_t)v;
	}
	return 0;
}

static int number(const char *what, const char *text, uint64_t max,
		  uint64_t *ret, struct err *reterr)
{
	unsigned int base = 10;
	const char *digits = text;

	if (!text)
		return 0;
	if (!strncmp(text, "0x", 2)) {
		base = 16;
		digits += 2;
	}
	if (parse_u64(digits, base, ret) < 0 || *ret > max)
		return err_set(reterr, -EINVAL, "bad %s '%s'", what, text);
	return 0;
}

static int set_vmm(const char *text, enum launch_vmm *ret, struct err *reterr)
{
	static const char *const names[] = {[LAUNCH_QEMU] = "qemu",
					    [LAUNCH_EC2] = "ec2",
					    [LAUNCH_GCE] = "gce"};

	for (size_t i = 0; text && i < ARRAY_SIZE(names); i++) {
		if (!strcmp(names[i], text)) {
			*ret = (enum launch_vmm)i;
			return 0;
		}
	}
	return text ? err_set(reterr, -EINVAL, "unknown VMM '%s'", text) : 0;
}

static int set_cpu(const struct evidence_options *e, struct launch *l,
		   struct err *reterr)
{
	const char *model = e->vcpu_type ? e->vcpu_type : "EPYC-v4";
	uint64_t vcpus = 1, sig = 0, features = 1;
	int r;

	r = number("number of CPUs", e->vcpus, LAUNCH_VCPUS_MAX, &vcpus,
		   reterr);
	if (r == 0)
		r = number("signature", e->vcpu_sig, UINT32_MAX, &sig, reterr);
	if (r == 0)
		r = number("features", e->guest_features, UINT64_MAX,
			   &features, reterr);
	if (r == 0)
		r = set_vmm(e->vmm, &l->vmm, reterr);
	if (r < 0)
		return r;
	if (e->vcpu_sig && e->vcpu_type)
		return err_set(reterr, -EINVAL,
			       "both '--vcpu-type' and '--vcpu-sig'");
	l->vcpus = (uint32_t)vcpus;
	l->features = features;
	l->vcpu_sig = (uint32_t)sig;
	if (!e->vcpu_sig && launch_vcpu_sig(model, &l->vcpu_sig) < 0)
		return err_set(reterr, -EINVAL, "unknown CPU model '%s'", model);
	return 0;
}

/* SHA-256 of a file's content; of nothing when there is no file. */
static int hash_file(const char *path, uint8_t ret[32], struct err *reterr)
{
	char text[SHA256_HEX_SIZE];
	uint64_t size;
	int r;

	if (!path)
		return sha256("", 0, ret) < 0 ?
			       err_set(reterr, -EIO, "no SHA-256") : 0;
	r = file_sha256(path, &size, text, reterr);
	return r < 0 ? r : unhex(text, ret, 32);
}

/* The command line is hashed with the NUL at its end, as QEMU does it. */
static int set_kernel(const struct evidence_options *e, struct launch *l,
		      struct err *reterr)
{
	const char *append = e->append ? e->append : "";
	int r;

	if (!e->kernel)
		return e->initrd || e->append ?
			       err_set(reterr, -EINVAL,
				       "'--kernel' is missing") : 0;
	l->has_kernel = true;
	r = hash_file(e->kernel, l->kernel, reterr);
	if (r == 0)
		r = hash_file(e->initrd, l->initrd, reterr);
	if (r == 0 && sha256(append, strlen(append) + 1, l->cmdline) < 0)
		r = err_set(reterr, -EIO, "no SHA-256");
	return r;
}

static void put_kernel(const struct launch *l, struct report *report)
{
	uint8_t table[SEV_HASHES_SIZE], hash[32];

	if (!l->has_kernel)
		return;
	put_hex(report, "kernel_sha256", l->kernel, 32);
	put_hex(report, "initrd_sha256", l->initrd, 32);
	put_hex(report, "cmdline_sha256", l->cmdline, 32);
	sev_hashes_table(l, table);
	if (sha256(table, sizeof(table), hash) == 0)
		put_hex(report, "hashes_table_sha256", hash, 32);
}

static int measure_sev(const struct evidence_options *e, struct launch *l,
		       struct report *report, struct err *reterr)
{
	bool snp = !strcmp(e->tee, "snp"), es = !strcmp(e->tee, "sev-es");
	uint8_t digest[LAUNCH_DIGEST_MAX], ld[48];
	int r;

	if (e->firmware_hash && !snp)
		return err_set(reterr, -EINVAL,
			       "'--firmware-hash' is of snp only");
	if (e->firmware_hash && unhex(e->firmware_hash, ld, sizeof(ld)) < 0)
		return err_set(reterr, -EINVAL, "bad hash '%s'",
			       e->firmware_hash);
	if (e->firmware_hash)
		l->firmware_ld = ld;
	r = set_cpu(e, l, reterr);
	if (r == 0)
		r = set_kernel(e, l, reterr);
	if (r == 0)
		r = snp ? snp_digest(l, digest, reterr) :
			  sev_digest(l, es, digest, reterr);
	if (r == 0 && snp && !l->firmware_ld)
		r = snp_firmware_digest(l->firmware, ld, reterr);
	if (r < 0)
		return r;
	put_hex(report, "launch_digest", digest, snp ? 48 : 32);
	if (snp)
		put_hex(report, "firmware_digest", ld, 48);
	put_kernel(l, report);
	if (!snp)
		put_why_not(report, "measurement", "is keyed by the platform: "
			    "HMAC of this digest, versions, policy and nonce");
	return 0;
}

static int measure_tdx(const struct evidence_options *e, struct launch *l,
		       struct report *report, struct err *reterr)
{
	uint8_t digest[48];
	int r;

	r = tdx_mrtd(l->firmware, digest, reterr);
	if (r == 0)
		r = set_kernel(e, l, reterr);
	if (r < 0)
		return r;
	put_hex(report, "mrtd", digest, sizeof(digest));
	put_why_not(report, "rtmr0", "is of the virtual hardware: tables that "
		    "the VMM makes, which depend on its version and options");
	put_why_not(report, "rtmr1", "is of the boot path: the firmware "
		    "measures the kernel as the VMM patched it");
	put_why_not(report, "rtmr2", "is of command line and initrd as the "
		    "kernel's EFI stub sees them");
	return 0;
}

static int measure_firmware(const struct evidence_options *e,
			    struct report *report, struct err *reterr)
{
	cleanup_free uint8_t *data = NULL;
	struct firmware firmware;
	struct launch l = {.firmware = &firmware};
	size_t n;
	int r;

	if (!e->firmware)
		return err_set(reterr, -EINVAL, "'--firmware' is missing");
	r = file_read(e->firmware, FIRMWARE_MAX, &data, &n, reterr);
	if (r == 0)
		r = firmware_parse(data, n, &firmware, reterr);
	if (r < 0)
		return r;
	return !strcmp(e->tee, "tdx") ? measure_tdx(e, &l, report, reterr) :
					measure_sev(e, &l, report, reterr);
}

static void put_se(const struct se_header *h, struct report *report)
{
	put_number(report, "header_offset", h->pos);
	put_number(report, "header_size", h->size);
	put_number(report, "encrypted_pages", h->pages);
	put_number(report, "plaintext_flags", h->flags);
	put_hex(report, "pld", h->pld, 64);
	put_hex(report, "ald", h->ald, 64);
	put_hex(report, "tld", h->tld, 64);
	put_hex(report, "tag", h->tag, SE_TAG);
	for (uint64_t i = 0; i < h->slots; i++)
		put_hex(report, "host_key_sha256", h->slot + i * SE_SLOT, 32);
}

_Static_assert(SE_SLOTS_MAX + 8 <= VALUES_MAX, "room for all host keys");

static int measure_se(const struct evidence_options *e, struct report *report,
		      struct err *reterr)
{
	cleanup_free uint8_t *data = NULL;
	struct se_header h;
	size_t n;
	int r;

	if (!e->kernel)
		return err_set(reterr, -EINVAL, "'--kernel' is missing");
	r = file_read(e->kernel, IMAGE_MAX, &data, &n, reterr);
	if (r < 0)
		return r;
	if (se_header_find(data, n, &h)) {
		put_se(&h, report);
		return 0;
	}
	if (s390x_kernel_probe(data, n))
		return err_set(reterr, -ENODATA,
			       "'%s' is a plain kernel of s390x: there is "
			       "nothing to attest to before genprotimg or "
			       "pvimg makes an image of it, initrd and command "
			       "line, encrypted for the keys of hosts",
			       e->kernel);
	return err_set(reterr, -EINVAL,
		       "'%s' is no image for Secure Execution", e->kernel);
}

static void show_text(const struct report *r)
{
	for (size_t i = 0; i < r->n; i++)
		(void)printf("%s: %s%s\n", r->v[i].name,
			     r->v[i].why_not ? "not computed, it " :
					       r->v[i].text,
			     r->v[i].why_not ? r->v[i].why_not : "");
}

/* Keys of hosts are the only values that come several times. */
static void write_values(struct json_writer *w, const struct report *r)
{
	bool list = false;

	for (size_t i = 0; i < r->n; i++) {
		const struct value *v = &r->v[i];
		bool key = !strcmp(v->name, "host_key_sha256");

		if (v->why_not)
			continue;
		if (key && !list)
			json_put_array(w, v->name);
		list |= key;
		if (v->number)
			json_put_raw(w, v->name, v->text);
		else
			json_put_text(w, key ? NULL : v->name, v->text);
	}
	if (list)
		json_put_end(w);
}

static int show_json(const struct report *r, struct err *reterr)
{
	cleanup_buf struct buf out = BUF_INIT(REPORT_MAX);
	struct json_writer w = JSON_WRITER_INIT(&out);

	json_put_object(&w, NULL);
	json_put_text(&w, "schema", "kiln.measure/1");
	json_put_text(&w, "tee", r->tee);
	write_values(&w, r);
	json_put_object(&w, "not_computed");
	for (size_t i = 0; i < r->n; i++)
		if (r->v[i].why_not)
			json_put_text(&w, r->v[i].name, r->v[i].why_not);
	json_put_end(&w);
	json_put_end(&w);
	return json_write_file(&w, "-", reterr);
}

int cmd_measure(const struct options *o, struct err *reterr)
{
	static const char *const tees[] = {"sev", "sev-es", "snp", "tdx"};
	const struct evidence_options *e = &o->evidence;
	struct report report = {.tee = e->tee};
	bool json = o->format && !strcmp(o->format, "json");
	int r = -EINVAL;

	if (o->format && !json && strcmp(o->format, "text") != 0)
		return err_set(reterr, -EINVAL, "unknown format '%s'",
			       o->format);
	if (!e->tee)
		return err_set(reterr, -EINVAL, "'--tee' is missing");
	if (!strcmp(e->tee, "se")) {
		r = measure_se(e, &report, reterr);
	} else {
		for (size_t i = 0; i < ARRAY_SIZE(tees) && r < 0; i++)
			r = strcmp(tees[i], e->tee) ? r : 0;
		if (r < 0)
			return err_set(reterr, r, "unknown TEE '%s'", e->tee);
		r = measure_firmware(e, &report, reterr);
	}
	if (r == 0 && json)
		return show_json(&report, reterr);
	if (r == 0)
		show_text(&report);
	return r;
}
