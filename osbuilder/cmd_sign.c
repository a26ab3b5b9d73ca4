// SPDX-License-Identifier: Apache-2.0
/* The commands about signatures: sign, verify. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "base/log.h"
#include "command.h"
#include "fileio.h"
#include "guest_json.h"
#include "provenance.h"
#include "sign.h"
#include "verify_files.h"

#define TEXT_MAX ((size_t)64 << 20)

static int no_key(const struct options *o, struct err *reterr)
{
	return o->evidence.key ? 0 : err_set(reterr, -EINVAL,
					     "'--key' is missing");
}

static int signature_path(const char *path, char **ret, struct err *reterr)
{
	if (asprintf(ret, "%s.sig", path) < 0) {
		*ret = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	return 0;
}

int cmd_sign(const struct options *o, struct err *reterr)
{
	cleanup_key EVP_PKEY *key = NULL;
	cleanup_free uint8_t *data = NULL;
	cleanup_free char *path = NULL;
	uint8_t sig[SIGNATURE_SIZE];
	size_t n;
	int r;

	r = no_key(o, reterr);
	if (r == 0)
		r = key_read_private(o->evidence.key, &key, reterr);
	if (r == 0)
		r = file_read(o->args[0], IMAGE_MAX, &data, &n, reterr);
	if (r == 0)
		r = sign_bytes(key, data, n, sig, reterr);
	if (r == 0)
		r = signature_path(o->args[0], &path, reterr);
	return r < 0 ? r : file_write(path, sig, sizeof(sig), reterr);
}

/* What is checked, and what came of it. */
struct check {
	const char *dir; /* with a slash, or empty */
	size_t dir_len;
	bool ignore_missing;
	size_t right, wrong;
};

static void complain(struct check *c, const char *name, const char *what)
{
	char text[256];

	(void)printf("%s: %s\n", log_escape(text, sizeof(text), name,
					    strlen(name)), what);
	c->wrong++;
}

/* A name is that of a file beside the description, nowhere else. */
static bool plain_name(const char *name)
{
	return *name && !strchr(name, '/') && strcmp(name, ".") != 0 &&
	       strcmp(name, "..") != 0;
}

static int check_file(struct check *c, const char *name, const char *want,
		      struct err *reterr)
{
	cleanup_free char *path = NULL;
	char got[SHA256_HEX_SIZE];
	struct err why;
	uint64_t size;
	int r;

	if (!name || !want) {
		complain(c, name ? name : "?", "has no SHA-256");
		return 0;
	}
	if (!plain_name(name)) {
		complain(c, name, "is no name of a file beside it");
		return 0;
	}
	if (asprintf(&path, "%.*s%s", (int)c->dir_len, c->dir, name) < 0) {
		path = NULL;
		return err_set(reterr, -ENOMEM, "out of memory");
	}
	r = file_sha256(path, &size, got, &why);
	if (r == -ENOENT && c->ignore_missing)
		return 0;
	if (r < 0)
		complain(c, name, r == -ENOENT ? "MISSING" : why.text);
	else if (strcmp(got, want) != 0)
		complain(c, name, "CHANGED: its SHA-256 is another");
	else
		c->right += (size_t)(printf("%s: right\n", name) > 0);
	return 0;
}

/* The hash of an artifact of image.json, or of a subject of a provenance. */
static const char *hash_of(struct json_object *o)
{
	struct json_object *digest = guest_object(o, "digest");

	return guest_text(digest ? digest : o, "sha256");
}

static int check_list(struct check *c, const char *text, const char *key,
		      struct err *reterr)
{
	cleanup_json_object struct json_object *o = json_tokener_parse(text);
	int r = 0;

	if (!guest_count(o, key))
		return err_set(reterr, -EINVAL, "names no files");
	for (size_t i = 0; i < guest_count(o, key) && r == 0; i++) {
		struct json_object *one = guest_at(o, key, i);

		r = check_file(c, guest_text(one, "name"), hash_of(one), reterr);
	}
	return r;
}

static int check_detached(EVP_PKEY *key, const char *path,
			  const uint8_t *data, size_t n, struct err *reterr)
{
	cleanup_free char *sig_path = NULL;
	cleanup_free uint8_t *sig = NULL;
	size_t size;
	int r;

	r = signature_path(path, &sig_path, reterr);
	if (r == 0)
		r = file_read(sig_path, KEY_FILE_MAX, &sig, &size, reterr);
	if (r < 0)
		return r;
	if (size != SIGNATURE_SIZE)
		return err_set(reterr, -EBADMSG, "'%s' is no signature",
			       sig_path);
	return signature_right(key, data, n, sig) ? 0 :
		err_set(reterr, -EBADMSG, "the signature is not that of this "
					  "key, or the file was changed");
}

/* An envelope carries its signature; anything else has it beside it. */
static int verify(EVP_PKEY *key, const char *path, struct check *c,
		  struct err *reterr)
{
	cleanup_buf struct buf payload = BUF_INIT(DSSE_MAX);
	cleanup_json_object struct json_object *o = NULL;
	cleanup_free uint8_t *data = NULL;
	size_t n;
	int r;

	r = file_read(path, TEXT_MAX, &data, &n, reterr);
	if (r < 0)
		return r;
	o = json_tokener_parse((const char *)data);
	if (guest_text(o, "payloadType")) {
		r = dsse_read(key, (const char *)data, PROVENANCE_TYPE,
			      &payload, reterr);
		if (r == 0 && buf_put_u8(&payload, '\0') < 0)
			r = err_set(reterr, -ENOMEM, "out of memory");
		return r < 0 ? r : check_list(c, (char *)buf_data(&payload),
					      "subject", reterr);
	}
	r = check_detached(key, path, data, n, reterr);
	return r < 0 ? r : check_list(c, (const char *)data, "artifacts",
				      reterr);
}

static int verify_one(EVP_PKEY *key, const char *path, bool ignore_missing,
		      struct err *reterr)
{
	const char *slash = strrchr(path, '/');
	struct check c = {.dir = path,
			  .dir_len = slash ? (size_t)(slash - path) + 1 : 0,
			  .ignore_missing = ignore_missing};
	int r;

	r = verify(key, path, &c, reterr);
	(void)fflush(stdout); /* the lines of files before the error */
	if (r < 0)
		return err_wrap(reterr, "'%s'", path);
	if (c.wrong)
		return err_set(reterr, -EBADMSG,
			       "'%s': %zu of %zu files are not those that were "
			       "signed", path, c.wrong, c.wrong + c.right);
	if (!c.right)
		return err_set(reterr, -ENODATA, "'%s': none of its files is "
						 "there", path);
	return 0;
}

static int verify_image(const char *path, const char *list, struct err *reterr)
{
	struct image image = {.archive = BUF_INIT(0)};
	cleanup_free uint8_t *data = NULL;
	size_t n, right = 0;
	ssize_t bad;
	int r;

	r = file_read(path, IMAGE_MAX, &data, &n, reterr);
	if (r == 0)
		r = image_open(&image, data, n, reterr);
	bad = r < 0 ? r : verify_files(&image, list, &right, reterr);
	image_release(&image);
	(void)fflush(stdout);
	if (bad < 0)
		return err_wrap(reterr, "'%s'", path);
	if (bad)
		return err_set(reterr, -EBADMSG, "'%s': %zd of %zu files are "
			       "not as listed", path, bad, (size_t)bad + right);
	(void)printf("%s: %zu files right\n", path, right);
	return 0;
}

static int verify_images(const struct options *o, struct err *reterr)
{
	cleanup_free uint8_t *list = NULL;
	size_t n;
	int r;

	if (o->evidence.key || o->evidence.ignore_missing)
		return err_set(reterr, -EINVAL, "'--manifest' goes without "
			       "'--key' and '--ignore-missing'");
	r = file_read(o->evidence.files_json, TEXT_MAX, &list, &n, reterr);
	for (int i = 0; i < o->n_args && r == 0; i++)
		r = verify_image(o->args[i], (const char *)list, reterr);
	return r;
}

int cmd_verify(const struct options *o, struct err *reterr)
{
	cleanup_key EVP_PKEY *key = NULL;
	int r;

	if (o->evidence.files_json)
		return verify_images(o, reterr);
	r = no_key(o, reterr);
	if (r == 0)
		r = key_read_public(o->evidence.key, &key, reterr);
	for (int i = 0; i < o->n_args && r == 0; i++)
		r = verify_one(key, o->args[i], o->evidence.ignore_missing,
			       reterr);
	return r;
}
