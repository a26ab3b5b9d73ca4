// SPDX-License-Identifier: Apache-2.0
#include "runtime/vmm/qemu_nic.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/buf.h"
#include "base/cleanup.h"
#include "runtime/vmm/qmp.h"

#define ID_MAX 24
#define NAME_MAX_FD (ID_MAX + 8)

struct qemu_nic {
	struct vm *vm;
	struct qmp *qmp;
	char id[ID_MAX], mac[18], devno[16];
	unsigned int queues;
	int fds[2 * VM_QUEUES_MAX]; /* taps, then vhosts; owned */
	unsigned int n_fds, given;
	vm_done_fn done;
	void *arg;
};

void qemu_nic_cancel(struct vm *vm)
{
	struct qemu_nic *n = vm->nic_op;

	if (!n)
		return;
	vm->nic_op = NULL;
	for (unsigned int i = 0; i < n->n_fds; i++)
		close_fd(&n->fds[i]);
	free(n);
}

static void put(struct json_object *o, const char *key, const char *prefix,
		const char *value)
{
	char text[VM_QUEUES_MAX * NAME_MAX_FD];

	(void)snprintf(text, sizeof(text), "%s%s", prefix, value);
	(void)json_object_object_add(o, key, json_object_new_string(text));
}

/* The name that QEMU knows descriptor I by. */
static void fd_name(const struct qemu_nic *n, unsigned int i, char *ret,
		    size_t size)
{
	(void)snprintf(ret, size, "%s-%u", n->id, i);
}

/* QEMU would keep them, and with them the tap, for ever. Those that a netdev
 * has taken have no names any more: refused, which is fine. */
static void take_back(struct qemu_nic *n)
{
	char name[NAME_MAX_FD];

	for (unsigned int i = 0; i < n->given; i++) {
		struct json_object *o = json_object_new_object();

		fd_name(n, i, name, sizeof(name));
		put(o, "fdname", "", name);
		(void)qmp_execute(n->qmp, "closefd", o, NULL, NULL);
	}
}

static void finish(struct qemu_nic *n, int status, const char *text)
{
	vm_done_fn done = n->done;
	void *arg = n->arg;

	if (status < 0 && status != -ECONNRESET)
		take_back(n);
	qemu_nic_cancel(n->vm);
	/* Its end is told otherwise. */
	if (status != -ECONNRESET)
		done(arg, status, text ? text : "");
}

static void ask(struct qemu_nic *n, const char *command,
		struct json_object *arguments, qmp_reply_fn fn)
{
	int r = qmp_execute(n->qmp, command, arguments, fn, n);

	if (r < 0)
		finish(n, r, "QEMU takes no command");
}

static void on_device(void *arg, int status, struct json_object *result UNUSED,
		      const char *text)
{
	struct qemu_nic *n = arg;
	struct json_object *o;

	/* Without its device the netdev is of no use. */
	if (status < 0 && status != -ECONNRESET) {
		o = json_object_new_object();
		put(o, "id", "net-", n->id);
		(void)qmp_execute(n->qmp, "netdev_del", o, NULL, NULL);
	}
	finish(n, status, text);
}

static void on_netdev(void *arg, int status, struct json_object *result UNUSED,
		      const char *text)
{
	struct qemu_nic *n = arg;
	struct json_object *o;

	if (status < 0) {
		finish(n, status, text);
		return;
	}
	o = json_object_new_object();
	put(o, "driver", "virtio-net-ccw", "");
	put(o, "id", n->id, "");
	put(o, "netdev", "net-", n->id);
	put(o, "mac", n->mac, "");
	put(o, "devno", "fe.", n->devno);
	if (n->queues > 1)
		(void)json_object_object_add(o, "mq",
					     json_object_new_boolean(true));
	ask(n, "device_add", o, on_device);
}

/* "nic1-0:nic1-1" for those from FIRST on. */
static void put_fds(const struct qemu_nic *n, struct json_object *o,
		    const char *key, unsigned int first)
{
	cleanup_buf struct buf b = BUF_INIT(VM_QUEUES_MAX * NAME_MAX_FD);
	char name[NAME_MAX_FD];

	for (unsigned int i = 0; i < n->queues; i++) {
		fd_name(n, first + i, name, sizeof(name));
		(void)buf_printf(&b, "%s%s", i ? ":" : "", name);
	}
	put(o, key, "", buf_error(&b) ? "" : buf_cstr(&b));
}

static void add_netdev(struct qemu_nic *n)
{
	struct json_object *o = json_object_new_object();

	put(o, "type", "tap", "");
	put(o, "id", "net-", n->id);
	put_fds(n, o, "fds", 0);
	if (n->n_fds > n->queues) {
		(void)json_object_object_add(o, "vhost",
					     json_object_new_boolean(true));
		put_fds(n, o, "vhostfds", n->queues);
	}
	ask(n, "netdev_add", o, on_netdev);
}

static int give_next(struct qemu_nic *n);

static void on_given(void *arg, int status, struct json_object *result UNUSED,
		     const char *text)
{
	struct qemu_nic *n = arg;
	int r;

	if (status < 0) {
		finish(n, status, text);
		return;
	}
	n->given++;
	if (n->given == n->n_fds) {
		add_netdev(n);
		return;
	}
	r = give_next(n);
	if (r < 0)
		finish(n, r, "QEMU takes no descriptor");
}

static int give_next(struct qemu_nic *n)
{
	char name[NAME_MAX_FD];

	fd_name(n, n->given, name, sizeof(name));
	return qmp_give_fd(n->qmp, name, n->fds[n->given], on_given, n);
}

static struct qemu_nic *nic_new(struct vm *vm, struct qmp *qmp,
				const struct vm_nic *nic,
				const struct vm_addr *at)
{
	struct qemu_nic *n = calloc(1, sizeof(*n));
	unsigned int i;

	if (!n)
		return NULL;
	*n = (struct qemu_nic){.vm = vm, .qmp = qmp,
			       .queues = vm_nic_queues(nic)};
	(void)snprintf(n->id, sizeof(n->id), "%s", nic->id);
	(void)snprintf(n->mac, sizeof(n->mac), "%s", nic->mac);
	/* "0.0.0007" of the guest is "fe.0.0007" of QEMU. */
	(void)snprintf(n->devno, sizeof(n->devno), "%.12s", at->text + 2);
	for (i = 0; i < n->queues; i++)
		n->fds[n->n_fds++] = fcntl(nic->fds[i], F_DUPFD_CLOEXEC, 3);
	for (i = 0; nic->vhost && i < n->queues; i++)
		n->fds[n->n_fds++] =
			fcntl(nic->vhost_fds[i], F_DUPFD_CLOEXEC, 3);
	return n;
}

int qemu_nic_add(struct vm *vm, struct qmp *qmp, const struct vm_nic *nic,
		 struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		 struct err *reterr)
{
	struct qemu_nic *n;
	int r;

	if (!qmp || vm->nic_op)
		return err_set(reterr, qmp ? -EBUSY : -ENOTCONN, "QEMU %s",
			       qmp ? "is adding a card" : "has ended");
	vm_device_addr(vm->machine, vm->layout.next_device, ret_addr);
	n = nic_new(vm, qmp, nic, ret_addr);
	if (!n)
		return err_code(reterr, -ENOMEM, "network card");
	n->done = done;
	n->arg = arg;
	vm->nic_op = n;
	r = give_next(n);
	if (r < 0) {
		qemu_nic_cancel(vm);
		return err_code(reterr, r, "hand a tap to QEMU");
	}
	vm->layout.next_device++;
	return 0;
}
