// SPDX-License-Identifier: Apache-2.0
#include <errno.h>
#include <linux/netlink.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/macros.h"
#include "device.h"

#define GROUP_KERNEL 1

int uevent_parse(const char *message, uint32_t n, struct uevent *ret)
{
	const char *end = message + n, *p = message;

	*ret = (struct uevent){0};
	/* "add@/devices/…", then "KEY=value", each with its NUL. */
	if (!n || !memchr(message, '@', strlen(message)))
		return -EINVAL;
	for (p += strlen(p) + 1; p < end; p += strlen(p) + 1) {
		if (!strncmp(p, "ACTION=", 7))
			ret->action = p + 7;
		else if (!strncmp(p, "DEVPATH=", 8))
			ret->devpath = p + 8;
		else if (!strncmp(p, "SUBSYSTEM=", 10))
			ret->subsystem = p + 10;
		else if (!strncmp(p, "DEVNAME=", 8))
			ret->devname = p + 8;
	}
	return ret->action && ret->devpath && *ret->devpath == '/' ? 0
								   : -EINVAL;
}

int uevent_open(void)
{
	struct sockaddr_nl address = {.nl_family = AF_NETLINK,
				      .nl_groups = GROUP_KERNEL};
	cleanup_close int fd = socket(AF_NETLINK,
				      SOCK_RAW | SOCK_CLOEXEC | SOCK_NONBLOCK,
				      NETLINK_KOBJECT_UEVENT);

	if (fd < 0 ||
	    bind(fd, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -errno;
	return TAKE_FD(fd);
}

int uevent_receive(int fd, char *buf, struct uevent *ret)
{
	for (;;) {
		struct sockaddr_nl from = {0};
		struct iovec iov = {buf, UEVENT_MAX - 1};
		struct msghdr msg = {.msg_name = &from,
				     .msg_namelen = sizeof(from),
				     .msg_iov = &iov,
				     .msg_iovlen = 1};
		ssize_t n = recvmsg(fd, &msg, 0);

		if (n < 0 && errno == EINTR)
			continue;
		if (n < 0)
			return errno == EAGAIN ? 0 : -errno;
		/* Port 0 is the kernel; containers can send as well. */
		if (from.nl_pid || msg.msg_flags & MSG_TRUNC)
			continue;
		buf[n] = '\0';
		if (!uevent_parse(buf, (uint32_t)n, ret))
			return 1;
	}
}
