// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_ROOTIMAGE_H
#define ENGINE_ROOTIMAGE_H

#include "runtime/engine/engine.h"

/*
 * For `shared_fs = "none"`: the shared folder as a file, an EROFS image that is
 * a disk of the VM. The guest has a copy of what was there when the container
 * was made, and keeps what it changes in its own memory. Nothing ties such a
 * VM to the host's files, so that it can be saved and restored.
 */
#define ROOTIMAGE_NAME "root.img"
#define ROOTIMAGE_DISK "root"

/* Notes the image in the journal and packs the sandbox's folder into it, by
 * mkfs.erofs. DONE is called once, unless the sandbox is freed before. */
void rootimage_make(struct sandbox *sb, engine_done_fn done, void *arg);

/* Ends what is under way. */
void rootimage_cancel(struct sandbox *sb);

#endif
