// SPDX-License-Identifier: Apache-2.0
#ifndef AGENT_STORAGE_H
#define AGENT_STORAGE_H

#include "base/err.h"
#include "base/strv.h"
#include "proto/agent.pb-c.h"

struct agent;
struct mount_options;

#define STORAGES_MAX 4096

/*
 * File systems that the host asks for, by driver. They are mounted at a place
 * below the agent's root and counted: two containers may name the same one.
 */
struct storage_driver {
	const char *name;
	/* The device that STORAGE means: 0 and its name below /dev (owned by
	 * the caller) in *RET; -ENOENT while it is not there. NULL: needs no
	 * device. */
	int (*find)(const struct agent *agent, const char *source, char **ret);
	/* Mounts on the directory TARGETFD; DEVICE is what find() returned. */
	int (*mount)(int targetfd, const Grpc__Storage *storage,
		     const char *device, struct err *reterr);
	/* Instead of all that, for what is more than one mount: makes the
	 * mount point what it shall be. */
	int (*add)(struct agent *agent, const Grpc__Storage *storage,
		   struct err *reterr);
	/* Undoes either, where more is to be done than to unmount. */
	void (*drop)(struct agent *agent, const char *mount_point);
};

extern const struct storage_driver storage_9p, storage_virtio_fs, storage_blk,
	storage_blk_ccw, storage_scsi, storage_mmioblk, storage_ephemeral,
	storage_local, storage_overlayfs, storage_nvdimm, storage_watchable,
	storage_layers;

/* The names of all drivers, for the host to know: a static vector of *RET_N. */
char *const *storage_driver_names(size_t *ret_n);

/*
 * True when everything that LIST needs is there. Otherwise false, with the name
 * of what is missing in WHAT. Malformed addresses count as there: the error
 * comes when they are used.
 */
bool storage_ready(const struct agent *agent, Grpc__Storage *const *list,
		   size_t n, char *what, size_t size);

/* As storage_ready(), for the devices of a container. */
bool device_ready(const struct agent *agent, Grpc__Device *const *list,
		  size_t n, char *what, size_t size);

/* The name below /dev of a device of a container; -errno. */
int device_find(const struct agent *agent, const Grpc__Device *device,
		char **ret);

/* The path of the device that STORAGE is on, or of its partition; -ENOENT while
 * it is not there. */
int storage_find_device(const struct agent *agent,
			const Grpc__Storage *storage, char **ret);

/* The options of a mount: those of STORAGE that are not for the agent ("X-…"). */
int storage_mount_options(const Grpc__Storage *storage,
			  struct mount_options *ret);

/* Opens (and makes) a mount point below the agent's root, through no link. */
int storage_open_mount_point(const struct agent *agent, const char *path,
			     struct err *reterr);

/* Mounts each, or counts one more user; adds the mount points to USED. On
 * failure those of this call are dropped again. */
int storage_add_all(struct agent *agent, Grpc__Storage *const *list, size_t n,
		    struct strv *used, struct err *reterr);

/* New options, of size above all, for an "ephemeral" storage that is in use. */
int storage_remount(struct agent *agent, const Grpc__Storage *storage,
		    struct err *reterr);

/* One user less of each mount point; the last one unmounts. */
void storage_drop_all(struct agent *agent, const struct strv *used);

#endif
