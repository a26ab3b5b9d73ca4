// SPDX-License-Identifier: Apache-2.0
/* The description of a checkpoint, which may come from another host. */
#include "runtime/engine/checkpoint_file.c"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct checkpoint *ck = calloc(1, sizeof(*ck));
	char *text = malloc(size + 1);
	struct err e = {0};

	if (ck && text) {
		memcpy(text, data, size);
		text[size] = '\0';
		ck->state_fd = -1;
		if (parse(text, size, ck, &e) == 0 &&
		    (!id_is_valid(ck->id) || (ck->n_partial && !ck->partial)))
			abort();
	}
	free(text);
	checkpoint_free(ck);
	return 0;
}
