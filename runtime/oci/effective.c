// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/effective.h"

#include <errno.h>
#include <stdlib.h>

#include "base/log.h"
#include "runtime/oci/entrypoint.h"

static int apply_annotations(const struct spec *s, struct config *config,
			     struct err *reterr)
{
	const Grpc__Spec *w = s->wire;
	cleanup_free struct config_annotation *v = NULL;
	size_t i;

	v = calloc(w->n_annotations + 1, sizeof(*v));
	if (!v)
		return err_set(reterr, -ENOMEM, "out of memory");
	for (i = 0; i < w->n_annotations; i++) {
		v[i].key = w->annotations[i]->key;
		v[i].value = w->annotations[i]->value;
	}
	return config_apply_annotations(config, v, w->n_annotations, reterr);
}

int effective_config(const struct spec *s, const char *arch_option,
		     struct config *config, const struct arch_desc **ret,
		     struct err *reterr)
{
	const char *source;
	int r = entrypoint_choose_arch(s, arch_option, ret, &source, reterr);

	if (r < 0)
		return r;
	log_debug("architecture %s, by %s", (*ret)->name, source);
	r = config_select_arch(config, (*ret)->name, reterr);
	if (r < 0)
		return r;
	return apply_annotations(s, config, reterr);
}
