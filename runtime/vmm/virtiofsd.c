// SPDX-License-Identifier: Apache-2.0
#include "runtime/vmm/virtiofsd.h"

#include <errno.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "base/path.h"
#include "base/strv.h"
#include "os/event.h"
#include "runtime/vmm/spawn.h"

#define OUTPUT_MAX 1024

struct fs_server {
	struct event_loop *loop;
	pid_t pid; /* 0 once it has ended */
	int output_fd;
	struct event_io *output_io;
	char output[OUTPUT_MAX]; /* the last bytes */
	size_t output_len;
	fs_server_ended_fn ended;
	void *arg;
};

static void read_output(struct fs_server *s)
{
	char text[512];
	ssize_t n;

	while ((n = read(s->output_fd, text, sizeof(text))) > 0) {
		size_t len = (size_t)n;

		if (s->output_len + len > OUTPUT_MAX) {
			size_t drop = s->output_len + len - OUTPUT_MAX;

			memmove(s->output, s->output + drop,
				s->output_len - drop);
			s->output_len -= drop;
		}
		memcpy(s->output + s->output_len, text, len);
		s->output_len += len;
	}
	if (n == 0) {
		event_io_free(s->output_io);
		s->output_io = NULL;
	}
}

static void on_output(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	read_output(arg);
}

static void on_end(void *arg, pid_t pid UNUSED, int status)
{
	struct fs_server *s = arg;
	char text[OUTPUT_MAX];

	s->pid = 0;
	read_output(s);
	if (s->ended)
		s->ended(s->arg, status,
			 log_escape(text, sizeof(text), s->output,
				    s->output_len));
}

pid_t fs_server_pid(const struct fs_server *server)
{
	return server->pid;
}

void fs_server_free(struct fs_server *server)
{
	if (!server)
		return;
	if (server->pid > 0) {
		event_child_cancel(server->loop, server->pid);
		(void)kill(server->pid, SIGKILL);
	}
	event_io_free(server->output_io);
	close_fd(&server->output_fd);
	free(server);
}
DEFINE_CLEANUP(struct fs_server, fs_server_free)

/*
 * The server wants to accept a connection itself. It gets a listening socket
 * whose only connection, ours, is made before it starts; its name lives for a
 * moment.
 */
static int connect_pair(const struct fs_server_options *o, int *ret_listen,
			int *ret_conn, struct err *reterr)
{
	cleanup_close int listener = -1;
	cleanup_close int conn = -1;
	struct sockaddr_un sa = {.sun_family = AF_UNIX};
	int r = 0;

	listener = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	conn = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (listener < 0 || conn < 0)
		return err_errno(reterr, "socket for the file server");
	(void)snprintf(sa.sun_path, sizeof(sa.sun_path), "/proc/self/fd/%d/%s",
		       o->dirfd, o->socket);
	if (bind(listener, (struct sockaddr *)&sa, sizeof(sa)) < 0 ||
	    listen(listener, 1) < 0 ||
	    connect(conn, (struct sockaddr *)&sa, sizeof(sa)) < 0)
		r = err_errno(reterr, "socket '%s'", o->socket);
	(void)unlinkat(o->dirfd, o->socket, 0);
	if (r < 0)
		return r;
	*ret_listen = TAKE_FD(listener);
	*ret_conn = TAKE_FD(conn);
	return 0;
}

/* The C server of QEMU before 8.0: options in one string, and fewer. */
static int old_argv(const struct fs_server_options *o, const char *cache,
		    struct strv *argv, struct err *reterr)
{
	if (o->read_only || strchr(o->source, ','))
		return err_set(reterr, -EOPNOTSUPP,
			       "'%s' shares no folder read-only and none with "
			       "a comma in its name ('%s'); 9p would do",
			       o->program, o->source);
	if (!strcmp(cache, "metadata"))
		return err_set(reterr, -EOPNOTSUPP,
			       "'%s' has no virtio_fs_cache \"metadata\": "
			       "auto, always or never", o->program);
	(void)strv_add(argv, "-f");
	(void)strv_add(argv, "-o");
	/* It drops a file's pages at every open, but would let the guest
	 * believe in names and sizes for a second. */
	(void)strv_addf(argv, "source=%s,cache=%s,xattr,announce_submounts%s%s",
			o->source, !strcmp(cache, "never") ? "none" : cache,
			!strcmp(cache, "auto") ? ",timeout=0" : "",
			o->confined ? ",sandbox=chroot" : "");
	return 0;
}

/* That of Rust. Its own "auto" lets the guest believe in names and sizes for a
 * second; so nothing is kept, but by MAP_SHARED what is open. */
static void new_argv(const struct fs_server_options *o, const char *cache,
		     struct strv *argv)
{
	(void)strv_add(argv, "--shared-dir");
	(void)strv_add(argv, o->source);
	if (!strcmp(cache, "auto")) {
		(void)strv_add(argv, "--cache=never");
		(void)strv_add(argv, "--allow-mmap");
	} else {
		(void)strv_addf(argv, "--cache=%s", cache);
	}
	(void)strv_add(argv, "--xattr");
	(void)strv_add(argv, "--announce-submounts");
	if (o->read_only)
		(void)strv_add(argv, "--readonly");
	/* Within the jail it could not mount what it wants. */
	if (o->confined)
		(void)strv_add(argv, "--sandbox=chroot");
}

int fs_server_argv(const struct fs_server_options *o, struct strv *argv,
		   struct err *reterr)
{
	const char *cache = o->cache ? o->cache : "auto";
	char *const *arg;
	int r;

	(void)strv_add(argv, o->program);
	(void)strv_add(argv, "--fd=3");
	if (strstr(o->program, "/qemu/")) {
		r = old_argv(o, cache, argv, reterr);
		if (r < 0)
			return r;
	} else {
		new_argv(o, cache, argv);
	}
	for (arg = o->extra_args; arg && *arg; arg++)
		(void)strv_add(argv, *arg);
	if (strv_error(argv))
		return err_code(reterr, strv_error(argv), "file server");
	return 0;
}

int fs_server_start(struct event_loop *loop, const struct fs_server_options *o,
		    fs_server_ended_fn ended, void *arg,
		    struct fs_server **ret, int *ret_fd, struct err *reterr)
{
	cleanup(fs_server_freep) struct fs_server *s = NULL;
	cleanup_strv struct strv argv = STRV_INIT;
	cleanup_close int listener = -1;
	cleanup_close int conn = -1;
	/* It becomes whom the guest names, and shuts itself in the folder. */
	struct jail jail = {
		.capabilities = jail_file_capabilities() | 1U << CAP_SETUID |
				1U << CAP_SETGID | 1U << CAP_SETPCAP |
				1U << CAP_SYS_CHROOT | 1U << CAP_MKNOD,
	};
	int r;

	if (!o->program[0])
		return err_set(reterr, -ENOENT,
			       "no virtiofsd on this host: install the package "
			       "'virtiofsd', or share by 9p");
	if (!path_is_normal(o->source))
		return err_set(reterr, -EINVAL, "share '%s': no normal path",
			       o->source);
	r = fs_server_argv(o, &argv, reterr);
	if (r == 0)
		r = connect_pair(o, &listener, &conn, reterr);
	if (r < 0)
		return r;
	s = calloc(1, sizeof(*s));
	if (!s)
		return err_set(reterr, -ENOMEM, "file server");
	*s = (struct fs_server){
		.loop = loop, .output_fd = -1, .ended = ended, .arg = arg,
	};
	r = jail_add(&jail, o->source, true);
	if (r == 0)
		r = spawn_helper(strv_argv(&argv), &listener, 1,
				 o->confined ? &jail : NULL, &s->pid,
				 &s->output_fd, reterr);
	if (r < 0)
		return r;
	r = event_child(loop, s->pid, on_end, s);
	if (r < 0)
		return err_code(reterr, r, "watch '%s'", o->program);
	s->output_io = event_io_new(loop, s->output_fd, EPOLLIN, on_output, s);
	if (!s->output_io)
		return err_errno(reterr, "output of '%s'", o->program);
	*ret = TAKE_PTR(s);
	*ret_fd = TAKE_FD(conn);
	return 0;
}
