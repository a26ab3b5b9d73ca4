// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_GUEST_JSON_H
#define OSBUILDER_GUEST_JSON_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

/* Reading image.json and other JSON, for those who derive something of it. */

static inline void json_drop(struct json_object *o)
{
	(void)json_object_put(o);
}

DEFINE_CLEANUP(struct json_object, json_drop)
#define cleanup_json_object cleanup(json_dropp)

/* An object from a file. -EINVAL for what is none. */
int guest_json_read(const char *path, struct json_object **ret,
		    struct err *reterr);

/* Members of O, which may be NULL or no object: NULL when there is none of
 * that type. Borrowed. */
const char *guest_text(struct json_object *o, const char *key);
struct json_object *guest_object(struct json_object *o, const char *key);

/* Elements of the array that is a member of O: 0 when there is none. */
size_t guest_count(struct json_object *o, const char *key);
struct json_object *guest_at(struct json_object *o, const char *key, size_t i);

/* Splits "NAME=VALUE"; NULL when it is none. NAME is to be freed. */
const char *guest_split(const char *text, char **ret_name);

/* The package URL of an input of image.json, in OUT; NULL when it has no name
 * or version. */
const char *guest_purl(struct json_object *input, struct buf *out);

/* The same of the kernel's source. */
const char *guest_kernel_purl(struct json_object *kernel, struct buf *out);

#endif
