// SPDX-License-Identifier: Apache-2.0
#include "strv.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

void strv_release(struct strv *s)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		free(s->v[i]);
	free(s->v);
	*s = (struct strv)STRV_INIT;
}

static int strv_take(struct strv *s, char *str)
{
	char **v;

	if (!str && !s->error)
		s->error = -ENOMEM;
	if (s->error) {
		free(str);
		return s->error;
	}
	v = reallocarray(s->v, s->n + 2, sizeof(*v));
	if (!v) {
		free(str);
		return s->error = -ENOMEM;
	}
	s->v = v;
	v[s->n++] = str;
	v[s->n] = NULL;
	return 0;
}

int strv_add(struct strv *s, const char *str)
{
	return strv_take(s, strdup(str));
}

int strv_addf(struct strv *s, const char *fmt, ...)
{
	char *str = NULL;
	va_list ap;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&str, fmt, ap);
	va_end(ap);
	return strv_take(s, n < 0 ? NULL : str);
}

bool strv_contains(const struct strv *s, const char *str)
{
	size_t i;

	for (i = 0; i < s->n; i++)
		if (!strcmp(s->v[i], str))
			return true;
	return false;
}

char **strv_argv(struct strv *s)
{
	static char *empty[] = {NULL};

	return s->v ? s->v : empty;
}
