// SPDX-License-Identifier: Apache-2.0
/*
 * A macvtap on a link, in place of a tap and a redirection: all that comes in
 * at the link goes to the VM, and the other way, past the namespace's own
 * stack. It is a link that stays when nobody has it open, so it bears the name
 * of whom it is for: the supervisor, by its pid and when that was started.
 */
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <linux/if_tun.h>
#include <netlink/netlink.h>
#include <netlink/route/link.h>
#include <netlink/route/link/macvtap.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/sysmacros.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"
#include "runtime/engine/proc.h"
#include "runtime/net/net.h"
#include "runtime/net/netlink.h"

#define NAMES 64 /* tried, for one that is free */

static int fail(struct err *reterr, int r, const struct net_link *l)
{
	bool busy = r == -NLE_BUSY || r == -NLE_EXIST;

	if (busy)
		return err_set(reterr, -EBUSY,
			       "interface '%s' of the network namespace serves "
			       "another VM, or another macvlan", l->name);
	return err_set(reterr, r == -NLE_PERM ? -EPERM : -EIO,
		       "make a macvtap for '%s': %s", l->name, nl_geterror(r));
}

static int set_alias(struct nl_sock *sock, int index, pid_t owner)
{
	cleanup_link struct rtnl_link *old = rtnl_link_alloc();
	cleanup_link struct rtnl_link *change = rtnl_link_alloc();
	uint64_t start = 0;
	char alias[64];

	if (!old || !change)
		return -NLE_NOMEM;
	if (proc_start_time(owner, &start) < 0)
		return -NLE_FAILURE; /* nobody waits for it any more */
	(void)snprintf(alias, sizeof(alias), "kiln %d %" PRIu64,
		       (int)owner, start);
	rtnl_link_set_ifindex(old, index);
	rtnl_link_set_ifalias(change, alias);
	rtnl_link_set_flags(change, IFF_UP);
	return rtnl_link_change(sock, old, change, 0);
}

static bool is_name(const char *name)
{
	return !strncmp(name, "kiln", 4) && name[4] &&
	       name[4 + strspn(name + 4, "0123456789")] == '\0';
}

enum net_owner net_macvtap_owner(struct rtnl_link *link)
{
	const char *type = rtnl_link_get_type(link);
	const char *alias = rtnl_link_get_ifalias(link);
	uint64_t start = 0;
	int pid = 0;

	if (!type || strcmp(type, "macvtap") != 0)
		return NET_OWNER_NONE;
	/* Killed before it had its alias. */
	if (!alias && is_name(rtnl_link_get_name(link)))
		return NET_OWNER_DEAD;
	if (!alias || sscanf(alias, "kiln %d %" SCNu64, &pid, &start) != 2)
		return NET_OWNER_NONE;
	return proc_is_alive(pid, start) ? NET_OWNER_ALIVE : NET_OWNER_DEAD;
}

/* --- making it --- */

static int add_link(struct nl_sock *sock, const struct net_link *l,
		    const char *name)
{
	cleanup_link struct rtnl_link *link = rtnl_link_macvtap_alloc();

	if (!link)
		return -NLE_NOMEM;
	rtnl_link_set_name(link, name);
	rtnl_link_set_link(link, l->index);
	rtnl_link_set_mtu(link, l->mtu);
	(void)rtnl_link_macvtap_set_mode(
		link, rtnl_link_macvtap_str2mode("passthru"));
	return rtnl_link_add(sock, link, NLM_F_CREATE | NLM_F_EXCL);
}

static void delete_link(struct nl_sock *sock, const char *name)
{
	cleanup_link struct rtnl_link *link = rtnl_link_alloc();
	unsigned int index = if_nametoindex(name);

	if (!index || !link)
		return; /* it went with its link */
	rtnl_link_set_ifindex(link, (int)index);
	(void)rtnl_link_delete(sock, link);
}

static int make_link(struct nl_sock *sock, struct net_card *c,
		     const struct net_link *l, pid_t owner)
{
	unsigned int i;
	int r = net_put_up(sock, l->index, 0);

	for (i = 0; r >= 0 && i < NAMES; i++) {
		(void)snprintf(c->tap, sizeof(c->tap), "kiln%u", i);
		if (if_nametoindex(c->tap))
			continue;
		r = add_link(sock, l, c->tap);
		if (r < 0)
			continue;
		r = set_alias(sock, (int)if_nametoindex(c->tap), owner);
		if (r >= 0)
			return 0;
		delete_link(sock, c->tap);
	}
	c->tap[0] = '\0';
	return r < 0 ? r : -NLE_EXIST;
}

/* --- opening it --- */

/* The number of its character device, from a sysfs of this namespace. */
static int device_of(const char *name, dev_t *ret)
{
	cleanup_free char *text = NULL;
	unsigned int major, minor;
	char path[96];
	size_t n = 0;
	int r;

	(void)snprintf(path, sizeof(path), "/sys/class/net/%s/tap%u/dev", name,
		       if_nametoindex(name));
	r = read_file(AT_FDCWD, path, 64, &text, &n);
	if (r < 0)
		return r;
	if (sscanf(text, "%u:%u", &major, &minor) != 2)
		return -EBADMSG;
	*ret = makedev(major, minor);
	return 0;
}

/* A view of our own: sysfs shows the links of the namespace it is mounted from,
 * and the file for the device is to be nowhere else. */
static int open_view(void)
{
	static bool is_open;

	if (is_open)
		return 0;
	if (unshare(CLONE_NEWNS) < 0 ||
	    mount(NULL, "/", NULL, MS_REC | MS_PRIVATE, NULL) < 0 ||
	    mount("sysfs", "/sys", "sysfs", MS_RDONLY, NULL) < 0 ||
	    mount("tmpfs", "/tmp", "tmpfs", MS_NOSUID | MS_NOEXEC, NULL) < 0)
		return -errno;
	is_open = true;
	return 0;
}

static int open_queues(const char *name, dev_t device, unsigned int n,
		       int *fds)
{
	struct ifreq rq = {.ifr_flags = IFF_TAP | IFF_NO_PI | IFF_VNET_HDR};
	char path[32];
	unsigned int i;

	if (n > 1)
		rq.ifr_flags |= IFF_MULTI_QUEUE;
	(void)snprintf(path, sizeof(path), "/tmp/%s", name);
	if (mknod(path, S_IFCHR | 0600, device) < 0)
		return -errno;
	for (i = 0; i < n; i++) {
		fds[i] = open(path, O_RDWR | O_CLOEXEC);
		if (fds[i] < 0 || ioctl(fds[i], TUNSETIFF, &rq) < 0) {
			int r = -errno;

			do {
				close_fd(&fds[i]);
			} while (i-- > 0);
			return r;
		}
	}
	return 0;
}

static int open_all(const struct net_card *c, unsigned int n, int *fds,
		    struct err *reterr)
{
	dev_t device = 0;
	int r = open_view();

	if (!r)
		r = device_of(c->tap, &device);
	if (!r)
		r = open_queues(c->tap, device, n, fds);
	return r < 0 ? err_code(reterr, r, "open the macvtap '%s'", c->tap) : 0;
}

void net_macvtap_delete(const char *name)
{
	cleanup_nl_sock struct nl_sock *sock = nl_socket_alloc();

	if (sock && nl_connect(sock, NETLINK_ROUTE) >= 0)
		delete_link(sock, name);
}

int net_macvtap_join(const struct net_plan *plan, struct net_card *c,
		     const struct net_link *l, int *fds, struct err *reterr)
{
	cleanup_nl_sock struct nl_sock *sock = nl_socket_alloc();
	int r = sock ? nl_connect(sock, NETLINK_ROUTE) : -NLE_NOMEM;

	if (l->is_tun)
		return err_set(reterr, -EOPNOTSUPP, "'%s' is a tun or tap: "
			       "internetworking_model = \"tcfilter\" takes it",
			       l->name);
	if (r >= 0)
		r = make_link(sock, c, l, plan->owner);
	if (r < 0)
		return fail(reterr, r, l);
	r = open_all(c, plan->queues, fds, reterr);
	if (r < 0) {
		net_macvtap_delete(c->tap);
		c->tap[0] = '\0';
		return r;
	}
	c->link = l->index;
	return 0;
}
