// SPDX-License-Identifier: Apache-2.0
#ifndef RUNTIME_CONFIG_KEYS_H
#define RUNTIME_CONFIG_KEYS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "codec/toml.h"
#include "runtime/config.h"

/* Private to config*.c: the table of keys and values before they are set. */

enum config_kind {
	CONFIG_STRING,
	CONFIG_LIST,  /* of strings */
	CONFIG_BOOL,
	CONFIG_U32,
	CONFIG_VCPUS, /* as Kata: fractions round up, 0 is 1, below 0 all */
	CONFIG_ENUM,  /* an int, index into one_of */
};

enum config_flags {
	CONFIG_PATH = 1 << 0,	  /* a host file: absolute or "" */
	CONFIG_APPEND = 1 << 1,	  /* an annotation adds to the value */
	CONFIG_EXPLICIT = 1 << 2, /* annotations: not by a glob */
	CONFIG_NO_ANNOTATION = 1 << 3,
};

struct config_key {
	const char *name; /* "hypervisor.qemu.path" */
	enum config_kind kind;
	size_t offset; /* in struct config */
	unsigned int flags;
	uint32_t min, max;
	const char *const *one_of; /* NULL-terminated */
	const char *def;	   /* value in TOML */
};

extern const struct config_key config_keys[];
extern const size_t config_n_keys;

/* A value of a key, checked; owns what the kind owns. */
struct config_setting {
	const struct config_key *key;
	char *origin; /* owned */
	char *arch;   /* owned; NULL: all architectures */
	char *string;
	char **list;
	uint32_t u32; /* also bool and enum */
};

struct config_priv {
	char **origins; /* one a key; owned */
	struct config_setting *arch_settings;
	size_t n_arch_settings;
	char *file; /* or NULL */
	char **files;
	size_t n_files;
};

void config_setting_release(struct config_setting *s);

/* Fills S (zeroed, key set) from V; the error names no key. */
int config_setting_from_toml(struct config_setting *s,
			     const struct toml_value *v, struct err *reterr);

/* The same from the text of an annotation. */
int config_setting_from_text(struct config_setting *s, const char *text,
			     struct err *reterr);

/* Moves the value of S, and its origin, into C. */
void config_set(struct config *c, struct config_setting *s);

/* A deep copy of S to RET; 0 or -ENOMEM. */
int config_setting_copy(const struct config_setting *s,
			struct config_setting *ret);

/* The present value of KEY in C as a setting that owns nothing. */
struct config_setting config_get(const struct config *c,
				 const struct config_key *key);

/* By full name, NULL when unknown. */
const struct config_key *config_key_find(const char *name);

/* The nearest name of a key, or NULL. */
const char *config_key_suggest(const char *name);

void config_list_free(char **list);

#endif
