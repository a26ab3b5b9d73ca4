// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_SPEC_TABLES_H
#define OCI_SPEC_TABLES_H

#include "runtime/oci/decode.h"
#include "runtime/oci/spec.h"

/* The decoding tables of the specification's sections. */
extern const struct decode_table spec_table;	 /* spec.c */
extern const struct decode_table process_table;	 /* spec_process.c */
extern const struct decode_table linux_table;	 /* spec_linux.c */
extern const struct decode_table resources_table; /* spec_resources.c */
extern const struct decode_table seccomp_table;	 /* spec_seccomp.c */
extern const struct decode_table id_mapping_table; /* spec_linux.c */

/*
 * Records SPEC_EXTRA_PREFIX KEY = VALUE for the agent; without a spec to hold
 * it, that it was passed over. 0 or -errno with the error set.
 */
int spec_add_extra(struct decoder *d, const char *key, const char *fmt, ...)
	PRINTF(3, 4);

#endif
