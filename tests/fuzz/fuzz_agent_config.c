// SPDX-License-Identifier: Apache-2.0
/* The kernel command line. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "agent/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t n)
{
	char *text = strndup((const char *)data, n);
	struct config config;

	config_init(&config);
	if (text)
		config_parse_cmdline(&config, text);
	free(text);
	return 0;
}
