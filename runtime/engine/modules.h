// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_MODULES_H
#define ENGINE_MODULES_H

#include "base/err.h"
#include "proto/agent.pb-c.h"
#include "runtime/engine/vmspec.h"

#define MODULES_DISK "modules"

/* Kernel modules that the guest loads before there is a container in it
 * (kernel_modules), and the image of them. */
struct modules;

/*
 * Makes the guest's image of modules a disk of V's, if LIST names any and there
 * is an image. Without one the guest's root has to have them. 0 or -errno.
 */
int modules_attach(struct vmspec *v, char *const *list, struct err *reterr);

/*
 * What the agent is to be told: LIST, "name parameter..." each, and where the
 * disk of V is. NULL in *RET when LIST is empty. -EINVAL names what is no module.
 */
int modules_new(struct vmspec *v, char *const *list, struct modules **ret,
		struct err *reterr);
void modules_free(struct modules *m);

/* The storage that is the image, for the first of a request; NULL without one.
 * It and what modules_fill() adds are of M. */
Grpc__Storage *modules_storage(struct modules *m);
void modules_fill(struct modules *m, Grpc__CreateSandboxRequest *request);

/* What is to be said behind the agent's error TEXT, which may be NULL: how to get
 * modules, if that is what it is about; or "". */
const char *modules_hint(const struct modules *m, const char *text);

#endif
