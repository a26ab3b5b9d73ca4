// SPDX-License-Identifier: Apache-2.0
#include "runtime/config.h"

#include <ctype.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <fnmatch.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "arch/arch.h"
#include "base/path.h"
#include "base/strv.h"
#include "os/io.h"
#include "runtime/config_keys.h"

#ifndef KILN_PREFIX
#define KILN_PREFIX "/usr/local"
#endif
#ifndef KILN_SYSCONFDIR
#define KILN_SYSCONFDIR "/etc"
#endif

#define QEMU_SECTION "hypervisor.qemu."
#define ANNOTATION_PREFIX "io.katacontainers.config."
#define DROP_IN_DIR "config.d"

static const char *const config_places[] = {
	KILN_SYSCONFDIR "/kiln/configuration.toml",
	KILN_PREFIX "/share/kiln/configuration.toml",
};

/* What a value that is being read belongs to. */
struct reading {
	struct config *config;
	const char *name; /* of the file */
};

static int no_memory(struct err *reterr)
{
	return err_set(reterr, -ENOMEM, "out of memory");
}

static int keep_for_arch(struct config *c, struct config_setting *s,
			 struct err *reterr)
{
	struct config_priv *p = c->priv;
	struct config_setting *grown;

	grown = reallocarray(p->arch_settings, p->n_arch_settings + 1,
			     sizeof(*grown));
	if (!grown)
		return no_memory(reterr);
	p->arch_settings = grown;
	grown[p->n_arch_settings++] = *s;
	memset(s, 0, sizeof(*s));
	return 0;
}

/*
 * Kata's section of the agent counts as ours. A name between the hypervisor
 * and the key is an architecture: *ARCH. KEY gets the name without it.
 */
static void split_name(const char *name, char *key, size_t size,
		       const char **arch)
{
	const struct arch_desc *const *a;
	size_t n = strlen(QEMU_SECTION);

	*arch = NULL;
	(void)snprintf(key, size, "%s", name);
	if (!strncmp(name, "agent.kata.", 11)) {
		(void)snprintf(key, size, "agent.kiln.%s", name + 11);
		return;
	}
	if (strncmp(name, QEMU_SECTION, n))
		return;
	for (a = arch_all; *a; a++) {
		size_t len = strlen((*a)->name);

		if (!strncmp(name + n, (*a)->name, len) &&
		    name[n + len] == '.') {
			*arch = (*a)->name;
			(void)snprintf(key, size, QEMU_SECTION "%s",
				       name + n + len + 1);
		}
	}
}

static int fail_unknown(const struct reading *rd, const char *name,
			const char *key, const struct toml_value *v,
			struct err *reterr)
{
	const char *near = config_key_suggest(key);

	if (near)
		return err_set(reterr, -EINVAL,
			       "%s:%u: unknown key '%s', is '%s' meant?",
			       rd->name, v->line, name, near);
	return err_set(reterr, -EINVAL, "%s:%u: unknown key '%s'", rd->name,
		       v->line, name);
}

static int read_key(void *arg, const char *name, const struct toml_value *v,
		    struct err *reterr)
{
	cleanup(config_setting_release) struct config_setting s = {0};
	const struct reading *rd = arg;
	char key[300];
	const char *arch;
	int r;

	split_name(name, key, sizeof(key), &arch);
	s.key = config_key_find(key);
	if (!s.key)
		return fail_unknown(rd, name, key, v, reterr);
	r = config_setting_from_toml(&s, v, reterr);
	if (r < 0) {
		(void)err_wrap(reterr, "%s:%u:%u: %s", rd->name, v->line,
			       v->column, name);
		return r;
	}
	if (arch) {
		s.arch = strdup(arch);
		if (!s.arch)
			return no_memory(reterr);
	}
	if (asprintf(&s.origin, "%s:%u", rd->name, v->line) < 0) {
		s.origin = NULL;
		return no_memory(reterr);
	}
	if (arch)
		return keep_for_arch(rd->config, &s, reterr);
	config_set(rd->config, &s);
	return 0;
}

int config_parse(struct config *c, const char *text, size_t n,
		 const char *name, struct err *reterr)
{
	struct reading rd = {.config = c, .name = name};
	struct err inner;
	size_t len = strlen(name);
	int r = toml_parse(text, n, read_key, &rd, &inner);

	if (r >= 0)
		return r;
	/* Syntax errors have the position only, those of keys the file too, and
	 * those of the whole text neither. */
	if (!strncmp(inner.text, name, len) && inner.text[len] == ':')
		return err_set(reterr, r, "%s", inner.text);
	return err_set(reterr, r, "%s:%s%s", name,
		       isdigit((unsigned char)*inner.text) ? "" : " ",
		       inner.text);
}

static int set_defaults(struct config *c, struct err *reterr)
{
	cleanup_buf struct buf b = BUF_INIT(64u << 10);
	size_t i;
	int r;

	for (i = 0; i < config_n_keys; i++)
		(void)buf_printf(&b, "%s = %s\n", config_keys[i].name,
				 config_keys[i].def);
	if (buf_error(&b))
		return no_memory(reterr);
	r = config_parse(c, (const char *)buf_data(&b), b.len, "default",
			 reterr);
	if (r < 0)
		return r;
	for (i = 0; i < config_n_keys; i++) {
		free(c->priv->origins[i]);
		c->priv->origins[i] = strdup("default");
		if (!c->priv->origins[i])
			return no_memory(reterr);
	}
	return 0;
}

int config_new(struct config **ret, struct err *reterr)
{
	cleanup_config struct config *c = calloc(1, sizeof(*c));
	int r;

	if (!c)
		return no_memory(reterr);
	c->priv = calloc(1, sizeof(*c->priv));
	if (!c->priv)
		return no_memory(reterr);
	c->priv->origins = calloc(config_n_keys, sizeof(char *));
	if (!c->priv->origins)
		return no_memory(reterr);
	r = set_defaults(c, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

void config_free(struct config *c)
{
	struct config_priv *p;
	size_t i;

	if (!c)
		return;
	p = c->priv;
	for (i = 0; p && p->origins && i < config_n_keys; i++) {
		struct config_setting s = config_get(c, &config_keys[i]);

		config_setting_release(&s);
	}
	if (p) {
		for (i = 0; i < p->n_arch_settings; i++)
			config_setting_release(&p->arch_settings[i]);
		for (i = 0; i < p->n_files; i++)
			free(p->files[i]);
		free(p->arch_settings);
		free(p->origins);
		free(p->files);
		free(p->file);
	}
	free(p);
	free(c);
}

const char *config_file(const struct config *c)
{
	return c->priv->file ? c->priv->file : "";
}

static int note_file(struct config *c, const char *path, struct err *reterr)
{
	struct config_priv *p = c->priv;
	char **grown = reallocarray(p->files, p->n_files + 1, sizeof(*grown));

	if (!grown)
		return no_memory(reterr);
	p->files = grown;
	grown[p->n_files] = strdup(path);
	if (!grown[p->n_files])
		return no_memory(reterr);
	p->n_files++;
	return 0;
}

/* 1 when read, 0 when it is not there, else -errno. */
static int read_config_file(struct config *c, const char *path,
			    struct err *reterr)
{
	cleanup_free char *text = NULL;
	size_t n;
	int r = read_file(AT_FDCWD, path, TOML_FILE_MAX, &text, &n);

	if (r == -ENOENT || r == -ENOTDIR)
		return 0;
	if (r < 0)
		return err_code(reterr, r, "read configuration '%s'", path);
	r = config_parse(c, text, n, path, reterr);
	if (r < 0)
		return r;
	r = note_file(c, path, reterr);
	return r < 0 ? r : 1;
}

static int is_drop_in(const struct dirent *d)
{
	size_t n = strlen(d->d_name);

	return d->d_name[0] != '.' && n > 5 &&
	       !strcmp(d->d_name + n - 5, ".toml");
}

static int read_drop_ins(struct config *c, const char *file, struct err *reterr)
{
	cleanup_free char *dir = NULL;
	struct dirent **names = NULL;
	const char *base = path_base(file);
	int n, i, r = 0;

	if (asprintf(&dir, "%.*s" DROP_IN_DIR, (int)(base - file), file) < 0) {
		dir = NULL;
		return no_memory(reterr);
	}
	n = scandir(dir, &names, is_drop_in, alphasort);
	if (n < 0 && (errno == ENOENT || errno == ENOTDIR))
		return 0;
	if (n < 0)
		return err_errno(reterr, "read directory '%s'", dir);
	for (i = 0; i < n; i++) {
		cleanup_free char *path = path_join(dir, names[i]->d_name);

		if (r >= 0 && !path)
			r = no_memory(reterr);
		if (r >= 0)
			r = read_config_file(c, path, reterr);
		free(names[i]);
	}
	free(names);
	return MIN(r, 0);
}

/* What no single key can be blamed for. */
static int check_config(const struct config *c, struct err *reterr)
{
	const struct config_qemu *q = &c->qemu;

	if (*q->image && *q->initrd)
		return err_set(reterr, -EINVAL,
			       "configuration: image and initrd exclude each "
			       "other, and both are set");
	if (q->default_maxvcpus && q->default_vcpus > q->default_maxvcpus)
		return err_set(reterr, -EINVAL,
			       "configuration: default_vcpus %u is above "
			       "default_maxvcpus %u",
			       q->default_vcpus, q->default_maxvcpus);
	if (q->default_maxmemory && q->default_memory > q->default_maxmemory)
		return err_set(reterr, -EINVAL,
			       "configuration: default_memory %u is above "
			       "default_maxmemory %u",
			       q->default_memory, q->default_maxmemory);
	return 0;
}

/* The main file: 1 with c->priv->file set, 0 for none, -errno. */
static int read_main_file(struct config *c, const char *path,
			  struct err *reterr)
{
	bool wanted = true;
	size_t i = 0;
	int r;

	if (!path || !*path)
		path = getenv("KILN_CONF_FILE");
	if (!path || !*path) {
		wanted = false;
		path = config_places[i++];
	}
	for (;;) {
		r = read_config_file(c, path, reterr);
		if (r != 0 || wanted || i == ARRAY_SIZE(config_places))
			break;
		path = config_places[i++];
	}
	if (r == 0 && wanted)
		return err_set(reterr, -ENOENT,
			       "configuration '%s' does not exist", path);
	if (r <= 0)
		return r;
	c->priv->file = strdup(path);
	return c->priv->file ? 1 : no_memory(reterr);
}

int config_load(const char *path, struct config **ret, struct err *reterr)
{
	cleanup_config struct config *c = NULL;
	int r = config_new(&c, reterr);

	if (r < 0)
		return r;
	r = read_main_file(c, path, reterr);
	if (r < 0)
		return r;
	/* Without a main file, drop-ins of the administrator still count. */
	if (!path || !*path) {
		r = read_drop_ins(c, r ? c->priv->file : config_places[0],
				  reterr);
		if (r < 0)
			return r;
	}
	r = check_config(c, reterr);
	if (r < 0)
		return r;
	*ret = TAKE_PTR(c);
	return 0;
}

int config_select_arch(struct config *c, const char *arch, struct err *reterr)
{
	struct config_priv *p = c->priv;
	size_t i;

	for (i = 0; i < p->n_arch_settings; i++) {
		cleanup(config_setting_release) struct config_setting s = {0};

		if (strcmp(p->arch_settings[i].arch, arch))
			continue;
		if (config_setting_copy(&p->arch_settings[i], &s) < 0)
			return no_memory(reterr);
		config_set(c, &s);
	}
	return check_config(c, reterr);
}

static bool annotation_allowed(const struct config *c,
			       const struct config_key *key, const char *name)
{
	char **p;

	if (key->flags & CONFIG_NO_ANNOTATION)
		return false;
	for (p = c->qemu.enable_annotations; *p; p++)
		if (!strcmp(*p, name) || (!(key->flags & CONFIG_EXPLICIT) &&
					  fnmatch(*p, name, 0) == 0))
			return true;
	return false;
}

static int apply_annotation(struct config *c, const struct config_key *key,
			    const struct config_annotation *a,
			    struct err *reterr)
{
	cleanup(config_setting_release) struct config_setting s = {.key = key};
	struct config_setting old = config_get(c, key);
	cleanup_free char *text = NULL;
	int r;

	if ((key->flags & CONFIG_APPEND) && *old.string)
		r = asprintf(&text, "%s %s", old.string, a->value);
	else
		r = asprintf(&text, "%s", a->value);
	if (r < 0) {
		text = NULL;
		return no_memory(reterr);
	}
	r = config_setting_from_text(&s, text, reterr);
	if (r < 0)
		return err_wrap(reterr, "annotation '%s'", a->key);
	if (asprintf(&s.origin, "annotation %s", a->key) < 0) {
		s.origin = NULL;
		return no_memory(reterr);
	}
	config_set(c, &s);
	return 0;
}

/* The key an annotation is of, and what enable_annotations calls it. */
static const struct config_key *annotation_key(const char *annotation,
					       const char **name)
{
	static const struct {
		const char *from, *to;
	} sections[] = {
		{"hypervisor.", "hypervisor.qemu."},
		{"runtime.", "runtime."},
		{"agent.", "agent.kiln."},
	};
	char full[256];
	size_t i, n;

	for (i = 0; i < ARRAY_SIZE(sections); i++) {
		n = strlen(sections[i].from);
		if (strncmp(annotation, sections[i].from, n))
			continue;
		*name = annotation + n;
		(void)snprintf(full, sizeof(full), "%s%s", sections[i].to,
			       *name);
		/* Kata has this one key by another name in annotations. */
		if (!strcmp(*name, "default_max_vcpus"))
			*name = "default_maxvcpus";
		if (!strcmp(*name, "default_maxvcpus"))
			return config_key_find(
				"hypervisor.qemu.default_maxvcpus");
		return config_key_find(full);
	}
	return NULL;
}

int config_apply_annotations(struct config *c,
			     const struct config_annotation *v, size_t n,
			     struct err *reterr)
{
	size_t i, skip = strlen(ANNOTATION_PREFIX);
	int r;

	for (i = 0; i < n; i++) {
		const struct config_key *key;
		const char *name = "";

		if (strncmp(v[i].key, ANNOTATION_PREFIX, skip))
			continue;
		key = annotation_key(v[i].key + skip, &name);
		if (!key)
			return err_set(reterr, -EINVAL,
				       "annotation '%s' names no key of the "
				       "configuration",
				       v[i].key);
		if (!annotation_allowed(c, key, name))
			return err_set(reterr, -EPERM,
				       "annotation '%s' is not allowed: "
				       "enable_annotations does not list '%s'",
				       v[i].key, name);
		r = apply_annotation(c, key, &v[i], reterr);
		if (r < 0)
			return r;
	}
	return check_config(c, reterr);
}
