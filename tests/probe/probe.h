/* SPDX-License-Identifier: Apache-2.0 */
#ifndef PROBE_H
#define PROBE_H

#include <stddef.h>
#include <stdint.h>

/*
 * A probe proves within a booted guest that a kernel feature works. It runs in
 * a process of its own, as root, with its own network and mount namespaces, so
 * that it need not clean up; it returns 0 or what fail() returned.
 */
typedef int probe_fn(void);

struct probe {
	const char *name;
	probe_fn *run;
};

/* One table for each file of probes; ends with a NULL name. */
extern const struct probe probes_block[], probes_disk[], probes_fs[],
	probes_link[], probes_filter[], probes_socket[], probes_security[],
	probes_trace[], probes_machine[];

/* Says why the probe failed; returns -1. With %m for errno. */
int fail(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* What a probe that passes wants to tell. */
void note(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* The result of each is -1 with errno set, if it is not said otherwise. */
int write_text(const char *path, const char *text);
/* Ends what was read with a NUL and without its last newline. */
int read_text(const char *path, char *buf, size_t size);
/* Appears within SECONDS? */
int wait_for(const char *path, int seconds);
/* Looks for TEXT in the file, which may be long. */
int file_has(const char *path, const char *text);
/* Whether the kernel's log has TEXT. */
int log_has(const char *text);

/* A loop device of SIZE bytes of memory: its path, or fail(). */
int loop_new(size_t size, char *path, size_t n);
/* The disk that the machine gave the serial number: its path, or fail(). */
int disk_find(const char *serial, char *path, size_t n);
/* Writes a pattern of SIZE bytes at OFFSET, drops caches and compares. */
int block_check(const char *path, size_t offset, size_t size);
/* Mounts, writes a file, unmounts, mounts again, compares; left mounted. */
int mount_check(const char *device, const char *type, const char *options);

/* A TCP server socket on 127.0.0.1, its port in *PORT, or fail(). */
int tcp_listen(uint16_t *port);
/* A pair of connected TCP sockets on loopback. */
int tcp_pair(int fds[2], int protocol);
/* Reads exactly SIZE bytes: whether it got them. */
int read_all(int fd, void *buf, size_t size);

#endif
