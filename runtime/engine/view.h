// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_VIEW_H
#define ENGINE_VIEW_H

#include "base/err.h"
#include "runtime/oci/spec.h"

/*
 * Goes into a mount namespace of its own whose root is the container's: its
 * root file system, with the files and folders of the host that are mounted in
 * it. Callers enter the namespaces of the pid they are given, `podman cp` for
 * one, and must not find the host there. What else is mounted (proc, tmpfs) is
 * of the guest and not shown. Mount points that are missing are made, as they
 * would be for the guest. Nothing opened before is lost.
 *
 * 0 or -errno. Who may not make such a namespace stays outside: that is 0, for
 * others than root.
 */
int view_enter(const struct spec *spec, struct err *reterr);

#endif
