// SPDX-License-Identifier: Apache-2.0
#include "layout.h"

#include <errno.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "fileio.h"
#include "fs.h"

#define PAGE 4096
#define SECTOR 512
#define HEAD (2 * LAYOUT_ALIGN) /* before the filesystem */

/* A partition table as the PC has it. */
#define MBR_ENTRY 446
#define MBR_TYPE 4
#define MBR_START 8
#define MBR_SECTORS 12
#define MBR_SIGNATURE 510
#define TYPE_LINUX 0x83

static const char *const kinds[] = {
	[LAYOUT_PLAIN] = "plain",
	[LAYOUT_PMEM] = "pmem",
	[LAYOUT_PAPR] = "papr",
};

int layout_kind_by_name(const char *name, enum layout_kind *ret)
{
	for (size_t i = 0; i < ARRAY_SIZE(kinds); i++) {
		if (!strcmp(kinds[i], name)) {
			*ret = (enum layout_kind)i;
			return 0;
		}
	}
	return -EINVAL;
}

const char *layout_kind_name(enum layout_kind kind)
{
	return kinds[kind];
}

const char *layout_device(const struct layout *l)
{
	return l->fs_pos ? "/dev/vda1" : "/dev/vda";
}

static void mbr_write(uint8_t *p, const struct partition *part)
{
	uint8_t *e = p + MBR_ENTRY;

	/* Cylinders and heads are beyond what these fields can say. */
	memset(e + 1, 0xff, 3);
	memset(e + 5, 0xff, 3);
	e[MBR_TYPE] = part->type;
	put_le32(e + MBR_START, (uint32_t)(part->start / SECTOR));
	put_le32(e + MBR_SECTORS, (uint32_t)(part->size / SECTOR));
	p[MBR_SIGNATURE] = 0x55;
	p[MBR_SIGNATURE + 1] = 0xaa;
}

/* The first partition in the N bytes of a view, if it is inside. */
static void mbr_read(const uint8_t *p, size_t n, struct partition *ret)
{
	struct partition part;

	if (n < SECTOR || p[MBR_SIGNATURE] != 0x55 ||
	    p[MBR_SIGNATURE + 1] != 0xaa)
		return;
	p += MBR_ENTRY;
	part.type = p[MBR_TYPE];
	part.start = (uint64_t)get_le32(p + MBR_START) * SECTOR;
	part.size = (uint64_t)get_le32(p + MBR_SECTORS) * SECTOR;
	if (part.type && part.start && part.size && part.start < n &&
	    part.size <= n - part.start)
		*ret = part;
}

/* Of a GPT the first partition that holds a filesystem. */
static bool gpt_find(const uint8_t *data, size_t n, struct layout *ret)
{
	if (!gpt_read(data, n, &ret->gpt))
		return false;
	for (size_t i = 0; i < ret->gpt.n; i++) {
		const struct gpt_partition *p = &ret->gpt.v[i];

		if (!fs_probe(data + p->start, p->size))
			continue;
		ret->fs_pos = p->start;
		ret->fs_size = p->size;
		return true;
	}
	return false;
}

/* A name for the content, of the kind RFC 9562 leaves to the writer. */
static int name_content(const struct buf *image, uint8_t ret[32])
{
	if (sha256(buf_data(image), image->len, ret) < 0)
		return -EIO;
	for (int i = 0; i < 32; i += 16) {
		ret[i + 6] = (uint8_t)((ret[i + 6] & 0x0f) | 0x80);
		ret[i + 8] = (uint8_t)((ret[i + 8] & 0x3f) | 0x80);
	}
	return 0;
}

/* Room for the head, and at the end what the kind of device asks for. */
static int make_room(struct buf *image, enum layout_kind kind)
{
	size_t size = image->len + HEAD;

	if (kind == LAYOUT_PAPR)
		size = ALIGN_UP(size, (size_t)PAPR_BLOCK) + LABEL_AREA_SIZE;
	return buf_widen(image, HEAD, size);
}

static int add_head(struct buf *image, enum layout_kind kind,
		    struct layout *ret)
{
	/* LAYOUT_PAPR_UUID */
	static const uint8_t dimm[16] = "kiln\0\0\x80\0\x80\0rootfs";
	uint64_t content = image->len, visible = content + HEAD;
	uint8_t name[32], *p;
	int r;

	r = name_content(image, name);
	if (r == 0)
		r = make_room(image, kind);
	if (r < 0)
		return r;
	if (kind == LAYOUT_PAPR)
		visible = image->len - LABEL_AREA_SIZE;
	ret->kind = kind;
	ret->fs_pos = HEAD;
	ret->fs_size = content;
	ret->pmem_pos = LAYOUT_ALIGN;
	ret->whole = (struct partition){HEAD, content, TYPE_LINUX};
	ret->pmem = (struct partition){HEAD - LAYOUT_ALIGN, content,
				       TYPE_LINUX};
	p = buf_data(image);
	mbr_write(p, &ret->whole);
	mbr_write(p + LAYOUT_ALIGN, &ret->pmem);
	pfn_write(p + PFN_POS, name, kind == LAYOUT_PAPR ? name + 16 : NULL,
		  LAYOUT_ALIGN, visible);
	if (kind == LAYOUT_PAPR)
		labels_write(p + visible, name + 16, dimm, visible);
	return pfn_read(p, image->len, &ret->pfn) ? 0 : -EIO;
}

int layout_wrap(struct buf *image, enum layout_kind kind, bool verity,
		struct layout *ret, struct err *reterr)
{
	int r;

	*ret = (struct layout){.has_verity = verity};
	r = buf_put_zero(image, -image->len & (LAYOUT_ALIGN - 1));
	if (r == 0 && verity) {
		r = verity_write(image, &ret->verity, reterr);
		if (r < 0)
			return r;
		r = buf_put_zero(image, -image->len & (LAYOUT_ALIGN - 1));
	}
	ret->fs_size = image->len;
	if (r == 0 && kind != LAYOUT_PLAIN)
		r = add_head(image, kind, ret);
	ret->size = image->len;
	return r < 0 ? err_code(reterr, r, "image") : 0;
}

void layout_find(const uint8_t *data, size_t n, struct layout *ret)
{
	uint64_t labels;
	struct pfn pfn;

	memset(ret, 0, sizeof(*ret));
	ret->size = ret->fs_size = n;
	if (pfn_read(data, n, &pfn)) {
		ret->kind = labels_read(data, n, &labels) ? LAYOUT_PAPR :
							    LAYOUT_PMEM;
		ret->pfn = pfn;
		ret->pmem_pos = pfn.dataoff;
		mbr_read(data + pfn.dataoff, n - pfn.dataoff, &ret->pmem);
	}
	/* The first sector of a filesystem may have the same signature. */
	if (fs_probe(data, n) || gpt_find(data, n, ret))
		return;
	mbr_read(data, n, &ret->whole);
	if (ret->whole.size) {
		ret->fs_pos = ret->whole.start;
		ret->fs_size = ret->whole.size;
	} else if (ret->kind != LAYOUT_PLAIN) {
		/* An info block alone: only the pmem view has a meaning. */
		ret->fs_pos = ret->pmem_pos + ret->pmem.start;
		ret->fs_size = ret->pmem.size ? ret->pmem.size :
						n - ret->pmem_pos;
	}
}

/* The place of a file in the pmem view; false when it is not in it. */
static bool pmem_place(const struct layout *l, const struct node *n,
		       uint64_t *ret)
{
	*ret = l->fs_pos + n->pos - l->pmem_pos;
	return l->fs_pos >= l->pmem_pos;
}

bool layout_dax(const struct layout *l, const struct node *n)
{
	uint64_t place;

	return n->type == NODE_FILE &&
	       (n->size == 0 || (n->plain && pmem_place(l, n, &place) &&
				 place % PAGE == 0));
}

/* Guest addresses are those of the whole image: its begin is aligned. */
bool layout_pmd(const struct layout *l, const struct node *n)
{
	return layout_dax(l, n) && n->size >= FS_PMD_SIZE && !n->pieces &&
	       (l->fs_pos + n->pos) % FS_PMD_SIZE == 0;
}
