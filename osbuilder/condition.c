// SPDX-License-Identifier: Apache-2.0
#include "condition.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* Long alternatives nest to the left, one level each. */
#define DEPTH_MAX 1024

struct parser {
	struct conditions *owner;
	const char *text, *p;
	unsigned int depth;
	struct err *reterr;
};

static int bad(struct parser *s)
{
	return err_set(s->reterr, -EINVAL, "bad condition '%.200s' at '%.40s'",
		       s->text, s->p);
}

static struct condition *add(struct parser *s, enum condition_op op)
{
	struct condition *c = calloc(1, sizeof(*c));

	if (!c) {
		(void)err_set(s->reterr, -ENOMEM, "out of memory");
		return NULL;
	}
	c->op = op;
	c->next = s->owner->all;
	s->owner->all = c;
	return c;
}

static int read_word(struct parser *s, struct condition_word *ret)
{
	const char *end;

	ret->quoted = *s->p == '"';
	if (ret->quoted) {
		end = strchr(++s->p, '"');
		if (!end)
			return bad(s);
		*ret = (struct condition_word){s->p, (size_t)(end - s->p), true};
		s->p = end + 1;
		return 0;
	}
	/* A choice has no name of its own, and is written <choice>. */
	end = s->p;
	if (!strncmp(end, "<choice>", 8))
		end += 8;
	while (isalnum((unsigned char)*end) || *end == '_')
		end++;
	if (end == s->p)
		return bad(s);
	*ret = (struct condition_word){s->p, (size_t)(end - s->p), false};
	s->p = end;
	return 0;
}

static int parse(struct parser *s, struct condition **ret);

/* NAME, or NAME=OTHER within parentheses. */
static int parse_name(struct parser *s, struct condition **ret)
{
	struct condition *c = add(s, CONDITION_NAME);
	size_t n;
	int r;

	if (!c)
		return -ENOMEM;
	*ret = c;
	r = read_word(s, &c->word);
	n = strspn(s->p, "=!<>");
	if (r < 0 || n == 0)
		return r;
	if (n > 2)
		return bad(s);
	c->op = CONDITION_COMPARE;
	memcpy(c->compare, s->p, n);
	s->p += n;
	return read_word(s, &c->other);
}

/* What stands between parentheses: one condition or two. */
static int parse_pair(struct parser *s, struct condition **ret)
{
	struct condition *c;
	int r;

	r = parse(s, ret);
	if (r < 0 || *s->p != ' ')
		return r;
	if (strncmp(s->p, " && ", 4) != 0 && strncmp(s->p, " || ", 4) != 0)
		return bad(s);
	c = add(s, s->p[1] == '&' ? CONDITION_AND : CONDITION_OR);
	if (!c)
		return -ENOMEM;
	s->p += 4;
	c->left = *ret;
	*ret = c;
	return parse(s, &c->right);
}

static int parse(struct parser *s, struct condition **ret)
{
	struct condition *c;
	int r;

	if (s->depth >= DEPTH_MAX)
		return err_set(s->reterr, -EINVAL, "condition nested too deep");
	s->depth++;
	if (*s->p == '(') {
		s->p++;
		r = parse_pair(s, ret);
		if (r == 0 && *s->p++ != ')')
			r = err_set(s->reterr, -EINVAL,
				    "bad condition '%.200s': no )", s->text);
	} else if (*s->p == '!') {
		s->p++;
		c = add(s, CONDITION_NOT);
		*ret = c;
		r = c ? parse(s, &c->left) : -ENOMEM;
	} else {
		r = parse_name(s, ret);
	}
	s->depth--;
	return r;
}

int condition_parse(struct conditions *owner, const char *text,
		    struct condition **ret, struct err *reterr)
{
	struct parser s = {.owner = owner, .text = text, .p = text,
			   .reterr = reterr};
	int r;

	r = parse(&s, ret);
	return r == 0 && *s.p ? bad(&s) : r;
}

void conditions_release(struct conditions *c)
{
	struct condition *next;

	for (; c->all; c->all = next) {
		next = c->all->next;
		free(c->all);
	}
}
