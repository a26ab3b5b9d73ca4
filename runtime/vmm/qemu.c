// SPDX-License-Identifier: Apache-2.0
/* QEMU as the VMM: its process, its QMP, what it says on stderr. */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/list.h"
#include "base/log.h"
#include "base/strv.h"
#include "os/event.h"
#include "runtime/vmm/qemu_nic.h"
#include "runtime/vmm/qemu_resize.h"
#include "runtime/vmm/qemu_state.h"
#include "runtime/vmm/qmp.h"
#include "runtime/vmm/spawn.h"
#include "runtime/vmm/vm_priv.h"

#define OUTPUT_MAX 4096

struct qemu {
	struct vm *vm;
	struct qmp *qmp;
	int output_fd; /* owned: its stdout and stderr */
	struct event_io *output_io;
	char output[OUTPUT_MAX]; /* the first bytes: the cause comes first */
	size_t output_len;
	char complaint[OUTPUT_MAX];
	struct list ops; /* of struct disk_op, owned */
};

/* A request for a disk that has several steps. */
struct disk_op {
	struct list node;
	struct qemu *q;
	vm_done_fn done;
	void *arg;
	char id[32];
	unsigned int lun;
};

/* --- Output --- */

static void read_output(struct qemu *q)
{
	char text[512];
	ssize_t n;

	for (;;) {
		n = read(q->output_fd, text, sizeof(text));
		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			break;
		/* All is read, so that QEMU never waits for us. */
		n = (ssize_t)MIN((size_t)n, OUTPUT_MAX - q->output_len);
		memcpy(q->output + q->output_len, text, (size_t)n);
		q->output_len += (size_t)n;
	}
	if (n == 0) {
		event_io_free(q->output_io);
		q->output_io = NULL;
	}
}

static void on_output(void *arg, int fd UNUSED, uint32_t events UNUSED)
{
	read_output(arg);
}

/* The first line that is not a mere warning, else the first. */
static const char *qemu_complaint(const struct vm *vm)
{
	struct qemu *q = vm->impl;
	const char *p;
	const char *end;
	const char *best = NULL;
	size_t best_len = 0;

	if (!q)
		return NULL;
	p = q->output;
	end = q->output + q->output_len;
	while (p < end) {
		const char *nl = memchr(p, '\n', (size_t)(end - p));
		size_t n = (size_t)((nl ? nl : end) - p);
		bool warning = memmem(p, n, "warning:", 8) != NULL;

		if (n > 0 && (!best || !warning)) {
			best = p;
			best_len = n;
		}
		if (n > 0 && !warning)
			break;
		p += n + 1;
	}
	if (!best)
		return NULL;
	return log_escape(q->complaint, sizeof(q->complaint), best,
			  MIN(best_len, (size_t)400));
}

/* --- QMP --- */

static void on_status(void *arg, int status, struct json_object *result,
		      const char *text UNUSED)
{
	struct qemu *q = arg;
	struct json_object *running;

	if (status == 0 &&
	    json_object_object_get_ex(result, "running", &running) &&
	    json_object_get_boolean(running))
		vm_reached(q->vm, VM_PHASE_CPU_STARTED);
}

static void on_qmp_ready(void *arg)
{
	struct qemu *q = arg;

	vm_reached(q->vm, VM_PHASE_VMM_UP);
	(void)qmp_execute(q->qmp, "query-status", NULL, on_status, q);
	if (q->vm->agent_fd >= 0 && !q->vm->agent_taken && q->vm->cb->channel)
		q->vm->cb->channel(q->vm->cb_arg);
}

static void on_qmp_event(void *arg, const char *name,
			 struct json_object *data UNUSED)
{
	struct qemu *q = arg;

	log_debug("VM '%s': QEMU event %s", q->vm->name, name);
	/* The console's words, when there are any, say more; they have come
	 * before, or are read at the end. */
	if (!strcmp(name, "GUEST_PANICKED")) {
		vm_console_drain(q->vm);
		vm_panicked(q->vm, "the machine reports a crash of the guest");
	} else if (!strcmp(name, "RESUME")) {
		vm_reached(q->vm, VM_PHASE_CPU_STARTED);
	}
}

static void on_qmp_closed(void *arg, int code, const char *text)
{
	struct qemu *q = arg;

	log_debug("VM '%s': QMP: %s (%d)", q->vm->name, text, code);
	qemu_state_cancel(q->vm);
	qemu_nic_cancel(q->vm);
	qemu_resize_cancel(q->vm);
	qmp_free(q->qmp);
	q->qmp = NULL;
	/* A QEMU that lives on but breaks the protocol is not trusted. */
	if (code < 0 && code != -ECONNRESET && q->vm->pid > 0)
		(void)kill(q->vm->pid, SIGKILL);
}

static const struct qmp_callbacks qmp_callbacks = {
	.ready = on_qmp_ready,
	.event = on_qmp_event,
	.closed = on_qmp_closed,
};

/* --- Process --- */

static void on_exit_of(void *arg, pid_t pid UNUSED, int status)
{
	struct qemu *q = arg;

	read_output(q);
	vm_console_drain(q->vm);
	vm_ended(q->vm, status);
}

static void qemu_kill(struct vm *vm)
{
	if (vm->pid > 0)
		(void)kill(vm->pid, SIGKILL);
}

static void qemu_quit(struct vm *vm, bool powerdown)
{
	struct qemu *q = vm->impl;

	if (!q->qmp || qmp_execute(q->qmp,
				   powerdown ? "system_powerdown" : "quit",
				   NULL, NULL, NULL) < 0)
		qemu_kill(vm);
}

static void qemu_release(struct vm *vm)
{
	struct qemu *q = vm->impl;

	if (!q)
		return;
	vm->impl = NULL;
	if (vm->pid > 0) {
		/* The loop reaps it. */
		event_child_cancel(vm->loop, vm->pid);
		(void)kill(vm->pid, SIGKILL);
	}
	qemu_state_cancel(vm);
	qemu_nic_cancel(vm);
	qemu_resize_cancel(vm);
	qmp_free(q->qmp);
	while (!list_empty(&q->ops)) {
		struct disk_op *op =
			list_entry(q->ops.next, struct disk_op, node);

		list_del(&op->node);
		free(op);
	}
	event_io_free(q->output_io);
	close_fd(&q->output_fd);
	free(q);
}

/* Both ends of the streams to QEMU; ours first. */
struct wires {
	int qmp[2], console[2], agent[2];
};

static void wires_release(struct wires *w)
{
	close_fd(&w->qmp[0]);
	close_fd(&w->qmp[1]);
	close_fd(&w->console[0]);
	close_fd(&w->console[1]);
	close_fd(&w->agent[0]);
	close_fd(&w->agent[1]);
}

static int wires_open(struct wires *w, const struct vm_spec *spec,
		      struct err *reterr)
{
	const int type = SOCK_STREAM | SOCK_CLOEXEC;

	if (socketpair(AF_UNIX, type, 0, w->qmp) < 0 ||
	    socketpair(AF_UNIX, type, 0, w->console) < 0)
		return err_errno(reterr, "socket pair to QEMU");
	if (spec->channel == VM_CHANNEL_VHOST_VSOCK) {
		w->agent[1] = open("/dev/vhost-vsock", O_RDWR | O_CLOEXEC);
		if (w->agent[1] < 0)
			return err_errno(reterr, "open '/dev/vhost-vsock'");
		return 0;
	}
	if (socketpair(AF_UNIX, type, 0, w->agent) < 0)
		return err_errno(reterr, "socket pair to QEMU");
	return 0;
}

static size_t collect_fds(const struct wires *w, const struct vm_spec *spec,
			  int fds[SPAWN_FDS_MAX])
{
	size_t n = VM_FD_FIRST - 3;

	fds[VM_FD_QMP - 3] = w->qmp[1];
	fds[VM_FD_CONSOLE - 3] = w->console[1];
	fds[VM_FD_AGENT - 3] = w->agent[1];
	for (size_t i = 0; i < spec->n_shares; i++)
		if (spec->shares[i].kind == VM_SHARE_VIRTIOFS)
			fds[n++] = spec->shares[i].fd;
	for (size_t i = 0; i < spec->n_nics; i++) {
		const struct vm_nic *nic = &spec->nics[i];

		for (unsigned int k = 0; k < vm_nic_queues(nic); k++)
			fds[n++] = nic->fds[k];
		for (unsigned int k = 0; nic->vhost && k < vm_nic_queues(nic);
		     k++)
			fds[n++] = nic->vhost_fds[k];
	}
	return n;
}

static void log_command(const struct vm *vm, const struct strv *argv)
{
	if (!log_enabled(LOG_LEVEL_DEBUG))
		return;
	for (size_t i = 0; i < argv->n; i++)
		log_debug("VM '%s': QEMU argument '%s'", vm->name, argv->v[i]);
}

/* The process runs: watch it. */
static int attach(struct qemu *q, struct wires *w, struct err *reterr)
{
	struct vm *vm = q->vm;
	int r;

	r = event_child(vm->loop, vm->pid, on_exit_of, q);
	if (r < 0)
		return err_code(reterr, r, "watch QEMU");
	q->output_io = event_io_new(vm->loop, q->output_fd, EPOLLIN, on_output,
				    q);
	if (!q->output_io)
		return err_errno(reterr, "output of QEMU");
	r = vm_console_attach(vm, TAKE_FD(w->console[0]), reterr);
	if (r < 0)
		return r;
	q->qmp = qmp_new(vm->loop, TAKE_FD(w->qmp[0]), &qmp_callbacks, q);
	if (!q->qmp)
		return err_errno(reterr, "QMP");
	vm->agent_fd = TAKE_FD(w->agent[0]);
	return 0;
}

/* All that QEMU opens by name. */
static int fill_jail(struct jail *j, const struct host_facts *facts,
		     const struct vm_spec *s, struct err *reterr)
{
	int r = jail_add(j, s->kernel, false);

	j->capabilities = facts->privileged ? jail_file_capabilities() : 0;
	r = r ? r : jail_add(j, s->initrd, false);
	r = r ? r : jail_add(j, s->image, false);
	r = r ? r : jail_add(j, s->firmware ? s->firmware : facts->firmware,
			     false);
	r = r ? r : jail_add_device(j, s->entropy);
	if (s->accel == ARCH_ACCEL_KVM)
		r = r ? r : jail_add_device(j, "/dev/kvm");
	if (s->hugepages)
		r = r ? r : jail_add(j, "/dev/hugepages", true);
	for (size_t i = 0; !r && i < s->n_disks; i++)
		r = s->disks[i].host_device
			    ? jail_add_device(j, s->disks[i].path)
			    : jail_add(j, s->disks[i].path,
				       !s->disks[i].read_only);
	for (size_t i = 0; !r && i < s->n_shares; i++)
		if (s->shares[i].kind == VM_SHARE_9P)
			r = jail_add(j, s->shares[i].path, true);
	return r < 0 ? err_code(reterr, r, "confine QEMU") : 0;
}

/*
 * Huge pages serve processors that look up a guest's memory in two dimensions.
 * An emulator gains nothing: each is 2 MiB to clear for the first byte in it,
 * and a guest's free memory is shuffled. A process gets this from its parent.
 */
static int refuse_huge_pages(bool refuse)
{
	int was = prctl(PR_GET_THP_DISABLE, 0, 0, 0, 0);

	/* Without it the VM is but slower. */
	(void)prctl(PR_SET_THP_DISABLE, refuse, 0, 0, 0);
	return was;
}

static int spawn(struct vm *vm, struct qemu *q, const struct host_facts *facts,
		 const struct vm_spec *spec, const struct wires *w,
		 char *const argv[], struct err *reterr)
{
	struct jail jail = {0};
	int fds[SPAWN_FDS_MAX];
	size_t n = collect_fds(w, spec, fds);
	bool emulated = spec->accel == ARCH_ACCEL_TCG;
	int r = spec->confined ? fill_jail(&jail, facts, spec, reterr) : 0;
	int was = 0;

	if (r < 0)
		return r;
	if (emulated)
		was = refuse_huge_pages(true);
	r = spawn_helper(argv, fds, n, spec->confined ? &jail : NULL, &vm->pid,
			 &q->output_fd, reterr);
	if (emulated)
		(void)refuse_huge_pages(was > 0);
	return r;
}

static int qemu_start(struct vm *vm, const struct host_facts *facts,
		      const struct vm_spec *spec, struct err *reterr)
{
	cleanup(wires_release) struct wires w = {{-1, -1}, {-1, -1}, {-1, -1}};
	cleanup_strv struct strv argv = STRV_INIT;
	struct qemu *q;
	int r;

	r = qemu_argv_build(facts, spec, &argv, &vm->layout, reterr);
	if (r == 0)
		r = wires_open(&w, spec, reterr);
	if (r < 0)
		return r;
	log_command(vm, &argv);
	q = calloc(1, sizeof(*q));
	if (!q)
		return err_set(reterr, -ENOMEM, "out of memory");
	/* From here on qemu_release() undoes. */
	vm->impl = q;
	q->vm = vm;
	q->output_fd = -1;
	list_init(&q->ops);
	r = spawn(vm, q, facts, spec, &w, strv_argv(&argv), reterr);
	if (r < 0)
		return r;
	vm_reached(vm, VM_PHASE_SPAWNED);
	return attach(q, &w, reterr);
}

/* --- Disks --- */

static struct json_object *args_begin(void)
{
	return json_object_new_object();
}

static void args_str(struct json_object *o, const char *key, const char *value)
{
	(void)json_object_object_add(o, key, json_object_new_string(value));
}

static struct json_object *scsi_args(const struct disk_op *op)
{
	struct json_object *o = args_begin();
	char node[48];

	(void)snprintf(node, sizeof(node), "disk-%s", op->id);
	args_str(o, "driver", "scsi-hd");
	args_str(o, "bus", "scsi.0");
	args_str(o, "id", op->id);
	args_str(o, "serial", op->id);
	args_str(o, "drive", node);
	(void)json_object_object_add(o, "channel", json_object_new_int(0));
	(void)json_object_object_add(o, "scsi-id", json_object_new_int(0));
	(void)json_object_object_add(o, "lun",
				     json_object_new_int((int)op->lun));
	return o;
}

static void op_finish(struct disk_op *op, int status, const char *text)
{
	cleanup_free struct disk_op *owned = op;

	list_del(&op->node);
	op->done(op->arg, status, text ? text : "");
}

static void on_device_added(void *arg, int status,
			    struct json_object *result UNUSED,
			    const char *text)
{
	op_finish(arg, status, text);
}

static void on_node_added(void *arg, int status,
			  struct json_object *result UNUSED, const char *text)
{
	struct disk_op *op = arg;
	int r;

	if (status < 0) {
		op_finish(op, status, text);
		return;
	}
	r = qmp_execute(op->q->qmp, "device_add", scsi_args(op),
			on_device_added, op);
	if (r < 0)
		op_finish(op, r, "QEMU is busy");
}

static struct disk_op *op_new(struct qemu *q, const char *id, vm_done_fn done,
			      void *arg)
{
	struct disk_op *op = calloc(1, sizeof(*op));

	if (!op)
		return NULL;
	*op = (struct disk_op){.q = q, .done = done, .arg = arg};
	list_init(&op->node);
	(void)snprintf(op->id, sizeof(op->id), "%s", id);
	return op;
}

static int qemu_disk_add(struct vm *vm, const struct vm_disk *disk,
			 struct vm_addr *ret_addr, vm_done_fn done, void *arg,
			 struct err *reterr)
{
	struct qemu *q = vm->impl;
	cleanup_free struct disk_op *op = NULL;
	struct json_object *o;
	struct json_object *file;
	char node[48];
	int r;

	if (!q->qmp)
		return err_set(reterr, -ENOTCONN, "QEMU has ended");
	r = vm_lun_addr(vm->layout.next_lun, ret_addr);
	if (r < 0)
		return err_set(reterr, r, "disk '%s': no LUN is free",
			       disk->id);
	op = op_new(q, disk->id, done, arg);
	if (!op)
		return err_set(reterr, -ENOMEM, "disk '%s'", disk->id);
	op->lun = vm->layout.next_lun++;
	o = args_begin();
	file = args_begin();
	(void)snprintf(node, sizeof(node), "disk-%s", op->id);
	args_str(o, "driver", "raw");
	args_str(o, "node-name", node);
	(void)json_object_object_add(
		o, "read-only", json_object_new_boolean(disk->read_only));
	args_str(file, "driver", disk->host_device ? "host_device" : "file");
	args_str(file, "filename", disk->path);
	(void)json_object_object_add(o, "file", file);
	r = qmp_execute(q->qmp, "blockdev-add", o, on_node_added, op);
	if (r < 0)
		return err_code(reterr, r, "disk '%s'", disk->id);
	list_append(&q->ops, &op->node);
	(void)TAKE_PTR(op);
	return 0;
}

static int qemu_disk_del(struct vm *vm, const char *id, vm_done_fn done,
			 void *arg, struct err *reterr)
{
	struct qemu *q = vm->impl;
	cleanup_free struct disk_op *op = NULL;
	struct json_object *o;
	int r;

	if (!q->qmp)
		return err_set(reterr, -ENOTCONN, "QEMU has ended");
	op = op_new(q, id, done, arg);
	if (!op)
		return err_set(reterr, -ENOMEM, "disk '%s'", id);
	o = args_begin();
	args_str(o, "id", id);
	/* A SCSI disk is gone at once; its node is dropped with the VM. */
	r = qmp_execute(q->qmp, "device_del", o, on_device_added, op);
	if (r < 0)
		return err_code(reterr, r, "disk '%s'", id);
	list_append(&q->ops, &op->node);
	(void)TAKE_PTR(op);
	return 0;
}

/* --- Network cards --- */

static int nic_add(struct vm *vm, const struct vm_nic *nic,
		   struct vm_addr *ret_addr, vm_done_fn done, void *arg,
		   struct err *reterr)
{
	struct qemu *q = vm->impl;

	return qemu_nic_add(vm, q->qmp, nic, ret_addr, done, arg, reterr);
}

/* --- Its state --- */

static int qemu_set_running(struct vm *vm, bool run, vm_done_fn done,
			    void *arg, struct err *reterr)
{
	struct qemu *q = vm->impl;

	return qemu_state_run(vm, q->qmp, run, done, arg, reterr);
}

static int qemu_save(struct vm *vm, int fd, vm_done_fn done, void *arg,
		     struct err *reterr)
{
	struct qemu *q = vm->impl;

	return qemu_state_save(vm, q->qmp, fd, done, arg, reterr);
}

static int qemu_load(struct vm *vm, int fd, vm_done_fn done, void *arg,
		     struct err *reterr)
{
	struct qemu *q = vm->impl;

	return qemu_state_load(vm, q->qmp, fd, done, arg, reterr);
}

static int qemu_resize(struct vm *vm, const struct vm_size *want,
		       vm_done_fn done, void *arg, struct err *reterr)
{
	struct qemu *q = vm->impl;

	return qemu_resize_begin(vm, q->qmp, want, done, arg, reterr);
}

const struct vmm_ops vmm_qemu = {
	.name = "QEMU",
	.features = VMM_FEATURE_9P | VMM_FEATURE_VIRTIOFS |
		    VMM_FEATURE_VIRTIO_SERIAL | VMM_FEATURE_VHOST_VSOCK |
		    VMM_FEATURE_DISK_HOTPLUG | VMM_FEATURE_STATE |
		    VMM_FEATURE_NIC_HOTPLUG | VMM_FEATURE_RESIZE,
	.start = qemu_start,
	.quit = qemu_quit,
	.kill = qemu_kill,
	.disk_add = qemu_disk_add,
	.disk_del = qemu_disk_del,
	.nic_add = nic_add,
	.set_running = qemu_set_running,
	.save = qemu_save,
	.load = qemu_load,
	.resize = qemu_resize,
	.complaint = qemu_complaint,
	.release = qemu_release,
};
