// SPDX-License-Identifier: Apache-2.0
/*
 * Guests on disk. image.json comes from whoever built the guest: it is checked
 * like any input, but a guest is as trusted as its kernel is.
 */
#include "runtime/guest.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <json-c/json.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "os/io.h"

#ifndef KILN_GUEST_DIR
#define KILN_GUEST_DIR "/usr/local/lib/kiln/guests"
#endif

#define JSON_MAX (4U << 20)
#define JSON_DEPTH 32
#define HEAD_SIZE 4096
#define MODULES_NAME "modules.img"

static void json_put(struct json_object *o)
{
	(void)json_object_put(o);
}
DEFINE_CLEANUP(struct json_object, json_put)

static const char *text_of(struct json_object *o, const char *key)
{
	struct json_object *v;

	if (!json_object_object_get_ex(o, key, &v) ||
	    !json_object_is_type(v, json_type_string))
		return NULL;
	return json_object_get_string(v);
}

static int read_json(const char *dir, struct json_object **ret,
		     struct err *reterr)
{
	cleanup_free char *path = path_join(dir, "image.json");
	cleanup_free char *text = NULL;
	struct json_tokener *tok;
	size_t n;
	int r;

	if (!path)
		return err_set(reterr, -ENOMEM, "guest '%s'", dir);
	r = read_file(AT_FDCWD, path, JSON_MAX, &text, &n);
	if (r == -ENOENT)
		return 0;
	if (r < 0)
		return err_code(reterr, r, "read '%s'", path);
	tok = json_tokener_new_ex(JSON_DEPTH);
	if (!tok)
		return err_set(reterr, -ENOMEM, "guest '%s'", dir);
	*ret = json_tokener_parse_ex(tok, text, (int)n);
	json_tokener_free(tok);
	if (!json_object_is_type(*ret, json_type_object))
		return err_set(reterr, -EBADMSG,
			       "'%s' is not a JSON object: make the guest "
			       "again with 'make image'", path);
	return 0;
}

static int check_identity(const struct arch_desc *arch, const char *dir,
			  struct json_object *o, struct err *reterr)
{
	const char *name = text_of(o, "arch");
	const char *protocol = text_of(o, "agent_protocol");

	if (name && strcmp(name, arch->name) != 0)
		return err_set(reterr, -EBADMSG,
			       "guest '%s' is for %s, not for %s", dir, name,
			       arch->name);
	if (!protocol || strcmp(protocol, GUEST_PROTOCOL) != 0)
		return err_set(reterr, -EPROTONOSUPPORT,
			       "guest '%s' has an agent of protocol '%s', "
			       "this runtime speaks '%s' only: install the "
			       "guest of this release, or 'make image ARCH=%s'",
			       dir, protocol ? protocol : "(none)",
			       GUEST_PROTOCOL, arch->name);
	return 0;
}

/* True when the space-separated WORDS have WORD. */
static bool has_word(const char *words, const char *word)
{
	size_t n = strlen(word);

	for (const char *p = words; (p = strstr(p, word)); p += n)
		if ((p == words || p[-1] == ' ') &&
		    (p[n] == '\0' || p[n] == ' '))
			return true;
	return false;
}

/* The image's list repeats the architecture's; only the rest is its own. */
static int take_cmdline(struct guest *g, struct json_object *o,
			struct err *reterr)
{
	struct json_object *list;
	size_t used = 0;

	if (!json_object_object_get_ex(o, "cmdline", &list) ||
	    !json_object_is_type(list, json_type_array))
		return 0;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		const char *word = json_object_get_string(v);
		int n;

		if (!word || has_word(g->arch->cmdline, word))
			continue;
		n = snprintf(g->cmdline + used, sizeof(g->cmdline) - used,
			     "%s%s", used ? " " : "", word);
		if (n < 0 || (size_t)n >= sizeof(g->cmdline) - used)
			return err_set(reterr, -E2BIG,
				       "guest '%s': command line in "
				       "image.json is too long", g->dir);
		used += (size_t)n;
	}
	return 0;
}

static struct json_object *artifact(struct json_object *o, const char *name)
{
	struct json_object *list;

	if (!o || !json_object_object_get_ex(o, "artifacts", &list) ||
	    !json_object_is_type(list, json_type_array))
		return NULL;
	for (size_t i = 0; i < json_object_array_length(list); i++) {
		struct json_object *v = json_object_array_get_idx(list, i);
		const char *its;

		if (!json_object_is_type(v, json_type_object))
			continue;
		its = text_of(v, "name");
		if (its && !strcmp(its, name))
			return v;
	}
	return NULL;
}

/* Looks at DIR/NAME. A file that is not there leaves the path empty. */
static int take_file(const struct guest *g, const char *dir,
		     struct json_object *o, const char *name,
		     struct guest_file *f, struct err *reterr)
{
	struct json_object *a = artifact(o, name);
	struct json_object *size;
	const char *hash = a ? text_of(a, "sha256") : NULL;
	struct stat st;
	int n = snprintf(f->path, sizeof(f->path), "%s/%s", dir, name);

	if (n < 0 || (size_t)n >= sizeof(f->path))
		return err_set(reterr, -ENAMETOOLONG, "guest '%s'", dir);
	if (stat(f->path, &st) < 0) {
		if (errno != ENOENT)
			return err_errno(reterr, "guest file '%s'", f->path);
		f->path[0] = '\0';
		return 0;
	}
	f->size = (uint64_t)st.st_size;
	f->described = a != NULL;
	if (hash)
		(void)snprintf(f->sha256, sizeof(f->sha256), "%s", hash);
	if (st.st_size == 0)
		return err_set(reterr, -EBADMSG,
			       "guest file '%s' is empty: 'make image ARCH=%s'",
			       f->path, g->arch->name);
	if (a && json_object_object_get_ex(a, "size", &size) &&
	    json_object_get_uint64(size) != f->size)
		return err_set(reterr, -EBADMSG,
			       "guest file '%s' has %" PRIu64 " bytes, "
			       "image.json says %" PRIu64 ": damaged, or not "
			       "of one build; 'make image ARCH=%s'",
			       f->path, f->size, json_object_get_uint64(size),
			       g->arch->name);
	return 0;
}

int guest_check_kernel(const struct guest *g, struct err *reterr)
{
	uint8_t head[HEAD_SIZE];
	cleanup_close int fd = -1;
	const char *reason = "";
	ssize_t n;

	fd = open(g->kernel.path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(reterr, "open kernel '%s'", g->kernel.path);
	n = read_full(fd, head, sizeof(head));
	if (n < 0)
		return err_code(reterr, (int)n, "read kernel '%s'",
				g->kernel.path);
	if (!arch_kernel_check(g->arch, head, (size_t)n, &reason))
		return err_set(reterr, -EBADMSG,
			       "kernel '%s' is %s: 'make kernel ARCH=%s'",
			       g->kernel.path, reason, g->arch->name);
	return 0;
}

static void copy_text(struct json_object *o, const char *key, char *ret,
		      size_t size)
{
	const char *text = text_of(o, key);

	(void)snprintf(ret, size, "%s", text ? text : "");
}

/* What image.json says of the image. Parameters that do not fit are none that
 * kiln-image made. */
static int take_image(struct guest *g, const char *dir, struct json_object *o,
		      const char *name, struct err *reterr)
{
	struct json_object *a = artifact(o, name), *content, *verity;
	int r = take_file(g, dir, o, name, &g->image, reterr);

	g->image_type[0] = g->image_layout[0] = g->verity[0] = '\0';
	if (r < 0 || !a || !json_object_object_get_ex(a, "content", &content))
		return r;
	copy_text(content, "format", g->image_type, sizeof(g->image_type));
	copy_text(content, "layout", g->image_layout, sizeof(g->image_layout));
	if (!json_object_object_get_ex(content, "verity", &verity))
		return 0;
	copy_text(verity, "cmdline", g->verity, sizeof(g->verity));
	if (!g->verity[0] || strlen(g->verity) >= sizeof(g->verity) - 1)
		return err_set(reterr, -EBADMSG,
			       "'%s/image.json' has no usable verity "
			       "parameters for '%s': 'make image ARCH=%s'",
			       dir, name, g->arch->name);
	return 0;
}

static bool is_image_name(const char *name)
{
	size_t n = name ? strlen(name) : 0;

	return n > strlen("rootfs..img") && !strncmp(name, "rootfs.", 7) &&
	       !strcmp(name + n - 4, ".img") && !strchr(name, '/');
}

static int find_image(struct guest *g, struct json_object *o,
		      struct err *reterr)
{
	static const char *const names[] = {"rootfs.erofs.img",
					    "rootfs.ext4.img",
					    "rootfs.squashfs.img"};
	struct json_object *list = NULL;
	int r = 0;

	if (o && json_object_object_get_ex(o, "artifacts", &list) &&
	    json_object_is_type(list, json_type_array)) {
		for (size_t i = 0; i < json_object_array_length(list); i++) {
			struct json_object *a =
				json_object_array_get_idx(list, i);
			const char *name = json_object_is_type(
						   a, json_type_object)
						   ? text_of(a, "name")
						   : NULL;

			if (is_image_name(name))
				return take_image(g, g->dir, o, name, reterr);
		}
		return 0;
	}
	for (size_t i = 0; i < ARRAY_SIZE(names) && r == 0; i++) {
		r = take_image(g, g->dir, NULL, names[i], reterr);
		if (g->image.path[0])
			break;
	}
	return r;
}

/* Only image.json says of which kernel they are, and their root hash. */
static int take_modules(struct guest *g, struct json_object *o,
			struct err *reterr)
{
	struct guest_modules *m = &g->modules;
	struct json_object *a = artifact(o, MODULES_NAME), *content;
	struct json_object *verity, *blocks;
	int r;

	if (!a)
		return 0;
	r = take_file(g, g->dir, o, MODULES_NAME, &m->file, reterr);
	if (r < 0 || !m->file.path[0])
		return r;
	if (json_object_object_get_ex(a, "content", &content) &&
	    json_object_object_get_ex(content, "verity", &verity) &&
	    json_object_object_get_ex(verity, "data_blocks", &blocks)) {
		copy_text(verity, "root_hash", m->root_hash,
			  sizeof(m->root_hash));
		copy_text(verity, "salt", m->salt, sizeof(m->salt));
		m->hash_offset = json_object_get_uint64(blocks) * 4096;
	}
	if (strlen(m->root_hash) != GUEST_HASH_SIZE - 1 ||
	    m->hash_offset >= m->file.size)
		return err_set(reterr, -EBADMSG,
			       "'%s/image.json' has no usable verity "
			       "parameters for '" MODULES_NAME "': 'make image "
			       "ARCH=%s MODULES=1'", g->dir, g->arch->name);
	return 0;
}

int guest_set_image(struct guest *g, const char *path, struct err *reterr)
{
	cleanup(json_putp) struct json_object *o = NULL;
	char dir[PATH_MAX];
	int n, r;

	n = snprintf(dir, sizeof(dir), "%s", path);
	if (n < 0 || (size_t)n >= sizeof(dir) || !strrchr(dir, '/'))
		return err_set(reterr, -ENAMETOOLONG, "image '%s'", path);
	*strrchr(dir, '/') = '\0';
	r = read_json(*dir ? dir : "/", &o, reterr);
	if (r == 0)
		r = take_image(g, dir, o, path_base(path), reterr);
	if (r == 0 && !g->image.path[0])
		r = err_set(reterr, -ENOENT, "there is no image '%s'", path);
	return r;
}

int guest_probe_image(const struct guest *g, struct guest_root *ret,
		      struct err *reterr)
{
	int r = guest_root_probe(g->image.path, ret, reterr);

	if (r < 0)
		return r;
	if ((g->image_type[0] && strcmp(g->image_type, ret->type) != 0) ||
	    (g->image_layout[0] &&
	     strcmp(g->image_layout, guest_layout_name(ret->layout)) != 0))
		return err_set(reterr, -EBADMSG,
			       "image '%s' is %s of layout %s, image.json says "
			       "%s of layout %s: damaged, or not of one build; "
			       "'make image ARCH=%s'", g->image.path,
			       ret->type, guest_layout_name(ret->layout),
			       g->image_type, g->image_layout, g->arch->name);
	return 0;
}

int guest_open(const struct arch_desc *arch, const char *dir,
	       struct guest *ret, struct err *reterr)
{
	cleanup(json_putp) struct json_object *o = NULL;
	struct json_object *versions;
	const char *text;
	int r;

	*ret = (struct guest){.arch = arch};
	(void)snprintf(ret->dir, sizeof(ret->dir), "%s", dir);
	r = take_file(ret, dir, NULL, "kernel", &ret->kernel, reterr);
	if (r < 0)
		return r;
	if (!ret->kernel.path[0])
		return err_set(reterr, -ENOENT,
			       "no kernel in '%s': 'make image ARCH=%s' builds "
			       "a guest", dir, arch->name);
	r = read_json(dir, &o, reterr);
	if (r < 0)
		return r;
	if (o) {
		ret->described = true;
		r = check_identity(arch, dir, o, reterr);
		if (r == 0)
			r = take_cmdline(ret, o, reterr);
		if (r < 0)
			return r;
		text = text_of(o, "profile");
		(void)snprintf(ret->profile, sizeof(ret->profile), "%s",
			       text ? text : "");
		if (json_object_object_get_ex(o, "versions", &versions)) {
			text = text_of(versions, "kiln");
			(void)snprintf(ret->version, sizeof(ret->version),
				       "%s", text ? text : "");
			text = text_of(versions, "kernel");
			(void)snprintf(ret->kernel_version,
				       sizeof(ret->kernel_version), "%s",
				       text ? text : "");
		}
	} else {
		log_debug("guest '%s' has no image.json: its protocol and "
			  "sizes are not checked", dir);
	}
	r = take_file(ret, dir, o, "kernel", &ret->kernel, reterr);
	if (r == 0)
		r = take_file(ret, dir, o, "initrd.img", &ret->initrd, reterr);
	if (r == 0)
		r = find_image(ret, o, reterr);
	if (r == 0)
		r = take_modules(ret, o, reterr);
	if (r == 0)
		r = guest_check_kernel(ret, reterr);
	return r;
}

/* The folder of the running program; "" when it cannot be told. */
static void program_dir(char *out, size_t size)
{
	ssize_t n = readlink("/proc/self/exe", out, size - 1);
	char *slash;

	out[n > 0 ? n : 0] = '\0';
	slash = strrchr(out, '/');
	if (slash)
		*slash = '\0';
}

int guest_find(const struct arch_desc *arch, struct guest *ret,
	       struct err *reterr)
{
	cleanup_buf struct buf tried = BUF_INIT(700);
	const char *env = getenv("KILN_GUESTS");
	char program[PATH_MAX];
	char dir[3][PATH_MAX + 32];
	size_t n = 0;

	program_dir(program, sizeof(program));
	if (env && *env)
		(void)snprintf(dir[n++], sizeof(dir[0]), "%s/%s", env,
			       arch->name);
	/* Run from the build tree as build/host/kiln: build/<arch>. The name
	 * of the folder keeps an installed program from looking beside. */
	if (!strcmp(path_base(program), "host"))
		(void)snprintf(dir[n++], sizeof(dir[0]), "%.*s/%s",
			       (int)(strlen(program) - strlen("/host")),
			       program, arch->name);
	(void)snprintf(dir[n++], sizeof(dir[0]), "%s/%s", KILN_GUEST_DIR,
		       arch->name);
	for (size_t i = 0; i < n; i++) {
		char kernel[sizeof(dir[0]) + 8];

		(void)snprintf(kernel, sizeof(kernel), "%s/kernel", dir[i]);
		if (access(kernel, F_OK) == 0) {
			/* A path that leads nowhere else after a chdir(). */
			char *full = realpath(dir[i], NULL);
			int r = guest_open(arch, full ? full : dir[i], ret,
					   reterr);

			free(full);
			return r;
		}
		(void)buf_printf(&tried, "%s'%s'", i ? ", " : "", dir[i]);
	}
	return err_set(reterr, -ENOENT,
		       "no guest for %s: no kernel in %s; 'make image ARCH=%s' "
		       "builds one, KILN_GUESTS names the folder above it",
		       arch->name, buf_error(&tried) ? "…" : buf_cstr(&tried),
		       arch->name);
}

static int hash_file(const char *path, char ret[GUEST_HASH_SIZE])
{
	cleanup_close int fd = open(path, O_RDONLY | O_CLOEXEC);
	cleanup_free uint8_t *chunk = malloc(1U << 16);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	uint8_t md[EVP_MAX_MD_SIZE] = {0};
	ssize_t n = fd < 0 ? -errno : -ENOMEM;

	if (fd >= 0 && chunk && ctx &&
	    EVP_DigestInit_ex(ctx, EVP_sha256(), NULL)) {
		while ((n = read_full(fd, chunk, 1U << 16)) > 0)
			(void)EVP_DigestUpdate(ctx, chunk, (size_t)n);
		(void)EVP_DigestFinal_ex(ctx, md, NULL);
	}
	EVP_MD_CTX_free(ctx);
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", md[i]);
	return n < 0 ? (int)n : 0;
}

int guest_fingerprint(const struct guest *guest, char ret[GUEST_HASH_SIZE],
		      struct err *reterr)
{
	const char *paths[] = {guest->kernel.path, guest->initrd.path,
			       guest->image.path, guest->modules.file.path};
	char all[ARRAY_SIZE(paths) * GUEST_HASH_SIZE];
	uint8_t md[EVP_MAX_MD_SIZE] = {0};
	size_t n = 0;

	for (size_t i = 0; i < ARRAY_SIZE(paths); i++) {
		int r = *paths[i] ? hash_file(paths[i], all + n) : 0;

		if (r < 0)
			return err_code(reterr, r, "read '%s'", paths[i]);
		n += *paths[i] ? GUEST_HASH_SIZE - 1 : 0;
		all[n++] = '/';
	}
	if (!EVP_Digest(all, n, md, NULL, EVP_sha256(), NULL))
		return err_code(reterr, -ENOMEM, "guest's files");
	for (size_t i = 0; i < 32; i++)
		(void)snprintf(ret + 2 * i, 3, "%02x", md[i]);
	return 0;
}

int guest_verify(const struct guest *guest, bool all, struct err *reterr)
{
	const struct guest_file *files[] = {&guest->kernel, &guest->initrd,
					    &guest->image,
					    &guest->modules.file};

	for (size_t i = 0; i < ARRAY_SIZE(files); i++) {
		char hash[GUEST_HASH_SIZE];
		int r;

		if (!files[i]->path[0])
			continue;
		if (!files[i]->sha256[0] && all)
			return err_set(reterr, -EBADMSG,
				       "verify_guest is set, and no image.json "
				       "beside it has a SHA-256 of '%s'",
				       files[i]->path);
		if (!files[i]->sha256[0])
			continue;
		r = hash_file(files[i]->path, hash);
		if (r < 0)
			return err_code(reterr, r, "read '%s'",
					files[i]->path);
		if (strcmp(hash, files[i]->sha256) != 0)
			return err_set(reterr, -EBADMSG,
				       "guest file '%s' is not the one "
				       "image.json describes (SHA-256 %.16s…, "
				       "not %.16s…): 'make image ARCH=%s'",
				       files[i]->path, hash, files[i]->sha256,
				       guest->arch->name);
	}
	return 0;
}
