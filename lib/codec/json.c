// SPDX-License-Identifier: Apache-2.0
#include "codec/json.h"

#include <errno.h>
#include <limits.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>

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

static int fail_key(const char *text, size_t pos, int n, struct err *reterr)
{
	char what[96];

	(void)snprintf(what, sizeof(what), "'%.*s' is given twice", n,
		       text + pos);
	return fail_at(text, pos, what, reterr);
}

/* The end of the string that begins at POS; negative when it must not be. */
static ssize_t scan_string(const char *text, size_t n, size_t pos,
			   struct err *reterr)
{
	size_t i;

	for (i = pos + 1; i < n && text[i] != '"'; i++) {
		if (text[i] != '\\')
			continue;
		if (n - i >= 6 && !memcmp(text + i, "\\u0000", 6))
			return fail_at(text, i, "NUL in a string", reterr);
		i++;
	}
	return (ssize_t)MIN(i + 1, n);
}

/* json-c would silently give the nearest number that fits. */
static bool integer_fits(const char *word, size_t n)
{
	char digits[32];

	if (memchr(word, '.', n) || memchr(word, 'e', n) ||
	    memchr(word, 'E', n))
		return true;
	if (n >= sizeof(digits))
		return false;
	memcpy(digits, word, n);
	digits[n] = '\0';
	errno = 0;
	if (*digits == '-')
		(void)strtoll(digits, NULL, 10);
	else
		(void)strtoull(digits, NULL, 10);
	return errno != ERANGE;
}

/* The end of the number or name that begins at POS. */
static ssize_t scan_word(const char *text, size_t n, size_t pos,
			 struct err *reterr)
{
	const char *word = text + pos;
	size_t len = 0;

	while (pos + len < n && word[len] &&
	       !strchr(" \t\r\n{}[]:,\"", word[len]))
		len++;
	if (*word == '-' || (*word >= '0' && *word <= '9')) {
		if (!integer_fits(word, len))
			return fail_at(text, pos, "number out of range",
				       reterr);
	} else if ((len != 4 || (memcmp(word, "true", 4) &&
				 memcmp(word, "null", 4))) &&
		   (len != 5 || memcmp(word, "false", 5))) {
		return fail_at(text, pos, "unexpected character", reterr);
	}
	return (ssize_t)(pos + len);
}

/*
 * Refuses what json-c reads but JSON is not ('strings', NaN), numbers that it
 * would bend to fit, and NULs: it keeps keys as C strings, so a NUL in one
 * would cut it short without a trace.
 */
static int scan(const char *text, size_t n, struct err *reterr)
{
	ssize_t i = 0;

	while ((size_t)i < n) {
		char c = text[i];

		if (c == '"')
			i = scan_string(text, n, (size_t)i, reterr);
		else if (c && strchr(" \t\r\n{}[]:,", c))
			i++;
		else
			i = scan_word(text, n, (size_t)i, reterr);
		if (i < 0)
			return (int)i;
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

/* How many members the objects of the document have, all of them. */
static size_t count_members(json_object *o)
{
	struct json_object_iterator it, end;
	size_t n = 0, i;

	if (json_object_is_type(o, json_type_array)) {
		for (i = 0; i < json_object_array_length(o); i++)
			n += count_members(json_object_array_get_idx(o, i));
		return n;
	}
	if (!json_object_is_type(o, json_type_object))
		return 0;
	it = json_object_iter_begin(o);
	end = json_object_iter_end(o);
	for (; !json_object_iter_equal(&it, &end); json_object_iter_next(&it))
		n += 1 + count_members(json_object_iter_peek_value(&it));
	return n;
}

/* json-c lets the later one of two take the place of the first. */
static int check_keys(const char *text, size_t n, unsigned int depth,
		      json_object *o, struct err *reterr)
{
	size_t pos, nkeys;
	int r = json_find_double(text, n, depth, &pos, &nkeys);

	if (r < 0)
		return err_set(reterr, r, "out of memory");
	if (!r && nkeys == count_members(o))
		return 0;
	if (!r)
		return err_set(reterr, -EINVAL, "a key is given twice, once "
			       "with escapes");
	return fail_key(text, pos, (int)MIN(strcspn(text + pos, "\""), 64U),
			reterr);
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
	if (n && memchr(text, '\0', n))
		return err_set(reterr, -EINVAL, "NUL byte in the text");
	r = scan(text, n, reterr);
	if (r < 0)
		return r;
	tok = json_tokener_new_ex((int)depth);
	if (!tok)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_tokener_set_flags(tok, JSON_TOKENER_STRICT |
					    JSON_TOKENER_ALLOW_TRAILING_CHARS |
					    JSON_TOKENER_VALIDATE_UTF8);
	o = json_tokener_parse_ex(tok, text, (int)n);
	end = MIN(json_tokener_get_parse_end(tok), n);
	/* A number or a name is whole when something else follows. */
	if (json_tokener_get_error(tok) == json_tokener_continue)
		o = json_tokener_parse_ex(tok, " ", 1);
	error = json_tokener_get_error(tok);
	if (error == json_tokener_continue)
		return fail_at(text, n, "document ends early", reterr);
	if (error != json_tokener_success)
		return fail_at(text, end, json_tokener_error_desc(error),
			       reterr);
	if (!only_space(text + end, n - end))
		return fail_at(text, end, "text after the document", reterr);
	if (!o)
		return err_set(reterr, -EINVAL, "document is null");
	r = check_keys(text, n, depth, o, reterr);
	if (r < 0)
		return r;
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
