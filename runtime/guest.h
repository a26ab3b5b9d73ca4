// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_GUEST_H
#define RUNTIME_GUEST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "base/err.h"
#include "runtime/guest_root.h"

/* The agent protocol this runtime speaks: image.json, "agent_protocol". */
#define GUEST_PROTOCOL "0.0.1"
#define GUEST_HASH_SIZE 65
/* The agent in a guest: rootfs/common.manifest. */
#define GUEST_AGENT_PATH "/init"
#define GUEST_CMDLINE_MAX 1024

/* One file of a guest: PATH is "" when the guest has none. */
struct guest_file {
	char path[PATH_MAX];
	uint64_t size;
	bool described; /* image.json names it */
	char sha256[GUEST_HASH_SIZE]; /* as image.json says, or "" */
};

/* An image of modules of the kernel beside it, and what dm-verity checks it by;
 * PATH is "" unless image.json names it. */
struct guest_modules {
	struct guest_file file;
	char root_hash[GUEST_HASH_SIZE], salt[2 * GUEST_HASH_SIZE];
	uint64_t hash_offset; /* bytes: where the data ends */
};

/* What a VM of an architecture boots. An image is rootfs.<type>.img: the one
 * that image.json names, else the first there is. */
struct guest {
	const struct arch_desc *arch;
	char dir[PATH_MAX];
	struct guest_file kernel, initrd, image;
	struct guest_modules modules;
	bool described;          /* there is an image.json */
	char profile[32];        /* of the image, as image.json says, or "" */
	char version[64];        /* of Kiln that built it, or "" */
	char kernel_version[64]; /* or "" */
	/* Parameters of image.json that the architecture's data lacks. */
	char cmdline[GUEST_CMDLINE_MAX];
	/* Of the image, as image.json says: its file system and layout, "" if
	 * it does not; kernel parameters for dm-verity, "" if it has none. */
	char image_type[16], image_layout[16];
	char verity[GUEST_ROOT_PARAMS_MAX];
};

/*
 * Finds the guest of ARCH: $KILN_GUESTS/<arch>, the build tree the program is
 * run from, the install prefix; the first folder with a kernel. Checks what is
 * cheap: protocol, sizes, the kernel's format. -ENOENT names the folders that
 * were looked into and how to make a guest; -EBADMSG a file that is damaged;
 * -EPROTONOSUPPORT another protocol.
 */
int guest_find(const struct arch_desc *arch, struct guest *ret,
	       struct err *reterr);

/* As guest_find() for a folder that is known. */
int guest_open(const struct arch_desc *arch, const char *dir,
	       struct guest *ret, struct err *reterr);

/* The format of GUEST's kernel; 0, -EBADMSG, or -errno. */
int guest_check_kernel(const struct guest *guest, struct err *reterr);

/*
 * Makes the file PATH the guest's image, with what the image.json beside it
 * says of it. 0 or -errno, also where there is none.
 */
int guest_set_image(struct guest *guest, const char *path, struct err *reterr);

/* Looks at the guest's image. -EBADMSG when it is none, or is not the one that
 * image.json describes; or -errno. */
int guest_probe_image(const struct guest *guest, struct guest_root *ret,
		      struct err *reterr);

/* Compares the files with the hashes of image.json, reading all of them. 0;
 * -EBADMSG, or -errno. Those without a hash are passed over, or -EBADMSG when
 * ALL must have one. */
int guest_verify(const struct guest *guest, bool all, struct err *reterr);

/* One hash over kernel, initrd, root image and modules, as far as there are any:
 * of their content, not their paths. 0 or -errno. */
int guest_fingerprint(const struct guest *guest, char ret[GUEST_HASH_SIZE],
		      struct err *reterr);

#endif
