// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_TTY_H
#define ENGINE_TTY_H

#include <stdint.h>
#include <termios.h>

#include "base/err.h"

/* A terminal's settings to go back to. */
struct tty_saved {
	int fd; /* -1: nothing to restore; borrowed */
	struct termios termios;
};

#define TTY_SAVED_INIT {.fd = -1}

/* Remembers the settings of FD when it is a terminal. */
void tty_save(struct tty_saved *s, int fd);
void tty_restore(struct tty_saved *s);

/* Bytes pass unchanged from now on; 0 or -errno. */
int tty_make_raw(int fd);

/* Zeros when FD is no terminal. */
void tty_size(int fd, uint32_t *rows, uint32_t *columns);

/*
 * Makes a pseudo-terminal that is the calling process' controlling terminal
 * (which thereby leads a new session), raw, and sends its master over the
 * socket at PATH the way runc does. 0 with the slave, or -errno.
 */
int tty_make_console(const char *path, int *ret_slave, struct err *reterr);

#endif
