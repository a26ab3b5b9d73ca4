// SPDX-License-Identifier: Apache-2.0
/* The command that changes an image that is there: customize. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "command.h"
#include "cpio.h"
#include "edit.h"
#include "fileio.h"
#include "image.h"

/* What would be lost. */
static int check_files(const struct image *i, struct err *reterr)
{
	for (size_t k = 0; k < i->tree.n; k++)
		if (i->tree.v[k].unread)
			return err_set(reterr, -EOPNOTSUPP, "'%.200s' has "
				       "extended attributes of other kinds "
				       "than user.*, trusted.* and security.*, "
				       "which would be lost",
				       i->tree.v[k].path);
	return 0;
}

/* That what is around the filesystem is ours as well. */
static int check_layout(const struct image *i, struct err *reterr)
{
	const struct layout *l = &i->layout;
	uint64_t want = l->kind == LAYOUT_PLAIN ? 0 : 2 * LAYOUT_ALIGN;

	if (i->kind == IMAGE_FS && (l->gpt.present || l->fs_pos != want))
		return err_set(reterr, -EOPNOTSUPP, "the image has partitions "
			       "that kiln-image does not write");
	return 0;
}

static int write_initrd(const struct image *i, struct buf *out,
			struct err *reterr)
{
	cleanup_buf struct buf archive = BUF_INIT(IMAGE_MAX);
	int r = cpio_write(&i->tree, i->compressed ? &archive : out, reterr);

	if (r < 0 || !i->compressed)
		return r;
	return zstd_compress(buf_data(&archive), archive.len, out, reterr);
}

static int write_fs(const struct image *i, struct buf *out, struct err *reterr)
{
	struct fs_params params = {.label = i->info.label,
				   .time = i->info.time};
	struct layout layout;
	int r;

	if (i->fs == &fs_erofs && i->info.compress)
		params.compress = "lz4hc";
	/* squashfs has none of its own. */
	if (i->fs == &fs_squashfs)
		params.label = "kiln";
	r = i->fs->write(&i->tree, &params, out, reterr);
	return r < 0 ? r : layout_wrap(out, i->layout.kind,
				       i->layout.has_verity, &layout, reterr);
}

static int customize(struct image *i, const struct options *o, struct buf *out,
		     struct err *reterr)
{
	int64_t time = i->kind == IMAGE_FS ? i->info.time : o->epoch;
	int r;

	r = check_files(i, reterr);
	if (r == 0)
		r = check_layout(i, reterr);
	if (r == 0)
		r = edit_tree(&i->tree, &o->steps, time, reterr);
	if (r < 0)
		return r;
	return i->kind == IMAGE_FS ? write_fs(i, out, reterr) :
				     write_initrd(i, out, reterr);
}

int cmd_customize(const struct options *o, struct err *reterr)
{
	struct image image = {.archive = BUF_INIT(0)};
	cleanup_buf struct buf out = BUF_INIT(IMAGE_MAX);
	cleanup_free uint8_t *data = NULL;
	size_t n;
	int r;

	r = file_read(o->args[0], IMAGE_MAX, &data, &n, reterr);
	if (r == 0) {
		r = image_open(&image, data, n, reterr);
		if (r < 0)
			r = err_wrap(reterr, "'%s'", o->args[0]);
	}
	if (r == 0)
		r = customize(&image, o, &out, reterr);
	image_release(&image);
	return r < 0 ? r : file_write(o->output ? o->output : o->args[0],
				      buf_data(&out), out.len, reterr);
}
