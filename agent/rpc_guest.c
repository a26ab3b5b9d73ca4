// SPDX-License-Identifier: Apache-2.0
/* Calls that ask about the guest, and those of its packet filter. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/strv.h"
#include "container.h"
#include "metrics.h"
#include "os/io.h"
#include "rpc.h"
#include "os/safe_path.h"
#include "task.h"

#define TERMINATION_MAX 4096 /* Kubernetes' own bound */
#define IPTABLES_TIMEOUT_MS 15000

void rpc_get_metrics(struct agent *agent, struct ttrpc_call *call,
		     const ProtobufCMessage *request UNUSED)
{
	cleanup_buf struct buf b = BUF_INIT(METRICS_MAX);
	Grpc__Metrics response = GRPC__METRICS__INIT;
	int r = metrics_write(&b, ++agent->scrapes);

	if (!r && !buf_cstr(&b))
		r = buf_error(&b);
	if (r < 0) {
		ttrpc_reply_error(call, ttrpc_code_of_errno(r), "metrics: %s",
				  strerror(-r));
		return;
	}
	response.metrics = buf_cstr(&b);
	ttrpc_reply(call, &response.base);
}

/* The length of a well-formed UTF-8 sequence at P; 0. */
static size_t utf8_length(const uint8_t *p, size_t n)
{
	size_t i, len = *p < 0x80 ? 1 : *p >> 5 == 6 ? 2 : *p >> 4 == 14 ? 3
		      : *p >> 3 == 30 ? 4 : 0;

	if (!len || len > n || !*p || *p == 0xc0 || *p == 0xc1 || *p > 0xf4)
		return 0;
	for (i = 1; i < len; i++)
		if (p[i] >> 6 != 2)
			return 0;
	/* No surrogates, nothing overlong, nothing past the last plane. */
	if ((*p == 0xe0 && p[1] < 0xa0) || (*p == 0xed && p[1] > 0x9f) ||
	    (*p == 0xf0 && p[1] < 0x90) || (*p == 0xf4 && p[1] > 0x8f))
		return 0;
	return len;
}

/* Text fields of the protocol are UTF-8; a container may write anything. */
static void make_text(char *text, size_t n)
{
	uint8_t *p = (uint8_t *)text;
	size_t i = 0;

	while (i < n) {
		size_t len = utf8_length(p + i, n - i);

		if (!len)
			p[i] = '?';
		i += len ? len : 1;
	}
}

/* The end of the file that a container leaves its last words in. */
static int read_termination(const struct container *c, char *ret,
			    size_t *ret_n, struct err *reterr)
{
	cleanup_close int root = -1, fd = -1;
	struct stat st;
	off_t from;
	ssize_t n;

	if (!c->termination_root)
		return err_set(reterr, -ENOENT, "container '%s' has no "
			       "termination log", c->id);
	root = open(c->termination_root, O_PATH | O_CLOEXEC);
	if (root >= 0)
		fd = *c->termination_path
			     ? root_open(root, c->termination_path,
					 O_RDONLY | O_NONBLOCK | O_NOCTTY, 0)
			     : open(c->termination_root, O_RDONLY |
				    O_NONBLOCK | O_NOCTTY | O_NOFOLLOW |
				    O_CLOEXEC);
	if (fd < 0 || fstat(fd, &st) < 0)
		return err_set(reterr, -ENOENT, "termination log of '%s'",
			       c->id);
	if (!S_ISREG(st.st_mode))
		return err_set(reterr, -EINVAL, "termination log of '%s' is "
			       "no file", c->id);
	from = st.st_size > TERMINATION_MAX ? st.st_size - TERMINATION_MAX : 0;
	n = pread(fd, ret, TERMINATION_MAX, from);
	if (n < 0)
		return err_errno(reterr, "read the termination log of '%s'",
				 c->id);
	*ret_n = (size_t)n;
	return 0;
}

void rpc_diagnostic_data(struct agent *agent, struct ttrpc_call *call,
			 const ProtobufCMessage *request)
{
	const Grpc__GetDiagnosticDataRequest *rq =
		(const Grpc__GetDiagnosticDataRequest *)request;
	Grpc__GetDiagnosticDataResponse response =
		GRPC__GET_DIAGNOSTIC_DATA_RESPONSE__INIT;
	char text[TERMINATION_MAX + 1];
	struct container *c;
	struct err e = {0};
	size_t n = 0;
	int r;

	if (strcmp(rq->log_type, "termination_log")) {
		ttrpc_reply_error(call, TTRPC_INVALID_ARGUMENT,
				  "log type '%.64s'", rq->log_type);
		return;
	}
	c = rpc_find(agent, rq->container_id, call);
	if (!c)
		return;
	r = read_termination(c, text, &n, &e);
	if (r < 0) {
		rpc_reply_err(call, r, &e);
		return;
	}
	make_text(text, n);
	text[n] = '\0';
	response.data = text;
	ttrpc_reply(call, &response.base);
}

/* The program of the guest's image; NULL. */
static const char *find_tool(bool is_ipv6, bool restore)
{
	static const char *const paths[2][2][2] = {
		{{"/usr/sbin/iptables-save", "/sbin/iptables-save"},
		 {"/usr/sbin/iptables-restore", "/sbin/iptables-restore"}},
		{{"/usr/sbin/ip6tables-save", "/sbin/ip6tables-save"},
		 {"/usr/sbin/ip6tables-restore", "/sbin/ip6tables-restore"}},
	};
	size_t i;

	for (i = 0; i < 2; i++)
		if (access(paths[is_ipv6][restore][i], X_OK) == 0)
			return paths[is_ipv6][restore][i];
	return NULL;
}

static int run_save(const void *arg, struct err *reterr)
{
	const char *path = arg;
	char *argv[] = {(char *)(uintptr_t)path, NULL};

	(void)execv(path, argv);
	return err_errno(reterr, "execute '%s'", path);
}

static int run_restore(const void *arg, struct err *reterr)
{
	const char *path = arg;
	char wait[] = "--wait", seconds[] = "5";
	char *argv[] = {(char *)(uintptr_t)path, wait, seconds, NULL};

	(void)execv(path, argv);
	return err_errno(reterr, "execute '%s'", path);
}

/* Both answers are one field of bytes, of the same number. */
static void reply_tables(struct ttrpc_call *call, int r, const struct err *e,
			 uint8_t *output, size_t n)
{
	Grpc__GetIPTablesResponse response = GRPC__GET_IPTABLES_RESPONSE__INIT;

	if (r < 0) {
		if (n) /* what the program says about it */
			make_text((char *)output, n);
		ttrpc_reply_error(call, ttrpc_code_of_errno(r),
				  "iptables: %s: %.800s", e->text,
				  n ? (const char *)output : "");
		return;
	}
	response.data.data = output;
	response.data.len = n;
	ttrpc_reply(call, &response.base);
}

static void run_tables(struct agent *agent, struct ttrpc_call *call,
		       bool is_ipv6, const ProtobufCBinaryData *rules)
{
	const char *path = find_tool(is_ipv6, rules != NULL);

	if (!path)
		ttrpc_reply_error(call, TTRPC_UNIMPLEMENTED, "the guest's image "
				  "has no ip%stables-%s", is_ipv6 ? "6" : "",
				  rules ? "restore" : "save");
	else
		task_run(agent, call, rules ? run_restore : run_save, path,
			 rules ? rules->data : NULL, rules ? rules->len : 0,
			 IPTABLES_TIMEOUT_MS, reply_tables);
}

void rpc_get_iptables(struct agent *agent, struct ttrpc_call *call,
		      const ProtobufCMessage *request)
{
	run_tables(agent, call,
		   ((const Grpc__GetIPTablesRequest *)request)->is_ipv6, NULL);
}

void rpc_set_iptables(struct agent *agent, struct ttrpc_call *call,
		      const ProtobufCMessage *request)
{
	const Grpc__SetIPTablesRequest *rq =
		(const Grpc__SetIPTablesRequest *)request;

	run_tables(agent, call, rq->is_ipv6, &rq->data);
}
