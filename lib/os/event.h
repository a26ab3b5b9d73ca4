// SPDX-License-Identifier: Apache-2.0
#ifndef OS_EVENT_H
#define OS_EVENT_H

#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

/*
 * One epoll loop, one thread: file descriptors, timers, signals and child
 * processes. Callbacks may add, change and free any source, their own
 * included; a freed source gets no further callback.
 */
struct event_loop;
struct event_io;
struct event_timer;

/* What a caught signal says: its number and, where known, the sender. */
struct event_siginfo {
	int signo;
	pid_t pid;
};

/* EVENTS is the set of EPOLLIN, EPOLLOUT, EPOLLHUP, EPOLLERR that hold. */
typedef void (*event_io_fn)(void *arg, int fd, uint32_t events);
typedef void (*event_timer_fn)(void *arg);
typedef void (*event_signal_fn)(void *arg, const struct event_siginfo *info);
/* STATUS is as from waitpid(). */
typedef void (*event_child_fn)(void *arg, pid_t pid, int status);

/* NULL with errno on failure. */
struct event_loop *event_loop_new(void);
/* Frees the loop and all that is registered with it; closes no fd. */
void event_loop_free(struct event_loop *loop);

/* Dispatches until event_loop_quit(); returns its code, or -errno. */
int event_loop_run(struct event_loop *loop);
/* Dispatches what is ready within TIMEOUT_MS (-1: waits); 0 or -errno. */
int event_loop_once(struct event_loop *loop, int timeout_ms);
/* Lets event_loop_run() return CODE (>= 0) after the present callback. */
void event_loop_quit(struct event_loop *loop, int code);

/* Watches FD, which stays the caller's. NULL with errno on failure. */
struct event_io *event_io_new(struct event_loop *loop, int fd, uint32_t events,
			      event_io_fn fn, void *arg);
/* Changes the watched set; 0 watches nothing at all, not even a hang-up, so
 * that a closed peer cannot spin a loop that is not ready to look. */
int event_io_set(struct event_io *io, uint32_t events);
/* Must come before the fd is closed. NULL is fine. */
void event_io_free(struct event_io *io);

/* A timer, disarmed at first. NULL with errno on failure. */
struct event_timer *event_timer_new(struct event_loop *loop, event_timer_fn fn,
				    void *arg);
/* Fires once, DELAY_MS from now; 0 fires in the next turn. */
void event_timer_set(struct event_timer *timer, uint32_t delay_ms);
void event_timer_stop(struct event_timer *timer);
void event_timer_free(struct event_timer *timer);

/*
 * Blocks SIGNO for the process and delivers it to FN instead. One FN a signal;
 * NULL discards it. 0 or -errno. SIGCHLD is the loop's own.
 */
int event_signal(struct event_loop *loop, int signo, event_signal_fn fn,
		 void *arg);

/*
 * Calls FN when the child PID has ended and been reaped. With PID -1 FN gets
 * all children that nobody else waits for, the inherited orphans of a
 * subreaper or PID 1 included. 0 or -errno.
 */
int event_child(struct event_loop *loop, pid_t pid, event_child_fn fn,
		void *arg);
/* Forgets the callback of PID; the child is still reaped. */
void event_child_cancel(struct event_loop *loop, pid_t pid);

/* Restores the signal mask the process had before the loop: for a forked
 * child before it executes another program. */
void event_restore_signals(void);

/* CLOCK_MONOTONIC in milliseconds. */
uint64_t event_now_ms(void);

#endif
