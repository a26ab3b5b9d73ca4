// SPDX-License-Identifier: Apache-2.0
#include "fs.h"

#include <string.h>

#include "base/macros.h"

static const struct fs_ops *const formats[] = {&fs_erofs, &fs_ext4,
					      &fs_squashfs};

const struct fs_ops *fs_by_name(const char *name)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (!strcmp(formats[i]->name, name))
			return formats[i];
	return NULL;
}

const struct fs_ops *fs_probe(const uint8_t *data, size_t n)
{
	for (size_t i = 0; i < ARRAY_SIZE(formats); i++)
		if (formats[i]->probe(data, n))
			return formats[i];
	return NULL;
}
