// SPDX-License-Identifier: Apache-2.0
/* Every field that the wire has must have a row, and every row a field. */
#include "test.h"

#include <string.h>

#include "runtime/oci/spec_tables.h"

static const struct decode_field *row_of(const struct decode_table *t,
					 const char *name)
{
	const struct decode_field *f;

	for (f = t->fields; f->key; f++)
		if (!strcmp(f->name, name))
			return f;
	return NULL;
}

static bool is_foreign(const char *name)
{
	return !strcmp(name, "Solaris") || !strcmp(name, "Windows");
}

static void check_table(const struct decode_table *t)
{
	const struct decode_field *f;
	unsigned int i;

	for (f = t->fields; f->key; f++)
		if (!protobuf_c_message_descriptor_get_field_by_name(t->desc,
								     f->name))
			fail_msg("%s has no field '%s'", t->desc->name,
				 f->name);
	for (i = 0; i < t->desc->n_fields; i++) {
		const ProtobufCFieldDescriptor *fd = &t->desc->fields[i];

		if (is_foreign(fd->name))
			continue;
		f = row_of(t, fd->name);
		if (!f)
			fail_msg("%s.%s has no row", t->desc->name, fd->name);
		if (fd->type != PROTOBUF_C_TYPE_MESSAGE ||
		    (f->flags & DECODE_MAP))
			continue;
		assert_non_null(f->sub);
		assert_ptr_equal(f->sub->desc, fd->descriptor);
		check_table(f->sub);
	}
}

static void test_complete(void **state UNUSED)
{
	check_table(&spec_table);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_complete),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
