// SPDX-License-Identifier: Apache-2.0
#include "runtime/config_keys.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/num.h"
#include "base/strv.h"
#include "runtime/suggest.h"

#define MEMORY_MAX_MIB (16u << 20)
#define VCPUS_MAX 1024

static const char *const shared_fs_names[] = {"auto", "virtio-fs", "virtio-9p",
					      "none", NULL};
static const char *const accel_names[] = {"auto", "kvm", "tcg", NULL};
static const char *const rootfs_drivers[] = {
	"auto", "virtio-blk", "virtio-pmem", "nvdimm", "initrd", NULL};
static const char *const rootfs_types[] = {"",	       "erofs", "ext4",
					   "squashfs", "xfs",	NULL};
static const char *const cache_modes[] = {"auto", "always", "never", "metadata",
					  NULL};
static const char *const block_drivers[] = {"virtio-scsi", "virtio-blk", NULL};
static const char *const confine_modes[] = {"auto", "always", "never", NULL};
static const char *const network_models[] = {"tcfilter", "macvtap", "none",
					     NULL};

#define KEY(section, member, k, ...)                                           \
	{                                                                      \
		.name = section "." #member, .kind = (k), __VA_ARGS__          \
	}
#define QEMU(member, k, d, ...)                                                \
	KEY("hypervisor.qemu", member, k,                                      \
	    .offset = offsetof(struct config, qemu.member), .def = (d),        \
	    __VA_ARGS__)
#define AGENT(member, k, d, ...)                                               \
	KEY("agent.kiln", member, k,                                           \
	    .offset = offsetof(struct config, agent.member), .def = (d),       \
	    __VA_ARGS__)
#define RUNTIME(member, k, d, ...)                                             \
	KEY("runtime", member, k,                                              \
	    .offset = offsetof(struct config, runtime.member), .def = (d),     \
	    __VA_ARGS__)
#define FILE_KEY .flags = CONFIG_PATH | CONFIG_EXPLICIT

const struct config_key config_keys[] = {
	QEMU(path, CONFIG_STRING, "''", FILE_KEY),
	QEMU(kernel, CONFIG_STRING, "''", FILE_KEY),
	QEMU(image, CONFIG_STRING, "''", FILE_KEY),
	QEMU(initrd, CONFIG_STRING, "''", FILE_KEY),
	QEMU(rootfs_type, CONFIG_STRING, "''", .one_of = rootfs_types),
	QEMU(guest, CONFIG_STRING, "'default'"),
	QEMU(firmware, CONFIG_STRING, "''", FILE_KEY),
	QEMU(machine_type, CONFIG_STRING, "''"),
	QEMU(machine_accelerators, CONFIG_STRING, "''",
	     .flags = CONFIG_EXPLICIT),
	QEMU(cpu_features, CONFIG_STRING, "''", .flags = CONFIG_EXPLICIT),
	QEMU(kernel_params, CONFIG_STRING, "''", .flags = CONFIG_APPEND),
	QEMU(entropy_source, CONFIG_STRING, "'/dev/urandom'", FILE_KEY),
	QEMU(virtio_fs_daemon, CONFIG_STRING, "''", FILE_KEY),
	QEMU(virtio_fs_cache, CONFIG_STRING, "'auto'", .one_of = cache_modes),
	QEMU(virtio_fs_extra_args, CONFIG_LIST, "[]", .flags = CONFIG_EXPLICIT),
	QEMU(block_device_driver, CONFIG_STRING, "'virtio-scsi'",
	     .one_of = block_drivers),
	QEMU(enable_annotations, CONFIG_LIST,
	     "['default_vcpus', 'default_maxvcpus', 'default_memory', "
	     "'kernel_params', 'machine_type', 'shared_fs', 'guest']",
	     .flags = CONFIG_NO_ANNOTATION),
	QEMU(shared_fs, CONFIG_ENUM, "'auto'", .one_of = shared_fs_names),
	QEMU(accel, CONFIG_ENUM, "'auto'", .one_of = accel_names),
	QEMU(vm_rootfs_driver, CONFIG_ENUM, "'auto'",
	     .one_of = rootfs_drivers),
	QEMU(default_vcpus, CONFIG_VCPUS, "1", .max = VCPUS_MAX),
	QEMU(default_maxvcpus, CONFIG_U32, "0", .max = VCPUS_MAX),
	QEMU(default_memory, CONFIG_U32, "0", .max = MEMORY_MAX_MIB),
	QEMU(default_maxmemory, CONFIG_U32, "0", .max = MEMORY_MAX_MIB),
	QEMU(msize_9p, CONFIG_U32, "524288", .min = 8192, .max = 1u << 20),
	QEMU(enable_debug, CONFIG_BOOL, "false"),
	QEMU(enable_mem_prealloc, CONFIG_BOOL, "false"),
	QEMU(enable_hugepages, CONFIG_BOOL, "false"),
	QEMU(reclaim_guest_freed_memory, CONFIG_BOOL, "true"),
	QEMU(network_queues, CONFIG_U32, "0", .max = 4),
	QEMU(network_spares, CONFIG_U32, "1", .max = 7),
	QEMU(enable_virtio_mem, CONFIG_BOOL, "true"),
	QEMU(disable_vhost_net, CONFIG_BOOL, "false"),
	QEMU(confine, CONFIG_STRING, "'auto'", .one_of = confine_modes,
	     .flags = CONFIG_EXPLICIT),
	QEMU(seccomp_sandbox, CONFIG_BOOL, "true", .flags = CONFIG_EXPLICIT),
	QEMU(verify_guest, CONFIG_BOOL, "false", .flags = CONFIG_EXPLICIT),
	AGENT(enable_debug, CONFIG_BOOL, "false"),
	AGENT(debug_console_enabled, CONFIG_BOOL, "false",
	      .flags = CONFIG_EXPLICIT),
	AGENT(kernel_modules, CONFIG_LIST, "[]"),
	AGENT(dial_timeout, CONFIG_U32, "120", .min = 1, .max = 3600),
	AGENT(silence_timeout, CONFIG_U32, "0", .max = 3600),
	RUNTIME(enable_debug, CONFIG_BOOL, "false"),
	RUNTIME(disable_guest_seccomp, CONFIG_BOOL, "false",
		.flags = CONFIG_EXPLICIT),
	RUNTIME(disable_new_netns, CONFIG_BOOL, "false",
		.flags = CONFIG_EXPLICIT),
	RUNTIME(sandbox_cgroup_only, CONFIG_BOOL, "true",
		.flags = CONFIG_EXPLICIT),
	RUNTIME(internetworking_model, CONFIG_STRING, "'tcfilter'",
		.one_of = network_models),
	RUNTIME(create_container_timeout, CONFIG_U32, "60", .min = 1,
		.max = 3600),
};
const size_t config_n_keys = ARRAY_SIZE(config_keys);

const struct config_key *config_key_find(const char *name)
{
	size_t i;

	for (i = 0; i < config_n_keys; i++)
		if (!strcmp(config_keys[i].name, name))
			return &config_keys[i];
	return NULL;
}

static const char *last_part(const char *name)
{
	const char *dot = strrchr(name, '.');

	return dot ? dot + 1 : name;
}

static const char *next_name(size_t i)
{
	return i < config_n_keys ? config_keys[i].name : NULL;
}

static const char *next_last_part(size_t i)
{
	return i < config_n_keys ? last_part(config_keys[i].name) : NULL;
}

/* People get the section right, or the key right, or half of the key. */
const char *config_key_suggest(const char *name)
{
	const char *key = last_part(name), *near;
	size_t i;

	for (i = 0; i < config_n_keys; i++)
		if (*key && strstr(last_part(config_keys[i].name), key))
			return config_keys[i].name;
	near = suggest(key, next_last_part);
	for (i = 0; near && i < config_n_keys; i++)
		if (last_part(config_keys[i].name) == near)
			return config_keys[i].name;
	return suggest(name, next_name);
}

void config_list_free(char **list)
{
	char **p;

	for (p = list; p && *p; p++)
		free(*p);
	free(list);
}

void config_setting_release(struct config_setting *s)
{
	free(s->origin);
	free(s->arch);
	free(s->string);
	config_list_free(s->list);
	memset(s, 0, sizeof(*s));
}

static char **list_copy(char *const *list)
{
	cleanup_strv struct strv v = STRV_INIT;
	char **ret;

	for (; *list; list++)
		(void)strv_add(&v, *list);
	if (strv_error(&v))
		return NULL;
	if (!v.v)
		return calloc(1, sizeof(*ret));
	ret = TAKE_PTR(v.v);
	v.n = 0;
	return ret;
}

int config_setting_copy(const struct config_setting *s,
			struct config_setting *ret)
{
	*ret = (struct config_setting){.key = s->key, .u32 = s->u32};
	if (s->origin)
		ret->origin = strdup(s->origin);
	if (s->arch)
		ret->arch = strdup(s->arch);
	if (s->string)
		ret->string = strdup(s->string);
	if (s->list)
		ret->list = list_copy(s->list);
	if (!ret->origin != !s->origin || !ret->arch != !s->arch ||
	    !ret->string != !s->string || !ret->list != !s->list) {
		config_setting_release(ret);
		return -ENOMEM;
	}
	return 0;
}

static int fail_one_of(const char *const *one_of, const char *text,
		       struct err *reterr)
{
	cleanup_buf struct buf names = BUF_INIT(512);
	const char *const *c;

	for (c = one_of; *c; c++)
		(void)buf_printf(&names, "%s%s", c == one_of ? "" : ", ", *c);
	return err_set(reterr, -EINVAL, "'%s' is none of %s", text,
		       buf_cstr(&names));
}

static int set_string(struct config_setting *s, const char *text,
		      struct err *reterr)
{
	const struct config_key *k = s->key;
	uint32_t i;

	for (i = 0; k->one_of && k->one_of[i]; i++)
		if (!strcmp(k->one_of[i], text))
			break;
	if (k->one_of && !k->one_of[i])
		return fail_one_of(k->one_of, text, reterr);
	if ((k->flags & CONFIG_PATH) && *text && *text != '/')
		return err_set(reterr, -EINVAL, "'%s' is not an absolute path",
			       text);
	s->u32 = i;
	if (k->kind == CONFIG_ENUM)
		return 0;
	s->string = strdup(text);
	return s->string ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

static int set_list(struct config_setting *s, const struct toml_value *v,
		    struct err *reterr)
{
	cleanup_strv struct strv list = STRV_INIT;
	size_t i;

	for (i = 0; i < v->n; i++) {
		if (v->items[i].type != TOML_STRING)
			return err_set(reterr, -EINVAL,
				       "element %zu: expected string, got %s",
				       i + 1,
				       toml_type_name(v->items[i].type));
		(void)strv_add(&list, v->items[i].string);
	}
	s->list = strv_error(&list) ? NULL : list_copy(strv_argv(&list));
	return s->list ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

/* As Kata's annotations have lists: "one; two". */
static int set_list_of_text(struct config_setting *s, const char *text,
			    struct err *reterr)
{
	cleanup_strv struct strv list = STRV_INIT;

	while (*text) {
		size_t n = strcspn(text, ";");
		size_t first = strspn(text, " \t");

		if (first < n)
			(void)strv_addf(&list, "%.*s", (int)(n - first),
					text + first);
		text += n + (text[n] == ';');
	}
	s->list = strv_error(&list) ? NULL : list_copy(strv_argv(&list));
	return s->list ? 0 : err_set(reterr, -ENOMEM, "out of memory");
}

static int set_vcpus(struct config_setting *s, double v, struct err *reterr)
{
	if (v < 0) {
		long n = sysconf(_SC_NPROCESSORS_ONLN);

		v = n > 0 ? (double)n : 1;
	}
	if (ceil(v) > s->key->max)
		return err_set(reterr, -ERANGE, "more than %u", s->key->max);
	s->u32 = v > 0 ? (uint32_t)ceil(v) : 1;
	return 0;
}

static int set_u32(struct config_setting *s, int64_t v, struct err *reterr)
{
	if (v < s->key->min || v > s->key->max)
		return err_set(reterr, -ERANGE, "%lld is not in %u to %u",
			       (long long)v, s->key->min, s->key->max);
	s->u32 = (uint32_t)v;
	return 0;
}

static enum toml_type wanted_type(enum config_kind kind)
{
	switch (kind) {
	case CONFIG_LIST:
		return TOML_ARRAY;
	case CONFIG_BOOL:
		return TOML_BOOL;
	case CONFIG_U32:
	case CONFIG_VCPUS:
		return TOML_INTEGER;
	default:
		return TOML_STRING;
	}
}

int config_setting_from_toml(struct config_setting *s,
			     const struct toml_value *v, struct err *reterr)
{
	enum config_kind kind = s->key->kind;

	if (kind == CONFIG_VCPUS && v->type == TOML_FLOAT)
		return set_vcpus(s, v->number, reterr);
	if (v->type != wanted_type(kind))
		return err_set(reterr, -EINVAL, "expected %s, got %s",
			       toml_type_name(wanted_type(kind)),
			       toml_type_name(v->type));
	switch (kind) {
	case CONFIG_LIST:
		return set_list(s, v, reterr);
	case CONFIG_BOOL:
		s->u32 = v->boolean;
		return 0;
	case CONFIG_U32:
		return set_u32(s, v->integer, reterr);
	case CONFIG_VCPUS:
		return set_vcpus(s, (double)v->integer, reterr);
	default:
		return set_string(s, v->string, reterr);
	}
}

/* Text that is a number, a boolean or an array is read as TOML reads it. */
static int take_value(void *arg, const char *name UNUSED,
		      const struct toml_value *v, struct err *reterr)
{
	return config_setting_from_toml(arg, v, reterr);
}

int config_setting_from_text(struct config_setting *s, const char *text,
			     struct err *reterr)
{
	cleanup_buf struct buf b = BUF_INIT(64u << 10);

	if (wanted_type(s->key->kind) == TOML_STRING)
		return set_string(s, text, reterr);
	if (s->key->kind == CONFIG_LIST && text[strspn(text, " ")] != '[')
		return set_list_of_text(s, text, reterr);
	if (strchr(text, '\n'))
		return err_set(reterr, -EINVAL, "line break in the value");
	(void)buf_printf(&b, "v = %s", text);
	if (buf_error(&b))
		return err_set(reterr, buf_error(&b), "value too long");
	return toml_parse((const char *)buf_data(&b), b.len, take_value, s,
			  reterr);
}

void config_set(struct config *c, struct config_setting *s)
{
	size_t i = (size_t)(s->key - config_keys);
	void *at = (char *)c + s->key->offset;

	switch (s->key->kind) {
	case CONFIG_STRING:
		free(*(char **)at);
		*(char **)at = TAKE_PTR(s->string);
		break;
	case CONFIG_LIST:
		config_list_free(*(char ***)at);
		*(char ***)at = TAKE_PTR(s->list);
		break;
	case CONFIG_BOOL:
		*(bool *)at = s->u32;
		break;
	case CONFIG_ENUM:
		*(int *)at = (int)s->u32;
		break;
	default:
		*(uint32_t *)at = s->u32;
		break;
	}
	free(c->priv->origins[i]);
	c->priv->origins[i] = TAKE_PTR(s->origin);
}

struct config_setting config_get(const struct config *c,
				 const struct config_key *key)
{
	const void *at = (const char *)c + key->offset;
	struct config_setting s = {
		.key = key,
		.origin = c->priv->origins[key - config_keys],
	};

	switch (key->kind) {
	case CONFIG_STRING:
		s.string = *(char *const *)at;
		break;
	case CONFIG_LIST:
		s.list = *(char **const *)at;
		break;
	case CONFIG_BOOL:
		s.u32 = *(const bool *)at;
		break;
	case CONFIG_ENUM:
		s.u32 = (uint32_t) * (const int *)at;
		break;
	default:
		s.u32 = *(const uint32_t *)at;
		break;
	}
	return s;
}

const char *config_shared_fs_name(enum config_shared_fs v)
{
	return shared_fs_names[v];
}

const char *config_accel_name(enum config_accel v)
{
	return accel_names[v];
}
