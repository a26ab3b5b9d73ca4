// SPDX-License-Identifier: Apache-2.0
#ifndef OSBUILDER_SIGN_H
#define OSBUILDER_SIGN_H

#include <openssl/evp.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "base/err.h"

#define SIGNATURE_SIZE 64
#define KEY_FILE_MAX 16384
#define DSSE_MAX ((size_t)64 << 20)

DEFINE_CLEANUP(EVP_PKEY, EVP_PKEY_free)
#define cleanup_key cleanup(EVP_PKEY_freep)

/* An Ed25519 key from a PEM file: the private half, or the public. -EINVAL for
 * other kinds, and for a key that a passphrase encrypts. */
int key_read_private(const char *path, EVP_PKEY **ret, struct err *reterr);
int key_read_public(const char *path, EVP_PKEY **ret, struct err *reterr);

int sign_bytes(EVP_PKEY *key, const void *data, size_t n,
	       uint8_t ret[SIGNATURE_SIZE], struct err *reterr);

/* Whether SIG is KEY's signature of the N bytes. */
bool signature_right(EVP_PKEY *key, const void *data, size_t n,
		     const uint8_t sig[SIGNATURE_SIZE]);

/* A DSSE envelope with a payload of TYPE, signed, as JSON appended to OUT. */
int dsse_write(EVP_PKEY *key, const char *type, const void *payload, size_t n,
	       struct buf *out, struct err *reterr);

/* The payload of the envelope TEXT, appended to OUT, if one of its signatures
 * is KEY's: -EBADMSG otherwise, -EINVAL for what is no envelope of TYPE. */
int dsse_read(EVP_PKEY *key, const char *text, const char *type,
	      struct buf *out, struct err *reterr);

#endif
