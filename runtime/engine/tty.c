// SPDX-License-Identifier: Apache-2.0
#include "tty.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/cleanup.h"
#include "os/io.h"

#define PTS_NAME_MAX 64

void tty_save(struct tty_saved *s, int fd)
{
	s->fd = isatty(fd) && tcgetattr(fd, &s->termios) == 0 ? fd : -1;
}

void tty_restore(struct tty_saved *s)
{
	sigset_t ttou, old;

	if (s->fd < 0)
		return;
	/* Also from the background, where this would stop the process. */
	sigemptyset(&ttou);
	sigaddset(&ttou, SIGTTOU);
	(void)sigprocmask(SIG_BLOCK, &ttou, &old);
	(void)tcsetattr(s->fd, TCSADRAIN, &s->termios);
	(void)sigprocmask(SIG_SETMASK, &old, NULL);
	s->fd = -1;
}

int tty_make_raw(int fd)
{
	struct termios t;

	if (tcgetattr(fd, &t) < 0)
		return -errno;
	cfmakeraw(&t);
	return tcsetattr(fd, TCSANOW, &t) < 0 ? -errno : 0;
}

void tty_size(int fd, uint32_t *rows, uint32_t *columns)
{
	struct winsize size = {0};

	*rows = *columns = 0;
	if (ioctl(fd, TIOCGWINSZ, &size) == 0) {
		*rows = size.ws_row;
		*columns = size.ws_col;
	}
}

static int connect_console(const char *path, struct err *reterr)
{
	struct sockaddr_un addr = {.sun_family = AF_UNIX};
	cleanup_close int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	size_t n = strlen(path);

	if (fd < 0)
		return err_errno(reterr, "socket");
	if (n >= sizeof(addr.sun_path))
		return err_code(reterr, -ENAMETOOLONG, "console socket '%s'",
				path);
	memcpy(addr.sun_path, path, n + 1);
	if (connect(fd, (struct sockaddr *)&addr, sizeof(addr)) < 0)
		return err_errno(reterr, "connect console socket '%s'", path);
	return TAKE_FD(fd);
}

int tty_make_console(const char *path, int *ret_slave, struct err *reterr)
{
	cleanup_close int sock = connect_console(path, reterr);
	cleanup_close int master = -1, slave = -1;
	char name[PTS_NAME_MAX];
	int r;

	if (sock < 0)
		return sock;
	master = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (master < 0 || grantpt(master) < 0 || unlockpt(master) < 0 ||
	    ptsname_r(master, name, sizeof(name)) != 0)
		return err_errno(reterr, "make a pseudo-terminal");
	/* Only the leader of a session hears of a change of the size. */
	if (setsid() < 0 && errno != EPERM)
		return err_errno(reterr, "setsid");
	slave = open(name, O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (slave < 0)
		return err_errno(reterr, "open '%s'", name);
	if (ioctl(slave, TIOCSCTTY, 0) < 0)
		return err_errno(reterr, "controlling terminal '%s'", name);
	/* The terminal proper, with its line discipline, is the guest's. */
	r = tty_make_raw(slave);
	if (r < 0)
		return err_code(reterr, r, "set up '%s'", name);
	r = send_fds(sock, name, strlen(name), &master, 1);
	if (r < 0)
		return err_code(reterr, r, "send the console");
	*ret_slave = TAKE_FD(slave);
	return 0;
}
