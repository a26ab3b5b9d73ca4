// SPDX-License-Identifier: Apache-2.0
/*
 * A guest's console: what it says may not leave the line that it is shown in,
 * and no terminal may take it for a command.
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "runtime/vmm/vm_priv.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_phase(void *arg, enum vm_phase phase, uint64_t us)
{
	(void)arg, (void)phase, (void)us;
}

static void insist_on_text(const char *text, bool lines)
{
	for (; *text; text++)
		assert((*text >= ' ' && *text < 0x7f) ||
		       (lines && *text == '\n'));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct vm_callbacks cb = {.phase = on_phase};
	struct vm *vm = calloc(1, sizeof(*vm));
	char tail[2048];
	size_t half;

	if (!vm || !size)
		goto out;
	vm->cb = &cb;
	vm->console_fd = -1;
	vm->phase = *data & 1 ? VM_PHASE_INIT : VM_PHASE_NEW;
	/* Lines come in pieces. */
	half = size / 2;
	vm_console_feed(vm, (const char *)data, half);
	vm_console_feed(vm, (const char *)data + half, size - half);
	vm_console_drain(vm);
	insist_on_text(vm->panic, false);
	(void)vm_console_tail(vm, 10, tail, sizeof(tail));
	insist_on_text(tail, true);
out:
	free(vm);
	return 0;
}
