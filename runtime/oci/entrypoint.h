// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_ENTRYPOINT_H
#define OCI_ENTRYPOINT_H

#include "arch/arch.h"
#include "base/err.h"
#include "runtime/oci/spec.h"

/* Our annotation that names the architecture, by uname -m or OCI name. */
#define ENTRYPOINT_ARCH_ANNOTATION "io.kiln.arch"

/*
 * Opens PATH below the directory ROOTFD as a process with that root would:
 * symbolic links, absolute ones and ".." included, do not lead out of it. The
 * image is hostile; the file is not opened (O_PATH). An fd or -errno.
 */
int entrypoint_open(int rootfd, const char *path);

/* The same without openat2(), by walking; for kernels and filters without. */
int entrypoint_open_walk(int rootfd, const char *path);

/*
 * The architecture of the program that the container will execute: args[0]
 * by PATH and cwd within rootfs and bind mounts; for a script its interpreter.
 * NULL when that cannot be told, with WHY (SIZE bytes) saying so.
 */
const struct arch_desc *entrypoint_arch(const struct spec *s, char *why,
					size_t size);

/*
 * The architecture to run the container on: OPTION (--arch, or NULL), else the
 * annotation, else the program's, else the host's. *SOURCE (may be NULL) says
 * in a few words which it was. 0 or -errno for a name that is not known.
 */
int entrypoint_choose_arch(const struct spec *s, const char *option,
			   const struct arch_desc **ret, const char **source,
			   struct err *reterr);

#endif
