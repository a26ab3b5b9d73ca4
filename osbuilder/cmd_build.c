// SPDX-License-Identifier: Apache-2.0
/* The commands that build: tree, initrd, image, manifest. */
#include <errno.h>
#include <string.h>

#include "base/buf.h"
#include "base/log.h"
#include "cpio.h"
#include "command.h"
#include "compose.h"
#include "fileio.h"
#include "fs.h"
#include "image.h"
#include "layout.h"
#include "meta.h"
#include "report.h"

static int load(const struct options *o, struct composed *ret,
		struct err *reterr)
{
	const struct compose_params params = {.manifest = o->manifest,
					      .vars = &o->vars,
					      .packages = o->packages,
					      .tars = o->tars,
					      .overlay = o->overlay,
					      .epoch = o->epoch};

	return compose(&params, ret, reterr);
}

int cmd_tree(const struct options *o, struct err *reterr)
{
	cleanup_composed struct composed in = COMPOSED_INIT;
	int r;

	r = load(o, &in, reterr);
	return r < 0 ? r : report_tree(NULL, &in.tree, o->format, reterr);
}

static void warn_of_xattrs(const struct tree *t)
{
	for (size_t i = 0; i < t->n; i++)
		for (size_t k = 0; t->v[i].xattrs && k < t->v[i].xattrs->n; k++)
			log_warn("'%s' is without '%s' in an initrd: cpio has "
				 "no extended attributes", t->v[i].path,
				 t->v[i].xattrs->v[k].name);
}

int cmd_initrd(const struct options *o, struct err *reterr)
{
	cleanup_buf struct buf packed = BUF_INIT(IMAGE_MAX);
	cleanup_buf struct buf archive = BUF_INIT(IMAGE_MAX);
	cleanup_composed struct composed in = COMPOSED_INIT;
	struct buf *out = &archive;
	int r;

	if (o->compress && strcmp(o->compress, "zstd") != 0 &&
	    strcmp(o->compress, "none") != 0)
		return err_set(reterr, -EINVAL, "unknown compression '%s'",
			       o->compress);
	r = load(o, &in, reterr);
	if (r == 0)
		r = cpio_write(&in.tree, &archive, reterr);
	if (r == 0)
		warn_of_xattrs(&in.tree);
	if (r == 0 && (!o->compress || !strcmp(o->compress, "zstd"))) {
		r = zstd_compress(buf_data(&archive), archive.len, &packed,
				  reterr);
		out = &packed;
	}
	if (r == 0)
		r = file_write(o->output, buf_data(out), out->len, reterr);
	return r;
}

/* What a format can be compressed by; the first is the default. */
static int find_compress(const struct fs_ops *fs, const char *name,
			 const char **ret, struct err *reterr)
{
	if (fs == &fs_erofs && name && !strcmp(name, "lz4hc"))
		*ret = "lz4hc";
	else if (name && strcmp(name, fs == &fs_squashfs ? "zstd" : "none"))
		return err_set(reterr, -EINVAL, "%s is not compressed by '%s'",
			       fs->name, name);
	return 0;
}

int cmd_image(const struct options *o, struct err *reterr)
{
	struct fs_params params = {.label = o->label ? o->label : "kiln",
				   .time = o->epoch};
	const struct fs_ops *fs = fs_by_name(o->format ? o->format : "erofs");
	cleanup_buf struct buf image = BUF_INIT(IMAGE_MAX);
	cleanup_composed struct composed in = COMPOSED_INIT;
	enum layout_kind kind = LAYOUT_PLAIN;
	struct layout layout;
	int r;

	if (!fs)
		return err_set(reterr, -EINVAL, "unknown format '%s'",
			       o->format);
	if (o->layout && layout_kind_by_name(o->layout, &kind) < 0)
		return err_set(reterr, -EINVAL, "unknown layout '%s'",
			       o->layout);
	r = find_compress(fs, o->compress, &params.compress, reterr);
	if (r == 0)
		r = load(o, &in, reterr);
	if (r == 0)
		r = fs->write(&in.tree, &params, &image, reterr);
	if (r == 0)
		r = layout_wrap(&image, kind, o->verity, &layout, reterr);
	if (r < 0)
		return r;
	return file_write(o->output, buf_data(&image), image.len, reterr);
}

int cmd_manifest(const struct options *o, struct err *reterr)
{
	const struct meta_params params = {
		.arch = o->arch,
		.profile = o->profile,
		.version = o->version,
		.agent_protocol = o->agent_protocol,
		.cmdlines = &o->cmdlines,
		.kernel_json = o->kernel_json,
		.inputs = &o->inputs,
		.artifacts = &o->artifacts,
		.features = &o->features,
		.sources = &o->evidence.sources_of_ours,
		.tools = &o->evidence.tools,
		.epoch = o->epoch,
	};
	struct json_object *meta = NULL;
	int r;

	if (!o->arch)
		return err_set(reterr, -EINVAL, "'--arch' is missing");
	r = meta_build(&params, &meta, reterr);
	if (r < 0)
		return r;
	r = report_json(meta, o->output, reterr);
	(void)json_object_put(meta);
	return r;
}
