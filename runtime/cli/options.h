// SPDX-License-Identifier: Apache-2.0
#ifndef CLI_OPTIONS_H
#define CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdio.h>

#include "base/err.h"

/*
 * Command lines by table: `--name=value`, `--name value`, `-n value`, `-nvalue`
 * and bundled flags (`-td`); "--" ends the options. A flag may be given
 * "=true" or "=false".
 */
enum option_kind {
	OPTION_FLAG,	/* bool */
	OPTION_STRING,	/* const char *; the last one counts */
	OPTION_LIST,	/* struct strv */
	OPTION_UINT,	/* unsigned int */
	OPTION_IGNORED_FLAG, /* accepted, for the caller's sake */
	OPTION_IGNORED_STRING,
};

struct option_desc {
	char letter; /* or 0 */
	const char *name;
	enum option_kind kind;
	const char *metavar; /* of the value, for the help; NULL for flags */
	size_t offset;	     /* of the member that gets the value */
	const char *help;    /* NULL: not shown */
};

/*
 * Parses ARGV (ARGC strings, without a program name) into OUT and moves what
 * is no option to the front of ARGV. With IN_ORDER the first such ends the
 * options. Strings point into ARGV. The number of those words, or -errno.
 */
int options_parse(const struct option_desc *options, size_t n_options,
		  bool in_order, int argc, char **argv, void *out,
		  struct err *reterr);

/* Prints the table, a line or two an option. */
void options_print(FILE *out, const struct option_desc *options,
		   size_t n_options);

#endif
