// SPDX-License-Identifier: Apache-2.0
#include "agent.h"

#include <signal.h>

#define SHUTDOWN_MS 20 /* for the last reply to leave */

static void on_quit(void *arg)
{
	struct agent *agent = arg;

	event_loop_quit(agent->loop, 0);
}

void agent_shutdown(struct agent *agent)
{
	struct event_timer *timer = event_timer_new(agent->loop, on_quit,
						    agent);

	if (timer)
		event_timer_set(timer, SHUTDOWN_MS); /* freed by the end */
	else
		event_loop_quit(agent->loop, 0);
}

static void on_power_signal(void *arg,
			    const struct event_siginfo *info UNUSED)
{
	struct agent *agent = arg;

	sandbox_destroy(agent);
	event_loop_quit(agent->loop, 0);
}

int agent_init(struct agent *agent, struct err *reterr)
{
	config_init(&agent->config);
	agent->root = AGENT_ROOT;
	agent->cgroup_root = AGENT_CGROUP_ROOT;
	agent->sysfs = "/sys";
	agent->dev = "/dev";
	list_init(&agent->deferred);
	list_init(&agent->tasks);
	sandbox_init(&agent->sandbox);
	agent->loop = event_loop_new();
	if (!agent->loop)
		return err_errno(reterr, "event loop");
	(void)signal(SIGPIPE, SIG_IGN);
	if (event_signal(agent->loop, SIGTERM, on_power_signal, agent) < 0)
		return err_errno(reterr, "signals");
	return 0;
}
