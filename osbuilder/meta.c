// SPDX-License-Identifier: Apache-2.0
#include "meta.h"

#include <errno.h>
#include <string.h>

#include <lz4.h>
#include <zstd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/macros.h"
#include "fileio.h"
#include "guest_json.h"
#include "image.h"

#define SCHEMA "kiln.image/1"
#define TEXT_MAX (4u << 20)

static void json_put(struct json_object *o)
{
	(void)json_object_put(o);
}

DEFINE_CLEANUP(struct json_object, json_put)
#define cleanup_json cleanup(json_putp)

static int no_memory(struct err *reterr)
{
	return err_set(reterr, -ENOMEM, "out of memory");
}

/* Adds VALUE, which is taken over in any case. NULL means lack of memory. */
static int add(struct json_object *o, const char *key,
	       struct json_object *value, struct err *reterr)
{
	if (value && json_object_object_add(o, key, value) == 0)
		return 0;
	if (value)
		json_object_put(value);
	return no_memory(reterr);
}

static int append(struct json_object *array, struct json_object *value,
		  struct err *reterr)
{
	if (value && json_object_array_add(array, value) == 0)
		return 0;
	if (value)
		json_object_put(value);
	return no_memory(reterr);
}

static int add_text(struct json_object *o, const char *key, const char *text,
		    struct err *reterr)
{
	return text ? add(o, key, json_object_new_string(text), reterr) : 0;
}

static int read_text(const char *path, char **ret, struct err *reterr)
{
	uint8_t *text;
	size_t n;
	int r = file_read(path, TEXT_MAX, &text, &n, reterr);

	if (r == 0)
		*ret = (char *)text;
	return r;
}

/* Parameters hold no blanks. */
static struct json_object *parameter_to_json(char *line)
{
	line[strcspn(line, " \t\r#")] = '\0';
	return json_object_new_string(line);
}

static struct json_object *input_to_json(char *line)
{
	static const char *const keys[] = {"type",    "name",	"arch",
					   "version", "sha256", "file"};
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; o && i < ARRAY_SIZE(keys); i++) {
		char *word = strsep(&line, " ");

		if (word)
			(void)json_object_object_add(
				o, keys[i], json_object_new_string(word));
	}
	return o;
}

/* Appends the lines of a file, but for empty ones and comments. */
static int append_lines(struct json_object *array, const char *path,
			struct json_object *(*to_json)(char *line),
			struct err *reterr)
{
	cleanup_free char *text = NULL;
	char *rest, *line;
	int r;

	r = read_text(path, &text, reterr);
	if (r < 0)
		return r;
	rest = text;
	while ((line = strsep(&rest, "\n"))) {
		line += strspn(line, " \t\r");
		if (!*line || *line == '#')
			continue;
		r = append(array, to_json(line), reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int add_lines(struct json_object *o, const char *key,
		     const struct strv *paths,
		     struct json_object *(*to_json)(char *line),
		     struct err *reterr)
{
	cleanup_json struct json_object *array = json_object_new_array();
	int r;

	if (!array)
		return no_memory(reterr);
	for (size_t i = 0; i < paths->n; i++) {
		r = append_lines(array, paths->v[i], to_json, reterr);
		if (r < 0)
			return r;
	}
	return add(o, key, TAKE_PTR(array), reterr);
}

/* What the image itself says, for those that are images. */
static int add_content(struct json_object *o, const char *path,
		       struct err *reterr)
{
	struct image image = {.archive = BUF_INIT(0)};
	cleanup_free uint8_t *data = NULL;
	size_t n;
	int r;

	r = file_read(path, IMAGE_MAX, &data, &n, reterr);
	if (r < 0)
		return r;
	r = image_open(&image, data, n, reterr);
	if (r == 0)
		r = add(o, "content", image_to_json(&image), reterr);
	image_release(&image);
	return r < 0 ? err_wrap(reterr, "'%s'", path) : 0;
}

static int artifact_to_json(const char *spec, struct json_object **ret,
			    struct err *reterr)
{
	cleanup_json struct json_object *o = json_object_new_object();
	const char *path = strchr(spec, '=');
	char hash[SHA256_HEX_SIZE];
	size_t len;
	uint64_t size;
	int r;

	if (!path || path == spec)
		return err_set(reterr, -EINVAL, "'%s' is not NAME=PATH", spec);
	len = (size_t)(path++ - spec);
	r = file_sha256(path, &size, hash, reterr);
	if (r < 0)
		return r;
	if (!o)
		return no_memory(reterr);
	r = add(o, "name", json_object_new_string_len(spec, (int)len), reterr);
	if (r == 0)
		r = add(o, "size", json_object_new_uint64(size), reterr);
	if (r == 0)
		r = add_text(o, "sha256", hash, reterr);
	if (r == 0 && len > 4 && !strncmp(path - 5, ".img", 4))
		r = add_content(o, path, reterr);
	if (r == 0)
		*ret = TAKE_PTR(o);
	return r;
}

static int add_artifacts(struct json_object *o, const struct strv *specs,
			 struct err *reterr)
{
	cleanup_json struct json_object *array = json_object_new_array();

	if (!array)
		return no_memory(reterr);
	for (size_t i = 0; i < specs->n; i++) {
		struct json_object *one = NULL;
		int r = artifact_to_json(specs->v[i], &one, reterr);

		if (r == 0)
			r = append(array, one, reterr);
		if (r < 0)
			return r;
	}
	return add(o, "artifacts", TAKE_PTR(array), reterr);
}

static int add_list(struct json_object *o, const char *key,
		    const struct strv *list, struct err *reterr)
{
	cleanup_json struct json_object *array = json_object_new_array();

	if (!array)
		return no_memory(reterr);
	for (size_t i = 0; i < list->n; i++) {
		int r = append(array, json_object_new_string(list->v[i]),
			       reterr);

		if (r < 0)
			return r;
	}
	return add(o, key, TAKE_PTR(array), reterr);
}

static int add_kernel(struct json_object *o, const char *path,
		      struct err *reterr)
{
	cleanup_free char *text = NULL;
	struct json_object *kernel;
	int r;

	r = read_text(path, &text, reterr);
	if (r < 0)
		return r;
	kernel = json_tokener_parse(text);
	if (!json_object_is_type(kernel, json_type_object)) {
		json_object_put(kernel);
		return err_set(reterr, -EINVAL, "'%s' is no JSON object", path);
	}
	return add(o, "kernel", kernel, reterr);
}

static int add_versions(struct json_object *o, const struct meta_params *p,
			struct err *reterr)
{
	cleanup_json struct json_object *v = json_object_new_object();
	struct json_object *kernel, *version;
	int r;

	if (!v)
		return no_memory(reterr);
	r = add_text(v, "kiln", p->version, reterr);
	if (r == 0 && json_object_object_get_ex(o, "kernel", &kernel) &&
	    json_object_object_get_ex(kernel, "release", &version))
		r = add(v, "kernel", json_object_get(version), reterr);
	/* The same input gives other bytes with another one of these. */
	if (r == 0)
		r = add_text(v, "libzstd", ZSTD_versionString(), reterr);
	if (r == 0)
		r = add_text(v, "liblz4", LZ4_versionString(), reterr);
	return r < 0 ? r : add(o, "versions", TAKE_PTR(v), reterr);
}

static int source_to_json(const char *path, struct json_object **ret,
			  struct err *reterr)
{
	cleanup_json struct json_object *o = json_object_new_object();
	char hash[SHA256_HEX_SIZE];
	uint64_t size;
	int r;

	if (!o)
		return no_memory(reterr);
	r = file_sha256(path, &size, hash, reterr);
	if (r == 0)
		r = add_text(o, "name", path, reterr);
	if (r == 0)
		r = add_text(o, "sha256", hash, reterr);
	if (r == 0)
		*ret = TAKE_PTR(o);
	return r;
}

static int add_sources(struct json_object *o, const struct strv *paths,
		       struct err *reterr)
{
	cleanup_json struct json_object *array = json_object_new_array();

	if (!array)
		return no_memory(reterr);
	for (size_t i = 0; i < paths->n; i++) {
		struct json_object *one = NULL;
		int r = source_to_json(paths->v[i], &one, reterr);

		if (r == 0)
			r = append(array, one, reterr);
		if (r < 0)
			return r;
	}
	return add(o, "sources", TAKE_PTR(array), reterr);
}

static int add_tools(struct json_object *o, const struct strv *tools,
		     struct err *reterr)
{
	cleanup_json struct json_object *v = json_object_new_object();

	if (!v)
		return no_memory(reterr);
	for (size_t i = 0; i < tools->n; i++) {
		cleanup_free char *name = NULL;
		const char *version = guest_split(tools->v[i], &name);
		int r;

		if (!version)
			return err_set(reterr, -EINVAL,
				       "'%s' is not NAME=VERSION", tools->v[i]);
		r = add_text(v, name, version, reterr);
		if (r < 0)
			return r;
	}
	return add(o, "tools", TAKE_PTR(v), reterr);
}

int meta_build(const struct meta_params *p, struct json_object **ret,
	       struct err *reterr)
{
	cleanup_json struct json_object *o = json_object_new_object();
	int r;

	if (!o)
		return no_memory(reterr);
	r = add_text(o, "schema", SCHEMA, reterr);
	if (r == 0)
		r = add_text(o, "arch", p->arch, reterr);
	if (r == 0)
		r = add_text(o, "profile", p->profile, reterr);
	if (r == 0)
		r = add_text(o, "agent_protocol", p->agent_protocol, reterr);
	if (r == 0)
		r = add(o, "source_date_epoch",
			json_object_new_int64(p->epoch), reterr);
	if (r == 0 && p->kernel_json)
		r = add_kernel(o, p->kernel_json, reterr);
	if (r == 0)
		r = add_versions(o, p, reterr);
	if (r == 0)
		r = add_lines(o, "cmdline", p->cmdlines, parameter_to_json,
			      reterr);
	if (r == 0)
		r = add_list(o, "features", p->features, reterr);
	if (r == 0)
		r = add_artifacts(o, p->artifacts, reterr);
	if (r == 0 && p->tools && p->tools->n)
		r = add_tools(o, p->tools, reterr);
	if (r == 0 && p->sources && p->sources->n)
		r = add_sources(o, p->sources, reterr);
	if (r == 0 && p->inputs && p->inputs->n)
		r = add_lines(o, "inputs", p->inputs, input_to_json, reterr);
	if (r == 0)
		*ret = TAKE_PTR(o);
	return r;
}
