// SPDX-License-Identifier: Apache-2.0
/* The commands that read images: inspect, cat, extract. */
#include <errno.h>
#include <string.h>

#include "command.h"
#include "fileio.h"
#include "image.h"
#include "report.h"

int cmd_inspect(const struct options *o, struct err *reterr)
{
	struct image image = {.archive = BUF_INIT(0)};
	cleanup_free uint8_t *data = NULL;
	size_t n;
	int r;

	r = file_read(o->args[0], IMAGE_MAX, &data, &n, reterr);
	if (r == 0)
		r = image_open(&image, data, n, reterr);
	if (r == 0)
		r = report_tree(&image, &image.tree, o->format, reterr);
	image_release(&image);
	return r;
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
	struct image image = {.archive = BUF_INIT(0)};
	cleanup_free uint8_t *data = NULL;
	size_t n;
	int r;

	r = file_read(file, IMAGE_MAX, &data, &n, reterr);
	if (r == 0)
		r = image_open(&image, data, n, reterr);
	if (r == 0)
		r = write_node(&image, path, output, reterr);
	image_release(&image);
	return r;
}

int cmd_cat(const struct options *o, struct err *reterr)
{
	return extract(o->args[0], o->args[1], "-", reterr);
}

int cmd_extract(const struct options *o, struct err *reterr)
{
	return extract(o->args[0], o->args[1], o->args[2], reterr);
}
