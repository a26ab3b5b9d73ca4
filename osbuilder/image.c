// SPDX-License-Identifier: Apache-2.0
#include "image.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "base/macros.h"
#include "cpio.h"
#include "fileio.h"
#include "uuid.h"

static const uint8_t zstd_magic[] = {0x28, 0xb5, 0x2f, 0xfd};

void image_release(struct image *i)
{
	tree_release(&i->tree);
	buf_release(&i->archive);
}

static int open_fs(struct image *i, const uint8_t *data, size_t n,
		   struct err *reterr)
{
	uint64_t end;
	int r;

	layout_find(data, n, &i->layout);
	data += i->layout.fs_pos;
	i->fs = fs_probe(data, i->layout.fs_size);
	if (!i->fs)
		return err_set(reterr, -EINVAL,
			       "neither an initrd nor a known filesystem");
	i->kind = IMAGE_FS;
	r = i->fs->read(data, i->layout.fs_size, &i->tree, &i->info, reterr);
	if (r < 0)
		return r;
	/* The writer's place for it; the sum is bounded by the reader. */
	end = ALIGN_UP(i->info.blocks * i->info.block_size, LAYOUT_ALIGN);
	i->layout.has_verity = verity_read(data, i->layout.fs_size, end,
					   &i->layout.verity);
	return 0;
}

static int open_any(struct image *ret, const uint8_t *data, size_t n,
		    struct err *reterr)
{
	int r;

	*ret = (struct image){.archive = BUF_INIT(IMAGE_MAX)};
	if (n >= sizeof(zstd_magic) &&
	    !memcmp(data, zstd_magic, sizeof(zstd_magic))) {
		r = zstd_decompress(data, n, &ret->archive, reterr);
		if (r < 0)
			return r;
		ret->compressed = true;
		data = buf_data(&ret->archive);
		n = ret->archive.len;
	}
	if (!cpio_probe(data, n) && !ret->compressed)
		return open_fs(ret, data, n, reterr);
	ret->data = data;
	ret->size = n;
	return cpio_read(data, n, &ret->tree, reterr);
}

int image_open(struct image *ret, const uint8_t *data, size_t n,
	       struct err *reterr)
{
	int r = open_any(ret, data, n, reterr);

	if (r == 0)
		identity_find(&ret->tree, &ret->identity);
	return r;
}

static void put_number(struct json_object *o, const char *key, uint64_t v)
{
	(void)json_object_object_add(o, key, json_object_new_uint64(v));
}

static void put_text(struct json_object *o, const char *key, const char *v)
{
	(void)json_object_object_add(o, key, json_object_new_string(v));
}

static void put_bool(struct json_object *o, const char *key, bool v)
{
	(void)json_object_object_add(o, key, json_object_new_boolean(v));
}

struct json_object *json_bytes(const void *p, size_t n)
{
	size_t size = 4 * n + 8; /* log_escape() keeps some room */
	cleanup_free char *text = malloc(size);

	return text ? json_object_new_string(log_escape(text, size, p, n)) :
		      NULL;
}

static void put_fs(struct json_object *o, const struct image *i)
{
	char uuid[UUID_TEXT_SIZE];

	uuid_format(i->info.uuid, uuid);
	put_text(o, "format", i->fs->name);
	layout_to_json(i, o);
	put_text(o, "compression", i->info.compress ? i->info.compress : "none");
	put_number(o, "block_size", i->info.block_size);
	put_number(o, "blocks", i->info.blocks);
	put_number(o, "inodes", i->info.inodes);
	put_text(o, "uuid", uuid);
	(void)json_object_object_add(o, "label",
				     json_bytes(i->info.label,
						strlen(i->info.label)));
	put_number(o, "time", (uint64_t)i->info.time);
	put_number(o, "feature_compat", i->info.feature_compat);
	put_number(o, "feature_incompat", i->info.feature_incompat);
	put_bool(o, "checksum", i->info.checksum);
}

static bool all_dax(const struct image *i)
{
	for (size_t k = 0; k < i->tree.n; k++)
		if (i->tree.v[k].type == NODE_FILE &&
		    !layout_dax(&i->layout, &i->tree.v[k]))
			return false;
	return true;
}

static void put_said(struct json_object *o, const char *key, const char *v)
{
	if (*v)
		(void)json_object_object_add(o, key,
					     json_bytes(v, strlen(v)));
}

static void put_identity(struct json_object *o, const struct identity *id)
{
	put_said(o, "agent", id->agent);
	put_said(o, "agent_path", id->agent_path ? id->agent_path : "");
	put_said(o, "os", id->os);
	put_said(o, "os_version", id->version);
	put_said(o, "profile", id->profile);
}

struct json_object *image_to_json(const struct image *i)
{
	struct json_object *o = json_object_new_object();
	char hash[SHA256_HEX_SIZE];

	if (!o)
		return NULL;
	put_identity(o, &i->identity);
	if (i->kind == IMAGE_FS) {
		put_fs(o, i);
		put_bool(o, "dax", all_dax(i));
		return o;
	}
	put_text(o, "format", "cpio");
	put_text(o, "compression", i->compressed ? "zstd" : "none");
	put_number(o, "unpacked_size", i->size);
	if (sha256_hex(i->data, i->size, hash) == 0)
		put_text(o, "unpacked_sha256", hash);
	return o;
}

/* Of each attribute its value, as text or in hexadecimal. */
static struct json_object *xattrs_to_json(const struct xattrs *x)
{
	struct json_object *o = json_object_new_object();

	for (size_t i = 0; o && i < x->n; i++) {
		cleanup_buf struct buf text = BUF_INIT(2 * XATTR_VALUE_MAX + 3);
		cleanup_free char *name = NULL;
		size_t room = 4 * strlen(x->v[i].name) + 8;

		name = malloc(room);
		xattr_value_format(&x->v[i], &text);
		if (name && buf_cstr(&text))
			put_text(o, log_escape(name, room, x->v[i].name,
					       strlen(x->v[i].name)),
				 buf_cstr(&text));
	}
	return o;
}

struct json_object *node_to_json(const struct image *i, const struct tree *t,
				 const struct node *n)
{
	struct json_object *o = json_object_new_object();
	char mode[8], hash[SHA256_HEX_SIZE];
	const char *first;

	if (!o)
		return NULL;
	(void)snprintf(mode, sizeof(mode), "%04o", n->mode);
	(void)json_object_object_add(o, "path",
				     json_bytes(n->path, strlen(n->path)));
	put_text(o, "type", node_type_name(n->type));
	put_text(o, "mode", mode);
	put_number(o, "uid", n->uid);
	put_number(o, "gid", n->gid);
	(void)json_object_object_add(o, "mtime",
				     json_object_new_int64(n->mtime));
	if (n->origin)
		put_text(o, "origin", n->origin);
	if (n->xattrs)
		(void)json_object_object_add(o, "xattrs",
					     xattrs_to_json(n->xattrs));
	if (n->unread)
		put_bool(o, "other_xattrs", true);
	first = t->v[n->first].path;
	if (strcmp(first, n->path) != 0)
		(void)json_object_object_add(o, "hardlink",
					     json_bytes(first, strlen(first)));
	if (n->type == NODE_CHAR || n->type == NODE_BLOCK) {
		put_number(o, "major", n->major);
		put_number(o, "minor", n->minor);
	} else if (n->type == NODE_LINK) {
		(void)json_object_object_add(
			o, "target", json_bytes(n->data, n->size));
	} else if (n->type == NODE_FILE) {
		put_number(o, "size", n->size);
		if (n->origin && sha256_hex(n->data, n->size, hash) == 0)
			put_text(o, "sha256", hash);
		if (i)
			put_number(o, "offset", n->pos);
		if (i && i->kind == IMAGE_FS) {
			put_bool(o, "dax", layout_dax(&i->layout, n));
			put_bool(o, "pmd", layout_pmd(&i->layout, n));
		}
	}
	return o;
}
