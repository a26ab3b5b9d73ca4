// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RECORD_H
#define ENGINE_RECORD_H

#include <json-c/json.h>

#include "base/err.h"

/*
 * What happened to a container, as JSON: state, phases with times, why its
 * guest ended, the last lines of the guest's console and of the supervisor's
 * log, all escaped. Of one that was deleted a copy is kept in <root>/.history,
 * for the last RECORD_COUNT ids.
 */
#define RECORD_COUNT 64

/* Keeps the record of the sandbox in folder DIRFD, which is about to be
 * removed. What cannot be kept is lost. */
void record_save(const char *root, const char *id, int dirfd);

/* The record of ID, there or deleted, to be put; -ENOENT when unknown. */
int record_load(const char *root, const char *id, struct json_object **ret,
		struct err *reterr);

#endif
