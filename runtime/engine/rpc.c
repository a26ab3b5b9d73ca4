// SPDX-License-Identifier: Apache-2.0
#include "rpc.h"

#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/socket.h>

#include "base/cleanup.h"
#include "base/endian.h"
#include "codec/ttrpc.h"
#include "os/io.h"
#include "proto/ttrpc.pb-c.h"

#define FRAME_REQUEST 1
#define FRAME_RESPONSE 2
#define STREAM_ID 1

static int send_all(int fd, const uint8_t *p, size_t n)
{
	while (n) {
		ssize_t sent = send(fd, p, n, MSG_NOSIGNAL);

		if (sent < 0 && errno == EINTR)
			continue;
		if (sent < 0)
			return -errno;
		p += sent;
		n -= (size_t)sent;
	}
	return 0;
}

static int send_request(int fd, const char *service, const char *name,
			const ProtobufCMessage *message)
{
	Ttrpc__Request request = TTRPC__REQUEST__INIT;
	cleanup_free uint8_t *payload = NULL, *frame = NULL;
	size_t n = protobuf_c_message_get_packed_size(message);

	payload = malloc(n + 1);
	if (!payload)
		return -ENOMEM;
	(void)protobuf_c_message_pack(message, payload);
	request.service = (char *)(uintptr_t)service;
	request.method = (char *)(uintptr_t)name;
	request.payload.data = payload;
	request.payload.len = n;
	n = protobuf_c_message_get_packed_size(&request.base);
	if (n > TTRPC_PAYLOAD_MAX)
		return -EMSGSIZE;
	frame = calloc(1, TTRPC_HEADER_SIZE + n);
	if (!frame)
		return -ENOMEM;
	put_be32(frame, (uint32_t)n);
	put_be32(frame + 4, STREAM_ID);
	frame[8] = FRAME_REQUEST;
	(void)protobuf_c_message_pack(&request.base, frame + TTRPC_HEADER_SIZE);
	return send_all(fd, frame, TTRPC_HEADER_SIZE + n);
}

static int receive_frame(int fd, uint8_t **ret, size_t *ret_n)
{
	uint8_t header[TTRPC_HEADER_SIZE];
	cleanup_free uint8_t *payload = NULL;
	ssize_t got = read_full(fd, header, sizeof(header));
	size_t n;

	if (got < 0)
		return (int)got;
	if (got != (ssize_t)sizeof(header))
		return -EPIPE;
	n = get_be32(header);
	if (n > TTRPC_PAYLOAD_MAX || header[8] != FRAME_RESPONSE ||
	    get_be32(header + 4) != STREAM_ID)
		return -EPROTO;
	payload = malloc(n + 1);
	if (!payload)
		return -ENOMEM;
	got = read_full(fd, payload, n);
	if (got < 0)
		return (int)got;
	if ((size_t)got != n)
		return -EPIPE;
	*ret = TAKE_PTR(payload);
	*ret_n = n;
	return 0;
}

static int decode_response(const uint8_t *frame, size_t n,
			   const ProtobufCMessageDescriptor *descriptor,
			   ProtobufCMessage **ret, struct err *reterr)
{
	ProtobufCMessage *m =
		proto_unpack(&ttrpc__response__descriptor, n, frame);
	Ttrpc__Response *response = (Ttrpc__Response *)m;
	int r = 0;

	if (!m)
		return err_set(reterr, -EPROTO, "malformed answer");
	if (response->status && response->status->code) {
		r = err_set(reterr,
			    ttrpc_code_to_errno(response->status->code), "%s",
			    response->status->message);
	} else if (ret) {
		*ret = proto_unpack(descriptor, response->payload.len,
				    response->payload.data);
		if (!*ret)
			r = err_set(reterr, -EPROTO, "malformed answer");
	}
	proto_free(m);
	return r;
}

int rpc_call(int fd, const char *service, const char *name,
	     const ProtobufCMessage *request,
	     const ProtobufCMessageDescriptor *response, ProtobufCMessage **ret,
	     struct err *reterr)
{
	cleanup_free uint8_t *frame = NULL;
	size_t n = 0;
	int r = send_request(fd, service, name, request);

	if (!r)
		r = receive_frame(fd, &frame, &n);
	if (r == -EPIPE || r == -ECONNRESET)
		return err_set(reterr, -EPIPE, "the supervisor has ended");
	if (r < 0)
		return err_code(reterr, r, "%s", name);
	return decode_response(frame, n, response, ret, reterr);
}
