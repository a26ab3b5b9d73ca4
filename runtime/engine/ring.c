// SPDX-License-Identifier: Apache-2.0
#include "ring.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/endian.h"
#include "base/macros.h"
#include "os/io.h"

#define HEAD_SIZE sizeof(uint64_t)

int ring_open(struct ring *r, int dirfd, const char *name)
{
	r->fd = openat(dirfd, name,
		       O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC,
		       0600);
	r->total = 0;
	return r->fd < 0 ? -errno : 0;
}

void ring_close(struct ring *r)
{
	close_fd(&r->fd);
}

void ring_put(struct ring *r, const void *p, size_t n)
{
	const char *from = p;
	uint8_t head[HEAD_SIZE];

	if (r->fd < 0)
		return;
	while (n) {
		size_t at = r->total % RING_SIZE;
		size_t part = MIN(n, RING_SIZE - at);

		/* A full disk costs the record, and nothing else. */
		(void)!pwrite(r->fd, from, part, (off_t)(HEAD_SIZE + at));
		from += part;
		n -= part;
		r->total += part;
	}
	put_le64(head, r->total);
	(void)!pwrite(r->fd, head, sizeof(head), 0);
}

char *ring_read(int dirfd, const char *name, size_t *n)
{
	cleanup_free char *file = NULL;
	char *text;
	size_t size, have, first;
	uint64_t total;

	if (read_file(dirfd, name, HEAD_SIZE + RING_SIZE, &file, &size) < 0 ||
	    size < HEAD_SIZE)
		return NULL;
	total = get_le64((const uint8_t *)file);
	have = (size_t)MIN(total, (uint64_t)RING_SIZE);
	if (have > size - HEAD_SIZE)
		return NULL;
	text = malloc(have + 1);
	if (!text)
		return NULL;
	first = total > RING_SIZE ? total % RING_SIZE : 0;
	memcpy(text, file + HEAD_SIZE + first, have - first);
	memcpy(text + have - first, file + HEAD_SIZE, first);
	text[have] = '\0';
	*n = have;
	return text;
}
