// SPDX-License-Identifier: Apache-2.0
#include "path.h"

#include <stdio.h>
#include <string.h>

#define ID_MAX 128

bool path_is_normal(const char *path)
{
	const char *p = path;

	if (*p != '/')
		return false;
	if (!p[1])
		return true;
	while (*p == '/') {
		size_t n = strcspn(++p, "/");

		if (!n || (n == 1 && p[0] == '.') ||
		    (n == 2 && p[0] == '.' && p[1] == '.'))
			return false;
		p += n;
	}
	return true;
}

char *path_join(const char *dir, const char *name)
{
	size_t n = strlen(dir);
	char *path = NULL;

	while (n && dir[n - 1] == '/')
		n--;
	while (*name == '/')
		name++;
	if (asprintf(&path, "%.*s/%s", (int)n, dir, name) < 0)
		return NULL;
	return path;
}

const char *path_base(const char *path)
{
	const char *slash = strrchr(path, '/');

	return slash ? slash + 1 : path;
}

static bool is_alnum(char c)
{
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') ||
	       (c >= 'A' && c <= 'Z');
}

bool id_is_valid(const char *id)
{
	size_t i;

	if (!is_alnum(id[0]))
		return false;
	for (i = 0; id[i]; i++)
		if (i >= ID_MAX || (!is_alnum(id[i]) && !strchr("_.+-", id[i])))
			return false;
	return true;
}
