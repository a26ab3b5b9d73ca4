// SPDX-License-Identifier: Apache-2.0
#ifndef OS_SAFE_PATH_H
#define OS_SAFE_PATH_H

#include <stdbool.h>
#include <sys/types.h>

/*
 * Paths inside a tree that somebody hostile has filled (a container image, a
 * share): symbolic links and ".." are resolved as if ROOTFD were "/", so that
 * nothing outside can be named (openat2, RESOLVE_IN_ROOT). All fds are
 * close-on-exec; all functions return -errno on failure.
 */

/* Opens PATH; FLAGS as for open(). */
int root_open(int rootfd, const char *path, int flags, mode_t mode);

/* As root_open(), but refuses every symbolic link on the way (-ELOOP). */
int root_open_nolinks(int rootfd, const char *path, int flags, mode_t mode);

/* As root_open(), but a link that leads out of the tree is -EXDEV. */
int root_open_beneath(int rootfd, const char *path, int flags);

/* Makes the directory PATH and its missing parents; an O_PATH fd of it. */
int root_mkdirs(int rootfd, const char *path, mode_t mode);

/* An O_PATH fd of the directory that PATH is in, made when missing; *RET_NAME
 * points to the last component within PATH. -EINVAL when there is none. */
int root_parent(int rootfd, const char *path, const char **ret_name);

/* An O_PATH fd of PATH, made as an empty file when missing. */
int root_touch(int rootfd, const char *path, mode_t mode);

/* Where the symbolic link PATH leads, as a path in the root, to be freed; the
 * link may dangle. -EEXIST for what is no link. */
int root_follow(int rootfd, const char *path, char **ret);

/* True when PATH is normal and below DIR (a normal path), or DIR itself. */
bool path_is_within(const char *dir, const char *path);

/* "/proc/self/fd/<fd>", which names the object for calls that want a path. */
#define FD_PATH_SIZE 32
const char *fd_path(char out[FD_PATH_SIZE], int fd);

#endif
