// SPDX-License-Identifier: Apache-2.0
/* Files with holes in tar archives, as GNU tar writes them: a map of pieces,
 * and the pieces one after another. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/macros.h"
#include "tar.h"

/* Of GNU's old format, in the header and in the blocks that go on with it. */
#define OLD_MAP 386
#define OLD_MAP_COUNT 4
#define OLD_MORE 482
#define OLD_SIZE 483
#define MORE_COUNT 21
#define MORE_MORE 504
#define PIECE 24 /* two numbers of 12 digits */

bool tar_number(const uint8_t *p, size_t n, uint64_t *ret)
{
	uint64_t v = 0;

	if (p[0] == 0x80) {
		for (size_t i = 1; i < n; i++) {
			if (v >> 56)
				return false;
			v = v << 8 | p[i];
		}
		*ret = v;
		return true;
	}
	while (n && *p == ' ') {
		p++;
		n--;
	}
	for (; n && *p >= '0' && *p <= '7'; p++, n--)
		v = v << 3 | (uint64_t)(*p - '0');
	*ret = v;
	return !n || *p == '\0' || *p == ' ';
}

/* A file that is being put together. */
struct sparse {
	const uint8_t *body;
	uint64_t left;
	struct node *node;
	uint64_t end; /* of the last piece */
};

static int start(struct sparse *s, uint64_t size)
{
	if (size > TREE_FILE_MAX)
		return -EFBIG;
	s->node->owned = calloc(1, size ? size : 1);
	s->node->data = s->node->owned;
	s->node->size = size;
	return s->node->owned ? 0 : -ENOMEM;
}

static int put_piece(struct sparse *s, uint64_t at, uint64_t size)
{
	if (at > s->node->size || size > s->node->size - at || at < s->end ||
	    size > s->left)
		return -EINVAL;
	if (size)
		memcpy(s->node->owned + at, s->body, size);
	s->body += size;
	s->left -= size;
	s->end = at + size;
	return 0;
}

/* COUNT places of the map at P; 1 after the last piece. */
static int old_pieces(struct sparse *s, const uint8_t *p, unsigned int count)
{
	uint64_t at, size;

	for (; count; count--, p += PIECE) {
		int r;

		if (!p[0])
			return 1;
		if (!tar_number(p, 12, &at) || !tar_number(p + 12, 12, &size))
			return -EINVAL;
		r = put_piece(s, at, size);
		if (r < 0)
			return r;
	}
	return 0;
}

/* The map goes on in blocks between the header and the data; these are not
 * counted in the entry's size, and come first in the TAIL bytes after it. */
uint64_t tar_sparse_blocks(const uint8_t *h, const uint8_t *tail, uint64_t n)
{
	uint64_t blocks = 0;
	bool more = h[F_TYPE] == 'S' && h[OLD_MORE];

	while (more && (blocks + 1) * TAR_BLOCK <= n) {
		more = tail[blocks * TAR_BLOCK + MORE_MORE];
		blocks++;
	}
	return blocks;
}

int tar_sparse_old(const uint8_t *h, const uint8_t *body, uint64_t size,
		   struct node *node)
{
	struct sparse s = {.body = body, .left = size, .node = node};
	const uint8_t *more = h + TAR_BLOCK;
	uint64_t real;
	int r;

	if (!tar_number(h + OLD_SIZE, 12, &real))
		return -EINVAL;
	r = start(&s, real);
	if (r == 0)
		r = old_pieces(&s, h + OLD_MAP, OLD_MAP_COUNT);
	for (; r == 0 && more < body; more += TAR_BLOCK)
		r = old_pieces(&s, more, MORE_COUNT);
	return r >= 0 && s.left ? -EINVAL : MIN(r, 0);
}

/* A decimal number and a newline at *P, which moves behind it. */
static bool line(const uint8_t **p, const uint8_t *end, uint64_t *ret)
{
	const uint8_t *start = *p;

	*ret = 0;
	while (*p < end && **p >= '0' && **p <= '9' && *ret <= TREE_FILE_MAX)
		*ret = *ret * 10 + (uint64_t)(*(*p)++ - '0');
	return *p > start && *p < end && *(*p)++ == '\n';
}

int tar_sparse_pax(const uint8_t *body, uint64_t size, uint64_t real,
		   struct node *node)
{
	const uint8_t *p = body, *end = body + size;
	struct sparse s = {.node = node};
	uint64_t count, at, len, map;
	int r;

	if (!line(&p, end, &count) || count > size)
		return -EINVAL;
	for (uint64_t i = 0; i < 2 * count; i++)
		if (!line(&p, end, &at))
			return -EINVAL;
	map = ALIGN_UP((uint64_t)(p - body), (uint64_t)TAR_BLOCK);
	if (map > size)
		return -EINVAL;
	s.body = body + map;
	s.left = size - map;
	r = start(&s, real);
	p = body;
	(void)line(&p, end, &count);
	for (uint64_t i = 0; i < count && r == 0; i++) {
		(void)line(&p, end, &at);
		(void)line(&p, end, &len);
		r = put_piece(&s, at, len);
	}
	return r == 0 && s.left ? -EINVAL : r;
}
