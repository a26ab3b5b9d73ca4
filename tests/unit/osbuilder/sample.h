// SPDX-License-Identifier: Apache-2.0
#ifndef TESTS_UNIT_OSBUILDER_SAMPLE_H
#define TESTS_UNIT_OSBUILDER_SAMPLE_H

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "osbuilder/tree.h"
#include "test.h"

#define SAMPLE_TIME 1704067200
#define SAMPLE_BIG ((2u << 20) + 5)

static inline void sample_add(struct tree *t, struct node n, const char *path,
			      const void *data, size_t size)
{
	struct err err;

	n.path = (char *)(uintptr_t)path;
	n.size = size;
	if (!n.mtime)
		n.mtime = SAMPLE_TIME;
	if (size) {
		n.owned = malloc(size);
		assert_non_null(n.owned);
		memcpy(n.owned, data, size);
		n.data = n.owned;
	}
	assert_int_equal(tree_add(t, &n, &err), 0);
}

/* A tree with one of each kind of file, sizes around the limits of a block, a
 * directory of several blocks and names that sort before the dots. */
static inline void sample_tree(struct tree *t)
{
	static const size_t sizes[] = {0, 1, 4095, 4096, 4097, 70000,
				       SAMPLE_BIG};
	uint8_t *data = malloc(SAMPLE_BIG);
	char name[64];
	struct err err;

	assert_non_null(data);
	for (size_t i = 0; i < SAMPLE_BIG; i++)
		data[i] = (uint8_t)(i * 7 + i / 4096);
	for (size_t i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
		(void)snprintf(name, sizeof(name), "/files/%zu", sizes[i]);
		sample_add(t, (struct node){.type = NODE_FILE, .mode = 0640},
			   name, data, sizes[i]);
	}
	free(data);
	for (int i = 0; i < 600; i++) {
		(void)snprintf(name, sizeof(name), "/many/-file%d", i);
		sample_add(t, (struct node){.type = NODE_LINK, .mode = 0777},
			   name, "../files/0", 10);
	}
	sample_add(t, (struct node){.type = NODE_DIR, .mode = 01777, .uid = 5},
		   "/many", NULL, 0);
	sample_add(t, (struct node){.type = NODE_FILE, .uid = 70000,
				    .gid = 80000, .mode = 04755},
		   "/+extended", "x", 1);
	sample_add(t, (struct node){.type = NODE_FILE, .mtime = 12345},
		   "/old", "y", 1);
	sample_add(t, (struct node){.type = NODE_CHAR, .major = 5, .minor = 1},
		   "/dev/console", NULL, 0);
	sample_add(t, (struct node){.type = NODE_BLOCK, .major = 259,
				    .minor = 70000},
		   "/dev/disk", NULL, 0);
	sample_add(t, (struct node){.type = NODE_FIFO}, "/dev/pipe", NULL, 0);
	assert_int_equal(tree_finish(t, SAMPLE_TIME, &err), 0);
}

static inline void same_node(const struct node *a, const struct node *b)
{
	assert_string_equal(a->path, b->path);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->mode, b->mode);
	assert_int_equal(a->uid, b->uid);
	assert_int_equal(a->gid, b->gid);
	assert_int_equal(a->major, b->major);
	assert_int_equal(a->minor, b->minor);
	assert_int_equal(a->mtime, b->mtime);
	assert_int_equal(a->size, b->size);
	if (a->size)
		assert_memory_equal(a->data, b->data, a->size);
}

#endif
