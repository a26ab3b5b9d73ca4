// SPDX-License-Identifier: Apache-2.0
/* The reader of TOML: whatever it gives must be what it says it is. */
#include <stdlib.h>
#include <string.h>

#include "codec/toml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int look(void *arg, const char *name, const struct toml_value *v,
		struct err *e)
{
	size_t *n = arg;

	(void)e;
	if (!*name || !v->line || !v->column)
		abort();
	*n += strlen(name);
	if (v->type == TOML_STRING)
		*n += strlen(v->string);
	return 0;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct err e = {0};
	size_t n = 0;

	if (toml_parse((const char *)data, size, look, &n, &e) < 0 &&
	    (!e.code || !*e.text))
		abort();
	return 0;
}
