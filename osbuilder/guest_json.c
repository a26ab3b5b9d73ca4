// SPDX-License-Identifier: Apache-2.0
#include "guest_json.h"

#include <errno.h>
#include <string.h>

#include "fileio.h"

#define TEXT_MAX ((size_t)64 << 20)

int guest_json_read(const char *path, struct json_object **ret,
		    struct err *reterr)
{
	cleanup_json_object struct json_object *o = NULL;
	cleanup_free uint8_t *text = NULL;
	size_t n;
	int r;

	r = file_read(path, TEXT_MAX, &text, &n, reterr);
	if (r < 0)
		return r;
	o = json_tokener_parse((const char *)text);
	if (!json_object_is_type(o, json_type_object))
		return err_set(reterr, -EINVAL, "'%s' is no JSON object", path);
	*ret = TAKE_PTR(o);
	return 0;
}

static struct json_object *member(struct json_object *o, const char *key,
				  enum json_type type)
{
	struct json_object *v;

	return json_object_is_type(o, json_type_object) &&
			       json_object_object_get_ex(o, key, &v) &&
			       json_object_is_type(v, type) ? v : NULL;
}

const char *guest_text(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key, json_type_string);

	return v ? json_object_get_string(v) : NULL;
}

struct json_object *guest_object(struct json_object *o, const char *key)
{
	return member(o, key, json_type_object);
}

size_t guest_count(struct json_object *o, const char *key)
{
	struct json_object *v = member(o, key, json_type_array);

	return v ? json_object_array_length(v) : 0;
}

struct json_object *guest_at(struct json_object *o, const char *key, size_t i)
{
	return json_object_array_get_idx(member(o, key, json_type_array), i);
}

const char *guest_split(const char *text, char **ret_name)
{
	const char *value = strchr(text, '=');

	if (!value || value == text)
		return NULL;
	*ret_name = strndup(text, (size_t)(value - text));
	return *ret_name ? value + 1 : NULL;
}

/* What is none of the letters that stand for themselves is escaped. */
static void put_quoted(struct buf *out, const char *text)
{
	static const char plain[] = "abcdefghijklmnopqrstuvwxyz"
				    "ABCDEFGHIJKLMNOPQRSTUVWXYZ"
				    "0123456789.-_~:";

	for (; *text; text++) {
		if (strchr(plain, *text))
			(void)buf_put_u8(out, (uint8_t)*text);
		else
			(void)buf_printf(out, "%%%02X", (uint8_t)*text);
	}
}

static const char *deb_purl(struct buf *out, const char *name,
			    const char *version, const char *arch)
{
	buf_clear(out);
	(void)buf_put_str(out, "pkg:deb/debian/");
	put_quoted(out, name);
	(void)buf_put_u8(out, '@');
	put_quoted(out, version);
	if (arch) {
		(void)buf_put_str(out, "?arch=");
		put_quoted(out, arch);
	}
	return buf_cstr(out);
}

const char *guest_purl(struct json_object *input, struct buf *out)
{
	const char *name = guest_text(input, "name");
	const char *version = guest_text(input, "version");

	return name && version ?
		       deb_purl(out, name, version, guest_text(input, "arch")) :
		       NULL;
}

const char *guest_kernel_purl(struct json_object *kernel, struct buf *out)
{
	struct json_object *source = guest_object(kernel, "source");
	const char *package = guest_text(source, "package");
	const char *version = guest_text(source, "version");

	return package && version ? deb_purl(out, package, version, "all") :
				    NULL;
}
