// SPDX-License-Identifier: Apache-2.0
/* What an image's layout is, as JSON. */
#include <stdio.h>
#include <string.h>

#include "image.h"
#include "uuid.h"

static void put(struct json_object *o, const char *key, struct json_object *v)
{
	(void)json_object_object_add(o, key, v);
}

static void put_number(struct json_object *o, const char *key, uint64_t v)
{
	put(o, key, json_object_new_uint64(v));
}

static void put_hex(struct json_object *o, const char *key, const uint8_t *p,
		    size_t n)
{
	char text[2 * VERITY_SALT_MAX + 1] = "";

	for (size_t i = 0; i < n; i++)
		(void)snprintf(text + 2 * i, 3, "%02x", p[i]);
	put(o, key, json_object_new_string(text));
}

static void put_uuid(struct json_object *o, const char *key,
		     const uint8_t uuid[16])
{
	char text[UUID_TEXT_SIZE];

	uuid_format(uuid, text);
	put(o, key, json_object_new_string(text));
}

static void put_partition(struct json_object *o, const char *key,
			  const struct partition *p)
{
	struct json_object *v;

	if (!p->size)
		return;
	v = json_object_new_object();
	put_number(v, "start", p->start);
	put_number(v, "size", p->size);
	put_number(v, "type", p->type);
	put(o, key, v);
}

static void put_guid(struct json_object *o, const char *key,
		     const uint8_t guid[16])
{
	char text[GUID_TEXT_SIZE];

	guid_format(guid, text);
	put(o, key, json_object_new_string(text));
}

static struct json_object *gpt_to_json(const struct gpt *g)
{
	struct json_object *o = json_object_new_object();
	struct json_object *parts = json_object_new_array();

	put_guid(o, "disk", g->disk);
	put(o, "partitions", parts);
	for (size_t i = 0; i < g->n; i++) {
		const struct gpt_partition *p = &g->v[i];
		struct json_object *one = json_object_new_object();

		put_number(one, "start", p->start);
		put_number(one, "size", p->size);
		put_guid(one, "type", p->type);
		put_guid(one, "uuid", p->uuid);
		put(one, "name", json_object_new_string(p->name));
		(void)json_object_array_add(parts, one);
	}
	return o;
}

static struct json_object *pfn_to_json(const struct pfn *p)
{
	struct json_object *o = json_object_new_object();
	char version[16];

	(void)snprintf(version, sizeof(version), "%u.%u", p->major, p->minor);
	put(o, "version", json_object_new_string(version));
	put_uuid(o, "uuid", p->uuid);
	put_uuid(o, "parent_uuid", p->parent);
	put_number(o, "mode", p->mode);
	put_number(o, "align", p->align);
	put_number(o, "dataoff", p->dataoff);
	put_number(o, "npfns", p->npfns);
	return o;
}

static struct json_object *verity_to_json(const struct image *i)
{
	const struct verity *v = &i->layout.verity;
	struct json_object *o = json_object_new_object();
	cleanup_buf struct buf text = BUF_INIT(8192);

	put(o, "intact", json_object_new_boolean(v->intact));
	put(o, "algorithm", json_object_new_string("sha256"));
	put_number(o, "data_blocks", v->data_blocks);
	put_number(o, "hash_start", v->hash_start);
	put_hex(o, "salt", v->salt, v->salt_size);
	put_hex(o, "root_hash", v->root, sizeof(v->root));
	if (verity_cmdline(v, layout_device(&i->layout), i->fs->name, &text) ==
	    0)
		put(o, "cmdline", json_object_new_string(buf_cstr(&text)));
	return o;
}

void layout_to_json(const struct image *i, struct json_object *o)
{
	const struct layout *l = &i->layout;
	struct json_object *parts;

	put(o, "layout", json_object_new_string(layout_kind_name(l->kind)));
	put_number(o, "offset", l->fs_pos);
	put_number(o, "pmem_offset", l->pmem_pos);
	if (l->whole.size || l->pmem.size) {
		parts = json_object_new_object();
		put_partition(parts, "disk", &l->whole);
		put_partition(parts, "pmem", &l->pmem);
		put(o, "partitions", parts);
	}
	if (l->gpt.present)
		put(o, "gpt", gpt_to_json(&l->gpt));
	if (l->kind != LAYOUT_PLAIN)
		put(o, "info_block", pfn_to_json(&l->pfn));
	if (l->has_verity)
		put(o, "verity", verity_to_json(i));
}
