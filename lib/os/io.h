// SPDX-License-Identifier: Apache-2.0
#ifndef OS_IO_H
#define OS_IO_H

#include <stddef.h>
#include <sys/types.h>

/* Reads until N bytes or the end of file; bytes read or -errno. */
ssize_t read_full(int fd, void *p, size_t n);

/* Writes all N bytes; 0 or -errno. */
int write_full(int fd, const void *p, size_t n);

/*
 * The contents of PATH (relative to DIRFD), NUL-terminated, to be freed;
 * *RET_LEN (may be NULL) is the length without the NUL. -EFBIG above MAX bytes.
 */
int read_file(int dirfd, const char *path, size_t max, char **ret,
	      size_t *ret_len);

/* Writes to an existing file in one write(), as sysfs and cgroupfs want. */
int write_file(int dirfd, const char *path, const char *text);

/*
 * Replaces or creates PATH with the N bytes: a temporary file beside it, then
 * a rename, so that a reader or a crash sees the old or the new whole.
 */
int write_file_atomic(int dirfd, const char *path, const void *p, size_t n,
		      mode_t mode);

/* Creates PATH and its missing parents; 0 also when it is there. */
int make_dirs(const char *path, mode_t mode);

/* Removes the tree at PATH (relative to DIRFD) without following symbolic
 * links and without leaving its file system; 0 also when it is not there. */
int remove_tree(int dirfd, const char *path);

int set_nonblock(int fd);
/* Clears close-on-exec, for an fd that a child shall inherit. */
int set_inherit(int fd);

/* Sends N bytes with NFDS (<= 64) file descriptors; 0 or -errno. */
int send_fds(int sock, const void *p, size_t n, const int *fds, size_t nfds);

/*
 * Receives up to N bytes and up to *NFDS descriptors (close-on-exec, now the
 * caller's) and sets *NFDS to how many came. Bytes, 0 at the end, or -errno.
 */
ssize_t recv_fds(int sock, void *p, size_t n, int *fds, size_t *nfds);

#endif
