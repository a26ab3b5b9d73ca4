// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_DECODE_H
#define OCI_DECODE_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "codec/json.h"
#include "runtime/oci/arena.h"

/*
 * JSON to protobuf-c messages, by tables. What a field is (its type, where it
 * lies) comes from the message's descriptor; a table row adds the JSON key and
 * what must hold for the value. A value of null counts as missing; keys that
 * no row names are passed over, as the OCI specification demands.
 */

struct spec;

#define DECODE_PATH_MAX 256

/* The longest strings: any at all, and what execve() takes at a time. */
#define DECODE_STRING_MAX ((size_t)1 << 20)
#define DECODE_WORD_MAX ((size_t)(128 << 10) - 1)

struct decoder {
	struct arena *arena;
	struct err *err;
	struct spec *spec;  /* gets what the wire lacks; NULL: nowhere to put */
	bool extra_ignored; /* something was found that had nowhere to go */
	size_t index;	    /* of the innermost list element being decoded */
	char path[DECODE_PATH_MAX]; /* of the value being decoded */
};

enum decode_flags {
	DECODE_REQUIRED = 1 << 0,  /* must be there; an array not empty */
	DECODE_NONEMPTY = 1 << 1,  /* strings */
	DECODE_ABSOLUTE = 1 << 2,  /* strings: starts with a slash */
	DECODE_MAP = 1 << 3,	   /* an object of strings to a map field */
	DECODE_DEFAULT = 1 << 4,   /* takes .missing when missing */
	DECODE_RANGE = 1 << 5,	   /* numbers: min to max */
	DECODE_PATH = 1 << 6,	   /* strings: no longer than a path can be */
	DECODE_WORD = 1 << 7,	   /* strings: an argument of a program */
};

struct decode_field {
	const char *key;  /* in JSON */
	const char *name; /* in the .proto file */
	unsigned int flags;
	int64_t min, max, missing;
	const char *const *one_of; /* strings: NULL-terminated choices */
	const struct decode_table *sub; /* messages */
};

struct decode_table {
	const ProtobufCMessageDescriptor *desc;
	const struct decode_field *fields; /* ends with key NULL */
	/* Checks across fields and takes what has no field; or NULL. */
	int (*finish)(struct decoder *d, json_object *o, void *msg);
};

/* Decodes O into a new message of the arena; 0 or -errno. */
int decode_message(struct decoder *d, const struct decode_table *table,
		   json_object *o, ProtobufCMessage **ret);

/* Fails with "<path>[.KEY]: <text>"; KEY may be NULL. Returns CODE. */
int decode_fail(struct decoder *d, int code, const char *key, const char *fmt,
		...) PRINTF(4, 5);

/*
 * Members that no message field takes. 1 and *RET, 0 when missing, or -errno.
 */
int decode_get_str(struct decoder *d, json_object *o, const char *key,
		   const char **ret);
int decode_get_i64(struct decoder *d, json_object *o, const char *key,
		   int64_t min, int64_t max, int64_t *ret);

/* The member of type TYPE, as the above. */
int decode_get(struct decoder *d, json_object *o, const char *key,
	       json_type type, json_object **ret);

/* Appends ".KEY" or "[INDEX]" to the path; the mark undoes it. */
size_t decode_enter(struct decoder *d, const char *key);
size_t decode_enter_index(struct decoder *d, size_t index);
void decode_leave(struct decoder *d, size_t mark);

#endif
