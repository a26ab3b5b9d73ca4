// SPDX-License-Identifier: Apache-2.0
/*
 * Docker's name server on networks of the user's listens on a loopback address
 * of the container's namespace on the host: not the guest's. The container gets
 * a resolv.conf with the address that stands for it (net_near()).
 */
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/engine/engine.h"
#include "runtime/engine/network.h"
#include "runtime/net/net.h"
#include "runtime/oci/spec.h"

#define FILE_NAME "resolv.conf"
#define FILE_MAX ((size_t)64 << 10)
#define LINE "nameserver " NET_RESOLVER

static struct spec_mount *resolv_conf(const struct spec *s)
{
	size_t i;

	for (i = 0; i < s->wire->n_mounts; i++)
		if (s->mounts[i].bind && s->mounts[i].source &&
		    !strcmp(s->mounts[i].wire->destination, "/etc/resolv.conf"))
			return &s->mounts[i];
	return NULL;
}

/* The line that names it, in TEXT, with what follows; or NULL. */
static const char *find_line(const char *text)
{
	const char *p = text;

	while ((p = strstr(p, LINE))) {
		char after = p[strlen(LINE)];

		if ((p == text || p[-1] == '\n') &&
		    (!after || after == '\n' || after == ' '))
			return p;
		p++;
	}
	return NULL;
}

bool resolver_is_wanted(struct container *c)
{
	const struct spec_mount *m = resolv_conf(c->spec);
	cleanup_free char *text = NULL;
	size_t n = 0;

	if (!m || read_file(AT_FDCWD, m->source, FILE_MAX, &text, &n) < 0 ||
	    !find_line(text))
		return false;
	free(c->resolv_conf);
	c->resolv_conf = TAKE_PTR(text);
	return true;
}

static int write_ours(const struct container *c, const char *text,
		      const char *line)
{
	cleanup_buf struct buf b = BUF_INIT(2 * FILE_MAX);
	struct journal j = JOURNAL_INIT;
	struct err ignored;
	int r = journal_open(&j, c->dirfd, &ignored);

	if (!r)
		r = journal_path(&j, "file", FILE_NAME);
	journal_close(&j);
	if (!r)
		r = buf_put(&b, text, (size_t)(line - text));
	if (!r)
		r = buf_put_str(&b, "nameserver " NET_NEAR_HOST);
	if (!r)
		r = buf_put_str(&b, line + strlen(LINE));
	return r < 0 ? r : write_file_atomic(c->dirfd, FILE_NAME, buf_data(&b),
					     b.len, 0644);
}

int resolver_replace(struct container *c, struct err *reterr)
{
	struct spec_mount *m = resolv_conf(c->spec);
	char link[64], dir[PATH_MAX], path[PATH_MAX + sizeof(FILE_NAME) + 1];
	ssize_t len;
	int r;

	/* That of a later container of the sandbox has not been read yet. */
	if (!m || !network_has_resolver(c->sandbox->network) ||
	    (!c->resolv_conf && !resolver_is_wanted(c)))
		return 0;
	r = write_ours(c, c->resolv_conf, find_line(c->resolv_conf));
	(void)snprintf(link, sizeof(link), "/proc/self/fd/%d", c->dirfd);
	len = readlink(link, dir, sizeof(dir) - 1);
	if (r < 0 || len < 0)
		return err_code(reterr, r < 0 ? r : -errno, "write '%s'",
				FILE_NAME);
	dir[len] = '\0';
	(void)snprintf(path, sizeof(path), "%s/%s", dir, FILE_NAME);
	m->source = arena_strdup(&c->spec->arena, path);
	return m->source ? 0 : err_code(reterr, -ENOMEM, "resolv.conf");
}
