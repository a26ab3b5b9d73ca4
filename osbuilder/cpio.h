// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_CPIO_H
#define OSBUILDER_CPIO_H

#include "base/buf.h"
#include "tree.h"

/*
 * Initial ramdisks: "newc" archives as Linux unpacks them, see
 * Documentation/driver-api/early-userspace/buffer-format.rst and
 * init/initramfs.c. The root directory is not part of one.
 */

/* Appends the finished TREE as an archive. -ERANGE for a time or file the
 * format cannot hold, -EMSGSIZE beyond OUT's cap. */
int cpio_write(const struct tree *tree, struct buf *out, struct err *reterr);

bool cpio_probe(const uint8_t *data, size_t n);

/* Reads one archive into TREE, which is finished; its files refer to DATA.
 * -EINVAL for what is none. */
int cpio_read(const uint8_t *data, size_t n, struct tree *tree,
	      struct err *reterr);

#endif
