// SPDX-License-Identifier: Apache-2.0
#include "layout.h"

#include "base/macros.h"
#include "fs.h"

#define PAGE 4096

static void plain(uint64_t size, struct layout *ret)
{
	*ret = (struct layout){.size = size, .fs_size = size};
}

int layout_wrap(struct buf *image, struct layout *ret)
{
	size_t size = ALIGN_UP(image->len, (size_t)LAYOUT_ALIGN);
	int r = buf_put_zero(image, size - image->len);

	if (r == 0)
		plain(size, ret);
	return r;
}

void layout_find(const uint8_t *data UNUSED, size_t n, struct layout *ret)
{
	plain(n, ret);
}

static uint64_t pmem_place(const struct layout *l, const struct node *n)
{
	return l->fs_pos + n->pos - l->pmem_pos;
}

bool layout_dax(const struct layout *l, const struct node *n)
{
	return n->type == NODE_FILE &&
	       (n->size == 0 || (n->plain && pmem_place(l, n) % PAGE == 0));
}

bool layout_pmd(const struct layout *l, const struct node *n)
{
	return layout_dax(l, n) && n->size >= FS_PMD_SIZE &&
	       !n->pieces &&
	       pmem_place(l, n) % FS_PMD_SIZE == 0;
}
