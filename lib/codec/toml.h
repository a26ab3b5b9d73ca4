// SPDX-License-Identifier: Apache-2.0
#ifndef CODEC_TOML_H
#define CODEC_TOML_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/err.h"

/*
 * A strict reader of a subset of TOML 1.0: tables, dotted bare keys, basic and
 * literal strings of one line, integers, floats, booleans and arrays. Not read,
 * and refused by name: quoted keys, multi-line strings, dates, inline tables,
 * arrays of tables. A name given twice is an error, as TOML has it.
 */

#define TOML_FILE_MAX (1u << 20)

enum toml_type {
	TOML_STRING,
	TOML_INTEGER,
	TOML_FLOAT,
	TOML_BOOL,
	TOML_ARRAY,
};

struct toml_value {
	enum toml_type type;
	unsigned int line, column; /* where it begins, from 1 */
	size_t n;		   /* array: elements */
	union {
		char *string; /* UTF-8 without NUL */
		int64_t integer;
		double number;
		bool boolean;
		struct toml_value *items;
	};
};

/*
 * Takes the value of NAME, the key with its tables before it
 * ("hypervisor.qemu.path"). Value and name live for the time of the call.
 * -errno, with the error set, ends the reading.
 */
typedef int (*toml_value_fn)(void *arg, const char *name,
			     const struct toml_value *v, struct err *reterr);

/*
 * Reads the N bytes and hands each value to FN in the order of the text. 0,
 * -EINVAL with "<line>:<column>: <text>", -EFBIG, -ENOMEM, or what FN gave.
 */
int toml_parse(const char *text, size_t n, toml_value_fn fn, void *arg,
	       struct err *reterr);

/* "string", "integer", …: for messages. */
const char *toml_type_name(enum toml_type type);

#endif
