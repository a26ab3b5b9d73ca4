// SPDX-License-Identifier: Apache-2.0
/*
 * Signatures by Ed25519, which makes the same of the same. Bare ones are what
 * `openssl pkeyutl -rawin` makes and checks; envelopes are DSSE's, version 1.
 */
#include "sign.h"

#include <errno.h>
#include <string.h>

#include <openssl/pem.h>
#include <openssl/x509.h>

#include "fileio.h"
#include "guest_json.h"
#include "json_write.h"

#define SIGNATURES_MAX 16

DEFINE_CLEANUP(BIO, BIO_vfree)
DEFINE_CLEANUP(EVP_MD_CTX, EVP_MD_CTX_free)

/* No passphrase: nobody is asked. */
static int no_passphrase(char *buf UNUSED, int size UNUSED, int rw UNUSED,
			 void *data UNUSED)
{
	return -1;
}

static int read_key(const char *path, bool private, EVP_PKEY **ret,
		    struct err *reterr)
{
	cleanup(BIO_vfreep) BIO *bio = NULL;
	cleanup_key EVP_PKEY *key = NULL;
	cleanup_free uint8_t *text = NULL;
	size_t n;
	int r;

	r = file_read(path, KEY_FILE_MAX, &text, &n, reterr);
	if (r < 0)
		return r;
	bio = BIO_new_mem_buf(text, (int)n);
	if (bio)
		key = private ? PEM_read_bio_PrivateKey(bio, NULL,
							no_passphrase, NULL) :
				PEM_read_bio_PUBKEY(bio, NULL, no_passphrase,
						    NULL);
	OPENSSL_cleanse(text, n);
	if (!key)
		return err_set(reterr, -EINVAL,
			       "'%s' is no %s key in PEM%s", path,
			       private ? "private" : "public",
			       private ? " without passphrase" : "");
	if (EVP_PKEY_get_id(key) != EVP_PKEY_ED25519)
		return err_set(reterr, -EINVAL, "'%s' is no Ed25519 key", path);
	*ret = TAKE_PTR(key);
	return 0;
}

int key_read_private(const char *path, EVP_PKEY **ret, struct err *reterr)
{
	return read_key(path, true, ret, reterr);
}

int key_read_public(const char *path, EVP_PKEY **ret, struct err *reterr)
{
	return read_key(path, false, ret, reterr);
}

int sign_bytes(EVP_PKEY *key, const void *data, size_t n,
	       uint8_t ret[SIGNATURE_SIZE], struct err *reterr)
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	size_t size = SIGNATURE_SIZE;

	if (!ctx || !EVP_DigestSignInit(ctx, NULL, NULL, NULL, key) ||
	    !EVP_DigestSign(ctx, ret, &size, data, n) ||
	    size != SIGNATURE_SIZE)
		return err_set(reterr, -EIO, "the key does not sign");
	return 0;
}

bool signature_right(EVP_PKEY *key, const void *data, size_t n,
		     const uint8_t sig[SIGNATURE_SIZE])
{
	cleanup(EVP_MD_CTX_freep) EVP_MD_CTX *ctx = EVP_MD_CTX_new();

	return ctx && EVP_DigestVerifyInit(ctx, NULL, NULL, NULL, key) == 1 &&
	       EVP_DigestVerify(ctx, sig, SIGNATURE_SIZE, data, n) == 1;
}

/* What is signed of an envelope: DSSE's pre-authentication encoding. */
static int put_pae(struct buf *out, const char *type, const void *payload,
		   size_t n)
{
	(void)buf_printf(out, "DSSEv1 %zu %s %zu ", strlen(type), type, n);
	return buf_put(out, payload, n);
}

static char *to_base64(const void *data, size_t n)
{
	char *text = malloc(4 * (n / 3 + 1) + 1);

	if (text)
		(void)EVP_EncodeBlock((unsigned char *)text, data, (int)n);
	return text;
}

/* The bytes of TEXT appended to OUT; -EINVAL. */
static int from_base64(const char *text, struct buf *out)
{
	size_t n = strlen(text);
	uint8_t *to;
	int got;

	if (n == 0 || n % 4 || n > DSSE_MAX)
		return -EINVAL;
	to = buf_reserve(out, n / 4 * 3);
	if (!to)
		return buf_error(out);
	got = EVP_DecodeBlock(to, (const unsigned char *)text, (int)n);
	if (got < 0)
		return -EINVAL;
	/* The padding counts as bytes there. */
	got -= (text[n - 1] == '=') + (text[n - 2] == '=');
	buf_commit(out, (size_t)got);
	return 0;
}

/* SHA-256 of the public key, as X.509 writes it. */
static int key_id(EVP_PKEY *key, char ret[SHA256_HEX_SIZE])
{
	unsigned char *der = NULL;
	int n = i2d_PUBKEY(key, &der), r = -EIO;

	if (n > 0)
		r = sha256_hex(der, (size_t)n, ret);
	OPENSSL_free(der);
	return r;
}

int dsse_write(EVP_PKEY *key, const char *type, const void *payload, size_t n,
	       struct buf *out, struct err *reterr)
{
	cleanup_buf struct buf pae = BUF_INIT(DSSE_MAX);
	cleanup_free char *body = NULL, *sig = NULL;
	struct json_writer w = JSON_WRITER_INIT(out);
	uint8_t raw[SIGNATURE_SIZE];
	char id[SHA256_HEX_SIZE];
	int r;

	if (n > DSSE_MAX / 2 || put_pae(&pae, type, payload, n) < 0)
		return err_set(reterr, -EFBIG, "too much to sign");
	r = sign_bytes(key, buf_data(&pae), pae.len, raw, reterr);
	if (r < 0)
		return r;
	body = to_base64(payload, n);
	sig = to_base64(raw, sizeof(raw));
	if (!body || !sig || key_id(key, id) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	json_put_object(&w, NULL);
	json_put_text(&w, "payloadType", type);
	json_put_text(&w, "payload", body);
	json_put_array(&w, "signatures");
	json_put_object(&w, NULL);
	json_put_text(&w, "keyid", id);
	json_put_text(&w, "sig", sig);
	json_put_end(&w);
	json_put_end(&w);
	json_put_end(&w);
	(void)buf_put_u8(out, '\n');
	return buf_error(out) ? err_code(reterr, buf_error(out), "envelope") :
				0;
}

/* Whether one of the envelope's signatures is KEY's. */
static bool any_right(EVP_PKEY *key, struct json_object *envelope,
		      const struct buf *pae)
{
	size_t n = guest_count(envelope, "signatures");

	for (size_t i = 0; i < n && i < SIGNATURES_MAX; i++) {
		cleanup_buf struct buf raw = BUF_INIT(SIGNATURE_SIZE + 3);
		const char *sig = guest_text(
			guest_at(envelope, "signatures", i), "sig");

		if (sig && from_base64(sig, &raw) == 0 &&
		    raw.len == SIGNATURE_SIZE &&
		    signature_right(key, buf_data(pae), pae->len,
				    buf_data(&raw)))
			return true;
	}
	return false;
}

int dsse_read(EVP_PKEY *key, const char *text, const char *type,
	      struct buf *out, struct err *reterr)
{
	cleanup_json_object struct json_object *o = json_tokener_parse(text);
	cleanup_buf struct buf pae = BUF_INIT(DSSE_MAX);
	const char *kind = guest_text(o, "payloadType");
	const char *payload = guest_text(o, "payload");

	if (!kind || !payload)
		return err_set(reterr, -EINVAL, "no signed envelope");
	if (strcmp(kind, type) != 0)
		return err_set(reterr, -EINVAL, "an envelope of '%s'", kind);
	if (from_base64(payload, out) < 0)
		return err_set(reterr, -EINVAL, "its payload is no base64");
	if (put_pae(&pae, type, buf_data(out), out->len) < 0)
		return err_set(reterr, -ENOMEM, "out of memory");
	return any_right(key, o, &pae) ? 0 :
		err_set(reterr, -EBADMSG, "the signature is not that of this "
					  "key, or the content was changed");
}
