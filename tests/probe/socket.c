// SPDX-License-Identifier: Apache-2.0
/* Probes of protocols that programs open sockets of. */
#include <errno.h>
#include <linux/can.h>
#include <linux/if_alg.h>
#include <linux/sock_diag.h>
#include <linux/tls.h>
#include <linux/vm_sockets.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

#ifndef IPPROTO_MPTCP
#define IPPROTO_MPTCP 262
#endif

static int talk(int from, int to)
{
	char got[8] = "";

	if (write(from, "through", 8) != 8)
		return fail("write: %m");
	if (read_all(to, got, 8) < 0 || memcmp(got, "through", 8) != 0)
		return fail("other bytes arrived");
	return 0;
}

static int sctp(void)
{
	int fds[2];

	return tcp_pair(fds, IPPROTO_SCTP) < 0 ? -1 : talk(fds[0], fds[1]);
}

static int mptcp(void)
{
	char info[256];
	socklen_t len = sizeof(info);
	int fds[2];

	if (tcp_pair(fds, IPPROTO_MPTCP) < 0 || talk(fds[0], fds[1]) < 0)
		return -1;
	/* A connection that fell back to TCP has no MPTCP_INFO. */
	if (getsockopt(fds[1], 284 /* SOL_MPTCP */, 1, info, &len) < 0)
		return fail("it fell back to TCP: %m");
	return 0;
}

static int ktls(void)
{
	struct tls12_crypto_info_aes_gcm_128 keys = {
		.info = { TLS_1_2_VERSION, TLS_CIPHER_AES_GCM_128 },
		.key = { 1, 2, 3 },
	};
	int plain[2], fds[2];
	char raw[64];

	if (tcp_pair(fds, 0) < 0 || tcp_pair(plain, 0) < 0)
		return -1;
	for (int i = 0; i < 2; i++)
		if (setsockopt(fds[i], IPPROTO_TCP, TCP_ULP, "tls", 4) < 0)
			return fail("TCP_ULP tls: %m");
	if (setsockopt(fds[0], 282 /* SOL_TLS */, TLS_TX, &keys,
		       sizeof(keys)) < 0 ||
	    setsockopt(fds[1], 282, TLS_RX, &keys, sizeof(keys)) < 0)
		return fail("keys: %m");
	if (talk(fds[0], fds[1]) < 0)
		return -1;
	/* What another one would have read is a record, not the text. */
	if (setsockopt(plain[0], IPPROTO_TCP, TCP_ULP, "tls", 4) < 0 ||
	    setsockopt(plain[0], 282, TLS_TX, &keys, sizeof(keys)) < 0 ||
	    write(plain[0], "through", 8) != 8 ||
	    read_all(plain[1], raw, 5 + 8 + 8 + 16) < 0)
		return fail("record: %m");
	if (raw[0] != 23 || memcmp(raw + 13, "through", 8) == 0)
		return fail("the record is not encrypted");
	note("a record of TLS 1.2 with AES-GCM written and read");
	return 0;
}

static int vsock_loopback(void)
{
	struct sockaddr_vm a = {
		.svm_family = AF_VSOCK,
		.svm_port = 5000,
		.svm_cid = VMADDR_CID_LOCAL,
	};
	int server = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0);
	int fd = socket(AF_VSOCK, SOCK_STREAM | SOCK_CLOEXEC, 0), peer;

	if (server < 0 || bind(server, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(server, 1) < 0)
		return fail("listen: %m");
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("connect: %m");
	peer = accept(server, NULL, NULL);
	return peer < 0 ? fail("accept: %m") : talk(fd, peer);
}

static int can_open(const char *link)
{
	struct sockaddr_can a = {
		.can_family = AF_CAN,
		.can_ifindex = link_index(link),
	};
	int fd = socket(AF_CAN, SOCK_RAW | SOCK_CLOEXEC, CAN_RAW);

	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("CAN socket: %m");
	return fd;
}

static int can(void)
{
	struct can_frame out = { .can_id = 0x123, .len = 3, .data = "abc" };
	struct can_frame in = { .can_id = 0 };
	int from, to;

	if (link_new("can0", "vcan", NULL) < 0 || link_up("can0") < 0)
		return fail("virtual CAN link: %m");
	from = can_open("can0");
	to = can_open("can0");
	if (from < 0 || to < 0)
		return -1;
	if (write(from, &out, sizeof(out)) != sizeof(out) ||
	    read(to, &in, sizeof(in)) != sizeof(in))
		return fail("frame: %m");
	if (in.can_id != 0x123 || memcmp(in.data, "abc", 3) != 0)
		return fail("another frame arrived");
	return 0;
}

/* An operation socket of AF_ALG. */
static int alg_open(const char *type, const char *name, const void *key,
		    socklen_t key_len)
{
	struct sockaddr_alg a = { .salg_family = AF_ALG };
	int fd = socket(AF_ALG, SOCK_SEQPACKET | SOCK_CLOEXEC, 0), op;

	snprintf((char *)a.salg_type, sizeof(a.salg_type), "%s", type);
	snprintf((char *)a.salg_name, sizeof(a.salg_name), "%s", name);
	if (fd < 0 || bind(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("%s: %m", name);
	if (key_len &&
	    setsockopt(fd, 279 /* SOL_ALG */, ALG_SET_KEY, key, key_len) < 0)
		return fail("key of %s: %m", name);
	op = accept(fd, NULL, NULL);
	close(fd);
	return op < 0 ? fail("%s: %m", name) : op;
}

/* FIPS 197's example. */
static int alg_cipher(void)
{
	static const uint8_t expected[16] = {
		0x69, 0xc4, 0xe0, 0xd8, 0x6a, 0x7b, 0x04, 0x30,
		0xd8, 0xcd, 0xb7, 0x80, 0x70, 0xb4, 0xc5, 0x5a,
	};
	union {
		char bytes[CMSG_SPACE(sizeof(uint32_t))];
		struct cmsghdr align;
	} control = { .bytes = "" };
	uint8_t key[16], text[16], got[16];
	struct iovec iov = { text, sizeof(text) };
	struct msghdr m = {
		.msg_control = &control,
		.msg_controllen = sizeof(control),
		.msg_iov = &iov,
		.msg_iovlen = 1,
	};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);
	uint32_t encrypt = ALG_OP_ENCRYPT;
	int fd;

	for (int i = 0; i < 16; i++) {
		key[i] = (uint8_t)i;
		text[i] = (uint8_t)(i * 0x11);
	}
	fd = alg_open("skcipher", "ecb(aes)", key, sizeof(key));
	if (fd < 0)
		return -1;
	c->cmsg_level = 279;
	c->cmsg_type = ALG_SET_OP;
	c->cmsg_len = CMSG_LEN(sizeof(encrypt));
	memcpy(CMSG_DATA(c), &encrypt, sizeof(encrypt));
	if (sendmsg(fd, &m, 0) != 16 || read(fd, got, 16) != 16)
		return fail("encrypt: %m");
	return memcmp(got, expected, 16) == 0 ? 0 : fail("AES is wrong");
}

static int crypto_user(void)
{
	static const uint8_t expected[8] = { 0xba, 0x78, 0x16, 0xbf,
					     0x8f, 0x01, 0xcf, 0xea };
	uint8_t got[32];
	int fd = alg_open("hash", "sha256", NULL, 0);
	struct nl nl;

	if (fd < 0)
		return -1;
	if (write(fd, "abc", 3) != 3 || read(fd, got, 32) != 32)
		return fail("hash: %m");
	if (memcmp(got, expected, sizeof(expected)) != 0)
		return fail("SHA-256 is wrong");
	if (nl_open(&nl, NETLINK_CRYPTO) < 0)
		return fail("netlink of the crypto layer: %m");
	note("SHA-256 and AES of the standards' examples");
	return alg_cipher();
}

const struct probe probes_socket[] = {
	{ "sctp", sctp },
	{ "mptcp", mptcp },
	{ "ktls", ktls },
	{ "vsock-loopback", vsock_loopback },
	{ "can", can },
	{ "crypto-user", crypto_user },
	{ NULL, NULL },
};
