// SPDX-License-Identifier: Apache-2.0
/* How a guest was made: everything is in image.json already, this says it as
 * those who check provenance want it said. */
#include "provenance.h"

#include <errno.h>
#include <string.h>

#include "base/macros.h"
#include "command.h"
#include "fileio.h"
#include "guest_json.h"
#include "json_write.h"
#include "sign.h"

#define STATEMENT "https://in-toto.io/Statement/v1"
#define PREDICATE "https://slsa.dev/provenance/v1"
#define BUILD_TYPE "https://kiln-project.org/build/guest/v1"
#define PURL_MAX 4096
#define STATEMENT_MAX ((size_t)16 << 20)

static void put_subject(struct json_writer *w, const char *name,
			const char *hash)
{
	json_put_object(w, NULL);
	json_put_text(w, "name", name);
	json_put_object(w, "digest");
	json_put_text(w, "sha256", hash);
	json_put_end(w);
	json_put_end(w);
}

static int put_subjects(struct json_writer *w,
			const struct provenance_params *p, struct err *reterr)
{
	json_put_array(w, "subject");
	for (size_t i = 0; i < guest_count(p->image, "artifacts"); i++) {
		struct json_object *a = guest_at(p->image, "artifacts", i);

		put_subject(w, guest_text(a, "name"), guest_text(a, "sha256"));
	}
	for (size_t i = 0; i < p->files->n; i++) {
		cleanup_free char *name = NULL;
		const char *path = guest_split(p->files->v[i], &name);
		char hash[SHA256_HEX_SIZE];
		uint64_t size;
		int r;

		if (!path)
			return err_set(reterr, -EINVAL, "'%s' is not NAME=FILE",
				       p->files->v[i]);
		r = file_sha256(path, &size, hash, reterr);
		if (r < 0)
			return r;
		put_subject(w, name, hash);
	}
	json_put_end(w);
	return 0;
}

static int put_params(struct json_writer *w, const struct provenance_params *p,
		      struct err *reterr)
{
	json_put_object(w, "externalParameters");
	json_put_text(w, "arch", guest_text(p->image, "arch"));
	json_put_text(w, "profile", guest_text(p->image, "profile"));
	for (size_t i = 0; i < p->params->n; i++) {
		cleanup_free char *name = NULL;
		const char *value = guest_split(p->params->v[i], &name);

		if (!value)
			return err_set(reterr, -EINVAL, "'%s' is not "
				       "NAME=VALUE", p->params->v[i]);
		json_put_text(w, name, value);
	}
	json_put_end(w);
	return 0;
}

static void put_dependency(struct json_writer *w, const char *uri,
			   const char *name, const char *hash)
{
	json_put_object(w, NULL);
	json_put_text(w, "uri", uri);
	json_put_text(w, "name", name);
	if (hash) {
		json_put_object(w, "digest");
		json_put_text(w, "sha256", hash);
		json_put_end(w);
	}
	json_put_end(w);
}

static void put_kernel(struct json_writer *w, struct json_object *kernel)
{
	cleanup_buf struct buf purl = BUF_INIT(PURL_MAX);
	struct json_object *source = guest_object(kernel, "source");
	const char *package = guest_text(source, "package");

	if (source)
		put_dependency(w, guest_kernel_purl(kernel, &purl),
			       package ? package : "linux",
			       guest_text(source, "sha256"));
	for (size_t i = 0; i < guest_count(kernel, "patches"); i++) {
		struct json_object *p = guest_at(kernel, "patches", i);

		put_dependency(w, NULL, guest_text(p, "name"),
			       guest_text(p, "sha256"));
	}
	if (guest_text(kernel, "config_sha256"))
		put_dependency(w, NULL, "kernel.config",
			       guest_text(kernel, "config_sha256"));
}

static void put_dependencies(struct json_writer *w, struct json_object *image)
{
	cleanup_buf struct buf purl = BUF_INIT(PURL_MAX);

	json_put_array(w, "resolvedDependencies");
	put_kernel(w, guest_object(image, "kernel"));
	for (size_t i = 0; i < guest_count(image, "inputs"); i++) {
		struct json_object *in = guest_at(image, "inputs", i);
		const char *file = guest_text(in, "file");

		put_dependency(w, guest_purl(in, &purl),
			       file ? file : guest_text(in, "name"),
			       guest_text(in, "sha256"));
	}
	for (size_t i = 0; i < guest_count(image, "sources"); i++) {
		struct json_object *in = guest_at(image, "sources", i);

		put_dependency(w, NULL, guest_text(in, "name"),
			       guest_text(in, "sha256"));
	}
	json_put_end(w);
}

/* The members of O, but for the kernel, which is no tool. */
static void put_texts(struct json_writer *w, struct json_object *o)
{
	struct json_object_iterator i, end;

	if (!o)
		return;
	end = json_object_iter_end(o);
	for (i = json_object_iter_begin(o);
	     !json_object_iter_equal(&i, &end); json_object_iter_next(&i)) {
		const char *key = json_object_iter_peek_name(&i);

		if (strcmp(key, "kernel") != 0)
			json_put_text(w, key, guest_text(o, key));
	}
}

/* The tools that determine the bytes, as far as image.json has them. */
static void put_tools(struct json_writer *w, struct json_object *image)
{
	static const char *const lists[] = {"versions", "tools"};
	struct json_object *kernel = guest_object(image, "kernel");

	json_put_object(w, "version");
	for (size_t i = 0; i < ARRAY_SIZE(lists); i++) {
		put_texts(w, guest_object(image, lists[i]));
	}
	json_put_text(w, "kernel-compiler", guest_text(kernel, "compiler"));
	json_put_text(w, "kernel-binutils", guest_text(kernel, "binutils"));
	json_put_end(w);
}

int provenance_write(const struct provenance_params *p, struct buf *out,
		     struct err *reterr)
{
	struct json_writer w = JSON_WRITER_INIT(out);
	int r;

	json_put_object(&w, NULL);
	json_put_text(&w, "_type", STATEMENT);
	r = put_subjects(&w, p, reterr);
	if (r < 0)
		return r;
	json_put_text(&w, "predicateType", PREDICATE);
	json_put_object(&w, "predicate");
	json_put_object(&w, "buildDefinition");
	json_put_text(&w, "buildType", BUILD_TYPE);
	r = put_params(&w, p, reterr);
	if (r < 0)
		return r;
	put_dependencies(&w, p->image);
	json_put_end(&w);
	json_put_object(&w, "runDetails");
	json_put_object(&w, "builder");
	json_put_text(&w, "id", p->builder);
	put_tools(&w, p->image);
	json_put_end(&w);
	json_put_end(&w);
	json_put_end(&w);
	json_put_end(&w);
	(void)buf_put_u8(out, '\n');
	return buf_error(out) ? err_code(reterr, buf_error(out), "statement") :
				0;
}

int cmd_provenance(const struct options *o, struct err *reterr)
{
	cleanup_json_object struct json_object *image = NULL;
	cleanup_buf struct buf statement = BUF_INIT(STATEMENT_MAX);
	cleanup_buf struct buf envelope = BUF_INIT(DSSE_MAX);
	const struct evidence_options *e = &o->evidence;
	struct provenance_params p = {
		.builder = e->builder ? e->builder :
					"https://kiln-project.org/builder/make",
		.files = &e->files,
		.params = &e->params,
	};
	cleanup_key EVP_PKEY *key = NULL;
	struct buf *out = &statement;
	int r;

	if (!e->image_json)
		return err_set(reterr, -EINVAL, "'--image-json' is missing");
	r = guest_json_read(e->image_json, &image, reterr);
	p.image = image;
	if (r == 0)
		r = provenance_write(&p, &statement, reterr);
	if (r == 0 && e->key) {
		out = &envelope;
		r = key_read_private(e->key, &key, reterr);
		if (r == 0)
			r = dsse_write(key, PROVENANCE_TYPE,
				       buf_data(&statement), statement.len,
				       &envelope, reterr);
	}
	return r < 0 ? r : file_write(o->output, buf_data(out), out->len,
				      reterr);
}
