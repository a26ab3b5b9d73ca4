// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/capability.h"
#include "runtime/oci/spec.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

#include "base/path.h"
#include "os/io.h"
#include "runtime/oci/spec_tables.h"

#define HOSTNAME_LEN_MAX 64 /* the kernel's __NEW_UTS_LEN */

static const struct decode_table root_table = {
	.desc = &grpc__root__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "path",
			 .name = "Path",
			 .flags = DECODE_REQUIRED | DECODE_NONEMPTY |
				  DECODE_PATH},
			{.key = "readonly", .name = "Readonly"},
			{0},
		},
};

static const struct decode_table hook_table = {
	.desc = &grpc__hook__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "path",
			 .name = "Path",
			 .flags = DECODE_REQUIRED | DECODE_ABSOLUTE},
			{.key = "args", .name = "Args", .flags = DECODE_WORD},
			{.key = "env", .name = "Env", .flags = DECODE_WORD},
			{.key = "timeout",
			 .name = "Timeout",
			 .flags = DECODE_RANGE,
			 .min = 1,
			 .max = INT32_MAX},
			{0},
		},
};

#define HOOKS(k, n)                                                            \
	{                                                                      \
		.key = (k), .name = (n), .sub = &hook_table,                   \
	}

static const struct decode_table hooks_table = {
	.desc = &grpc__hooks__descriptor,
	.fields =
		(const struct decode_field[]){
			HOOKS("prestart", "Prestart"),
			HOOKS("poststart", "Poststart"),
			HOOKS("poststop", "Poststop"),
			HOOKS("createRuntime", "CreateRuntime"),
			HOOKS("createContainer", "CreateContainer"),
			HOOKS("startContainer", "StartContainer"),
			{0},
		},
};

/* "<container>:<host>:<size>,…" of mounts[index].KEY */
static int take_mount_map(struct decoder *d, json_object *o, const char *key,
			  const char *name)
{
	cleanup_buf struct buf text = BUF_INIT(64u << 10);
	json_object *list;
	char extra[64];
	size_t i, index = d->index;
	int r = decode_get(d, o, key, json_type_array, &list);

	if (r <= 0)
		return r;
	for (i = 0; i < json_object_array_length(list); i++) {
		ProtobufCMessage *msg;
		Grpc__LinuxIDMapping *m;
		size_t mark = decode_enter(d, key);

		(void)decode_enter_index(d, i);
		r = decode_message(d, &id_mapping_table,
				   json_object_array_get_idx(list, i), &msg);
		if (r < 0)
			return r;
		decode_leave(d, mark);
		m = (Grpc__LinuxIDMapping *)msg;
		(void)buf_printf(&text, "%s%" PRIu32 ":%" PRIu32 ":%" PRIu32,
				 i ? "," : "", m->containerid, m->hostid,
				 m->size);
	}
	if (!buf_cstr(&text))
		return decode_fail(d, -E2BIG, key, "too many mappings");
	(void)snprintf(extra, sizeof(extra), "mount.%zu.%s", index, name);
	return spec_add_extra(d, extra, "%s", buf_cstr(&text));
}

static int mount_finish(struct decoder *d, json_object *o, void *msg)
{
	Grpc__Mount *m = msg;
	int r;

	/* Relative ones are old but legal: they start at the root. */
	if (*m->destination != '/')
		m->destination = arena_printf(d->arena, "/%s", m->destination);
	if (!m->destination)
		return decode_fail(d, -ENOMEM, NULL, "out of memory");
	r = take_mount_map(d, o, "uidMappings", "uidmap");
	if (r < 0)
		return r;
	return take_mount_map(d, o, "gidMappings", "gidmap");
}

static const struct decode_table mount_table = {
	.desc = &grpc__mount__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "destination",
			 .name = "destination",
			 .flags = DECODE_REQUIRED | DECODE_NONEMPTY |
				  DECODE_PATH},
			{.key = "source", .name = "source", .flags = DECODE_PATH},
			{.key = "type", .name = "type", .flags = DECODE_PATH},
			{.key = "options",
			 .name = "options",
			 .flags = DECODE_PATH | DECODE_NONEMPTY},
			{0},
		},
	.finish = mount_finish,
};

static int check_version(struct decoder *d, const char *version)
{
	static const char digits[] = "0123456789";
	const char *p = version;
	size_t minor, patch;

	p += strncmp(p, "1.", 2) ? 0 : 2;
	minor = strspn(p, digits);
	patch = p[minor] == '.' ? strspn(p + minor + 1, digits) : 0;
	/* "-dev" and the like may follow. */
	if (p == version || !minor || !patch)
		return decode_fail(d, -EINVAL, "ociVersion",
				   "'%.128s' is not a version 1.x.y", version);
	return 0;
}

static int spec_finish(struct decoder *d, json_object *o, void *msg)
{
	Grpc__Spec *s = msg;
	const char *domain;
	size_t i;
	int r = check_version(d, s->version);

	if (r < 0)
		return r;
	if (strlen(s->hostname) > HOSTNAME_LEN_MAX)
		return decode_fail(d, -EINVAL, "hostname",
				   "longer than %d characters",
				   HOSTNAME_LEN_MAX);
	for (i = 0; i < s->n_annotations; i++)
		if (!strncmp(s->annotations[i]->key, SPEC_EXTRA_PREFIX,
			     strlen(SPEC_EXTRA_PREFIX)))
			return decode_fail(d, -EINVAL, "annotations",
					   "'%.128s' is reserved",
					   s->annotations[i]->key);
	r = decode_get_str(d, o, "domainname", &domain);
	if (r > 0 && strlen(domain) > HOSTNAME_LEN_MAX)
		return decode_fail(d, -EINVAL, "domainname",
				   "longer than %d characters",
				   HOSTNAME_LEN_MAX);
	if (r > 0)
		r = spec_add_extra(d, "domainname", "%s", domain);
	return r;
}

const struct decode_table spec_table = {
	.desc = &grpc__spec__descriptor,
	.fields =
		(const struct decode_field[]){
			{.key = "ociVersion",
			 .name = "Version",
			 .flags = DECODE_REQUIRED},
			{.key = "process",
			 .name = "Process",
			 .flags = DECODE_REQUIRED,
			 .sub = &process_table},
			{.key = "root",
			 .name = "Root",
			 .flags = DECODE_REQUIRED,
			 .sub = &root_table},
			{.key = "hostname", .name = "Hostname"},
			{.key = "mounts", .name = "Mounts", .sub = &mount_table},
			{.key = "hooks", .name = "Hooks", .sub = &hooks_table},
			{.key = "annotations",
			 .name = "Annotations",
			 .flags = DECODE_MAP},
			{.key = "linux", .name = "Linux", .sub = &linux_table},
			{0},
		},
	.finish = spec_finish,
};

/* Appends to the vector *V of *N entries, which grows by doubling: the arena
 * has no way to give back what is outgrown. */
static int add_entry(struct arena *a, Grpc__Spec__AnnotationsEntry ***v,
		     size_t *n, size_t *size, const char *key, char *value)
{
	Grpc__Spec__AnnotationsEntry *e = arena_alloc(a, sizeof(*e));

	if (*n == *size) {
		size_t grown = *size ? 2 * *size : 8;
		Grpc__Spec__AnnotationsEntry **copy =
			arena_array(a, grown, sizeof(*copy));

		if (!copy)
			return -ENOMEM;
		if (*n)
			memcpy(copy, *v, *n * sizeof(*copy));
		*v = copy;
		*size = grown;
	}
	if (!e || !value)
		return -ENOMEM;
	grpc__spec__annotations_entry__init(e);
	e->key = arena_strdup(a, key);
	e->value = value;
	if (!e->key)
		return -ENOMEM;
	(*v)[(*n)++] = e;
	return 0;
}

int spec_add_extra(struct decoder *d, const char *key, const char *fmt, ...)
{
	char *name, *value = NULL;
	struct spec *s = d->spec;
	va_list ap;
	int n;

	if (!s) {
		d->extra_ignored = true;
		return 0;
	}
	va_start(ap, fmt);
	n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	name = arena_printf(d->arena, SPEC_EXTRA_PREFIX "%s", key);
	if (n >= 0)
		value = arena_alloc(d->arena, (size_t)n + 1);
	if (name && value) {
		va_start(ap, fmt);
		(void)vsnprintf(value, (size_t)n + 1, fmt, ap);
		va_end(ap);
	}
	if (!name || add_entry(d->arena, &s->extra, &s->n_extra, &s->extra_size,
			       name, value) < 0)
		return decode_fail(d, -ENOMEM, NULL, "out of memory");
	return 0;
}

int spec_set_annotation(struct spec *s, const char *key, const char *value)
{
	Grpc__Spec *w = s->wire;
	char *copy = arena_strdup(&s->arena, value);
	size_t i, size = w->n_annotations;

	if (!copy)
		return -ENOMEM;
	for (i = 0; i < w->n_annotations; i++) {
		if (!strcmp(w->annotations[i]->key, key)) {
			w->annotations[i]->value = copy;
			return 0;
		}
	}
	return add_entry(&s->arena, &w->annotations, &w->n_annotations, &size,
			 key, copy);
}

int spec_extra_to_wire(struct spec *s)
{
	size_t i;
	int r;

	for (i = 0; i < s->n_extra; i++) {
		r = spec_set_annotation(s, s->extra[i]->key,
					s->extra[i]->value);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool has_option(const Grpc__Mount *m, const char *name)
{
	size_t i;

	for (i = 0; i < m->n_options; i++)
		if (!strcmp(m->options[i], name))
			return true;
	return false;
}

static bool is_readonly(const Grpc__Mount *m)
{
	bool ro = false;
	size_t i;

	for (i = 0; i < m->n_options; i++) {
		if (!strcmp(m->options[i], "ro"))
			ro = true;
		else if (!strcmp(m->options[i], "rw"))
			ro = false;
	}
	return ro;
}

static int host_mount(struct spec *s, size_t i, struct err *reterr)
{
	struct spec_mount *m = &s->mounts[i];

	m->wire = s->wire->mounts[i];
	m->recursive = has_option(m->wire, "rbind");
	m->bind = m->recursive || has_option(m->wire, "bind") ||
		  !strcmp(m->wire->type, "bind");
	m->readonly = is_readonly(m->wire);
	if (!m->bind)
		return 0;
	if (!*m->wire->source)
		return err_set(reterr, -EINVAL,
			       "mounts[%zu].source: missing for a bind mount",
			       i);
	m->source = m->wire->source;
	if (*m->source != '/')
		m->source = arena_printf(&s->arena, "%s/%s", s->bundle,
					 m->wire->source);
	if (!m->source)
		return err_set(reterr, -ENOMEM, "out of memory");
	return 0;
}

/* What the host works with, from the wire message. */
static int host_view(struct spec *s, const char *bundle, struct err *reterr)
{
	Grpc__Spec *w = s->wire;
	size_t i;
	int r;

	s->bundle = arena_strdup(&s->arena, bundle);
	if (w->root->path[0] == '/')
		s->rootfs = w->root->path;
	else
		s->rootfs = arena_printf(&s->arena, "%s/%s", bundle,
					 w->root->path);
	s->mounts = arena_array(&s->arena, w->n_mounts, sizeof(*s->mounts));
	if (!w->linux) {
		w->linux = arena_alloc(&s->arena, sizeof(*w->linux));
		if (w->linux)
			grpc__linux__init(w->linux);
	}
	if (!s->bundle || !s->rootfs || !s->mounts || !w->linux)
		return err_set(reterr, -ENOMEM, "out of memory");
	s->rootfs_readonly = w->root->readonly;
	s->terminal = w->process->terminal;
	capabilities_drop_unknown(w->process->capabilities);
	if (w->process->consolesize) {
		s->console_width = w->process->consolesize->width;
		s->console_height = w->process->consolesize->height;
	}
	for (i = 0; i < w->n_mounts; i++) {
		r = host_mount(s, i, reterr);
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_text(struct decoder *d, const char *text, size_t n,
		       const struct decode_table *table, ProtobufCMessage **ret)
{
	cleanup_json json_object *o = NULL;
	int r = json_parse_text(text, n, SPEC_DEPTH_MAX, &o, d->err);

	if (r < 0)
		return r;
	return decode_message(d, table, o, ret);
}

int spec_parse(const char *text, size_t n, const char *bundle,
	       struct spec **ret, struct err *reterr)
{
	cleanup_spec struct spec *s = calloc(1, sizeof(*s));
	struct decoder d = {.err = reterr};
	ProtobufCMessage *msg;
	int r;

	if (!s)
		return err_set(reterr, -ENOMEM, "out of memory");
	d.spec = s;
	d.arena = &s->arena;
	r = decode_text(&d, text, n, &spec_table, &msg);
	if (r < 0)
		return r;
	s->wire = (Grpc__Spec *)msg;
	r = host_view(s, bundle, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(s);
	return 0;
}

/* A pipe or a device would keep us waiting for its other end; who names one
 * of its own descriptors wants that. */
static int read_spec(const char *path, char **ret, size_t *n,
		     struct err *reterr)
{
	struct stat st;
	int r;

	if (stat(path, &st) < 0)
		return err_errno(reterr, "read '%.256s'", path);
	if (!S_ISREG(st.st_mode) && strncmp(path, "/dev/", 5) != 0 &&
	    strncmp(path, "/proc/", 6) != 0)
		return err_set(reterr, S_ISDIR(st.st_mode) ? -EISDIR : -EINVAL,
			       "read '%.256s': not a file", path);
	r = read_file(AT_FDCWD, path, SPEC_FILE_MAX, ret, n);
	if (r == -EFBIG)
		return err_set(reterr, r, "read '%.256s': larger than %u MiB",
			       path, SPEC_FILE_MAX >> 20);
	return r < 0 ? err_code(reterr, r, "read '%.256s'", path) : 0;
}

int spec_load_file(const char *file, const char *bundle, struct spec **ret,
		   struct err *reterr)
{
	cleanup_free char *dir = realpath(bundle, NULL), *path = NULL;
	cleanup_free char *text = NULL;
	size_t n;
	int r;

	if (!dir)
		return err_errno(reterr, "bundle '%s'", bundle);
	path = *file == '/' ? strdup(file) : path_join(dir, file);
	if (!path)
		return err_set(reterr, -ENOMEM, "out of memory");
	r = read_spec(path, &text, &n, reterr);
	if (r < 0)
		return r;
	r = spec_parse(text, n, dir, ret, reterr);
	if (r < 0)
		return err_wrap(reterr, "%s", path);
	return 0;
}

int spec_load(const char *bundle, struct spec **ret, struct err *reterr)
{
	return spec_load_file(SPEC_FILE_NAME, bundle, ret, reterr);
}

void spec_free(struct spec *s)
{
	if (!s)
		return;
	arena_release(&s->arena);
	free(s);
}

const char *spec_annotation(const struct spec *s, const char *key)
{
	size_t i;

	for (i = 0; i < s->wire->n_annotations; i++)
		if (!strcmp(s->wire->annotations[i]->key, key))
			return s->wire->annotations[i]->value;
	return NULL;
}

const char *spec_namespace(const struct spec *s, const char *type)
{
	const Grpc__Linux *l = s->wire->linux;
	size_t i;

	for (i = 0; i < l->n_namespaces; i++)
		if (!strcmp(l->namespaces[i]->type, type))
			return l->namespaces[i]->path;
	return NULL;
}

const char *spec_process_env(const Grpc__Process *p, const char *name)
{
	size_t i, n = strlen(name);

	for (i = 0; i < p->n_env; i++)
		if (!strncmp(p->env[i], name, n) && p->env[i][n] == '=')
			return p->env[i] + n + 1;
	return NULL;
}

static int parse_part(const char *text, size_t n, struct arena *arena,
		      const struct decode_table *table, ProtobufCMessage **ret,
		      bool *extra_ignored, struct err *reterr)
{
	struct decoder d = {.err = reterr, .arena = arena};
	int r = decode_text(&d, text, n, table, ret);

	if (r == 0 && extra_ignored)
		*extra_ignored = d.extra_ignored;
	return r;
}

int spec_process_parse(const char *text, size_t n, struct arena *arena,
		       Grpc__Process **ret, bool *extra_ignored,
		       struct err *reterr)
{
	ProtobufCMessage *msg;
	int r = parse_part(text, n, arena, &process_table, &msg, extra_ignored,
			   reterr);

	if (r == 0) {
		*ret = (Grpc__Process *)msg;
		capabilities_drop_unknown((*ret)->capabilities);
	}
	return r;
}

int spec_resources_parse(const char *text, size_t n, struct arena *arena,
			 Grpc__LinuxResources **ret, struct err *reterr)
{
	ProtobufCMessage *msg;
	int r = parse_part(text, n, arena, &resources_table, &msg, NULL,
			   reterr);

	if (r == 0)
		*ret = (Grpc__LinuxResources *)msg;
	return r;
}

static int read_part(const char *path, char **ret, size_t *n,
		     struct err *reterr)
{
	const char *file = strcmp(path, "-") ? path : "/dev/stdin";
	int r = read_file(AT_FDCWD, file, SPEC_FILE_MAX, ret, n);

	if (r < 0)
		return err_code(reterr, r, "read '%s'", path);
	return 0;
}

int spec_process_load(const char *path, struct arena *arena,
		      Grpc__Process **ret, bool *extra_ignored,
		      struct err *reterr)
{
	cleanup_free char *text = NULL;
	size_t n;
	int r = read_part(path, &text, &n, reterr);

	if (r < 0)
		return r;
	r = spec_process_parse(text, n, arena, ret, extra_ignored, reterr);
	if (r < 0)
		return err_wrap(reterr, "%s", path);
	return 0;
}

int spec_resources_load(const char *path, struct arena *arena,
			Grpc__LinuxResources **ret, struct err *reterr)
{
	cleanup_free char *text = NULL;
	size_t n;
	int r = read_part(path, &text, &n, reterr);

	if (r < 0)
		return r;
	r = spec_resources_parse(text, n, arena, ret, reterr);
	if (r < 0)
		return err_wrap(reterr, "%s", path);
	return 0;
}
