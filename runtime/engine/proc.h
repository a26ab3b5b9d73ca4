// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_PROC_H
#define ENGINE_PROC_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/* When process PID was started, in clock ticks since boot: with the pid it
 * names a process for good. 0 or -errno; -ESRCH for none, zombies included. */
int proc_start_time(pid_t pid, uint64_t *ret);

/* True while the process named by PID and START lives. */
bool proc_is_alive(pid_t pid, uint64_t start);

/*
 * Waits up to TIMEOUT_MS for the end of the process named by PID and START,
 * which need not be a child. 0 or -ETIMEDOUT.
 */
int proc_wait_gone(pid_t pid, uint64_t start, int timeout_ms);

/* Kills the process named by PID and START, and waits. 0 when it is gone. */
int proc_kill(pid_t pid, uint64_t start, int timeout_ms);

/*
 * Holds a forked child until its parent has written down its pid; a parent that
 * dies before takes the child with it. Before fork(), then in the child and in
 * the parent; gate_close() in the parent on every path.
 */
struct gate {
	int fds[2];
};

#define GATE_INIT {{-1, -1}}

int gate_open(struct gate *g);
void gate_wait(struct gate *g); /* may not return */
void gate_let_go(struct gate *g);
void gate_close(struct gate *g);
#define cleanup_gate cleanup(gate_close)

#endif
