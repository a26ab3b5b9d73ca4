// SPDX-License-Identifier: Apache-2.0
#ifndef VMM_QMP_H
#define VMM_QMP_H

#include <json-c/json.h>

/*
 * A client of QEMU's machine protocol on the event loop. The other side may be
 * a QEMU that a guest has taken over: lines, nesting, and the number of
 * requests under way are bounded, types are checked, and text is escaped
 * before it is handed on. Whatever does not fit ends the connection.
 */

struct event_loop;
struct qmp;

/* Bytes of one message, and of what waits to be sent. */
#define QMP_LINE_MAX (256U * 1024)
#define QMP_DEPTH_MAX 32
#define QMP_PENDING_MAX 64
/* An error's text, with NUL. */
#define QMP_TEXT_MAX 256

/* The connection may be freed in any of them. */
struct qmp_callbacks {
	/* Greeting and capabilities are done; commands run from now on. */
	void (*ready)(void *arg);
	/* DATA may be NULL; borrowed. NAME is printable ASCII. */
	void (*event)(void *arg, const char *name, struct json_object *data);
	/* The connection has ended: 0 (end of file) or -errno. Requests under
	 * way have been answered with -ECONNRESET before. */
	void (*closed)(void *arg, int code, const char *text);
};

/* STATUS 0 with RESULT (borrowed), or -EIO with QEMU's TEXT, or -ECONNRESET. */
typedef void (*qmp_reply_fn)(void *arg, int status, struct json_object *result,
			     const char *text);

/* Takes the connected stream FD. NULL with errno on failure (FD is closed). */
struct qmp *qmp_new(struct event_loop *loop, int fd,
		    const struct qmp_callbacks *cb, void *arg);

/* No callback comes any more. NULL is fine. */
void qmp_free(struct qmp *qmp);

/*
 * Sends COMMAND with ARGUMENTS (taken; may be NULL). May be called before
 * `ready`: it is sent then. FN may be NULL. 0, -ENOTCONN, -EBUSY with too many
 * under way, or -ENOMEM; then FN is not called.
 */
int qmp_execute(struct qmp *qmp, const char *command,
		struct json_object *arguments, qmp_reply_fn fn, void *arg);

/* Lends descriptor FD to QEMU, which knows it as NAME from then on. As
 * qmp_execute(), but only once `ready`, and -EBUSY as long as something waits
 * to be sent. */
int qmp_give_fd(struct qmp *qmp, const char *name, int fd, qmp_reply_fn fn,
		void *arg);

#endif
