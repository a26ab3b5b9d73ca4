// SPDX-License-Identifier: Apache-2.0
#include "codec/toml.h"

#include <errno.h>
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/num.h"
#include "base/strv.h"

#define NAME_MAX_LEN 256
#define NAMES_MAX 4096
#define ITEMS_MAX 4096
#define DEPTH_MAX 8

struct reader {
	const char *p, *end;
	unsigned int line;
	const char *line_start;
	char table[NAME_MAX_LEN]; /* "" or "a.b" */
	struct strv keys, tables; /* names taken */
	toml_value_fn fn;
	void *arg;
	struct err *err;
};

static unsigned int column(const struct reader *r)
{
	return (unsigned int)(r->p - r->line_start) + 1;
}

PRINTF(2, 3)
static int fail(struct reader *r, const char *fmt, ...)
{
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	return err_set(r->err, -EINVAL, "%u:%u: %s", r->line, column(r), text);
}

static int no_memory(struct reader *r)
{
	return err_set(r->err, -ENOMEM, "out of memory");
}

/* The next byte; 0 at the end (the text itself has none, see toml_parse). */
static char peek(const struct reader *r)
{
	return r->p < r->end ? *r->p : '\0';
}

static char peek_at(const struct reader *r, size_t n)
{
	return (size_t)(r->end - r->p) > n ? r->p[n] : '\0';
}

static bool starts_with(const struct reader *r, const char *s)
{
	size_t n = strlen(s);

	return (size_t)(r->end - r->p) >= n && !memcmp(r->p, s, n);
}

static void skip_blanks(struct reader *r)
{
	while (peek(r) == ' ' || peek(r) == '\t')
		r->p++;
}

static void newline(struct reader *r)
{
	r->p++;
	r->line++;
	r->line_start = r->p;
}

static int skip_comment(struct reader *r)
{
	if (peek(r) != '#')
		return 0;
	for (; r->p < r->end && *r->p != '\n'; r->p++)
		if ((unsigned char)*r->p < 0x20 && *r->p != '\t' &&
		    *r->p != '\r')
			return fail(r, "control character");
	return 0;
}

/* Blanks and a comment up to and with the end of the line. */
static int end_line(struct reader *r)
{
	skip_blanks(r);
	if (skip_comment(r) < 0)
		return -EINVAL;
	if (peek(r) == '\r' && peek_at(r, 1) == '\n')
		r->p++;
	if (r->p == r->end)
		return 0;
	if (peek(r) != '\n')
		return fail(r, "unexpected text after the value");
	newline(r);
	return 0;
}

/* What may stand between the elements of an array. */
static int skip_space(struct reader *r)
{
	for (;;) {
		skip_blanks(r);
		if (skip_comment(r) < 0)
			return -EINVAL;
		if (peek(r) == '\r' && peek_at(r, 1) == '\n')
			r->p++;
		if (peek(r) != '\n')
			return 0;
		newline(r);
	}
}

static bool is_bare(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c >= '0' && c <= '9') || c == '_' || c == '-';
}

/* A dotted name, appended to NAME (which holds a table's name or nothing). */
static int read_name(struct reader *r, char *name, size_t size)
{
	size_t n = strlen(name);

	for (;;) {
		const char *start;

		skip_blanks(r);
		start = r->p;
		while (is_bare(peek(r)))
			r->p++;
		if (peek(r) == '"' || peek(r) == '\'')
			return fail(r, "quoted keys are not supported");
		if (r->p == start)
			return fail(r, "expected a key");
		if (n + (size_t)(r->p - start) + 2 > size)
			return fail(r, "name too long");
		if (n)
			name[n++] = '.';
		memcpy(name + n, start, (size_t)(r->p - start));
		n += (size_t)(r->p - start);
		name[n] = '\0';
		skip_blanks(r);
		if (peek(r) != '.')
			return 0;
		r->p++;
	}
}

/* True when A is B or a table that holds B. */
static bool holds(const char *a, const char *b)
{
	size_t n = strlen(a);

	return !strncmp(a, b, n) && (b[n] == '\0' || b[n] == '.');
}

static int claim_key(struct reader *r, const char *name)
{
	size_t i;

	for (i = 0; i < r->keys.n; i++)
		if (holds(r->keys.v[i], name) || holds(name, r->keys.v[i]))
			return fail(r, "'%s' is set already", r->keys.v[i]);
	if (strv_contains(&r->tables, name))
		return fail(r, "'%s' is a table", name);
	if (r->keys.n == NAMES_MAX)
		return fail(r, "too many keys");
	return strv_add(&r->keys, name) < 0 ? no_memory(r) : 0;
}

static int claim_table(struct reader *r, const char *name)
{
	size_t i;

	if (strv_contains(&r->tables, name))
		return fail(r, "table '%s' is there already", name);
	for (i = 0; i < r->keys.n; i++)
		if (holds(r->keys.v[i], name))
			return fail(r, "'%s' is set already", r->keys.v[i]);
	if (r->tables.n == NAMES_MAX)
		return fail(r, "too many tables");
	return strv_add(&r->tables, name) < 0 ? no_memory(r) : 0;
}

static int put_utf8(struct buf *out, uint32_t c)
{
	if (c < 0x80)
		return buf_put_u8(out, (uint8_t)c);
	if (c < 0x800) {
		(void)buf_put_u8(out, (uint8_t)(0xc0 | c >> 6));
	} else if (c < 0x10000) {
		(void)buf_put_u8(out, (uint8_t)(0xe0 | c >> 12));
		(void)buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	} else {
		(void)buf_put_u8(out, (uint8_t)(0xf0 | c >> 18));
		(void)buf_put_u8(out, (uint8_t)(0x80 | (c >> 12 & 0x3f)));
		(void)buf_put_u8(out, (uint8_t)(0x80 | (c >> 6 & 0x3f)));
	}
	return buf_put_u8(out, (uint8_t)(0x80 | (c & 0x3f)));
}

static int read_unicode(struct reader *r, size_t digits, struct buf *out)
{
	char hex[9] = "";
	uint32_t c;

	if ((size_t)(r->end - r->p) < digits)
		return fail(r, "unfinished escape");
	memcpy(hex, r->p, digits);
	if (parse_u32(hex, 16, &c) < 0)
		return fail(r, "bad escape");
	if (c == 0 || c > 0x10ffff || (c >= 0xd800 && c < 0xe000))
		return fail(r, "U+%04X is no character", c);
	r->p += digits;
	return put_utf8(out, c);
}

static int read_escape(struct reader *r, struct buf *out)
{
	static const char from[] = "btnfre\"\\", to[] = "\b\t\n\f\r\033\"\\";
	char c = peek_at(r, 1);
	const char *at = c ? strchr(from, c) : NULL;

	r->p++;
	if (c == 'u' || c == 'U') {
		r->p++;
		return read_unicode(r, c == 'u' ? 4 : 8, out);
	}
	if (!at)
		return fail(r, "unknown escape");
	r->p++;
	return buf_put_u8(out, (uint8_t)to[at - from]);
}

static int read_string(struct reader *r, struct toml_value *v)
{
	cleanup_buf struct buf out = BUF_INIT(TOML_FILE_MAX);
	char quote = *r->p;

	if (starts_with(r, "\"\"\"") || starts_with(r, "'''"))
		return fail(r, "multi-line strings are not supported");
	r->p++;
	while (peek(r) != quote) {
		unsigned char c = (unsigned char)peek(r);

		if (r->p == r->end || c == '\n')
			return fail(r, "string without its end");
		if ((c < 0x20 && c != '\t') || c == 0x7f)
			return fail(r, "control character");
		if (c == '\\' && quote == '"') {
			if (read_escape(r, &out) < 0)
				return -EINVAL;
			continue;
		}
		(void)buf_put_u8(&out, c);
		r->p++;
	}
	r->p++;
	v->type = TOML_STRING;
	v->string = buf_take_cstr(&out);
	if (!v->string)
		return no_memory(r);
	return 0;
}

static bool in_base(char c, unsigned int base)
{
	if (base == 16 && ((c >= 'a' && c <= 'f') || (c >= 'A' && c <= 'F')))
		return true;
	return c >= '0' && c < '0' + (char)MIN(base, 10u);
}

/* Copies the digits of WORD without underscores, which must stand between
 * digits. */
static bool strip_underscores(const char *word, unsigned int base, char *out)
{
	const char *p;

	for (p = word; *p; p++) {
		if (*p != '_') {
			*out++ = *p;
			continue;
		}
		if (p == word || !in_base(p[-1], base) || !in_base(p[1], base))
			return false;
	}
	*out = '\0';
	return true;
}

/* No leading zero, and digits on both sides of a point and an exponent. */
static bool is_decimal(const char *s)
{
	if (*s == '+' || *s == '-')
		s++;
	if (!in_base(*s, 10) || (*s == '0' && in_base(s[1], 10)))
		return false;
	s += strspn(s, "0123456789");
	if (*s == '.') {
		if (!in_base(s[1], 10))
			return false;
		s += 1 + strspn(s + 1, "0123456789");
	}
	if (*s == 'e' || *s == 'E') {
		s++;
		if (*s == '+' || *s == '-')
			s++;
		if (!in_base(*s, 10))
			return false;
		s += strspn(s, "0123456789");
	}
	return *s == '\0';
}

static int read_based(struct reader *r, const char *digits, unsigned int base,
		      struct toml_value *v)
{
	uint64_t u;
	int ret = parse_u64(digits, base, &u);

	if (ret == -ERANGE || (ret == 0 && u > INT64_MAX))
		return fail(r, "integer out of range");
	if (ret < 0)
		return fail(r, "bad integer");
	v->type = TOML_INTEGER;
	v->integer = (int64_t)u;
	return 0;
}

static int read_decimal(struct reader *r, const char *s, struct toml_value *v)
{
	if (!is_decimal(s))
		return fail(r, "bad value");
	if (strpbrk(s, ".eE")) {
		v->type = TOML_FLOAT;
		v->number = strtod(s, NULL);
		if (!isfinite(v->number))
			return fail(r, "float out of range");
		return 0;
	}
	if (parse_i64(*s == '+' ? s + 1 : s, &v->integer) < 0)
		return fail(r, "integer out of range");
	v->type = TOML_INTEGER;
	return 0;
}

static int read_word(struct reader *r, struct toml_value *v)
{
	char word[72], digits[72];
	size_t n = 0;
	unsigned int base = 10;

	while (is_bare(peek_at(r, n)) || peek_at(r, n) == '+' ||
	       peek_at(r, n) == '.' || peek_at(r, n) == ':')
		n++;
	if (n == 0)
		return fail(r, "expected a value");
	if (n >= sizeof(word))
		return fail(r, "value too long");
	memcpy(word, r->p, n);
	word[n] = '\0';
	if (!strcmp(word, "true") || !strcmp(word, "false")) {
		v->type = TOML_BOOL;
		v->boolean = *word == 't';
		r->p += n;
		return 0;
	}
	if (word[0] == '0' && word[1] && strchr("xob", word[1]))
		base = word[1] == 'x' ? 16 : word[1] == 'o' ? 8 : 2;
	if (!strip_underscores(word, base, digits))
		return fail(r, "misplaced underscore");
	if (base != 10 ? read_based(r, digits + 2, base, v)
		       : read_decimal(r, digits, v))
		return -EINVAL;
	r->p += n;
	return 0;
}

static void value_release(struct toml_value *v)
{
	size_t i;

	if (v->type == TOML_STRING) {
		free(v->string);
	} else if (v->type == TOML_ARRAY) {
		for (i = 0; i < v->n; i++)
			value_release(&v->items[i]);
		free(v->items);
	}
}

static int read_value(struct reader *r, unsigned int depth,
		      struct toml_value *v);

static struct toml_value *add_item(struct toml_value *v)
{
	struct toml_value *grown;

	/* The vector doubles: it is full when its length is a power of two. */
	if (!(v->n & (v->n - 1))) {
		grown = reallocarray(v->items, v->n ? 2 * v->n : 1,
				     sizeof(*grown));
		if (!grown)
			return NULL;
		v->items = grown;
	}
	memset(&v->items[v->n], 0, sizeof(*v));
	v->items[v->n].type = TOML_BOOL; /* owns nothing yet */
	return &v->items[v->n++];
}

static int read_array(struct reader *r, unsigned int depth,
		      struct toml_value *v)
{
	v->type = TOML_ARRAY;
	if (depth == DEPTH_MAX)
		return fail(r, "nested too deep");
	r->p++;
	for (;;) {
		struct toml_value *item;

		if (skip_space(r) < 0)
			return -EINVAL;
		if (peek(r) == ']')
			break;
		if (v->n == ITEMS_MAX)
			return fail(r, "array too long");
		item = add_item(v);
		if (!item)
			return no_memory(r);
		if (read_value(r, depth + 1, item) < 0 || skip_space(r) < 0)
			return r->err->code;
		if (peek(r) == ',')
			r->p++;
		else if (peek(r) != ']')
			return fail(r, "expected ',' or ']'");
	}
	r->p++;
	return 0;
}

static int read_value(struct reader *r, unsigned int depth,
		      struct toml_value *v)
{
	v->line = r->line;
	v->column = column(r);
	switch (peek(r)) {
	case '"':
	case '\'':
		return read_string(r, v);
	case '[':
		return read_array(r, depth, v);
	case '{':
		return fail(r, "inline tables are not supported");
	default:
		return read_word(r, v);
	}
}

static int read_pair(struct reader *r)
{
	struct toml_value v = {.type = TOML_BOOL};
	char name[NAME_MAX_LEN];
	int ret;

	memcpy(name, r->table, sizeof(name));
	ret = read_name(r, name, sizeof(name));
	if (ret < 0)
		return ret;
	ret = claim_key(r, name);
	if (ret < 0)
		return ret;
	if (peek(r) != '=')
		return fail(r, "expected '='");
	r->p++;
	skip_blanks(r);
	ret = read_value(r, 0, &v);
	if (ret == 0)
		ret = end_line(r);
	if (ret == 0)
		ret = r->fn(r->arg, name, &v, r->err);
	value_release(&v);
	return ret;
}

static int read_table(struct reader *r)
{
	int ret;

	r->p++;
	if (peek(r) == '[')
		return fail(r, "arrays of tables are not supported");
	r->table[0] = '\0';
	ret = read_name(r, r->table, sizeof(r->table));
	if (ret < 0)
		return ret;
	if (peek(r) != ']')
		return fail(r, "expected ']'");
	ret = claim_table(r, r->table);
	if (ret < 0)
		return ret;
	r->p++;
	return end_line(r);
}

static int read_line(struct reader *r)
{
	skip_blanks(r);
	switch (peek(r)) {
	case '\0':
	case '\n':
	case '\r':
	case '#':
		return end_line(r);
	case '[':
		return read_table(r);
	default:
		return read_pair(r);
	}
}

int toml_parse(const char *text, size_t n, toml_value_fn fn, void *arg,
	       struct err *reterr)
{
	cleanup_strv struct strv keys = STRV_INIT, tables = STRV_INIT;
	struct reader r = {
		.p = text,
		.end = text + n,
		.line = 1,
		.line_start = text,
		.fn = fn,
		.arg = arg,
		.err = reterr,
	};
	int ret = 0;

	if (n > TOML_FILE_MAX)
		return err_set(reterr, -EFBIG, "larger than %u bytes",
			       TOML_FILE_MAX);
	if (n && memchr(text, '\0', n))
		return err_set(reterr, -EINVAL, "NUL byte in the text");
	while (ret == 0 && r.p < r.end)
		ret = read_line(&r);
	keys = r.keys;
	tables = r.tables;
	return ret;
}

const char *toml_type_name(enum toml_type type)
{
	static const char *const names[] = {
		[TOML_STRING] = "string", [TOML_INTEGER] = "integer",
		[TOML_FLOAT] = "float",	  [TOML_BOOL] = "boolean",
		[TOML_ARRAY] = "array",
	};

	return names[type];
}
