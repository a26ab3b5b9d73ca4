// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_GUEST_H
#define RUNTIME_GUEST_H

#include <limits.h>
#include <stdbool.h>
#include <stdint.h>

#include "arch/arch.h"
#include "base/err.h"

/* The agent protocol this runtime speaks: image.json, "agent_protocol". */
#define GUEST_PROTOCOL "0.0.1"
#define GUEST_HASH_SIZE 65
#define GUEST_CMDLINE_MAX 1024

/* One file of a guest: PATH is "" when the guest has none. */
struct guest_file {
	char path[PATH_MAX];
	uint64_t size;
	bool described; /* image.json names it */
	char sha256[GUEST_HASH_SIZE]; /* as image.json says, or "" */
};

/* What a VM of an architecture boots. */
struct guest {
	const struct arch_desc *arch;
	char dir[PATH_MAX];
	struct guest_file kernel, initrd, image;
	bool described;          /* there is an image.json */
	char version[64];        /* of Kiln that built it, or "" */
	char kernel_version[64]; /* or "" */
	/* Parameters of image.json that the architecture's data lacks. */
	char cmdline[GUEST_CMDLINE_MAX];
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
 * The kernel parameters to boot from root image PATH when it is the guest's
 * first disk, by the file system in it. 0; -EBADMSG when it is none that guest
 * kernels read, or -errno.
 */
#define GUEST_ROOT_MAX 128
int guest_root_params(const char *path, char ret[GUEST_ROOT_MAX],
		      struct err *reterr);

/* Compares the files with the hashes of image.json. 0, also where there are
 * none; -EBADMSG, or -errno. Reads all of them: for `kiln check`. */
int guest_verify(const struct guest *guest, struct err *reterr);

#endif
