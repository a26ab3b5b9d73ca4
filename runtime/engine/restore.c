// SPDX-License-Identifier: Apache-2.0
/* The way back from a checkpoint, in another process than it was made by. */
#include <errno.h>
#include <string.h>

#include "base/log.h"
#include "runtime/engine/agent.h"
#include "runtime/engine/checkpoint.h"
#include "runtime/engine/stats.h"
#include "runtime/vmm/vm.h"

int restore_fit(const struct checkpoint *ck, struct vm_spec *spec,
		const struct vm_shape *shape, struct err *reterr)
{
	const struct vm_shape *was = &ck->shape;

	if (strcmp(was->vmm, shape->vmm) != 0)
		return err_set(reterr, -EINVAL,
			       "the checkpoint was made by %s, and is not "
			       "understood by %s", was->vmm, shape->vmm);
	if (strcmp(was->files, shape->files) != 0)
		return err_set(reterr, -EINVAL,
			       "the guest's kernel, initrd or root image has "
			       "changed since the checkpoint was made: give "
			       "the old ones back by KILN_GUESTS");
	if (strcmp(was->spec, shape->spec) != 0)
		return err_set(reterr, -EINVAL,
			       "this host makes another VM than the "
			       "checkpoint was made of: machine, processor, "
			       "devices or files of the guest differ");
	spec->incoming = true;
	return 0;
}

static struct sandbox *sandbox_of(const struct container *c)
{
	return c->sandbox;
}

static void on_running(void *arg, int status, const char *text)
{
	struct container *c = arg;
	struct err err = {0};

	if (status < 0) {
		(void)err_set(&err, status, "start the restored VM: %s", text);
		sandbox_fail_boot(sandbox_of(c), &err);
		return;
	}
	sandbox_hello(sandbox_of(c));
}

/* Goes on in the middle of the conversation with the agent. */
static int take_over(struct sandbox *sb, struct container *c,
		     struct err *reterr)
{
	const struct checkpoint *ck = c->restore;
	int r = sandbox_connect(sb, reterr);

	if (r < 0)
		return r;
	r = ttrpc_take_over(sb->agent, ck->calls.next, ck->partial,
			    ck->n_partial);
	if (r < 0)
		return err_code(reterr, r, "the agent's connection");
	stats_adopt_oom(sb, ck->calls.oom);
	return container_adopt(c, reterr);
}

static void on_loaded(void *arg, int status, const char *text)
{
	struct container *c = arg;
	struct sandbox *sb = sandbox_of(c);
	struct err err = {0};
	int r = status;

	if (r < 0)
		(void)err_set(&err, r, "load the VM's state: %s", text);
	else
		r = take_over(sb, c, &err);
	if (!r)
		r = vm_set_running(sb->vm, true, on_running, c, &err);
	if (r < 0)
		sandbox_fail_boot(sb, &err);
	else
		engine_phase(sb->eng, "VM's state loaded");
}

void restore_load(struct sandbox *sb, struct container *c)
{
	struct err err = {0};

	if (vm_load(sb->vm, c->restore->state_fd, on_loaded, c, &err) < 0)
		sandbox_fail_boot(sb, &err);
}
