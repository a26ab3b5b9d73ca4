// SPDX-License-Identifier: Apache-2.0
#include "proc.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <signal.h>
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "base/num.h"
#include "os/event.h"
#include "os/io.h"

#define STAT_MAX 4096
#define STAT_STARTTIME 22 /* proc(5), /proc/pid/stat */

int proc_start_time(pid_t pid, uint64_t *ret)
{
	cleanup_free char *text = NULL;
	char path[64], *p, *end;
	int field, r;

	(void)snprintf(path, sizeof(path), "/proc/%d/stat", (int)pid);
	r = read_file(AT_FDCWD, path, STAT_MAX, &text, NULL);
	if (r < 0)
		return r == -ENOENT ? -ESRCH : r;
	/* The name, field 2, may hold anything, spaces and ')' included. */
	p = strrchr(text, ')');
	if (!p || p[1] != ' ')
		return -EINVAL;
	p += 2;
	if (*p == 'Z' || *p == 'X')
		return -ESRCH;
	for (field = 3; field < STAT_STARTTIME; field++) {
		p = strchr(p, ' ');
		if (!p)
			return -EINVAL;
		p++;
	}
	end = strchr(p, ' ');
	if (!end)
		return -EINVAL;
	*end = '\0';
	return parse_u64(p, 10, ret);
}

bool proc_is_alive(pid_t pid, uint64_t start)
{
	uint64_t now = 0;

	if (pid <= 0 || proc_start_time(pid, &now) < 0)
		return false;
	return now == start;
}

/* A handle of the very process, -1 when it is gone. */
static int open_process(pid_t pid, uint64_t start)
{
	cleanup_close int fd = (int)syscall(SYS_pidfd_open, pid, 0);

	if (fd < 0 || !proc_is_alive(pid, start))
		return -1;
	return TAKE_FD(fd);
}

/* A process that is somebody else's zombie is as good as gone; a pidfd polls
 * readable from then on. */
static int wait_pidfd(int fd, int timeout_ms)
{
	struct pollfd pfd = {.fd = fd, .events = POLLIN};
	uint64_t until = event_now_ms() + (uint64_t)timeout_ms;

	for (;;) {
		uint64_t now = event_now_ms();
		int n = poll(&pfd, 1, now < until ? (int)(until - now) : 0);

		if (n > 0)
			return 0;
		if (!n)
			return -ETIMEDOUT;
		if (errno != EINTR)
			return -errno;
	}
}

int proc_wait_gone(pid_t pid, uint64_t start, int timeout_ms)
{
	cleanup_close int fd = open_process(pid, start);

	return fd < 0 ? 0 : wait_pidfd(fd, timeout_ms);
}

int proc_kill(pid_t pid, uint64_t start, int timeout_ms)
{
	cleanup_close int fd = open_process(pid, start);

	if (fd < 0)
		return 0;
	if (syscall(SYS_pidfd_send_signal, fd, SIGKILL, NULL, 0) < 0)
		return errno == ESRCH ? 0 : -errno;
	return wait_pidfd(fd, timeout_ms);
}

int gate_open(struct gate *g)
{
	return pipe2(g->fds, O_CLOEXEC) < 0 ? -errno : 0;
}

void gate_wait(struct gate *g)
{
	char byte;

	close_fd(&g->fds[1]);
	if (read_full(g->fds[0], &byte, 1) != 1)
		_exit(127);
	close_fd(&g->fds[0]);
}

void gate_let_go(struct gate *g)
{
	/* A child that died meanwhile is its owner's to notice. */
	(void)write_full(g->fds[1], "", 1);
}

void gate_close(struct gate *g)
{
	close_fd(&g->fds[0]);
	close_fd(&g->fds[1]);
}
