// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_LAYERS_H
#define AGENT_LAYERS_H

#include <stdbool.h>
#include <stdint.h>

#include "base/err.h"
#include "proto/agent.pb-c.h"

struct agent;

#define LAYERS_MAX 128
#define LAYER_DIRS_MAX 64

/* How dm-verity checks a layer; the texts are safe for its table. */
struct layer_verity {
	bool is_on, no_superblock;
	const char *root_hash, *salt, *algorithm;
	uint64_t hash_offset;
	uint32_t block_size, hash_size, type;
};

struct layer {
	const Grpc__Storage *storage;
	uint32_t partition; /* of its disk, or 0 */
	struct layer_verity verity;
};

/* A directory to be made before the layers are joined. */
struct layer_dir {
	bool in_lower;	  /* of the first lower layer; else of the upper one */
	const char *path; /* up to N characters of it */
	size_t n;
	uint32_t mode;
};

/*
 * The storages of a request that make one overlay: EROFS layers below (the
 * first is the uppermost of them), an ext4 one or memory above.
 */
struct layers {
	const char *mount_point;
	struct layer upper; /* storage is NULL: in memory */
	struct layer lower[LAYERS_MAX];
	size_t n;
	struct layer_dir dirs[LAYER_DIRS_MAX];
	size_t ndirs;
};

/* What the options of STORAGE say of dm-verity, checked. -EINVAL. */
int layers_parse_verity(const Grpc__Storage *storage, struct layer_verity *ret,
			struct err *reterr);

/* True for a storage that is part of such a group. */
bool layers_is_member(const Grpc__Storage *storage);

/* The partition of its device that the storage is in; 0 for none, or -EINVAL. */
int64_t layers_partition(const Grpc__Storage *storage);

/* Sorts the group among LIST. Texts are of LIST. -EINVAL, -E2BIG. */
int layers_parse(struct layers *ret, Grpc__Storage *const *list, size_t n,
		 struct err *reterr);

/* Mounts the overlay at its mount point. All else of it is gone with that. */
int layers_mount(struct agent *agent, const struct layers *l,
		 struct err *reterr);

#endif
