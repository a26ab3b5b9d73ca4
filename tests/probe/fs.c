// SPDX-License-Identifier: Apache-2.0
/* Probes of file systems that need no disk: of the network, and of programs. */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/auto_fs.h>
#include <linux/fuse.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "net.h"
#include "probe.h"

/* An answer of ONC RPC under construction, in 32-bit words. */
struct xdr {
	uint32_t v[256];
	size_t n;
};

static void put(struct xdr *x, uint32_t v)
{
	x->v[x->n++] = htonl(v);
}

static void put64(struct xdr *x, uint64_t v)
{
	put(x, (uint32_t)(v >> 32));
	put(x, (uint32_t)v);
}

static void put_opaque(struct xdr *x, const char *data, size_t size)
{
	put(x, (uint32_t)size);
	memset(&x->v[x->n], 0, (size + 3) & ~(size_t)3);
	memcpy(&x->v[x->n], data, size);
	x->n += (size + 3) / 4;
}

static const char nfs_text[] = "from a server of its own\n";

/* fattr3 of the export's directory (1) or of its file (2). */
static void put_attributes(struct xdr *x, uint32_t id)
{
	put(x, id == 1 ? 2 : 1);
	put(x, id == 1 ? 0755 : 0644);
	put(x, 1);
	put(x, 0);
	put(x, 0);
	put64(x, id == 1 ? 4096 : sizeof(nfs_text));
	put64(x, 4096);
	put64(x, 0);
	put64(x, 1);
	put64(x, id);
	for (int i = 0; i < 3; i++)
		put64(x, 1);
}

/* The procedures of NFS 3 that mounting and reading a file take. */
static void nfs_answer(struct xdr *x, uint32_t procedure, uint32_t id)
{
	put(x, 0);
	switch (procedure) {
	case 1: /* GETATTR */
		put_attributes(x, id);
		return;
	case 3: /* LOOKUP of the one file */
		put_opaque(x, "\0\0\0\2", 4);
		put(x, 1);
		put_attributes(x, 2);
		put(x, 0);
		return;
	case 4: /* ACCESS */
		put(x, 1);
		put_attributes(x, id);
		put(x, 0x3f);
		return;
	case 6: /* READ */
		put(x, 1);
		put_attributes(x, id);
		put(x, sizeof(nfs_text));
		put(x, 1);
		put_opaque(x, nfs_text, sizeof(nfs_text));
		return;
	case 19: /* FSINFO */
		put(x, 1);
		put_attributes(x, id);
		for (int i = 0; i < 7; i++)
			put(x, 4096);
		put64(x, 1 << 20);
		put64(x, 1);
		put(x, 0x1b);
		return;
	case 20: /* PATHCONF */
		put(x, 1);
		put_attributes(x, id);
		put(x, 1);
		put(x, 255);
		for (int i = 0; i < 4; i++)
			put(x, 1);
		return;
	default: /* FSSTAT and the like */
		x->n--;
		put(x, 10004);
		put(x, 0);
	}
}

/* One call and its answer; both of MOUNT (100005) and NFS (100003). */
static int rpc_serve(int fd)
{
	static uint32_t q[4096];
	uint32_t mark, program, procedure, id = 1;
	struct xdr x = { .n = 1 };
	size_t n, at;

	if (read_all(fd, &mark, 4) < 0)
		return -1;
	n = ntohl(mark) & 0x7fffffff;
	if (n > sizeof(q) || n < 40 || read_all(fd, q, n) < 0)
		return -1;
	program = ntohl(q[3]);
	procedure = ntohl(q[5]);
	at = 8 + (ntohl(q[7]) + 3) / 4;		/* credentials */
	at += 2 + (ntohl(q[at + 1]) + 3) / 4;	/* verifier */
	if (program == 100003 && procedure && ntohl(q[at]) == 4)
		id = ntohl(q[at + 1]);
	x.v[x.n++] = q[0];
	put(&x, 1);
	for (int i = 0; i < 4; i++)
		put(&x, 0);
	if (program == 100005 && procedure == 1) {
		put(&x, 0);
		put_opaque(&x, "\0\0\0\1", 4);
		put(&x, 1);
		put(&x, 1);
	} else if (program == 100003 && procedure) {
		nfs_answer(&x, procedure, id);
	}
	x.v[0] = htonl(0x80000000 | (uint32_t)(4 * (x.n - 1)));
	return write(fd, x.v, 4 * x.n) == (ssize_t)(4 * x.n) ? 0 : -1;
}

/* Serves each connection in a process of its own. */
static _Noreturn void serve(int server, int (*one)(int fd))
{
	for (;;) {
		int fd = accept(server, NULL, NULL);

		if (fd < 0)
			_exit(0);
		if (fork() == 0) {
			while (one(fd) == 0)
				;
			_exit(0);
		}
		close(fd);
	}
}

static int nfs(void)
{
	char options[256], text[64];
	uint16_t port;
	int server = tcp_listen(&port);

	if (server < 0)
		return -1;
	if (fork() == 0)
		serve(server, rpc_serve);
	snprintf(options, sizeof(options), "vers=3,proto=tcp,mountproto=tcp,"
		 "addr=127.0.0.1,port=%u,mountport=%u,mountvers=3,nolock,"
		 "sec=sys", port, port);
	if (mount("127.0.0.1:/export", "/mnt", "nfs", 0, options) < 0)
		return fail("mount with NFS 3: %m");
	if (read_text("/mnt/file", text, sizeof(text)) < 0)
		return fail("read a file: %m");
	if (strncmp(text, nfs_text, sizeof(nfs_text) - 2) != 0)
		return fail("other bytes came: '%s'", text);
	/* Nobody listens on port 9: refused is what NFS 4 is asked to say. */
	if (mount("127.0.0.1:/", "/tmp", "nfs4", 0,
		  "vers=4.2,proto=tcp,addr=127.0.0.1,clientaddr=127.0.0.1,"
		  "port=9,soft,timeo=10,retrans=1") == 0 ||
	    (errno != ECONNREFUSED && errno != ETIMEDOUT && errno != EIO))
		return fail("NFS 4.2 did not try to connect: %m");
	note("a file read by NFS 3 from a server in the probe; NFS 4.2 tried "
	     "to connect");
	return 0;
}

/* An RPC call without arguments, NFS 4's NULL: whether it is accepted. */
static int nfs_null(int fd)
{
	uint32_t call[11] = { htonl(0x80000000 | 40), htonl(7), 0, htonl(2),
			      htonl(100003), htonl(4) };
	uint32_t answer[7];

	if (write(fd, call, sizeof(call)) != sizeof(call) ||
	    read_all(fd, answer, sizeof(answer)) < 0)
		return fail("call: %m");
	return ntohl(answer[1]) == 7 && answer[6] == 0 ? 0 :
	       fail("the call was not accepted");
}

static int nfsd(void)
{
	struct sockaddr_in a = {
		.sin_family = AF_INET,
		.sin_port = htons(2049),
		.sin_addr = { htonl(INADDR_LOOPBACK) },
	};
	int listener = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0), fd;
	char number[16];

	if (mount("nfsd", "/mnt", "nfsd", 0, NULL) < 0)
		return fail("mount nfsd: %m");
	/* Of version 4 alone: the others ask for rpcbind. */
	if (write_text("/mnt/versions", "-3 +4 +4.1 +4.2\n") < 0)
		return fail("versions: %m");
	if (bind(listener, (struct sockaddr *)&a, sizeof(a)) < 0 ||
	    listen(listener, 4) < 0)
		return fail("listen: %m");
	snprintf(number, sizeof(number), "%d\n", listener);
	if (write_text("/mnt/portlist", number) < 0)
		return fail("hand over the socket: %m");
	if (write_text("/mnt/threads", "2\n") < 0)
		return fail("start: %m");
	fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (connect(fd, (struct sockaddr *)&a, sizeof(a)) < 0)
		return fail("connect: %m");
	if (nfs_null(fd) < 0)
		return -1;
	(void)write_text("/mnt/threads", "0\n");
	note("the server answers calls of NFS 4");
	return 0;
}

/* Mounts in a child, for what comes over the wire. */
static int wire(const char *type, const char *source, const char *options,
		int server, char *got, size_t size)
{
	struct pollfd p = { .fd = server, .events = POLLIN };
	int fds[2], fd;
	ssize_t n;

	if (pipe2(fds, O_CLOEXEC) < 0)
		return fail("pipe: %m");
	if (fork() == 0) {
		mount(source, "/mnt", type, 0, options);
		n = errno;
		(void)!write(fds[1], &n, sizeof(n));
		_exit(0);
	}
	if (poll(&p, 1, 60000) != 1) {
		n = 0;
		(void)fcntl(fds[0], F_SETFL, O_NONBLOCK);
		(void)!read(fds[0], &n, sizeof(n));
		return fail("mount %s did not connect: %s", type,
			    strerror((int)n));
	}
	fd = accept(server, NULL, NULL);
	p.fd = fd;
	if (fd < 0 || poll(&p, 1, 15000) != 1)
		return fail("%s says nothing", type);
	n = recv(fd, got, size, 0);
	return (int)n;
}

static int cifs(void)
{
	char options[128], got[512];
	uint16_t port;
	int server = tcp_listen(&port), n;

	if (server < 0)
		return -1;
	snprintf(options, sizeof(options), "ip=127.0.0.1,port=%u,user=u,"
		 "pass=p,vers=3.1.1", port);
	n = wire("cifs", "//127.0.0.1/share", options, server, got,
		 sizeof(got));
	if (n < 0)
		return -1;
	/* 4 bytes of length, then the header of SMB 2: NEGOTIATE is 0. */
	if (n < 4 + 64 + 36 || memcmp(got + 4, "\xfeSMB", 4) != 0 ||
	    got[4 + 12] != 0 || memcmp(got + 4 + 64 + 36, "\x11\x03", 2) != 0)
		return fail("%d bytes came that do not negotiate SMB 3.1.1",
			    n);
	note("the client negotiates SMB 3.1.1; there is no server to mount");
	return 0;
}

static int ceph(void)
{
	char source[64], got[64];
	uint16_t port;
	int server = tcp_listen(&port), n;

	if (server < 0)
		return -1;
	snprintf(source, sizeof(source), "127.0.0.1:%u:/", port);
	n = wire("ceph", source, "name=admin,ms_mode=crc,mount_timeout=20",
		 server, got, sizeof(got));
	if (n < 0)
		return -1;
	if (n < 8 || memcmp(got, "ceph v2\n", 8) != 0)
		return fail("%d bytes came that are not Ceph's banner", n);
	if (access("/sys/bus/rbd/add", W_OK) < 0)
		return fail("RADOS block devices: %m");
	note("the client sends its banner; there is no cluster to mount");
	return 0;
}

/* Waits for the kernel to ask for the directory, mounts there, says ready. */
static int autofs_answer(int fd, int root)
{
	union autofs_v5_packet_union packet;
	struct pollfd p = { .fd = fd, .events = POLLIN };

	if (poll(&p, 1, 15000) != 1 ||
	    read(fd, &packet, sizeof(packet)) <= 0)
		return fail("the kernel asks for nothing: %m");
	if (packet.hdr.type != autofs_ptype_missing_indirect ||
	    strcmp(packet.missing_indirect.name, "wanted") != 0)
		return fail("another packet came: %d", packet.hdr.type);
	if (mkdir("/mnt/wanted", 0755) < 0 ||
	    mount("t", "/mnt/wanted", "tmpfs", 0, NULL) < 0)
		return fail("mount what was asked for: %m");
	return ioctl(root, AUTOFS_IOC_READY,
		     packet.missing_indirect.wait_queue_token) < 0 ?
	       fail("ready: %m") : 0;
}

static int autofs(void)
{
	char options[128];
	int fds[2], status, root;
	pid_t pid;

	if (pipe2(fds, O_DIRECT) < 0)
		return fail("pipe: %m");
	/* The process group of the automounter sees the directory as it is. */
	snprintf(options, sizeof(options),
		 "fd=%d,pgrp=%d,minproto=5,maxproto=5,indirect", fds[1],
		 getpgrp());
	if (mount("probe", "/mnt", "autofs", 0, options) < 0)
		return fail("mount autofs: %m");
	root = open("/mnt", O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	pid = fork();
	if (pid == 0) {
		(void)setpgid(0, 0);
		_exit(open("/mnt/wanted/file", O_CREAT | O_WRONLY | O_CLOEXEC,
			   0644) >= 0 ? 0 : 1);
	}
	if (autofs_answer(fds[0], root) < 0)
		return -1;
	waitpid(pid, &status, 0);
	note("a directory mounted because it was asked for");
	return status == 0 ? 0 : fail("who asked could not use it");
}

/* Whether a mount of FUSE offers passthrough: bit 37 of the flags of INIT. */
static int fuse_init(void)
{
	int fd = open("/dev/fuse", O_RDWR | O_CLOEXEC);
	static uint32_t q[65536];
	char options[64];

	if (fd < 0)
		return fail("/dev/fuse: %m");
	snprintf(options, sizeof(options),
		 "fd=%d,rootmode=40000,user_id=0,group_id=0", fd);
	if (mount("probe", "/mnt", "fuse", 0, options) < 0)
		return fail("mount fuse: %m");
	if (read(fd, q, sizeof(q)) < 60 || q[1] != FUSE_INIT)
		return fail("no INIT came: %m");
	/* struct fuse_init_in behind the header: major, minor, max_readahead,
	 * flags, flags2 */
	return q[10 + 4] & 1u << 5 ? 0 : fail("passthrough is not offered");
}

static int fuse_overlay(void)
{
	static const char *const dirs[] = {
		"/tmp/lower", "/tmp/upper", "/tmp/work", "/tmp/all",
		"/tmp/lower/dir",
	};

	if (fuse_init() < 0)
		return -1;
	if (access("/dev/cuse", R_OK | W_OK) < 0)
		return fail("/dev/cuse: %m");
	for (size_t i = 0; i < sizeof(dirs) / sizeof(*dirs); i++)
		(void)mkdir(dirs[i], 0755);
	if (mount("overlay", "/tmp/all", "overlay", 0, "lowerdir=/tmp/lower,"
		  "upperdir=/tmp/upper,workdir=/tmp/work,redirect_dir=on,"
		  "metacopy=on,userxattr=off") < 0 &&
	    mount("overlay", "/tmp/all", "overlay", 0, "lowerdir=/tmp/lower,"
		  "upperdir=/tmp/upper,workdir=/tmp/work,redirect_dir=on,"
		  "metacopy=on") < 0)
		return fail("mount overlay: %m");
	if (rename("/tmp/all/dir", "/tmp/all/other") < 0)
		return fail("rename a directory of the lower layer: %m");
	note("passthrough is offered, CUSE, a directory renamed over layers");
	return access("/tmp/upper/other", F_OK) < 0 ?
	       fail("the upper layer lacks it: %m") : 0;
}

const struct probe probes_fs[] = {
	{ "nfs", nfs },
	{ "nfsd", nfsd },
	{ "cifs", cifs },
	{ "ceph", ceph },
	{ "autofs", autofs },
	{ "fuse-overlay", fuse_overlay },
	{ NULL, NULL },
};
