// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_MIRROR_H
#define AGENT_MIRROR_H

#define MIRROR_ENTRIES_MAX 256
#define MIRROR_BYTES_MAX (2u << 20)

/*
 * Makes the directory TODIR (an fd) the same as FROMDIR, where it differs: what
 * is there, contents, links as they are written, owners, modes and times. No
 * link is followed in either, and nothing but files, directories and links is
 * taken over.
 *
 * A reader of TODIR sees each file and link as it was or as it is, never
 * between. Links change when all files are in place, and only then goes what is
 * no more: so that what is updated by turning a link (as Kubernetes does with
 * "..data") changes as a whole.
 *
 * 0; -E2BIG above the limits, with nothing done; -EAGAIN when FROMDIR changed
 * meanwhile (call again); else -errno.
 */
int mirror_tree(int fromdir, int todir);

/*
 * As mirror_tree() for the regular file FROM and TODIR/NAME, which keeps its
 * identity: a bind mount of it shows the change. What is written first is all
 * of it, in one go.
 */
int mirror_file(int from, int todir, const char *name);

#endif
