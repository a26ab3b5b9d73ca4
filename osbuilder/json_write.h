// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_JSON_WRITE_H
#define OSBUILDER_JSON_WRITE_H

#include <stdbool.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/err.h"

#define JSON_DEPTH_MAX 16

/*
 * Writes JSON to a buffer, keys in the order of the calls. Failure sticks to
 * the buffer and is asked for once, by json_write_file() or buf_error(). A key
 * is NULL in an array and at the top.
 */
struct json_writer {
	struct buf *out; /* borrowed */
	unsigned int depth;
	bool any[JSON_DEPTH_MAX];   /* there is an element before */
	bool array[JSON_DEPTH_MAX];
};

#define JSON_WRITER_INIT(buffer) {.out = (buffer)}

void json_put_object(struct json_writer *w, const char *key);
void json_put_array(struct json_writer *w, const char *key);
void json_put_end(struct json_writer *w); /* of the innermost of both */

/* A text may be any bytes: what is no UTF-8 is replaced. NULL: nothing is
 * written. */
void json_put_text(struct json_writer *w, const char *key, const char *text);
void json_put_textf(struct json_writer *w, const char *key, const char *fmt, ...)
	PRINTF(3, 4);
void json_put_number(struct json_writer *w, const char *key, uint64_t v);
void json_put_bool(struct json_writer *w, const char *key, bool v);

/* Text that is JSON already. */
void json_put_raw(struct json_writer *w, const char *key, const char *json);

/* A newline, and all of it to PATH; -ENOMEM, or what file_write() says. */
int json_write_file(struct json_writer *w, const char *path,
		    struct err *reterr);

#endif
