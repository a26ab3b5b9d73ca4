// SPDX-License-Identifier: Apache-2.0
/*
 * Bounded unpacking. protobuf-c allocates per field, so a small message of many
 * empty parts grows some hundredfold; the allocator here counts and refuses.
 */
#include <stdlib.h>

#include "codec/ttrpc.h"

#define PROTO_MEMORY_MAX ((size_t)32 << 20)

static void *counted_alloc(void *data, size_t size)
{
	size_t *left = data;

	/* What malloc() adds to each block counts as well. */
	if (size + 16 > *left)
		return NULL;
	*left -= size + 16;
	return malloc(size ? size : 1);
}

static void counted_free(void *data UNUSED, void *p)
{
	free(p);
}

ProtobufCMessage *proto_unpack(const ProtobufCMessageDescriptor *descriptor,
			       size_t n, const uint8_t *data)
{
	size_t left = PROTO_MEMORY_MAX;
	ProtobufCAllocator allocator = {counted_alloc, counted_free, &left};
	static const uint8_t nothing[1];

	return protobuf_c_message_unpack(descriptor, &allocator, n,
					 data ? data : nothing);
}

void proto_free(ProtobufCMessage *message)
{
	size_t unused = 0;
	ProtobufCAllocator allocator = {counted_alloc, counted_free, &unused};

	if (message)
		protobuf_c_message_free_unpacked(message, &allocator);
}
