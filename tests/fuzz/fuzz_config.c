// SPDX-License-Identifier: Apache-2.0
/* A configuration: the keys, and the writer's inverse. A new one reads a whole
 * text of defaults, which takes time: only for what is TOML (fuzz_toml). */
#include <stdlib.h>
#include <string.h>

#include "codec/toml.h"
#include "runtime/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int ignore(void *arg UNUSED, const char *name UNUSED,
		  const struct toml_value *v UNUSED, struct err *e UNUSED)
{
	return 0;
}

/* What is written must be read back, and give the same text again. */
static void round_trip(const struct config *c)
{
	cleanup_buf struct buf one = BUF_INIT(8u << 20);
	cleanup_buf struct buf two = BUF_INIT(8u << 20);
	cleanup_config struct config *copy = NULL;
	struct err e = {0};

	if (config_write_toml(c, false, &one) < 0 || one.len > TOML_FILE_MAX)
		return;
	if (config_new(&copy, &e) < 0)
		return;
	if (config_parse(copy, (char *)buf_data(&one), one.len, "x", &e) < 0 ||
	    config_write_toml(copy, false, &two) < 0 || one.len != two.len ||
	    memcmp(buf_data(&one), buf_data(&two), one.len))
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data;
	cleanup_config struct config *c = NULL;
	struct err e = {0};

	if (toml_parse(text, size, ignore, NULL, &e) < 0)
		return 0;
	if (config_new(&c, &e) < 0)
		return 0;
	if (config_parse(c, text, size, "f", &e) == 0)
		round_trip(c);
	return 0;
}
