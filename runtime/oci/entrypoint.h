// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_ENTRYPOINT_H
#define OCI_ENTRYPOINT_H

#include <stdbool.h>

#include "arch/arch.h"
#include "base/err.h"
#include "runtime/oci/spec.h"

/* Our annotation that names the architecture, by uname -m or OCI name. */
#define ENTRYPOINT_ARCH_ANNOTATION "io.kiln.arch"
/* OCI image specification, conversion: the image's own, by OCI name. */
#define ENTRYPOINT_IMAGE_ANNOTATION "org.opencontainers.image.architecture"

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
 * (what it is to start, if that is an engine's init) by PATH and cwd within
 * rootfs and bind mounts; for a script its interpreter's. 0; -ENOEXEC for a
 * program that no guest runs; any other -errno when it cannot be told.
 */
int entrypoint_arch(const struct spec *s, const struct arch_desc **ret,
		    struct err *why);

/*
 * The mount of an engine's init (podman run --init), a program of the *host*
 * that the engine put before the container's own: a file mounted where args[0]
 * is, that is told the command after "--". NULL when there is none.
 */
struct spec_mount *entrypoint_init_mount(const struct spec *s);

/* False when that init is a program that guests of ARCH do not run; true when
 * it cannot be told, for then it may as well be no engine's. */
bool entrypoint_init_runs(const struct spec *s, const struct arch_desc *arch);

/*
 * The architecture to run the container on: OPTION (--arch, or NULL), else the
 * annotation, else the program's, else what the image says of itself, else its
 * shell's, else the host's. *SOURCE (may be NULL) says in a few words which it
 * was. 0; -EINVAL for a name that is not known; -ENOEXEC for a program that
 * would not run there, or nowhere.
 */
int entrypoint_choose_arch(const struct spec *s, const char *option,
			   const struct arch_desc **ret, const char **source,
			   struct err *reterr);

#endif
