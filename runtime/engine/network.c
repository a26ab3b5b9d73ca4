// SPDX-License-Identifier: Apache-2.0
#include "runtime/engine/network.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/log.h"
#include "runtime/config.h"
#include "runtime/engine/agent.h"
#include "runtime/net/net.h"
#include "runtime/oci/spec.h"

#define VHOST "/dev/vhost-net"
#define OWN_NAMESPACE "/proc/self/ns/net"

struct network {
	struct sandbox *sb;
	struct net_job *job; /* until it is done */
	struct net_plan *plan; /* owned; NULL: no network */
	int taps[NET_LINKS_MAX], vhost[NET_LINKS_MAX]; /* owned */
	int nsfd; /* for the relay; owned */
	pid_t relay; /* answers for a name server; 0: none */
	size_t next; /* the request under way, see ask_next() */
	const struct vm_layout *layout;
	engine_done_fn done;
	void *done_arg;
};

static struct network *network_new(struct sandbox *sb)
{
	struct network *net = calloc(1, sizeof(*net));
	size_t i;

	if (!net)
		return NULL;
	net->sb = sb;
	net->nsfd = -1;
	for (i = 0; i < NET_LINKS_MAX; i++)
		net->taps[i] = net->vhost[i] = -1;
	return net;
}

bool network_has_resolver(const struct network *net)
{
	return net && net->relay > 0;
}

void network_close_taps(struct network *net)
{
	size_t i;

	for (i = 0; net && i < NET_LINKS_MAX; i++) {
		close_fd(&net->taps[i]);
		close_fd(&net->vhost[i]);
	}
}

void network_free(struct network *net)
{
	if (!net)
		return;
	net_cancel(net->job);
	network_close_taps(net);
	close_fd(&net->nsfd);
	if (net->relay > 0) {
		event_child_cancel(net->sb->eng->loop, net->relay);
		net_relay_end(net->relay);
	}
	free(net->plan);
	free(net);
}

static void finish(struct network *net, int code, const struct err *e)
{
	engine_done_fn done = net->done;
	void *arg = net->done_arg;

	net->done = NULL;
	if (done)
		done(arg, code, e);
}

/* --- the host's side --- */

static void on_relay_gone(void *arg, pid_t pid UNUSED, int status)
{
	struct network *net = arg;

	net->relay = 0;
	log_warn("sandbox '%s': names of other containers are not to be had: "
		 "the relay to " NET_RESOLVER " has ended (status 0x%x)",
		 net->sb->id, (unsigned int)status);
}

static void start_relay(struct network *net)
{
	struct engine *eng = net->sb->eng;
	pid_t pid = net_relay(net->nsfd);

	if (pid < 0) {
		log_warn("sandbox '%s': no relay to " NET_RESOLVER,
			 net->sb->id);
		return;
	}
	net->relay = pid;
	(void)journal_process(&eng->journal, "relay", pid);
	if (event_child(eng->loop, pid, on_relay_gone, net) < 0)
		log_warn("sandbox '%s': its relay is not watched", net->sb->id);
}

static void on_joined(void *arg, int code, const struct net_plan *plan,
		      const int *taps, const struct err *e)
{
	struct network *net = arg;
	struct err err = *e;
	size_t i;

	net->job = NULL;
	if (!code) {
		net->plan = malloc(sizeof(*plan));
		if (net->plan)
			*net->plan = *plan;
		for (i = 0; i < plan->n_links; i++) {
			net->taps[i] = taps[i];
			/* The kernel may carry packets without QEMU. */
			if (!net->sb->eng->config->qemu.disable_vhost_net)
				net->vhost[i] = open(VHOST, O_RDWR | O_CLOEXEC);
		}
		if (!net->plan)
			code = err_code(&err, -ENOMEM, "network");
		else if (*plan->skipped)
			log_warn("sandbox '%s': not in the guest: %s",
				 net->sb->id, plan->skipped);
		if (!code && *plan->unreached)
			log_warn("sandbox '%s': %s", net->sb->id,
				 plan->unreached);
		if (!code && plan->is_near)
			start_relay(net);
	}
	close_fd(&net->nsfd);
	finish(net, code, &err);
}

/* The namespace to look at; -1 for none, or -errno. */
static int open_namespace(const struct container *c, char *path, size_t size,
			  uint64_t *inode, struct err *reterr)
{
	cleanup_close int fd = -1;
	const char *given = spec_namespace(c->spec, "network");
	struct stat st, own;

	if (given && *given)
		(void)snprintf(path, size, "%s", given);
	else
		(void)snprintf(path, size, "/proc/%d/ns/net",
			       (int)c->init->stub_pid);
	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return err_errno(reterr, "network namespace '%s'", path);
	if (fstat(fd, &st) < 0 || stat(OWN_NAMESPACE, &own) < 0)
		return err_errno(reterr, "network namespace '%s'", path);
	if (st.st_ino == own.st_ino && st.st_dev == own.st_dev) {
		/* Who may not make namespaces has a stub in the host's. */
		if (!given || *given)
			return err_set(reterr, -EOPNOTSUPP,
				       "network namespace '%s' is the host's; "
				       "a VM cannot join it", path);
		log_warn("no network: a network namespace needs privilege");
		return -1;
	}
	*inode = st.st_ino;
	return TAKE_FD(fd);
}

static int prepare(struct network *net, struct container *c, struct err *reterr)
{
	const struct engine *eng = net->sb->eng;
	const char *model = eng->config->runtime.internetworking_model;
	cleanup_close int nsfd = -1;
	uint64_t inode = 0;
	char path[512];
	int r;

	if (!strcmp(model, "none"))
		return 0;
	if (!strcmp(model, "macvtap"))
		return err_set(reterr, -EOPNOTSUPP,
			       "internetworking_model = \"macvtap\" is not "
			       "supported; use \"tcfilter\" or \"none\"");
	nsfd = open_namespace(c, path, sizeof(path), &inode, reterr);
	if (nsfd < 0)
		return nsfd == -1 ? 0 : nsfd;
	r = journal_netns(&net->sb->eng->journal, path, inode);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	net->job = net_start(eng->loop, nsfd, resolver_is_wanted(c->spec),
			     on_joined, net, reterr);
	if (!net->job)
		return reterr->code;
	net->nsfd = TAKE_FD(nsfd);
	/* It dies with us; but what it is at must be over to be undone. */
	(void)journal_process(&net->sb->eng->journal, "net",
			      net_pid(net->job));
	return 0;
}

void network_prepare(struct sandbox *sb, struct container *c,
		     engine_done_fn done, void *arg)
{
	struct err err = {0};
	int r = 0;

	network_free(sb->network);
	sb->network = network_new(sb);
	if (!sb->network) {
		done(arg, err_code(&err, -ENOMEM, "network"), &err);
		return;
	}
	sb->network->done = done;
	sb->network->done_arg = arg;
	r = prepare(sb->network, c, &err);
	if (r < 0 || !sb->network->job)
		finish(sb->network, r, &err);
}

void network_add_cards(const struct network *net, struct vm_spec *spec)
{
	static const char *const ids[] = {"nic0", "nic1", "nic2", "nic3",
					  "nic4", "nic5", "nic6", "nic7"};
	size_t i;

	_Static_assert(ARRAY_SIZE(ids) == NET_LINKS_MAX, "one for each");
	for (i = 0; net && net->plan && i < net->plan->n_links; i++)
		spec->nics[spec->n_nics++] = (struct vm_nic){
			.id = ids[i],
			.mac = net->plan->links[i].mac,
			.fd = net->taps[i],
			.vhost = net->vhost[i] >= 0,
			.vhost_fd = net->vhost[i],
		};
}

/* --- the guest's side --- */

static void ask_next(struct network *net);

static void answered(struct network *net, enum agent_method method, int code,
		     const char *text)
{
	struct err err = {0};
	int r;

	if (sandbox_is_dying(net->sb, code))
		return;
	if (code != TTRPC_OK) {
		r = agent_error(&err, method, code, text);
		finish(net, r, &err);
		return;
	}
	net->next++;
	ask_next(net);
}

static void on_interface(void *arg, int code, const char *text,
			 const ProtobufCMessage *response UNUSED)
{
	answered(arg, AGENT_UPDATE_INTERFACE, code, text);
}

static void on_routes(void *arg, int code, const char *text,
		      const ProtobufCMessage *response UNUSED)
{
	answered(arg, AGENT_UPDATE_ROUTES, code, text);
}

static void on_neighbours(void *arg, int code, const char *text,
			  const ProtobufCMessage *response UNUSED)
{
	answered(arg, AGENT_ADD_NEIGHBOURS, code, text);
}

/* Interfaces, one by one; then routes; then neighbours, if any. */
static void ask_next(struct network *net)
{
	cleanup_arena struct arena a = {0};
	const struct net_plan *plan = net->plan;
	struct ttrpc_conn *agent = net->sb->agent;
	struct err err = {0};
	size_t i = net->next;

	if (!plan || !plan->n_links || i > plan->n_links + 1 ||
	    (i == plan->n_links + 1 && !plan->n_neighbours)) {
		finish(net, 0, &err);
		return;
	}
	if (i < plan->n_links) {
		Grpc__UpdateInterfaceRequest *rq = net_interface_request(
			&a, plan, i, net->layout->nics[i].text);

		if (rq) {
			agent_call(agent, AGENT_UPDATE_INTERFACE, &rq->base,
				   on_interface, net);
			return;
		}
	} else if (i == plan->n_links) {
		Grpc__UpdateRoutesRequest *rq = net_routes_request(&a, plan);

		if (rq) {
			agent_call(agent, AGENT_UPDATE_ROUTES, &rq->base,
				   on_routes, net);
			return;
		}
	} else {
		Grpc__AddARPNeighborsRequest *rq =
			net_neighbours_request(&a, plan);

		if (rq) {
			agent_call(agent, AGENT_ADD_NEIGHBOURS, &rq->base,
				   on_neighbours, net);
			return;
		}
	}
	finish(net, err_code(&err, -ENOMEM, "network"), &err);
}

void network_configure(struct sandbox *sb, const struct vm_layout *layout,
		       engine_done_fn done, void *arg)
{
	struct err none = {0};

	if (!sb->network) {
		done(arg, 0, &none);
		return;
	}
	sb->network->done = done;
	sb->network->done_arg = arg;
	sb->network->layout = layout;
	sb->network->next = 0;
	ask_next(sb->network);
}
