// SPDX-License-Identifier: Apache-2.0
/* A list of parts as CycloneDX 1.5. Files are inside what they belong to. */
#include <errno.h>
#include <string.h>

#include "json_write.h"
#include "sbom.h"

static const char *const types[] = {
	[SBOM_GUEST] = "operating-system",
	[SBOM_KERNEL] = "operating-system",
	[SBOM_PROGRAM] = "application",
	[SBOM_IMAGE] = "file",
	[SBOM_LIBRARY] = "library",
	[SBOM_HEADERS] = "library",
	[SBOM_PACKAGE] = "application",
	[SBOM_ARCHIVE] = "file",
	[SBOM_PATCH] = "file",
	[SBOM_SOURCE] = "file",
	[SBOM_FILE] = "file",
};

/* Files of others are listed inside those, all else by itself. */
static bool nested(const struct sbom_item *i)
{
	return i->kind == SBOM_SOURCE || i->kind == SBOM_FILE;
}

static void put_ref(struct json_writer *w, const char *key, size_t i)
{
	char ref[32];

	sbom_ref(i, ref);
	json_put_text(w, key, ref);
}

static void put_hash(struct json_writer *w, const char *algorithm,
		     const char *value)
{
	if (!*value)
		return;
	json_put_object(w, NULL);
	json_put_text(w, "alg", algorithm);
	json_put_text(w, "content", value);
	json_put_end(w);
}

/* A licence with an exception is an expression, any other one a name. */
static void put_licence(struct json_writer *w, const char *licence)
{
	if (!licence)
		return;
	json_put_array(w, "licenses");
	json_put_object(w, NULL);
	if (strchr(licence, ' ')) {
		json_put_text(w, "expression", licence);
	} else {
		json_put_object(w, "license");
		json_put_text(w, "id", licence);
		json_put_end(w);
	}
	json_put_end(w);
	json_put_end(w);
}

static void put_fields(struct json_writer *w, const struct sbom *s, size_t at)
{
	const struct sbom_item *i = &s->v[at];

	json_put_text(w, "type", types[i->kind]);
	put_ref(w, "bom-ref", at);
	json_put_text(w, "name", i->name);
	json_put_text(w, "version", i->version);
	json_put_text(w, "description", i->comment);
	if (i->relation == SBOM_BUILD_INPUT || i->relation == SBOM_PATCHES ||
	    (i->relation == SBOM_MADE_OF && !nested(i)))
		json_put_text(w, "scope", "excluded");
	if (*i->sha256 || *i->sha1) {
		json_put_array(w, "hashes");
		put_hash(w, "SHA-1", i->sha1);
		put_hash(w, "SHA-256", i->sha256);
		json_put_end(w);
	}
	put_licence(w, i->licence);
	json_put_text(w, "cpe", i->cpe);
	json_put_text(w, "purl", i->purl);
}

static void put_component(struct json_writer *w, const struct sbom *s,
			  size_t at, const bool *has_files)
{
	json_put_object(w, NULL);
	put_fields(w, s, at);
	if (has_files[at]) {
		json_put_array(w, "components");
		for (size_t i = at + 1; i < s->n; i++) {
			if (!nested(&s->v[i]) || s->v[i].parent != at)
				continue;
			json_put_object(w, NULL);
			put_fields(w, s, i);
			json_put_end(w);
		}
		json_put_end(w);
	}
	json_put_end(w);
}

static int put_components(struct json_writer *w, const struct sbom *s)
{
	cleanup_free bool *has_files = calloc(s->n, sizeof(*has_files));

	if (!has_files)
		return -ENOMEM;
	for (size_t i = 1; i < s->n; i++)
		if (nested(&s->v[i]))
			has_files[s->v[i].parent] = true;
	json_put_array(w, "components");
	for (size_t i = 1; i < s->n; i++)
		if (!nested(&s->v[i]))
			put_component(w, s, i, has_files);
	json_put_end(w);
	return 0;
}

/* What each needs: a part that changes or builds another is no need of it. */
static void put_dependencies(struct json_writer *w, const struct sbom *s)
{
	json_put_array(w, "dependencies");
	for (size_t at = 0; at < s->n; at++) {
		bool any = false;

		if (nested(&s->v[at]) || s->v[at].kind == SBOM_ARCHIVE)
			continue;
		json_put_object(w, NULL);
		put_ref(w, "ref", at);
		for (size_t i = at + 1; i < s->n; i++) {
			if (s->v[i].parent != at || nested(&s->v[i]))
				continue;
			if (!any)
				json_put_array(w, "dependsOn");
			any = true;
			put_ref(w, NULL, i);
		}
		if (any)
			json_put_end(w);
		json_put_end(w);
	}
	json_put_end(w);
}

static void put_metadata(struct json_writer *w, const struct sbom *s)
{
	char time[32];

	sbom_time(s->epoch, time);
	json_put_object(w, "metadata");
	json_put_text(w, "timestamp", time);
	json_put_object(w, "tools");
	json_put_array(w, "components");
	json_put_object(w, NULL);
	json_put_text(w, "type", "application");
	json_put_text(w, "name", "kiln-image");
	json_put_text(w, "version", s->version);
	json_put_end(w);
	json_put_end(w);
	json_put_end(w);
	json_put_object(w, "component");
	put_fields(w, s, 0);
	json_put_end(w);
	json_put_end(w);
}

int sbom_write_cyclonedx(const struct sbom *s, struct buf *out,
			 struct err *reterr)
{
	char uuid[SBOM_UUID_SIZE] = "";
	int r = 0;

	for (int pass = 0; pass < 2 && r == 0; pass++) {
		struct json_writer w = JSON_WRITER_INIT(out);

		if (pass == 1)
			r = sbom_uuid(buf_data(out), out->len, uuid);
		buf_clear(out);
		json_put_object(&w, NULL);
		json_put_text(&w, "bomFormat", "CycloneDX");
		json_put_text(&w, "specVersion", "1.5");
		json_put_textf(&w, "serialNumber", "urn:uuid:%s", uuid);
		json_put_number(&w, "version", 1);
		put_metadata(&w, s);
		if (r == 0)
			r = put_components(&w, s);
		put_dependencies(&w, s);
		json_put_end(&w);
		(void)buf_put_u8(out, '\n');
		if (r == 0)
			r = buf_error(out);
	}
	return r < 0 ? err_code(reterr, r, "CycloneDX") : 0;
}
