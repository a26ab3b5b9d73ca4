// SPDX-License-Identifier: Apache-2.0
#include "bundle.h"

#include <errno.h>
#include <fcntl.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/path.h"
#include "os/io.h"

#define CONFIG_MAX ((size_t)8 << 20) /* a request is smaller */

static void put_text(struct buf *b, const char *s)
{
	(void)buf_put_u8(b, '"');
	for (; *s; s++)
		if (*s == '"' || *s == '\\')
			(void)buf_printf(b, "\\%c", *s);
		else if ((unsigned char)*s < 0x20 || *s == 0x7f)
			(void)buf_printf(b, "\\u%04x", (unsigned char)*s);
		else
			(void)buf_put_u8(b, (uint8_t)*s);
	(void)buf_put_u8(b, '"');
}

/* "key": the text, with a comma before all but the first of an object. */
static void put_member(struct buf *b, const char *key, const char *value)
{
	uint8_t last = b->len ? buf_data(b)[b->len - 1] : '{';

	if (last != '{' && last != '[')
		(void)buf_put_u8(b, ',');
	put_text(b, key);
	(void)buf_put_u8(b, ':');
	if (value)
		put_text(b, value);
}

static void put_list(struct buf *b, const char *key, char *const *v, size_t n)
{
	size_t i;

	put_member(b, key, NULL);
	(void)buf_put_u8(b, '[');
	for (i = 0; i < n; i++) {
		if (i)
			(void)buf_put_u8(b, ',');
		put_text(b, v[i]);
	}
	(void)buf_put_u8(b, ']');
}

static void put_annotations(struct buf *b, const Grpc__Spec *spec)
{
	size_t i;

	(void)buf_put_u8(b, '{');
	for (i = 0; i < spec->n_annotations; i++)
		put_member(b, spec->annotations[i]->key,
			   spec->annotations[i]->value);
	(void)buf_put_u8(b, '}');
}

static void put_capabilities(struct buf *b, const Grpc__LinuxCapabilities *c)
{
	put_member(b, "capabilities", NULL);
	(void)buf_put_u8(b, '{');
	put_list(b, "bounding", c->bounding, c->n_bounding);
	put_list(b, "effective", c->effective, c->n_effective);
	put_list(b, "inheritable", c->inheritable, c->n_inheritable);
	put_list(b, "permitted", c->permitted, c->n_permitted);
	put_list(b, "ambient", c->ambient, c->n_ambient);
	(void)buf_put_u8(b, '}');
}

static void put_process(struct buf *b, const Grpc__Process *p)
{
	size_t i;

	put_member(b, "process", NULL);
	(void)buf_printf(b, "{\"terminal\":%s,\"user\":{\"uid\":%u,\"gid\":%u,"
			 "\"additionalGids\":[",
			 p->terminal ? "true" : "false",
			 p->user ? p->user->uid : 0, p->user ? p->user->gid : 0);
	for (i = 0; p->user && i < p->user->n_additionalgids; i++)
		(void)buf_printf(b, "%s%u", i ? "," : "",
				 p->user->additionalgids[i]);
	(void)buf_put_str(b, "]}");
	put_list(b, "args", p->args, p->n_args);
	put_list(b, "env", p->env, p->n_env);
	put_member(b, "cwd", p->cwd);
	if (p->capabilities)
		put_capabilities(b, p->capabilities);
	(void)buf_put_u8(b, '}');
}

static void put_mounts(struct buf *b, const Grpc__Spec *spec)
{
	size_t i;

	put_member(b, "mounts", NULL);
	(void)buf_put_u8(b, '[');
	for (i = 0; i < spec->n_mounts; i++) {
		const Grpc__Mount *m = spec->mounts[i];

		(void)buf_put_str(b, i ? ",{" : "{");
		put_member(b, "destination", m->destination);
		put_member(b, "type", m->type);
		put_member(b, "source", m->source);
		put_list(b, "options", m->options, m->n_options);
		(void)buf_put_u8(b, '}');
	}
	(void)buf_put_u8(b, ']');
}

static void put_linux(struct buf *b, const Grpc__Linux *l)
{
	size_t i;

	put_member(b, "linux", NULL);
	(void)buf_put_u8(b, '{');
	put_member(b, "cgroupsPath", l->cgroupspath);
	put_member(b, "namespaces", NULL);
	(void)buf_put_u8(b, '[');
	for (i = 0; i < l->n_namespaces; i++) {
		(void)buf_put_str(b, i ? ",{" : "{");
		put_member(b, "type", l->namespaces[i]->type);
		if (*l->namespaces[i]->path)
			put_member(b, "path", l->namespaces[i]->path);
		(void)buf_put_u8(b, '}');
	}
	(void)buf_put_u8(b, ']');
	put_member(b, "devices", NULL);
	(void)buf_put_u8(b, '[');
	for (i = 0; i < l->n_devices; i++) {
		(void)buf_put_str(b, i ? ",{" : "{");
		put_member(b, "path", l->devices[i]->path);
		put_member(b, "type", l->devices[i]->type);
		(void)buf_printf(b, ",\"major\":%lld,\"minor\":%lld}",
				 (long long)l->devices[i]->major,
				 (long long)l->devices[i]->minor);
	}
	(void)buf_put_str(b, "]}");
}

char *bundle_annotations(const Grpc__Spec *spec)
{
	cleanup_buf struct buf b = BUF_INIT(CONFIG_MAX);

	put_annotations(&b, spec);
	return buf_take_cstr(&b);
}

int bundle_write(const char *dir, const Grpc__Spec *spec, struct err *reterr)
{
	cleanup_buf struct buf b = BUF_INIT(CONFIG_MAX);
	cleanup_free char *path = path_join(dir, "config.json");
	int r;

	(void)buf_put_u8(&b, '{');
	put_member(&b, "ociVersion", spec->version);
	put_member(&b, "hostname", spec->hostname);
	put_member(&b, "root", NULL);
	(void)buf_put_u8(&b, '{');
	put_member(&b, "path", spec->root->path);
	(void)buf_printf(&b, ",\"readonly\":%s}",
			 spec->root->readonly ? "true" : "false");
	put_process(&b, spec->process);
	put_mounts(&b, spec);
	put_member(&b, "annotations", NULL);
	put_annotations(&b, spec);
	put_linux(&b, spec->linux);
	(void)buf_put_str(&b, "}\n");
	r = buf_error(&b);
	if (!r)
		r = path ? make_dirs(dir, 0755) : -ENOMEM;
	if (!r)
		r = write_file_atomic(AT_FDCWD, path, buf_data(&b), b.len,
				      0600);
	return r < 0 ? err_code(reterr, r, "write '%.200s/config.json'", dir)
		     : 0;
}

void bundle_remove(const char *dir)
{
	cleanup_free char *path = path_join(dir, "config.json");

	if (path)
		(void)unlink(path);
	(void)rmdir(dir);
}
