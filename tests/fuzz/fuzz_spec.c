// SPDX-License-Identifier: Apache-2.0
/* A caller's JSON: a whole config.json, a process, and resources. */
#include <stdlib.h>

#include "runtime/oci/spec.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* What was decoded must be a whole message: it packs to the size it says. */
static void pack(const Grpc__Spec *wire)
{
	size_t n = grpc__spec__get_packed_size(wire);
	uint8_t *packed = malloc(n + 1);

	if (packed && grpc__spec__pack(wire, packed) != n)
		abort();
	free(packed);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	cleanup_arena struct arena arena = {0};
	cleanup_spec struct spec *s = NULL;
	Grpc__LinuxResources *resources;
	Grpc__Process *process;
	struct err e = {0};

	if (spec_parse(text, size, "/bundle", &s, &e) == 0) {
		if (spec_extra_to_wire(s) < 0)
			abort();
		pack(s->wire);
	} else if (!e.code || !*e.text) {
		abort();
	}
	(void)spec_process_parse(text, size, &arena, &process, NULL, &e);
	(void)spec_resources_parse(text, size, &arena, &resources, &e);
	return 0;
}
