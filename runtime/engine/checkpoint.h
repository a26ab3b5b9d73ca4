// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_CHECKPOINT_H
#define ENGINE_CHECKPOINT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "runtime/engine/engine.h"
#include "runtime/vmm/vmm.h"

/*
 * A checkpoint: a folder with all of a sandbox that has one container. The
 * supervisor writes the VM's state and, last, the description without which
 * the folder is none; the client adds what does not change in a sandbox's
 * life: the image of its files, its config.json and its configuration.
 */
#define CHECKPOINT_NAME "checkpoint.json"
#define CHECKPOINT_STATE_NAME "vm.state"

/* The VM that the state is one of; another cannot load it. */
struct vm_shape {
	char spec[VM_HASH_SIZE];  /* of the specification */
	char files[VM_HASH_SIZE]; /* of kernel, initrd and root image */
	char vmm[32];		  /* "QEMU 7.2" */
	/* As it was started, what it may become, and is when it is saved. */
	struct vm_size first, max, now;
	uint32_t tsc_khz; /* that the guest was told, or 0 */
};

/* Ids of calls that the agent has not answered yet; 0: none is under way. */
struct checkpoint_calls {
	uint32_t next, wait, out, err, oom;
};

struct checkpoint {
	char id[129];  /* by which the guest knows the container */
	char arch[16]; /* uname -m name */
	bool paused, terminal;
	bool in_closed, out_ended, err_ended; /* streams that are over */
	struct vm_shape shape;
	struct checkpoint_calls calls;
	uint8_t *partial; /* beginning of a message of the agent; owned */
	size_t n_partial;
	int state_fd; /* restoring: the VM's state; owned, or -1 */
};

void checkpoint_free(struct checkpoint *ck);

/* Writes the description into folder DIRFD. 0 or -errno. */
int checkpoint_write(int dirfd, const struct checkpoint *ck,
		     struct err *reterr);

/* Reads it from folder PATH; to be freed with checkpoint_free(). */
int checkpoint_read(const char *path, struct checkpoint **ret,
		    struct err *reterr);

/* The client's part of a restore: image and configuration of the checkpoint in
 * folder PATH become those of sandbox folder DIRFD. 0 or -errno. */
int checkpoint_take(const char *path, int dirfd, struct err *reterr);

/*
 * Saves the sandbox of container C into folder PATH, which is there and empty
 * but for what the client put in. Afterwards the VM goes on (LEAVE_RUNNING) or
 * is no more. What cannot be saved is refused before anything is touched.
 */
void checkpoint_save(struct container *c, const char *path, bool leave_running,
		     engine_done_fn done, void *arg);

/* The guest is gone: so is what was being saved. */
void checkpoint_cancel(struct sandbox *sb);

/* --- restore.c: the way back --- */

/* V becomes the VM that the first container's checkpoint is one of, and waits
 * for its state. 0, or -EINVAL with what differs. */
int restore_fit(const struct checkpoint *ck, struct vm_spec *spec,
		const struct vm_shape *shape, struct err *reterr);

/* The VM answers: loads the state, takes the agent's connection over and lets
 * the guest go on; sandbox_restored() follows, or the end of the VM. */
void restore_load(struct sandbox *sb, struct container *c);

#endif
