// SPDX-License-Identifier: Apache-2.0
#include "codec/json.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <string.h>

static int fail_at(const char *text, size_t pos, const char *what,
		   struct err *reterr)
{
	size_t line = 1, column = 1, i;

	for (i = 0; i < pos; i++) {
		if (text[i] == '\n') {
			line++;
			column = 1;
		} else {
			column++;
		}
	}
	return err_set(reterr, -EINVAL, "line %zu, column %zu: %s", line,
		       column, what);
}

/*
 * json-c keeps keys as C strings, so a NUL in one would cut it short without a
 * trace. None may be in the document, neither as a byte nor as an escape.
 */
static int refuse_nul(const char *text, size_t n, struct err *reterr)
{
	bool quoted = false;
	size_t i;

	for (i = 0; i < n; i++) {
		if (text[i] == '\0')
			return fail_at(text, i, "NUL byte", reterr);
		if (text[i] == '"') {
			quoted = !quoted;
		} else if (quoted && text[i] == '\\' && i + 1 < n) {
			if (n - i >= 6 && !memcmp(text + i, "\\u0000", 6))
				return fail_at(text, i, "NUL in a string",
					       reterr);
			i++;
		}
	}
	return 0;
}

static bool only_space(const char *text, size_t n)
{
	size_t i;

	for (i = 0; i < n; i++)
		if (!strchr(" \t\r\n", text[i]))
			return false;
	return true;
}

DEFINE_CLEANUP(struct json_tokener, json_tokener_free)

int json_parse_text(const char *text, size_t n, unsigned int depth,
		    json_object **ret, struct err *reterr)
{
	cleanup(json_tokener_freep) struct json_tokener *tok = NULL;
	cleanup_json json_object *o = NULL;
	enum json_tokener_error error;
	size_t end;
	int r;

	if (n >= INT_MAX)
		return err_set(reterr, -EFBIG, "document too large");
	r = refuse_nul(text, n, reterr);
	if (r < 0)
		return r;
	tok = json_tokener_new_ex((int)depth);
	if (!tok)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
					    JSON_TOKENER_ALLOW_TRAILING_CHARS |
					    JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, (int)n);
	error = json_tokener_get_error(tok);
	end = MIN(json_tokener_get_parse_end(tok), n);
	if (error == json_tokener_continue)
		return fail_at(text, n, "document ends early", reterr);
	if (error != json_tokener_success)
		return fail_at(text, end, json_tokener_error_desc(error),
			       reterr);
	if (!only_space(text + end, n - end))
		return fail_at(text, end, "text after the document", reterr);
	if (!o)
		return fail_at(text, 0, "document is null", reterr);
	*ret = TAKE_PTR(o);
	return 0;
}

const char *json_kind_name(const json_object *o)
{
	switch (json_object_get_type(o)) {
	case json_type_null:
		return "null";
	case json_type_boolean:
		return "boolean";
	case json_type_double:
		return "fraction";
	case json_type_int:
		return "number";
	case json_type_object:
		return "object";
	case json_type_array:
		return "array";
	case json_type_string:
		return "string";
	}
	return "unknown";
}

json_object *json_member(const json_object *o, const char *key)
{
	json_object *member = NULL;

	if (!json_object_is_type(o, json_type_object))
		return NULL;
	if (!json_object_object_get_ex(o, key, &member))
		return NULL;
	return member;
}

int json_to_u64(const json_object *o, uint64_t max, uint64_t *ret)
{
	uint64_t v;

	if (!json_object_is_type(o, json_type_int))
		return -EINVAL;
	if (json_object_get_int64(o) < 0)
		return -ERANGE;
	v = json_object_get_uint64(o);
	if (v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

int json_to_i64(const json_object *o, int64_t min, int64_t max, int64_t *ret)
{
	int64_t v;

	if (!json_object_is_type(o, json_type_int))
		return -EINVAL;
	v = json_object_get_int64(o);
	if (v >= 0 && json_object_get_uint64(o) > INT64_MAX)
		return -ERANGE; /* the getter above saturates */
	if (v < min || v > max)
		return -ERANGE;
	*ret = v;
	return 0;
}

const char *json_to_str(const json_object *o)
{
	if (!json_object_is_type(o, json_type_string))
		return NULL;
	return json_object_get_string((json_object *)(uintptr_t)o);
}

int json_write(const json_object *o, bool indented, struct buf *out)
{
	int flags = JSON_C_TO_STRING_NOSLASHESCAPE;
	const char *text;

	if (indented)
		flags |= JSON_C_TO_STRING_PRETTY | JSON_C_TO_STRING_SPACED;
	text = json_object_to_json_string_ext((json_object *)(uintptr_t)o,
					      flags);
	if (!text)
		return -ENOMEM;
	return buf_put_str(out, text);
}
