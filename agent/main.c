// SPDX-License-Identifier: Apache-2.0
/*
 * kiln-agent: PID 1 of a guest. It makes a system of a bare kernel, then serves
 * the host, which tells it what containers to run.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

#include "agent.h"
#include "base/cleanup.h"
#include "base/log.h"
#include "base/num.h"
#include "boot.h"
#include "cgroup.h"
#include "channel.h"
#include "console.h"
#include "device/device.h"
#include "pid1.h"
#include "policy.h"
#include "rpc.h"

struct options {
	int fd;
	const char *root, *cgroup_root;
	bool debug;
	bool service;
};

/* With what kiln-image inspect looks for before it, as what(1) does. */
static const char identity[] = "@(#)kiln-agent " AGENT_VERSION;

static const char usage[] =
	"Usage: kiln-agent --fd N [OPTION]...\n"
	"The agent of a Kiln guest. As PID 1 it takes no options: it boots the\n"
	"guest and serves the host. Otherwise it serves ttRPC on a socket that\n"
	"it inherits, for tests; as a service of a guest's own init it serves\n"
	"the host.\n\n"
	"  --service       serve the host, in the group that init has delegated\n"
	"  --fd N          socket to serve\n"
	"  --root DIR      where a sandbox's files are (" AGENT_ROOT ")\n"
	"  --cgroup DIR    cgroup2 tree for containers (" AGENT_CGROUP_ROOT ")\n"
	"  --debug         log more\n"
	"  --help, --version\n";

/* One line, for who measures the boot: the time is that of the guest. */
static void say_ready(struct agent *agent UNUSED)
{
	struct timespec up = {0};
	char line[96];
	int n;

	(void)clock_gettime(CLOCK_MONOTONIC, &up);
	n = snprintf(line, sizeof(line),
		     "kiln-agent: ready " AGENT_VERSION " after %lld.%06ld s\n",
		     (long long)up.tv_sec, up.tv_nsec / 1000);
	if (write(STDERR_FILENO, line, (size_t)n) < 0)
		log_debug("nobody sees the console");
}

static void on_uevent(void *arg, int fd, uint32_t events UNUSED)
{
	struct agent *agent = arg;
	char buf[UEVENT_MAX];
	struct uevent ev;
	bool any = false;

	while (uevent_receive(fd, buf, &ev) > 0)
		any |= !strcmp(ev.action, "add");
	if (!any)
		return;
	channels_rescan(agent->channels);
	rpc_retry_deferred(agent);
}

/* Without it devices are still found, by looking now and then. */
static void watch_devices(struct agent *agent)
{
	int fd = uevent_open();

	if (fd < 0 ||
	    !event_io_new(agent->loop, fd, EPOLLIN, on_uevent, agent))
		log_warn("device events: %s", strerror(errno));
}

static int run(struct agent *agent, struct err *reterr)
{
	int r = event_loop_run(agent->loop);

	if (r < 0)
		return err_code(reterr, r, "event loop");
	sandbox_destroy(agent);
	return r;
}

static int run_guest(struct agent *agent, bool service, struct err *reterr)
{
	int r;

	agent->is_init = true;
	log_setup(STDERR_FILENO, LOG_FORMAT_TEXT, LOG_LEVEL_INFO, "kiln-agent");
	r = agent_init(agent, reterr);
	if (!r)
		r = service ? boot_service(agent, reterr) :
			      boot(agent, reterr);
	if (r < 0)
		return r;
	watch_devices(agent);
	if (!channels_open(agent, say_ready, reterr))
		return reterr->code;
	console_start(agent);
	return run(agent, reterr);
}

static int run_host(struct agent *agent, const struct options *o,
		    struct err *reterr)
{
	int r = agent_init(agent, reterr);

	if (r < 0)
		return r;
	log_setup(STDERR_FILENO, LOG_FORMAT_TEXT,
		  o->debug ? LOG_LEVEL_DEBUG : LOG_LEVEL_WARN, "kiln-agent");
	if (o->root)
		agent->root = o->root;
	if (o->cgroup_root)
		agent->cgroup_root = o->cgroup_root;
	agent->has_cgroups = cgroup_available(agent->cgroup_root);
	if (!agent->has_cgroups)
		log_warn("no cgroup2 at '%s'", agent->cgroup_root);
	if (prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0) < 0)
		log_warn("subreaper: %s", strerror(errno));
	if (fcntl(o->fd, F_SETFD, FD_CLOEXEC) < 0)
		return err_errno(reterr, "fd %d", o->fd);
	if (!channels_open_fd(agent, o->fd, reterr))
		return reterr->code;
	r = run(agent, reterr);
	channels_free(agent->channels);
	event_timer_free(agent->deferred_timer);
	policy_free(agent->policy);
	event_loop_free(agent->loop);
	return r;
}

/* 0 to go on, 1 when all is said, -EINVAL. */
static int parse_options(int argc, char **argv, struct options *o)
{
	static const struct option names[] = {
		{"fd", required_argument, NULL, 'f'},
		{"root", required_argument, NULL, 'r'},
		{"cgroup", required_argument, NULL, 'c'},
		{"debug", no_argument, NULL, 'd'},
		{"help", no_argument, NULL, 'h'},
		{"service", no_argument, NULL, 's'},
		{"version", no_argument, NULL, 'v'},
		{NULL, 0, NULL, 0},
	};
	uint32_t fd;
	int c;

	while ((c = getopt_long(argc, argv, "", names, NULL)) != -1) {
		switch (c) {
		case 'f':
			if (parse_u32(optarg, 10, &fd) < 0 || fd > 65535)
				return -EINVAL;
			o->fd = (int)fd;
			break;
		case 'r':
			o->root = optarg;
			break;
		case 'c':
			o->cgroup_root = optarg;
			break;
		case 'd':
			o->debug = true;
			break;
		case 's':
			o->service = true;
			break;
		case 'h':
			(void)fputs(usage, stdout);
			return 1;
		case 'v':
			(void)puts(identity + 4);
			return 1;
		default:
			return -EINVAL;
		}
	}
	return optind == argc && (o->fd >= 0) != o->service ? 0 : -EINVAL;
}

/* The kernel gives init the words of its command line that it does not know:
 * they are no options. A PID 1 with a socket is one of a container. */
static bool is_guest(int argc, char **argv)
{
	int i;

	for (i = 1; i < argc; i++)
		if (!strcmp(argv[i], "--fd"))
			return false;
	return getpid() == 1;
}

/* The machine ends with the agent, whatever else runs in it. */
static int guest_main(struct agent *agent, bool service)
{
	struct err e = {0};

	if (run_guest(agent, service, &e) < 0)
		log_err("fatal: %s", e.text);
	if (agent->config.dev_mode)
		for (;;)
			(void)pause(); /* the guest stays to be seen */
	boot_power_off(agent->config.restart_ends);
	return EXIT_FAILURE;
}

int main(int argc, char **argv)
{
	static struct agent agent;
	struct options o = {.fd = -1};
	struct err e = {0};
	int r;

	if (pid1_is_wanted(argc, argv))
		return pid1_run(argv + 2);
	if (is_guest(argc, argv))
		return guest_main(&agent, false);
	r = parse_options(argc, argv, &o);
	if (r < 0)
		(void)fputs(usage, stderr);
	if (r)
		return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
	if (o.service)
		return guest_main(&agent, true);
	r = run_host(&agent, &o, &e);
	if (r < 0)
		log_err("%s", e.text);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
