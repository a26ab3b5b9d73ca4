// SPDX-License-Identifier: Apache-2.0
#include <errno.h>

#include "base/log.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/translate.h"
#include "runtime/guest.h"
#include "runtime/oci/entrypoint.h"

int container_replace_init(struct container *c, struct err *reterr)
{
	const struct sandbox *sb = c->sandbox;
	const char *name = sb->arch ? sb->arch : sb->eng->arch;
	const struct arch_desc *arch = name ? arch_find(name) : NULL;
	struct spec_mount *m = entrypoint_init_mount(c->spec);

	if (!m || !arch || entrypoint_init_runs(c->spec, arch))
		return 0;
	log_debug("init '%s' is none for %s: the guest's own takes its place",
		  m->source, arch->name);
	if (translate_mount(c->spec, m, GUEST_AGENT_PATH) < 0)
		return err_code(reterr, -ENOMEM, "mount of the init");
	m->source = NULL; /* no path of the host's any more */
	return 0;
}
