// SPDX-License-Identifier: Apache-2.0
/* The options by which hosts tell how storages make one overlay. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/num.h"
#include "layers.h"
#include "storage.h"

#define PREFIX "X-kata."
#define VERITY PREFIX "dmverity."
#define HEX_MAX 256
#define PARTITION_MAX 128

static bool has(const Grpc__Storage *s, const char *option)
{
	size_t i;

	for (i = 0; i < s->n_options; i++)
		if (!strcmp(s->options[i], option))
			return true;
	return false;
}

/* The value of an option "KEY=value", or NULL. */
static const char *value_of(const Grpc__Storage *s, const char *key)
{
	size_t i, n = strlen(key);

	for (i = 0; i < s->n_options; i++)
		if (!strncmp(s->options[i], key, n) && s->options[i][n] == '=')
			return s->options[i] + n + 1;
	return NULL;
}

bool layers_is_member(const Grpc__Storage *storage)
{
	return has(storage, PREFIX "multi-layer=true") ||
	       !strcmp(storage->driver, storage_layers.name);
}

int64_t layers_partition(const Grpc__Storage *storage)
{
	const char *text = value_of(storage, PREFIX "partition-number");
	uint32_t number;

	if (!has(storage, PREFIX "gpt-partitioned=true"))
		return 0;
	if (!text || parse_u32(text, 10, &number) < 0 || !number ||
	    number > PARTITION_MAX)
		return -EINVAL;
	return number;
}

static bool is_hex(const char *s)
{
	size_t n = strspn(s, "0123456789abcdefABCDEF");

	return n && !s[n] && n <= HEX_MAX && !(n & 1);
}

static bool is_name(const char *s)
{
	size_t n = strspn(s, "abcdefghijklmnopqrstuvwxyz0123456789-");

	return n && !s[n] && n <= 32;
}

static bool is_block_size(uint64_t n)
{
	return n >= 512 && n <= 65536 && !(n & (n - 1));
}

static int number(const Grpc__Storage *s, const char *key, uint64_t *ret,
		  struct err *reterr)
{
	const char *text = value_of(s, key);

	if (text && parse_u64(text, 10, ret) < 0)
		return err_set(reterr, -EINVAL, "option '%s=%.64s'", key, text);
	return 0;
}

static int check_verity(const struct layer_verity *v, struct err *reterr)
{
	if (!v->root_hash || !is_hex(v->root_hash))
		return err_set(reterr, -EINVAL, "dm-verity: root hash");
	if (strcmp(v->salt, "-") && !is_hex(v->salt))
		return err_set(reterr, -EINVAL, "dm-verity: salt");
	if (!is_name(v->algorithm))
		return err_set(reterr, -EINVAL, "dm-verity: algorithm");
	if (!is_block_size(v->block_size) || !is_block_size(v->hash_size))
		return err_set(reterr, -EINVAL, "dm-verity: block sizes");
	if (!v->hash_offset || v->hash_offset > INT64_MAX ||
	    v->hash_offset % v->block_size || v->hash_offset % v->hash_size)
		return err_set(reterr, -EINVAL, "dm-verity: offset of hashes");
	return v->type > 1 ? err_set(reterr, -EINVAL, "dm-verity: type") : 0;
}

int layers_parse_verity(const Grpc__Storage *s, struct layer_verity *v,
			struct err *reterr)
{
	const char *salt = value_of(s, VERITY "salt");
	const char *algorithm = value_of(s, VERITY "algorithm");
	const char *bare = value_of(s, VERITY "no-superblock");
	uint64_t type = 1, block = 4096, hash = 4096;
	int r;

	*v = (struct layer_verity){0};
	v->is_on = has(s, PREFIX "dmverity-enabled=true");
	if (!v->is_on)
		return 0;
	v->root_hash = value_of(s, VERITY "roothash");
	v->salt = salt && *salt ? salt : "-";
	v->algorithm = algorithm ? algorithm : "sha256";
	v->no_superblock = bare && !strcmp(bare, "true");
	r = number(s, VERITY "hashoffset", &v->hash_offset, reterr);
	if (!r)
		r = number(s, VERITY "blocksize", &block, reterr);
	if (!r)
		r = number(s, VERITY "hashsize", &hash, reterr);
	if (!r)
		r = number(s, VERITY "hashtype", &type, reterr);
	if (r < 0)
		return r;
	v->block_size = block > UINT32_MAX ? 0 : (uint32_t)block;
	v->hash_size = hash > UINT32_MAX ? 0 : (uint32_t)hash;
	v->type = type > 1 ? 2 : (uint32_t)type;
	return check_verity(v, reterr);
}

/* "<path>[:<mode>[:<uid>:<gid>]]", the path below one of the layers. */
static int parse_dir(const char *text, struct layer_dir *d, struct err *reterr)
{
	static const char upper[] = "{{ mount 0 }}", lower[] = "{{ mount 1 }}";
	const char *mode;
	char digits[8] = "";

	*d = (struct layer_dir){.mode = 0755, .path = text};
	if (!strncmp(text, upper, sizeof(upper) - 1) ||
	    !strncmp(text, lower, sizeof(lower) - 1)) {
		d->in_lower = !strncmp(text, lower, sizeof(lower) - 1);
		d->path += sizeof(upper) - 1;
	}
	d->n = strcspn(d->path, ":");
	mode = d->path + d->n;
	if (!d->n || memchr(d->path, '{', d->n))
		return err_set(reterr, -EINVAL, "directory '%.200s'", text);
	if (!*mode)
		return 0;
	strncpy(digits, mode + 1, MIN(strcspn(mode + 1, ":"),
				      sizeof(digits) - 1));
	if (parse_u32(digits, 8, &d->mode) < 0 || d->mode > 07777)
		return err_set(reterr, -EINVAL, "directory '%.200s'", text);
	return 0;
}

static int parse_dirs(struct layers *l, const Grpc__Storage *s,
		      struct err *reterr)
{
	static const char key[] = PREFIX "mkdir.path=";
	size_t i;
	int r = 0;

	for (i = 0; !r && i < s->n_options; i++) {
		if (strncmp(s->options[i], key, sizeof(key) - 1))
			continue;
		if (l->ndirs == LAYER_DIRS_MAX)
			return err_set(reterr, -E2BIG, "more than %d "
				       "directories", LAYER_DIRS_MAX);
		r = parse_dir(s->options[i] + sizeof(key) - 1,
			      &l->dirs[l->ndirs++], reterr);
	}
	return r;
}

static int parse_one(struct layers *l, const Grpc__Storage *s,
		     struct err *reterr)
{
	bool is_ext4 = !strcmp(s->fstype, "ext4");
	struct layer layer = {.storage = s};
	int64_t partition = layers_partition(s);
	int r;

	if (partition < 0)
		return err_set(reterr, -EINVAL, "no partition's number");
	layer.partition = (uint32_t)partition;
	r = parse_dirs(l, s, reterr);
	if (!r)
		r = layers_parse_verity(s, &layer.verity, reterr);
	if (r < 0)
		return r;
	if (is_ext4 && !has(s, PREFIX "overlay-lower")) {
		if (l->upper.storage)
			return err_set(reterr, -EINVAL, "two upper layers");
		if (layer.verity.is_on)
			return err_set(reterr, -EINVAL, "an upper layer cannot "
				       "have dm-verity");
		l->upper = layer;
		return 0;
	}
	if (strcmp(s->fstype, "erofs") || has(s, PREFIX "overlay-upper"))
		return err_set(reterr, -EINVAL, "a layer of type '%.64s': upper "
			       "ones are ext4, lower ones erofs", s->fstype);
	if (l->n == LAYERS_MAX)
		return err_set(reterr, -E2BIG, "more than %d layers",
			       LAYERS_MAX);
	l->lower[l->n++] = layer;
	return 0;
}

static int by_partition(const void *a, const void *b)
{
	const struct layer *x = a, *y = b;

	return x->partition < y->partition ? -1 : x->partition > y->partition;
}

int layers_parse(struct layers *ret, Grpc__Storage *const *list, size_t n,
		 struct err *reterr)
{
	bool is_partitioned = false;
	size_t i;
	int r = 0;

	*ret = (struct layers){0};
	for (i = 0; !r && i < n; i++)
		if (layers_is_member(list[i]))
			r = parse_one(ret, list[i], reterr);
	if (r < 0)
		return r;
	if (!ret->n)
		return err_set(reterr, -EINVAL, "no erofs layer");
	for (i = 0; i < ret->n; i++)
		is_partitioned |= ret->lower[i].partition > 0;
	for (i = 0; is_partitioned && i < ret->n; i++)
		if (!ret->lower[i].partition)
			return err_set(reterr, -EINVAL, "layers in partitions "
				       "and others");
	/* The first partition is the uppermost. */
	if (is_partitioned)
		qsort(ret->lower, ret->n, sizeof(*ret->lower), by_partition);
	/* A host without an upper layer has put the target on the first. */
	ret->mount_point = ret->upper.storage
				   ? ret->upper.storage->mount_point
				   : ret->lower[0].storage->mount_point;
	return 0;
}
