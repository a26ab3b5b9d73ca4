// SPDX-License-Identifier: Apache-2.0
#ifndef ENGINE_SOCK_H
#define ENGINE_SOCK_H

/*
 * Unix sockets in a folder that is given by descriptor: its path may be longer
 * than a socket address. TYPE is SOCK_STREAM or SOCK_SEQPACKET. They return a
 * close-on-exec descriptor or -errno.
 */
int sock_listen(int dirfd, const char *name, int type);
int sock_connect(int dirfd, const char *name, int type);

#endif
