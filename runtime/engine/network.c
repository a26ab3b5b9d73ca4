// SPDX-License-Identifier: Apache-2.0

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
#include "runtime/engine/network_priv.h"
#include "runtime/engine/vmspec.h"
#include "runtime/oci/spec.h"

#define VHOST "/dev/vhost-net"
#define OWN_NAMESPACE "/proc/self/ns/net"

static struct network *network_new(struct sandbox *sb)
{
	struct network *net = calloc(1, sizeof(*net));

	if (!net)
		return NULL;
	net->sb = sb;
	net->nsfd = net->watch = -1;
	memset(net->taps, 0xff, sizeof(net->taps));
	memset(net->vhost, 0xff, sizeof(net->vhost));
	return net;
}

bool network_has_resolver(const struct network *net)
{
	return net && net->relay > 0;
}

void network_close_card(struct network *net, size_t card)
{
	size_t k;

	for (k = 0; k < VM_QUEUES_MAX; k++) {
		close_fd(&net->taps[card][k]);
		close_fd(&net->vhost[card][k]);
	}
}

void network_close_taps(struct network *net)
{
	size_t i;

	for (i = 0; net && i < NET_CARDS_MAX; i++)
		network_close_card(net, i);
}

void network_free(struct network *net)
{
	if (!net)
		return;
	network_stop(net);
	network_close_taps(net);
	if (net->relay > 0) {
		event_child_cancel(net->sb->eng->loop, net->relay);
		net_relay_end(net->relay);
	}
	free(net->plan);
	free(net->told);
	free(net);
}

void network_finish(struct network *net, int code, const struct err *e)
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

void network_start_relay(struct network *net)
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

/* What there is at the start, with taps for it. */
static int take(struct network *net, const struct net_result *res,
		struct err *reterr)
{
	const struct net_plan *plan = res->plan;

	net->watch = res->watch;
	memcpy(net->taps, res->taps, sizeof(net->taps));
	net->plan = malloc(sizeof(*plan));
	if (!net->plan)
		return err_code(reterr, -ENOMEM, "network");
	*net->plan = *plan;
	if (*plan->skipped)
		log_warn("sandbox '%s': not in the guest: %s", net->sb->id,
			 plan->skipped);
	if (*plan->unreached)
		log_warn("sandbox '%s': %s", net->sb->id, plan->unreached);
	if (plan->is_near)
		network_start_relay(net);
	return 0;
}

static void on_joined(void *arg, int code, const struct net_result *res,
		      const struct err *e)
{
	struct network *net = arg;
	struct err err = *e;

	net->job = NULL;
	if (!code)
		code = take(net, res, &err);
	network_finish(net, code, &err);
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

/* QEMU moves all packets in one thread: more queues than one are of use where
 * the kernel moves them, with a thread for each. A macvtap vanishes with its
 * link; when QEMU 7.2 then takes a queue of several from it, it crashes. */
static unsigned int queues(const struct config *config, const struct spec *s,
			   bool macvtap)
{
	uint32_t n = config->qemu.network_queues;
	uint32_t vcpus = vmspec_vcpus(config, s);

	if (macvtap)
		return 1;
	if (!n)
		n = !config->qemu.disable_vhost_net && access(VHOST, R_OK) == 0
			    ? VM_QUEUES_MAX
			    : 1;
	return MIN(n, MIN(vcpus, (uint32_t)VM_QUEUES_MAX));
}

static int prepare(struct network *net, struct container *c, struct err *reterr)
{
	const struct engine *eng = net->sb->eng;
	const char *model = eng->config->runtime.internetworking_model;
	bool macvtap = !strcmp(model, "macvtap");
	struct net_order order = {
		.near = resolver_is_wanted(c),
		.spares = eng->config->qemu.network_spares,
		.queues = queues(eng->config, c->spec, macvtap),
		.macvtap = macvtap,
		.watch = true,
	};
	cleanup_close int nsfd = -1;
	uint64_t inode = 0;
	char path[512];
	int r;

	if (!strcmp(model, "none"))
		return 0;
	if (order.macvtap && order.near)
		log_warn("sandbox '%s': with internetworking_model = "
			 "\"macvtap\" the name server " NET_RESOLVER
			 " of its namespace is out of reach", net->sb->id);
	nsfd = open_namespace(c, path, sizeof(path), &inode, reterr);
	if (nsfd < 0)
		return nsfd == -1 ? 0 : nsfd;
	r = journal_netns(&net->sb->eng->journal, path, inode);
	if (r < 0)
		return err_code(reterr, r, "write journal");
	order.nsfd = nsfd;
	net->job = net_start(eng->loop, &order, on_joined, net, reterr);
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
		network_finish(sb->network, r, &err);
}

const char *network_card_id(size_t card)
{
	static const char *const ids[] = {"nic0", "nic1", "nic2", "nic3",
					  "nic4", "nic5", "nic6", "nic7"};

	_Static_assert(ARRAY_SIZE(ids) == NET_CARDS_MAX, "one for each");
	return ids[card];
}

/* A card that was to wait for a link is not made. */
static void drop_spare(struct network *net, size_t card)
{
	*net->plan->cards[card].tap = '\0';
	network_close_card(net, card);
}

/* Spare cards are for machines that take none later, as far as there is room:
 * on a machine that is full a container must start nevertheless. */
static size_t count_cards(struct network *net, const struct vm_spec *spec)
{
	bool later = vm_takes_nics(spec->machine);
	size_t room = vm_spec_room(spec);
	size_t i, n = 0;

	for (i = 0; i < NET_CARDS_MAX && *net->plan->cards[i].tap; i++)
		if (net->plan->cards[i].link || (!later && i < room))
			n++;
		else
			drop_spare(net, i);
	net->plan->cards_max = later ? NET_CARDS_MAX : n;
	return n;
}

/* The kernel carries packets of all queues of the card, or of none. */
static bool open_vhost(struct network *net, size_t card)
{
	unsigned int k;

	if (net->sb->eng->config->qemu.disable_vhost_net)
		return false;
	for (k = 0; k < net->plan->queues; k++) {
		net->vhost[card][k] = open(VHOST, O_RDWR | O_CLOEXEC);
		if (net->vhost[card][k] < 0)
			return false;
	}
	return true;
}

void network_fill_card(struct network *net, size_t card, struct vm_nic *ret)
{
	size_t i;

	*ret = (struct vm_nic){
		.id = network_card_id(card),
		.mac = "02:00:00:00:00:00", /* of a spare: nobody sees it */
		.queues = net->plan->queues,
		.fds = net->taps[card],
		.vhost = open_vhost(net, card),
		.vhost_fds = net->vhost[card],
	};
	for (i = 0; i < net->plan->n_links; i++)
		if (net->plan->links[i].card == card)
			ret->mac = net->plan->links[i].mac;
}

void network_add_cards(struct network *net, struct vm_spec *spec)
{
	size_t i, n;

	if (!net || !net->plan)
		return;
	n = count_cards(net, spec);
	for (i = 0; i < n; i++)
		network_fill_card(net, i, &spec->nics[spec->n_nics++]);
}

static void on_configured(void *arg, int code, const struct err *e)
{
	struct network *net = arg;

	if (code >= 0)
		network_follow(net);
	net->configured(net->configured_arg, code, e);
}

void network_configure(struct sandbox *sb, const struct vm_layout *layout,
		       engine_done_fn done, void *arg)
{
	struct network *net = sb->network;
	struct err none = {0};
	size_t i;

	if (!net || !net->plan) {
		done(arg, 0, &none);
		return;
	}
	for (i = 0; i < NET_CARDS_MAX; i++)
		net->at[i] = layout->nics[i];
	net->configured = done;
	net->configured_arg = arg;
	network_tell(net, on_configured, net);
}
