// SPDX-License-Identifier: Apache-2.0
#include "runtime/oci/decode.h"

#include <errno.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

/* The largest number of elements of one array. */
#define LIST_MAX 65536

size_t decode_enter(struct decoder *d, const char *key)
{
	size_t mark = strlen(d->path);

	(void)snprintf(d->path + mark, sizeof(d->path) - mark, "%s%s",
		       mark ? "." : "", key);
	return mark;
}

size_t decode_enter_index(struct decoder *d, size_t index)
{
	size_t mark = strlen(d->path);

	(void)snprintf(d->path + mark, sizeof(d->path) - mark, "[%zu]", index);
	return mark;
}

void decode_leave(struct decoder *d, size_t mark)
{
	d->path[mark] = '\0';
}

int decode_fail(struct decoder *d, int code, const char *key, const char *fmt,
		...)
{
	char text[ERR_TEXT_MAX / 2];
	va_list ap;

	va_start(ap, fmt);
	(void)vsnprintf(text, sizeof(text), fmt, ap);
	va_end(ap);
	if (key)
		(void)decode_enter(d, key);
	if (!*d->path)
		return err_set(d->err, code, "%s", text);
	return err_set(d->err, code, "%s: %s", d->path, text);
}

static int fail_type(struct decoder *d, const char *want, json_object *o)
{
	return decode_fail(d, -EINVAL, NULL, "expected %s, got %s", want,
			   json_kind_name(o));
}

static int fail_memory(struct decoder *d)
{
	return decode_fail(d, -ENOMEM, NULL, "document too large for memory");
}

int decode_get(struct decoder *d, json_object *o, const char *key,
	       json_type type, json_object **ret)
{
	json_object *v = json_member(o, key);

	if (!v)
		return 0;
	if (!json_object_is_type(v, type))
		return decode_fail(d, -EINVAL, key, "expected %s, got %s",
				   type == json_type_int ? "number" :
				   json_type_to_name(type),
				   json_kind_name(v));
	*ret = v;
	return 1;
}

int decode_get_str(struct decoder *d, json_object *o, const char *key,
		   const char **ret)
{
	json_object *v;
	int r = decode_get(d, o, key, json_type_string, &v);

	if (r > 0)
		*ret = json_to_str(v);
	return r;
}

int decode_get_i64(struct decoder *d, json_object *o, const char *key,
		   int64_t min, int64_t max, int64_t *ret)
{
	json_object *v;
	int r = decode_get(d, o, key, json_type_int, &v);

	if (r <= 0)
		return r;
	if (json_to_i64(v, min, max, ret) < 0)
		return decode_fail(d, -ERANGE, key, "number out of range");
	return 1;
}

/* Nothing is copied that is too long for what it is to be used for. */
static int check_length(struct decoder *d, const struct decode_field *f,
			const char *s)
{
	size_t max = DECODE_STRING_MAX;

	if (f->flags & (DECODE_PATH | DECODE_ABSOLUTE))
		max = PATH_MAX - 1;
	else if (f->flags & DECODE_WORD)
		max = DECODE_WORD_MAX;
	if (strlen(s) <= max)
		return 0;
	return decode_fail(d, -E2BIG, NULL, "longer than %zu bytes", max);
}

static int put_string(struct decoder *d, const struct decode_field *f,
		      json_object *o, void *out)
{
	const char *s = json_to_str(o);
	const char *const *c;
	char *copy;

	if (!s)
		return fail_type(d, "string", o);
	if (check_length(d, f, s) < 0)
		return -E2BIG;
	if ((f->flags & DECODE_NONEMPTY) && !*s)
		return decode_fail(d, -EINVAL, NULL, "must not be empty");
	if ((f->flags & DECODE_ABSOLUTE) && *s != '/')
		return decode_fail(d, -EINVAL, NULL,
				   "'%.128s' is not an absolute path", s);
	for (c = f->one_of; c && *c && strcmp(*c, s); c++)
		;
	if (c && !*c)
		return decode_fail(d, -EINVAL, NULL, "unknown value '%.128s'",
				   s);
	copy = arena_strdup(d->arena, s);
	if (!copy)
		return fail_memory(d);
	*(char **)out = copy;
	return 0;
}

static int put_number(struct decoder *d, const struct decode_field *f,
		      ProtobufCType type, json_object *o, void *out)
{
	uint64_t u = 0;
	int64_t i = 0;
	int r;

	if (!json_object_is_type(o, json_type_int))
		return fail_type(d, "number", o);
	if (f->flags & DECODE_RANGE)
		r = json_to_i64(o, f->min, f->max, &i);
	else if (type == PROTOBUF_C_TYPE_INT64)
		r = json_to_i64(o, INT64_MIN, INT64_MAX, &i);
	else
		r = json_to_u64(o,
				type == PROTOBUF_C_TYPE_UINT32 ? UINT32_MAX
							       : UINT64_MAX,
				&u);
	if (r < 0)
		return decode_fail(d, -ERANGE, NULL, "number out of range");
	if (f->flags & DECODE_RANGE)
		u = (uint64_t)i;
	if (type == PROTOBUF_C_TYPE_UINT32)
		*(uint32_t *)out = (uint32_t)u;
	else if (type == PROTOBUF_C_TYPE_UINT64)
		*(uint64_t *)out = u;
	else
		*(int64_t *)out = i;
	return 0;
}

static int put_value(struct decoder *d, const struct decode_field *f,
		     const ProtobufCFieldDescriptor *fd, json_object *o,
		     void *out)
{
	switch (fd->type) {
	case PROTOBUF_C_TYPE_STRING:
		return put_string(d, f, o, out);
	case PROTOBUF_C_TYPE_BOOL:
		if (!json_object_is_type(o, json_type_boolean))
			return fail_type(d, "boolean", o);
		*(protobuf_c_boolean *)out = json_object_get_boolean(o);
		return 0;
	case PROTOBUF_C_TYPE_MESSAGE:
		return decode_message(d, f->sub, o, out);
	default:
		return put_number(d, f, fd->type, o, out);
	}
}

static size_t element_size(ProtobufCType type)
{
	switch (type) {
	case PROTOBUF_C_TYPE_UINT32:
		return sizeof(uint32_t);
	case PROTOBUF_C_TYPE_UINT64:
	case PROTOBUF_C_TYPE_INT64:
		return sizeof(uint64_t);
	default:
		return sizeof(void *);
	}
}

static int put_list(struct decoder *d, const struct decode_field *f,
		    const ProtobufCFieldDescriptor *fd, json_object *o,
		    uint8_t *msg)
{
	size_t size = element_size(fd->type), n, i;
	uint8_t *v;
	int r = 0;

	if (!json_object_is_type(o, json_type_array))
		return fail_type(d, "array", o);
	n = json_object_array_length(o);
	if (!n && (f->flags & DECODE_REQUIRED))
		return decode_fail(d, -EINVAL, NULL, "must not be empty");
	if (n > LIST_MAX)
		return decode_fail(d, -E2BIG, NULL, "more than %d elements",
				   LIST_MAX);
	v = arena_array(d->arena, n, size);
	if (!v)
		return fail_memory(d);
	for (i = 0; i < n && r == 0; i++) {
		size_t mark = decode_enter_index(d, i);

		d->index = i;
		r = put_value(d, f, fd, json_object_array_get_idx(o, i),
			      v + i * size);
		if (r == 0)
			decode_leave(d, mark);
	}
	*(void **)(msg + fd->offset) = v;
	*(size_t *)(msg + fd->quantifier_offset) = n;
	return r;
}

/* Entries of a map have two fields, "key" and "value", both strings. */
static int put_entry(struct decoder *d, const ProtobufCMessageDescriptor *desc,
		     const char *key, json_object *o, ProtobufCMessage **ret)
{
	uint8_t *entry = arena_alloc(d->arena, desc->sizeof_message);
	char *k = arena_strdup(d->arena, key), *v;

	if (!json_to_str(o))
		return fail_type(d, "string", o);
	if (strlen(key) > DECODE_STRING_MAX ||
	    strlen(json_to_str(o)) > DECODE_STRING_MAX)
		return decode_fail(d, -E2BIG, NULL, "longer than %zu bytes",
				   DECODE_STRING_MAX);
	v = arena_strdup(d->arena, json_to_str(o));
	if (!entry || !k || !v)
		return fail_memory(d);
	desc->message_init((void *)entry);
	*(char **)(entry + desc->fields[0].offset) = k;
	*(char **)(entry + desc->fields[1].offset) = v;
	*ret = (void *)entry;
	return 0;
}

static int put_map(struct decoder *d, const ProtobufCFieldDescriptor *fd,
		   json_object *o, uint8_t *msg)
{
	struct json_object_iterator it, end;
	ProtobufCMessage **v;
	size_t n = 0;
	int r = 0;

	if (!json_object_is_type(o, json_type_object))
		return fail_type(d, "object", o);
	v = arena_array(d->arena, (size_t)json_object_object_length(o),
			sizeof(*v));
	if (!v)
		return fail_memory(d);
	it = json_object_iter_begin(o);
	end = json_object_iter_end(o);
	for (; !json_object_iter_equal(&it, &end) && r == 0;
	     json_object_iter_next(&it)) {
		const char *key = json_object_iter_peek_name(&it);
		size_t mark = decode_enter(d, key);

		r = put_entry(d, fd->descriptor, key,
			      json_object_iter_peek_value(&it), &v[n++]);
		if (r == 0)
			decode_leave(d, mark);
	}
	*(void **)(msg + fd->offset) = v;
	*(size_t *)(msg + fd->quantifier_offset) = n;
	return r;
}

static int put_missing(struct decoder *d, const struct decode_field *f,
		       const ProtobufCFieldDescriptor *fd, uint8_t *msg)
{
	if (f->flags & DECODE_REQUIRED)
		return decode_fail(d, -EINVAL, NULL, "missing");
	if (!(f->flags & DECODE_DEFAULT))
		return 0;
	if (fd->type == PROTOBUF_C_TYPE_INT64)
		*(int64_t *)(msg + fd->offset) = f->missing;
	else
		*(uint32_t *)(msg + fd->offset) = (uint32_t)f->missing;
	return 0;
}

static int decode_field(struct decoder *d, const ProtobufCMessageDescriptor *m,
			const struct decode_field *f, json_object *o,
			uint8_t *msg)
{
	const ProtobufCFieldDescriptor *fd;
	json_object *v = json_member(o, f->key);
	size_t mark = decode_enter(d, f->key);
	int r;

	fd = protobuf_c_message_descriptor_get_field_by_name(m, f->name);
	if (!fd)
		return decode_fail(d, -EPROTO, NULL, "no field '%s'", f->name);
	if (!v)
		r = put_missing(d, f, fd, msg);
	else if (f->flags & DECODE_MAP)
		r = put_map(d, fd, v, msg);
	else if (fd->label == PROTOBUF_C_LABEL_REPEATED)
		r = put_list(d, f, fd, v, msg);
	else
		r = put_value(d, f, fd, v, msg + fd->offset);
	if (r < 0)
		return r;
	if (v && (fd->flags & PROTOBUF_C_FIELD_FLAG_ONEOF))
		*(uint32_t *)(msg + fd->quantifier_offset) = fd->id;
	decode_leave(d, mark);
	return 0;
}

int decode_message(struct decoder *d, const struct decode_table *table,
		   json_object *o, ProtobufCMessage **ret)
{
	const struct decode_field *f;
	size_t index = d->index;
	uint8_t *msg;
	int r;

	if (!json_object_is_type(o, json_type_object))
		return fail_type(d, "object", o);
	msg = arena_alloc(d->arena, table->desc->sizeof_message);
	if (!msg)
		return fail_memory(d);
	table->desc->message_init((void *)msg);
	for (f = table->fields; f->key; f++) {
		r = decode_field(d, table->desc, f, o, msg);
		if (r < 0)
			return r;
	}
	d->index = index;
	if (table->finish) {
		r = table->finish(d, o, msg);
		if (r < 0)
			return r;
	}
	*ret = (void *)msg;
	return 0;
}
