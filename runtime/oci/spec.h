// SPDX-License-Identifier: Apache-2.0
#ifndef OCI_SPEC_H
#define OCI_SPEC_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"
#include "proto/oci.pb-c.h"
#include "runtime/oci/arena.h"

/*
 * The OCI runtime specification of a container or a process, decoded from the
 * caller's JSON. The caller is a trust boundary: every value is checked for
 * type and range, and an error names the place ("process.args[2]: expected a
 * string, got a number").
 */

#define SPEC_FILE_NAME "config.json"
#define SPEC_FILE_MAX (8u << 20)
#define SPEC_DEPTH_MAX 32

/* Annotations below this prefix carry what the agent protocol has no field for
 * (struct spec, member extra); in a config.json they are refused. */
#define SPEC_EXTRA_PREFIX "io.kiln.spec."

/* A mount as the host sees it; the strings are those of wire->mounts[i]. */
struct spec_mount {
	Grpc__Mount *wire;
	const char *source; /* bind mounts: absolute host path; else NULL */
	bool bind;
	bool recursive; /* rbind */
	bool readonly;
};

/*
 * A decoded config.json. Everything it points to is in its arena and may be
 * replaced by other memory of the arena; nothing is freed on its own.
 */
struct spec {
	struct arena arena; /* owned */
	Grpc__Spec *wire;   /* never NULL; process, root, linux neither */

	const char *bundle; /* absolute, resolved */
	const char *rootfs; /* absolute; may be a symbolic link */
	bool rootfs_readonly;

	struct spec_mount *mounts; /* as many as wire->n_mounts, same order */

	/* process.terminal, process.consoleSize (0: not given) */
	bool terminal;
	uint32_t console_width, console_height;

	/*
	 * What the wire has no field for, as key and value below
	 * SPEC_EXTRA_PREFIX, to be sent as further annotations:
	 *   process.umask            octal, "0022"
	 *   process.ioprio           "<class>:<priority>", "IOPRIO_CLASS_BE:4"
	 *   process.scheduler        JSON of process.scheduler
	 *   domainname               text
	 *   linux.timeoffset.<clock> "<secs>:<nanosecs>", boottime, monotonic
	 *   linux.personality        "LINUX" or "LINUX32"
	 *   linux.seccomp.errno      linux.seccomp.defaultErrnoRet
	 *   linux.unified.<file>     value to write to the cgroup v2 file
	 *   linux.cpu.idle, linux.cpu.burst
	 *   mount.<i>.uidmap, mount.<i>.gidmap   "<container>:<host>:<size>,…"
	 */
	Grpc__Spec__AnnotationsEntry **extra;
	size_t n_extra;
	size_t extra_size; /* allocated */

	/* linux.seccomp.listenerPath, which cannot leave the host; or NULL */
	const char *seccomp_listener;
};

/*
 * Decodes <BUNDLE>/config.json. The rootfs must be given, its existence is not
 * looked at. 0 or -errno: -EINVAL for a document that is wrong, -ENOENT without
 * one, -EFBIG, …
 */
int spec_load(const char *bundle, struct spec **ret, struct err *reterr);

/* The same of another FILE, that may be relative to BUNDLE. */
int spec_load_file(const char *file, const char *bundle, struct spec **ret,
		   struct err *reterr);

/* The same from N bytes of text, for a bundle at BUNDLE (absolute). */
int spec_parse(const char *text, size_t n, const char *bundle,
	       struct spec **ret, struct err *reterr);

void spec_free(struct spec *s);
DEFINE_CLEANUP(struct spec, spec_free)
#define cleanup_spec cleanup(spec_freep)

/* The value of annotation KEY, or NULL. */
const char *spec_annotation(const struct spec *s, const char *key);

/* The path of the namespace TYPE ("network", …): NULL when the spec has no such
 * namespace, "" for a new one, else the path of one to join. */
const char *spec_namespace(const struct spec *s, const char *type);

/* The value of variable NAME in the process' environment, or NULL. */
const char *spec_process_env(const Grpc__Process *p, const char *name);

/* Adds or replaces an annotation of the wire message; 0 or -ENOMEM. */
int spec_set_annotation(struct spec *s, const char *key, const char *value);

/* Adds all of s->extra to the wire's annotations; 0 or -ENOMEM. */
int spec_extra_to_wire(struct spec *s);

/*
 * Decodes a process (exec --process FILE; "-" is stdin). What it points to
 * lives in ARENA. The wire has no place for umask, ioPriority and scheduler
 * here: a process that has them is accepted and EXTRA_IGNORED (may be NULL)
 * set.
 */
int spec_process_load(const char *path, struct arena *arena,
		      Grpc__Process **ret, bool *extra_ignored,
		      struct err *reterr);
int spec_process_parse(const char *text, size_t n, struct arena *arena,
		       Grpc__Process **ret, bool *extra_ignored,
		       struct err *reterr);

/* Decodes linux.resources on their own (update --resources FILE; "-" is
 * stdin). */
int spec_resources_load(const char *path, struct arena *arena,
			Grpc__LinuxResources **ret, struct err *reterr);
int spec_resources_parse(const char *text, size_t n, struct arena *arena,
			 Grpc__LinuxResources **ret, struct err *reterr);

/* Appends the config.json that `kiln spec` writes. 0 or -errno. */
int spec_write_default(struct buf *out, bool rootless);

#endif
