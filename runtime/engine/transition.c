// SPDX-License-Identifier: Apache-2.0
#include "transition.h"

#include <errno.h>
#include <stddef.h>

/* In state FROM, operation OP leads to TO. What has no row is not legal. */
struct transition {
	int op, from, to;
};

struct machine {
	const char *kind;
	const char *const *states; /* names, by state */
	const char *const *ops;	   /* "cannot <name>", by operation */
	const char *const *hints;  /* by state, or NULL */
	const struct transition *table;
	size_t n;
};

static const struct transition sandbox_table[] = {
	{SANDBOX_OP_BOOT, SANDBOX_NEW, SANDBOX_BOOTING},
	{SANDBOX_OP_READY, SANDBOX_BOOTING, SANDBOX_READY},
	{SANDBOX_OP_USE, SANDBOX_READY, SANDBOX_READY},
	{SANDBOX_OP_STOP, SANDBOX_NEW, SANDBOX_STOPPED},
	{SANDBOX_OP_STOP, SANDBOX_BOOTING, SANDBOX_STOPPING},
	{SANDBOX_OP_STOP, SANDBOX_READY, SANDBOX_STOPPING},
	{SANDBOX_OP_GONE, SANDBOX_BOOTING, SANDBOX_STOPPED},
	{SANDBOX_OP_GONE, SANDBOX_READY, SANDBOX_STOPPED},
	{SANDBOX_OP_GONE, SANDBOX_STOPPING, SANDBOX_STOPPED},
};

static const struct transition container_table[] = {
	{CONTAINER_OP_MADE, CONTAINER_CREATING, CONTAINER_CREATED},
	{CONTAINER_OP_START, CONTAINER_CREATED, CONTAINER_RUNNING},
	{CONTAINER_OP_EXEC, CONTAINER_RUNNING, CONTAINER_RUNNING},
	/* runc lets exec into a created container, too. */
	{CONTAINER_OP_EXEC, CONTAINER_CREATED, CONTAINER_CREATED},
	{CONTAINER_OP_KILL, CONTAINER_CREATED, CONTAINER_CREATED},
	{CONTAINER_OP_KILL, CONTAINER_RUNNING, CONTAINER_RUNNING},
	{CONTAINER_OP_KILL, CONTAINER_PAUSED, CONTAINER_PAUSED},
	{CONTAINER_OP_PAUSE, CONTAINER_RUNNING, CONTAINER_PAUSED},
	{CONTAINER_OP_RESUME, CONTAINER_PAUSED, CONTAINER_RUNNING},
	{CONTAINER_OP_UPDATE, CONTAINER_CREATED, CONTAINER_CREATED},
	{CONTAINER_OP_UPDATE, CONTAINER_RUNNING, CONTAINER_RUNNING},
	{CONTAINER_OP_UPDATE, CONTAINER_PAUSED, CONTAINER_PAUSED},
	{CONTAINER_OP_EXIT, CONTAINER_CREATING, CONTAINER_STOPPED},
	{CONTAINER_OP_EXIT, CONTAINER_CREATED, CONTAINER_STOPPED},
	{CONTAINER_OP_EXIT, CONTAINER_RUNNING, CONTAINER_STOPPED},
	{CONTAINER_OP_EXIT, CONTAINER_PAUSED, CONTAINER_STOPPED},
	{CONTAINER_OP_DELETE, CONTAINER_STOPPED, CONTAINER_DELETED},
};

static const struct transition process_table[] = {
	{PROCESS_OP_MADE, PROCESS_NEW, PROCESS_CREATED},
	{PROCESS_OP_START, PROCESS_CREATED, PROCESS_RUNNING},
	/* The init process of a created container waits in the guest. */
	{PROCESS_OP_SIGNAL, PROCESS_CREATED, PROCESS_CREATED},
	{PROCESS_OP_SIGNAL, PROCESS_RUNNING, PROCESS_RUNNING},
	{PROCESS_OP_RESIZE, PROCESS_CREATED, PROCESS_CREATED},
	{PROCESS_OP_RESIZE, PROCESS_RUNNING, PROCESS_RUNNING},
	{PROCESS_OP_EXIT, PROCESS_NEW, PROCESS_STOPPED},
	{PROCESS_OP_EXIT, PROCESS_CREATED, PROCESS_STOPPED},
	{PROCESS_OP_EXIT, PROCESS_RUNNING, PROCESS_STOPPED},
	{PROCESS_OP_DELETE, PROCESS_NEW, PROCESS_STOPPED},
	{PROCESS_OP_DELETE, PROCESS_STOPPED, PROCESS_STOPPED},
};

static const char *const sandbox_states[] = {
	[SANDBOX_NEW] = "new",
	[SANDBOX_BOOTING] = "booting",
	[SANDBOX_READY] = "ready",
	[SANDBOX_STOPPING] = "stopping",
	[SANDBOX_STOPPED] = "stopped",
};

static const char *const sandbox_ops[] = {
	[SANDBOX_OP_BOOT] = "boot", [SANDBOX_OP_READY] = "become ready",
	[SANDBOX_OP_USE] = "use",   [SANDBOX_OP_STOP] = "stop",
	[SANDBOX_OP_GONE] = "end",
};

static const char *const container_states[] = {
	[CONTAINER_CREATING] = "creating", [CONTAINER_CREATED] = "created",
	[CONTAINER_RUNNING] = "running",   [CONTAINER_PAUSED] = "paused",
	[CONTAINER_STOPPED] = "stopped",   [CONTAINER_DELETED] = "deleted",
};

static const char *const container_ops[] = {
	[CONTAINER_OP_MADE] = "finish creating",
	[CONTAINER_OP_START] = "start",
	[CONTAINER_OP_EXEC] = "exec",
	[CONTAINER_OP_KILL] = "kill",
	[CONTAINER_OP_PAUSE] = "pause",
	[CONTAINER_OP_RESUME] = "resume",
	[CONTAINER_OP_UPDATE] = "update",
	[CONTAINER_OP_EXIT] = "exit",
	[CONTAINER_OP_DELETE] = "delete",
};

static const char *const container_hints[] = {
	[CONTAINER_CREATING] = "wait, or use delete --force",
	[CONTAINER_CREATED] = "use start, kill or delete --force",
	[CONTAINER_RUNNING] = "use kill or delete --force",
	[CONTAINER_PAUSED] = "use resume, or delete --force",
	[CONTAINER_STOPPED] = "container not running, use delete",
	[CONTAINER_DELETED] = NULL,
};

static const char *const process_states[] = {
	[PROCESS_NEW] = "not made yet",
	[PROCESS_CREATED] = "created",
	[PROCESS_RUNNING] = "running",
	[PROCESS_STOPPED] = "stopped",
};

static const char *const process_ops[] = {
	[PROCESS_OP_MADE] = "create",	[PROCESS_OP_START] = "start",
	[PROCESS_OP_SIGNAL] = "signal", [PROCESS_OP_RESIZE] = "resize",
	[PROCESS_OP_EXIT] = "end",	[PROCESS_OP_DELETE] = "delete",
};

static const struct machine sandbox_machine = {
	"sandbox", sandbox_states, sandbox_ops, NULL,
	sandbox_table, ARRAY_SIZE(sandbox_table),
};

static const struct machine container_machine = {
	"container", container_states, container_ops, container_hints,
	container_table, ARRAY_SIZE(container_table),
};

static const struct machine process_machine = {
	"process", process_states, process_ops, NULL,
	process_table, ARRAY_SIZE(process_table),
};

/* The state after OP, or -EBUSY. */
static int next_state(const struct machine *m, int from, int op,
		      const char *id, struct err *reterr)
{
	const char *hint = m->hints ? m->hints[from] : NULL;
	size_t i;

	for (i = 0; i < m->n; i++)
		if (m->table[i].op == op && m->table[i].from == from)
			return m->table[i].to;
	return err_set(reterr, -EBUSY, "%s '%s' is %s, cannot %s%s%s", m->kind,
		       id, m->states[from], m->ops[op], hint ? "; " : "",
		       hint ? hint : "");
}

int sandbox_step(enum sandbox_state *state, enum sandbox_op op, const char *id,
		 struct err *reterr)
{
	int to = next_state(&sandbox_machine, (int)*state, (int)op, id, reterr);

	if (to < 0)
		return to;
	*state = (enum sandbox_state)to;
	return 0;
}

int container_step(enum container_status *state, enum container_op op,
		   const char *id, struct err *reterr)
{
	int to = next_state(&container_machine, (int)*state, (int)op, id,
			    reterr);

	if (to < 0)
		return to;
	*state = (enum container_status)to;
	return 0;
}

int process_step(enum process_state *state, enum process_op op, const char *id,
		 struct err *reterr)
{
	int to = next_state(&process_machine, (int)*state, (int)op, id, reterr);

	if (to < 0)
		return to;
	*state = (enum process_state)to;
	return 0;
}

int container_may(enum container_status state, enum container_op op,
		  const char *id, struct err *reterr)
{
	return container_step(&state, op, id, reterr);
}

int process_may(enum process_state state, enum process_op op, const char *id,
		struct err *reterr)
{
	return process_step(&state, op, id, reterr);
}

const char *container_status_name(enum container_status state)
{
	return container_states[state];
}
