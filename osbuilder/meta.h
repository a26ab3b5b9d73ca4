// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_META_H
#define OSBUILDER_META_H

#include <json-c/json.h>

#include "base/err.h"
#include "base/strv.h"

/* What image.json is made from; strings are borrowed, NULL for what is not
 * there. */
struct meta_params {
	const char *arch;
	const char *profile;
	const char *version;
	const char *agent_protocol;
	const char *kernel_json; /* file */
	const struct strv *cmdlines;  /* files: a parameter a line, # reason */
	const struct strv *inputs; /* files of fetch-guest-packages.sh */
	const struct strv *artifacts; /* NAME=PATH */
	const struct strv *features;
	const struct strv *sources; /* files of ours, by relative paths */
	const struct strv *tools;   /* NAME=VERSION */
	int64_t epoch;
};

/* The description of a guest image, docs/images.md. To be put by the caller. */
int meta_build(const struct meta_params *p, struct json_object **ret,
	       struct err *reterr);

#endif
