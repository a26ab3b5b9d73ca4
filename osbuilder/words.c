// SPDX-License-Identifier: Apache-2.0
#include "words.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "base/buf.h"

#define WORD_MAX (64u << 10)

struct scanner {
	const char *p;
	unsigned int *lines;
	const struct manifest_vars *vars;
	struct buf word;
	struct err *reterr;
};

static bool name_char(char c)
{
	return (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

int manifest_vars_add(struct manifest_vars *vars, const char *assignment,
		      struct err *reterr)
{
	size_t len = 0;

	while (name_char(assignment[len]))
		len++;
	if (len == 0 || assignment[len] != '=')
		return err_set(reterr, -EINVAL,
			       "'%s' is not NAME=VALUE with a name of A-Z 0-9 _",
			       assignment);
	if (vars->n == MANIFEST_VARS_MAX)
		return err_set(reterr, -E2BIG, "more than %d variables",
			       MANIFEST_VARS_MAX);
	vars->v[vars->n].name = assignment;
	vars->v[vars->n].name_len = len;
	vars->v[vars->n].value = assignment + len + 1;
	vars->n++;
	return 0;
}

/* At "${": the value goes to the word as it is, it is not looked at again. */
static int expand(struct scanner *s)
{
	const char *name = s->p + 2;
	size_t len = 0;

	while (name_char(name[len]))
		len++;
	if (len == 0 || name[len] != '}')
		return err_set(s->reterr, -EINVAL, "'$' without '{NAME}'");
	for (size_t i = s->vars->n; i-- > 0;) {
		if (s->vars->v[i].name_len != len ||
		    memcmp(s->vars->v[i].name, name, len) != 0)
			continue;
		s->p = name + len + 1;
		return buf_put_str(&s->word, s->vars->v[i].value);
	}
	return err_set(s->reterr, -EINVAL, "variable '%.*s' has no value",
		       (int)len, name);
}

static int hex_digit(char c)
{
	if (isdigit((unsigned char)c))
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* At a backslash inside quotes; at the end of a line it joins the next. */
static int escape(struct scanner *s)
{
	static const char from[] = "nt\\\"$", to[] = "\n\t\\\"$";
	const char *known;
	int hi, lo;

	if (s->p[1] == '\n') {
		s->p += 2;
		++*s->lines;
		return 0;
	}
	if (s->p[1] == 'x') {
		hi = hex_digit(s->p[2]);
		lo = hi < 0 ? -1 : hex_digit(s->p[3]);
		if (lo < 0 || hi + lo == 0)
			return err_set(s->reterr, -EINVAL, "bad escape '\\x'");
		s->p += 4;
		return buf_put_u8(&s->word, (uint8_t)(hi << 4 | lo));
	}
	known = s->p[1] ? strchr(from, s->p[1]) : NULL;
	if (!known)
		return err_set(s->reterr, -EINVAL, "bad escape '\\'");
	s->p += 2;
	return buf_put_u8(&s->word, (uint8_t)to[known - from]);
}

/* At an opening quote. */
static int quoted(struct scanner *s)
{
	int r = 0;

	s->p++;
	while (*s->p != '"') {
		if (!*s->p || *s->p == '\n')
			return err_set(s->reterr, -EINVAL, "quote not closed");
		if (*s->p == '\\')
			r = escape(s);
		else if (s->p[0] == '$')
			r = expand(s);
		else
			r = buf_put_u8(&s->word, (uint8_t)*s->p++);
		if (r < 0)
			return r;
	}
	s->p++;
	return 0;
}

static bool blank(const char *p)
{
	return *p == ' ' || *p == '\t' || *p == '\r';
}

static bool continued(const char *p)
{
	return p[0] == '\\' && p[1] == '\n';
}

static int word(struct scanner *s, struct strv *ret)
{
	const char *text;
	int r = 0;

	buf_clear(&s->word);
	while (*s->p && *s->p != '\n' && !blank(s->p) && !continued(s->p)) {
		if (*s->p == '"')
			r = quoted(s);
		else if (*s->p == '$')
			r = expand(s);
		else
			r = buf_put_u8(&s->word, (uint8_t)*s->p++);
		if (r < 0)
			break;
	}
	if (buf_error(&s->word))
		return err_set(s->reterr, -E2BIG, "word too long");
	if (r < 0)
		return r;
	text = buf_cstr(&s->word);
	if (!text || strv_add(ret, text) < 0)
		return err_set(s->reterr, -ENOMEM, "out of memory");
	return 0;
}

static int line(struct scanner *s, struct strv *ret)
{
	int r;

	for (;;) {
		if (blank(s->p)) {
			s->p++;
		} else if (continued(s->p)) {
			s->p += 2;
			++*s->lines;
		} else if (*s->p == '#') {
			s->p += strcspn(s->p, "\n");
		} else if (*s->p == '\n') {
			s->p++;
			++*s->lines;
			return 0;
		} else if (!*s->p) {
			return 0;
		} else if (ret->n == MANIFEST_WORDS_MAX) {
			return err_set(s->reterr, -E2BIG, "too many words");
		} else {
			r = word(s, ret);
			if (r < 0)
				return r;
		}
	}
}

int words_next(const char **text, unsigned int *lines,
	       const struct manifest_vars *vars, struct strv *ret,
	       struct err *reterr)
{
	struct scanner s = {.p = *text,
			    .lines = lines,
			    .vars = vars,
			    .word = BUF_INIT(WORD_MAX),
			    .reterr = reterr};
	int r = line(&s, ret);

	buf_release(&s.word);
	*text = s.p;
	return r;
}
