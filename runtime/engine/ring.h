// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_RING_H
#define ENGINE_RING_H

#include <stddef.h>
#include <stdint.h>

/*
 * The last bytes of a stream in a file, so that they outlive whoever wrote
 * them: the guest's console. The file has a fixed size: how many bytes were
 * ever put, 8 bytes little-endian, then RING_SIZE bytes.
 */
#define RING_SIZE ((size_t)16 << 10)
#define RING_CONSOLE_NAME "console"

struct ring {
	int fd; /* owned; -1: what is put is lost */
	uint64_t total;
};

#define RING_INIT {-1, 0}

/* A new, empty one; 0 or -errno. */
int ring_open(struct ring *r, int dirfd, const char *name);
void ring_close(struct ring *r);
void ring_put(struct ring *r, const void *p, size_t n);

/* What is in the file, in order, to be freed, with a NUL after its *N bytes.
 * NULL when there is none, or it is damaged. */
char *ring_read(int dirfd, const char *name, size_t *n);

#endif
