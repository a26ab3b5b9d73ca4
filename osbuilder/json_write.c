// SPDX-License-Identifier: Apache-2.0
#include "json_write.h"

#include <assert.h>
#include <inttypes.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "fileio.h"

/* The bytes of the character at P, whole and in its shortest form; 0 if it is
 * no UTF-8. */
static unsigned int utf8_len(const uint8_t *p)
{
	uint32_t c;
	unsigned int n;

	if (p[0] < 0x80)
		return 1;
	n = p[0] >= 0xf0 ? 4 : p[0] >= 0xe0 ? 3 : 2;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	c = p[0] & (0x7fu >> n);
	for (unsigned int i = 1; i < n; i++) {
		if ((p[i] & 0xc0) != 0x80)
			return 0;
		c = c << 6 | (p[i] & 0x3f);
	}
	if ((n == 3 && (c < 0x800 || (c >= 0xd800 && c < 0xe000))) ||
	    (n == 4 && (c < 0x10000 || c > 0x10ffff)))
		return 0;
	return n;
}

static void put_string(struct buf *out, const char *text)
{
	const uint8_t *p = (const uint8_t *)text;

	(void)buf_put_u8(out, '"');
	while (*p) {
		unsigned int n = utf8_len(p);

		if (*p == '"' || *p == '\\')
			(void)buf_printf(out, "\\%c", *p);
		else if (*p < 0x20 || *p == 0x7f)
			(void)buf_printf(out, "\\u%04x", *p);
		else if (n)
			(void)buf_put(out, p, n);
		else
			(void)buf_put_str(out, "\\ufffd");
		p += n ? n : 1;
	}
	(void)buf_put_u8(out, '"');
}

static void newline(struct json_writer *w)
{
	(void)buf_put_u8(w->out, '\n');
	for (unsigned int i = 0; i < w->depth; i++)
		(void)buf_put_str(w->out, "  ");
}

static void begin(struct json_writer *w, const char *key)
{
	assert(!w->depth || w->array[w->depth] == !key);
	if (w->depth) {
		if (w->any[w->depth])
			(void)buf_put_u8(w->out, ',');
		newline(w);
	}
	w->any[w->depth] = true;
	if (key) {
		put_string(w->out, key);
		(void)buf_put_str(w->out, ": ");
	}
}

static void open_nested(struct json_writer *w, const char *key, bool array)
{
	begin(w, key);
	(void)buf_put_u8(w->out, array ? '[' : '{');
	assert(w->depth + 1 < JSON_DEPTH_MAX);
	w->depth++;
	w->any[w->depth] = false;
	w->array[w->depth] = array;
}

void json_put_object(struct json_writer *w, const char *key)
{
	open_nested(w, key, false);
}

void json_put_array(struct json_writer *w, const char *key)
{
	open_nested(w, key, true);
}

void json_put_end(struct json_writer *w)
{
	bool any = w->any[w->depth], array = w->array[w->depth];

	assert(w->depth > 0);
	w->depth--;
	if (any)
		newline(w);
	(void)buf_put_u8(w->out, array ? ']' : '}');
}

void json_put_text(struct json_writer *w, const char *key, const char *text)
{
	if (!text)
		return;
	begin(w, key);
	put_string(w->out, text);
}

void json_put_textf(struct json_writer *w, const char *key, const char *fmt, ...)
{
	cleanup_free char *text = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	if (n < 0) {
		text = NULL;
		w->out->error = -ENOMEM;
		return;
	}
	json_put_text(w, key, text);
}

void json_put_number(struct json_writer *w, const char *key, uint64_t v)
{
	begin(w, key);
	(void)buf_printf(w->out, "%" PRIu64, v);
}

void json_put_bool(struct json_writer *w, const char *key, bool v)
{
	begin(w, key);
	(void)buf_put_str(w->out, v ? "true" : "false");
}

void json_put_raw(struct json_writer *w, const char *key, const char *json)
{
	begin(w, key);
	(void)buf_put_str(w->out, json);
}

int json_write_file(struct json_writer *w, const char *path,
		    struct err *reterr)
{
	assert(w->depth == 0);
	if (buf_put_u8(w->out, '\n') < 0)
		return err_code(reterr, buf_error(w->out), "JSON");
	return file_write(path, buf_data(w->out), w->out->len, reterr);
}
