// SPDX-License-Identifier: Apache-2.0
/* What specifications name: mount options, cgroup paths, sysctls, homes. */
#include <assert.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/caps.h"
#include "agent/cgroup.h"
#include "agent/extras.h"
#include "agent/idmap.h"
#include "agent/mount.h"
#include "agent/policy.h"
#include "agent/rpc.h"
#include "agent/storage/layers.h"
#include "agent/sysctl.h"
#include "agent/user.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

/* A relative path that never climbs; dots inside of a name are fine. */
static int stays_below(const char *path)
{
	size_t n = strlen(path);

	return *path != '/' && strncmp(path, "../", 3) != 0 &&
	       !strstr(path, "/../") &&
	       !(n >= 3 && !strcmp(path + n - 3, "/.."));
}

/* The lines as options of a layer. What goes into a table of the device mapper
 * is one word each. */
static void parse_layer(const char *text)
{
	static struct layers layers;
	char *copy = strdup(text), *rest = copy, *options[64];
	Grpc__Storage s = GRPC__STORAGE__INIT, *list[] = {&s};
	struct err e;

	s.options = options;
	while (rest && s.n_options < 63)
		options[s.n_options++] = strsep(&rest, "\n");
	options[s.n_options++] = (char *)(uintptr_t)"X-kata.multi-layer=true";
	s.fstype = (char *)(uintptr_t)"erofs";
	if (copy && !layers_parse(&layers, list, 1, &e)) {
		const struct layer_verity *v = &layers.lower[0].verity;

		assert(layers.n == 1 && layers.ndirs <= LAYER_DIRS_MAX);
		if (v->is_on)
			assert(!strpbrk(v->root_hash, " \t") && *v->root_hash &&
			       !strpbrk(v->salt, " \t") && *v->salt &&
			       !strpbrk(v->algorithm, " \t") && v->block_size &&
			       v->hash_size);
	}
	free(copy);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = strndup((const char *)data, n);
	char path[CGROUP_PATH_MAX], sysctl[SYSCTL_PATH_MAX];
	struct mount_options options;
	struct extras_sched sched;
	struct policy *policy = NULL;
	char lines[256];
	struct err e;

	if (!text)
		return 0;
	if (!mount_options_parse(&options, &text, 1))
		assert(strlen(options.data) < MOUNT_DATA_MAX);
	if (!cgroup_path(text, "id", path))
		assert(*path && stays_below(path));
	if (!sysctl_path(text, ~0u, sysctl))
		assert(stays_below(sysctl));
	(void)cap_of_name(text);
	parse_layer(text);
	free(user_home_in(text, 0));
	(void)extras_parse_sched(text, &sched);
	if (!idmap_parse(text, lines, sizeof(lines)))
		assert(*lines);
	if (!policy_parse(text, rpc_methods, rpc_nmethods, &policy, &e)) {
		Grpc__ExecProcessRequest rq = GRPC__EXEC_PROCESS_REQUEST__INIT;

		(void)policy_check(policy, "ExecProcess", &rq.base, &e);
		policy_free(policy);
	}
	free(text);
	return 0;
}
