// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_PUMP_H
#define ENGINE_PUMP_H

#include <poll.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#define PUMP_BUFFER ((size_t)64 << 10)

/* How a descriptor, which others may share, is written without blocking. */
enum pump_mode {
	PUMP_OWN,    /* non-blocking, the description is ours */
	PUMP_SOCKET, /* MSG_DONTWAIT */
	PUMP_SHARED, /* only when ready, and no more than fits then */
};

/*
 * Copies one descriptor to another within a poll() loop. Inherited
 * descriptors are never set non-blocking: the flag would reach everybody who
 * shares their open file.
 */
struct pump {
	int from, to; /* owned; -1 once closed */
	enum pump_mode mode;
	bool discard; /* the reader is gone: what comes is thrown away */
	size_t start, len;
	uint8_t data[PUMP_BUFFER];
};

/* Takes over FROM and TO. TO_INHERITED says that TO is not ours alone. */
void pump_init(struct pump *p, int from, int to, bool to_inherited);
void pump_release(struct pump *p);

/* True when nothing more will come out of it. */
bool pump_is_done(const struct pump *p);

/* Fills two slots (fd -1: not of interest now). */
void pump_want(const struct pump *p, struct pollfd slots[2]);
/* Moves what the slots, after poll(), allow. */
void pump_move(struct pump *p, const struct pollfd slots[2]);

#endif
