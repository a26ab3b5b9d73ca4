// SPDX-License-Identifier: Apache-2.0
#include "runtime/vmm/qemu_nic.h"

#include <errno.h>
#include <fcntl.h>
#include <json-c/json.h>
#include <stdio.h>
#include <stdlib.h>

#include "base/cleanup.h"
#include "runtime/vmm/qmp.h"

#define ID_MAX 24

struct qemu_nic {
	struct vm *vm;
	struct qmp *qmp;
	char id[ID_MAX], mac[18], devno[16];
	int vhost_fd; /* owned; -1: QEMU moves the packets */
	vm_done_fn done;
	void *arg;
};

void qemu_nic_cancel(struct vm *vm)
{
	struct qemu_nic *n = vm->nic_op;

	if (!n)
		return;
	vm->nic_op = NULL;
	close_fd(&n->vhost_fd);
	free(n);
}

static void finish(struct qemu_nic *n, int status, const char *text)
{
	vm_done_fn done = n->done;
	void *arg = n->arg;

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

static void put(struct json_object *o, const char *key, const char *prefix,
		const char *value)
{
	char text[64];

	(void)snprintf(text, sizeof(text), "%s%s", prefix, value);
	(void)json_object_object_add(o, key, json_object_new_string(text));
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
	ask(n, "device_add", o, on_device);
}

static void add_netdev(struct qemu_nic *n, bool vhost)
{
	struct json_object *o = json_object_new_object();

	put(o, "type", "tap", "");
	put(o, "id", "net-", n->id);
	put(o, "fd", "tap-", n->id);
	if (vhost) {
		(void)json_object_object_add(o, "vhost",
					     json_object_new_boolean(true));
		put(o, "vhostfd", "vhost-", n->id);
	}
	ask(n, "netdev_add", o, on_netdev);
}

static void on_vhost(void *arg, int status, struct json_object *result UNUSED,
		     const char *text)
{
	if (status < 0)
		finish(arg, status, text);
	else
		add_netdev(arg, true);
}

static void on_tap(void *arg, int status, struct json_object *result UNUSED,
		   const char *text)
{
	struct qemu_nic *n = arg;
	char name[ID_MAX + 8];
	int r;

	if (status < 0) {
		finish(n, status, text);
		return;
	}
	if (n->vhost_fd < 0) {
		add_netdev(n, false);
		return;
	}
	(void)snprintf(name, sizeof(name), "vhost-%s", n->id);
	r = qmp_give_fd(n->qmp, name, n->vhost_fd, on_vhost, n);
	if (r < 0)
		finish(n, r, "QEMU takes no descriptor");
}

static struct qemu_nic *nic_new(struct vm *vm, struct qmp *qmp,
				const struct vm_nic *nic,
				const struct vm_addr *at)
{
	struct qemu_nic *n = calloc(1, sizeof(*n));

	if (!n)
		return NULL;
	*n = (struct qemu_nic){.vm = vm, .qmp = qmp, .vhost_fd = -1};
	(void)snprintf(n->id, sizeof(n->id), "%s", nic->id);
	(void)snprintf(n->mac, sizeof(n->mac), "%s", nic->mac);
	/* "0.0.0007" of the guest is "fe.0.0007" of QEMU. */
	(void)snprintf(n->devno, sizeof(n->devno), "%.12s", at->text + 2);
	if (nic->vhost)
		n->vhost_fd = fcntl(nic->vhost_fd, F_DUPFD_CLOEXEC, 3);
	return n;
}

int qemu_nic_add(struct vm *vm, struct qmp *qmp, const struct vm_nic *nic,
		 struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		 struct err *reterr)
{
	struct qemu_nic *n;
	char name[ID_MAX + 8];
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
	(void)snprintf(name, sizeof(name), "tap-%s", n->id);
	r = qmp_give_fd(qmp, name, nic->fd, on_tap, n);
	if (r < 0) {
		qemu_nic_cancel(vm);
		return err_code(reterr, r, "hand a tap to QEMU");
	}
	vm->layout.next_device++;
	return 0;
}
