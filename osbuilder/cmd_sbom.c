// SPDX-License-Identifier: Apache-2.0
/* The command that lists what a guest is made of. */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

#include "command.h"
#include "guest_json.h"
#include "image.h"
#include "sbom.h"

int cmd_sbom(const struct options *o, struct err *reterr)
{
	cleanup_json_object struct json_object *image = NULL;
	cleanup_buf struct buf out = BUF_INIT(SBOM_MAX);
	cleanup_sbom struct sbom sbom = {0};
	const struct evidence_options *e = &o->evidence;
	struct sbom_params p = {
		.sources = e->sources,
		.licences = e->licences,
		.files = &e->files,
		.origins = &e->origins,
		.epoch = o->epoch,
	};
	bool cyclonedx = o->format && !strcmp(o->format, "cyclonedx");
	int r;

	if (o->format && !cyclonedx && strcmp(o->format, "spdx") != 0)
		return err_set(reterr, -EINVAL, "unknown format '%s'",
			       o->format);
	if (!e->image_json)
		return err_set(reterr, -EINVAL, "'--image-json' is missing");
	r = guest_json_read(e->image_json, &image, reterr);
	p.image = image;
	if (r == 0)
		r = sbom_build(&p, &sbom, reterr);
	if (r == 0)
		r = cyclonedx ? sbom_write_cyclonedx(&sbom, &out, reterr) :
				sbom_write_spdx(&sbom, &out, reterr);
	return r < 0 ? r : file_write(o->output, buf_data(&out), out.len,
				      reterr);
}
