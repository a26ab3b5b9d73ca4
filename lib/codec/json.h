// SPDX-License-Identifier: Apache-2.0
#ifndef CODEC_JSON_H
#define CODEC_JSON_H

#include <json-c/json.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/*
 * Strict reading of JSON from outside: one document, all of it UTF-8, no NUL
 * in any string (written out or escaped), numbers that fit 64 bits, no key
 * twice in an object: readers differ in which one of them counts.
 */

DEFINE_CLEANUP(json_object, json_object_put)
#define cleanup_json cleanup(json_object_putp)

/*
 * Parses the N bytes, nested at most DEPTH levels. The document, to be put;
 * it
 * is an object or an array (or a string, true, false). 0 or -EINVAL, -ENOMEM;
 * errors tell line and column.
 */
int json_parse_text(const char *text, size_t n, unsigned int depth,
		    json_object **ret, struct err *reterr);

/*
 * Finds a key that an object of the N bytes has twice; they are JSON, nested at
 * most DEPTH levels. True: *RET is where it stands again. *NKEYS is the number
 * of keys there are, for keys that are the same only when read ("a", "\u0061").
 * -ENOMEM.
 */
int json_find_double(const char *text, size_t n, unsigned int depth,
		     size_t *ret, size_t *nkeys);

/* "string", "number", …: for messages. NULL is "null". */
const char *json_kind_name(const json_object *o);

/* The member KEY of an object; NULL when missing or null. */
json_object *json_member(const json_object *o, const char *key);

/* Whole numbers in range; -EINVAL for another type, -ERANGE. */
int json_to_u64(const json_object *o, uint64_t max, uint64_t *ret);
int json_to_i64(const json_object *o, int64_t min, int64_t max, int64_t *ret);

/* The text of a string; NULL for another type. Lives as long as O. */
const char *json_to_str(const json_object *o);

/* Appends the document as text: indented, or in one line; no newline. */
int json_write(const json_object *o, bool indented, struct buf *out);

#endif
