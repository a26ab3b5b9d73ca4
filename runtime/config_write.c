// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <string.h>

#include "codec/json.h"
#include "runtime/config_keys.h"

static void put_string(struct buf *out, const char *s)
{
	(void)buf_put_u8(out, '"');
	for (; *s; s++) {
		unsigned char c = (unsigned char)*s;

		if (c == '"' || c == '\\')
			(void)buf_printf(out, "\\%c", c);
		else if (c < 0x20 || c == 0x7f)
			(void)buf_printf(out, "\\u%04x", c);
		else
			(void)buf_put_u8(out, c);
	}
	(void)buf_put_u8(out, '"');
}

static void put_list(struct buf *out, char *const *list)
{
	char *const *p;

	(void)buf_put_u8(out, '[');
	for (p = list; *p; p++) {
		if (p != list)
			(void)buf_put_str(out, ", ");
		put_string(out, *p);
	}
	(void)buf_put_u8(out, ']');
}

static void put_value(struct buf *out, const struct config_setting *s)
{
	switch (s->key->kind) {
	case CONFIG_STRING:
		put_string(out, s->string);
		break;
	case CONFIG_LIST:
		put_list(out, s->list);
		break;
	case CONFIG_BOOL:
		(void)buf_put_str(out, s->u32 ? "true" : "false");
		break;
	case CONFIG_ENUM:
		put_string(out, s->key->one_of[s->u32]);
		break;
	default:
		(void)buf_printf(out, "%u", s->u32);
		break;
	}
}

/* The part of a key's name before and after its last point. */
static const char *last_part(const char *name, size_t *section)
{
	const char *dot = strrchr(name, '.');

	*section = (size_t)(dot - name);
	return dot + 1;
}

static void put_line(struct buf *out, const struct config_setting *s,
		     bool origins)
{
	size_t n;

	(void)buf_printf(out, "%s = ", last_part(s->key->name, &n));
	put_value(out, s);
	if (origins)
		(void)buf_printf(out, " # %s", s->origin);
	(void)buf_put_u8(out, '\n');
}

/* The settings of one architecture; the last of a key is the one that counts,
 * and a key may be written only once. */
static void put_arch(struct buf *out, const struct config_priv *p,
		     const char *arch, bool origins)
{
	size_t i, k;

	(void)buf_printf(out, "\n[hypervisor.qemu.%s]\n", arch);
	for (i = 0; i < p->n_arch_settings; i++) {
		const struct config_setting *s = &p->arch_settings[i];

		if (strcmp(s->arch, arch))
			continue;
		for (k = i + 1; k < p->n_arch_settings; k++)
			if (p->arch_settings[k].key == s->key &&
			    !strcmp(p->arch_settings[k].arch, arch))
				break;
		if (k == p->n_arch_settings)
			put_line(out, s, origins);
	}
}

int config_write_toml(const struct config *c, bool origins, struct buf *out)
{
	const struct config_priv *p = c->priv;
	size_t i, k, n, last = 0;

	for (i = 0; i < config_n_keys; i++) {
		const char *name = config_keys[i].name;
		struct config_setting s = config_get(c, &config_keys[i]);

		(void)last_part(name, &n);
		if (n != last || strncmp(name, config_keys[i - 1].name, n))
			(void)buf_printf(out, "%s[%.*s]\n", i ? "\n" : "",
					 (int)n, name);
		last = n;
		put_line(out, &s, origins);
	}
	for (i = 0; i < p->n_arch_settings; i++) {
		const char *arch = p->arch_settings[i].arch;

		for (k = 0; k < i; k++)
			if (!strcmp(p->arch_settings[k].arch, arch))
				break;
		if (k == i)
			put_arch(out, p, arch, origins);
	}
	return buf_error(out);
}

static json_object *list_to_json(char *const *list)
{
	json_object *a = json_object_new_array();

	for (; a && *list; list++)
		(void)json_object_array_add(a, json_object_new_string(*list));
	return a;
}

static json_object *value_to_json(const struct config_setting *s)
{
	switch (s->key->kind) {
	case CONFIG_STRING:
		return json_object_new_string(s->string);
	case CONFIG_LIST:
		return list_to_json(s->list);
	case CONFIG_BOOL:
		return json_object_new_boolean((json_bool)s->u32);
	case CONFIG_ENUM:
		return json_object_new_string(s->key->one_of[s->u32]);
	default:
		return json_object_new_int64(s->u32);
	}
}

static int add_json(json_object *values, const char *name,
		    const struct config_setting *s)
{
	json_object *o = json_object_new_object();

	if (!o || json_object_object_add(values, name, o) < 0 ||
	    json_object_object_add(o, "value", value_to_json(s)) < 0 ||
	    json_object_object_add(o, "origin",
				   json_object_new_string(s->origin)) < 0)
		return -ENOMEM;
	return 0;
}

int config_write_json(const struct config *c, struct buf *out)
{
	cleanup_json json_object *doc = json_object_new_object();
	json_object *values = json_object_new_object();
	json_object *files = json_object_new_array();
	const struct config_priv *p = c->priv;
	size_t i, n;

	if (!doc || json_object_object_add(doc, "files", files) < 0 ||
	    json_object_object_add(doc, "values", values) < 0)
		return -ENOMEM;
	for (i = 0; i < p->n_files; i++)
		(void)json_object_array_add(
			files, json_object_new_string(p->files[i]));
	for (i = 0; i < config_n_keys; i++) {
		struct config_setting s = config_get(c, &config_keys[i]);

		if (add_json(values, config_keys[i].name, &s) < 0)
			return -ENOMEM;
	}
	for (i = 0; i < p->n_arch_settings; i++) {
		const struct config_setting *s = &p->arch_settings[i];
		const char *key = last_part(s->key->name, &n);
		char name[256];

		(void)snprintf(name, sizeof(name), "%.*s.%s.%s", (int)n,
			       s->key->name, s->arch, key);
		if (add_json(values, name, s) < 0)
			return -ENOMEM;
	}
	return json_write(doc, true, out);
}
