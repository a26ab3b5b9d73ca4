// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_CVE_H
#define OSBUILDER_CVE_H

#include <json-c/json.h>

#include "kbuild.h"

enum cve_status {
	CVE_AFFECTED,	    /* this version, and a file of it is compiled */
	CVE_UNKNOWN,	    /* the record does not say which versions */
	CVE_SWITCHED_OFF,   /* a symbol keeps the files out */
	CVE_NOT_COMPILED,   /* none of the files is in the kernel */
	CVE_NOT_INTRODUCED, /* came with a later version */
	CVE_FIXED,
	CVE_REJECTED,
	CVE_STATUS_COUNT,
};

/* What a record of the kernel's CNA means for one kernel. */
struct cve {
	char id[32];
	enum cve_status status;
	char version[32];		/* that fixed or introduced it */
	char symbol[KBUILD_NAME_MAX];	/* that is off */
	struct strv files;		/* that are compiled; or all of it */
	struct json_object *title;	/* borrowed from the record, or NULL */
};

const char *cve_status_name(enum cve_status s);

/* Order of versions, as Linux counts: 6.12-rc1 < 6.12 < 6.12.1. */
int linux_version_compare(const char *a, const char *b);

/* -EINVAL for what is no CVE record 5.x. RECORD must live as long as RET. */
int cve_assess(const struct json_object *record, const struct built_kernel *k,
	       struct cve *ret, struct err *reterr);
void cve_release(struct cve *c);

#endif
