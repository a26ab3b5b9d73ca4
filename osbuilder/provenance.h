// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_PROVENANCE_H
#define OSBUILDER_PROVENANCE_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"

/* What DSSE calls a payload that is an in-toto statement. */
#define PROVENANCE_TYPE "application/vnd.in-toto+json"

struct provenance_params {
	struct json_object *image; /* image.json */
	const char *builder;	   /* URI */
	const struct strv *files;  /* NAME=FILE: further subjects */
	const struct strv *params; /* NAME=VALUE: of the build */
};

/* An in-toto statement, version 1, with SLSA's provenance, version 1, appended
 * to OUT. It names no time, host or path. */
int provenance_write(const struct provenance_params *p, struct buf *out,
		     struct err *reterr);

#endif
