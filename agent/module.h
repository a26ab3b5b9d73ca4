// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_MODULE_H
#define AGENT_MODULE_H

#include "base/err.h"
#include "base/strv.h"
#include "proto/agent.pb-c.h"

/*
 * The files of module NAME and of what it needs, in the order to load them, by
 * the modules.dep in DIR (below which the paths are). "-" and "_" are the same
 * in names. 0; -EEXIST for one that is part of the kernel (modules.builtin);
 * -ENOENT, also when the image has no modules; -EINVAL for what is no name.
 */
int module_resolve(const char *dir, const char *name, struct strv *ret);

/* Loads modules of the running kernel, which are in DIR/<release>, each with its
 * parameters; those that are loaded are fine. 0 or -errno. */
int module_load_all(const char *dir, Grpc__KernelModule *const *list, size_t n,
		    struct err *reterr);

#endif
