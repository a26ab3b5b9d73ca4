// SPDX-License-Identifier: Apache-2.0
/*
 * Every message of proto/, as the peer might send it: the first two bytes say
 * which one, the rest are its bytes. What is read must pack to the size that it
 * says, and reading that must give the same bytes again.
 */
#include <stdlib.h>
#include <string.h>

#include "base/endian.h"
#include "base/macros.h"
#include "codec/ttrpc.h"
#include "proto/agent.pb-c.h"
#include "proto/csi.pb-c.h"
#include "proto/health.pb-c.h"
#include "proto/oci.pb-c.h"
#include "proto/task.pb-c.h"
#include "proto/ttrpc.pb-c.h"
#include "proto/types.pb-c.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Made from the generated headers: see mk/fuzz.mk. */
static const ProtobufCMessageDescriptor *const messages[] = {
#define MESSAGE(descriptor) &(descriptor),
#include "fuzz/messages.inc"
};

static uint8_t *pack(const ProtobufCMessage *m, size_t *ret)
{
	size_t n = protobuf_c_message_get_packed_size(m);
	uint8_t *packed = malloc(n + 1);

	if (packed && protobuf_c_message_pack(m, packed) != n)
		abort();
	*ret = n;
	return packed;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const ProtobufCMessageDescriptor *d;
	uint8_t *one, *two;
	size_t n1, n2;
	ProtobufCMessage *m;

	if (size < 2)
		return 0;
	d = messages[get_le16(data) % ARRAY_SIZE(messages)];
	m = proto_unpack(d, size - 2, data + 2);
	if (!m)
		return 0;
	one = pack(m, &n1);
	proto_free(m);
	m = one ? proto_unpack(d, n1, one) : NULL;
	/* What was near the cap on memory may be above it now. */
	if (m) {
		two = pack(m, &n2);
		if (two && (n1 != n2 || memcmp(one, two, n1)))
			abort();
		free(two);
	}
	proto_free(m);
	free(one);
	return 0;
}
