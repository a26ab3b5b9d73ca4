// SPDX-License-Identifier: Apache-2.0
#include "identity.h"

#include <string.h>

#include "base/macros.h"

/* What agent/main.c has in it for this, and the end of which is a NUL. */
static const char marker[] = "@(#)kiln-agent ";

static const char *const agents[] = {"/init", "/sbin/init", "/usr/sbin/init",
				     "/usr/bin/kiln-agent"};
static const char *const releases[] = {"/etc/os-release",
				       "/usr/lib/os-release"};

static bool find_agent(const struct node *n, struct identity *ret)
{
	const char *p = memmem(n->data, n->size, marker, sizeof(marker) - 1);
	size_t left;

	if (!p)
		return false;
	p += sizeof(marker) - 1;
	left = (size_t)((const char *)n->data + n->size - p);
	left = strnlen(p, MIN(left, sizeof(ret->agent) - 1));
	memcpy(ret->agent, p, left);
	ret->agent[left] = '\0';
	ret->agent_path = n->path;
	return true;
}

/* The value of a line "KEY=VALUE" or "KEY=\"VALUE\"". */
static void find_value(const struct node *n, const char *key, char *ret)
{
	const char *p = (const char *)n->data, *end = p + n->size, *next;
	size_t len = strlen(key);

	for (; p < end; p = next) {
		const char *stop = memchr(p, '\n', (size_t)(end - p));

		next = stop ? stop + 1 : end;
		if (!stop)
			stop = end;
		if ((size_t)(stop - p) <= len || memcmp(p, key, len) != 0)
			continue;
		p += len;
		if (stop - p >= 2 && *p == '"' && stop[-1] == '"') {
			p++;
			stop--;
		}
		len = MIN((size_t)(stop - p), (size_t)IDENTITY_TEXT_MAX - 1);
		memcpy(ret, p, len);
		ret[len] = '\0';
		return;
	}
}

static const struct node *regular(const struct tree *t, const char *path)
{
	const struct node *n = tree_find(t, path);

	return n && n->type == NODE_FILE && n->size ? n : NULL;
}

void identity_find(const struct tree *t, struct identity *ret)
{
	const struct node *n = NULL;

	*ret = (struct identity){0};
	for (size_t i = 0; i < ARRAY_SIZE(agents); i++) {
		n = regular(t, agents[i]);
		if (n && find_agent(n, ret))
			break;
	}
	n = NULL;
	for (size_t i = 0; i < ARRAY_SIZE(releases) && !n; i++)
		n = regular(t, releases[i]);
	if (!n)
		return;
	find_value(n, "ID=", ret->os);
	find_value(n, "VERSION_ID=", ret->version);
	find_value(n, "VARIANT_ID=", ret->profile);
}
