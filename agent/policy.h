// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_POLICY_H
#define AGENT_POLICY_H

#include <protobuf-c/protobuf-c.h>
#include <stdbool.h>

#include "base/err.h"
#include "codec/ttrpc.h"

/*
 * Which calls the agent carries out. A policy is text, a rule a line; the first
 * rule that matches a call decides, "default" when none does:
 *
 *	# comment
 *	default deny
 *	allow CreateContainer OCI.Root.Path=/run/kata-* storages[*].driver=9p
 *	deny  ExecProcess process.User.UID=0
 *	allow *
 *
 * A rule matches when all its conditions do. A condition is a field of the
 * request by its name in the protocol, and what it must be: "*" and "?" stand
 * for any text and any character, "!=" turns it round; a value with white space
 * is put in double quotes. What a request leaves out is 0, false or empty. [n]
 * is an element, [*] all of them (in a rule that
 * denies: any of them), a map's entries have .key and .value.
 */
struct policy;

#define POLICY_TEXT_MAX 65536
#define POLICY_FILE "/etc/kiln-agent/policy"

/*
 * Errors name the line; a call or a field that is none of METHODS (N) is one,
 * so that a rule cannot be void for a slip of the pen. Conditions need a call
 * that is named in full. -EINVAL, -EFBIG, -ENOMEM.
 */
int policy_parse(const char *text, const struct ttrpc_method *methods,
		 size_t n, struct policy **ret, struct err *reterr);
void policy_free(struct policy *p);

/* 0, or -EPERM with the reason. NULL allows everything. */
int policy_check(const struct policy *p, const char *method,
		 const ProtobufCMessage *request, struct err *reterr);

#endif
