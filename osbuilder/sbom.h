// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SBOM_H
#define OSBUILDER_SBOM_H

#include <json-c/json.h>

#include "base/buf.h"
#include "base/err.h"
#include "base/strv.h"
#include "fileio.h"

#define SHA1_HEX_SIZE 41
#define SBOM_ITEMS_MAX 262144
#define SBOM_MAX ((size_t)256 << 20)
#define SBOM_NONE SIZE_MAX

/* What a part of a guest is. */
enum sbom_kind {
	SBOM_GUEST,
	SBOM_KERNEL,
	SBOM_PROGRAM,
	SBOM_IMAGE,
	SBOM_LIBRARY,
	SBOM_HEADERS,
	SBOM_PACKAGE,
	SBOM_ARCHIVE,
	SBOM_PATCH,
	SBOM_SOURCE, /* a file that was compiled */
	SBOM_FILE,   /* a file of an image */
};

/* What a part has to do with the part it belongs to. */
enum sbom_relation {
	SBOM_CONTAINED,	  /* it is in it */
	SBOM_LINKED,	  /* it was linked into it */
	SBOM_BUILD_INPUT, /* it was used to build it */
	SBOM_MADE_OF,	  /* it was made of this */
	SBOM_PATCHES,	  /* it changes it */
};

struct sbom_item {
	enum sbom_kind kind;
	char *name;	/* owned, as all texts; the others may be NULL */
	char *version, *purl, *cpe, *licence, *comment;
	char sha256[SHA256_HEX_SIZE]; /* or empty */
	char sha1[SHA1_HEX_SIZE];
	size_t parent; /* item, SBOM_NONE for the first */
	enum sbom_relation relation;
	size_t origin; /* of a file: the item it comes from, or SBOM_NONE */
};

/* All parts; parents come before what belongs to them. */
struct sbom {
	struct sbom_item *v; /* owned */
	size_t n, size;
	const char *name;    /* borrowed, of image.json */
	const char *version;
	int64_t epoch;
};

#define cleanup_sbom cleanup(sbom_release)
void sbom_release(struct sbom *s);

struct sbom_params {
	struct json_object *image;   /* image.json; stays until the end */
	const char *sources;	     /* file: SHA-256 and path a line, or NULL */
	const char *licences;	     /* file, or NULL: docs/evidence.md */
	const struct strv *files;    /* NAME=FILE: where artifacts are */
	const struct strv *origins;  /* PACKAGE=FILE */
	int64_t epoch;
};

/* Finds all parts. RET is to be released in any case. */
int sbom_build(const struct sbom_params *p, struct sbom *ret,
	       struct err *reterr);

/* SPDX 2.3 and CycloneDX 1.5, as JSON, appended to OUT. Their names are made of
 * their content. */
int sbom_write_spdx(const struct sbom *s, struct buf *out, struct err *reterr);
int sbom_write_cyclonedx(const struct sbom *s, struct buf *out,
			 struct err *reterr);

/* A UUID made of N bytes: RFC 9562's version 8. -EIO. */
#define SBOM_UUID_SIZE 37
int sbom_uuid(const void *data, size_t n, char ret[SBOM_UUID_SIZE]);

/* An identifier of item I, the same in both formats, and its time. */
void sbom_ref(size_t i, char ret[32]);
void sbom_time(int64_t epoch, char ret[32]);

#endif
