// SPDX-License-Identifier: Apache-2.0
/* The commands that read images: inspect, verity, cat, extract. */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "diff.h"
#include "fileio.h"
#include "image.h"
#include "report.h"

/* An image and the bytes it refers to. */
struct opened {
	struct image image;
	uint8_t *data;
};

static void opened_release(struct opened *o)
{
	image_release(&o->image);
	free(o->data);
}

#define cleanup_opened cleanup(opened_release)
#define OPENED_INIT {.image = {.archive = BUF_INIT(0)}}

static int open_file(const char *path, struct opened *ret, struct err *reterr)
{
	size_t n;
	int r;

	r = file_read(path, IMAGE_MAX, &ret->data, &n, reterr);
	if (r < 0)
		return r;
	r = image_open(&ret->image, ret->data, n, reterr);
	return r < 0 ? err_wrap(reterr, "'%s'", path) : 0;
}

int cmd_inspect(const struct options *o, struct err *reterr)
{
	cleanup_opened struct opened one = OPENED_INIT, other = OPENED_INIT;
	size_t n;
	int r;

	r = open_file(o->args[0], &one, reterr);
	if (r == 0 && !o->diff)
		return report_tree(&one.image, &one.image.tree, o->format,
				   reterr);
	if (r == 0)
		r = open_file(o->diff, &other, reterr);
	if (r < 0)
		return r;
	n = diff_images(&one.image, &other.image);
	return n ? err_set(reterr, -EUCLEAN, "%zu files differ", n) : 0;
}

int cmd_verity(const struct options *o, struct err *reterr)
{
	cleanup_opened struct opened one = OPENED_INIT;
	cleanup_buf struct buf text = BUF_INIT(8192);
	const struct layout *l = &one.image.layout;
	int r;

	r = open_file(o->args[0], &one, reterr);
	if (r < 0)
		return r;
	if (one.image.kind != IMAGE_FS || !l->has_verity)
		return err_set(reterr, -ENODATA, "'%s' has no tree of hashes",
			       o->args[0]);
	if (!l->verity.intact)
		return err_set(reterr, -EBADMSG,
			       "'%s' is damaged: its data are not those its "
			       "tree of hashes was made of", o->args[0]);
	(void)verity_cmdline(&l->verity, layout_device(l), one.image.fs->name,
			     &text);
	(void)buf_put_u8(&text, '\n');
	return file_write("-", buf_data(&text), text.len, reterr);
}

static int write_node(const struct image *image, const char *path,
		      const char *output, struct err *reterr)
{
	const struct node *n = tree_find(&image->tree, path);

	if (!n)
		return err_set(reterr, -ENOENT, "no '%s' in the image", path);
	if (n->type != NODE_FILE)
		return err_set(reterr, -EINVAL, "'%s' is a %s", path,
			       node_type_name(n->type));
	return file_write(output, n->data, n->size, reterr);
}

static int extract(const char *file, const char *path, const char *output,
		   struct err *reterr)
{
	cleanup_opened struct opened one = OPENED_INIT;
	int r;

	r = open_file(file, &one, reterr);
	return r < 0 ? r : write_node(&one.image, path, output, reterr);
}

int cmd_cat(const struct options *o, struct err *reterr)
{
	return extract(o->args[0], o->args[1], "-", reterr);
}

int cmd_extract(const struct options *o, struct err *reterr)
{
	return extract(o->args[0], o->args[1], o->args[2], reterr);
}
