// SPDX-License-Identifier: Apache-2.0
/*
 * A list of parts as SPDX 2.3. Files of images are files, whose package has a
 * verification code. What was compiled into the kernel are packages of one file
 * each: SPDX wants a SHA-1 of files, which the kernel build does not keep.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "json_write.h"
#include "sbom.h"

static const char *const purposes[] = {
	[SBOM_GUEST] = "OPERATING_SYSTEM",
	[SBOM_KERNEL] = "OPERATING_SYSTEM",
	[SBOM_PROGRAM] = "APPLICATION",
	[SBOM_IMAGE] = "ARCHIVE",
	[SBOM_LIBRARY] = "LIBRARY",
	[SBOM_HEADERS] = "SOURCE",
	[SBOM_PACKAGE] = "APPLICATION",
	[SBOM_ARCHIVE] = "SOURCE",
	[SBOM_PATCH] = "SOURCE",
	[SBOM_SOURCE] = "FILE",
	[SBOM_FILE] = "FILE",
};

static void put_id(struct json_writer *w, const char *key, size_t i)
{
	char ref[32];

	sbom_ref(i, ref);
	json_put_textf(w, key, "SPDXRef-%s", ref);
}

static void put_checksum(struct json_writer *w, const char *algorithm,
			 const char *value)
{
	if (!*value)
		return;
	json_put_object(w, NULL);
	json_put_text(w, "algorithm", algorithm);
	json_put_text(w, "checksumValue", value);
	json_put_end(w);
}

static void put_checksums(struct json_writer *w, const struct sbom_item *i)
{
	if (!*i->sha256 && !*i->sha1)
		return;
	json_put_array(w, "checksums");
	put_checksum(w, "SHA1", i->sha1);
	put_checksum(w, "SHA256", i->sha256);
	json_put_end(w);
}

static void put_reference(struct json_writer *w, const char *category,
			  const char *type, const char *locator)
{
	if (!locator)
		return;
	json_put_object(w, NULL);
	json_put_text(w, "referenceCategory", category);
	json_put_text(w, "referenceType", type);
	json_put_text(w, "referenceLocator", locator);
	json_put_end(w);
}

static int compare(const void *a, const void *b)
{
	return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* SHA-1 of the SHA-1 of all files of package AT, sorted. */
static int put_verification(struct json_writer *w, const struct sbom *s,
			    size_t at, size_t files)
{
	cleanup_free const char **v = calloc(files, sizeof(*v));
	cleanup_buf struct buf all = BUF_INIT(SBOM_MAX);
	uint8_t raw[20];
	char text[SHA1_HEX_SIZE];
	size_t n = 0;

	if (!v)
		return -ENOMEM;
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].kind == SBOM_FILE && s->v[i].parent == at)
			v[n++] = s->v[i].sha1;
	qsort(v, n, sizeof(*v), compare);
	for (size_t i = 0; i < n; i++)
		(void)buf_put_str(&all, v[i]);
	if (buf_error(&all) || !EVP_Digest(buf_data(&all), all.len, raw, NULL,
					   EVP_sha1(), NULL))
		return -EIO;
	for (size_t i = 0; i < sizeof(raw); i++)
		(void)snprintf(text + 2 * i, 3, "%02x", raw[i]);
	json_put_object(w, "packageVerificationCode");
	json_put_text(w, "packageVerificationCodeValue", text);
	json_put_end(w);
	return 0;
}

static int put_package(struct json_writer *w, const struct sbom *s, size_t at,
		       size_t files)
{
	const struct sbom_item *i = &s->v[at];
	int r = 0;

	json_put_object(w, NULL);
	json_put_text(w, "name", i->name);
	put_id(w, "SPDXID", at);
	json_put_text(w, "versionInfo", i->version);
	json_put_text(w, "downloadLocation", "NOASSERTION");
	json_put_bool(w, "filesAnalyzed", files > 0);
	if (files)
		r = put_verification(w, s, at, files);
	put_checksums(w, i);
	json_put_text(w, "licenseConcluded", "NOASSERTION");
	json_put_text(w, "licenseDeclared",
		  i->licence ? i->licence : "NOASSERTION");
	json_put_text(w, "copyrightText", "NOASSERTION");
	json_put_text(w, "primaryPackagePurpose", purposes[i->kind]);
	json_put_text(w, "comment", i->comment);
	if (i->purl || i->cpe) {
		json_put_array(w, "externalRefs");
		put_reference(w, "PACKAGE-MANAGER", "purl", i->purl);
		put_reference(w, "SECURITY", "cpe23Type", i->cpe);
		json_put_end(w);
	}
	json_put_end(w);
	return r;
}

static int put_packages(struct json_writer *w, const struct sbom *s)
{
	cleanup_free size_t *files = calloc(s->n, sizeof(*files));
	int r = files ? 0 : -ENOMEM;

	for (size_t i = 0; i < s->n && files; i++)
		if (s->v[i].kind == SBOM_FILE)
			files[s->v[i].parent]++;
	json_put_array(w, "packages");
	for (size_t i = 0; i < s->n && r == 0; i++)
		if (s->v[i].kind != SBOM_FILE)
			r = put_package(w, s, i, files[i]);
	json_put_end(w);
	return r;
}

static void put_files(struct json_writer *w, const struct sbom *s)
{
	json_put_array(w, "files");
	for (size_t i = 0; i < s->n; i++) {
		const struct sbom_item *f = &s->v[i];

		if (f->kind != SBOM_FILE)
			continue;
		json_put_object(w, NULL);
		json_put_textf(w, "fileName", ".%s", f->name);
		put_id(w, "SPDXID", i);
		put_checksums(w, f);
		json_put_text(w, "licenseConcluded", "NOASSERTION");
		json_put_text(w, "copyrightText", "NOASSERTION");
		json_put_end(w);
	}
	json_put_end(w);
}

static void put_relation(struct json_writer *w, size_t from, const char *type,
			 size_t to)
{
	json_put_object(w, NULL);
	put_id(w, "spdxElementId", from);
	json_put_text(w, "relationshipType", type);
	put_id(w, "relatedSpdxElement", to);
	json_put_end(w);
}

static void put_relations(struct json_writer *w, const struct sbom *s)
{
	static const struct {
		const char *type;
		bool reverse; /* from the part to what it belongs to */
	} types[] = {
		[SBOM_CONTAINED] = {"CONTAINS", false},
		[SBOM_LINKED] = {"STATIC_LINK", false},
		[SBOM_BUILD_INPUT] = {"BUILD_DEPENDENCY_OF", true},
		[SBOM_MADE_OF] = {"GENERATED_FROM", false},
		[SBOM_PATCHES] = {"PATCH_FOR", true},
	};

	json_put_array(w, "relationships");
	json_put_object(w, NULL);
	json_put_text(w, "spdxElementId", "SPDXRef-DOCUMENT");
	json_put_text(w, "relationshipType", "DESCRIBES");
	put_id(w, "relatedSpdxElement", 0);
	json_put_end(w);
	for (size_t i = 1; i < s->n; i++) {
		const struct sbom_item *v = &s->v[i];
		bool reverse = types[v->relation].reverse;

		put_relation(w, reverse ? i : v->parent,
			     types[v->relation].type, reverse ? v->parent : i);
		if (v->origin != SBOM_NONE)
			put_relation(w, i, "GENERATED_FROM", v->origin);
	}
	json_put_end(w);
}

static void put_head(struct json_writer *w, const struct sbom *s,
		     const char *uuid)
{
	char time[32];

	sbom_time(s->epoch, time);
	json_put_text(w, "spdxVersion", "SPDX-2.3");
	json_put_text(w, "dataLicense", "CC0-1.0");
	json_put_text(w, "SPDXID", "SPDXRef-DOCUMENT");
	json_put_text(w, "name", s->name);
	json_put_textf(w, "documentNamespace",
		   "https://kiln-project.org/spdx/%s-%s", s->name, uuid);
	json_put_object(w, "creationInfo");
	json_put_text(w, "created", time);
	json_put_array(w, "creators");
	json_put_textf(w, NULL, "Tool: kiln-image-%s", s->version);
	json_put_end(w);
	json_put_end(w);
}

static int put_body(struct json_writer *w, const struct sbom *s)
{
	int r = put_packages(w, s);

	put_files(w, s);
	put_relations(w, s);
	return r;
}

/* Written twice: the name of the first is of nothing, that of the second is of
 * the first. */
int sbom_write_spdx(const struct sbom *s, struct buf *out, struct err *reterr)
{
	char uuid[SBOM_UUID_SIZE] = "";
	int r = 0;

	for (int pass = 0; pass < 2 && r == 0; pass++) {
		struct json_writer w = JSON_WRITER_INIT(out);

		if (pass == 1)
			r = sbom_uuid(buf_data(out), out->len, uuid);
		buf_clear(out);
		json_put_object(&w, NULL);
		put_head(&w, s, uuid);
		if (r == 0)
			r = put_body(&w, s);
		json_put_end(&w);
		(void)buf_put_u8(out, '\n');
		if (r == 0)
			r = buf_error(out);
	}
	return r < 0 ? err_code(reterr, r, "SPDX") : 0;
}
