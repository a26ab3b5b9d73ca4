// SPDX-License-Identifier: Apache-2.0
/*
 * What a guest is made of. The parts are those that image.json names, the
 * packages linked into them, the files of the images and, where the kernel
 * build kept a list, every source file that was compiled.
 */
#include "sbom.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <openssl/evp.h>

#include "guest_json.h"
#include "image.h"

#define TEXT_MAX ((size_t)32 << 20)
#define KILN_LICENCE "Apache-2.0"
#define KERNEL_LICENCE "GPL-2.0-only WITH Linux-syscall-note"

/* What is at hand while parts are looked for. */
struct builder {
	const struct sbom_params *p;
	struct sbom *s;
	char *licences; /* text of the file; lines end in NUL */
	size_t licences_len;
	struct err *reterr;
};

static void item_release(struct sbom_item *i)
{
	free(i->name);
	free(i->version);
	free(i->purl);
	free(i->cpe);
	free(i->licence);
	free(i->comment);
}

void sbom_release(struct sbom *s)
{
	for (size_t i = 0; i < s->n; i++)
		item_release(&s->v[i]);
	free(s->v);
	*s = (struct sbom){0};
}

/* Adds a part, with no texts but its name; NULL for lack of memory. */
static struct sbom_item *add(struct builder *b, enum sbom_kind kind,
			     const char *name, size_t parent,
			     enum sbom_relation relation)
{
	struct sbom *s = b->s;
	struct sbom_item *v;
	size_t size;
	char *copy;

	if (s->n == SBOM_ITEMS_MAX) {
		(void)err_set(b->reterr, -E2BIG, "too many parts");
		return NULL;
	}
	size = s->n < s->size ? s->size : s->size ? 2 * s->size : 256;
	v = reallocarray(s->v, size, sizeof(*v));
	if (v) {
		s->v = v;
		s->size = size;
	}
	copy = strdup(name ? name : "unnamed");
	if (!v || !copy) {
		free(copy);
		(void)err_set(b->reterr, -ENOMEM, "out of memory");
		return NULL;
	}
	v = &s->v[s->n++];
	*v = (struct sbom_item){.kind = kind, .name = copy, .parent = parent,
				.relation = relation, .origin = SBOM_NONE};
	return v;
}

static int set(struct builder *b, char **field, const char *text)
{
	if (!text)
		return 0;
	free(*field);
	*field = strdup(text);
	return *field ? 0 : err_set(b->reterr, -ENOMEM, "out of memory");
}

static int setf(struct builder *b, char **field, const char *fmt,
		const char *one, const char *two)
{
	cleanup_buf struct buf text = BUF_INIT(4096);

	for (; *fmt; fmt++) {
		if (*fmt != '%') {
			(void)buf_put_u8(&text, (uint8_t)*fmt);
			continue;
		}
		(void)buf_put_str(&text, one);
		one = two;
	}
	return set(b, field, buf_cstr(&text));
}

static void set_hash(struct sbom_item *i, const char *hash)
{
	if (hash && strlen(hash) == SHA256_HEX_SIZE - 1)
		memcpy(i->sha256, hash, SHA256_HEX_SIZE);
}

/* The line of a package: name, licence and use, with tabs between. */
static const char *licence_line(const struct builder *b, const char *name)
{
	size_t n = strlen(name);
	const char *p = b->licences;

	while (p && p < b->licences + b->licences_len) {
		if (!strncmp(p, name, n) && p[n] == '\t')
			return p + n + 1;
		p += strlen(p) + 1;
	}
	return NULL;
}

/* How a package is used, "" when unknown. */
static const char *use_of(const struct builder *b, const char *name)
{
	const char *line = licence_line(b, name);
	const char *tab = line ? strchr(line, '\t') : NULL;

	return tab ? tab + 1 : "";
}

static int set_licence(struct builder *b, struct sbom_item *i,
		       const char *package)
{
	const char *line = licence_line(b, package);
	const char *tab = line ? strchr(line, '\t') : NULL;

	if (!tab)
		return 0;
	i->licence = strndup(line, (size_t)(tab - line));
	return i->licence ? 0 : err_set(b->reterr, -ENOMEM, "out of memory");
}

static int read_licences(struct builder *b)
{
	uint8_t *text;
	int r;

	if (!b->p->licences)
		return 0;
	r = file_read(b->p->licences, TEXT_MAX, &text, &b->licences_len,
		      b->reterr);
	if (r < 0)
		return r;
	b->licences = (char *)text;
	for (size_t i = 0; i < b->licences_len; i++)
		if (text[i] == '\n')
			text[i] = '\0';
	return 0;
}

static const char *file_of(const struct strv *list, const char *name)
{
	size_t n = strlen(name);

	for (size_t i = 0; i < list->n; i++)
		if (!strncmp(list->v[i], name, n) && list->v[i][n] == '=')
			return list->v[i] + n + 1;
	return NULL;
}

/* The part that is a package of this name; SBOM_NONE. */
static size_t find(const struct sbom *s, enum sbom_kind kind, const char *name)
{
	for (size_t i = 0; i < s->n; i++)
		if (s->v[i].kind == kind && !strcmp(s->v[i].name, name))
			return i;
	return SBOM_NONE;
}

static int add_guest(struct builder *b)
{
	const char *version = guest_text(guest_object(b->p->image, "versions"),
					 "kiln");
	const char *arch = guest_text(b->p->image, "arch");
	struct sbom_item *i;
	int r;

	if (!version || !arch)
		return err_set(b->reterr, -EINVAL, "image.json has no version "
						   "or architecture");
	i = add(b, SBOM_GUEST, "kiln-guest", SBOM_NONE, SBOM_CONTAINED);
	if (!i)
		return b->reterr->code;
	r = setf(b, &i->name, "kiln-guest-%", arch, "");
	if (r == 0)
		r = set(b, &i->version, version);
	if (r == 0)
		r = setf(b, &i->purl, "pkg:generic/kiln-guest@%?arch=%",
			 version, arch);
	b->s->name = i->name;
	b->s->version = i->version;
	return r;
}

/* "6.12.117" of "6.12.117-kiln". */
static int set_kernel_version(struct builder *b, struct sbom_item *i,
			      const char *release)
{
	int r;

	if (!release)
		return 0;
	i->version = strndup(release, strcspn(release, "-"));
	if (!i->version)
		return err_set(b->reterr, -ENOMEM, "out of memory");
	r = setf(b, &i->purl, "pkg:generic/linux@%", i->version, "");
	if (r == 0)
		r = setf(b, &i->cpe,
			 "cpe:2.3:o:linux:linux_kernel:%:*:*:*:*:*:*:*",
			 i->version, "");
	return r == 0 ? setf(b, &i->comment, "release %", release, "") : r;
}

static int add_kernel_source(struct builder *b, struct json_object *kernel,
			     size_t parent)
{
	cleanup_buf struct buf purl = BUF_INIT(4096);
	struct json_object *source = guest_object(kernel, "source");
	size_t archive = b->s->n;
	struct sbom_item *i;
	int r;

	i = add(b, SBOM_ARCHIVE, guest_text(source, "package"), parent,
		SBOM_MADE_OF);
	if (!i)
		return b->reterr->code;
	set_hash(i, guest_text(source, "sha256"));
	r = set(b, &i->version, guest_text(source, "version"));
	if (r == 0)
		r = set(b, &i->purl, guest_kernel_purl(kernel, &purl));
	if (r == 0)
		r = set(b, &i->licence, KERNEL_LICENCE);
	for (size_t k = 0; k < guest_count(kernel, "patches") && r == 0; k++) {
		struct json_object *patch = guest_at(kernel, "patches", k);

		i = add(b, SBOM_PATCH, guest_text(patch, "name"), archive,
			SBOM_PATCHES);
		if (!i)
			return b->reterr->code;
		set_hash(i, guest_text(patch, "sha256"));
	}
	return r;
}

/* Lines of a hash, two blanks and a path, as sha256sum writes them. */
static int add_sources(struct builder *b, size_t parent)
{
	cleanup_free uint8_t *text = NULL;
	char *rest, *line;
	size_t n;
	int r;

	if (!b->p->sources)
		return 0;
	r = file_read(b->p->sources, TEXT_MAX, &text, &n, b->reterr);
	rest = (char *)text;
	while (r == 0 && (line = strsep(&rest, "\n"))) {
		struct sbom_item *i;

		if (!*line || *line == '#')
			continue;
		if (strlen(line) < SHA256_HEX_SIZE + 2 ||
		    strspn(line, "0123456789abcdef") != SHA256_HEX_SIZE - 1)
			return err_set(b->reterr, -EINVAL,
				       "'%s': no hash and path: '%.60s'",
				       b->p->sources, line);
		i = add(b, SBOM_SOURCE, line + SHA256_HEX_SIZE + 1, parent,
			SBOM_MADE_OF);
		if (!i)
			return b->reterr->code;
		memcpy(i->sha256, line, SHA256_HEX_SIZE - 1);
	}
	return r;
}

static int add_kernel(struct builder *b, const char *hash)
{
	struct json_object *kernel = guest_object(b->p->image, "kernel");
	size_t at = b->s->n;
	struct sbom_item *i = add(b, SBOM_KERNEL, "linux", 0, SBOM_CONTAINED);
	int r;

	if (!i)
		return b->reterr->code;
	set_hash(i, hash);
	r = set(b, &i->licence, KERNEL_LICENCE);
	if (r == 0)
		r = set_kernel_version(b, i, guest_text(kernel, "release"));
	if (r == 0 && guest_object(kernel, "source"))
		r = add_kernel_source(b, kernel, at);
	return r < 0 ? r : add_sources(b, at);
}

/* The part an input is: the first file of a source package makes it. */
static int add_input(struct builder *b, struct json_object *input,
		     enum sbom_kind kind, size_t parent,
		     enum sbom_relation relation)
{
	cleanup_buf struct buf purl = BUF_INIT(4096);
	const char *name = guest_text(input, "name");
	const char *type = guest_text(input, "type");
	bool source = type && !strcmp(type, "src");
	size_t at = find(b->s, kind, name);
	struct sbom_item *i;
	int r = 0;

	if (at == SBOM_NONE) {
		at = b->s->n;
		i = add(b, kind, name, parent, relation);
		if (!i)
			return b->reterr->code;
		r = set(b, &i->version, guest_text(input, "version"));
		if (r == 0)
			r = set(b, &i->purl, guest_purl(input, &purl));
		if (r == 0)
			r = set_licence(b, i, name);
		if (!source)
			set_hash(i, guest_text(input, "sha256"));
	}
	if (r < 0 || !source)
		return r;
	i = add(b, SBOM_ARCHIVE, guest_text(input, "file"), at, SBOM_MADE_OF);
	if (!i)
		return b->reterr->code;
	set_hash(i, guest_text(input, "sha256"));
	return 0;
}

/* The part of libgcc that the compiler adds. */
static int add_compiler(struct builder *b, size_t parent)
{
	struct json_object *kernel = guest_object(b->p->image, "kernel");
	const char *compiler = guest_text(kernel, "compiler");
	const char *version = compiler ? strrchr(compiler, ' ') : NULL;
	struct sbom_item *i;
	int r;

	if (!licence_line(b, "libgcc"))
		return 0;
	i = add(b, SBOM_LIBRARY, "libgcc", parent, SBOM_LINKED);
	if (!i)
		return b->reterr->code;
	r = set_licence(b, i, "libgcc");
	return r == 0 && version ? set(b, &i->version, version + 1) : r;
}

static int add_agent(struct builder *b, const char *hash)
{
	struct json_object *image = b->p->image;
	size_t at = b->s->n;
	struct sbom_item *i = add(b, SBOM_PROGRAM, "kiln-agent", 0,
				  SBOM_CONTAINED);
	int r;

	if (!i)
		return b->reterr->code;
	set_hash(i, hash);
	r = set(b, &i->version, b->s->version);
	if (r == 0)
		r = set(b, &i->licence, KILN_LICENCE);
	if (r == 0)
		r = setf(b, &i->purl, "pkg:generic/kiln-agent@%",
			 b->s->version, "");
	for (size_t k = 0; k < guest_count(image, "inputs") && r == 0; k++) {
		struct json_object *in = guest_at(image, "inputs", k);
		const char *name = guest_text(in, "name");
		const char *use = name ? use_of(b, name) : "";

		if (!strcmp(use, "linked"))
			r = add_input(b, in, SBOM_LIBRARY, at, SBOM_LINKED);
		else if (!strcmp(use, "headers"))
			r = add_input(b, in, SBOM_HEADERS, at,
				      SBOM_BUILD_INPUT);
	}
	return r < 0 ? r : add_compiler(b, at);
}

static int sha1_hex(const void *data, size_t n, char ret[SHA1_HEX_SIZE])
{
	uint8_t raw[20];

	if (!EVP_Digest(data, n, raw, NULL, EVP_sha1(), NULL))
		return -EIO;
	for (size_t i = 0; i < sizeof(raw); i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", raw[i]);
	return 0;
}

/* The package that a file with this hash is from, which becomes a part. */
static int find_origin(struct builder *b, size_t file)
{
	const struct strv *origins = b->p->origins;
	struct json_object *image = b->p->image;
	char hash[SHA256_HEX_SIZE];
	uint64_t size;
	int r = 0;

	for (size_t i = 0; i < origins->n && r == 0; i++) {
		cleanup_free char *name = NULL;
		const char *path = guest_split(origins->v[i], &name);

		if (!path)
			return err_set(b->reterr, -EINVAL,
				       "'%s' is not PACKAGE=FILE",
				       origins->v[i]);
		r = file_sha256(path, &size, hash, b->reterr);
		if (r < 0 || strcmp(hash, b->s->v[file].sha256) != 0)
			continue;
		for (size_t k = 0; k < guest_count(image, "inputs"); k++) {
			struct json_object *in = guest_at(image, "inputs", k);
			const char *other = guest_text(in, "name");

			if (other && !strcmp(other, name))
				r = add_input(b, in, SBOM_PACKAGE, 0,
					      SBOM_CONTAINED);
		}
		b->s->v[file].origin = find(b->s, SBOM_PACKAGE, name);
	}
	return r;
}

static int add_file(struct builder *b, const struct node *node, size_t parent)
{
	size_t at = b->s->n, agent = find(b->s, SBOM_PROGRAM, "kiln-agent");
	struct sbom_item *i = add(b, SBOM_FILE, node->path, parent,
				  SBOM_CONTAINED);

	if (!i)
		return b->reterr->code;
	if (sha256_hex(node->data, node->size, i->sha256) < 0 ||
	    sha1_hex(node->data, node->size, i->sha1) < 0)
		return err_set(b->reterr, -EIO, "no SHA-2");
	if (agent != SBOM_NONE &&
	    !strcmp(i->sha256, b->s->v[agent].sha256))
		i->origin = agent;
	return i->origin == SBOM_NONE ? find_origin(b, at) : 0;
}

static int add_files(struct builder *b, const char *path, size_t parent)
{
	struct image image = {.archive = BUF_INIT(0)};
	cleanup_free uint8_t *data = NULL;
	size_t n;
	int r;

	r = file_read(path, IMAGE_MAX, &data, &n, b->reterr);
	if (r < 0)
		return r;
	r = image_open(&image, data, n, b->reterr);
	for (size_t i = 0; i < image.tree.n && r == 0; i++)
		if (image.tree.v[i].type == NODE_FILE)
			r = add_file(b, &image.tree.v[i], parent);
	image_release(&image);
	return r < 0 ? err_wrap(b->reterr, "'%s'", path) : 0;
}

static int add_artifact(struct builder *b, struct json_object *artifact)
{
	const char *name = guest_text(artifact, "name");
	size_t at = b->s->n;
	struct sbom_item *i;
	const char *path;
	int r;

	if (!name)
		return err_set(b->reterr, -EINVAL, "an artifact has no name");
	if (!strcmp(name, "kernel"))
		return add_kernel(b, guest_text(artifact, "sha256"));
	if (!strcmp(name, "kiln-agent"))
		return 0; /* already there */
	i = add(b, SBOM_IMAGE, name, 0, SBOM_CONTAINED);
	if (!i)
		return b->reterr->code;
	set_hash(i, guest_text(artifact, "sha256"));
	r = set(b, &i->version, b->s->version);
	path = file_of(b->p->files, name);
	return r == 0 && path ? add_files(b, path, at) : r;
}

static int add_all(struct builder *b)
{
	struct json_object *image = b->p->image;
	size_t n = guest_count(image, "artifacts");
	int r;

	r = add_guest(b);
	/* Files of images are from the agent, which hence comes first. */
	for (size_t i = 0; i < n && r == 0; i++) {
		struct json_object *a = guest_at(image, "artifacts", i);
		const char *name = guest_text(a, "name");

		if (name && !strcmp(name, "kiln-agent"))
			r = add_agent(b, guest_text(a, "sha256"));
	}
	for (size_t i = 0; i < n && r == 0; i++)
		r = add_artifact(b, guest_at(image, "artifacts", i));
	return r;
}

int sbom_build(const struct sbom_params *p, struct sbom *ret,
	       struct err *reterr)
{
	struct builder b = {.p = p, .s = ret, .reterr = reterr};
	int r;

	*ret = (struct sbom){.epoch = p->epoch};
	r = read_licences(&b);
	if (r == 0)
		r = add_all(&b);
	free(b.licences);
	return r;
}
